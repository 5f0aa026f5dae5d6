//! PuTTY's key files, versions 2 and 3 (PuTTY manual, appendix C), in; version 3 out.
//!
//! One header on each line, in one order; the public blob and the private numbers in base64; a MAC over all of it. The
//! MAC of an encrypted file is keyed by the passphrase: when it does not fit, but what was decrypted is well-formed,
//! the passphrase was right and the file is damaged.

use argon2::{Algorithm, Argon2, Params, Version as ArgonVersion};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::draft::{Beside, Draft};
use super::fault::{Fault, Side, comment, kdf_too_costly, passphrase_wrong, unsupported_cipher};
use super::keyfile::Form;
use super::lock;
use super::pem::Lines;
use super::private::{PrivateKey, Secret};
use super::rules::KeyRules;
use super::wire::{Reader, put_mpint, put_string};
use crate::clock::{Entropy, random};
use crate::error::Reason;
use crate::secret::SecretText;

/// What every version starts with.
pub(super) const START: &str = "PuTTY-User-Key-File-";

/// A file whose text was read, still encrypted when `locked` says so.
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

/// Reads a file. One that is not encrypted is checked against its MAC here.
pub(super) fn read(text: &str, rules: KeyRules) -> Result<Form, Fault> {
    let mut lines = Walk::new(text);
    let first = lines.line()?;
    let (version, algorithm) =
        first.strip_prefix(START).and_then(|rest| rest.split_once(": ")).ok_or_else(malformed)?;
    let version = match version {
        "2" => Version::Two,
        "3" => Version::Three,
        _ => {
            let message = "only versions 2 and 3 of PuTTY's format are taken: save the key anew (puttygen)";
            return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
        }
    };
    let encryption = match lines.header("Encryption")? {
        "none" => NONE,
        AES => AES,
        _ => return Err(unsupported_cipher("the file is encrypted with something else than aes256-cbc")),
    };
    let comment_text = comment(lines.header("Comment")?.as_bytes(), Side::Private)?;
    let public = lines.base64("Public-Lines")?.to_vec();
    let derivation = match (version, encryption) {
        (Version::Three, AES) => Some(Derivation::read(&mut lines)?),
        _ => None,
    };
    let private = lines.base64("Private-Lines")?;
    let mac = base16ct::mixed::decode_vec(lines.header("Private-MAC")?).map_err(|_| malformed())?;
    lines.finish()?;
    check_public(algorithm, &public, rules)?;
    let frame = Frame { algorithm: algorithm.to_owned(), encryption, comment: comment_text, public, private, mac };
    if encryption == NONE {
        frame.check_mac(version, MacKey::of_nothing(version))?;
        return frame.draft(&frame.private, rules).map(Form::from);
    }
    if frame.private.is_empty() || !frame.private.len().is_multiple_of(BLOCK) {
        return Err(Side::Private.malformed("the encrypted part is not a number of whole cipher blocks"));
    }
    Ok(lock::Locked::Ppk(Locked { version, derivation, frame }).into())
}

/// The type in the first line is that of the blob, and one that is taken.
fn check_public(algorithm: &str, blob: &[u8], rules: KeyRules) -> Result<(), Fault> {
    let word = Reader::new(blob, Side::Private).string()?;
    if word != algorithm.as_bytes() {
        return Err(Side::Private.malformed("the type in the first line is not that of the public key in the file"));
    }
    match Numbers::read(blob, Side::Private, rules)? {
        Numbers::SkEd25519 { .. } | Numbers::SkEcdsa { .. } => Err(Side::Private.unsupported_type()),
        _ => Ok(()),
    }
}

impl Derivation {
    /// Its headers; what it costs is bounded here.
    fn read(lines: &mut Walk<'_>) -> Result<Self, Fault> {
        let flavour = match lines.header("Key-Derivation")? {
            "Argon2id" => Algorithm::Argon2id,
            "Argon2i" => Algorithm::Argon2i,
            "Argon2d" => Algorithm::Argon2d,
            _ => return Err(unsupported_cipher("the key derivation of the file is not Argon2")),
        };
        let mut number = |name| -> Result<u32, Fault> { lines.header(name)?.parse().map_err(|_| malformed()) };
        let (memory, passes) = (number("Argon2-Memory")?, number("Argon2-Passes")?);
        let parallelism = number("Argon2-Parallelism")?;
        let salt = base16ct::mixed::decode_vec(lines.header("Argon2-Salt")?).map_err(|_| malformed())?;
        if memory > MEMORY_MAX || passes > PASSES_MAX {
            let message = format!(
                "Argon2 of the file asks for {memory} KiB and {passes} passes: at most {MEMORY_MAX} and {PASSES_MAX} are \
                 taken; save the key anew (puttygen --ppk-param memory=8192,passes=13)"
            );
            return Err(kdf_too_costly(message));
        }
        // Argon2's own bounds (RFC 9106 section 3.1).
        if passes == 0 || parallelism == 0 || memory / 8 < parallelism || !(8..=64).contains(&salt.len()) {
            return Err(unsupported_cipher("the numbers of Argon2 in the file are out of its range"));
        }
        Ok(Self { flavour, memory, passes, parallelism, salt })
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
    pub(super) fn unlock(self, passphrase: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
        let (key, iv, mac_key) = match &self.derivation {
            Some(derivation) => split(&*derivation.derive(passphrase)?),
            None => (version2_key(passphrase), [0; BLOCK], MacKey::of_version2(passphrase)),
        };
        let mut private = self.frame.private.clone();
        Cipher::Aes256Cbc.decrypt(&*key, &iv, &mut private, None).map_err(|_| passphrase_wrong())?;
        let draft = self.frame.draft(&private, rules);
        match self.frame.check_mac_of(self.version, &mac_key, &private) {
            Err(_) if draft.is_err() => Err(passphrase_wrong()),
            Err(damaged) => Err(damaged),
            Ok(()) => draft,
        }
    }
}

impl Frame {
    fn check_mac(&self, version: Version, key: MacKey) -> Result<(), Fault> {
        self.check_mac_of(version, &key, &self.private)
    }

    fn check_mac_of(&self, version: Version, key: &MacKey, private: &[u8]) -> Result<(), Fault> {
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
        let given = beside.given(&public).ok_or_else(malformed)?;
        Ok(Draft { given, public: Some(self.public.clone()), comment: self.comment.clone() })
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

/// Goes through the lines of a file.
struct Walk<'a> {
    lines: std::iter::Enumerate<std::str::Split<'a, char>>,
    /// Lines before the file's first.
    skipped: usize,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        let start = text.trim_start_matches(['\r', '\n']);
        let skipped = text[..text.len() - start.len()].matches('\n').count(); // a suffix of text
        Self { lines: start.trim_end_matches(['\r', '\n']).split('\n').enumerate(), skipped }
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let (_, line) = self.lines.next().ok_or_else(|| Side::Private.malformed("the PuTTY file is cut off"))?;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The value of the next line, which must be this header.
    fn header(&mut self, name: &str) -> Result<&'a str, Fault> {
        let number = self.number();
        let line = self.line()?;
        line.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'))
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .ok_or_else(|| Side::Private.malformed(format!("line {number} of the PuTTY file is not the header {name}")))
    }

    /// The bytes of a part: a header with the number of its lines, then so many of base64.
    fn base64(&mut self, name: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let count: usize = self.header(name)?.parse().map_err(|_| malformed())?;
        let before = self.number() - 1;
        let mut text = Zeroizing::new(String::new());
        text.reserve_exact(count.min(LINES_MAX) * (LINE + 1)); // no copy is left behind by growing
        for number in 0..count {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(self.line()?);
        }
        Lines { text: &text, before, side: Side::Private }.decode()
    }

    /// The number of the next line.
    fn number(&self) -> usize {
        self.skipped + 1 + self.lines.clone().next().map_or(0, |(index, _)| index)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match self.lines.next() {
            None => Ok(()),
            Some(_) => Err(Side::Private.malformed("there is text after the end of the PuTTY file")),
        }
    }
}

fn malformed() -> Fault {
    Side::Private.malformed("a header of the PuTTY file is not well-formed")
}

/// Writes version 3; under a passphrase with Argon2id as puttygen does.
pub(super) fn write(
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
    let salt = random::<16>(entropy).to_vec();
    let derivation = Derivation { flavour: Algorithm::Argon2id, memory: 8192, passes: 13, parallelism: 1, salt };
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
            let zeros = number.iter().take_while(|&&b| b == 0).count();
            put_mpint(&mut out, number.get(zeros..).unwrap_or_default());
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

const NONE: &str = "none";
const AES: &str = "aes256-cbc";
const KEY: usize = 32;
const BLOCK: usize = 16;
const SHA1_LEN: usize = 20;
const DERIVED: usize = KEY + BLOCK + 32;
const LINE: usize = 64;
/// More lines do not fit in a file.
const LINES_MAX: usize = 512;
/// d, p, q and iqmp of 8192 bits, each with its length and sign, and the padding.
const PRIVATE_MAX: usize = 1024 + 3 * 512 + 4 * 5 + BLOCK;
/// KiB.
const MEMORY_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 16;
