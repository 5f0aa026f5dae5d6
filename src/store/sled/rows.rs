//! sled's rows as a reader sees them: under the watchdog's eye, panics caught, and of a group in flight the rows from
//! before it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sled::IVec;

use super::gate::Before;
use super::watch::Board;
use super::{Alarm, Fatal};
use crate::error::{Error, Reason, Result};
use crate::store::plan::Kv;

/// One reader's view of the tree.
pub(super) struct Rows<'a> {
    tree: &'a sled::Tree,
    board: &'a Board,
    alarm: &'a Alarm,
    before: Option<&'a Before>,
    read: Option<&'a RefCell<Before>>,
}

impl<'a> Rows<'a> {
    /// Everything, what is not durable yet too.
    pub(super) fn new(tree: &'a sled::Tree, board: &'a Board, alarm: &'a Alarm) -> Self {
        Self { tree, board, alarm, before: None, read: None }
    }

    /// Single rows as they were before the group in flight. Ranges still see it.
    pub(super) fn before(self, before: Option<&'a Before>) -> Self {
        Self { before, ..self }
    }

    /// Keeps the single rows that are read, and does not read them again: for the committer, which alone writes, and
    /// wants them once more when it applies a group.
    pub(super) fn keeping(self, read: &'a RefCell<Before>) -> Self {
        Self { read: Some(read), ..self }
    }

    fn guarded<T>(&self, work: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        let _mark = self.board.mark();
        guarded(self.alarm, work)
    }
}

impl<'k> Kv for Rows<'k> {
    type Bytes = IVec;

    fn get(&self, key: &[u8]) -> Result<Option<IVec>> {
        if let Some(row) = self.before.and_then(|before| before.get(key)) {
            return Ok(row.clone());
        }
        if let Some(row) = self.read.and_then(|read| read.borrow().get(key).cloned()) {
            return Ok(row);
        }
        let row = self.guarded(|| self.tree.get(key))?;
        if let Some(read) = self.read {
            read.borrow_mut().insert(key.to_vec(), row.clone());
        }
        Ok(row)
    }

    fn range<'s>(&'s self, from: &[u8], to: &[u8]) -> impl Iterator<Item = Result<(IVec, IVec)>> + use<'s, 'k> {
        let mut rows = self.tree.range::<&[u8], _>(from..to);
        std::iter::from_fn(move || self.guarded(|| rows.next().transpose()).transpose())
    }

    fn range_back<'s>(&'s self, from: &[u8], to: &[u8]) -> impl Iterator<Item = Result<(IVec, IVec)>> + use<'s, 'k> {
        let mut rows = self.tree.range::<&[u8], _>(from..to);
        std::iter::from_fn(move || self.guarded(|| rows.next_back().transpose()).transpose())
    }
}

/// Runs work on sled. What sled reports as damage or breaks on is fatal, and told.
pub(super) fn guarded<T>(alarm: &Alarm, work: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    caught(work).map_err(|fatal| {
        let error = unavailable(&fatal.to_string());
        alarm.raise(fatal);
        error
    })
}

/// Runs work on sled, which can break off in the middle.
pub(super) fn caught<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Fatal> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(fatal_of),
        Err(_) => Err(Fatal::Damaged("sled broke off; its message is above in the log".into())),
    }
}

/// What an error of sled means.
pub(super) fn fatal_of(error: sled::Error) -> Fatal {
    match error {
        sled::Error::Io(error) => Fatal::Io(error.to_string()),
        error => Fatal::Damaged(error.to_string()),
    }
}

/// The store does not answer.
pub(super) fn unavailable(detail: &str) -> Error {
    Error::new(Reason::StoreUnavailable, "the store does not answer: try again")
        .with_detail(detail)
        .with_retry_after(std::time::Duration::from_secs(1))
}
