//! The words of the domain: checked once when made, never checked again.
//!
//! No I/O, no clock, no wire. A value of one of these types is right by construction.

#![forbid(unsafe_code)]

mod encryption;
mod filter;
mod id;
mod key_pair;
mod name;
mod placement;
mod text;

pub use encryption::{EncryptionChoice, EncryptionMode, KeyChoice, SealedBy};
pub use filter::{Filter, FingerprintFilter};
pub use id::{IdMaker, KeyPairId, RequestId, ShortId};
pub use key_pair::{Deleted, KeyPair, KeyPairState, Maker, Origin, PrivateKeyState, Through};
pub use name::KeyPairName;
pub use placement::{
    Goal, Journal, Open, OpenWork, Placement, PlacementError, PlacementState, ProviderKind, ProviderName, Scope, Wishes,
};
pub use text::{Description, Labels, ProjectId, UserId};

/// The provider name of this service itself.
pub const LOCAL: &str = "local";
