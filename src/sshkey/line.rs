//! One OpenSSH public line: the text around the blob. Strict where two readings are possible, lenient about blanks.

use base64ct::{Base64, Encoding};

use super::blob::KeyType;
use super::fault::{Fault, Side, comment, weak_dsa};
use super::public::PublicKey;
use super::rules::KeyRules;
use super::text::of_blob;
use super::wire::Reader;
use crate::error::Reason;

/// Reads one public line: the key and its comment.
pub(super) fn parse(text: &str, rules: KeyRules) -> Result<(PublicKey, String), Fault> {
    let line = one_line(text)?;
    let (word, rest) = split_word(line);
    let Some(key_type) = KeyType::named(word.as_bytes()) else { return Err(unknown_word(word, rest)) };
    if matches!(key_type, KeyType::Dsa) && !rules.dsa {
        return Err(weak_dsa());
    }
    let (base64, rest) = split_word(rest);
    let blob = Base64::decode_vec(base64).map_err(|_| Side::Public.malformed(BASE64))?;
    if Reader::new(&blob, Side::Public).string()? != word.as_bytes() {
        return Err(Side::Public.type_mismatch("the type before the key is not the type inside it"));
    }
    let key = of_blob(&blob, rules)?;
    Ok((key, comment(rest.as_bytes(), Side::Public)?))
}

/// The one line of the text, without the blanks around it.
fn one_line(text: &str) -> Result<&str, Fault> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() {
        return Err(Side::Public.malformed("the public key is empty"));
    }
    let lines = 1 + text.matches('\n').count();
    if lines > 1 {
        let message = format!("there are {lines} lines: send one key as one line");
        return Err(Fault::new(Reason::PublicKeyMultipleKeys, message));
    }
    Ok(text)
}

/// The first word, and what follows the blanks after it.
fn split_word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

/// Why a line that does not start with a type we take is refused.
fn unknown_word(word: &str, rest: &str) -> Fault {
    if starts_options(word) || rest.split([' ', '\t']).any(|w| KeyType::named(w.as_bytes()).is_some()) {
        let message = "options before the key are not taken: send the key without them";
        return Fault::new(Reason::PublicKeyOptionsNotAllowed, message);
    }
    if is_type_like(word) || rest.starts_with("AAAA") {
        return Side::Public.unsupported_type();
    }
    Side::Public.malformed("the public key is not an OpenSSH line: type, base64, comment")
}

/// Options of an authorized_keys line have an argument in quotes, or are one of these words.
fn starts_options(word: &str) -> bool {
    const FLAGS: [&str; 4] = ["no-", "restrict", "cert-authority", "agent-forwarding"];
    word.contains("=\"") || word.contains(',') || FLAGS.iter().any(|flag| word.starts_with(flag))
}

/// Reads like the name of a key type, or of a signature algorithm that was taken for one.
fn is_type_like(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    word.contains('@') || ["ssh-", "ecdsa-", "sk-", "rsa-", "x509"].iter().any(|start| lower.starts_with(start))
}

const BASE64: &str = "the base64 of the key is wrong: it is cut off, unpadded, or holds other characters";
