//! A section of a list or of named things, while it is read: what it needs, and what has no place in it.
//!
//! Promise: a key that is set but does not fit has had its fault, and is not told to be missing as well.

use super::check;
use super::fault::Origin;
use super::secret::Secret;
use super::settings::{Found, Settings};
use crate::model::ProviderKind;

/// A section that is read: its path, and where it stands.
pub(super) struct Section {
    pub(super) path: String,
    pub(super) origin: Origin,
}

impl Section {
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// The value of a key that the section cannot do without.
    pub(super) fn needs<T>(&self, settings: &mut Settings, name: &str, found: Option<Found<T>>) -> Option<T> {
        let key = self.key(name);
        if found.is_none() && !settings.is_set(&key) {
            settings.fault(&key, &self.origin, "is needed in this section; set it");
        }
        found.map(|found| found.value)
    }

    /// As `needs`, for a secret, which its file may hold.
    pub(super) fn needs_secret(
        &self,
        settings: &mut Settings,
        name: &str,
        found: Option<Found<Secret>>,
    ) -> Option<Secret> {
        if found.is_none() && !self.has_secret(settings, name) {
            let message = format!("is needed in this section; set it, or {name}_file");
            settings.fault(&self.key(name), &self.origin, message);
        }
        found.map(|found| found.value)
    }

    /// Whether a secret is set, fitting or not.
    pub(super) fn has_secret(&self, settings: &Settings, name: &str) -> bool {
        settings.is_set(&self.key(name)) || settings.is_set(&self.key(&format!("{name}_file")))
    }

    /// A key that does not go with the rest of the section.
    pub(super) fn has_no_use_for<T>(&self, settings: &mut Settings, name: &str, found: Option<&Found<T>>, why: &str) {
        if let Some(found) = found {
            settings.fault(&self.key(name), &found.origin, format!("{why}; remove it"));
        }
    }

    /// The value of a key that only one cloud knows. `has` is the cloud of the section, if that is known.
    pub(super) fn only_for<T>(
        &self,
        settings: &mut Settings,
        name: &str,
        found: Option<Found<T>>,
        (wanted, has): (ProviderKind, Option<ProviderKind>),
    ) -> Option<T> {
        if has.is_some_and(|has| has != wanted) {
            self.has_no_use_for(settings, name, found.as_ref(), &format!("is for {} alone", wanted.as_str()));
            return None;
        }
        found.map(|found| found.value)
    }

    /// The key `region`: it goes into host names, and into what is signed.
    pub(super) fn region(&self, settings: &mut Settings) -> Option<Found<String>> {
        let key = self.key("region");
        settings.text(&key).and_then(|found| check::region(settings, &key, found))
    }
}
