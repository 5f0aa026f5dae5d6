//! What clouds put into JSON in more than one form, and what must not be copied on its way out of it.
//!
//! For `#[serde(deserialize_with = "...")]`; all of it reads from bytes that are all there, as every answer is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secret::SecretText;

/// `null` is nothing.
pub(super) fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A whole number, also as text; `null` is 0.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    from.deserialize_any(Number)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom("too large"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        text.parse().map_err(|_| E::custom("no whole number"))
    }

    fn visit_unit<E>(self) -> Result<i64, E> {
        Ok(0)
    }
}

/// A secret text; `null` and `""` are none. serde_json unescapes texts into a buffer that is not wiped, so this does it.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretText>, D::Error> {
    let Some(raw) = Option::<&RawValue>::deserialize(from)? else { return Ok(None) };
    let quoted = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = quoted.and_then(unescaped).ok_or_else(|| D::Error::custom("no text"))?;
    Ok((!text.is_empty()).then(|| SecretText::from(text)))
}

/// The text between the quotes of a JSON string. It is never longer unescaped, so the buffer does not grow.
fn unescaped(quoted: &str) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(quoted.len()));
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (hex, rest) = chars.as_str().split_at_checked(4)?;
                    chars = rest.chars();
                    // Half of a surrogate pair is no char: what needs one is no key.
                    char::from_u32(u32::from_str_radix(hex, 16).ok()?)?
                }
                plain => plain, // a quote, a backslash or a slash: the JSON was read before
            },
            plain => plain,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Held {
        #[serde(default, deserialize_with = "secret")]
        key: Option<SecretText>,
        #[serde(default, deserialize_with = "number")]
        count: i64,
    }

    /// serde_json's own reading of a text is the truth.
    #[test]
    fn a_secret_is_read_as_serde_json_reads_a_text() {
        for text in [r#""""#, r#""-----BEGIN A KEY-----\nMIIE\/+=\r\n""#, r#""\u0041\u000a\"\\\b\f\t é""#, r#""a""#] {
            let json = format!("{{\"key\":{text}}}");
            let held: Held = serde_json::from_str(&json).unwrap();
            let wanted: String = serde_json::from_str(text).unwrap();
            assert_eq!(held.key.as_ref().map_or("", SecretText::expose), wanted);
        }
        for none in ["{}", r#"{"key":null}"#] {
            assert!(serde_json::from_str::<Held>(none).unwrap().key.is_none(), "{none}");
        }
        for wrong in [r#"{"key":1}"#, r#"{"key":["a"]}"#, r#"{"key":"\ud83d\ude00"}"#, r#"{"key":"\u00"}"#] {
            assert!(serde_json::from_str::<Held>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_may_be_a_text() {
        let count = |json: &str| serde_json::from_str::<Held>(json).ok().map(|held| held.count);
        assert_eq!(count(r#"{"count":"-7"}"#), Some(-7));
        assert_eq!(count(r#"{"count":7}"#), Some(7));
        assert_eq!(count(r#"{"count":null}"#), Some(0));
        assert_eq!([r#"{"count":"a"}"#, r#"{"count":1.5}"#, r#"{"count":18446744073709551615}"#].map(count), [None; 3]);
    }
}
