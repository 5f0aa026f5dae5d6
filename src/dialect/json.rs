//! JSON objects, some with a secret in them: read without a copy that stays behind, written into a buffer that does not grow.
//!
//! serde_json unescapes strings in a buffer of its own, which is not wiped. So a secret is taken raw from the bytes it
//! came in, and unescaped straight into the memory that wipes itself.

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secret::{SecretBytes, SecretText};

/// What is wrong with a text that should be a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is not JSON.
    Syntax,
    /// It is JSON, and not what is wanted.
    Shape,
}

/// Reads an object. serde would take an array for one too, field by field.
pub fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Flaw> {
    let flaw = |error: serde_json::Error| if error.is_data() { Flaw::Shape } else { Flaw::Syntax };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(flaw)?;
        return Err(Flaw::Shape);
    }
    serde_json::from_slice(bytes).map_err(flaw)
}

/// Reads a string that is a secret; `null` is none. For `#[serde(default, deserialize_with)]`, from bytes that are read
/// with [`read`], in no struct that is flattened or untagged (serde would keep copies).
pub fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretText>, D::Error> {
    let Some(raw) = Option::<&'de RawValue>::deserialize(from)? else { return Ok(None) };
    match unescape(raw.get()) {
        Some(secret) => Ok(Some(secret)),
        None => Err(D::Error::custom("a secret must be a string")),
    }
}

/// Writes a secret. For `#[serde(serialize_with, skip_serializing_if = "Option::is_none")]`.
pub fn write_secret<S: Serializer>(secret: &Option<SecretText>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(SecretText::expose).serialize(to)
}

/// As JSON. `room`: the bytes of the secrets in it; with twice as many, and 8 KiB for what is none, the buffer does not
/// grow and leave copies behind.
pub fn to_bytes(value: &impl Serialize, room: usize) -> SecretBytes {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * room + 8 * 1024));
    #[allow(clippy::expect_used)] // a vector takes every byte, and our structs have keys that are strings
    serde_json::to_writer(&mut *bytes, value).expect("our structs are JSON");
    SecretBytes::from(bytes)
}

/// What a JSON string says. `None` when it is none; serde_json has checked all but surrogates.
fn unescape(raw: &str) -> Option<SecretText> {
    let mut rest = raw.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for, so this does not grow.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some((plain, escaped)) = rest.split_once('\\') {
        let (c, length) = escape(escaped)?;
        text.push_str(plain);
        text.push(c);
        rest = escaped.get(length..)?;
    }
    text.push_str(rest);
    Some(SecretText::from(text))
}

/// The character of an escape, and how long it is without its backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let c = match text.chars().next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return code_point(text),
        c @ ('"' | '\\' | '/') => c,
        _ => return None,
    };
    Some((c, 1))
}

/// `u` and four hex digits, or two of these for what is outside the first plane.
fn code_point(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let first = unit(1)?;
    if let Some(Ok(c)) = char::decode_utf16([first]).next() {
        return Some((c, 5));
    }
    let second = text.get(5..7).filter(|mark| *mark == "\\u").and_then(|_| unit(7))?;
    Some((char::decode_utf16([first, second]).next()?.ok()?, 11))
}
