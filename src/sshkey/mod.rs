//! SSH keys: their numbers, their text forms in and out, their fingerprints, and which are refused.
//!
//! Pure: no I/O, no clock; randomness is handed in, but for RSA, whose maker (aws-lc-rs) takes no caller's RNG.
//! It knows no project, no name and no wire.

mod public;

pub use public::{Algorithm, Curve, PublicKey};
