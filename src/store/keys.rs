//! Where rows lie: one ordered space of keys, the first byte says what a row is.
//!
//! Promise: rows of a project lie side by side, pairs in the order of their ids, due entries in the order of their
//! times. A project id holds no 0 byte, so 0 ends it. It knows no values.

use sha2::{Digest, Sha256};

use super::RequestKey;
use crate::clock::Millis;
use crate::model::{KeyPair, KeyPairId, KeyPairName, ProjectId, ShortId};

/// Metadata of a pair: project, 0, id.
pub(super) const PAIR: u8 = b'm';
/// Sealed half of a pair: project, 0, id.
pub(super) const ENVELOPE: u8 = b'e';
/// Name of a live pair -> id: project, 0, name.
pub(super) const NAME: u8 = b'n';
/// Fingerprint of a live pair -> id: project, 0, SHA-256.
pub(super) const PRINT: u8 = b'f';
/// Short id -> id, project.
pub(super) const SHORT: u8 = b's';
/// Remembered request: hash of its [`RequestKey`].
pub(super) const REQUEST: u8 = b'r';
/// Due time -> nothing: time, then `PAIR` with project, 0, id, or `REQUEST` with hash.
pub(super) const DUE: u8 = b'd';
/// Time of the next look at a pair with open work -> nothing: time, then `PAIR` with project, 0, id.
pub(super) const OPEN: u8 = b'o';
/// Live pairs of a project: project.
pub(super) const COUNT: u8 = b'c';
/// The head row: store id and sequence.
pub(super) const HEAD: u8 = b'q';

pub(super) fn pair(project: &ProjectId, id: KeyPairId) -> Vec<u8> {
    in_project(PAIR, project, id.as_bytes())
}

pub(super) fn envelope(project: &ProjectId, id: KeyPairId) -> Vec<u8> {
    in_project(ENVELOPE, project, id.as_bytes())
}

pub(super) fn name(project: &ProjectId, name: &KeyPairName) -> Vec<u8> {
    in_project(NAME, project, name.as_str().as_bytes())
}

pub(super) fn print(project: &ProjectId, print: &[u8; 32]) -> Vec<u8> {
    in_project(PRINT, project, print)
}

pub(super) fn short(id: ShortId) -> Vec<u8> {
    join(&[&[SHORT], id.as_str().as_bytes()])
}

pub(super) fn count(project: &ProjectId) -> Vec<u8> {
    join(&[&[COUNT], project.as_str().as_bytes()])
}

/// From the first counter to behind the last.
pub(super) fn counts() -> (Vec<u8>, Vec<u8>) {
    (vec![COUNT], vec![COUNT + 1])
}

/// The project of a counter's key.
pub(super) fn counted(key: &[u8]) -> Option<ProjectId> {
    ProjectId::parse("", std::str::from_utf8(key.get(1..)?).ok()?).ok()
}

pub(super) fn head() -> Vec<u8> {
    vec![HEAD]
}

/// What [`super::Change::Forget`] takes to forget a remembered request.
pub fn forgets(key: &RequestKey, expire: Millis) -> Vec<u8> {
    due(expire, &request(key))
}

/// Every part with its length before it, hashed: keys of one size, whatever the caller's name is.
pub(super) fn request(key: &RequestKey) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [key.project.as_str().as_bytes(), key.rpc.as_bytes(), key.caller.as_bytes(), key.id.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    join(&[&[REQUEST], &hash.finalize()])
}

/// The purge entry of a deleted pair; `None` when it is not deleted.
pub(super) fn pair_due(pair: &KeyPair) -> Option<Vec<u8>> {
    let deleted = pair.deleted?;
    Some(due(deleted.purge_at, &self::pair(&pair.project, pair.id)))
}

/// The entry of a pair with open work; `None` when it has none.
pub(super) fn pair_open(pair: &KeyPair) -> Option<Vec<u8>> {
    let journal = pair.journal.as_ref()?;
    Some(join(&[&[OPEN], &ordered(journal.look_at), &self::pair(&pair.project, pair.id)]))
}

/// Where entries of open work after `at` begin.
pub(super) fn open_after(at: Millis) -> Vec<u8> {
    join(&[&[OPEN], &ordered(at.saturating_add(1))])
}

/// Time and row key of an entry of open work.
pub(super) fn open_parts(key: &[u8]) -> Option<(Millis, &[u8])> {
    timed(key.strip_prefix(&[OPEN])?)
}

/// The entry that says when the row of `key` is due.
pub(super) fn due(at: Millis, key: &[u8]) -> Vec<u8> {
    join(&[&[DUE], &ordered(at), key])
}

/// Where due entries after `at` begin.
pub(super) fn due_after(at: Millis) -> Vec<u8> {
    due(at.saturating_add(1), &[])
}

/// Time and row key of a due entry.
pub(super) fn due_parts(key: &[u8]) -> Option<(Millis, &[u8])> {
    timed(key.strip_prefix(&[DUE])?)
}

fn timed(rest: &[u8]) -> Option<(Millis, &[u8])> {
    let (at, row) = rest.split_first_chunk::<8>()?;
    Some(((u64::from_be_bytes(*at) ^ SIGN) as Millis, row))
}

/// Project and tail of the key of a `PAIR`, `ENVELOPE`, `NAME` or `PRINT` row.
pub(super) fn parts(key: &[u8]) -> Option<(ProjectId, &[u8])> {
    let rest = key.get(1..)?;
    let end = rest.iter().position(|b| *b == 0)?;
    Some((project(&rest[..end])?, &rest[end + 1..]))
}

/// Project and id of the key of a `PAIR` or `ENVELOPE` row.
pub(super) fn place(key: &[u8]) -> Option<(ProjectId, KeyPairId)> {
    let (project, tail) = parts(key)?;
    Some((project, id(tail)?))
}

/// The value of a `NAME` or `PRINT` row.
pub(super) fn id(value: &[u8]) -> Option<KeyPairId> {
    Some(KeyPairId::from_bytes(value.try_into().ok()?))
}

/// The value of a `SHORT` row.
pub(super) fn short_value(project: &ProjectId, id: KeyPairId) -> Vec<u8> {
    join(&[id.as_bytes(), project.as_str().as_bytes()])
}

/// What a `SHORT` row points to.
pub(super) fn short_target(value: &[u8]) -> Option<(ProjectId, KeyPairId)> {
    let (id, project) = value.split_first_chunk::<16>()?;
    Some((self::project(project)?, KeyPairId::from_bytes(*id)))
}

/// A project id as stored; the empty one is not one.
pub(super) fn project(bytes: &[u8]) -> Option<ProjectId> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    ProjectId::parse("project_id", text).ok()
}

/// A pair's key with another first byte: the other row of the same pair.
pub(super) fn sibling(key: &[u8], kind: u8) -> Vec<u8> {
    let mut key = key.to_vec();
    if let Some(first) = key.first_mut() {
        *first = kind;
    }
    key
}

/// Every key of this kind: from, to.
pub(super) fn all(kind: u8) -> (Vec<u8>, Vec<u8>) {
    (vec![kind], vec![kind + 1])
}

/// The pairs of a project above an id: from, to.
pub(super) fn pairs_after(project: &ProjectId, after: Option<KeyPairId>) -> (Vec<u8>, Vec<u8>) {
    let from = match after {
        Some(id) => in_project(PAIR, project, &[id.as_bytes(), [0].as_slice()].concat()),
        None => in_project(PAIR, project, &[]),
    };
    let mut to = in_project(PAIR, project, &[]);
    if let Some(last) = to.last_mut() {
        *last = 1;
    }
    (from, to)
}

/// The pairs of a project below an id: from, to.
pub(super) fn pairs_before(project: &ProjectId, before: Option<KeyPairId>) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = pairs_after(project, None);
    (from, before.map_or(to, |id| pair(project, id)))
}

/// The pairs of all projects after a place: from, to.
pub(super) fn all_pairs_after(after: Option<&(ProjectId, KeyPairId)>) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = all(PAIR);
    (after.map_or(from, |(project, id)| pairs_after(project, Some(*id)).0), to)
}

fn in_project(kind: u8, project: &ProjectId, tail: &[u8]) -> Vec<u8> {
    join(&[&[kind], project.as_str().as_bytes(), &[0], tail])
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Big-endian with the sign turned round: bytes sort as the numbers do.
fn ordered(at: Millis) -> [u8; 8] {
    (at as u64 ^ SIGN).to_be_bytes()
}

const SIGN: u64 = 1 << 63;
