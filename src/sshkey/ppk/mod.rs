//! PuTTY's key files, versions 2 and 3 (PuTTY manual, appendix C), in; version 3 out.
//!
//! One header on each line, in one order; the public blob and the private numbers in base64; a MAC over all of it. The
//! MAC of an encrypted file is keyed by the passphrase: when it does not fit, but what was decrypted is well-formed,
//! the passphrase was right and the file is damaged.

mod read;
mod write;

use argon2::{Algorithm, Argon2, Params, Version as ArgonVersion};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::cost::{Cost, Kdf};
use super::draft::{Beside, Draft};
use super::fault::{Fault, Side, comment, passphrase_wrong};
use super::rules::KeyRules;
use super::wire::Reader;
use crate::error::Reason;

pub(super) use read::read;
pub(super) use write::{write, write_cost};

/// What every version starts with.
pub(super) const START: &str = "PuTTY-User-Key-File-";

/// An encrypted file whose text was read.
pub(super) struct Locked {
    version: Version,
    derivation: Option<Derivation>,
    frame: Frame,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Two,
    Three,
}

/// The parts of a file that its MAC covers, and the MAC.
struct Frame {
    algorithm: String,
    encryption: &'static str,
    /// As it stands there, blanks at its ends and all.
    comment: String,
    public: Vec<u8>,
    /// The private part as it stands in the file.
    private: Zeroizing<Vec<u8>>,
    mac: Vec<u8>,
}

/// How version 3 makes keys of a passphrase.
struct Derivation {
    flavour: Algorithm,
    memory: u32,
    passes: u32,
    parallelism: u32,
    salt: Vec<u8>,
}

impl Derivation {
    /// `bytes` of private section behind it.
    fn cost(&self, bytes: usize) -> Cost {
        Cost::of(Kdf::Argon2, u64::from(self.memory) * u64::from(self.passes) * ARGON2_NANOS / 1000, bytes)
    }

    /// Key, initialisation vector and MAC key, one after the other.
    fn derive(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; DERIVED]>, Fault> {
        let refused = |_| Fault::internal("Argon2 refuses bounds that were checked");
        let params = Params::new(self.memory, self.passes, self.parallelism, Some(DERIVED)).map_err(refused)?;
        let mut out = Zeroizing::new([0; DERIVED]);
        let argon = Argon2::new(self.flavour, ArgonVersion::V0x13, params);
        argon.hash_password_into(passphrase, &self.salt, &mut *out).map_err(refused)?;
        Ok(out)
    }
}

impl Locked {
    pub(super) fn cost(&self) -> Cost {
        let bytes = self.frame.private.len();
        self.derivation.as_ref().map_or(Cost::of(Kdf::Hash, 0, bytes), |derivation| derivation.cost(bytes))
    }

    pub(super) fn unlock(self, passphrase: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let (key, iv, mac_key) = match &self.derivation {
            Some(derivation) => split(&*derivation.derive(passphrase)?),
            None => (version2_key(passphrase), [0; BLOCK], MacKey::of_version2(passphrase)),
        };
        let mut private = self.frame.private.clone();
        Cipher::Aes256Cbc.decrypt(&*key, &iv, &mut private, None).map_err(|_| passphrase_wrong())?;
        let draft = self.frame.draft(&private, rules);
        match self.frame.check_mac(self.version, &mac_key, &private) {
            Err(_) if draft.is_err() => Err(passphrase_wrong()),
            Err(damaged) => Err(damaged),
            Ok(()) => draft,
        }
    }
}

impl Frame {
    fn check_mac(&self, version: Version, key: &MacKey, private: &[u8]) -> Result<(), Fault> {
        let fits = match version {
            Version::Two => self.fed::<Hmac<Sha1>>(key, private)?.verify_slice(&self.mac).is_ok(),
            Version::Three => self.fed::<Hmac<Sha256>>(key, private)?.verify_slice(&self.mac).is_ok(),
        };
        let message = "the MAC of the file does not fit: it was changed or is damaged, get it from a backup";
        if fits { Ok(()) } else { Err(Fault::new(Reason::PrivateKeyCorrupt, message)) }
    }

    fn fed<M: Mac + KeyInit>(&self, key: &MacKey, private: &[u8]) -> Result<M, Fault> {
        let mut mac = <M as KeyInit>::new_from_slice(&key.0).map_err(|_| Fault::internal("HMAC takes no key"))?;
        let parts =
            [self.algorithm.as_bytes(), self.encryption.as_bytes(), self.comment.as_bytes(), &self.public, private];
        for part in parts {
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part);
        }
        Ok(mac)
    }

    /// The numbers in the private part, in clear.
    fn draft(&self, private: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let public = Numbers::read(&self.public, Side::Private, rules)?;
        let mut reader = Reader::new(private, Side::Private);
        let secret = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let beside = match public {
            // Little-endian and without its last zeros.
            Numbers::Ed25519(_) => Beside::Scalar(secret(reader.string()?)),
            Numbers::Ecdsa(..) => Beside::Scalar(secret(reader.mpint()?)),
            Numbers::Rsa { .. } => {
                let mut next = || reader.mpint().map(secret);
                Beside::Rsa([next()?, next()?, next()?, next()?])
            }
            Numbers::Dsa { .. } => Beside::Dsa(secret(reader.mpint()?)),
            _ => return Err(Side::Private.unsupported_type()),
        };
        // Encrypted, it is filled up to a whole block.
        let padding = if self.encryption == NONE { 0 } else { BLOCK - 1 };
        if reader.rest().len() > padding {
            return Err(Side::Private.malformed("there are bytes after the end of the private key"));
        }
        let mismatched = || Side::Private.malformed("the private numbers are not of the type of the public key");
        let given = beside.given(&public).ok_or_else(mismatched)?;
        let comment = comment(self.comment.as_bytes(), Side::Private)?;
        Ok(Draft { given, public: Some(self.public.clone()), comment })
    }
}

/// The key of the MAC.
struct MacKey(Zeroizing<Vec<u8>>);

impl MacKey {
    /// Of a file that is not encrypted.
    fn of_nothing(version: Version) -> Self {
        match version {
            Version::Two => Self::of_version2(&[]),
            Version::Three => Self(Zeroizing::default()),
        }
    }

    fn of_version2(passphrase: &[u8]) -> Self {
        let hash = Sha1::new().chain_update("putty-private-key-file-mac-key").chain_update(passphrase).finalize();
        Self(Zeroizing::new(hash.to_vec()))
    }
}

/// Two hashes of SHA-1, one after the other.
fn version2_key(passphrase: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    let hashes = (0_u32..).map(|n| Sha1::new().chain_update(n.to_be_bytes()).chain_update(passphrase).finalize());
    for (part, hash) in key.chunks_mut(SHA1_LEN).zip(hashes) {
        part.copy_from_slice(hash.get(..part.len()).unwrap_or_default()); // a chunk is never longer than a hash
    }
    key
}

fn split(derived: &[u8; DERIVED]) -> (Zeroizing<[u8; KEY]>, [u8; BLOCK], MacKey) {
    let (mut key, mut iv) = (Zeroizing::new([0; KEY]), [0; BLOCK]);
    let (first, rest) = derived.split_at(KEY); // the sizes add up to DERIVED
    let (second, third) = rest.split_at(BLOCK);
    key.copy_from_slice(first);
    iv.copy_from_slice(second);
    (key, iv, MacKey(Zeroizing::new(third.to_vec())))
}

const NONE: &str = "none";
const AES: &str = "aes256-cbc";
const KEY: usize = 32;
const BLOCK: usize = 16;
const SHA1_LEN: usize = 20;
const DERIVED: usize = KEY + BLOCK + 32;
const LINE: usize = 64;
const ARGON2_NANOS: u64 = 400; // a KiB, filled once
