//! The smaller texts of a key pair: project, description, labels, owner.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Reason, Violation};
use crate::plain::is_plain;

/// The tenant: `[a-z0-9][a-z0-9-]{0,62}`; empty in a request means `default`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId(String);

impl ProjectId {
    /// The project that an empty id means, and that `Default` gives.
    pub const DEFAULT: &str = "default";

    /// Checks a project id that came in as `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let text = if text.is_empty() { Self::DEFAULT } else { text };
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.len() > 63 || text.starts_with('-') || !text.bytes().all(fits) {
            let message = "must be 1 to 63 of a-z, 0-9 and '-', not starting with '-'";
            return Err(Violation::new(field, Reason::ProjectIdInvalid, message));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ProjectId {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// At most 140 code points of plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// From a stored row, whose MAC says that it was checked when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Checks a description that came in as `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match bounded(text, 140) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(message) => Err(Violation::new(field, Reason::DescriptionInvalid, message)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// To whom a pair belongs: `[A-Za-z0-9._@:-]{0,64}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserId(String);

impl UserId {
    /// From a stored row, whose MAC says that it was checked when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Checks a user id that came in as `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b':' | b'-');
        if text.len() > 64 || !text.bytes().all(fits) {
            let message = "must be at most 64 of A-Z, a-z, 0-9, '.', '_', '@', ':' and '-'";
            return Err(Violation::new(field, Reason::UserIdInvalid, message));
        }
        Ok(Self(text.to_owned()))
    }

    /// It belongs to nobody in particular.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 20; key 1 to 63, value 0 to 127 code points of plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// From a stored row, whose MAC says that it was checked when it was written.
    pub(crate) fn stored(labels: BTreeMap<String, String>) -> Self {
        Self(labels)
    }

    /// Checks labels that came in as `field`: every fault of every label.
    pub fn parse(field: &str, labels: BTreeMap<String, String>) -> Result<Self, Vec<Violation>> {
        let mut faults = Vec::new();
        if labels.len() > 20 {
            faults.push(Violation::new(field, Reason::LabelsInvalid, "there may be at most 20 labels"));
        }
        for (key, value) in labels.iter().take(20) {
            let bad_key = match bounded(key, 63) {
                _ if key.is_empty() => Some("the key must not be empty".to_owned()),
                bounded => bounded.err().map(|message| format!("the key {message}")),
            };
            // A long key that is none is not told back: it may be anything, a private key in the wrong field too.
            let shown = if bad_key.is_some() && key.len() > 8 { "..." } else { key };
            let path = format!("{field}[{}]", shown.escape_debug());
            if let Some(message) = bad_key {
                faults.push(Violation::new(&path, Reason::LabelsInvalid, message));
            }
            if let Err(message) = bounded(value, 127) {
                faults.push(Violation::new(&path, Reason::LabelsInvalid, format!("the value {message}")));
            }
        }
        if faults.is_empty() { Ok(Self(labels)) } else { Err(faults) }
    }

    /// The labels.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Takes the text out of a checked one, where it is not needed any more.
macro_rules! into_text {
    ($($checked:ident),+) => {$(
        impl From<$checked> for String {
            fn from(checked: $checked) -> Self {
                checked.0
            }
        }
    )+};
}

into_text!(ProjectId, Description, UserId);

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

/// At most `limit` code points, plain text.
pub(super) fn bounded(text: &str, limit: usize) -> Result<(), String> {
    if text.len() > 4 * limit || text.chars().count() > limit {
        return Err(format!("must have at most {limit} code points"));
    }
    match is_plain(text) {
        true => Ok(()),
        false => Err("must hold no control characters and no invisible ones".into()),
    }
}
