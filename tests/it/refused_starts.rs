//! What the service does not start on: data that were wiped, rolled back or mixed up. It says why, exits with the
//! documented code, and leaves the data as they are: once put right, they serve.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use keypairs::grpc::pb::KeyPair;

use crate::crash::step;
use crate::crash::writer::{export, get};
use crate::server::{Ended, Place, copy_dir};

const DAMAGED: i32 = 65;
const IO: i32 = 74;
const CONFIG: i32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_store() {
    let held = Held::new().await;
    let store = held.place.data().join("store");
    for wipe in [wipe_folder as fn(&Path), wipe_files, truncate_log] {
        held.spoilt(|| wipe(&store)).refused(DAMAGED, &["empty or wiped", "epoch", "restore"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_store() {
    let held = Held::new().await;
    let (data, old) = (held.place.data(), held.place.data().with_file_name("old"));
    copy_dir(&data.join("store"), &old);
    let server = held.place.serve();
    step::create("newer", String::new()).send(&mut server.client().await).await.unwrap();
    assert!(server.stop().success());
    let spoil = || {
        fs::remove_dir_all(data.join("store")).unwrap();
        copy_dir(&old, &data.join("store"));
    };
    held.spoilt(spoil).refused(DAMAGED, &["rolled back", "restore"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_its_epoch() {
    let held = Held::new().await;
    let epoch = held.place.data().join("epoch");
    held.spoilt(|| fs::remove_file(&epoch).unwrap()).refused(DAMAGED, &["`epoch`", "missing"]).await;
    held.spoilt(|| fs::write(&epoch, b"something else").unwrap()).refused(DAMAGED, &["`epoch` is damaged"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_another_service() {
    let (held, other) = (Held::new().await, Held::new().await);
    let (store, foreign) = (held.place.data().join("store"), other.place.data().join("store"));
    let spoil = || {
        fs::remove_dir_all(&store).unwrap();
        copy_dir(&foreign, &store);
    };
    held.spoilt(spoil).refused(DAMAGED, &["another"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_without_their_keyring() {
    let held = Held::new().await;
    let keyring = held.place.data().join("keyring");
    held.spoilt(|| fs::remove_file(&keyring).unwrap()).refused(DAMAGED, &["no keyring", "put the keyring back"]).await;
    let cut = || fs::write(&keyring, &fs::read(&keyring).unwrap()[..40]).unwrap();
    held.spoilt(cut).refused(DAMAGED, &["keyring is damaged", "backup"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_with_another_keyring() {
    let (held, other) = (Held::new().await, Held::new().await);
    let (keyring, foreign) = (held.place.data().join("keyring"), other.place.data().join("keyring"));
    let spoil = || {
        fs::copy(foreign, keyring).unwrap();
    };
    held.spoilt(spoil).refused(DAMAGED, &["keyring is another one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_others_can_read() {
    let held = Held::new().await;
    let keyring = held.place.data().join("keyring");
    for mode in [0o644, 0o640, 0o604] {
        let open = || fs::set_permissions(&keyring, Permissions::from_mode(mode)).unwrap();
        held.spoilt(open).refused(DAMAGED, &[&format!("mode 0{mode:o}"), "chmod 600"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_another_server_holds() {
    let held = Held::new().await;
    let server = held.place.serve();
    let ended = held.place.try_serve(BOUND).err().expect("two servers on one store");
    told(&ended, IO, &["another process holds"]);
    // Who cannot have the data must not take the ports.
    assert!(!ended.log.contains("\"listener\""), "{}", ended.log);
    assert_eq!(get(&mut server.client().await, &held.pair.id).await.unwrap(), held.pair);
    assert!(server.stop().success());
}

#[test]
fn a_place_that_cannot_hold_data() {
    let place = Place::new();
    fs::write(place.data(), b"a file").unwrap();
    told(&place.try_serve(BOUND).err().unwrap(), IO, &["data directory"]);
}

#[test]
fn a_configuration_with_faults() {
    let place = Place::new();
    place.configure("[store]\nkind = \"papyrus\"\n[quota]\nkey_pairs = 1\n");
    told(&place.try_serve(BOUND).err().unwrap(), CONFIG, &["2 fault(s)", "store.kind", "quota.key_pairs"]);
    assert!(!place.data().exists(), "a refused start made something");
}

/// Data that a server has stopped on in order, with one pair in them.
struct Held {
    place: Place,
    pair: KeyPair,
    file: Option<String>,
}

impl Held {
    async fn new() -> Self {
        let place = Place::new();
        let server = place.serve();
        let made = step::create("web", String::new()).send(&mut server.client().await).await.unwrap();
        assert!(server.stop().success());
        Self { place, pair: made.pair.unwrap(), file: made.file }
    }

    /// The same data with something done to them.
    fn spoilt(&self, spoil: impl FnOnce()) -> Spoilt<'_> {
        let kept = self.place.data().with_file_name("kept");
        let _ = fs::remove_dir_all(&kept);
        copy_dir(&self.place.data(), &kept);
        spoil();
        Spoilt { held: self, kept }
    }
}

struct Spoilt<'h> {
    held: &'h Held,
    kept: std::path::PathBuf,
}

impl Spoilt<'_> {
    /// Refused twice, the second time too; what was done is undone then, and the pair is there.
    async fn refused(self, code: i32, words: &[&str]) {
        let Held { place, pair, file } = self.held;
        for _ in 0..2 {
            let ended = place.try_serve(BOUND).err().unwrap_or_else(|| panic!("it started; wanted {words:?}"));
            told(&ended, code, words);
        }
        fs::remove_dir_all(place.data()).unwrap();
        fs::rename(&self.kept, place.data()).unwrap();
        let server = place.serve();
        let mut client = server.client().await;
        assert_eq!(get(&mut client, &pair.id).await.unwrap(), *pair);
        assert_eq!(export(&mut client, &pair.id).await.ok(), *file);
        assert!(server.stop().success());
    }
}

#[track_caller]
fn told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.log);
    // The last line is for people; whoever reads only that must learn why.
    let last = ended.log.rsplit("keypairs: ").next().unwrap();
    for word in words {
        assert!(last.contains(word), "no {word:?} in {last:?}");
    }
}

fn wipe_folder(store: &Path) {
    fs::remove_dir_all(store).unwrap();
}

fn wipe_files(store: &Path) {
    fs::remove_dir_all(store).unwrap();
    fs::create_dir(store).unwrap();
}

fn truncate_log(store: &Path) {
    fs::OpenOptions::new().write(true).open(store.join("db")).unwrap().set_len(0).unwrap();
    for file in fs::read_dir(store).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(file.path()).unwrap();
        }
    }
}

const BOUND: Duration = Duration::from_secs(60);
