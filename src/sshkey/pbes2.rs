//! Encrypted PKCS#8 (RFC 5958 section 3) under PBES2 (RFC 8018), in and out: PBKDF2 or scrypt (RFC 7914), then CBC.
//!
//! Read here and not by the pkcs5 crate: each flaw has its own reason, salts have any size, and keys are wiped.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512};
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Encode, Reader, SliceReader, Tag};
use pkcs8::spki::AlgorithmIdentifierRef;
use sha2::Sha224;
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::cost::{self, Cost};
use super::der as keys;
use super::draft::Draft;
use super::fault::{Fault, Side, kdf_too_costly, unsupported_cipher};
use super::lock::{self, decrypt_der, padded};
use super::rules::KeyRules;
use crate::clock::{Entropy, random};

/// What is encrypted, and how.
pub(super) struct Locked {
    kdf: Kdf,
    cipher: Cipher,
    iv: Vec<u8>,
    bytes: Vec<u8>,
}

enum Kdf {
    Pbkdf2 { prf: Prf, salt: Vec<u8>, rounds: NonZeroU32 },
    Scrypt { salt: Vec<u8>, params: scrypt::Params },
}

#[derive(Clone, Copy)]
enum Prf {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Reads the frame: which derivation, which cipher, how costly.
pub(super) fn read(bytes: &[u8], _rules: KeyRules) -> Result<lock::Locked, Fault> {
    let (scheme, encrypted) = outer(bytes).map_err(|_| malformed())?;
    if scheme.oid != PBES2 {
        let message =
            "the key is encrypted with an older scheme than PBES2: encrypt it anew (openssl pkcs8 -topk8 -v2)";
        return Err(unsupported_cipher(message));
    }
    let (kdf, encryption) = inner(scheme.parameters).map_err(|_| malformed())?;
    let (cipher, iv) = cipher(encryption)?;
    if encrypted.is_empty() || !encrypted.len().is_multiple_of(cipher.block_size()) {
        return Err(Side::Private.malformed("the encrypted part is not a number of whole cipher blocks"));
    }
    let kdf = match kdf.oid {
        PBKDF2 => read_pbkdf2(kdf.parameters, cipher)?,
        SCRYPT => read_scrypt(kdf.parameters, cipher)?,
        _ => return Err(unsupported_cipher("the key derivation of the file is neither PBKDF2 nor scrypt")),
    };
    Ok(lock::Locked::Pbes2(Locked { kdf, cipher, iv: iv.to_vec(), bytes: encrypted.to_vec() }))
}

/// EncryptedPrivateKeyInfo: the scheme and the encrypted bytes.
fn outer(bytes: &[u8]) -> der::Result<(AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(bytes)?;
    let found = reader.sequence(|reader| {
        let scheme = AlgorithmIdentifierRef::decode(reader)?;
        Ok::<_, der::Error>((scheme, <&OctetStringRef>::decode(reader)?.as_bytes()))
    })?;
    reader.finish()?;
    Ok(found)
}

/// PBES2-params: the derivation and the encryption.
fn inner(parameters: Option<AnyRef<'_>>) -> der::Result<(AlgorithmIdentifierRef<'_>, AlgorithmIdentifierRef<'_>)> {
    let parameters = parameters.ok_or_else(|| der::Error::from(Tag::Sequence.value_error()))?;
    parameters.sequence(|reader| Ok((AlgorithmIdentifierRef::decode(reader)?, AlgorithmIdentifierRef::decode(reader)?)))
}

fn cipher(scheme: AlgorithmIdentifierRef<'_>) -> Result<(Cipher, &[u8]), Fault> {
    let Some((_, cipher)) = CIPHERS.iter().find(|(oid, _)| *oid == scheme.oid) else {
        return Err(unsupported_cipher("the cipher of the file is neither AES-128/192/256-CBC nor DES-EDE3-CBC"));
    };
    let iv = scheme.parameters.and_then(|any| any.decode_as::<&OctetStringRef>().ok()).map(OctetStringRef::as_bytes);
    let iv = iv.filter(|iv| iv.len() == cipher.block_size()).ok_or_else(malformed)?;
    Ok((*cipher, iv))
}

/// PBKDF2-params (RFC 8018 appendix A.2).
fn read_pbkdf2(parameters: Option<AnyRef<'_>>, cipher: Cipher) -> Result<Kdf, Fault> {
    let read = |any: AnyRef<'_>| {
        any.sequence(|reader| {
            let salt = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
            let rounds = saturated(UintRef::decode(reader)?);
            let length = Option::<UintRef<'_>>::decode(reader)?.map(saturated);
            let prf = Option::<AlgorithmIdentifierRef<'_>>::decode(reader)?.map(|prf| prf.oid);
            Ok::<_, der::Error>((salt, rounds, length, prf))
        })
    };
    let (salt, rounds, length, prf) = parameters.and_then(|any| read(any).ok()).ok_or_else(malformed)?;
    let prf = match PRFS.iter().find(|(oid, _)| prf.unwrap_or(HMAC_SHA1) == *oid) {
        Some((_, prf)) => *prf,
        None => return Err(unsupported_cipher("the hash of PBKDF2 is none of SHA-1, SHA-224, -256, -384 and -512")),
    };
    check_length(length, cipher)?;
    if rounds > u64::from(PBKDF2_MAX) {
        return Err(kdf_too_costly(format!("PBKDF2 of the file has {rounds} rounds: at most {PBKDF2_MAX} are taken")));
    }
    let rounds = u32::try_from(rounds).ok().and_then(NonZeroU32::new).ok_or_else(malformed)?;
    Ok(Kdf::Pbkdf2 { prf, salt, rounds })
}

/// scrypt-params (RFC 7914 section 7).
fn read_scrypt(parameters: Option<AnyRef<'_>>, cipher: Cipher) -> Result<Kdf, Fault> {
    let read = |any: AnyRef<'_>| {
        any.sequence(|reader| {
            let salt = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
            let (n, r, p) = (UintRef::decode(reader)?, UintRef::decode(reader)?, UintRef::decode(reader)?);
            let length = Option::<UintRef<'_>>::decode(reader)?.map(saturated);
            Ok::<_, der::Error>((salt, saturated(n), saturated(r), saturated(p), length))
        })
    };
    let (salt, n, r, p, length) = parameters.and_then(|any| read(any).ok()).ok_or_else(malformed)?;
    check_length(length, cipher)?;
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(malformed());
    }
    // N blocks of 128 * r bytes are filled, and p at its side; N * r * p are mixed.
    let memory = |count: u64| r.saturating_mul(128).saturating_mul(count);
    let mixed = r.saturating_mul(n).saturating_mul(p);
    if memory(n) > SCRYPT_MEMORY || memory(p) > SCRYPT_SIDE || mixed > SCRYPT_BLOCKS {
        let message = format!(
            "scrypt of the file asks for N {n}, r {r}, p {p}: N * r * 128 may be 64 MiB, and N * r * p {SCRYPT_BLOCKS}"
        );
        return Err(kdf_too_costly(message));
    }
    let small = |number: u64| u32::try_from(number).map_err(|_| malformed());
    let log_n = u8::try_from(n.ilog2()).map_err(|_| malformed())?;
    let params = scrypt::Params::new(log_n, small(r)?, small(p)?).map_err(|_| malformed())?;
    Ok(Kdf::Scrypt { salt, params })
}

/// A key length, where one is told, is that of the cipher.
fn check_length(length: Option<u64>, cipher: Cipher) -> Result<(), Fault> {
    match length {
        Some(length) if length != key_len(cipher) as u64 => Err(malformed()),
        _ => Ok(()),
    }
}

impl Locked {
    pub(super) fn cost(&self) -> Cost {
        self.kdf.cost(key_len(self.cipher), self.bytes.len())
    }

    pub(super) fn unlock(self, passphrase: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let key = self.kdf.derive(passphrase, key_len(self.cipher))?;
        let der = decrypt_der(self.cipher, &key, &self.iv, self.bytes)?;
        keys::read_pkcs8(&der, rules)
    }
}

impl Kdf {
    /// `derived` bytes of key, and `bytes` behind it.
    fn cost(&self, derived: usize, bytes: usize) -> Cost {
        match self {
            Self::Pbkdf2 { prf, rounds, .. } => {
                // Nanoseconds of a round, and how many bytes it makes.
                let (nanos, hash) = match prf {
                    Prf::Sha1 => (110, 20),
                    Prf::Sha224 => (160, 28),
                    Prf::Sha256 => (120, 32),
                    Prf::Sha384 => (500, 48),
                    Prf::Sha512 => (500, 64),
                };
                let blocks = u64::try_from(derived.div_ceil(hash)).unwrap_or(u64::MAX);
                Cost::of(cost::Kdf::Pbkdf2, blocks * u64::from(rounds.get()) * nanos / 1000, bytes)
            }
            Self::Scrypt { params, .. } => {
                let blocks = (u64::from(params.r()) * u64::from(params.p())) << params.log_n();
                Cost::of(cost::Kdf::Scrypt, blocks * SCRYPT_NANOS / 1000, bytes)
            }
        }
    }

    fn derive(&self, passphrase: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut key = Zeroizing::new(vec![0; len]);
        match self {
            Self::Pbkdf2 { prf, salt, rounds } => {
                let hash = match prf {
                    // The one that aws-lc-rs has not.
                    Prf::Sha224 => {
                        ::pbkdf2::pbkdf2_hmac::<Sha224>(passphrase, salt, rounds.get(), &mut key);
                        return Ok(key);
                    }
                    Prf::Sha1 => PBKDF2_HMAC_SHA1,
                    Prf::Sha256 => PBKDF2_HMAC_SHA256,
                    Prf::Sha384 => PBKDF2_HMAC_SHA384,
                    Prf::Sha512 => PBKDF2_HMAC_SHA512,
                };
                pbkdf2::derive(hash, *rounds, salt, passphrase, &mut key);
            }
            Self::Scrypt { salt, params } => scrypt::scrypt(passphrase, salt, params, &mut key)
                .map_err(|_| Fault::internal("scrypt refuses bounds that were checked"))?,
        }
        Ok(key)
    }
}

/// Encrypts a PKCS#8 document: PBKDF2 with HMAC-SHA-256 and AES-256-CBC, which every OpenSSL since 1.0 reads.
pub(super) fn write(document: &[u8], passphrase: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Fault> {
    let (salt, iv): ([u8; 16], [u8; 16]) = (random(entropy), random(entropy));
    let kdf = Kdf::Pbkdf2 { prf: Prf::Sha256, salt: salt.to_vec(), rounds: PBKDF2_ROUNDS };
    let key = kdf.derive(passphrase, 32)?;
    let mut bytes = padded(document, 16);
    let unwritable = || Fault::internal("the key cannot be encrypted");
    Cipher::Aes256Cbc.encrypt(&key, &iv, &mut bytes).map_err(|_| unwritable())?;
    frame(&salt, &iv, &bytes).map_err(|_| unwritable())
}

/// What `write` costs.
pub(super) fn write_cost() -> Cost {
    Kdf::Pbkdf2 { prf: Prf::Sha256, salt: Vec::new(), rounds: PBKDF2_ROUNDS }.cost(32, 0)
}

fn frame(salt: &[u8], iv: &[u8], encrypted: &[u8]) -> der::Result<Vec<u8>> {
    let octets = |bytes| OctetStringRef::new(bytes).and_then(|octets| octets.to_der());
    let prf = sequence(&[HMAC_SHA256.to_der()?, AnyRef::NULL.to_der()?])?;
    let kdf = sequence(&[PBKDF2.to_der()?, sequence(&[octets(salt)?, PBKDF2_ROUNDS.get().to_der()?, prf])?])?;
    let encryption = sequence(&[AES_256_CBC.to_der()?, octets(iv)?])?;
    let scheme = sequence(&[PBES2.to_der()?, sequence(&[kdf, encryption])?])?;
    sequence(&[scheme, octets(encrypted)?])
}

fn sequence(parts: &[Vec<u8>]) -> der::Result<Vec<u8>> {
    AnyRef::new(Tag::Sequence, &parts.concat())?.to_der()
}

fn key_len(cipher: Cipher) -> usize {
    cipher.key_and_iv_size().map_or(0, |(key, _)| key)
}

/// Larger than any number that is taken where it does not fit.
fn saturated(number: UintRef<'_>) -> u64 {
    let bytes = number.as_bytes();
    if bytes.len() > 8 { u64::MAX } else { bytes.iter().fold(0, |sum, &b| sum << 8 | u64::from(b)) }
}

fn malformed() -> Fault {
    Side::Private.malformed("the block is not a well-formed encrypted PKCS#8 key in DER")
}

/// OWASP's figure of 2023 for PBKDF2 with HMAC-SHA-256.
const PBKDF2_ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// Fuzzed, the bounds are those of microseconds.
const PBKDF2_MAX: u32 = if cfg!(fuzzing) { 16 } else { 1_000_000 };
const SCRYPT_MEMORY: u64 = 64 << 20;
const SCRYPT_SIDE: u64 = 4 << 20;
const SCRYPT_NANOS: u64 = 500; // a block of 128 bytes
/// Blocks of 128 bytes: below a second of one core.
const SCRYPT_BLOCKS: u64 = if cfg!(fuzzing) { 64 } else { 1 << 20 };

const CIPHERS: [(ObjectIdentifier, Cipher); 4] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2"), Cipher::Aes128Cbc),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22"), Cipher::Aes192Cbc),
    (AES_256_CBC, Cipher::Aes256Cbc),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.3.7"), Cipher::TdesCbc),
];
const PRFS: [(ObjectIdentifier, Prf); 5] = [
    (HMAC_SHA1, Prf::Sha1),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.8"), Prf::Sha224),
    (HMAC_SHA256, Prf::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.10"), Prf::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.11"), Prf::Sha512),
];
const AES_256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");
