//! What a commit does to the rows: guards checked, indexes and counters kept in step. The same for every engine.
//!
//! Promise: a refused commit leaves no trace in its group; an admitted one leaves every index, counter and due entry
//! true if it was true before. It knows no engine and does no I/O of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::record::{ENVELOPE_LIMIT, corrupt};
use super::{Change, EnvelopeChange, RequestKey, RowMac, StoredRequest, keys};
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, KeyPairId, KeyPairState, PrivateKeyState, ProjectId};

/// Rows to read: ascending by key, as they are now.
pub(super) trait Kv {
    /// A key or a value.
    type Bytes: AsRef<[u8]>;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Self::Bytes>>;

    /// The rows from `from` up to, not with, `to`.
    fn range<'s>(
        &'s self,
        from: &[u8],
        to: &[u8],
    ) -> impl Iterator<Item = Result<(Self::Bytes, Self::Bytes)>> + use<'s, Self>;

    /// The same rows from the last one down.
    fn range_back<'s>(
        &'s self,
        from: &[u8],
        to: &[u8],
    ) -> impl Iterator<Item = Result<(Self::Bytes, Self::Bytes)>> + use<'s, Self>;
}

/// Rows to write; `None` removes one.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A change with everything done that needs no look at the store: rows sealed, sizes checked, keys hashed.
pub(super) enum Step {
    Insert { new: Sealed, envelope: Option<Vec<u8>>, quota: Option<u64> },
    Replace { new: Sealed, envelope: EnvelopeChange, quota: Option<u64> },
    Remove { project: ProjectId, id: KeyPairId, revision: u64 },
    Remember { key: Vec<u8>, row: Vec<u8>, due: Vec<u8> },
    Forget { due: Vec<u8> },
}

/// A pair with its sealed row and its fingerprint.
pub(super) struct Sealed {
    pair: Box<KeyPair>,
    row: Vec<u8>,
    print: [u8; 32],
}

/// Prepares a commit, on the caller's thread. `INTERNAL` when a row is too large or contradicts itself.
pub(super) fn prepare(mac: &RowMac, changes: Vec<Change>) -> Result<Vec<Step>> {
    changes.into_iter().map(|change| step(mac, change)).collect()
}

fn step(mac: &RowMac, change: Change) -> Result<Step> {
    Ok(match change {
        Change::Insert { pair, envelope, quota } => {
            within_limit(envelope.as_deref())?;
            if envelope.is_some() != (pair.private_key_state == PrivateKeyState::Stored) {
                return Err(Error::internal(format!("{}: sealed half and private_key_state differ", pair.id)));
            }
            Step::Insert { new: sealed(mac, pair)?, envelope, quota }
        }
        Change::Replace { pair, envelope, quota } => {
            if let EnvelopeChange::Put(bytes) = &envelope {
                within_limit(Some(bytes))?;
            }
            Step::Replace { new: sealed(mac, pair)?, envelope, quota }
        }
        Change::Remove { project, id, revision } => Step::Remove { project, id, revision },
        Change::Remember(key, request) => remember(mac, &key, &request)?,
        Change::Forget(due) => Step::Forget { due },
    })
}

fn sealed(mac: &RowMac, pair: Box<KeyPair>) -> Result<Sealed> {
    if pair.deleted.is_some() != (pair.state == KeyPairState::Deleted) {
        return Err(Error::internal(format!("{}: state and delete time differ", pair.id)));
    }
    if pair.sealed_by.is_some() != (pair.private_key_state == PrivateKeyState::Stored) {
        return Err(Error::internal(format!("{}: sealed_by and private_key_state differ", pair.id)));
    }
    Ok(Sealed { row: mac.seal_pair(&pair)?, print: pair.public.sha256(), pair })
}

fn remember(mac: &RowMac, key: &RequestKey, request: &StoredRequest) -> Result<Step> {
    let key = keys::request(key);
    Ok(Step::Remember { row: mac.seal_request(&key, request)?, due: keys::due(request.expire, &key), key })
}

fn within_limit(envelope: Option<&[u8]>) -> Result<()> {
    match envelope.map(<[u8]>::len) {
        Some(len) if len > ENVELOPE_LIMIT => Err(Error::internal(format!("a sealed half has {len} bytes"))),
        _ => Ok(()),
    }
}

/// Commits that become durable together.
pub(super) struct Group<'a, K> {
    base: &'a K,
    mac: &'a RowMac,
    writes: Writes,
}

impl<'a, K: Kv> Group<'a, K> {
    /// An empty group over what is stored.
    pub(super) fn new(base: &'a K, mac: &'a RowMac) -> Self {
        Self { base, mac, writes: Writes::new() }
    }

    /// Takes a commit in, wholly; or refuses it, and nothing of it stays.
    pub(super) fn admit(&mut self, steps: Vec<Step>) -> Result<()> {
        let mut draft = Draft { group: self, writes: Writes::new() };
        for step in steps {
            draft.apply(step)?;
        }
        let writes = draft.writes;
        self.writes.extend(writes);
        Ok(())
    }

    /// What the group does.
    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}

/// One commit on its way into a group.
struct Draft<'d, 'a, K> {
    group: &'d Group<'a, K>,
    writes: Writes,
}

impl<K: Kv> Draft<'_, '_, K> {
    fn apply(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Insert { new, envelope, quota } => self.insert(new, envelope, quota),
            Step::Replace { new, envelope, quota } => self.replace(new, envelope, quota),
            Step::Remove { project, id, revision } => self.remove(&project, id, revision),
            Step::Remember { key, row, due } => self.remember(key, row, due),
            Step::Forget { due } => self.forget(due),
        }
    }

    fn insert(&mut self, new: Sealed, envelope: Option<Vec<u8>>, quota: Option<u64>) -> Result<()> {
        let Sealed { pair, row, print } = new;
        let (place, short) = (keys::pair(&pair.project, pair.id), keys::short(pair.short_id));
        if pair.is_live() {
            self.claim_name(&pair)?;
            self.claim_print(&pair, &print)?;
        }
        if self.has(&place)? || self.has(&short)? {
            return Err(conflict("the id or the short id is taken"));
        }
        if pair.is_live() {
            self.count_up(&pair.project, quota)?;
        }
        self.put(short, keys::short_value(&pair.project, pair.id));
        for entry in keys::pair_due(&pair).into_iter().chain(keys::pair_open(&pair)) {
            self.put(entry, Vec::new());
        }
        if let Some(envelope) = envelope {
            self.put(keys::sibling(&place, keys::ENVELOPE), envelope);
        }
        self.put(place, row);
        Ok(())
    }

    fn replace(&mut self, new: Sealed, envelope: EnvelopeChange, quota: Option<u64>) -> Result<()> {
        let Sealed { pair, row, print } = new;
        let old = self.guarded(&pair.project, pair.id, pair.revision.wrapping_sub(1))?;
        let old_print = old.public.sha256();
        if old.short_id != pair.short_id || (old_print != print && !old.awaits_key()) {
            return Err(Error::internal(format!("{}: its key or short id would change", pair.id)));
        }
        let was_stored = old.private_key_state == PrivateKeyState::Stored;
        let stays =
            matches!(envelope, EnvelopeChange::Put(_)) || (was_stored && matches!(envelope, EnvelopeChange::Keep));
        if stays != (pair.private_key_state == PrivateKeyState::Stored) {
            return Err(Error::internal(format!("{}: sealed half and private_key_state would differ", pair.id)));
        }
        let renamed = old.name != pair.name;
        if old.is_live() && (!pair.is_live() || renamed) {
            self.remove_row(keys::name(&old.project, &old.name));
        }
        if pair.is_live() && (!old.is_live() || renamed) {
            self.claim_name(&pair)?;
        }
        match (old.is_live(), pair.is_live()) {
            (true, false) => {
                self.remove_row(keys::print(&old.project, &old_print));
                self.count_down(&pair.project)?;
            }
            (false, true) => {
                self.claim_print(&pair, &print)?;
                self.count_up(&pair.project, quota)?;
            }
            // The cloud has made the key that the row was waiting for.
            (true, true) if old_print != print => {
                self.remove_row(keys::print(&old.project, &old_print));
                self.claim_print(&pair, &print)?;
            }
            _ => {}
        }
        self.move_entry(keys::pair_due(&old), keys::pair_due(&pair));
        self.move_entry(keys::pair_open(&old), keys::pair_open(&pair));
        match envelope {
            EnvelopeChange::Keep => {}
            EnvelopeChange::Put(bytes) => self.put(keys::envelope(&pair.project, pair.id), bytes),
            EnvelopeChange::Remove => self.remove_row(keys::envelope(&pair.project, pair.id)),
        }
        self.put(keys::pair(&pair.project, pair.id), row);
        Ok(())
    }

    /// An entry of the time index goes from one time to another.
    fn move_entry(&mut self, old: Option<Vec<u8>>, new: Option<Vec<u8>>) {
        if old != new {
            old.into_iter().for_each(|entry| self.remove_row(entry));
            new.into_iter().for_each(|entry| self.put(entry, Vec::new()));
        }
    }

    fn remove(&mut self, project: &ProjectId, id: KeyPairId, revision: u64) -> Result<()> {
        let old = self.guarded(project, id, revision)?;
        if old.is_live() {
            self.remove_row(keys::name(project, &old.name));
            self.remove_row(keys::print(project, &old.public.sha256()));
            self.count_down(project)?;
        }
        keys::pair_due(&old).into_iter().chain(keys::pair_open(&old)).for_each(|entry| self.remove_row(entry));
        self.remove_row(keys::short(old.short_id));
        self.remove_row(keys::envelope(project, id));
        self.remove_row(keys::pair(project, id));
        Ok(())
    }

    fn remember(&mut self, key: Vec<u8>, row: Vec<u8>, due: Vec<u8>) -> Result<()> {
        if self.has(&key)? {
            return Err(conflict("the request id is remembered already"));
        }
        self.put(due, Vec::new());
        self.put(key, row);
        Ok(())
    }

    /// A request that was forgotten and remembered anew has another due entry: the old one is gone, and so nothing
    /// happens.
    fn forget(&mut self, due: Vec<u8>) -> Result<()> {
        let Some((_, request)) = keys::due_parts(&due).filter(|(_, row)| row.first() == Some(&keys::REQUEST)) else {
            return Err(Error::internal("what to forget is not a remembered request"));
        };
        if self.has(&due)? {
            self.remove_row(request.to_vec());
            self.remove_row(due);
        }
        Ok(())
    }

    /// The stored pair, if it has this revision.
    fn guarded(&self, project: &ProjectId, id: KeyPairId, revision: u64) -> Result<KeyPair> {
        let row = self.get(&keys::pair(project, id))?.ok_or_else(|| conflict("the key pair is gone"))?;
        let pair = self.group.mac.open_pair(project, id, &row)?;
        if pair.revision == revision { Ok(pair) } else { Err(conflict("another call changed the key pair meanwhile")) }
    }

    fn claim_name(&mut self, pair: &KeyPair) -> Result<()> {
        let key = keys::name(&pair.project, &pair.name);
        if let Some(holder) = self.get(&key)? {
            let message = format!("the name {} is taken in project {}", pair.name, pair.project);
            let error = Error::new(Reason::NameExists, message).with_fact("existing_name", pair.name.as_str());
            let error = error.with_resource("keypairs.v1.KeyPair", pair.name.as_str());
            return Err(with_id(error, keys::id(&holder)));
        }
        self.put(key, pair.id.as_bytes().to_vec());
        Ok(())
    }

    fn claim_print(&mut self, pair: &KeyPair, print: &[u8; 32]) -> Result<()> {
        let key = keys::print(&pair.project, print);
        if let Some(holder) = self.get(&key)? {
            let id = keys::id(&holder);
            let name = id.and_then(|id| Some(self.pair(&pair.project, id)?.name.as_str().to_owned()));
            let message = match &name {
                Some(name) => format!("project {} has this key under the name {name}", pair.project),
                None => format!("project {} has this key under another name", pair.project),
            };
            let error = with_id(Error::new(Reason::PublicKeyExists, message), id);
            return Err(match name {
                Some(name) => error.with_resource("keypairs.v1.KeyPair", &name).with_fact("existing_name", name),
                None => error,
            });
        }
        self.put(key, pair.id.as_bytes().to_vec());
        Ok(())
    }

    /// A pair that only its name is wanted of: a damaged one is none.
    fn pair(&self, project: &ProjectId, id: KeyPairId) -> Option<KeyPair> {
        let row = self.get(&keys::pair(project, id)).ok()??;
        self.group.mac.open_pair(project, id, &row).ok()
    }

    fn count_up(&mut self, project: &ProjectId, quota: Option<u64>) -> Result<()> {
        let count = self.count(project)?;
        if let Some(quota) = quota.filter(|quota| count >= *quota) {
            let message =
                format!("project {project} holds {count} key pairs and may hold {quota}: delete some, or ask for more");
            return Err(
                Error::new(Reason::QuotaExceeded, message).with_resource("keypairs.v1.Project", project.as_str())
            );
        }
        self.set_count(project, count + 1)
    }

    fn count_down(&mut self, project: &ProjectId) -> Result<()> {
        let count = self.count(project)?;
        self.set_count(project, count.saturating_sub(1))
    }

    fn count(&self, project: &ProjectId) -> Result<u64> {
        let Some(row) = self.get(&keys::count(project))? else { return Ok(0) };
        self.group.mac.open_count(project, &row).ok_or_else(|| count_corrupt(project))
    }

    /// A project that holds nothing has no counter.
    fn set_count(&mut self, project: &ProjectId, count: u64) -> Result<()> {
        let row = if count == 0 { None } else { Some(self.group.mac.seal_count(project, count)?) };
        self.writes.insert(keys::count(project), row);
        Ok(())
    }

    fn has(&self, key: &[u8]) -> Result<bool> {
        Ok(self.get(key)?.is_some())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        match self.writes.get(key).or_else(|| self.group.writes.get(key)) {
            Some(written) => Ok(written.as_deref().map(Cow::Borrowed)),
            None => Ok(self.group.base.get(key)?.map(|value| Cow::Owned(value.as_ref().to_vec()))),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    fn remove_row(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }
}

/// The error of a damaged counter.
pub(super) fn count_corrupt(project: &ProjectId) -> Error {
    let message = format!("the counter of project {project} is damaged: run `keypairs store verify`, restore a backup");
    Error::new(Reason::RecordCorrupt, message)
}

fn conflict(detail: &str) -> Error {
    Error::new(Reason::Conflict, "another call changed the same key pair meanwhile: try again").with_detail(detail)
}

fn with_id(error: Error, id: Option<KeyPairId>) -> Error {
    match id {
        Some(id) => error.with_fact("existing_id", id.to_string()),
        None => error,
    }
}

/// The error of a pair whose index entry points astray.
pub(super) fn astray(id: KeyPairId) -> Error {
    corrupt(id, "an index entry points to a row that does not have it")
}
