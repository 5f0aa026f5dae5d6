//! Writes PuTTY's version 3.

use argon2::Algorithm;
use base64ct::{Base64, Encoding};
use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::super::cost::Cost;
use super::super::fault::Fault;
use super::super::private::{PrivateKey, Secret};
use super::super::wire::{put_mpint, put_string, without_zeros};
use super::{AES, BLOCK, Derivation, Frame, LINE, MacKey, NONE, START, Version, split};
use crate::clock::{Entropy, random};
use crate::secret::SecretText;

/// Writes version 3; under a passphrase with Argon2id as puttygen does.
pub(in crate::sshkey) fn write(
    key: &PrivateKey,
    passphrase: Option<&SecretText>,
    comment: &str,
    entropy: &dyn Entropy,
) -> Result<SecretText, Fault> {
    let mut private = private_blob(key)?;
    let frame = |private: Zeroizing<Vec<u8>>| Frame {
        algorithm: key.public().numbers().map_or("", |numbers| numbers.key_type()).to_owned(),
        encryption: if passphrase.is_some() { AES } else { NONE },
        comment: comment.to_owned(),
        public: key.public().blob().to_vec(),
        private,
        mac: Vec::new(),
    };
    let Some(passphrase) = passphrase else {
        let frame = frame(private);
        let mac = frame.fed::<Hmac<Sha256>>(&MacKey::of_nothing(Version::Three), &frame.private)?;
        return Ok(frame.text("", &mac.finalize().into_bytes()));
    };
    let derivation = derivation(random::<16>(entropy).to_vec());
    let (cipher_key, iv, mac_key) = split(&*derivation.derive(passphrase.expose().as_bytes())?);
    fill_block(&mut private);
    let frame = frame(private.clone());
    let mac = frame.fed::<Hmac<Sha256>>(&mac_key, &private)?;
    let mut encrypted = private;
    Cipher::Aes256Cbc
        .encrypt(&*cipher_key, &iv, &mut encrypted)
        .map_err(|_| Fault::internal("the key cannot be encrypted"))?;
    let headers = format!(
        "Key-Derivation: Argon2id\nArgon2-Memory: {}\nArgon2-Passes: {}\nArgon2-Parallelism: {}\nArgon2-Salt: {}\n",
        derivation.memory,
        derivation.passes,
        derivation.parallelism,
        base16ct::lower::encode_string(&derivation.salt)
    );
    Ok(Frame { private: encrypted, ..frame }.text(&headers, &mac.finalize().into_bytes()))
}

/// What `write` under a passphrase costs.
pub(in crate::sshkey) fn write_cost() -> Cost {
    derivation(Vec::new()).cost(0)
}

fn derivation(salt: Vec<u8>) -> Derivation {
    Derivation { flavour: Algorithm::Argon2id, memory: 8192, passes: 13, parallelism: 1, salt }
}

impl Frame {
    fn text(&self, derivation: &str, mac: &[u8]) -> SecretText {
        let (public, private) = (wrapped(&self.public), wrapped(&self.private));
        let header =
            format!("{START}3: {}\nEncryption: {}\nComment: {}\n", self.algorithm, self.encryption, self.comment);
        let (public_lines, private_lines) = (public.matches('\n').count(), private.matches('\n').count());
        let parts = [
            header.as_str(),
            &format!("Public-Lines: {public_lines}\n"),
            &public,
            derivation,
            &format!("Private-Lines: {private_lines}\n"),
            &private,
            &format!("Private-MAC: {}\n", base16ct::lower::encode_string(mac)),
        ];
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        parts.iter().for_each(|part| text.push_str(part));
        text.into()
    }
}

/// The private numbers in PuTTY's order.
fn private_blob(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut out = Zeroizing::new(Vec::with_capacity(PRIVATE_MAX)); // so large that it never grows
    match key.secret() {
        Secret::Ed25519(seed) => {
            let len = seed.len() - seed.iter().rev().take_while(|&&b| b == 0).count();
            put_string(&mut out, seed.get(..len).unwrap_or_default());
        }
        Secret::Ecdsa(_, number) | Secret::Dsa(number) => {
            put_mpint(&mut out, without_zeros(number));
        }
        Secret::Rsa(rsa) => {
            [&rsa.d, &rsa.p, &rsa.q, &rsa.iqmp].into_iter().for_each(|number| put_mpint(&mut out, number))
        }
    }
    Ok(out)
}

/// Filled up with bytes of its own hash, as PuTTY does, so that nothing known stands at the end.
fn fill_block(private: &mut Vec<u8>) {
    let missing = private.len().next_multiple_of(BLOCK) - private.len();
    let hash = Sha1::digest(&*private);
    private.extend_from_slice(hash.get(..missing).unwrap_or_default()); // a hash is longer than a block
}

/// Base64 in lines of 64.
fn wrapped(bytes: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(Base64::encode_string(bytes));
    let mut out = Zeroizing::new(String::with_capacity(base64.len() + base64.len().div_ceil(LINE)));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE)); // base64 is ASCII
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out
}

/// d, p, q and iqmp of 8192 bits, each with its length and sign, and the padding.
const PRIVATE_MAX: usize = 1024 + 3 * 512 + 4 * 5 + BLOCK;
