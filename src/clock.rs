//! Time and randomness, handed in. Nothing else in the service asks the machine for either.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI64, Ordering};

use rand::TryRng;
use rand::rngs::SysRng;

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// Now.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC. Can jump; order never leans on it alone.
    fn now(&self) -> Millis;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        #[allow(clippy::disallowed_methods)] // the one place
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `now`.
    pub fn at(now: Millis) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves forward.
    pub fn advance(&self, by: std::time::Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

/// Random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's randomness.
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) {
        // Linux's getrandom fails only where the system call is forbidden; a key service must not go on then.
        #[allow(clippy::expect_used)]
        SysRng.try_fill_bytes(out).expect("the operating system gives no randomness");
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}
