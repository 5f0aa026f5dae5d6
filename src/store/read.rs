//! What readers find: one row, a counter, a page. The same for every engine.
//!
//! Promise: an index entry is believed only when the MACed row it points to says the same; a damaged row is an error
//! for that row alone. It knows no engine.

use super::plan::{Kv, astray, count_corrupt};
use super::record::corrupt;
use super::{Item, Limit, Lookup, Note, Noted, Page, Query, Row, RowMac, keys};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::model::{Filter, KeyPair, KeyPairId, PrivateKeyState, ProjectId};

/// One row.
pub(super) fn find(kv: &impl Kv, mac: &RowMac, lookup: &Lookup<'_>, with_envelope: bool) -> Result<Option<Row>> {
    let Some(pair) = find_pair(kv, mac, lookup)? else { return Ok(None) };
    let envelope = if with_envelope { envelope(kv, &pair)? } else { None };
    Ok(Some(Row { pair, envelope }))
}

/// One of the smaller things.
pub(super) fn note(kv: &impl Kv, mac: &RowMac, note: &Note<'_>) -> Result<Noted> {
    match note {
        Note::Count(project) => match kv.get(&keys::count(project))? {
            None => Ok(Noted::Count(0)),
            Some(row) => mac.open_count(project, row.as_ref()).map(Noted::Count).ok_or_else(|| count_corrupt(project)),
        },
        Note::Total => total(kv, mac).map(Noted::Count),
        Note::Request(request) => {
            let key = keys::request(request);
            let Some(row) = kv.get(&key)? else { return Ok(Noted::Request(None)) };
            let request = mac.open_request(&key, row.as_ref());
            request.map(|request| Noted::Request(Some(request))).ok_or_else(|| {
                Error::new(Reason::RecordCorrupt, "what is remembered of this request_id is damaged: use a new one")
            })
        }
    }
}

fn total(kv: &impl Kv, mac: &RowMac) -> Result<u64> {
    let (from, to) = keys::counts();
    let mut total = 0;
    for row in kv.range(&from, &to) {
        let (key, value) = row?;
        // A damaged counter is told where it is needed; here it would hide all others.
        let project = keys::counted(key.as_ref());
        total += project.and_then(|project| mac.open_count(&project, value.as_ref())).unwrap_or(0);
    }
    Ok(total)
}

/// The sealed half of a pair; `RECORD_CORRUPT` when it must be there and is not.
pub(super) fn envelope(kv: &impl Kv, pair: &KeyPair) -> Result<Option<Vec<u8>>> {
    if pair.private_key_state != PrivateKeyState::Stored {
        return Ok(None);
    }
    match kv.get(&keys::envelope(&pair.project, pair.id))? {
        Some(bytes) => Ok(Some(bytes.as_ref().to_vec())),
        None => Err(corrupt(pair.id, "its sealed half is missing")),
    }
}

fn find_pair(kv: &impl Kv, mac: &RowMac, lookup: &Lookup<'_>) -> Result<Option<KeyPair>> {
    match lookup {
        Lookup::Id(project, id) => pair(kv, mac, project, *id),
        Lookup::Name(project, name) => {
            let Some(value) = kv.get(&keys::name(project, name))? else { return Ok(None) };
            target(kv, mac, project, value.as_ref(), |pair| pair.is_live() && pair.name == **name)
        }
        Lookup::Fingerprint(project, print) => {
            let Some(value) = kv.get(&keys::print(project, print))? else { return Ok(None) };
            target(kv, mac, project, value.as_ref(), |pair| pair.is_live() && pair.public.sha256() == *print)
        }
        Lookup::ShortId(short) => {
            let Some(value) = kv.get(&keys::short(*short))? else { return Ok(None) };
            let (project, id) = keys::short_target(value.as_ref()).ok_or_else(|| Error::internal("a short id row"))?;
            target(kv, mac, &project, id.as_bytes(), |pair| pair.short_id == *short)
        }
    }
}

fn pair(kv: &impl Kv, mac: &RowMac, project: &ProjectId, id: KeyPairId) -> Result<Option<KeyPair>> {
    match kv.get(&keys::pair(project, id))? {
        Some(row) => mac.open_pair(project, id, row.as_ref()).map(Some),
        None => Ok(None),
    }
}

/// The pair that an index value points to, if it says that it belongs there.
fn target(
    kv: &impl Kv,
    mac: &RowMac,
    project: &ProjectId,
    value: &[u8],
    belongs: impl Fn(&KeyPair) -> bool,
) -> Result<Option<KeyPair>> {
    let damaged = || Error::new(Reason::RecordCorrupt, "an index entry is damaged: restore from a backup");
    let id = keys::id(value).ok_or_else(damaged)?;
    pair(kv, mac, project, id)?.filter(belongs).map(Some).ok_or_else(|| astray(id))
}

/// A page on its way: filled step by step, so that a long one gives way to others in between.
pub(super) struct Walk<'q> {
    wanted: Wanted<'q>,
    from: Vec<u8>,
    to: Vec<u8>,
    limit: Limit,
    reads: usize,
    last: Option<KeyPairId>,
    page: Page,
}

enum Wanted<'q> {
    Project(&'q ProjectId, &'q Filter),
    Newest(&'q ProjectId),
    All,
    Due,
    Open,
}

impl<'q> Walk<'q> {
    /// At the beginning.
    pub(super) fn new(query: &Query<'q>, limit: Limit) -> Self {
        let (wanted, (from, to)) = match query {
            Query::Project { project, after, filter } => {
                (Wanted::Project(project, filter), keys::pairs_after(project, *after))
            }
            Query::Newest { project, before } => (Wanted::Newest(project), keys::pairs_before(project, *before)),
            Query::All { after } => (Wanted::All, keys::all_pairs_after(*after)),
            Query::Due(now) => (Wanted::Due, (vec![keys::DUE], keys::due_after(*now))),
            Query::Open(now) => (Wanted::Open, (vec![keys::OPEN], keys::open_after(*now))),
        };
        Self { wanted, from, to, limit, reads: 0, last: None, page: Page::default() }
    }

    /// Reads up to `budget` rows more. True when the page is done.
    pub(super) fn step(&mut self, kv: &impl Kv, mac: &RowMac, budget: usize) -> Result<bool> {
        let (from, to) = (self.from.clone(), self.to.clone());
        match self.wanted {
            Wanted::Newest(_) => self.go(kv, mac, budget, kv.range_back(&from, &to)),
            _ => self.go(kv, mac, budget, kv.range(&from, &to)),
        }
    }

    fn go<K: Kv>(
        &mut self,
        kv: &K,
        mac: &RowMac,
        budget: usize,
        rows: impl Iterator<Item = Result<(K::Bytes, K::Bytes)>>,
    ) -> Result<bool> {
        for (done, row) in rows.enumerate() {
            let (key, value) = row?;
            if self.page.items.len() >= self.limit.rows || self.reads >= self.limit.reads {
                self.end_early();
                return Ok(true);
            }
            if done == budget {
                return Ok(false);
            }
            self.reads += 1;
            self.read(kv, mac, key.as_ref(), value.as_ref())?;
            self.leave_behind(key.as_ref());
        }
        Ok(true)
    }

    /// The rest begins after this key, or ends before it.
    fn leave_behind(&mut self, key: &[u8]) {
        match self.wanted {
            Wanted::Newest(_) => self.to = key.to_vec(),
            _ => self.from = [key, &[0]].concat(), // the next key there can be
        }
    }

    /// There is more.
    fn end_early(&mut self) {
        self.page.next = self.last;
        if let Wanted::All = self.wanted {
            self.page.next_of_all = self.from.split_last().and_then(|(_, last)| keys::place(last));
        }
    }

    /// What was found.
    pub(super) fn into_page(self) -> Page {
        self.page
    }

    fn read(&mut self, kv: &impl Kv, mac: &RowMac, key: &[u8], value: &[u8]) -> Result<()> {
        let item = match &self.wanted {
            Wanted::Project(project, filter) => {
                let Some(id) = key.last_chunk::<16>().map(|id| KeyPairId::from_bytes(*id)) else { return Ok(()) };
                self.last = Some(id);
                match mac.open_pair(project, id, value) {
                    Ok(pair) => filter.wants(&pair).then(|| Item::Pair(Box::new(pair))),
                    Err(_) => Some(Item::Unreadable(id)),
                }
            }
            Wanted::Newest(project) => {
                let Some(id) = key.last_chunk::<16>().map(|id| KeyPairId::from_bytes(*id)) else { return Ok(()) };
                self.last = Some(id);
                Some(mac.open_pair(project, id, value).map_or(Item::Unreadable(id), |pair| Item::Pair(Box::new(pair))))
            }
            Wanted::All => {
                let pair = keys::place(key).and_then(|(project, id)| mac.open_pair(&project, id, value).ok());
                pair.map(|pair| Item::Pair(Box::new(pair)))
            }
            Wanted::Due => due(kv, mac, key)?,
            Wanted::Open => open(kv, mac, key)?,
        };
        self.page.items.extend(item);
        Ok(())
    }
}

/// A due entry is believed only when its row says the same: it carries no MAC. A request whose row is damaged or gone
/// can be forgotten all the same.
fn due(kv: &impl Kv, mac: &RowMac, key: &[u8]) -> Result<Option<Item>> {
    let Some((at, row)) = keys::due_parts(key) else { return Ok(None) };
    if row.first() == Some(&keys::REQUEST) {
        let stored = kv.get(row)?.and_then(|value| mac.open_request(row, value.as_ref()));
        let agrees = stored.is_none_or(|request| request.expire == at);
        return Ok(agrees.then(|| Item::Request(key.to_vec())));
    }
    let Some((project, id)) = keys::place(row) else { return Ok(None) };
    Ok(match pair(kv, mac, &project, id) {
        Ok(Some(pair)) => purges_at(&pair, at).then(|| Item::Pair(Box::new(pair))),
        Ok(None) => None,
        Err(error) if error.reason == Reason::RecordCorrupt => Some(Item::Unreadable(id)),
        Err(error) => return Err(error),
    })
}

/// As with [`due`], an entry is believed only when its row says the same.
fn open(kv: &impl Kv, mac: &RowMac, key: &[u8]) -> Result<Option<Item>> {
    let Some((at, row)) = keys::open_parts(key) else { return Ok(None) };
    let Some((project, id)) = keys::place(row) else { return Ok(None) };
    Ok(match pair(kv, mac, &project, id) {
        Ok(Some(pair)) => looks_at(&pair, at).then(|| Item::Pair(Box::new(pair))),
        Ok(None) => None,
        Err(error) if error.reason == Reason::RecordCorrupt => Some(Item::Unreadable(id)),
        Err(error) => return Err(error),
    })
}

pub(super) fn looks_at(pair: &KeyPair, at: Millis) -> bool {
    pair.journal.as_ref().is_some_and(|journal| journal.look_at == at)
}

fn purges_at(pair: &KeyPair, at: Millis) -> bool {
    pair.deleted.is_some_and(|deleted| deleted.purge_at == at)
}
