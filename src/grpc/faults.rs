//! What is wrong with a request, gathered field by field and told all at once.

use crate::error::{Class, Error, Result, Violation};
use crate::service::Read;

/// Gathers what is wrong with a request, and tells it all at once.
#[derive(Default)]
pub(super) struct Faults {
    invalid: Vec<Violation>,
    /// Wrong only after all arguments are right, such as a missing passphrase.
    later: Option<Error>,
}

impl Faults {
    pub(super) fn take<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|violation| self.add(violation)).ok()
    }

    pub(super) fn add(&mut self, violation: Violation) {
        match violation.reason.class() {
            Class::InvalidArgument => self.invalid.push(violation),
            _ => self.later = Some(Error::violations(vec![violation])),
        }
    }

    /// Adds what is not told yet: two clouds may say the same of one field.
    pub(super) fn add_once(&mut self, violation: Violation) {
        if !self.invalid.contains(&violation) {
            self.add(violation);
        }
    }

    /// A key that was read; an error that has nothing to do with it is told when nothing else is wrong.
    pub(super) fn key<Key>(&mut self, read: Result<Read<Key>>) -> Option<(Key, String)> {
        read.map_err(|error| self.later = Some(error)).ok().and_then(|read| self.take(read))
    }

    /// All is well, or everything that is not.
    pub(super) fn done(self) -> Result<()> {
        match (self.invalid.is_empty(), self.later) {
            (false, _) => Err(Error::violations(self.invalid)),
            (true, Some(error)) => Err(error),
            (true, None) => Ok(()),
        }
    }
}

/// A part that a fault left out; `Faults::done` has refused by then.
pub(super) fn part<T>(checked: Option<T>) -> Result<T> {
    checked.ok_or_else(|| Error::internal("a checked part is missing"))
}
