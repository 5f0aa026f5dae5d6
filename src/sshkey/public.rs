//! The public half of a key: an SSH wire blob (RFC 4253, 5656, 8709), its text line and its fingerprints.

use base64ct::{Base64, Base64Unpadded, Encoding};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::blob::Numbers;
use super::fault::{Fault, Side};
use super::rules::KeyRules;
use super::{text, weak};

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA on a NIST curve.
    Ecdsa,
    /// RSA.
    Rsa,
    /// DSA: only where a policy allows it.
    Dsa,
    /// Ed25519 on a FIDO security key: there is no private half to hold.
    SkEd25519,
    /// ECDSA P-256 on a FIDO security key: there is no private half to hold.
    SkEcdsa,
}

/// A public key that was checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
    algorithm: Algorithm,
    bits: u16,
}

impl PublicKey {
    /// Reads one public key as the rules allow it, and checks its numbers as far as that is cheap (`examine` does the
    /// rest): an OpenSSH line such as `ssh-ed25519 AAAA... comment`, an RFC 4716 block, or a PEM block of PKCS#8 or
    /// PKCS#1; at most 16 KiB. Blanks around the words of a line, CRLF and a missing last line end are taken. Returns
    /// the key and its comment.
    pub fn parse(text: &str, rules: KeyRules) -> Result<(Self, String), Fault> {
        text::parse(text, rules)
    }

    /// As `parse`, by the rules that every project has.
    pub fn parse_line(text: &str) -> Result<(Self, String), Fault> {
        Self::parse(text, KeyRules::default())
    }

    /// The checks of its numbers that take milliseconds. For RSA those of weak keys (`weak/`), the dearest of which,
    /// whether the modulus is a prime, takes 20 ms for 4096 bits and 150 ms for 8192; for DSA that p and q are prime and
    /// the generator is one. Not for a thread that others wait on.
    pub fn examine(&self) -> Result<(), Fault> {
        match self.numbers()? {
            Numbers::Rsa { n, .. } => weak::check(n, false),
            Numbers::Dsa { group, y } => group.check(y),
            _ => Ok(()),
        }
    }

    /// Reads back a blob that was stored from a `PublicKey`. Its form is checked again, its numbers are not.
    pub fn from_stored(blob: Vec<u8>) -> Option<Self> {
        let (algorithm, bits) = describe(&Numbers::read(&blob, Side::Public, KeyRules::STORED).ok()?)?;
        Some(Self { blob, algorithm, bits })
    }

    /// Of numbers that were checked; `None` when a modulus is too large for any key of ours.
    pub(super) fn of(numbers: &Numbers<'_>) -> Option<Self> {
        let (algorithm, bits) = describe(numbers)?;
        Some(Self { blob: numbers.write(), algorithm, bits })
    }

    /// The numbers in the blob.
    pub(super) fn numbers(&self) -> Result<Numbers<'_>, Fault> {
        Numbers::read(&self.blob, Side::Public, KeyRules::STORED)
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
        Numbers::Dsa { .. } => Algorithm::Dsa,
        Numbers::SkEd25519 { .. } => Algorithm::SkEd25519,
        Numbers::SkEcdsa { .. } => Algorithm::SkEcdsa,
    };
    Some((algorithm, u16::try_from(numbers.bits()).ok()?))
}

const HEX: &[u8; 16] = b"0123456789abcdef";
