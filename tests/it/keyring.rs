//! The keyring: what its file promises, and what every key-management back end promises.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use keypairs::clock::{ManualClock, OsEntropy};
use keypairs::error::Reason;
use keypairs::kms::keyring::{KeyState, Keyring, KeyringError};
use keypairs::kms::{KekRef, Kms, Wanted};
use keypairs::secret::SecretBytes;
use tempfile::TempDir;

use crate::seeded::Seeded;

fn create(path: &Path) -> Result<Keyring, KeyringError> {
    Keyring::create(path, Arc::new(ManualClock::at(1_000)), Arc::new(OsEntropy))
}

fn open(path: &Path) -> Result<Keyring, KeyringError> {
    Keyring::open(path, Arc::new(ManualClock::at(2_000)), Arc::new(OsEntropy))
}

fn refused(path: &Path) -> KeyringError {
    open(path).err().expect("the file must be refused")
}

fn place() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("keyring");
    (dir, path)
}

fn states(keyring: &Keyring, name: &str) -> Vec<(u32, KeyState)> {
    keyring.versions().iter().filter(|v| v.name == name).map(|v| (v.version, v.state)).collect()
}

#[test]
fn a_new_file_is_private_and_opens_again() {
    let (_dir, path) = place();
    let made = create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let opened = open(&path).unwrap();
    assert_eq!(opened.id(), made.id());
    assert_eq!(opened.versions(), made.versions());
    let [only] = opened.versions().try_into().unwrap();
    assert_eq!((only.name.as_str(), only.version, only.created), ("default", 1, 1_000));
    assert!(!path.with_extension("tmp").exists());
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let (_dir, path) = place();
    let made = create(&path).unwrap();
    assert!(matches!(create(&path), Err(KeyringError::Exists(_))));
    assert_eq!(open(&path).unwrap().id(), made.id());
    std::fs::write(&path, b"something else").unwrap();
    assert!(matches!(create(&path), Err(KeyringError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
}

#[test]
fn of_many_creators_one_wins() {
    for _ in 0..20 {
        let (_dir, path) = place();
        let start = Barrier::new(8);
        let made: Vec<_> = std::thread::scope(|scope| {
            let race = || {
                start.wait();
                create(&path)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
        assert!(lost.iter().all(|error| matches!(error, Err(KeyringError::Exists(_)))));
        let [Ok(won)] = won.as_slice() else { panic!("{} creators won", won.len()) };
        assert_eq!(open(&path).unwrap().id(), won.id());
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let (_dir, path) = place();
    create(&path).unwrap().create_key("kps/default").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        match refused(&path) {
            KeyringError::Damaged { .. } => {}
            KeyringError::VersionUnknown { version, .. } if version == bytes[4] && version != 1 => {}
            other => panic!("{what}: {other}"),
        }
    };
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped, &format!("bit {bit}"));
    }
    for len in 0..whole.len() {
        check(&whole[..len], &format!("cut to {len}"));
    }
    check(&[whole.as_slice(), &[0]].concat(), "one byte more");
    std::fs::write(&path, &whole).unwrap();
    open(&path).unwrap();
}

#[test]
fn open_permissions_are_refused() {
    let (_dir, path) = place();
    create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let error = refused(&path);
        assert!(matches!(error, KeyringError::OpenPermissions { mode: told, .. } if told == mode), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        open(&path).unwrap();
    }
}

#[test]
fn only_a_regular_file_is_taken() {
    let (dir, path) = place();
    assert!(matches!(refused(&path), KeyringError::Missing(_)));
    create(&path).unwrap();
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    let pipe = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [&link, &pipe, &socket, &dir.path().to_owned()] {
        assert!(matches!(refused(path), KeyringError::NotRegular(_)), "{}", path.display());
    }
}

#[test]
fn a_change_is_on_the_disk_and_the_file_before_it_beside() {
    let (dir, path) = place();
    let keyring = create(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // What a crash in the middle of an earlier change left behind.
    std::fs::write(dir.path().join("keyring.tmp"), b"half a key").unwrap();
    open(&path).unwrap();
    let made = keyring.rotate("default").unwrap();
    assert_eq!((made.version, made.state), (2, KeyState::Active));
    assert_eq!(open(&path).unwrap().versions(), keyring.versions());
    assert_eq!(states(&keyring, "default"), [(1, KeyState::DecryptOnly), (2, KeyState::Active)]);
    let previous = dir.path().join("keyring.prev");
    assert_eq!(std::fs::read(&previous).unwrap(), before);
    assert_eq!(states(&open(&previous).unwrap(), "default"), [(1, KeyState::Active)]);
    assert!(!dir.path().join("keyring.tmp").exists());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_change_that_cannot_be_written_is_not_used() {
    let (dir, path) = place();
    let keyring = create(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // A directory where the temporary file would go: the write fails.
    std::fs::create_dir(dir.path().join("keyring.tmp")).unwrap();
    assert!(matches!(keyring.rotate("default"), Err(KeyringError::Io { .. })));
    assert_eq!(states(&keyring, "default"), [(1, KeyState::Active)]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::remove_dir(dir.path().join("keyring.tmp")).unwrap();
    assert_eq!(keyring.rotate("default").unwrap().version, 2);
}

#[test]
fn changes_of_two_processes_add_up() {
    let (_dir, path) = place();
    let server = create(&path).unwrap();
    let command = open(&path).unwrap();
    command.create_key("kps/default").unwrap();
    assert_eq!(server.rotate("default").unwrap().version, 2);
    assert_eq!(command.rotate("default").unwrap().version, 3);
    assert_eq!(command.versions(), open(&path).unwrap().versions());
    assert_eq!(states(&command, "kps/default"), [(1, KeyState::Active)]);
}

#[test]
fn many_rotations_at_once_lose_none() {
    let (_dir, path) = place();
    create(&path).unwrap();
    let keyrings = [open(&path).unwrap(), open(&path).unwrap()];
    std::thread::scope(|scope| {
        for keyring in [&keyrings[0], &keyrings[0], &keyrings[1], &keyrings[1]] {
            scope.spawn(|| (0..4).for_each(|_| drop(keyring.rotate("default").unwrap())));
        }
    });
    let states = states(&open(&path).unwrap(), "default");
    assert_eq!(states.iter().map(|(version, _)| *version).collect::<Vec<_>>(), (1..=17).collect::<Vec<_>>());
    let active: Vec<_> = states.iter().filter(|(_, state)| *state == KeyState::Active).collect();
    assert_eq!(active, [&(17, KeyState::Active)]);
}

#[test]
fn a_file_that_went_back_or_was_exchanged_is_not_changed() {
    let (dir, path) = place();
    let keyring = create(&path).unwrap();
    keyring.rotate("default").unwrap();
    std::fs::copy(dir.path().join("keyring.prev"), &path).unwrap();
    assert!(matches!(keyring.rotate("default"), Err(KeyringError::Replaced(_))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(keyring.rotate("default"), Err(KeyringError::Missing(_))));
    create(&path).unwrap();
    assert!(matches!(keyring.rotate("default"), Err(KeyringError::Replaced(_))));
    assert_eq!(states(&keyring, "default").len(), 2);
}

#[test]
fn a_held_lock_is_waited_for_with_a_bound() {
    let (dir, path) = place();
    let keyring = create(&path).unwrap();
    let held = std::fs::File::open(dir.path().join("keyring.lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(keyring.rotate("default"), Err(KeyringError::Busy(_))));
    drop(held);
    keyring.rotate("default").unwrap();
}

#[test]
fn key_names_have_a_grammar_and_are_taken_once() {
    let (_dir, path) = place();
    let keyring = create(&path).unwrap();
    for name in ["", "../x", "a//b", "/a", "a b", "ä", &"x".repeat(256)] {
        assert!(matches!(keyring.create_key(name), Err(KeyringError::NameInvalid(_))), "{name}");
    }
    keyring.create_key("kps/default").unwrap();
    keyring.create_key(&"x".repeat(255)).unwrap();
    for name in ["kps/default", "default"] {
        assert!(matches!(keyring.create_key(name), Err(KeyringError::KeyExists(_))), "{name}");
    }
    assert!(matches!(keyring.rotate("other"), Err(KeyringError::KeyNotFound(_))));
    assert_eq!(open(&path).unwrap().versions(), keyring.versions());
}

#[test]
fn the_file_holds_no_key_but_the_root() {
    let (_dir, path) = place();
    let entropy = Arc::new(Seeded::new("plain"));
    Keyring::create(&path, Arc::new(ManualClock::at(0)), entropy.clone()).unwrap();
    let file = std::fs::read(&path).unwrap();
    let keys: Vec<_> = entropy.drawn().into_iter().filter(|draw| draw.len() == 32).collect();
    let found = keys.iter().map(|key| file.windows(32).any(|window| window == key));
    assert_eq!(found.collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn purposes_have_keys_of_their_own_that_rotation_leaves_alone() {
    let (_dir, path) = place();
    let keyring = create(&path).unwrap();
    let key = |keyring: &Keyring, purpose: &str| keyring.derive(purpose).1[&1].expose().to_vec();
    let (current, keys) = keyring.derive("rows");
    assert_eq!((current, keys.keys().copied().collect::<Vec<_>>()), (1, vec![1]));
    assert_eq!(keys[&1].expose().len(), 32);
    let rows = key(&keyring, "rows");
    assert_ne!(rows, key(&keyring, "row"));
    assert_ne!(rows, key(&keyring, "tokens"));
    keyring.rotate("default").unwrap();
    assert_eq!(key(&keyring, "rows"), rows);
    assert_eq!(key(&open(&path).unwrap(), "rows"), rows);
    let (_other_dir, other) = place();
    assert_ne!(key(&create(&other).unwrap(), "rows"), rows);
}

#[tokio::test]
async fn a_key_is_found_by_name_or_id() {
    let (_dir, path) = place();
    let keyring = create(&path).unwrap();
    keyring.create_key("kps/default").unwrap();
    keyring.create_key("other").unwrap();
    let named = |name, id| keyring.resolve(Wanted::Named { name, id });
    let reference =
        |name: &str| KekRef { backend: "keyring".into(), name: name.into(), id: name.into(), version: "1".into() };
    assert_eq!(keyring.resolve(Wanted::Default).await.unwrap(), reference("default"));
    for (name, id) in
        [(Some("kps/default"), None), (None, Some("kps/default")), (Some("kps/default"), Some("kps/default"))]
    {
        assert_eq!(named(name, id).await.unwrap(), reference("kps/default"));
    }
    let reason = |result: keypairs::error::Result<KekRef>| result.unwrap_err().reason;
    assert_eq!(reason(named(Some("kps/default"), Some("other")).await), Reason::KmsKeyAmbiguous);
    assert_eq!(reason(named(Some("none"), None).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(named(None, Some("none")).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(named(Some("default"), None).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(named(None, Some("default")).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(named(None, None).await), Reason::Internal);
    keyring.probe().await.unwrap();
}

#[tokio::test]
async fn the_keyring_conforms() {
    let (_dir, path) = place();
    let keyring = create(&path).unwrap();
    keyring.create_key("kps/default").unwrap();
    conforms(&keyring, "kps/default").await;
}

/// What every back end promises, tried on a key that is there.
async fn conforms(kms: &dyn Kms, name: &str) {
    let kek = kms.resolve(Wanted::Named { name: Some(name), id: None }).await.unwrap();
    let again = kms.resolve(Wanted::Named { name: Some(name), id: Some(&kek.id) }).await.unwrap();
    assert_eq!(again, kek);
    let dek = SecretBytes::filled(32, |bytes| bytes.fill(0x5a));
    let wrapped = kms.wrap(&kek, &dek, &[1; 32], [2; 16]).await.unwrap();
    assert!((1..=4096).contains(&wrapped.len()));
    assert!(!wrapped.windows(32).any(|window| window == dek.expose()));
    assert_ne!(kms.wrap(&kek, &dek, &[1; 32], [2; 16]).await.unwrap(), wrapped, "no two wraps are the same");
    let opened = kms.unwrap(&kek, &wrapped, &[1; 32], [3; 16]).await.unwrap();
    assert_eq!(opened.expose(), dek.expose());

    let reason = |result: keypairs::error::Result<SecretBytes>| result.err().expect("must be refused").reason;
    assert_eq!(reason(kms.unwrap(&kek, &wrapped, &[0; 32], [2; 16]).await), Reason::RecordCorrupt);
    for bit in 0..wrapped.len() * 8 {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(reason(kms.unwrap(&kek, &flipped, &[1; 32], [2; 16]).await), Reason::RecordCorrupt, "bit {bit}");
    }
    for len in 0..wrapped.len() {
        assert_eq!(reason(kms.unwrap(&kek, &wrapped[..len], &[1; 32], [2; 16]).await), Reason::RecordCorrupt);
    }
    for version in ["2", "0", "01", "+1", "", "x", "99999999999"] {
        let kek = KekRef { version: version.into(), ..kek.clone() };
        assert_eq!(reason(kms.unwrap(&kek, &wrapped, &[1; 32], [2; 16]).await), Reason::KmsKeyNotFound, "{version}");
    }
    let strange = KekRef { name: "no-such-key".into(), id: "no-such-key".into(), ..kek.clone() };
    assert_eq!(reason(kms.unwrap(&strange, &wrapped, &[1; 32], [2; 16]).await), Reason::KmsKeyNotFound);
}
