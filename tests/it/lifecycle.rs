//! Deletion, the way back, and the end: what is free when, what comes back, and what is left on the disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keypairs::envelope::inspect;
use keypairs::error::{Reason, Result};
use keypairs::model::{KeyPairId, KeyPairState};
use keypairs::sshkey::KeySpec;

use crate::conformance_store::tamper;
use crate::house::{House, RETENTION, by_id, by_name, row_key};
use crate::server::Place;
use crate::wire::{self, made, rounds};

/// Runs each test in memory and on sled.
macro_rules! both {
    ($($test:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::House::in_memory()).await;
            })*
        }
        mod on_sled {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::House::on_sled()).await;
            })*
        }
    };
}

both! {
    delete_frees_name_and_quota_at_once,
    undelete_brings_the_same_private_half_back,
    a_pair_past_its_time_is_gone_before_the_sweeper_comes,
    the_sweeper_takes_what_is_due_and_nothing_else,
    an_undeleted_pair_is_not_swept,
    requests_are_forgotten_after_seven_days,
    purge_takes_everything_at_once,
    many_due_pairs_are_swept_in_one_go,
}

async fn delete_frees_name_and_quota_at_once(house: House) {
    for number in 0..500 {
        house.create("p", &format!("pair-{number}"), KeySpec::Ed25519).await.unwrap();
    }
    let full = house.create("p", "one-more", KeySpec::Ed25519).await;
    assert_eq!(reason(full), Reason::QuotaExceeded);
    let old = house.delete(&by_name("p", "pair-7"), false).await.unwrap().unwrap();
    assert_eq!((house.held("p").await, old.state), (499, KeyPairState::Deleted));
    let (new, _) = house.create("p", "pair-7", KeySpec::Ed25519).await.unwrap();
    assert_ne!(new.id, old.id);
    assert_eq!(house.held("p").await, 500);
    // The deleted one is still there, does not count, and comes back only when there is room and a free name.
    assert_eq!(house.get(&by_id(&old)).await.unwrap().state, KeyPairState::Deleted);
    assert_eq!(reason(house.undelete(&old, Some("free")).await), Reason::QuotaExceeded);
    house.delete(&by_name("p", "pair-8"), false).await.unwrap();
    assert_eq!(reason(house.undelete(&old, None).await), Reason::NameExists);
    assert_eq!(house.undelete(&old, Some("free")).await.unwrap().name.as_str(), "free");
    assert_eq!(house.held("p").await, 500);
    is_sound(&house).await;
}

async fn undelete_brings_the_same_private_half_back(house: House) {
    let (pair, private_key) = house.create("p", "web", KeySpec::Ed25519).await.unwrap();
    let deleted = house.delete(&by_name("p", "web"), false).await.unwrap().unwrap();
    let times = deleted.deleted.unwrap();
    assert_eq!(times.purge_at - times.at, RETENTION.as_millis() as i64);
    assert_eq!(reason(house.get(&by_name("p", "web")).await), Reason::KeyPairNotFound);
    assert_eq!(reason(house.export(&by_id(&pair)).await), Reason::KeyPairDeleted);
    house.clock.advance(RETENTION - Duration::from_millis(1));
    assert_eq!(house.service.sweep().await.unwrap(), 0);
    let back = house.undelete(&deleted, None).await.unwrap();
    assert_eq!((back.id, back.state, back.deleted), (pair.id, KeyPairState::Active, None));
    assert_eq!(house.export(&by_name("p", "web")).await.unwrap(), private_key);
    assert_eq!(house.held("p").await, 1);
    is_sound(&house).await;
}

async fn a_pair_past_its_time_is_gone_before_the_sweeper_comes(house: House) {
    let (pair, _) = house.create("p", "web", KeySpec::Ed25519).await.unwrap();
    house.delete(&by_id(&pair), false).await.unwrap();
    house.clock.advance(RETENTION);
    assert_eq!(reason(house.get(&by_id(&pair)).await), Reason::KeyPairNotFound);
    assert_eq!(reason(house.export(&by_id(&pair)).await), Reason::KeyPairNotFound);
    assert_eq!(reason(house.undelete(&pair, None).await), Reason::KeyPairNotFound);
    let listed = house.list("p").await.items;
    assert!(listed.is_empty(), "a pair that Get does not find is listed");
    is_sound(&house).await;
}

async fn the_sweeper_takes_what_is_due_and_nothing_else(house: House) {
    let mut pairs = Vec::new();
    for number in 0..6 {
        pairs.push(house.create("p", &format!("pair-{number}"), KeySpec::Ed25519).await.unwrap());
    }
    house.delete(&by_id(&pairs[0].0), false).await.unwrap();
    house.clock.advance(Duration::from_secs(3600));
    house.delete(&by_id(&pairs[1].0), false).await.unwrap();
    house.clock.advance(RETENTION - Duration::from_secs(3600));
    assert_eq!(house.service.sweep().await.unwrap(), 1, "the first is due, the second is not");
    assert_eq!(reason(house.get(&by_id(&pairs[0].0)).await), Reason::KeyPairNotFound);
    assert_eq!(house.get(&by_id(&pairs[1].0)).await.unwrap().state, KeyPairState::Deleted);
    assert_eq!(house.service.sweep().await.unwrap(), 0);
    house.clock.advance(Duration::from_secs(3600));
    assert_eq!(house.service.sweep().await.unwrap(), 1);
    assert_eq!(house.list("p").await.items.len(), 4);
    for (pair, private_key) in &pairs[2..] {
        assert_eq!(house.export(&by_id(pair)).await.unwrap(), *private_key);
    }
    is_sound(&house).await;
}

async fn an_undeleted_pair_is_not_swept(house: House) {
    let (pair, private_key) = house.create("p", "web", KeySpec::Ed25519).await.unwrap();
    let deleted = house.delete(&by_id(&pair), false).await.unwrap().unwrap();
    house.undelete(&deleted, None).await.unwrap();
    house.clock.advance(RETENTION * 2);
    assert_eq!(house.service.sweep().await.unwrap(), 0);
    assert_eq!(house.export(&by_id(&pair)).await.unwrap(), private_key);
    is_sound(&house).await;
}

async fn requests_are_forgotten_after_seven_days(house: House) {
    let (first, private_key) = house.create_as("p", "web", KeySpec::Ed25519, Some(1)).await.unwrap();
    house.clock.advance(KEPT - Duration::from_millis(1));
    assert_eq!(house.service.sweep().await.unwrap(), 0);
    let (again, same_key) = house.create_as("p", "web", KeySpec::Ed25519, Some(1)).await.unwrap();
    assert_eq!((again.id, same_key), (first.id, private_key));
    house.clock.advance(Duration::from_millis(1));
    assert_eq!(reason(house.create_as("p", "web", KeySpec::Ed25519, Some(1)).await), Reason::NameExists);
    assert_eq!(house.service.sweep().await.unwrap(), 1);
    // Forgotten: the id can stand for another request.
    let (other, _) = house.create_as("p", "other", KeySpec::Ed25519, Some(1)).await.unwrap();
    assert_ne!(other.id, first.id);
    assert_eq!(house.service.sweep().await.unwrap(), 0);
    is_sound(&house).await;
}

async fn purge_takes_everything_at_once(house: House) {
    let (pair, _) = house.create_as("p", "web", KeySpec::Ed25519, Some(1)).await.unwrap();
    house.delete(&by_id(&pair), true).await.unwrap();
    let (deleted, _) = house.create("p", "web", KeySpec::Ed25519).await.unwrap();
    house.delete(&by_id(&deleted), false).await.unwrap();
    house.delete(&by_id(&deleted), true).await.unwrap();
    for gone in [&pair, &deleted] {
        assert_eq!(reason(house.get(&by_id(gone)).await), Reason::KeyPairNotFound);
        assert_eq!(reason(house.export(&by_id(gone)).await), Reason::KeyPairNotFound);
        assert_eq!(reason(house.undelete(gone, None).await), Reason::KeyPairNotFound);
    }
    // The create of the purged pair, sent again, finds nothing and makes nothing.
    assert_eq!(reason(house.create_as("p", "web", KeySpec::Ed25519, Some(1)).await), Reason::KeyPairNotFound);
    assert!(house.list("p").await.items.is_empty());
    assert_eq!(house.held("p").await, 0);
    assert_eq!(house.service.verify().await.unwrap().pairs, 0);
    is_sound(&house).await;
}

async fn many_due_pairs_are_swept_in_one_go(house: House) {
    for number in 0..450 {
        let (pair, _) = house.create("p", &format!("pair-{number}"), KeySpec::Ed25519).await.unwrap();
        house.delete(&by_id(&pair), false).await.unwrap();
    }
    house.clock.advance(RETENTION);
    assert_eq!(house.service.sweep().await.unwrap(), 450);
    assert!(house.list("p").await.items.is_empty());
    is_sound(&house).await;
}

async fn is_sound(house: &House) {
    assert_eq!(house.service.verify().await.unwrap().findings, []);
}

fn reason<T>(outcome: Result<T>) -> Reason {
    outcome.err().expect("it must be refused").reason
}

/// What sled leaves behind, and that a compaction leaves nothing: neither in the store's file nor beside it.
#[tokio::test(flavor = "multi_thread")]
async fn after_purge_and_compaction_nothing_is_left_in_the_files() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let (mut doomed, mut kept) = (Vec::new(), Vec::new());
    for number in 0..120 {
        let pair = made(&mut client, wire::create(&format!("pair-{number}"))).await;
        if number % 2 == 0 { doomed.push(pair) } else { kept.push(pair) }
    }
    assert!(server.stop().success());
    let secrets = sealed_parts(&place.data(), &doomed.iter().map(|(pair, _)| id(&pair.id)).collect::<Vec<_>>());
    let windows: HashSet<[u8; WINDOW]> = secrets.iter().flat_map(|part| windows(part)).collect();
    assert!(found(&place.data(), &windows) > 0, "the search finds what is there");

    let server = place.serve();
    let mut client = server.client().await;
    for (number, (pair, _)) in doomed.iter().enumerate() {
        match number % 3 {
            // The private half alone goes.
            0 => {
                let key = Some(keypairs::grpc::pb::clear_private_request::Key::Id(pair.id.clone()));
                let request = keypairs::grpc::pb::ClearPrivateRequest { key, ..Default::default() };
                client.clear_private(request).await.unwrap();
            }
            _ => drop(client.delete(wire::purge(&pair.id)).await.unwrap()),
        }
    }
    let before = wire::list_all(&mut client, true).await;
    let refused = place.command(&["store", "compact"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "a server holds the data");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"));
    assert!(server.stop().success());
    let left = found(&place.data(), &windows);

    let compacted = place.command(&["store", "compact"]).output().unwrap();
    assert!(compacted.status.success(), "{}", String::from_utf8_lossy(&compacted.stderr));
    println!(
        "lifecycle: {} windows of purged and cleared halves: {left} found before compaction, {} after; {}",
        windows.len(),
        found(&place.data(), &windows),
        String::from_utf8_lossy(&compacted.stdout).trim()
    );
    assert_eq!(found(&place.data(), &windows), 0);
    assert!(!place.data().join("store.new").exists());

    assert!(place.command(&["store", "verify"]).status().unwrap().success());
    let server = place.serve();
    let mut client = server.client().await;
    assert_eq!(wire::list_all(&mut client, true).await, before);
    for (pair, private_key) in &kept {
        let answer = client.export_private(wire::export_id(&pair.id)).await.unwrap().into_inner();
        assert_eq!(answer.private_key, *private_key);
    }
    made(&mut client, wire::create("made-after")).await;
    assert_eq!(wire::list_all(&mut client, true).await.len(), before.len() + 1);
    assert!(server.stop().success());
}

/// kill -9 at any moment of a compaction: the store is whole, the old or the new, and what was half made goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_compaction_harms_nothing() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 5000\n");
    let server = place.serve();
    let clients = wire::clients(&server, 4).await;
    let tasks: Vec<_> = (0..4)
        .map(|part| {
            let mut client = clients[part].clone();
            tokio::spawn(async move {
                for number in 0..300 {
                    made(&mut client, wire::create(&format!("pair-{part}-{number}"))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let before = wire::list_all(&mut server.client().await, true).await;
    assert!(server.stop().success());
    let began = std::time::Instant::now();
    assert!(place.command(&["store", "compact"]).stdout(Stdio::null()).status().unwrap().success());
    let whole = began.elapsed();

    let (rounds, mut cut, mut half_made) = (rounds(24, 200), 0, 0);
    for round in 0..rounds {
        let mut child = place.command(&["store", "compact"]).stdout(Stdio::null()).spawn().unwrap();
        // Spread over the whole time that one takes: a moment is what this test is about, not a condition.
        std::thread::sleep(whole.mul_f64((round as f64 + 0.5) / rounds as f64));
        cut += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        half_made += usize::from(place.data().join("store.new").exists());
        let verified = place.command(&["store", "verify"]).output().unwrap();
        let told = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(verified.status.success(), "{told} {}", String::from_utf8_lossy(&verified.stderr));
        assert!(told.starts_with(&format!("{} key pairs, {0} private halves opened, 0 fault(s)", before.len())));
        assert!(!place.data().join("store.new").exists(), "what was half made is removed");
    }
    println!("lifecycle: {rounds} compactions of {whole:.0?}, {cut} cut off, {half_made} left a second folder");
    assert!(cut > rounds / 2 && half_made > 0, "the kills came too late: {cut}, {half_made}");
    let server = place.serve();
    assert_eq!(wire::list_all(&mut server.client().await, true).await, before);
    assert!(server.stop().success());
}

/// The states that a crash can leave, made by hand: a copy of any kind in the second folder is never believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_folder_is_never_believed() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    made(&mut client, wire::create("old")).await;
    assert!(server.stop().success());
    crate::server::copy_dir(&place.data().join("store"), &place.data().join("store.new"));
    let server = place.serve();
    made(&mut server.client().await, wire::create("new")).await;
    assert!(!place.data().join("store.new").exists());
    assert!(server.stop().success());
    std::fs::create_dir(place.data().join("store.new")).unwrap();
    std::fs::write(place.data().join("store.new/db"), b"half").unwrap();
    let server = place.serve();
    assert_eq!(wire::list_all(&mut server.client().await, true).await.len(), 2);
    // A command that the server keeps out leaves its folder alone too.
    std::fs::create_dir(place.data().join("store.new")).unwrap();
    std::fs::remove_file(place.data().join("admin.sock")).unwrap();
    let kept_out = place.command(&["store", "compact"]).output().unwrap();
    assert_eq!(kept_out.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&kept_out.stderr).contains("another process holds"));
    assert!(place.data().join("store.new").exists());
    assert!(server.stop().success());
}

/// Ciphertexts and wrapped data keys of these pairs, from the store of a stopped server.
fn sealed_parts(data: &Path, ids: &[KeyPairId]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    tamper(&data.join("store"), |rows| {
        for id in ids {
            let envelope = &rows[&row_key(b'e', "default", *id)];
            let header = inspect(envelope).unwrap();
            let wrapped = header.wraps[0].wrapped.clone();
            let at = envelope.windows(wrapped.len()).position(|window| *window == wrapped).unwrap();
            // docs/FORMAT.md: part B lies behind the header (155 bytes and the project), the wrap's names behind it.
            let sealed = 155 + "default".len();
            parts.push(envelope[sealed..sealed + 32 + 16].to_vec());
            assert!(sealed + 48 < at);
            parts.push(wrapped);
        }
    });
    parts
}

fn windows(bytes: &[u8]) -> Vec<[u8; WINDOW]> {
    bytes.windows(WINDOW).map(|window| window.try_into().unwrap()).collect()
}

/// How many windows are somewhere in the files of a directory.
fn found(dir: &Path, wanted: &HashSet<[u8; WINDOW]>) -> usize {
    let mut found: HashSet<&[u8; WINDOW]> = HashSet::new();
    for file in files(dir) {
        let bytes = std::fs::read(file).unwrap();
        found.extend(bytes.windows(WINDOW).filter_map(|window| wanted.get(&<[u8; WINDOW]>::try_from(window).unwrap())));
    }
    found.len()
}

/// Every regular file under a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(self::files(&entry.path())),
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

fn id(text: &str) -> KeyPairId {
    KeyPairId::parse(text).unwrap()
}

const WINDOW: usize = 16;
/// How long a request id is remembered.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
