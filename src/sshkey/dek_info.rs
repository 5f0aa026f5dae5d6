//! Old encrypted PEM (RFC 1421 headers, as OpenSSL writes them): `DEK-Info: CIPHER,IV in hex`.
//!
//! The key is derived with one round of MD5 (OpenSSL's EVP_BytesToKey), which keeps nobody out for long: such files are
//! taken in and never written.

use md5::{Digest, Md5};
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::cost::{Cost, Kdf};
use super::draft::Draft;
use super::fault::{Fault, Side, passphrase_required, unsupported_cipher, weak_dsa};
use super::keyfile::of_label;
use super::lock::{self, decrypt_der};
use super::rules::KeyRules;

/// What is encrypted, and how.
pub(super) struct Locked {
    label: Label,
    cipher: Cipher,
    iv: Vec<u8>,
    bytes: Vec<u8>,
}

/// Which DER is inside.
#[derive(Clone, Copy)]
enum Label {
    Rsa,
    Ec,
    Dsa,
}

/// Reads the header of a block with this label.
pub(super) fn read(label: &str, info: &str, bytes: &[u8], rules: KeyRules) -> Result<lock::Locked, Fault> {
    let label = match label {
        "RSA PRIVATE KEY" => Label::Rsa,
        "EC PRIVATE KEY" => Label::Ec,
        "DSA PRIVATE KEY" if rules.dsa => Label::Dsa,
        "DSA PRIVATE KEY" => return Err(weak_dsa()),
        _ => return Err(malformed("DEK-Info does not belong into a block of this label")),
    };
    let (name, iv) = info.split_once(',').unwrap_or((info, ""));
    let cipher = match name {
        "AES-128-CBC" => Cipher::Aes128Cbc,
        "AES-192-CBC" => Cipher::Aes192Cbc,
        "AES-256-CBC" => Cipher::Aes256Cbc,
        "DES-EDE3-CBC" => Cipher::TdesCbc,
        _ => {
            let message = "DEK-Info names a cipher other than AES-128-CBC, AES-192-CBC, AES-256-CBC and DES-EDE3-CBC: \
                           encrypt the file anew (openssl pkcs8 -topk8 -v2 aes256)";
            return Err(unsupported_cipher(message));
        }
    };
    let iv = base16ct::mixed::decode_vec(iv).ok().filter(|iv| iv.len() == cipher.block_size());
    let iv = iv.ok_or_else(|| malformed("DEK-Info has no initialisation vector of the cipher's size in hex"))?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(cipher.block_size()) {
        return Err(malformed("the encrypted part is not a number of whole cipher blocks: the file is cut off"));
    }
    Ok(lock::Locked::DekInfo(Locked { label, cipher, iv, bytes: bytes.to_vec() }))
}

impl Locked {
    pub(super) fn cost(&self) -> Cost {
        Cost::of(Kdf::Hash, 0, self.bytes.len())
    }

    pub(super) fn unlock(self, passphrase: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let (key_len, _) = self.cipher.key_and_iv_size().ok_or_else(passphrase_required)?; // every cipher of `read` has
        let salt = self.iv.get(..SALT).unwrap_or_default(); // an IV is never shorter
        let key = derive(passphrase, salt, key_len);
        let der = decrypt_der(self.cipher, &key, &self.iv, self.bytes)?;
        let label = match self.label {
            Label::Rsa => "RSA PRIVATE KEY",
            Label::Ec => "EC PRIVATE KEY",
            Label::Dsa => "DSA PRIVATE KEY",
        };
        of_label(label, &der, rules)
    }
}

/// EVP_BytesToKey with MD5 and a count of one: hashes of the hash before, the passphrase and the salt.
fn derive(passphrase: &[u8], salt: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(MD5_LEN)));
    while out.len() < len {
        let last = out.len().saturating_sub(MD5_LEN);
        let before = out.get(last..).unwrap_or_default();
        let hash = Zeroizing::new(<[u8; MD5_LEN]>::from(
            Md5::new().chain_update(before).chain_update(passphrase).chain_update(salt).finalize(),
        ));
        out.extend_from_slice(&*hash);
    }
    out.truncate(len);
    out
}

fn malformed(message: &str) -> Fault {
    Side::Private.malformed(message)
}

const SALT: usize = 8; // the first bytes of the IV
const MD5_LEN: usize = 16;
