//! What it costs to open a file with a passphrase, or to write one: told before anything is derived, so that cheap work
//! is not taken for dear work.
//!
//! The figures are those of one core of a small machine. They need not be right, only in order: whoever plans with them
//! measures what each class really takes.

/// A derivation and its class of cost. Equal ones take about as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cost {
    /// What makes a key of the passphrase.
    pub kdf: Kdf,
    /// Milliseconds, rounded up to a power of two: those of the derivation, and of the numbers behind it.
    pub millis: u32,
}

/// What makes a key of a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kdf {
    /// One hash: old PEM (DEK-Info) and PPK 2.
    Hash,
    /// bcrypt-pbkdf: OpenSSH.
    Bcrypt,
    /// PBKDF2: PKCS#8.
    Pbkdf2,
    /// scrypt: PKCS#8.
    Scrypt,
    /// Argon2: PPK 3.
    Argon2,
}

impl Cost {
    /// So many microseconds of derivation, and behind it a key in `bytes` of private section: of RSA and DSA keys the
    /// primes are proven, which takes 7 ms for 2048 bits (1.2 kB) and 100 ms for 8192 (4.6 kB).
    pub(super) fn of(kdf: Kdf, micros: u64, bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let numbers = bytes.saturating_mul(bytes) / 200;
        let millis = micros.saturating_add(numbers).div_ceil(1000).max(1).next_power_of_two();
        Self { kdf, millis: u32::try_from(millis).unwrap_or(u32::MAX) }
    }
}
