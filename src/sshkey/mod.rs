//! SSH keys: their numbers, their text forms in and out, their fingerprints, and which are refused.
//!
//! Pure: no I/O, no clock; randomness is handed in, but for RSA, whose maker (aws-lc-rs) takes no caller's RNG.
//! It knows no project, no name and no wire. Every length that a key text claims is checked against what is there
//! before anything is allocated. Secrets are wiped when dropped; what the big-number crate leaves in memory that it
//! freed itself is not.

#![forbid(unsafe_code)]

mod blob;
mod compromised;
mod cost;
mod curve;
mod dek_info;
mod der;
mod draft;
mod dsa;
mod fault;
mod format;
mod keyfile;
mod line;
mod lock;
mod maker;
mod misplaced;
mod oid;
mod openssh;
mod pbes2;
mod pem;
mod ppk;
mod prime;
mod private;
mod public;
mod rfc4716;
mod rsa;
mod rules;
mod spki;
mod text;
mod weak;
mod wire;

pub use compromised::{CompromisedKeys, CompromisedList};
pub use cost::{Cost, Kdf};
pub use curve::Curve;
pub use fault::Fault;
pub use format::{KeyFormat, check_format};
pub use keyfile::{Effort, KeyFile};
pub use maker::{AwsLcKeyMaker, KeyMaker, KeySpec};
pub use misplaced::holds_private_key;
pub use private::PrivateKey;
pub use public::{Algorithm, PublicKey};
pub use rules::KeyRules;
pub use weak::{CHECKS, Check, SharedPrimes};
