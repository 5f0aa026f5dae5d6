//! Who calls, until when, and under which id: what every use case is told beside its command.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// One call.
#[derive(Clone)]
pub struct Call {
    /// Its id in answers and logs.
    pub id: CallId,
    /// Who called; empty where callers are not told apart.
    pub caller: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Cancelled when the caller went away; only work that changes nothing may stop then.
    pub gone: CancellationToken,
}

impl Call {
    /// How long the caller still waits.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// The id of a call: 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallId(pub u128);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
