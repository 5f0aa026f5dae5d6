//! The store in memory: for tests and trials. Nothing survives the process.
//!
//! Promise: beside durability, everything that the port promises. It knows no file.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::plan::{self, Group, Kv};
use super::read::{self, Walk};
use super::{Change, Depth, Entry, Finding, Limit, Lookup, Note, Noted, Page, Query, Row, RowMac, Store, check};
use crate::error::Result;

/// Rows in a map.
pub struct MemoryStore {
    mac: RowMac,
    rows: RwLock<Rows>,
}

/// Keys and values, as an engine keeps them.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

impl MemoryStore {
    /// An empty store.
    pub fn new(mac: RowMac) -> Self {
        Self { mac, rows: RwLock::default() }
    }

    /// Lets a test damage rows.
    #[doc(hidden)]
    pub fn tamper(&self, change: impl FnOnce(&mut Rows)) {
        change(&mut self.rows.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries(&self) -> Vec<Result<Entry>> {
        check::entries(&*self.rows(), &self.mac).collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, lookup: Lookup<'_>, with_envelope: bool) -> Result<Option<Row>> {
        read::find(&*self.rows(), &self.mac, &lookup, with_envelope)
    }

    async fn note(&self, note: Note<'_>) -> Result<Noted> {
        read::note(&*self.rows(), &self.mac, &note)
    }

    async fn scan(&self, query: Query<'_>, limit: Limit) -> Result<Page> {
        let mut walk = Walk::new(&query, limit);
        walk.step(&*self.rows(), &self.mac, usize::MAX)?;
        Ok(walk.into_page())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let steps = plan::prepare(&self.mac, changes)?;
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let mut group = Group::new(&*rows, &self.mac);
        group.admit(steps)?;
        for (key, value) in group.into_writes() {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }

    async fn export(&self, sink: Sender<Result<Entry>>) -> Result<()> {
        for entry in self.entries() {
            if sink.send(entry).await.is_err() {
                break; // nobody listens any more
            }
        }
        Ok(())
    }

    async fn check(&self, depth: Depth) -> Result<Vec<Finding>> {
        match depth {
            Depth::Probe => Ok(Vec::new()),
            Depth::Full => check::full(&*self.rows(), &self.mac),
        }
    }
}

impl Kv for Rows {
    type Bytes = Vec<u8>;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn range<'s>(&'s self, from: &[u8], to: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + use<'s> {
        let rows = BTreeMap::range::<[u8], _>(self, (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        rows.map(|(key, value)| Ok((key.clone(), value.clone())))
    }

    fn range_back<'s>(&'s self, from: &[u8], to: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + use<'s> {
        let rows = BTreeMap::range::<[u8], _>(self, (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        rows.rev().map(|(key, value)| Ok((key.clone(), value.clone())))
    }
}
