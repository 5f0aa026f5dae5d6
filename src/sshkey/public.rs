//! The public half of a key: an SSH wire blob (RFC 4253, 5656, 8709), its text line and its fingerprints.

use base64ct::{Base64, Base64Unpadded, Encoding};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::blob::Numbers;
use super::fault::{Fault, Side};
use super::line;

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

/// A public key that was checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
    algorithm: Algorithm,
    bits: u16,
}

impl PublicKey {
    /// Reads one OpenSSH public line, such as `ssh-ed25519 AAAA... comment`, and checks its numbers. Blanks around the
    /// words, CRLF and a missing last line end are taken. Returns the key and its comment.
    pub fn parse_line(text: &str) -> Result<(Self, String), Fault> {
        line::parse(text)
    }

    /// Reads back a blob that was stored from a `PublicKey`. Its form is checked again, its numbers are not.
    pub fn from_stored(blob: Vec<u8>) -> Option<Self> {
        let (algorithm, bits) = describe(&Numbers::read(&blob, Side::Public).ok()?)?;
        Some(Self { blob, algorithm, bits })
    }

    /// Of numbers that were checked; `None` when an RSA modulus is too large for any key of ours.
    pub(super) fn of(numbers: &Numbers<'_>) -> Option<Self> {
        let (algorithm, bits) = describe(numbers)?;
        Some(Self { blob: numbers.write(), algorithm, bits })
    }

    /// The numbers in the blob.
    pub(super) fn numbers(&self) -> Result<Numbers<'_>, Fault> {
        Numbers::read(&self.blob, Side::Public)
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

    /// The OpenSSH line, without a line end. `comment` is one line; with an empty one the line ends after the key.
    pub fn line(&self, comment: &str) -> String {
        let key_type = self.numbers().map_or("", |numbers| numbers.key_type());
        let blob = Base64::encode_string(&self.blob);
        let words = [key_type, &blob, comment];
        words[..if comment.is_empty() { 2 } else { 3 }].join(" ")
    }

    /// SHA-256 of the blob.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.blob).into()
    }

    /// MD5 of the blob.
    pub fn md5(&self) -> [u8; 16] {
        Md5::digest(&self.blob).into()
    }

    /// `SHA256:` and unpadded base64, as ssh-keygen prints it.
    pub fn fingerprint_sha256(&self) -> String {
        ["SHA256:", &Base64Unpadded::encode_string(&self.sha256())].concat()
    }

    /// 16 hex pairs joined by `:`, as the clouds print it.
    pub fn fingerprint_md5(&self) -> String {
        let mut text = String::with_capacity(3 * 16);
        for byte in self.md5() {
            text.extend([byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)])));
            text.push(':');
        }
        text.truncate(3 * 16 - 1);
        text
    }
}

fn describe(numbers: &Numbers<'_>) -> Option<(Algorithm, u16)> {
    let algorithm = match numbers {
        Numbers::Ed25519(_) => Algorithm::Ed25519,
        Numbers::Ecdsa(..) => Algorithm::Ecdsa,
        Numbers::Rsa { .. } => Algorithm::Rsa,
    };
    Some((algorithm, u16::try_from(numbers.bits()).ok()?))
}

const HEX: &[u8; 16] = b"0123456789abcdef";
