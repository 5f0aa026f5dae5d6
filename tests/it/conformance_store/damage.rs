//! Damaged and moved rows: each hurts itself only, and the check finds each.

use keypairs::error::Reason::*;
use keypairs::model::{Filter, KeyPair, KeyPairId};
use keypairs::store::memory::Rows;
use keypairs::store::{Change, Item, Lookup, Note, Query, StoredRequest};

use super::bed::*;

super::both!(
    each_flipped_byte_is_noticed,
    a_damaged_row_hurts_only_itself,
    rows_swapped_between_ids_are_noticed,
    rows_moved_between_projects_are_noticed,
    an_old_row_of_another_keyring_is_noticed,
    a_damaged_counter_is_noticed,
    index_entries_that_point_astray_are_noticed,
    the_check_finds_each_planted_fault,
    the_check_finds_nothing_in_a_sound_store,
);

async fn each_flipped_byte_is_noticed(bed: &mut Bed) {
    let pair = pair("a", 1);
    bed.insert(&pair).await;
    let Bed::Memory(_) = bed else { return }; // sled would be opened anew 300 times, and it is the same code
    let mut len = 0;
    bed.tamper(|rows| len = rows[&row_key(rows, b'm', pair.id)].len());
    for at in 0..len {
        bed.tamper(|rows| flip(rows, b'm', pair.id, at));
        refused(bed.by_id(&pair).await, RecordCorrupt);
        bed.tamper(|rows| flip(rows, b'm', pair.id, at));
    }
    assert!(bed.by_id(&pair).await.unwrap().is_some());
}

async fn a_damaged_row_hurts_only_itself(bed: &mut Bed) {
    let pairs: Vec<_> = (1..=3).map(|number| pair("a", number)).collect();
    bed.commit(pairs.iter().map(insert).collect()).await.unwrap();
    bed.tamper(|rows| flip(rows, b'm', id(2), 60));
    refused(bed.by_id(&pairs[1]).await, RecordCorrupt);
    refused(bed.by_name(&pairs[1].project, "key-2").await, RecordCorrupt);
    refused(bed.commit(vec![replace(&next(&pairs[1]))]).await, RecordCorrupt);
    // Its name is still taken, by whom can be told only by id.
    let same_name = KeyPair { name: pairs[1].name.clone(), ..pair("a", 4) };
    refused(bed.commit(vec![insert(&same_name)]).await, NameExists);
    let same_key = KeyPair { public: pairs[1].public.clone(), ..pair("a", 4) };
    assert_eq!(refused(bed.commit(vec![insert(&same_key)]).await, PublicKeyExists).facts.len(), 1);
    assert!(bed.by_id(&pairs[0]).await.unwrap().is_some());
    bed.insert(&pair("a", 4)).await;
    let filter = Filter::default();
    let page = bed.page(Query::Project { project: &project("a"), after: None, filter: &filter }, 10).await;
    assert_eq!(ids(&page).len(), 4);
    let unreadable = |item: &&Item| matches!(item, Item::Unreadable(_));
    assert!(matches!(page.items.iter().find(unreadable), Some(Item::Unreadable(at)) if *at == id(2)));
    let findings = bed.findings().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].place, format!("pair a/{}", id(2)));
}

async fn rows_swapped_between_ids_are_noticed(bed: &mut Bed) {
    let (one, two) = (pair("a", 1), pair("a", 2));
    bed.commit(vec![insert(&one), insert(&two)]).await.unwrap();
    bed.tamper(|rows| {
        let (first, second) = (row_key(rows, b'm', one.id), row_key(rows, b'm', two.id));
        let row = rows[&first].clone();
        let other = rows.insert(second, row).unwrap();
        rows.insert(first, other);
    });
    refused(bed.by_id(&one).await, RecordCorrupt);
    refused(bed.by_id(&two).await, RecordCorrupt);
}

async fn rows_moved_between_projects_are_noticed(bed: &mut Bed) {
    let one = pair("a", 1);
    bed.insert(&one).await;
    bed.tamper(|rows| {
        let row = rows[&row_key(rows, b'm', one.id)].clone();
        rows.insert([b"mb\0".as_slice(), one.id.as_bytes()].concat(), row);
    });
    refused(bed.store().get(Lookup::Id(&project("b"), one.id), false).await, RecordCorrupt);
    assert!(bed.by_id(&one).await.unwrap().is_some());
}

async fn an_old_row_of_another_keyring_is_noticed(bed: &mut Bed) {
    let one = pair("a", 1);
    bed.insert(&one).await;
    // Version 2 of the MAC key is not in the keyring.
    bed.tamper(|rows| {
        let key = row_key(rows, b'm', one.id);
        rows.get_mut(&key).unwrap()[4] = 2;
    });
    refused(bed.by_id(&one).await, RecordCorrupt);
}

async fn a_damaged_counter_is_noticed(bed: &mut Bed) {
    bed.insert(&pair("a", 1)).await;
    bed.tamper(|rows| *rows.get_mut(b"ca".as_slice()).unwrap().last_mut().unwrap() = 0);
    refused(bed.store().note(Note::Count(&project("a"))).await, RecordCorrupt);
    refused(bed.commit(vec![insert(&pair("a", 2))]).await, RecordCorrupt);
    bed.insert(&pair("b", 2)).await;
}

async fn index_entries_that_point_astray_are_noticed(bed: &mut Bed) {
    let (one, two) = (pair("a", 1), pair("a", 2));
    bed.commit(vec![insert(&one), insert(&two)]).await.unwrap();
    bed.tamper(|rows| {
        rows.insert(b"na\0key-1".to_vec(), two.id.as_bytes().to_vec());
        rows.insert(b"s00000001".to_vec(), [two.id.as_bytes().as_slice(), b"a"].concat());
    });
    refused(bed.by_name(&one.project, "key-1").await, RecordCorrupt);
    refused(bed.store().get(Lookup::ShortId(one.short_id), false).await, RecordCorrupt);
    assert!(bed.by_id(&one).await.unwrap().is_some());
}

/// How the finding's place begins, and what plants the fault.
type Planted = (&'static str, fn(&mut Rows));

async fn the_check_finds_each_planted_fault(bed: &mut Bed) {
    fill(bed).await;
    let mut sound = Rows::new();
    bed.tamper(|rows| sound = rows.clone());
    let faults: [Planted; 14] = [
        ("pair a/", |rows| flip(rows, b'm', id(1), 50)),
        ("pair a/", |rows| drop(rows.remove(b"na\0key-1".as_slice()))),
        ("pair a/", |rows| rows.retain(|key, _| !(key[0] == b'f' && key[1] == b'a'))),
        ("pair a/", |rows| drop(rows.remove(b"s00000001".as_slice()))),
        ("pair a/", |rows| drop(rows.remove(&row_key(rows, b'e', id(1))))),
        ("pair b/", |rows| rows.retain(|key, _| !(key[0] == b'd' && key[9] == b'm'))),
        ("envelope a/", |rows| drop(rows.insert([b"ea\0".as_slice(), &[9; 16]].concat(), vec![1]))),
        ("index name a/", |rows| drop(rows.insert(b"na\0other".to_vec(), id(1).as_bytes().to_vec()))),
        ("index fingerprint a/", |rows| {
            rows.insert([b"fa\0".as_slice(), &[9; 32]].concat(), id(1).as_bytes().to_vec());
        }),
        ("index short id ", |rows| {
            rows.insert(b"szzzzzzzz".to_vec(), [id(1).as_bytes().as_slice(), b"a"].concat());
        }),
        ("index due ", |rows| {
            rows.insert([b"d".as_slice(), &[0x80; 8], b"ma\0", id(1).as_bytes()].concat(), Vec::new());
        }),
        ("counter a", |rows| {
            let row = rows[b"ca".as_slice()].clone();
            rows.insert(b"cb".to_vec(), row.clone());
            rows.get_mut(b"ca".as_slice()).unwrap()[10] ^= 1;
        }),
        ("request ", |rows| rows.iter_mut().filter(|(key, _)| key[0] == b'r').for_each(|(_, row)| row[40] ^= 1)),
        ("row ", |rows| drop(rows.insert(b"zebra".to_vec(), Vec::new()))),
    ];
    for (at, (place, fault)) in faults.into_iter().enumerate() {
        bed.tamper(|rows| {
            let head = rows.remove(b"q".as_slice());
            *rows = sound.clone();
            rows.remove(b"q".as_slice());
            rows.extend(head.map(|head| (b"q".to_vec(), head)));
            fault(rows);
        });
        let findings = bed.findings().await;
        assert!(findings.iter().any(|finding| finding.place.starts_with(place)), "fault {at}: {findings:?}");
    }
}

async fn the_check_finds_nothing_in_a_sound_store(bed: &mut Bed) {
    fill(bed).await;
    assert_eq!(bed.findings().await, vec![]);
}

/// A pair of every kind: with and without a private half, deleted, and a remembered request.
async fn fill(bed: &Bed) {
    let gone = pair("b", 3);
    bed.commit(vec![insert(&pair("a", 1)), insert(&public_pair("a", 2)), insert(&gone)]).await.unwrap();
    bed.commit(vec![replace(&deleted(&gone, 5_000))]).await.unwrap();
    let stored = StoredRequest { digest: [3; 32], pair: id(1), expire: 6_000 };
    bed.commit(vec![Change::Remember(request("a", 1), stored)]).await.unwrap();
}

fn row_key(rows: &Rows, kind: u8, id: KeyPairId) -> Vec<u8> {
    rows.keys().find(|key| key[0] == kind && key.ends_with(id.as_bytes())).unwrap().clone()
}

fn flip(rows: &mut Rows, kind: u8, id: KeyPairId, at: usize) {
    let key = row_key(rows, kind, id);
    rows.get_mut(&key).unwrap()[at] ^= 1;
}
