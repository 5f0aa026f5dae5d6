//! What must hold of every key text, whatever it is.

use base64ct::{Base64, Encoding};
use keypairs::clock::OsEntropy;
use keypairs::error::Reason;
use keypairs::secret::SecretText;
use keypairs::sshkey::{Fault, KeyFile, KeyFormat, KeyRules, PrivateKey, PublicKey, check_format};

use crate::meter::taken;

/// The passphrase of everything that is locked here.
pub const PASSPHRASE: &str = "correct horse";

/// The widest rules: every reader is reached.
pub const WIDE: KeyRules = KeyRules { min_rsa_bits: 2048, min_rsa_exponent: 3, dsa: true };

/// A public key text: what is taken is written and read as the same, and is taken with other line ends too.
pub fn public(text: &str) {
    let read = PublicKey::parse(text, WIDE);
    let by_default = PublicKey::parse_line(text);
    let (key, comment) = match read {
        Ok(read) => read,
        Err(fault) => {
            assert!(by_default.is_err(), "narrower rules take what wider ones refuse");
            return told(&fault);
        }
    };
    by_default.map_or_else(|fault| told(&fault), |other| assert!(other == (key.clone(), comment.clone())));
    taken();
    let line = key.line(&comment);
    assert!(!line.contains(['\n', '\r', '\0']), "one key, one line");
    assert!(PublicKey::parse(&line, WIDE).as_ref() == Ok(&(key.clone(), comment.clone())), "the line reads as another");
    assert!(PublicKey::parse(&crlf(text), WIDE) == Ok((key.clone(), comment)), "line ends change the key");
    assert!(PublicKey::from_stored(key.blob().to_vec()).as_ref() == Some(&key), "the stored blob is another key");
    assert!(key.fingerprint_sha256().len() == 50 && key.fingerprint_md5().len() == 47);
}

/// A private key file: what opens is written in every format that fits and read as the same.
pub fn private(text: &str) {
    let passphrase = SecretText::new(PASSPHRASE.to_owned());
    let file = match KeyFile::read(text, WIDE) {
        Ok(file) => file,
        Err(fault) => {
            assert!(KeyFile::read(text, KeyRules::default()).is_err(), "narrower rules take what wider ones refuse");
            return told(&fault);
        }
    };
    if file.is_locked() && !is_cheap(text) {
        let refused = file.open(None, WIDE).err().expect("a locked file opens without a passphrase");
        return assert!(refused.reason == Reason::PassphraseRequired);
    }
    match file.open(Some(&passphrase), WIDE) {
        Err(fault) => told(&fault),
        Ok((key, comment)) => {
            let again = KeyFile::read(&crlf(text), WIDE).and_then(|file| file.open(Some(&passphrase), WIDE));
            same(&key, &comment, again);
            taken();
            survives(text, &key, &comment);
        }
    }
}

/// The text of a block, as OpenSSL breaks its lines.
pub fn pem(label: &str, headers: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{headers}{}-----END {label}-----\n", base64(bytes, 64))
}

/// Base64 in lines.
pub fn base64(bytes: &[u8], width: usize) -> String {
    let text = Base64::encode_string(bytes);
    let lines = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A refusal says why in a few words, and is never our own fault.
fn told(fault: &Fault) {
    assert!(fault.reason != Reason::Internal, "an input must not be an internal error: {fault}");
    assert!(fault.message.len() < 400 && !fault.message.contains(char::is_control), "{fault}");
}

/// The sealed form, and one file format of those that fit. Which one, the text decides, so that an input always does the
/// same. Never under a passphrase: what is written so costs what it should.
fn survives(text: &str, key: &PrivateKey, comment: &str) {
    let compact = key.to_compact();
    let restored = PrivateKey::from_compact(key.public(), compact.expose()).expect("the sealed form reads");
    assert!(restored.to_compact().expose() == compact.expose(), "the sealed form changes");
    let mut formats = vec![KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::Sec1, KeyFormat::Ppk];
    formats.retain(|format| check_format(key.public().algorithm(), *format, false).is_ok());
    let sum: usize = text.bytes().map(usize::from).sum();
    let format = formats[sum % formats.len()];
    let file = key.encode(format, None, comment, &OsEntropy);
    let file = file.unwrap_or_else(|fault| panic!("{format:?} cannot be written: {fault}"));
    let again = KeyFile::read(file.expose(), WIDE).and_then(|file| file.open(None, WIDE));
    let kept = matches!(format, KeyFormat::OpenSsh | KeyFormat::Ppk);
    same(key, if kept { comment } else { "" }, again);
}

fn same(key: &PrivateKey, comment: &str, again: Result<(PrivateKey, String), Fault>) {
    let (other, found) = again.unwrap_or_else(|fault| panic!("what was taken is refused the second time: {fault}"));
    assert!(other.public() == key.public(), "another public half");
    assert!(other.to_compact().expose() == key.to_compact().expose(), "another private half");
    assert!(found == comment, "another comment");
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Whether the derivation of a PPK file takes microseconds; every other is bounded by the service's own reader, whose
/// bounds are low in fuzzing.
fn is_cheap(text: &str) -> bool {
    let number = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map_or(Some(0), |value| value.trim().parse::<u32>().ok()).unwrap_or(u32::MAX)
    };
    number("Argon2-Memory") <= 64 && number("Argon2-Passes") <= 2 && number("Argon2-Parallelism") <= 8
}
