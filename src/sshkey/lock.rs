//! Encrypted private keys: what stands between the passphrase and the numbers, and what it may cost.
//!
//! Bounds are checked when a file's frame is read, before anything is derived. What is derived, and what is decrypted, is
//! wiped; of the memory of scrypt and of the schedules of ciphers see docs/SECURITY.md.

use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::cost::Cost;
use super::draft::Draft;
use super::fault::{Fault, passphrase_wrong};
use super::rules::KeyRules;
use super::{dek_info, openssh, pbes2, ppk};
use crate::secret::SecretText;

/// An encrypted section of a file, and how its key is derived.
pub(super) enum Locked {
    OpenSsh(openssh::Locked),
    Pbes2(pbes2::Locked),
    DekInfo(dek_info::Locked),
    Ppk(ppk::Locked),
}

impl Locked {
    /// What `unlock` and the proof after it cost.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::OpenSsh(locked) => locked.cost(),
            Self::Pbes2(locked) => locked.cost(),
            Self::DekInfo(locked) => locked.cost(),
            Self::Ppk(locked) => locked.cost(),
        }
    }

    /// Derives the key, decrypts, and reads the numbers. `PASSPHRASE_WRONG` when no key comes out.
    pub(super) fn unlock(self, passphrase: &SecretText, rules: KeyRules) -> Result<Draft, Fault> {
        let passphrase = passphrase.expose().as_bytes();
        match self {
            Self::OpenSsh(locked) => locked.unlock(passphrase, rules),
            Self::Pbes2(locked) => locked.unlock(passphrase, rules),
            Self::DekInfo(locked) => locked.unlock(passphrase, rules),
            Self::Ppk(locked) => locked.unlock(passphrase, rules),
        }
    }
}

/// Decrypts DER under CBC with the padding of PKCS#7 (RFC 5652 section 6.3). Padding that does not fit, and content
/// that is no DER sequence to its end, is what a wrong passphrase makes.
pub(super) fn decrypt_der(cipher: Cipher, key: &[u8], iv: &[u8], bytes: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = Zeroizing::new(bytes);
    cipher.decrypt(key, iv, &mut bytes, None).map_err(|_| passphrase_wrong())?;
    let len = unpadded(&bytes, cipher.block_size()).ok_or_else(passphrase_wrong)?;
    bytes.truncate(len);
    if is_sequence(&bytes) { Ok(bytes) } else { Err(passphrase_wrong()) }
}

/// The length without the padding.
fn unpadded(bytes: &[u8], block: usize) -> Option<usize> {
    let count = usize::from(*bytes.last()?);
    let len = bytes.len().checked_sub(count)?;
    let padding = bytes.get(len..)?;
    ((1..=block).contains(&count) && padding.iter().all(|&b| usize::from(b) == count)).then_some(len)
}

/// Whether this is one DER sequence, by its header.
fn is_sequence(bytes: &[u8]) -> bool {
    let (header, len) = match bytes {
        [0x30, len @ 0..=0x7f, ..] => (2, usize::from(*len)),
        [0x30, 0x81, len, ..] => (3, usize::from(*len)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        _ => return false,
    };
    bytes.len() == header + len
}

/// Adds the padding of PKCS#7 in a buffer that was made large enough, so that no copy stays behind.
pub(super) fn padded(bytes: &[u8], block: usize) -> Zeroizing<Vec<u8>> {
    let count = block - bytes.len() % block; // 1 to the size of a block, which is below 256
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() + count));
    out.extend_from_slice(bytes);
    out.resize(bytes.len() + count, u8::try_from(count).unwrap_or(u8::MAX));
    out
}
