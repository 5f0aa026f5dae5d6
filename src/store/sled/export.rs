//! An export of one moment while commits go on: a walk that may see old and new, then every pair that a commit touched
//! meanwhile, as it was when the walk had ended.

use std::collections::BTreeMap;

use tokio::sync::mpsc::Sender;

use super::Shared;
use crate::error::{Reason, Result};
use crate::store::plan::{Kv, Writes};
use crate::store::record::corrupt;
use crate::store::{Entry, Row, RowMac, check, keys};

/// Pairs that commits touched since the tap began, by key: row and sealed half, or `None` when gone.
pub(super) type Tapped = BTreeMap<Vec<u8>, Option<TappedRow>>;

/// A row and its sealed half.
pub(super) type TappedRow = (Vec<u8>, Option<Vec<u8>>);

/// The pairs that a durable group touched. Only the committer may ask: what a group did not write is as it was.
pub(super) fn touched(kv: &impl Kv, writes: &Writes) -> Result<Tapped> {
    let mut tapped = Tapped::new();
    for (key, row) in writes.iter().filter(|(key, _)| key.first() == Some(&keys::PAIR)) {
        let row = match row {
            None => None,
            Some(row) => {
                let envelope = kv.get(&keys::sibling(key, keys::ENVELOPE))?;
                Some((row.clone(), envelope.map(|bytes| bytes.as_ref().to_vec())))
            }
        };
        tapped.insert(key.clone(), row);
    }
    Ok(tapped)
}

/// Sends every pair, on a blocking thread. False when nobody listens any more.
pub(super) fn walk(shared: &Shared, sink: &Sender<Result<Entry>>) -> bool {
    let rows = shared.rows();
    let (from, to) = keys::all(keys::PAIR);
    for row in rows.range(&from, &to) {
        let entry = match row {
            Ok((key, value)) => entry(&rows, &shared.mac, &key, value),
            Err(error) => Some(Err(error)),
        };
        if let Some(entry) = entry {
            // A row that cannot be read is one pair's trouble; a store that cannot be read is the end.
            let is_end = entry.as_ref().is_err_and(|error| error.reason != Reason::RecordCorrupt);
            if sink.blocking_send(entry).is_err() || is_end {
                return false;
            }
        }
    }
    true
}

/// A pair whose row and sealed half were read on either side of a commit only looks damaged: it is read anew.
fn entry(kv: &impl Kv, mac: &RowMac, key: &[u8], value: impl AsRef<[u8]>) -> Option<Result<Entry>> {
    let mut row = value.as_ref().to_vec();
    loop {
        let entry = check::entry(kv, mac, key, &row);
        match &entry {
            Err(error) if error.reason == Reason::RecordCorrupt => {}
            _ => return Some(entry),
        }
        match kv.get(key) {
            Ok(Some(now)) if now.as_ref() != row => row = now.as_ref().to_vec(),
            Ok(Some(_)) => return Some(entry),
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Sends what commits touched during the walk.
pub(super) async fn send_tapped(mac: &RowMac, tapped: Tapped, sink: &Sender<Result<Entry>>) {
    for (key, row) in tapped {
        let Some((project, id)) = keys::place(&key) else { continue };
        let entry = match row {
            None => Ok(Entry::Gone(project, id)),
            Some((row, envelope)) => mac.open_pair(&project, id, &row).and_then(|pair| {
                if pair.sealed_by.is_some() != envelope.is_some() {
                    return Err(corrupt(id, "its sealed half is missing"));
                }
                Ok(Entry::Pair(Box::new(Row { pair, envelope })))
            }),
        };
        if sink.send(entry).await.is_err() {
            return;
        }
    }
}
