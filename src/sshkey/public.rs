//! The public half of a key: an SSH wire blob (RFC 4253, 5656, 8709), its text line and its fingerprints.

use md5::Md5;
use sha2::{Digest, Sha256};

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA on a NIST curve.
    Ecdsa,
    /// RSA.
    Rsa,
}

/// A NIST curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

/// A public key that was checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
    algorithm: Algorithm,
    bits: u16,
}

impl PublicKey {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The size: 256; 256, 384, 521; size of the modulus.
    pub fn bits(&self) -> u16 {
        self.bits
    }

    /// The SSH wire blob.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// SHA-256 of the blob.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.blob).into()
    }

    /// MD5 of the blob.
    pub fn md5(&self) -> [u8; 16] {
        Md5::digest(&self.blob).into()
    }
}
