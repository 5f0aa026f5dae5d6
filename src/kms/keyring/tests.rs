//! Keyrings that no call makes yet: with destroyed versions, with several MAC roots, with parts missing.

use std::os::unix::fs::OpenOptionsExt as _;

use super::*;
use crate::clock::{ManualClock, OsEntropy};

fn content(slots: &[(Kind, &str, u32, KeyState)]) -> Content {
    let mut entries = BTreeMap::new();
    for (kind, name, version, state) in slots {
        let secret = (*state != KeyState::Destroyed).then(|| fresh(&OsEntropy));
        let slot = Slot { kind: *kind, name: (*name).to_owned(), version: *version };
        entries.insert(slot, Entry { created: 0, state: *state, secret });
    }
    Content { id: random(&OsEntropy), serial: 1, created: 0, root: fresh(&OsEntropy), entries }
}

fn opened(content: &Content) -> Result<Keyring, KeyringError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &encode(&path, content, &OsEntropy).unwrap()).unwrap();
    Keyring::open(&path, Arc::new(ManualClock::at(0)), Arc::new(OsEntropy))
}

const DEFAULT: (Kind, &str, u32, KeyState) = (Kind::Kek, DEFAULT_KEY, 1, KeyState::Active);
const MAC_ROOT: (Kind, &str, u32, KeyState) = (Kind::Mac, "", 1, KeyState::Active);

#[test]
fn what_is_written_is_read() {
    let gone = (Kind::Kek, "gone", 7, KeyState::Destroyed);
    let written = content(&[DEFAULT, MAC_ROOT, gone]);
    let read = format::decode(&format::encode(&written, &OsEntropy).unwrap()).unwrap();
    assert_eq!((read.id, read.serial, read.created), (written.id, written.serial, written.created));
    assert_eq!(read.root.expose(), written.root.expose());
    let all = |content: &Content| -> Vec<_> {
        let entries = content.entries.iter();
        entries.map(|(s, e)| (s.clone(), e.state, e.secret.as_ref().map(|key| key.expose().to_vec()))).collect()
    };
    assert_eq!(all(&read), all(&written));
}

#[test]
fn a_keyring_without_its_two_active_keys_is_refused() {
    let worn = (Kind::Kek, DEFAULT_KEY, 1, KeyState::DecryptOnly);
    for slots in [&[DEFAULT][..], &[MAC_ROOT], &[worn, MAC_ROOT], &[]] {
        let error = opened(&content(slots)).err().expect("must be refused");
        assert!(matches!(error, KeyringError::Damaged { at: "no active key", .. }), "{error}");
    }
    opened(&content(&[DEFAULT, MAC_ROOT])).unwrap();
}

#[tokio::test]
async fn a_destroyed_key_is_disabled_and_its_versions_are_not_used_again() {
    let gone = [(Kind::Kek, "gone", 1, KeyState::Destroyed), (Kind::Kek, "gone", 2, KeyState::Destroyed)];
    let half = [(Kind::Kek, "half", 1, KeyState::Destroyed), (Kind::Kek, "half", 2, KeyState::Active)];
    let keyring = opened(&content(&[&[DEFAULT, MAC_ROOT], &gone[..], &half[..]].concat())).unwrap();
    let named = |name| keyring.resolve(Wanted::Named { name: Some(name), id: None });
    assert_eq!(named("gone").await.unwrap_err().reason, Reason::KmsKeyDisabled);
    let kek = named("half").await.unwrap();
    assert_eq!(kek.version, "2");
    let wrapped = keyring.wrap(&kek, &fresh(&OsEntropy), &[0; 32], [0; 16]).await.unwrap();
    let destroyed = KekRef { version: "1".into(), ..kek };
    let refused = keyring.unwrap(&destroyed, &wrapped, &[0; 32], [0; 16]).await;
    assert_eq!(refused.err().expect("must be refused").reason, Reason::KmsKeyDisabled);
}

#[test]
fn every_version_of_the_mac_root_gives_a_key() {
    let old = (Kind::Mac, "", 1, KeyState::DecryptOnly);
    let keyring = opened(&content(&[DEFAULT, old, (Kind::Mac, "", 2, KeyState::Active)])).unwrap();
    let (current, keys) = keyring.derive("rows");
    assert_eq!((current, keys.keys().copied().collect::<Vec<_>>()), (2, vec![1, 2]));
    assert_ne!(keys[&1].expose(), keys[&2].expose());
}

#[test]
fn errors_say_what_to_do_and_hold_no_key() {
    let path = || PathBuf::from("/data/keyring");
    let errors = [
        (KeyringError::Missing(path()), "restore it"),
        (KeyringError::Exists(path()), "move it away"),
        (KeyringError::NotRegular(path()), "name the keyring file"),
        (KeyringError::OpenPermissions { path: path(), mode: 0o644 }, "chmod 600"),
        (KeyringError::Damaged { path: path(), at: "MAC" }, "/data/keyring.prev"),
        (KeyringError::VersionUnknown { path: path(), version: 2 }, "newer"),
        (KeyringError::Replaced(path()), "put the right file"),
        (KeyringError::Busy(path()), "try again"),
    ];
    for (error, advice) in errors {
        let text = error.to_string();
        assert!(text.contains("/data/keyring") && text.contains(advice), "{text}");
    }
}
