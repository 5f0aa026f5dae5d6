//! Backup and restore, with the commands as an operator types them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keypairs::cipher;
use keypairs::grpc::pb;
use keypairs::secret::SecretBytes;
use keypairs::service::backup::{self, BackupKeys};

use crate::server::Place;
use crate::wire::{self, Client, list_all, made};

/// A backup of a store at rest brings everything back as it was: every field, every private half, deleted pairs too.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_is_the_same() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let halves = fill(&mut client).await;
    let before = list_all(&mut client, true).await;
    let file = place.data().with_file_name("backup");
    assert!(place.command(&["store", "backup"]).arg(&file).status().unwrap().success());
    assert_eq!(list_all(&mut client, true).await, before);
    assert_eq!(mode(&file), 0o600);
    assert!(server.stop().success());

    let other = with_keyring_of(&place);
    restore(&other, &file);
    assert!(other.verify().1.starts_with(&format!("{} key pairs", before.len())), "{:?}", other.verify());
    let server = other.serve();
    let mut client = server.client().await;
    assert_eq!(list_all(&mut client, true).await, before);
    for pair in before.iter().filter(|pair| pair.delete_time.is_some()) {
        let request = pb::UndeleteRequest { name: format!("back-{}", pair.id), ..wire::undelete(&pair.id) };
        client.undelete(request).await.unwrap();
    }
    are_halves(&mut client, &halves).await;
    let live = before.iter().filter(|pair| pair.delete_time.is_none()).count();
    let deleted = before.len() - live;
    assert!(deleted > 0 && halves.len() < before.len(), "the store had pairs of every kind");
    assert_eq!(wire::held(&mut client).await as usize, before.len());
    println!("backup: {live} live and {deleted} deleted pairs, {} private halves equal", halves.len());
    assert!(server.stop().success());

    // The same from a store that no server holds.
    let still = place.data().with_file_name("still");
    assert!(place.command(&["store", "backup"]).arg(&still).status().unwrap().success());
    let third = with_keyring_of(&place);
    restore(&third, &still);
    let server = third.serve();
    assert_eq!(list_all(&mut server.client().await, true).await, before);
    assert!(server.stop().success());
}

/// A backup under load is the store at one moment: what was there before and did not change is in it, what was gone
/// before is not, and what is in it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 100000\n");
    let server = place.serve();
    let clients = wire::clients(&server, 4).await;
    let (mut steady, mut gone) = (BTreeMap::new(), Vec::new());
    for number in 0..150 {
        let (pair, half) = made(&mut clients[0].clone(), wire::create(&format!("steady-{number}"))).await;
        match number % 10 {
            9 => {
                clients[0].clone().delete(wire::purge(&pair.id)).await.unwrap();
                gone.push(pair.id);
            }
            _ => drop(steady.insert(pair.id.clone(), (pair, half))),
        }
    }
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..8)
        .map(|worker| {
            let (client, stop, done) = (clients[worker % 4].clone(), stop.clone(), done.clone());
            tokio::spawn(churn(client, worker, stop, done))
        })
        .collect();
    while done.load(Ordering::Relaxed) < 50 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (began, mut files) = (done.load(Ordering::Relaxed), Vec::new());
    for number in 0..5 {
        let file = place.data().with_file_name(format!("backup-{number}"));
        let mut command = place.command(&["store", "backup"]);
        assert!(tokio::task::block_in_place(|| command.arg(&file).status()).unwrap().success());
        files.push(file);
    }
    let meanwhile = done.load(Ordering::Relaxed) - began;
    stop.store(true, Ordering::Relaxed);
    for worker in load {
        worker.await.unwrap();
    }
    assert!(meanwhile > 0, "nothing happened while the backups were made");
    assert!(server.stop().success());

    let mut sizes = Vec::new();
    for file in &files {
        let other = with_keyring_of(&place);
        other.configure("[quota]\nkey_pairs_per_project = 100000\n");
        restore(&other, file);
        let (clean, told) = other.verify();
        assert!(clean, "{told}");
        let server = other.serve();
        let mut client = server.client().await;
        let restored: BTreeMap<_, _> =
            list_all(&mut client, true).await.into_iter().map(|pair| (pair.id.clone(), pair)).collect();
        for (id, (pair, half)) in &steady {
            assert_eq!(restored.get(id), Some(pair));
            assert_eq!(exported(&mut client, id).await, *half);
        }
        assert!(gone.iter().all(|id| !restored.contains_key(id)), "a pair that was purged before came back");
        sizes.push(restored.len());
        assert!(server.stop().success());
    }
    println!("backup: 5 under load, {meanwhile} changes meanwhile; pairs in each: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_trusted_is_refused() {
    let place = Place::new();
    let server = place.serve();
    fill(&mut server.client().await).await;
    let file = place.data().with_file_name("backup");
    assert!(place.command(&["store", "backup"]).arg(&file).status().unwrap().success());
    assert!(server.stop().success());
    let whole = fs::read(&file).unwrap();

    // Another keyring, and none.
    let stranger = Place::new();
    assert!(stranger.command(&["keyring", "init"]).output().unwrap().status.success());
    refused(&stranger, &file, "another keyring");
    let nobody = Place::new();
    let output = nobody.command(&["store", "restore"]).arg(&file).output().unwrap();
    assert!(!output.status.success() && !nobody.data().join("store").exists());
    assert!(String::from_utf8_lossy(&output.stderr).contains("keyring"), "{output:?}");

    // Flipped, cut, lengthened, and two pieces put together.
    let other = with_keyring_of(&place);
    let (bad, mut tried) = (place.data().with_file_name("bad"), 0);
    let flips = (0..65 * 8).step_by(5).chain((65 * 8..whole.len() * 8).step_by(whole.len() / 8 + 1));
    for bit in flips {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&bad, bytes).unwrap();
        refused(&other, &bad, "the backup cannot be used");
        tried += 1;
    }
    let lengths = [0, 1, 64, 65, 66, 70, whole.len() / 2, whole.len() - 1];
    let cuts = lengths.map(|length| whole[..length].to_vec());
    let longer = [[whole.as_slice(), &[0]].concat(), [whole.as_slice(), &whole].concat()];
    for bytes in cuts.into_iter().chain(longer) {
        fs::write(&bad, bytes).unwrap();
        refused(&other, &bad, "the backup cannot be used");
        tried += 1;
    }
    println!("backup: {tried} damaged files refused, of {} bytes each", whole.len());
    // It was the file, not the place.
    restore(&other, &file);
    let again = other.command(&["store", "restore"]).arg(&file).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "into a store that is there");
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is a store in"));
    assert!(other.verify().0);
}

/// Fuzzing found that the check counted pairs that went while the backup was made, which a restore does not bring back.
#[test]
fn a_check_counts_what_a_restore_makes() {
    let key = || SecretBytes::new(vec![7; 32]);
    let keys = BackupKeys { keyring: [1; 16], current: 1, versions: BTreeMap::from([(1, key())]) };
    let header = [b"KPB1\x01".as_slice(), &keys.keyring, &[0, 0, 0, 1], &[0; 8], &[2; 32]].concat();
    let hash = cipher::sha256(&[&header]);
    let gone = [b"\x02\x07default".as_slice(), &[3; 16], &[0; 2], &[0; 2]].concat();
    let bound = [hash.as_slice(), &[1]].concat();
    let sealed = cipher::seal(&cipher::derive(&key(), &hash, &[b"KPB1 frames"]), &[0; 12], &bound, &gone);
    let file = [&header, &[1][..], &(sealed.len() as u32).to_be_bytes(), &sealed].concat();
    assert_eq!(backup::check(&keys, || Ok(file.as_slice())).unwrap().pairs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_overwrites_no_file_and_a_held_store_is_not_restored_into() {
    let place = Place::new();
    let server = place.serve();
    made(&mut server.client().await, wire::create("web")).await;
    let file = place.data().with_file_name("backup");
    fs::write(&file, b"precious").unwrap();
    let output = place.command(&["store", "backup"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let output = place.command(&["store", "restore"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a server holds"));
    assert!(server.stop().success());
}

/// A restore that was cut off leaves no store that looks like a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_off_is_not_served() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 100000\n");
    let server = place.serve();
    let clients = wire::clients(&server, 4).await;
    let tasks: Vec<_> = (0..8)
        .map(|part| {
            let mut client = clients[part % 4].clone();
            tokio::spawn(async move {
                for number in 0..200 {
                    made(&mut client, wire::create(&format!("pair-{part}-{number}"))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let before = list_all(&mut server.client().await, true).await;
    let file = place.data().with_file_name("backup");
    assert!(place.command(&["store", "backup"]).arg(&file).status().unwrap().success());
    assert!(server.stop().success());
    let whole = std::time::Instant::now();
    restore(&with_keyring_of(&place), &file);
    let whole = whole.elapsed();

    let (rounds, mut cut) = (wire::rounds(12, 100), 0);
    for round in 0..rounds {
        let other = with_keyring_of(&place);
        let mut child = other.command(&["store", "restore"]).arg(&file).spawn().unwrap();
        // Spread over the whole time that one takes: a moment is what this test is about, not a condition.
        std::thread::sleep(whole.mul_f64((round as f64 + 0.5) / rounds as f64));
        child.kill().unwrap();
        if child.wait().unwrap().success() || !other.data().join("store").exists() {
            continue;
        }
        match other.try_serve(std::time::Duration::from_secs(60)) {
            // Cut off after the last pair, or before the first change.
            Ok(server) => assert_eq!(list_all(&mut server.client().await, true).await.len(), before.len()),
            Err(ended) => {
                cut += 1;
                assert_eq!(ended.code, Some(65), "{}", ended.log);
                assert!(ended.log.contains("restore"), "{}", ended.log);
            }
        }
    }
    println!("backup: {rounds} restores of {whole:.0?} killed, {cut} of them were refused afterwards");
    assert!(cut > 0, "the kills came too early or too late");
}

/// Pairs of every kind; the private halves that are held, by id.
async fn fill(client: &mut Client) -> BTreeMap<String, String> {
    let mut halves = BTreeMap::new();
    let types = [(pb::KeyType::Ed25519, 0), (pb::KeyType::Ecdsa, 256), (pb::KeyType::Ecdsa, 384)];
    for number in 0..40 {
        let name = format!("pair-{number}");
        let (key_type, bits) = if number == 7 { (pb::KeyType::Rsa, 2048) } else { types[number % 3] };
        let mut request = wire::create_typed(&name, key_type, bits);
        request.labels.insert("number".into(), number.to_string());
        request.description = format!("the {number}th");
        let (pair, half) = made(client, request).await;
        halves.insert(pair.id.clone(), half);
        match number % 8 {
            1 => drop(client.delete(wire::delete(&name)).await.unwrap()),
            2 => drop(client.update(wire::rename(&pair.id, &format!("renamed-{number}"))).await.unwrap()),
            3 => {
                let key = Some(pb::clear_private_request::Key::Id(pair.id.clone()));
                client.clear_private(pb::ClearPrivateRequest { key, ..Default::default() }).await.unwrap();
                halves.remove(&pair.id);
            }
            4 => {
                client.delete(wire::purge(&pair.id)).await.unwrap();
                halves.remove(&pair.id);
                let request = pb::ImportPublicRequest { name, public_key: pair.public_key, ..Default::default() };
                client.import_public(request).await.unwrap();
            }
            _ => {}
        }
    }
    halves
}

/// Makes, renames, deletes and purges pairs until told to stop.
async fn churn(mut client: Client, worker: usize, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) {
    let mut last: Option<String> = None;
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (pair, _) = made(&mut client, wire::create(&format!("load-{worker}-{number}"))).await;
        match (number % 4, last.take()) {
            (1, Some(id)) => drop(client.delete(wire::purge(&id)).await.unwrap()),
            (2, Some(id)) => drop(client.update(wire::rename(&id, &format!("new-{id}"))).await.unwrap()),
            (3, _) => drop(client.delete(wire::delete(&pair.name)).await.unwrap()),
            _ => {}
        }
        last = (number % 4 != 3).then_some(pair.id);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn are_halves(client: &mut Client, halves: &BTreeMap<String, String>) {
    for (id, half) in halves {
        let exported = exported(client, id).await;
        // The comment of a made key is its name, which some of them changed.
        let numbers = |text: &str| keypairs::sshkey::PrivateKey::parse(text).unwrap().0.to_compact().expose().to_vec();
        assert!(numbers(&exported) == numbers(half), "another private half of {id}");
    }
}

async fn exported(client: &mut Client, id: &str) -> String {
    let mut answer = client.export_private(wire::export_id(id)).await.unwrap().into_inner();
    std::mem::take(&mut answer.private_key)
}

/// An empty place that holds the keyring of another.
fn with_keyring_of(place: &Place) -> Place {
    let other = Place::new();
    fs::create_dir(other.data()).unwrap();
    fs::copy(place.data().join("keyring"), other.data().join("keyring")).unwrap();
    other
}

#[track_caller]
fn restore(place: &Place, file: &Path) {
    let output = place.command(&["store", "restore"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Refused with 65 and a clear word, and nothing is left behind.
#[track_caller]
fn refused(place: &Place, file: &Path, word: &str) {
    let before = names(&place.data());
    let output = place.command(&["store", "restore"]).arg(file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(65), "{told}");
    assert!(told.contains(word), "no {word:?} in {told:?}");
    assert_eq!(names(&place.data()), before);
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}
