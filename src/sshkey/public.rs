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
    /// From a blob that was checked before it was stored; `None` when it has not the form of one.
    pub fn from_stored(blob: Vec<u8>) -> Option<Self> {
        let (name, rest) = field(&blob)?;
        let (algorithm, bits) = match name {
            b"ssh-ed25519" => (Algorithm::Ed25519, 256),
            b"ecdsa-sha2-nistp256" => (Algorithm::Ecdsa, 256),
            b"ecdsa-sha2-nistp384" => (Algorithm::Ecdsa, 384),
            b"ecdsa-sha2-nistp521" => (Algorithm::Ecdsa, 521),
            b"ssh-rsa" => (Algorithm::Rsa, modulus_bits(rest)?),
            _ => return None,
        };
        Some(Self { blob, algorithm, bits })
    }

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

/// A field with its length before it (RFC 4251), and what follows.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

fn modulus_bits(after_name: &[u8]) -> Option<u16> {
    let (_exponent, rest) = field(after_name)?;
    let (modulus, _) = field(rest)?;
    let skip = modulus.iter().take_while(|b| **b == 0).count();
    let first = modulus.get(skip)?;
    u16::try_from((modulus.len() - skip) * 8 - first.leading_zeros() as usize).ok()
}
