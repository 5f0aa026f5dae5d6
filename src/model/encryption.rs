//! What protects a private half: what a caller may ask for, and what was done. Mixes that make no sense cannot be
//! made.

use crate::error::{Reason, Violation};

/// `default`: the service's own keyring. `kms`: a named key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncryptionMode {
    /// The service's own keyring.
    Default,
    /// A named key.
    Kms,
}

impl EncryptionMode {
    /// The word of the config and of stored bytes' documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Kms => "kms",
        }
    }
}

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptionChoice {
    /// Nothing said: the project's default.
    Unsaid,
    /// The service's own keyring.
    Default,
    /// This named key.
    Kms(KeyChoice),
}

/// A key of a key-management service, as a caller names it. At least one of both is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChoice {
    /// Such as `kps/default`.
    pub name: Option<String>,
    /// `BACKEND:ID`, or `ID` where there is one back end.
    pub id: Option<String>,
}

impl KeyChoice {
    /// Checks a key name and id that came in below `field`. A name: 1 to 255 of letters, digits, `-` `_` `.` and `/`,
    /// no empty, `.` or `..` segment.
    pub fn parse(field: &str, name: &str, id: &str) -> Result<Self, Violation> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let bad_name = name.len() > 255
            || !name.chars().all(fits)
            || (!name.is_empty() && name.split('/').any(|s| matches!(s, "" | "." | "..")));
        if bad_name {
            let message =
                "must be 1 to 255 of letters, digits, '-', '_', '.' and '/', without empty, '.' or '..' segments";
            return Err(Violation::new(format!("{field}.kms_key_name"), Reason::KmsKeyNameInvalid, message));
        }
        if id.len() > 255 || !id.chars().all(|c| c.is_ascii_graphic()) {
            let message = "must be at most 255 printable ASCII characters";
            return Err(Violation::new(format!("{field}.kms_key_id"), Reason::KmsKeyNameInvalid, message));
        }
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match (set(name), set(id)) {
            (None, None) => {
                let message = "encryption type KMS needs kms_key_name or kms_key_id";
                Err(Violation::new(format!("{field}.kms_key_name"), Reason::KmsKeyRequired, message))
            }
            (name, id) => Ok(Self { name, id }),
        }
    }
}

/// What seals a private half now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBy {
    /// Under which mode.
    pub mode: EncryptionMode,
    /// The back end's configured name.
    pub backend: String,
    /// The key's name there.
    pub key_name: String,
    /// The key's id there.
    pub key_id: String,
    /// The key's version there.
    pub key_version: String,
}
