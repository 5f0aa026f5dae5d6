//! Private keys where none should be: in the text of a public key, whatever stands around them.
//!
//! Promise: what this finds is a private key, or reads so much like one that its sender must hear it. It looks at
//! beginnings only, and finds them quoted, behind a prompt, inside JSON with `\n` for line ends, in a sentence, and as
//! base64 without the lines around it. Not found: other encodings, such as hex, and pieces from the middle of a file.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// Whether a private key file, or the beginning of one, is somewhere in the text.
pub fn holds_private_key(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark)) || has_boundary(text) || words(text).any(is_private)
}

/// `BEGIN ... PRIVATE KEY`, or `END`, of any format.
fn has_boundary(text: &str) -> bool {
    text.match_indices(LABEL).any(|(at, _)| {
        let before = text.as_bytes().get(at.saturating_sub(LABEL_ROOM)..at).unwrap_or_default();
        before.windows(6).any(|word| word == b"BEGIN ") || before.windows(4).any(|word| word == b"END ")
    })
}

/// Runs of base64. The letter after a backslash belongs to it: `\n` in a JSON string.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let parts = text.split('\\').enumerate().map(|(number, part)| match number {
        0 => part,
        _ => part.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(part),
    });
    parts.flat_map(move |part| part.split(move |c| !is_base64(c)))
}

/// Whether a run begins as a private key in DER does, or a PEM file of one that was put into base64 as a whole.
fn is_private(word: &str) -> bool {
    let is_pem = word.starts_with("LS0tLS1CRUdJTi"); // -----BEGIN
    if !is_pem && !word.starts_with('M') {
        return false; // a DER sequence begins with 'M'
    }
    let start = word.get(..word.len().min(START) & !3).unwrap_or_default(); // a run is ASCII
    let Ok(bytes) = Base64::decode_vec(start).map(Zeroizing::new) else { return false };
    match is_pem {
        true => bytes.windows(LABEL.len()).any(|word| word == LABEL.as_bytes()),
        false => is_private_der(&bytes),
    }
}

/// A sequence that begins with a version and then an algorithm (PKCS#8), a number (PKCS#1, OpenSSL's DSA) or a scalar
/// (SEC1); or with the algorithm of a passphrase (encrypted PKCS#8). Public keys begin otherwise.
fn is_private_der(bytes: &[u8]) -> bool {
    let Some(inner) = in_sequence(bytes) else { return false };
    match inner {
        [2, 1, 0 | 1, 0x30 | 2 | 4, ..] => true,
        inner => in_sequence(inner).is_some_and(|oid| PASSWORD_OIDS.iter().any(|start| oid.starts_with(start))),
    }
}

/// What follows the header of a DER sequence.
fn in_sequence(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x30, ..=0x7f, inner @ ..] | [0x30, 0x81, _, inner @ ..] | [0x30, 0x82, _, _, inner @ ..] => Some(inner),
        _ => None,
    }
}

/// PuTTY's first line, and the base64 of OpenSSH's `openssh-key-v1`.
const MARKS: [&str; 2] = ["PuTTY-User-Key-File-", "b3BlbnNzaC1rZXktdjE"];
const LABEL: &str = "PRIVATE KEY";
/// Before it stand at most `BEGIN SSH2 ENCRYPTED `.
const LABEL_ROOM: usize = 32;
/// Characters of a run that are looked at: 48 bytes.
const START: usize = 64;
/// PKCS#5 (PBES1, PBES2) and PKCS#12.
const PASSWORD_OIDS: [&[u8]; 2] =
    [&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5], &[6, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1]];
