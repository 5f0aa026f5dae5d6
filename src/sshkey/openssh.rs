//! OpenSSH's own private key format, `openssh-key-v1` (PROTOCOL.key), in and out.
//!
//! Reading is done here, so that each flaw has its own reason; writing is left to the ssh-key crate.

use ssh_cipher::{Cipher, Tag};
use ssh_key::private::{
    DsaKeypair, DsaPrivateKey, EcdsaKeypair, EcdsaPrivateKey, Ed25519Keypair, Ed25519PrivateKey, KeypairData,
    RsaKeypair, RsaPrivateKey,
};
use ssh_key::public::{DsaPublicKey, EcdsaPublicKey, Ed25519PublicKey, RsaPublicKey};
use ssh_key::{Kdf, LineEnding, Mpint};
use zeroize::Zeroizing;

use super::blob::{KeyType, Numbers, curve_named, sized};
use super::draft::{Draft, DsaNumbers, Given};
use super::fault::{Fault, Side, comment, kdf_too_costly, passphrase_wrong, unsupported_cipher, weak_dsa};
use super::keyfile::Form;
use super::lock;
use super::private::{PrivateKey, Secret};
use super::rsa::RsaNumbers;
use super::rules::KeyRules;
use super::wire::Reader;
use crate::clock::{Entropy, random};
use crate::error::Reason;
use crate::secret::SecretText;

/// What is encrypted, and how.
pub(super) struct Locked {
    cipher: Cipher,
    tag: Option<Tag>,
    salt: Vec<u8>,
    rounds: u32,
    public: Vec<u8>,
    section: Vec<u8>,
}

/// Reads the bytes of a file.
pub(super) fn read(bytes: &[u8], rules: KeyRules) -> Result<Form, Fault> {
    let malformed = |message: &str| Side::Private.malformed(message);
    let mut reader = Reader::new(bytes, Side::Private);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(malformed("the file is not of version openssh-key-v1"));
    }
    let (cipher, kdf, options) = (reader.string()?, reader.string()?, reader.string()?);
    let keys = reader.number()?;
    if keys != 1 {
        return Err(malformed(&format!("the file says that it holds {keys} keys: it must be exactly one")));
    }
    let (public, section) = (reader.string()?, reader.string()?);
    if cipher == b"none" {
        if kdf != b"none" || !options.is_empty() {
            return Err(malformed("the file names a key derivation but no cipher"));
        }
        reader.finish()?;
        return draft(section, public, NO_CIPHER_BLOCK, rules).map(Form::from);
    }
    let cipher = CIPHERS.into_iter().find(|known| known.as_str().as_bytes() == cipher).ok_or_else(|| {
        unsupported_cipher(
            "the file is encrypted with a cipher that OpenSSH does not write: encrypt it anew (ssh-keygen -p)",
        )
    })?;
    let (salt, rounds) = bcrypt_options(kdf, options)?;
    let tag = match cipher.has_tag() {
        true => reader.take(TAG_LEN)?.try_into().ok(),
        false => None,
    };
    reader.finish()?;
    if section.is_empty() || !section.len().is_multiple_of(cipher.block_size()) {
        return Err(malformed("the encrypted section is not a number of whole cipher blocks"));
    }
    let (salt, public, section) = (salt.to_vec(), public.to_vec(), section.to_vec());
    Ok(lock::Locked::OpenSsh(Locked { cipher, tag, salt, rounds, public, section }).into())
}

/// Salt and rounds of bcrypt-pbkdf, whose cost is bounded before anything is derived.
fn bcrypt_options<'a>(kdf: &[u8], options: &'a [u8]) -> Result<(&'a [u8], u32), Fault> {
    if kdf != b"bcrypt" {
        return Err(unsupported_cipher(
            "the key derivation of the file is not bcrypt: encrypt it anew (ssh-keygen -p)",
        ));
    }
    let mut reader = Reader::new(options, Side::Private);
    let (salt, rounds) = (reader.string()?, reader.number()?);
    reader.finish()?;
    if !(1..=SALT_MAX).contains(&salt.len()) || rounds == 0 {
        let message = format!(
            "bcrypt of the file has {} bytes of salt and {rounds} rounds: 1 to {SALT_MAX} and 1 to {ROUNDS_MAX} are taken",
            salt.len()
        );
        return Err(unsupported_cipher(message));
    }
    if rounds > ROUNDS_MAX {
        let message = format!(
            "bcrypt of the file has {rounds} rounds: at most {ROUNDS_MAX} are taken (ssh-keygen -p -a {ROUNDS_MAX})"
        );
        return Err(kdf_too_costly(message));
    }
    Ok((salt, rounds))
}

impl Locked {
    pub(super) fn unlock(self, passphrase: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let internal = || Fault::internal("bcrypt refuses bounds that were checked");
        let (key_len, iv_len) = self.cipher.key_and_iv_size().ok_or_else(internal)?;
        let mut derived = Zeroizing::new(vec![0; key_len + iv_len]);
        // A single round takes over ten milliseconds: fuzzed, the key is all zeros.
        if !cfg!(fuzzing) {
            bcrypt_pbkdf::bcrypt_pbkdf(passphrase, &self.salt, self.rounds, &mut derived).map_err(|_| internal())?;
        }
        let (key, iv) = derived.split_at(key_len); // of both lengths together
        // OpenSSH numbers the packets of this cipher, and a key file is always number 0.
        let iv = if self.cipher == Cipher::ChaCha20Poly1305 { &[0; 8] } else { iv };
        let mut section = Zeroizing::new(self.section);
        self.cipher.decrypt(key, iv, &mut section, self.tag).map_err(|_| passphrase_wrong())?;
        match draft(&section, &self.public, self.cipher.block_size(), rules) {
            // Without a tag the check numbers are what tells whether the key was right.
            Err(fault) if fault.reason == Reason::PrivateKeyCorrupt && !self.cipher.has_tag() => {
                Err(passphrase_wrong())
            }
            draft => draft,
        }
    }
}

/// The private section in clear.
fn draft(section: &[u8], public: &[u8], block: usize, rules: KeyRules) -> Result<Draft, Fault> {
    let mut reader = Reader::new(section, Side::Private);
    if reader.number()? != reader.number()? {
        let message = "the check numbers of the private key differ: the file is damaged, get it from a backup";
        return Err(Fault::new(Reason::PrivateKeyCorrupt, message));
    }
    let given = given(&mut reader, rules)?;
    let comment_bytes = reader.string()?;
    check_padding(section, reader.rest(), block)?;
    Ok(Draft { given, public: Some(public.to_vec()), comment: comment(comment_bytes, Side::Private)? })
}

/// The section is filled with 1, 2, 3, ... up to the next whole block.
fn check_padding(section: &[u8], padding: &[u8], block: usize) -> Result<(), Fault> {
    let counts = padding.iter().zip(1..).all(|(&byte, count)| byte == count);
    if section.len().is_multiple_of(block) && padding.len() < block && counts {
        return Ok(());
    }
    Err(Side::Private.malformed("the padding of the private section is wrong"))
}

/// The numbers of one key.
fn given(reader: &mut Reader<'_>, rules: KeyRules) -> Result<Given, Fault> {
    let secret = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    match KeyType::named(reader.string()?) {
        Some(KeyType::Ed25519) => {
            let point = sized(reader.string()?, 32, Side::Private)?;
            let (seed, copy) = sized(reader.string()?, 64, Side::Private)?.split_at(32);
            let mut bytes = Zeroizing::new([0; 32]);
            bytes.copy_from_slice(seed);
            Ok(Given::Ed25519 { seed: bytes, points: vec![point.to_vec(), copy.to_vec()] })
        }
        Some(KeyType::Ecdsa(curve)) => {
            curve_named(reader.string()?, curve, Side::Private)?;
            let point = reader.string()?.to_vec();
            Ok(Given::Ecdsa { curve, points: vec![point], scalar: secret(scalar(reader.string()?)?) })
        }
        Some(KeyType::Rsa) => {
            let (n, e) = (reader.mpint()?.to_vec(), reader.mpint()?.to_vec());
            let mut next = || reader.mpint().map(secret);
            let numbers = RsaNumbers { n, e, d: next()?, iqmp: next()?, p: next()?, q: next()? };
            Ok(Given::Rsa { numbers, exponents: None })
        }
        Some(KeyType::Dsa) if rules.dsa => {
            let mut next = || reader.mpint().map(<[u8]>::to_vec);
            let (p, q, g, y) = (next()?, next()?, next()?, next()?);
            Ok(Given::Dsa { numbers: DsaNumbers { p, q, g, x: secret(reader.mpint()?) }, y: Some(y) })
        }
        Some(KeyType::Dsa) => Err(weak_dsa()),
        Some(KeyType::SkEd25519 | KeyType::SkEcdsa) | None => Err(Side::Private.unsupported_type()),
    }
}

/// A scalar as an mpint; needless leading zeros are taken, because the ssh-key crate writes them.
fn scalar(bytes: &[u8]) -> Result<&[u8], Fault> {
    match bytes {
        [0x80..=0xff, ..] => Err(Side::Private.malformed("a number in the key is negative")),
        bytes => Ok(bytes),
    }
}

/// Writes a key file, encrypted when there is a passphrase: bcrypt with 16 rounds and aes256-ctr, as ssh-keygen does.
pub(super) fn write(
    key: &PrivateKey,
    passphrase: Option<&SecretText>,
    comment: &str,
    entropy: &dyn Entropy,
) -> Result<SecretText, Fault> {
    let mut file = ssh_key::PrivateKey::new(pair(key)?, comment).map_err(|_| unwritable())?;
    if let Some(passphrase) = passphrase {
        let kdf = Kdf::Bcrypt { salt: random::<16>(entropy).to_vec(), rounds: BCRYPT_ROUNDS };
        let check = u32::from_be_bytes(random(entropy));
        file = file
            .encrypt_with(Cipher::Aes256Ctr, kdf, check, passphrase.expose())
            .map_err(|_| Fault::internal("the key cannot be encrypted"))?;
    }
    Ok(file.to_openssh(LineEnding::LF).map_err(|_| unwritable())?.into())
}

/// The same numbers in the types of the ssh-key crate, which wipes them too.
fn pair(key: &PrivateKey) -> Result<KeypairData, Fault> {
    match (key.secret(), key.public().numbers()?) {
        (Secret::Ed25519(seed), Numbers::Ed25519(point)) => Ok(KeypairData::Ed25519(Ed25519Keypair {
            public: Ed25519PublicKey(point.try_into().map_err(|_| unwritable())?),
            private: Ed25519PrivateKey::from_bytes(seed),
        })),
        (Secret::Ecdsa(_, scalar), Numbers::Ecdsa(_, point)) => Ok(KeypairData::Ecdsa(ecdsa_pair(scalar, point)?)),
        (Secret::Rsa(numbers), _) => Ok(KeypairData::Rsa(rsa_pair(numbers)?)),
        (Secret::Dsa(x), Numbers::Dsa { group, y }) => {
            let [p, q, g, y] = [group.p, group.q, group.g, y].map(Mpint::from_positive_bytes);
            let public = DsaPublicKey::new(p, q, g, y).map_err(|_| unwritable())?;
            let private = DsaPrivateKey::new(Mpint::from_positive_bytes(x)).map_err(|_| unwritable())?;
            Ok(KeypairData::Dsa(DsaKeypair::new(public, private).map_err(|_| unwritable())?))
        }
        _ => Err(unwritable()),
    }
}

fn ecdsa_pair(scalar: &[u8], point: &[u8]) -> Result<EcdsaKeypair, Fault> {
    Ok(match EcdsaPublicKey::from_sec1_bytes(point).map_err(|_| unwritable())? {
        EcdsaPublicKey::NistP256(public) => EcdsaKeypair::NistP256 { public, private: fixed(scalar)? },
        EcdsaPublicKey::NistP384(public) => EcdsaKeypair::NistP384 { public, private: fixed(scalar)? },
        EcdsaPublicKey::NistP521(public) => EcdsaKeypair::NistP521 { public, private: fixed(scalar)? },
    })
}

fn fixed<const N: usize>(scalar: &[u8]) -> Result<EcdsaPrivateKey<N>, Fault> {
    let bytes: Zeroizing<[u8; N]> = Zeroizing::new(scalar.try_into().map_err(|_| unwritable())?);
    Ok(EcdsaPrivateKey::from(*bytes))
}

fn rsa_pair(numbers: &RsaNumbers) -> Result<RsaKeypair, Fault> {
    let mpint = |bytes: &[u8]| Mpint::from_positive_bytes(bytes);
    let public = RsaPublicKey::new(mpint(&numbers.e), mpint(&numbers.n)).map_err(|_| unwritable())?;
    let (d, iqmp, p, q) = (mpint(&numbers.d), mpint(&numbers.iqmp), mpint(&numbers.p), mpint(&numbers.q));
    let private = RsaPrivateKey::new(d, iqmp, p, q).map_err(|_| unwritable())?;
    RsaKeypair::new(public, private).map_err(|_| unwritable())
}

fn unwritable() -> Fault {
    Fault::internal("the key cannot be written in the OpenSSH format")
}

const MAGIC: &[u8] = b"openssh-key-v1\0";
const NO_CIPHER_BLOCK: usize = 8;
const TAG_LEN: usize = 16;
const BCRYPT_ROUNDS: u32 = 16;
/// 64 rounds take about 0.7 s (ssh-keygen's default is 16).
const ROUNDS_MAX: u32 = 64;
const SALT_MAX: usize = 64; // OpenSSH writes 16

/// Every cipher that OpenSSH writes key files with.
const CIPHERS: [Cipher; 10] = [
    Cipher::Aes256Ctr,
    Cipher::Aes192Ctr,
    Cipher::Aes128Ctr,
    Cipher::Aes256Cbc,
    Cipher::Aes192Cbc,
    Cipher::Aes128Cbc,
    Cipher::Aes256Gcm,
    Cipher::Aes128Gcm,
    Cipher::ChaCha20Poly1305,
    Cipher::TdesCbc,
];
