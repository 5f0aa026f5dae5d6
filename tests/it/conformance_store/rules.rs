//! Guards, indexes and counters.

use keypairs::error::Reason::*;
use keypairs::model::{KeyPair, PrivateKeyState};
use keypairs::store::{Change, EnvelopeChange, Lookup, Note, Noted, StoredRequest};

use super::bed::*;

super::both!(
    found_by_every_lookup,
    unique_names_keys_and_ids,
    quota_counts_live_pairs,
    replace_is_guarded_by_revision,
    rename_moves_the_index,
    delete_and_undelete_move_the_index,
    purge_leaves_nothing,
    envelopes_are_kept_put_and_removed,
    contradictions_are_refused,
    requests_are_remembered_once,
    commits_are_all_or_nothing,
    later_changes_of_a_commit_see_earlier_ones,
    projects_are_apart,
    largest_pair_fits_and_larger_is_refused,
);

async fn found_by_every_lookup(bed: &mut Bed) {
    let pair = pair("a", 1);
    bed.insert(&pair).await;
    let (project, print) = (&pair.project, pair.public.sha256());
    for lookup in [
        Lookup::Id(project, pair.id),
        Lookup::Name(project, &pair.name),
        Lookup::Fingerprint(project, print),
        Lookup::ShortId(pair.short_id),
    ] {
        let bare = bed.store().get(lookup.clone(), false).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", bare.pair), format!("{pair:?}"));
        assert_eq!(bare.envelope, None);
        let full = bed.store().get(lookup, true).await.unwrap().unwrap();
        assert_eq!(full.envelope, envelope(&pair));
    }
    assert!(bed.store().get(Lookup::Id(project, id(2)), false).await.unwrap().is_none());
    assert!(bed.by_name(project, "key-2").await.unwrap().is_none());
    assert!(bed.store().get(Lookup::Fingerprint(project, [0; 32]), false).await.unwrap().is_none());
    assert!(bed.store().get(Lookup::ShortId(short(2)), false).await.unwrap().is_none());
}

async fn unique_names_keys_and_ids(bed: &mut Bed) {
    let first = pair("a", 1);
    bed.insert(&first).await;
    let same_name = KeyPair { name: first.name.clone(), ..pair("a", 2) };
    let error = refused(bed.commit(vec![insert(&same_name)]).await, NameExists);
    let facts = vec![("existing_name", "key-1".to_owned()), ("existing_id", first.id.to_string())];
    assert_eq!(error.facts, facts);
    let same_key = KeyPair { public: first.public.clone(), ..pair("a", 2) };
    let mut error = refused(bed.commit(vec![insert(&same_key)]).await, PublicKeyExists);
    error.facts.sort();
    assert_eq!(error.facts, vec![("existing_id", first.id.to_string()), ("existing_name", "key-1".to_owned())]);
    let same_id = KeyPair { id: first.id, ..pair("a", 2) };
    refused(bed.commit(vec![insert(&same_id)]).await, Conflict);
    // In another project all of it is free, but not the short id.
    let elsewhere = KeyPair { short_id: first.short_id, ..pair("b", 1) };
    refused(bed.commit(vec![insert(&elsewhere)]).await, Conflict);
    bed.insert(&KeyPair { short_id: short(9), ..pair("b", 1) }).await;
    assert_eq!(bed.findings().await, vec![]);
}

async fn quota_counts_live_pairs(bed: &mut Bed) {
    let with_quota =
        |pair: &KeyPair| Change::Insert { pair: Box::new(pair.clone()), envelope: envelope(pair), quota: Some(2) };
    let (one, two, three) = (pair("a", 1), pair("a", 2), pair("a", 3));
    bed.commit(vec![with_quota(&one), with_quota(&two)]).await.unwrap();
    refused(bed.commit(vec![with_quota(&three)]).await, QuotaExceeded);
    assert_eq!(count(bed, "a").await, 2);
    let gone = deleted(&one, 5_000);
    bed.commit(vec![replace(&gone)]).await.unwrap();
    assert_eq!(count(bed, "a").await, 1);
    bed.commit(vec![with_quota(&three)]).await.unwrap();
    let back = Change::Replace { pair: Box::new(revived(&gone)), envelope: EnvelopeChange::Keep, quota: Some(2) };
    refused(bed.commit(vec![back]).await, QuotaExceeded);
    let back = Change::Replace { pair: Box::new(revived(&gone)), envelope: EnvelopeChange::Keep, quota: Some(3) };
    bed.commit(vec![back]).await.unwrap();
    assert_eq!(count(bed, "a").await, 3);
    assert_eq!(count(bed, "b").await, 0);
    assert_eq!(bed.findings().await, vec![]);
}

async fn replace_is_guarded_by_revision(bed: &mut Bed) {
    let pair = pair("a", 1);
    refused(bed.commit(vec![replace(&next(&pair))]).await, Conflict);
    bed.insert(&pair).await;
    refused(bed.commit(vec![replace(&pair)]).await, Conflict);
    refused(bed.commit(vec![replace(&next(&next(&pair)))]).await, Conflict);
    let changed = KeyPair { update_time: 3_000, ..next(&pair) };
    bed.commit(vec![replace(&changed)]).await.unwrap();
    refused(bed.commit(vec![replace(&changed)]).await, Conflict);
    refused(bed.commit(vec![remove(&pair)]).await, Conflict);
    assert_eq!(bed.by_id(&pair).await.unwrap().unwrap().pair.update_time, 3_000);
}

async fn rename_moves_the_index(bed: &mut Bed) {
    let (one, two) = (pair("a", 1), pair("a", 2));
    bed.commit(vec![insert(&one), insert(&two)]).await.unwrap();
    let clash = KeyPair { name: two.name.clone(), ..next(&one) };
    refused(bed.commit(vec![replace(&clash)]).await, NameExists);
    let renamed = KeyPair { name: name("new"), ..next(&one) };
    bed.commit(vec![replace(&renamed)]).await.unwrap();
    assert!(bed.by_name(&one.project, "key-1").await.unwrap().is_none());
    assert_eq!(bed.by_name(&one.project, "new").await.unwrap().unwrap().pair.id, one.id);
    // The old name is free, also within one commit.
    let swapped = KeyPair { name: name("key-1"), ..next(&two) };
    bed.commit(vec![replace(&swapped)]).await.unwrap();
    assert_eq!(bed.findings().await, vec![]);
}

async fn delete_and_undelete_move_the_index(bed: &mut Bed) {
    let old = pair("a", 1);
    bed.insert(&old).await;
    let gone = deleted(&old, 5_000);
    bed.commit(vec![replace(&gone)]).await.unwrap();
    assert!(bed.by_name(&old.project, "key-1").await.unwrap().is_none());
    let by_print = Lookup::Fingerprint(&old.project, old.public.sha256());
    assert!(bed.store().get(by_print, false).await.unwrap().is_none());
    assert!(!bed.by_id(&old).await.unwrap().unwrap().pair.is_live());
    assert!(bed.store().get(Lookup::ShortId(old.short_id), false).await.unwrap().is_some());
    assert_eq!(bed.findings().await, vec![]);
    // Name and key are free for another pair; then the old one cannot come back.
    let other = KeyPair { name: old.name.clone(), ..pair("a", 2) };
    bed.insert(&other).await;
    refused(bed.commit(vec![replace(&revived(&gone))]).await, NameExists);
    let elsewhere = KeyPair { name: name("back"), ..revived(&gone) };
    bed.commit(vec![replace(&elsewhere)]).await.unwrap();
    assert_eq!(bed.by_name(&old.project, "back").await.unwrap().unwrap().pair.id, old.id);
    assert_eq!(bed.findings().await, vec![]);
}

async fn purge_leaves_nothing(bed: &mut Bed) {
    let (live, dead) = (pair("a", 1), pair("a", 2));
    bed.commit(vec![insert(&live), insert(&dead)]).await.unwrap();
    let dead = deleted(&dead, 5_000);
    bed.commit(vec![replace(&dead)]).await.unwrap();
    bed.commit(vec![remove(&live), remove(&dead)]).await.unwrap();
    assert!(bed.by_id(&live).await.unwrap().is_none());
    bed.tamper(|rows| {
        let left: Vec<_> = rows.keys().filter(|key| key[0] != b'q').collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

async fn envelopes_are_kept_put_and_removed(bed: &mut Bed) {
    let pair = public_pair("a", 1);
    bed.insert(&pair).await;
    assert_eq!(bed.by_id(&pair).await.unwrap().unwrap().envelope, None);
    let with = stored(next(&pair));
    let put = EnvelopeChange::Put(vec![1; 16 * 1024]);
    bed.commit(vec![Change::Replace { pair: Box::new(with.clone()), envelope: put, quota: None }]).await.unwrap();
    assert_eq!(bed.by_id(&pair).await.unwrap().unwrap().envelope.unwrap().len(), 16 * 1024);
    let kept = next(&with);
    bed.commit(vec![replace(&kept)]).await.unwrap();
    assert!(bed.by_id(&pair).await.unwrap().unwrap().envelope.is_some());
    let cleared = KeyPair { private_key_state: PrivateKeyState::Cleared, sealed_by: None, ..next(&kept) };
    refused(bed.commit(vec![replace(&cleared)]).await, Internal); // Keep would leave it behind
    let clear = Change::Replace { pair: Box::new(cleared), envelope: EnvelopeChange::Remove, quota: None };
    bed.commit(vec![clear]).await.unwrap();
    assert_eq!(bed.by_id(&pair).await.unwrap().unwrap().envelope, None);
    assert_eq!(bed.findings().await, vec![]);
}

async fn contradictions_are_refused(bed: &mut Bed) {
    let pair = pair("a", 1);
    let without = Change::Insert { pair: Box::new(pair.clone()), envelope: None, quota: None };
    refused(bed.commit(vec![without]).await, Internal);
    let unsealed = KeyPair { sealed_by: None, ..pair.clone() };
    refused(bed.commit(vec![insert(&unsealed)]).await, Internal);
    let undated = KeyPair { deleted: None, ..deleted(&pair, 5_000) };
    refused(bed.commit(vec![insert(&undated)]).await, Internal);
    bed.insert(&pair).await;
    let other_key = KeyPair { public: ed25519(2), ..next(&pair) };
    refused(bed.commit(vec![replace(&other_key)]).await, Internal);
    assert_eq!(bed.findings().await, vec![]);
}

async fn requests_are_remembered_once(bed: &mut Bed) {
    let key = request("a", 1);
    let stored = StoredRequest { digest: [3; 32], pair: id(1), expire: 9_000 };
    let store = bed.store();
    let note = |key| async move { store.note(Note::Request(key)).await.unwrap() };
    assert_eq!(note(&key).await, Noted::Request(None));
    bed.commit(vec![Change::Remember(key.clone(), stored.clone())]).await.unwrap();
    assert_eq!(note(&key).await, Noted::Request(Some(stored.clone())));
    refused(bed.commit(vec![Change::Remember(key.clone(), stored.clone())]).await, Conflict);
    let other = keypairs::store::RequestKey { caller: "you".into(), ..key.clone() };
    assert_eq!(note(&other).await, Noted::Request(None));
    assert_eq!(note(&request("b", 1)).await, Noted::Request(None));
    assert_eq!(bed.findings().await, vec![]);
}

async fn commits_are_all_or_nothing(bed: &mut Bed) {
    let (one, two) = (pair("a", 1), pair("a", 2));
    bed.insert(&one).await;
    let stored = StoredRequest { digest: [3; 32], pair: two.id, expire: 9_000 };
    let clash = KeyPair { name: one.name.clone(), ..pair("a", 3) };
    let changes = vec![insert(&two), Change::Remember(request("a", 1), stored), insert(&clash)];
    refused(bed.commit(changes).await, NameExists);
    assert!(bed.by_id(&two).await.unwrap().is_none());
    assert_eq!(bed.store().note(Note::Request(&request("a", 1))).await.unwrap(), Noted::Request(None));
    assert_eq!(count(bed, "a").await, 1);
    assert_eq!(bed.findings().await, vec![]);
}

async fn later_changes_of_a_commit_see_earlier_ones(bed: &mut Bed) {
    let pair = pair("a", 1);
    let renamed = KeyPair { name: name("two"), ..next(&pair) };
    let heir = KeyPair { name: pair.name.clone(), ..self::pair("a", 2) };
    bed.commit(vec![insert(&pair), replace(&renamed), insert(&heir)]).await.unwrap();
    assert_eq!(bed.by_name(&pair.project, "two").await.unwrap().unwrap().pair.id, pair.id);
    assert_eq!(bed.by_name(&pair.project, "key-1").await.unwrap().unwrap().pair.id, heir.id);
    let twice = vec![insert(&self::pair("a", 3)), insert(&self::pair("a", 3))];
    refused(bed.commit(twice).await, NameExists);
    assert_eq!(count(bed, "a").await, 2);
    assert_eq!(bed.findings().await, vec![]);
}

async fn projects_are_apart(bed: &mut Bed) {
    // "a" and "a-b" share a beginning; 0 ends a project's name in keys.
    let (one, two) = (pair("a", 1), pair("a-b", 2));
    bed.commit(vec![insert(&one), insert(&two)]).await.unwrap();
    assert!(bed.store().get(Lookup::Id(&two.project, one.id), false).await.unwrap().is_none());
    assert!(bed.by_name(&two.project, "key-1").await.unwrap().is_none());
    let filter = keypairs::model::Filter::default();
    let query = keypairs::store::Query::Project { project: &one.project, after: None, filter: &filter };
    assert_eq!(ids(&bed.page(query, 10).await), vec![one.id]);
    assert_eq!((count(bed, "a").await, count(bed, "a-b").await), (1, 1));
    let foreign = Change::Remove { project: two.project.clone(), id: one.id, revision: 1 };
    refused(bed.commit(vec![foreign]).await, Conflict);
}

async fn largest_pair_fits_and_larger_is_refused(bed: &mut Bed) {
    let largest = largest_pair("a", 1);
    let full = |pair: &KeyPair, len| Change::Insert {
        pair: Box::new(pair.clone()),
        envelope: Some(vec![0xA5; len]),
        quota: None,
    };
    bed.commit(vec![full(&largest, 16 * 1024)]).await.unwrap();
    assert_eq!(bed.by_id(&largest).await.unwrap().unwrap().pair.labels, largest.labels);
    refused(bed.commit(vec![full(&pair("a", 2), 16 * 1024 + 1)]).await, Internal);
    let bloated = KeyPair { comment: "x".repeat(24 * 1024), ..pair("a", 3) };
    refused(bed.commit(vec![insert(&bloated)]).await, Internal);
    assert_eq!(count(bed, "a").await, 1);
}

async fn count(bed: &Bed, project: &str) -> u64 {
    match bed.store().note(Note::Count(&self::project(project))).await.unwrap() {
        Noted::Count(count) => count,
        other => panic!("{other:?}"),
    }
}
