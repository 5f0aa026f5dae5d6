//! The port to key-management: back ends that hold key-encryption keys (KEKs) and wrap data-encryption keys (DEKs).
//!
//! Promise: a KEK never leaves its back end, and wrapped bytes are useless without their context. It knows no key
//! pair, no store and no wire.

#![forbid(unsafe_code)]

pub mod keyring;

use async_trait::async_trait;

use crate::error::Result;
use crate::secret::SecretBytes;

/// Which version of which key of which back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekRef {
    /// The back end's configured name; `keyring` for the local one.
    pub backend: String,
    /// The key's name; `default` for the key of mode `default`.
    pub name: String,
    /// The key's id in the back end.
    pub id: String,
    /// The key's version.
    pub version: String,
}

/// Which key is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The key of mode `default`.
    Default,
    /// A key of mode `kms` by name, id or both; when both are given they must be of one key.
    Named {
        /// The name, if given.
        name: Option<&'a str>,
        /// The id, if given, without the back end's prefix.
        id: Option<&'a str>,
    },
}

/// What a wrapped DEK is bound to: the SHA-256 of everything it belongs to.
pub type Context = [u8; 32];

/// One wrap or unwrap, as back ends log it.
pub type CallId = [u8; 16];

/// A back end.
#[async_trait]
pub trait Kms: Send + Sync {
    /// Finds the active version of a key. `KMS_KEY_NOT_FOUND` and `KMS_KEY_DISABLED` are told apart;
    /// a name and an id of two keys: `KMS_KEY_AMBIGUOUS`; not reachable: `KMS_UNAVAILABLE`.
    async fn resolve(&self, wanted: Wanted<'_>) -> Result<KekRef>;

    /// Wraps a 32-byte DEK under exactly this key version.
    async fn wrap(&self, kek: &KekRef, dek: &SecretBytes, context: &Context, call: CallId) -> Result<Vec<u8>>;

    /// Opens a wrapped DEK. "Not my key", "bytes or context wrong" and "not reachable" are three errors:
    /// `KMS_KEY_NOT_FOUND`, `RECORD_CORRUPT`, `KMS_UNAVAILABLE`.
    async fn unwrap(&self, kek: &KekRef, wrapped: &[u8], context: &Context, call: CallId) -> Result<SecretBytes>;

    /// Whether the back end can wrap and unwrap now.
    async fn probe(&self) -> Result<()>;
}

/// The back end's name of the service's own keyring.
pub const KEYRING: &str = "keyring";
/// The name of the key of mode `default`. No caller can ask for it by name.
pub const DEFAULT_KEY: &str = "default";
