//! An export shows one moment.

use std::collections::BTreeMap;

use keypairs::error::{Reason, Result};
use keypairs::model::{KeyPair, KeyPairId, ProjectId};
use keypairs::store::{Entry, Row, Store};
use tokio::sync::mpsc;

use super::bed::*;

super::both!(exports_every_pair_whole, a_damaged_row_is_an_error_in_its_place, writes_go_on_during_an_export);

async fn exports_every_pair_whole(bed: &mut Bed) {
    let gone = pair("b", 3);
    bed.commit(vec![insert(&pair("a", 1)), insert(&public_pair("a", 2)), insert(&gone)]).await.unwrap();
    bed.commit(vec![replace(&deleted(&gone, 5_000))]).await.unwrap();
    let state = fold(export(bed.store()).await);
    assert_eq!(state.len(), 3);
    assert_eq!(state[&(project("a"), id(1))].envelope, envelope(&pair("a", 1)));
    assert_eq!(state[&(project("a"), id(2))].envelope, None);
    assert!(!state[&(project("b"), id(3))].pair.is_live());
}

async fn a_damaged_row_is_an_error_in_its_place(bed: &mut Bed) {
    bed.commit((1..=3).map(|number| insert(&pair("a", number))).collect()).await.unwrap();
    bed.tamper(|rows| {
        rows.iter_mut().filter(|(key, _)| key[0] == b'm' && key.ends_with(&[2])).for_each(|(_, row)| row[50] ^= 1);
        rows.retain(|key, _| !(key[0] == b'e' && key.ends_with(&[3])));
    });
    let (whole, damaged): (Vec<_>, Vec<_>) = export(bed.store()).await.into_iter().partition(Result::is_ok);
    assert_eq!((whole.len(), damaged.len()), (1, 2));
    assert!(damaged.iter().all(|error| error.as_ref().unwrap_err().reason == Reason::RecordCorrupt));
}

/// Writers bring pairs in and take them out in twos, in one commit each: whatever the moment, an export shows both or
/// neither, with equal revisions.
async fn writes_go_on_during_an_export(bed: &mut Bed) {
    let store = bed.store();
    let twos: Vec<[KeyPair; 2]> = (0..200).map(|n| [pair("a", 2 * n), pair("b", 2 * n + 1)]).collect();
    store.commit(twos.iter().flatten().map(insert).collect()).await.unwrap();
    let writing = async {
        for (at, [one, two]) in twos.iter().enumerate().rev() {
            let changes = match at % 2 {
                0 => vec![remove(one), remove(two)],
                _ => vec![replace(&next(one)), replace(&next(two))],
            };
            store.commit(changes).await.unwrap();
        }
    };
    let exporting = async {
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(fold(export(store).await));
        }
        seen
    };
    let ((), seen) = tokio::join!(writing, exporting);
    for state in seen {
        for [one, two] in &twos {
            let revision = |pair: &KeyPair| state.get(&(pair.project.clone(), pair.id)).map(|row| row.pair.revision);
            assert_eq!(revision(one), revision(two));
        }
    }
    assert_eq!(fold(export(store).await).len(), 200);
    assert_eq!(bed.findings().await, vec![]);
}

/// A channel of one entry, so that the export must wait for its reader.
async fn export(store: &dyn Store) -> Vec<Result<Entry>> {
    let (sink, mut entries) = mpsc::channel(1);
    let read = async {
        let mut all = Vec::new();
        while let Some(entry) = entries.recv().await {
            all.push(entry);
        }
        all
    };
    let (exported, all) = tokio::join!(store.export(sink), read);
    exported.unwrap();
    all
}

fn fold(entries: Vec<Result<Entry>>) -> BTreeMap<(ProjectId, KeyPairId), Row> {
    let mut state = BTreeMap::new();
    for entry in entries {
        match entry.unwrap() {
            Entry::Pair(row) => drop(state.insert((row.pair.project.clone(), row.pair.id), *row)),
            Entry::Gone(project, id) => drop(state.remove(&(project, id))),
        }
    }
    state
}
