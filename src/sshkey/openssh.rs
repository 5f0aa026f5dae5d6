//! OpenSSH's own private key format, `openssh-key-v1` (PROTOCOL.key), in and out.
//!
//! Reading is done here, so that each flaw has its own reason. Writing is too: ssh-key's writer gives the scalar of an
//! ECDSA key its full width, and PuTTY refuses the needless zeros. ssh-key derives what encrypts.

use base64ct::{Base64, Encoding};
use ssh_cipher::{Cipher, Tag};
use ssh_key::Kdf;
use zeroize::Zeroizing;

use super::blob::{KeyType, Numbers, curve_named, sized};
use super::cost::{Cost, Kdf as Derives};
use super::draft::{Draft, DsaNumbers, Given};
use super::fault::{Fault, Side, comment, kdf_too_costly, passphrase_wrong, unsupported_cipher, weak_dsa};
use super::keyfile::Form;
use super::lock;
use super::private::{PrivateKey, Secret};
use super::rsa::RsaNumbers;
use super::rules::KeyRules;
use super::wire::{Reader, put_length, put_mpint, put_string, without_zeros};
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
    if kdf != BCRYPT {
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
    pub(super) fn cost(&self) -> Cost {
        let (key_len, iv_len) = self.cipher.key_and_iv_size().unwrap_or_default();
        bcrypt_cost(self.rounds, key_len + iv_len, self.section.len())
    }

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

/// A scalar as an mpint; needless leading zeros are taken: other tools write them.
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
    let cipher = passphrase.map_or(Cipher::None, |_| Cipher::Aes256Ctr);
    let block = passphrase.map_or(NO_CIPHER_BLOCK, |_| cipher.block_size());
    // Any number will do. In clear it follows from the key, so that one key is always given out as the same file.
    let check = match passphrase {
        Some(_) => random(entropy),
        None => key.public().sha256().first_chunk().copied().unwrap_or_default(),
    };
    let mut section = section(key, comment, block, check)?;
    let (mut kdf, mut options) = (b"none".as_slice(), Vec::new());
    if let Some(passphrase) = passphrase {
        let salt = random::<16>(entropy);
        kdf = BCRYPT;
        put_string(&mut options, &salt);
        options.extend_from_slice(&BCRYPT_ROUNDS.to_be_bytes());
        let derivation = Kdf::Bcrypt { salt: salt.to_vec(), rounds: BCRYPT_ROUNDS };
        let derived = derivation.derive_key_and_iv(cipher, passphrase.expose());
        let (key, iv) = derived.map_err(|_| unwritable())?;
        cipher.encrypt(&key, &iv, &mut section).map_err(|_| unwritable())?;
    }
    let mut file = Zeroizing::new(Vec::with_capacity(2 * SECTION_ROOM)); // so large that it never grows
    file.extend_from_slice(MAGIC);
    [cipher.as_str().as_bytes(), kdf, &options].into_iter().for_each(|part| put_string(&mut file, part));
    file.extend_from_slice(&1_u32.to_be_bytes());
    put_string(&mut file, key.public().blob());
    put_string(&mut file, &section);
    Ok(armoured(&file))
}

/// What `write` under a passphrase costs.
pub(super) fn write_cost() -> Cost {
    bcrypt_cost(BCRYPT_ROUNDS, 48, 0) // key and counter block of aes256-ctr
}

/// bcrypt makes 32 bytes at a time.
fn bcrypt_cost(rounds: u32, derived: usize, section: usize) -> Cost {
    let blocks = u64::try_from(derived.div_ceil(32)).unwrap_or(u64::MAX);
    Cost::of(Derives::Bcrypt, blocks.saturating_mul(u64::from(rounds)).saturating_mul(BCRYPT_MICROS), section)
}

/// The private section: check numbers, the numbers of the key, the comment, and the filling up to a whole block.
fn section(key: &PrivateKey, comment: &str, block: usize, check: [u8; 4]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut out = Zeroizing::new(Vec::with_capacity(SECTION_ROOM));
    out.extend_from_slice(&[check, check].concat());
    let numbers = key.public().numbers()?;
    put_string(&mut out, numbers.key_type().as_bytes());
    match (key.secret(), numbers) {
        (Secret::Ed25519(seed), Numbers::Ed25519(point)) => {
            put_string(&mut out, point);
            put_length(&mut out, seed.len() + point.len());
            out.extend_from_slice(&**seed);
            out.extend_from_slice(point);
        }
        (Secret::Ecdsa(_, scalar), Numbers::Ecdsa(curve, point)) => {
            put_string(&mut out, curve.name().as_bytes());
            put_string(&mut out, point);
            put_mpint(&mut out, without_zeros(scalar)); // PuTTY refuses a needless zero, OpenSSH does not
        }
        (Secret::Rsa(rsa), _) => {
            [&rsa.n, &rsa.e].into_iter().for_each(|number| put_mpint(&mut out, number));
            [&rsa.d, &rsa.iqmp, &rsa.p, &rsa.q].into_iter().for_each(|number| put_mpint(&mut out, number));
        }
        (Secret::Dsa(x), Numbers::Dsa { group, y }) => {
            [group.p, group.q, group.g, y].into_iter().for_each(|number| put_mpint(&mut out, number));
            put_mpint(&mut out, without_zeros(x));
        }
        _ => return Err(unwritable()),
    }
    put_string(&mut out, comment.as_bytes());
    let missing = out.len().next_multiple_of(block) - out.len();
    out.extend((1..).take(missing));
    Ok(out)
}

/// In PEM, in lines of 70 as OpenSSH writes them.
fn armoured(file: &[u8]) -> SecretText {
    let base64 = Zeroizing::new(Base64::encode_string(file));
    let mut out = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / LINE + 100));
    out.push_str("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE)); // base64 is ASCII
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    out.into()
}

fn unwritable() -> Fault {
    Fault::internal("the key cannot be written in the OpenSSH format")
}

const LINE: usize = 70;
/// An RSA key of 8192 bits and the longest comment: 4 KiB of numbers and 1 KiB.
const SECTION_ROOM: usize = 8 * 1024;
const BCRYPT: &[u8] = b"bcrypt";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const NO_CIPHER_BLOCK: usize = 8;
const TAG_LEN: usize = 16;
const BCRYPT_ROUNDS: u32 = 16;
const BCRYPT_MICROS: u64 = 4000; // a round of 32 bytes
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
