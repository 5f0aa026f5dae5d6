//! Writes PuTTY's files, versions 2 and 3 (PuTTY manual, appendix C), around what the fuzzer made, with the right MAC.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use ssh_cipher::Cipher;

use crate::keys::{PASSPHRASE, base64};
use crate::lock::{encrypted, string};

/// The parts of a file.
pub struct Ppk<'a> {
    /// Version 3, not 2.
    pub is_three: bool,
    /// Under the passphrase.
    pub is_locked: bool,
    /// The Comment header.
    pub comment: &'a str,
    /// The public blob.
    pub public: &'a [u8],
    /// The private numbers.
    pub private: &'a [u8],
}

impl Ppk<'_> {
    /// The file. The type is that in the blob.
    pub fn text(&self) -> String {
        let word = keypairs::octets::Reader::new(self.public).take("length", 4).map(|len| len[3]).unwrap_or(0);
        let word =
            self.public.get(4..4 + usize::from(word)).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("");
        let encryption = if self.is_locked { "aes256-cbc" } else { "none" };
        let mut private = self.private.to_vec();
        if self.is_locked {
            private.resize(private.len().next_multiple_of(16).max(16), 0);
        }
        let (key, iv, mac_key, headers) = self.keys();
        let mut covered = Vec::new();
        for part in [word.as_bytes(), encryption.as_bytes(), self.comment.as_bytes(), self.public, &private] {
            covered.extend(string(part));
        }
        let mac =
            if self.is_three { mac::<Hmac<Sha256>>(&mac_key, &covered) } else { mac::<Hmac<Sha1>>(&mac_key, &covered) };
        if self.is_locked {
            private = encrypted(Cipher::Aes256Cbc, &key, &iv, private).0;
        }
        let (public, private) = (base64(self.public, 64), base64(&private, 64));
        let version = if self.is_three { 3 } else { 2 };
        format!(
            "PuTTY-User-Key-File-{version}: {word}\nEncryption: {encryption}\nComment: {}\n\
             Public-Lines: {}\n{public}{headers}Private-Lines: {}\n{private}Private-MAC: {mac}\n",
            self.comment,
            public.lines().count(),
            private.lines().count(),
        )
    }

    /// Key, IV, MAC key, and the headers that say how they are derived.
    fn keys(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>, &'static str) {
        let passphrase = if self.is_locked { PASSPHRASE } else { "" };
        if !self.is_three {
            let hash = |start: &[u8]| Sha1::new().chain_update(start).chain_update(passphrase).finalize().to_vec();
            let mut key = [hash(&[0; 4]), hash(&[0, 0, 0, 1])].concat();
            key.truncate(32);
            return (key, vec![0; 16], hash(b"putty-private-key-file-mac-key"), "");
        }
        if !self.is_locked {
            return (vec![0; 32], vec![0; 16], Vec::new(), "");
        }
        let params = Params::new(8, 1, 1, Some(80)).expect("the smallest that Argon2 takes");
        let mut out = vec![0; 80];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(passphrase.as_bytes(), b"saltsalt", &mut out).expect("it takes the salt");
        let headers = "Key-Derivation: Argon2id\nArgon2-Memory: 8\nArgon2-Passes: 1\nArgon2-Parallelism: 1\n\
                       Argon2-Salt: 73616c7473616c74\n";
        (out[..32].to_vec(), out[32..48].to_vec(), out[48..].to_vec(), headers)
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes every key");
    mac.update(bytes);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
