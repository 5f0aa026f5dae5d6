//! What an envelope is bound to: whose private half it is, and the exact bytes that say so to each primitive.
//!
//! Promise: two identities never give the same bytes: every field has a fixed size or a length before it.
//! docs/FORMAT.md shows the layouts. It knows no ciphertext.

use crate::cipher;
use crate::clock::Millis;
use crate::kms::Context;
use crate::model::{EncryptionMode, KeyPairId, Maker, ProjectId};
use crate::octets::{Read, put_text8};
use crate::secret::SecretBytes;
use crate::sshkey::{Algorithm, PublicKey};

/// Whose private half is sealed. All of it is bound; a change of any field makes the envelope refuse to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The pair.
    pub id: KeyPairId,
    /// Its tenant.
    pub project: ProjectId,
    /// Who made the numbers.
    pub maker: Maker,
    /// Under which mode it is sealed.
    pub mode: EncryptionMode,
    /// What kind of key it is.
    pub key_code: KeyCode,
    /// SHA-256 of the public half's SSH blob.
    pub fingerprint: [u8; 32],
    /// Rises with each seal of this pair.
    pub generation: u64,
    /// When the pair was made, milliseconds since 1970.
    pub created: Millis,
}

/// What kind of key is sealed. The numbers are those of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// RSA.
    Rsa = 1,
    /// Ed25519.
    Ed25519 = 2,
    /// ECDSA on P-256.
    P256 = 3,
    /// ECDSA on P-384.
    P384 = 4,
    /// ECDSA on P-521.
    P521 = 5,
    /// DSA.
    Dsa = 6,
}

impl KeyCode {
    /// The code of a public key; `None` for keys on security keys, whose private half nobody can seal.
    pub fn of(key: &PublicKey) -> Option<Self> {
        match (key.algorithm(), key.bits()) {
            (Algorithm::Rsa, _) => Some(Self::Rsa),
            (Algorithm::Ed25519, _) => Some(Self::Ed25519),
            (Algorithm::Ecdsa, 384) => Some(Self::P384),
            (Algorithm::Ecdsa, 521) => Some(Self::P521),
            (Algorithm::Ecdsa, _) => Some(Self::P256),
            (Algorithm::Dsa, _) => Some(Self::Dsa),
            (Algorithm::SkEd25519 | Algorithm::SkEcdsa, _) => None,
        }
    }
}

impl Identity {
    /// The name of the first field in which the two differ.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let fields = [
            ("id", self.id == other.id),
            ("project", self.project == other.project),
            ("maker", self.maker == other.maker),
            ("mode", self.mode == other.mode),
            ("key code", self.key_code == other.key_code),
            ("fingerprint", self.fingerprint == other.fingerprint),
            ("generation", self.generation == other.generation),
            ("created", self.created == other.created),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }
}

/// What a wrapped DEK is bound to. Neither generation nor version of the KEK is in it: the commitment stands for the
/// one DEK, and the version decides which key opens.
pub(super) fn wrap_context(identity: &Identity, commitment: &[u8; 32], kek_name: &str) -> Read<Context> {
    let mut bound = b"KPE1 wrap".to_vec();
    put_text8(&mut bound, "project", identity.project.as_str())?;
    bound.extend_from_slice(identity.id.as_bytes());
    bound.push(identity.maker as u8);
    bound.extend_from_slice(&identity.fingerprint);
    bound.extend_from_slice(commitment);
    put_text8(&mut bound, "KEK name", kek_name)?;
    Ok(cipher::sha256(&[&bound]))
}

/// The three keys of one DEK.
pub(super) struct Keys {
    /// Encrypts the payload.
    pub(super) enc: SecretBytes,
    /// Is published: an envelope opens under one DEK only (GCM alone would let somebody craft one for two).
    pub(super) commitment: [u8; 32],
    /// Proves the header and the wraps.
    pub(super) mac: SecretBytes,
}

impl Keys {
    /// The keys of a DEK under the envelope's salt.
    pub(super) fn of(dek: &SecretBytes, salt: &[u8; 32]) -> Self {
        let derive = |label: &[u8]| cipher::derive(dek, salt, &[b"KPE1", &[SUITE], label]);
        let mut commitment = [0; 32];
        commitment.copy_from_slice(derive(b"commit").expose());
        Self { enc: derive(b"enc"), commitment, mac: derive(b"mac") }
    }
}

/// 1: AES-256-GCM, HKDF-SHA-512, a 32-byte commitment, HMAC-SHA-256.
pub(super) const SUITE: u8 = 1;
