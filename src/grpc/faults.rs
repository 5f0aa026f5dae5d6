//! What is wrong with a request, gathered field by field and told all at once.

use crate::error::{Error, Result, Violation};
use crate::sshkey::Fault;

/// Gathers what is wrong with a request, and tells it all at once.
#[derive(Default)]
pub(super) struct Faults {
    invalid: Vec<Violation>,
    /// Wrong only after all arguments are right, such as a missing passphrase.
    later: Option<Violation>,
}

impl Faults {
    pub(super) fn take<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|violation| self.add(violation)).ok()
    }

    pub(super) fn add(&mut self, violation: Violation) {
        match violation.reason.class() {
            crate::error::Class::InvalidArgument => self.invalid.push(violation),
            _ => self.later = Some(violation),
        }
    }

    pub(super) fn key<T>(&mut self, field: &str, parsed: Result<T, Fault>) -> Option<T> {
        self.take(parsed.map_err(|fault| Violation::new(field, fault.reason, fault.message)))
    }

    /// All is well, or everything that is not.
    pub(super) fn done(self) -> Result<()> {
        match (self.invalid.is_empty(), self.later) {
            (false, _) => Err(Error::violations(self.invalid)),
            (true, Some(violation)) => Err(Error::violations(vec![violation])),
            (true, None) => Ok(()),
        }
    }
}

/// A part that a fault left out; `Faults::done` has refused by then.
pub(super) fn part<T>(checked: Option<T>) -> Result<T> {
    checked.ok_or_else(|| Error::internal("a checked part is missing"))
}
