//! The primitives of the sealed formats: AES-256-GCM, HKDF-SHA-512, HMAC-SHA-256, SHA-256.
//!
//! One place, so that each choice is made once. Keys live in [`SecretBytes`] and are wiped; comparisons take constant
//! time. It knows no format: what goes in, and in which order, is the callers' duty.

#![forbid(unsafe_code)]

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::secret::SecretBytes;

/// Bytes of every key.
pub const KEY: usize = 32;
/// Bytes of a GCM nonce.
pub const NONCE: usize = 12;
/// Bytes of a GCM tag.
pub const TAG: usize = 16;
/// Bytes of a MAC and of a hash.
pub const MAC: usize = 32;

/// A 32-byte key: HKDF-SHA-512 of `secret` with `salt`; the parts of `info` are joined as they are.
pub fn derive(secret: &SecretBytes, salt: &[u8], info: &[&[u8]]) -> SecretBytes {
    let [key] = derive_each(secret, salt, [info]);
    key
}

/// Several keys of one secret and salt: each as [`derive`] gives it, for less than half the work.
pub fn derive_each<const N: usize>(secret: &SecretBytes, salt: &[u8], infos: [&[&[u8]]; N]) -> [SecretBytes; N] {
    let (mut prk, hkdf) = Hkdf::<Sha512>::extract(Some(salt), secret.expose());
    prk.as_mut_slice().zeroize();
    infos.map(|info| {
        SecretBytes::filled(KEY, |key| {
            #[allow(clippy::expect_used)] // HKDF-SHA-512 gives up to 255 * 64 bytes; this asks for 32
            hkdf.expand_multi_info(info, key).expect("32 bytes are in HKDF's range");
        })
    })
}

/// AES-256-GCM: the ciphertext, then the 16-byte tag. A nonce is used once with each key; every caller draws it at
/// random under a key that seals few messages, most a single one.
pub fn seal(key: &SecretBytes, nonce: &[u8; NONCE], aad: &[u8], message: &[u8]) -> Vec<u8> {
    #[allow(clippy::expect_used)] // GCM refuses only messages over 64 GiB
    gcm(key).encrypt(&Nonce::from(*nonce), Payload { msg: message, aad }).expect("the message is short")
}

/// Opens what [`seal`] made; `None` when the key, the nonce, the associated data or any byte is not the same.
pub fn open(key: &SecretBytes, nonce: &[u8; NONCE], aad: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
    gcm(key).decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad }).ok().map(SecretBytes::new)
}

fn gcm(key: &SecretBytes) -> Aes256Gcm {
    #[allow(clippy::expect_used)] // keys come from `derive` alone: 32 bytes
    Aes256Gcm::new_from_slice(key.expose()).expect("keys have 32 bytes")
}

/// HMAC-SHA-256 over the parts, joined as they are.
pub fn mac(key: &SecretBytes, parts: &[&[u8]]) -> [u8; MAC] {
    #[allow(clippy::expect_used)] // HMAC takes keys of every length
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()).expect("HMAC takes every key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-1 over the parts, joined as they are: for old signatures that a cloud's clients still send, nothing else.
pub fn mac_sha1(key: &SecretBytes, parts: &[&[u8]]) -> [u8; 20] {
    #[allow(clippy::expect_used)] // HMAC takes keys of every length
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key.expose()).expect("HMAC takes every key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// SHA-256 over the parts, joined as they are.
pub fn sha256(parts: &[&[u8]]) -> [u8; MAC] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// Compares in a time that does not depend on where the bytes differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
