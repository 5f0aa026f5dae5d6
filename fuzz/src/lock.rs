//! Locks a key as OpenSSL and ssh-keygen do, at the smallest cost: DEK-Info, PBES2, openssh-key-v1.

use md5::{Digest, Md5};
use sha2::Sha256;
use ssh_cipher::{Cipher, Tag};

use crate::keys::{PASSPHRASE, pem};

/// A PEM block with a DEK-Info header around DER.
pub fn dek_info(cipher: u8, label: u8, der: &[u8]) -> String {
    let names = ["AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC"];
    let ciphers = [Cipher::Aes128Cbc, Cipher::Aes192Cbc, Cipher::Aes256Cbc, Cipher::TdesCbc];
    let which = usize::from(cipher) % names.len();
    let cipher = ciphers[which];
    let iv = &IV[..cipher.block_size()];
    let mut key = Vec::new();
    while key.len() < key_len(cipher) {
        let last = key.len().saturating_sub(16);
        let hash = Md5::new().chain_update(&key[last..]).chain_update(PASSPHRASE).chain_update(&iv[..8]).finalize();
        key.extend_from_slice(&hash);
    }
    let body = encrypted(cipher, &key[..key_len(cipher)], iv, padded(der, cipher.block_size())).0;
    let hex: String = iv.iter().map(|byte| format!("{byte:02X}")).collect();
    let label = ["RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"][usize::from(label) % 3];
    pem(label, &format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: {},{hex}\n\n", names[which]), &body)
}

/// An `ENCRYPTED PRIVATE KEY` around PKCS#8: PBKDF2 with one round, AES-256-CBC.
pub fn pbes2(der: &[u8]) -> String {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(PASSPHRASE.as_bytes(), &IV[..8], 1, &mut key);
    let body = encrypted(Cipher::Aes256Cbc, &key, &IV, padded(der, 16)).0;
    let kdf = [tlv(4, &IV[..8]), tlv(2, &[1]), tlv(0x30, &[OID_HMAC_SHA256, &[5, 0]].concat())].concat();
    let kdf = tlv(0x30, &[OID_PBKDF2.to_vec(), tlv(0x30, &kdf)].concat());
    let cipher = tlv(0x30, &[OID_AES256_CBC.to_vec(), tlv(4, &IV)].concat());
    let scheme = tlv(0x30, &[OID_PBES2.to_vec(), tlv(0x30, &[kdf, cipher].concat())].concat());
    pem("ENCRYPTED PRIVATE KEY", "", &tlv(0x30, &[scheme, tlv(4, &body)].concat()))
}

/// An `OPENSSH PRIVATE KEY` whose section is encrypted. bcrypt gives zeros in fuzzing (src/sshkey/openssh.rs).
pub fn openssh(cipher: u8, public: &[u8], section: &[u8]) -> String {
    let ciphers = [
        Cipher::Aes256Ctr,
        Cipher::Aes128Cbc,
        Cipher::Aes256Gcm,
        Cipher::ChaCha20Poly1305,
        Cipher::TdesCbc,
        Cipher::Aes192Ctr,
    ];
    let cipher = ciphers[usize::from(cipher) % ciphers.len()];
    let (key, iv) = cipher.key_and_iv_size().expect("each of them has a key");
    let iv = if cipher == Cipher::ChaCha20Poly1305 { 8 } else { iv };
    let mut section = section.to_vec();
    section.truncate(section.len() / cipher.block_size() * cipher.block_size());
    let (section, tag) = encrypted(cipher, &vec![0; key], &vec![0; iv], section);
    let mut out = b"openssh-key-v1\0".to_vec();
    let options = [string(&IV), vec![0, 0, 0, 1]].concat();
    [cipher.as_str().as_bytes(), b"bcrypt", &options].into_iter().for_each(|part| out.extend(string(part)));
    out.extend([0, 0, 0, 1]);
    [public, &section].into_iter().for_each(|part| out.extend(string(part)));
    out.extend(tag.iter().flat_map(|tag| tag.iter()));
    pem("OPENSSH PRIVATE KEY", "", &out)
}

/// SSH's `string`.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes(), bytes].concat()
}

/// Encrypts whole blocks.
pub fn encrypted(cipher: Cipher, key: &[u8], iv: &[u8], mut bytes: Vec<u8>) -> (Vec<u8>, Option<Tag>) {
    let tag = cipher.encrypt(key, iv, &mut bytes).expect("whole blocks and right sizes");
    (bytes, tag)
}

fn key_len(cipher: Cipher) -> usize {
    cipher.key_and_iv_size().map_or(0, |(key, _)| key)
}

/// PKCS#7.
fn padded(bytes: &[u8], block: usize) -> Vec<u8> {
    let count = block - bytes.len() % block;
    let mut out = bytes.to_vec();
    out.resize(bytes.len() + count, u8::try_from(count).unwrap_or(0));
    out
}

fn tlv(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header = match bytes.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header, bytes.to_vec()].concat()
}

const IV: [u8; 16] = *b"0123456789abcdef";
const OID_PBES2: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const OID_PBKDF2: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const OID_HMAC_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const OID_AES256_CBC: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
