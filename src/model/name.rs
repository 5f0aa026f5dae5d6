//! The name of a key pair: one grammar for `name`; each cloud's own grammar is data of its dialect.

use std::fmt;

use unicode_normalization::is_nfc;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::KeyPairId;
use crate::error::{Reason, Violation};

/// 1 to 255 code points: letters of any script, digits, `-` `_` `/` `.`, in NFC; first a letter, digit, `-` or `_`;
/// no empty, `.` or `..` segment between slashes; not of the form of an id. Case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPairName(String);

impl KeyPairName {
    /// Checks a name that came in as `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some((reason, message)) => Err(Violation::new(field, reason, message)),
        }
    }

    /// From a stored row, whose MAC says that it was checked when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<KeyPairName> for String {
    fn from(name: KeyPairName) -> Self {
        name.0
    }
}

impl fmt::Display for KeyPairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fault(text: &str) -> Option<(Reason, String)> {
    let first = match text.chars().next() {
        None => return Some((Reason::NameEmpty, "must not be empty".into())),
        Some(first) => first,
    };
    // Bytes first: counting the code points of a huge text is work for nothing.
    if text.len() > 4 * LIMIT || text.chars().count() > LIMIT {
        return Some((Reason::NameTooLong, format!("must have at most {LIMIT} code points")));
    }
    if let Some((at, illegal)) = text.chars().enumerate().find(|(_, c)| !is_allowed(*c)) {
        let message = format!(
            "character {} (U+{:04X}) is not allowed: use letters, digits, '-', '_', '/' and '.'",
            at + 1,
            u32::from(illegal)
        );
        return Some((Reason::NameIllegalChar, message));
    }
    if !is_nfc(text) {
        return Some((Reason::NameIllegalChar, "must be in Unicode normalisation form C".into()));
    }
    if matches!(first, '/' | '.') {
        return Some((Reason::NameBadStart, "must start with a letter, a digit, '-' or '_'".into()));
    }
    if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Some((Reason::NameBadSegment, "must have no empty, '.' or '..' segment between slashes".into()));
    }
    if KeyPairId::parse(text).is_some() {
        return Some((Reason::NameLooksLikeId, "must not have the form of an id".into()));
    }
    None
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_' | '/' | '.')
        || (!c.is_ascii()
            && (c.general_category_group() == GeneralCategoryGroup::Letter
                || c.general_category() == GeneralCategory::DecimalNumber))
}

const LIMIT: usize = 255;
