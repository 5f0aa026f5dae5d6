//! The rules for values that the pages of the cloud state. Which pairs, projects and instances exist is not known here.

use super::action::Action;
use super::call::{Binding, Call, Filter, Tag, Wanted};
use super::code::{Code, Flaw};
use crate::dialect::Kind;

impl Call {
    /// Whether every value keeps the rules; the first that does not, as the action tells it.
    pub(super) fn checked(self) -> Result<Self, Flaw> {
        let action = self.action();
        match &self {
            Self::CreateKeyPair { key_name, tags, .. } => {
                name(action, key_name)?;
                distinct(tags)?;
            }
            Self::ImportKeyPair { key_name, public_key, tags, .. } => {
                name(action, key_name)?;
                if !public_key.trim_start().starts_with("ssh-rsa ") {
                    return Err(Code::InvalidPublicKeyMalformed.into());
                }
                distinct(tags)?;
            }
            Self::DescribeKeyPairs { wanted, limit, .. } => {
                wanted.check()?;
                if !(1..=PAGE).contains(limit) {
                    return Err(Code::InvalidParameterValueLimit.into());
                }
            }
            Self::ModifyKeyPairAttribute { key_id, key_name, description } => {
                id(KEY_ID, key_id).map_err(|()| Code::InvalidKeyPairIdMalformed)?;
                key_name.iter().try_for_each(|new| name(action, new))?;
                if description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION) {
                    let code = action.code(Kind::DescriptionInvalid);
                    return Err(Flaw::because(code, "The description cannot exceed 60 characters."));
                }
            }
            Self::DeleteKeyPairs { key_ids } => ids(key_ids)?,
            Self::AssociateInstancesKeyPairs(binding) | Self::DisassociateInstancesKeyPairs(binding) => {
                binding.check()?
            }
        }
        Ok(self)
    }
}

fn name(action: Action, name: &str) -> Result<(), Flaw> {
    let kind = match name {
        "" => Kind::NameEmpty,
        _ if name.chars().count() > NAME => Kind::NameTooLong,
        _ if !name.chars().all(is_name_char) => Kind::NameInvalid,
        _ => return Ok(()),
    };
    match action.code(kind) {
        Code::InvalidParameterValue => Err(Flaw::value("KeyName must be 1 to 25 letters, numbers and underscores.")),
        code => Err(code.into()),
    }
}

fn distinct(tags: &[Tag]) -> Result<(), Flaw> {
    let is_twice = |(place, tag): (usize, &Tag)| tags.iter().take(place).any(|other| other.key == tag.key);
    if tags.iter().any(|tag| tag.key.is_empty()) {
        return Err(Flaw::value("The key of a tag cannot be empty."));
    }
    if tags.len() > TAGS || tags.iter().enumerate().any(is_twice) {
        return Err(Flaw::value("A key pair takes at most 50 tags, each key once."));
    }
    Ok(())
}

impl Wanted {
    fn check(&self) -> Result<(), Flaw> {
        match self {
            Self::All => Ok(()),
            Self::Ids(key_ids) => ids(key_ids),
            Self::Filters(filters) if filters.len() > FILTERS => {
                Err(Flaw::new(Code::InvalidParameterValueLimitExceeded, "There may be at most 10 filters."))
            }
            Self::Filters(filters) => filters.iter().try_for_each(Filter::check),
        }
    }
}

impl Filter {
    fn check(&self) -> Result<(), Flaw> {
        match self.values() {
            0 => Err(Flaw::new(Code::InvalidFilter, "A filter has no values.")),
            count if count > FILTER_VALUES => Err(Code::InvalidFilterValueLimitExceeded.into()),
            _ => Ok(()),
        }
    }
}

impl Binding {
    fn check(&self) -> Result<(), Flaw> {
        few(&self.instance_ids)?;
        let all = self.instance_ids.iter().try_for_each(|instance| id(INSTANCE_ID, instance));
        all.map_err(|()| Code::InvalidInstanceIdMalformed)?;
        ids(&self.key_ids)
    }
}

/// Ids of key pairs, at most a hundred at a time.
fn ids(key_ids: &[String]) -> Result<(), Flaw> {
    few(key_ids)?;
    let all = key_ids.iter().try_for_each(|key_id| id(KEY_ID, key_id));
    all.map_err(|()| Code::InvalidKeyPairIdMalformed.into())
}

fn few(ids: &[String]) -> Result<(), Flaw> {
    if ids.len() > IDS {
        let message = "There may be at most 100 IDs in a request.";
        return Err(Flaw::new(Code::InvalidParameterValueLimitExceeded, message));
    }
    Ok(())
}

/// A prefix and eight of `[a-z0-9]`.
fn id(prefix: &str, id: &str) -> Result<(), ()> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let end = id.strip_prefix(prefix).ok_or(())?;
    if end.len() == 8 && end.bytes().all(fits) { Ok(()) } else { Err(()) }
}

/// Whether a name may hold a character.
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The most characters of a name; there is at least one.
pub const NAME: usize = 25;
/// The most characters of a description.
pub const DESCRIPTION: usize = 60;
/// The most pairs of a page.
pub const PAGE: u64 = 100;
/// The most pairs of an account.
pub const QUOTA: u64 = 100;
const KEY_ID: &str = "skey-";
const INSTANCE_ID: &str = "ins-";
/// The most ids in a request.
const IDS: usize = 100;
/// The cloud's limit on the tags of one resource.
const TAGS: usize = 50;
/// The cloud says that there is a limit, and not which one. These are those of its sister product's action of the same
/// name (Lighthouse), and of the other listings of this product.
const FILTERS: usize = 10;
const FILTER_VALUES: usize = 5;
