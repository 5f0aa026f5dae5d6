//! The full check and the full walk: every row against every other that must agree with it.
//!
//! Promise: a broken invariant becomes a finding and the walk goes on; over a store that stands still there is no
//! false finding. It knows no engine.

use std::collections::BTreeMap;

use super::plan::Kv;
use super::{Entry, Finding, Row, RowMac, keys, read};
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, KeyPairId, PrivateKeyState, ProjectId};

/// Every pair with its sealed half, in the order of keys; a damaged one is an error in its place.
pub(super) fn entries<K: Kv>(kv: &K, mac: &RowMac) -> impl Iterator<Item = Result<Entry>> {
    let (from, to) = keys::all(keys::PAIR);
    kv.range(&from, &to).map(move |row| {
        let (key, value) = row?;
        entry(kv, mac, key.as_ref(), value.as_ref())
    })
}

/// One pair with its sealed half.
pub(super) fn entry(kv: &impl Kv, mac: &RowMac, key: &[u8], value: &[u8]) -> Result<Entry> {
    let (project, id) = keys::place(key).ok_or_else(|| Error::new(Reason::RecordCorrupt, "a row has no place"))?;
    let pair = mac.open_pair(&project, id, value)?;
    let envelope = read::envelope(kv, &pair)?;
    Ok(Entry::Pair(Box::new(Row { pair, envelope })))
}

/// Looks at every row.
pub(super) fn full<K: Kv>(kv: &K, mac: &RowMac) -> Result<Vec<Finding>> {
    let mut check = Check { kv, mac, findings: Vec::new(), held: BTreeMap::new() };
    for row in kv.range(&[], &[u8::MAX]) {
        let (key, value) = row?;
        check.row(key.as_ref(), value.as_ref())?;
    }
    check.missing_counters()?;
    Ok(check.findings)
}

struct Check<'a, K> {
    kv: &'a K,
    mac: &'a RowMac,
    findings: Vec<Finding>,
    held: BTreeMap<ProjectId, Held>,
}

/// What a project holds: live pairs, and rows that do not say whether they are.
#[derive(Clone, Copy, Default)]
struct Held {
    live: u64,
    unreadable: u64,
}

impl<K: Kv> Check<'_, K> {
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match key.first().copied() {
            Some(keys::PAIR) => self.pair(key, value),
            Some(keys::ENVELOPE) => self.envelope(key),
            Some(keys::NAME) => self.name(key, value),
            Some(keys::PRINT) => self.print(key, value),
            Some(keys::SHORT) => self.short(key, value),
            Some(keys::REQUEST) => self.request(key, value),
            Some(keys::DUE) => self.due(key),
            Some(keys::OPEN) => self.open(key),
            // Counters sort before pairs: they are compared at the end.
            Some(keys::COUNT) => Ok(()),
            Some(keys::HEAD) => {
                self.expect(self.mac.open_head(value).is_some(), || "head".into(), "its MAC does not fit");
                Ok(())
            }
            _ => {
                self.find(format!("row {}", text(key)), "no row has such a key");
                Ok(())
            }
        }
    }

    fn pair(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let Some((project, id)) = keys::place(key) else {
            self.find(format!("pair {}", text(key)), "its key does not fit");
            return Ok(());
        };
        let place = || format!("pair {project}/{id}");
        let pair = match self.mac.open_pair(&project, id, value) {
            Ok(pair) => pair,
            Err(error) => {
                self.held.entry(project.clone()).or_default().unreadable += 1;
                self.find(place(), error.detail.as_deref().unwrap_or("it is damaged"));
                return Ok(());
            }
        };
        if pair.is_live() {
            self.held.entry(project.clone()).or_default().live += 1;
            let named = self.points(&keys::name(&project, &pair.name), id.as_bytes())?;
            self.expect(named, place, "its name is not in the index");
            let printed = self.points(&keys::print(&project, &pair.public.sha256()), id.as_bytes())?;
            self.expect(printed, place, "its fingerprint is not in the index");
        }
        let short = self.points(&keys::short(pair.short_id), &keys::short_value(&project, id))?;
        self.expect(short, place, "its short id is not in the index");
        if let Some(due) = keys::pair_due(&pair) {
            let due = self.has(&due)?;
            self.expect(due, place, "its purge time is not in the index");
        }
        if let Some(open) = keys::pair_open(&pair) {
            let open = self.has(&open)?;
            self.expect(open, place, "its open work is not in the index");
        }
        let stored = pair.private_key_state == PrivateKeyState::Stored;
        if stored != self.has(&keys::envelope(&project, id))? {
            self.find(place(), if stored { "its sealed half is missing" } else { "it has a sealed half too many" });
        }
        Ok(())
    }

    fn envelope(&mut self, key: &[u8]) -> Result<()> {
        let there = keys::place(key).is_some() && self.has(&keys::sibling(key, keys::PAIR))?;
        self.expect(there, || format!("envelope {}", place_text(key)), "there is no pair that it belongs to");
        Ok(())
    }

    fn name(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let place = || format!("index name {}", parts_text(key, &|tail| String::from_utf8_lossy(tail).into_owned()));
        self.index(key, value, place, |pair, tail| pair.is_live() && pair.name.as_str().as_bytes() == tail)
    }

    fn print(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let place = || format!("index fingerprint {}", parts_text(key, &hex));
        self.index(key, value, place, |pair, tail| pair.is_live() && pair.public.sha256() == tail)
    }

    fn index(
        &mut self,
        key: &[u8],
        value: &[u8],
        place: impl Fn() -> String,
        belongs: impl Fn(&KeyPair, &[u8]) -> bool,
    ) -> Result<()> {
        let Some(((project, tail), id)) = keys::parts(key).zip(keys::id(value)) else {
            self.find(place(), "the entry does not fit");
            return Ok(());
        };
        self.target(&project, id, place, |pair| belongs(pair, tail))
    }

    fn short(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let place = || format!("index short id {}", text(&key[1..]));
        let Some((project, id)) = keys::short_target(value) else {
            self.find(place(), "the entry does not fit");
            return Ok(());
        };
        self.target(&project, id, place, |pair| pair.short_id.as_str().as_bytes() == &key[1..])
    }

    /// An entry that points to a damaged row is no finding of its own.
    fn target(
        &mut self,
        project: &ProjectId,
        id: KeyPairId,
        place: impl Fn() -> String,
        belongs: impl Fn(&KeyPair) -> bool,
    ) -> Result<()> {
        match self.kv.get(&keys::pair(project, id))? {
            None => self.find(place(), &format!("it points to {id}, which is not there")),
            Some(row) => {
                let fits = self.mac.open_pair(project, id, row.as_ref()).map_or(true, |pair| belongs(&pair));
                self.expect(fits, place, &format!("it points to {id}, which does not have it"));
            }
        }
        Ok(())
    }

    fn request(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let place = || format!("request {}", hex(&key[1..]));
        match self.mac.open_request(key, value) {
            None => self.find(place(), "its MAC does not fit"),
            Some(request) => {
                let due = self.has(&keys::due(request.expire, key))?;
                self.expect(due, place, "its due time is not in the index");
            }
        }
        Ok(())
    }

    fn due(&mut self, key: &[u8]) -> Result<()> {
        let place = || format!("index due {}", text(&key[1..]));
        let Some((at, row)) = keys::due_parts(key) else {
            self.find(place(), "the entry does not fit");
            return Ok(());
        };
        let Some(value) = self.kv.get(row)? else {
            self.find(place(), "it points to a row that is not there");
            return Ok(());
        };
        let fits = if row.first() == Some(&keys::REQUEST) {
            self.mac.open_request(row, value.as_ref()).is_none_or(|request| request.expire == at)
        } else {
            keys::place(row).is_some_and(|(project, id)| {
                let pair = self.mac.open_pair(&project, id, value.as_ref());
                pair.map_or(true, |pair| pair.deleted.is_some_and(|deleted| deleted.purge_at == at))
            })
        };
        self.expect(fits, place, "it points to a row that is due at another time");
        Ok(())
    }

    fn open(&mut self, key: &[u8]) -> Result<()> {
        let place = || format!("index open {}", text(&key[1..]));
        let Some((at, (project, id))) = keys::open_parts(key).and_then(|(at, row)| Some((at, keys::place(row)?)))
        else {
            self.find(place(), "the entry does not fit");
            return Ok(());
        };
        self.target(&project, id, place, |pair| read::looks_at(pair, at))
    }

    /// Each counter against what was counted; damaged pairs may be live or not.
    fn missing_counters(&mut self) -> Result<()> {
        let (from, to) = keys::all(keys::COUNT);
        let mut held = std::mem::take(&mut self.held);
        for row in self.kv.range(&from, &to) {
            let (key, value) = row?;
            let place = || format!("counter {}", text(&key.as_ref()[1..]));
            let Some(project) = keys::project(&key.as_ref()[1..]) else {
                self.find(place(), "its key does not fit");
                continue;
            };
            let held = held.remove(&project).unwrap_or_default();
            match self.mac.open_count(&project, value.as_ref()) {
                None => self.find(place(), "its MAC does not fit"),
                Some(count) if (held.live..=held.live + held.unreadable).contains(&count) => {}
                Some(count) => self.find(place(), &format!("it says {count}, and there are {}", held.live)),
            }
        }
        for (project, held) in held.into_iter().filter(|(_, held)| held.live > 0) {
            self.find(format!("counter {project}"), &format!("it is missing, and there are {}", held.live));
        }
        Ok(())
    }

    fn points(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        Ok(self.kv.get(key)?.is_some_and(|stored| stored.as_ref() == value))
    }

    fn has(&self, key: &[u8]) -> Result<bool> {
        Ok(self.kv.get(key)?.is_some())
    }

    fn expect(&mut self, holds: bool, place: impl Fn() -> String, what: &str) {
        if !holds {
            self.find(place(), what);
        }
    }

    fn find(&mut self, place: String, what: &str) {
        self.findings.push(Finding { place, what: what.to_owned() });
    }
}

fn place_text(key: &[u8]) -> String {
    keys::place(key).map_or_else(|| text(key), |(project, id)| format!("{project}/{id}"))
}

fn parts_text(key: &[u8], tail: &dyn Fn(&[u8]) -> String) -> String {
    keys::parts(key).map_or_else(|| text(key), |(project, rest)| format!("{project}/{}", tail(rest)))
}

fn text(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
