//! Stores to test, and pairs to put into them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keypairs::clock::OsEntropy;
use keypairs::error::{Error, Reason, Result};
use keypairs::model::{
    Deleted, Description, EncryptionMode, KeyPair, KeyPairId, KeyPairName, KeyPairState, Labels, Maker, Origin,
    PrivateKeyState, ProjectId, RequestId, SealedBy, ShortId, UserId,
};
use keypairs::secret::SecretBytes;
use keypairs::sshkey::PublicKey;
use keypairs::store::memory::{MemoryStore, Rows};
use keypairs::store::sled::{Fatal, SledOptions, SledStore};
use keypairs::store::{
    Change, Depth, EnvelopeChange, Finding, Item, Limit, Lookup, Page, Query, RequestKey, Row, RowMac, Store,
};

/// A store and what it takes to damage it.
pub(super) enum Bed {
    Memory(MemoryStore),
    Sled { dir: tempfile::TempDir, store: Option<SledStore> },
}

impl Bed {
    pub(super) fn memory() -> Self {
        Self::Memory(MemoryStore::new(mac()))
    }

    pub(super) fn sled() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(dir.path()).unwrap());
        Self::Sled { dir, store }
    }

    pub(super) fn store(&self) -> &dyn Store {
        match self {
            Self::Memory(store) => store,
            Self::Sled { store, .. } => store.as_ref().unwrap(),
        }
    }

    /// Changes rows behind the store's back.
    pub(super) fn tamper(&mut self, change: impl FnOnce(&mut Rows)) {
        match self {
            Self::Memory(store) => store.tamper(change),
            Self::Sled { dir, store } => {
                store.take();
                tamper(&dir.path().join("store"), change);
                *store = Some(open(dir.path()).unwrap());
            }
        }
    }

    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.store().commit(changes).await
    }

    pub(super) async fn insert(&self, pair: &KeyPair) {
        self.commit(vec![insert(pair)]).await.unwrap();
    }

    pub(super) async fn by_id(&self, pair: &KeyPair) -> Result<Option<Row>> {
        self.store().get(Lookup::Id(&pair.project, pair.id), true).await
    }

    pub(super) async fn by_name(&self, project: &ProjectId, name: &str) -> Result<Option<Row>> {
        self.store().get(Lookup::Name(project, &self::name(name)), false).await
    }

    pub(super) async fn page(&self, query: Query<'_>, rows: usize) -> Page {
        self.store().scan(query, Limit { rows, reads: 10_000 }).await.unwrap()
    }

    pub(super) async fn findings(&self) -> Vec<Finding> {
        self.store().check(Depth::Full).await.unwrap()
    }
}

/// Opens sled as the store does, and writes what the change changed.
pub fn tamper(folder: &Path, change: impl FnOnce(&mut Rows)) {
    let db = open_raw(folder);
    let before: Rows = db.iter().map(|row| row.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap()).collect();
    let mut after = before.clone();
    change(&mut after);
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        db.remove(key).unwrap();
    }
    for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
        db.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    db.flush().unwrap();
}

/// sled closes a little later than its last handle, and does not wait for its lock (`store/sled/open.rs`).
fn open_raw(folder: &Path) -> sled::Db {
    let config = sled::Config::new().path(folder).segment_size(2 << 20);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match config.open() {
            Err(sled::Error::Io(_)) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
}

pub(super) fn open(data: &Path) -> Result<SledStore, Fatal> {
    open_with(data, SledOptions::default(), mac())
}

/// A fatal event in a test is a failed test.
pub(super) fn open_with(data: &Path, options: SledOptions, mac: RowMac) -> Result<SledStore, Fatal> {
    SledStore::open(data, options, mac, &OsEntropy, Arc::new(|fatal| panic!("{fatal}")))
}

pub(super) fn mac() -> RowMac {
    mac_of(7)
}

pub(super) fn mac_of(byte: u8) -> RowMac {
    RowMac::new(1, BTreeMap::from([(1, SecretBytes::new(vec![byte; 32]))])).unwrap()
}

/// A live pair without a private half: everything about it follows from the number.
pub(super) fn public_pair(project: &str, number: u64) -> KeyPair {
    KeyPair {
        id: id(number),
        project: self::project(project),
        name: name(&format!("key-{number}")),
        description: Description::default(),
        labels: Labels::default(),
        user_id: UserId::default(),
        public: ed25519(number),
        comment: String::new(),
        private_key_state: PrivateKeyState::None,
        sealed_by: None,
        origin: Origin::ImportedPublic,
        maker: Maker::Here,
        state: KeyPairState::Active,
        create_time: 1_000,
        update_time: 1_000,
        deleted: None,
        revision: 1,
        short_id: short(number),
        generation: 0,
        placements: Vec::new(),
        journal: None,
        through: None,
    }
}

/// A live pair with its private half.
pub(super) fn pair(project: &str, number: u64) -> KeyPair {
    stored(public_pair(project, number))
}

pub(super) fn stored(pair: KeyPair) -> KeyPair {
    let sealed_by = SealedBy {
        mode: EncryptionMode::Default,
        backend: "keyring".into(),
        key_name: "default".into(),
        key_id: "default".into(),
        key_version: "1".into(),
    };
    KeyPair { private_key_state: PrivateKeyState::Stored, sealed_by: Some(sealed_by), generation: 1, ..pair }
}

/// The next revision of a pair.
pub(super) fn next(pair: &KeyPair) -> KeyPair {
    KeyPair { revision: pair.revision + 1, ..pair.clone() }
}

pub(super) fn deleted(pair: &KeyPair, purge_at: i64) -> KeyPair {
    let deleted = Some(Deleted { at: 2_000, purge_at });
    KeyPair { state: KeyPairState::Deleted, deleted, ..next(pair) }
}

pub(super) fn revived(pair: &KeyPair) -> KeyPair {
    KeyPair { state: KeyPairState::Active, deleted: None, ..next(pair) }
}

pub(super) fn insert(pair: &KeyPair) -> Change {
    Change::Insert { pair: Box::new(pair.clone()), envelope: envelope(pair), quota: None }
}

pub(super) fn replace(pair: &KeyPair) -> Change {
    Change::Replace { pair: Box::new(pair.clone()), envelope: EnvelopeChange::Keep, quota: None }
}

pub(super) fn remove(pair: &KeyPair) -> Change {
    Change::Remove { project: pair.project.clone(), id: pair.id, revision: pair.revision }
}

pub(super) fn envelope(pair: &KeyPair) -> Option<Vec<u8>> {
    (pair.private_key_state == PrivateKeyState::Stored).then(|| vec![pair.id.as_bytes()[15]; 400])
}

pub(super) fn id(number: u64) -> KeyPairId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    KeyPairId::from_bytes(bytes)
}

pub(super) fn short(number: u64) -> ShortId {
    ShortId::parse(&format!("{number:08}")).unwrap()
}

pub(super) fn name(text: &str) -> KeyPairName {
    KeyPairName::parse("name", text).unwrap()
}

pub(super) fn project(text: &str) -> ProjectId {
    ProjectId::parse("project_id", text).unwrap()
}

pub(super) fn ed25519(number: u64) -> PublicKey {
    let mut blob = Vec::new();
    for part in [b"ssh-ed25519".as_slice(), &[number.to_be_bytes(); 4].concat()] {
        blob.extend_from_slice(&(part.len() as u32).to_be_bytes());
        blob.extend_from_slice(part);
    }
    PublicKey::from_stored(blob).unwrap()
}

pub(super) fn request(project: &str, number: u8) -> RequestKey {
    let id = RequestId::parse(&format!("0000000{}-0000-4000-8000-000000000000", number % 10)).unwrap();
    RequestKey { project: self::project(project), rpc: "Create", caller: "me".into(), id }
}

pub(super) fn ids(page: &Page) -> Vec<KeyPairId> {
    let id = |item: &Item| match item {
        Item::Pair(pair) => Some(pair.id),
        Item::Unreadable(id) => Some(*id),
        Item::Request(_) => None,
    };
    page.items.iter().filter_map(id).collect()
}

#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(outcome: Result<T>, reason: Reason) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.reason, reason, "{error}");
    error
}

/// Every field as large as its grammar allows, in letters of four bytes.
pub(super) fn largest_pair(project: &str, number: u64) -> KeyPair {
    let wide = |len: usize| "\u{20000}".repeat(len);
    let labels = (0..20).map(|n| (format!("{}{n:02}", wide(61)), wide(127))).collect();
    let mut blob = Vec::new();
    let modulus = [vec![0, 0x80 | number as u8], vec![0xC3; 1023]].concat();
    for part in [b"ssh-rsa".as_slice(), &[1, 0, 0, 0, 1], &modulus] {
        blob.extend_from_slice(&(part.len() as u32).to_be_bytes());
        blob.extend_from_slice(part);
    }
    let sealed_by = SealedBy {
        mode: EncryptionMode::Kms,
        backend: "b".repeat(64),
        key_name: "n".repeat(255),
        key_id: "i".repeat(255),
        key_version: "v".repeat(64),
    };
    KeyPair {
        name: name(&format!("{}{number:05}", wide(250))),
        description: Description::parse("description", &wide(140)).unwrap(),
        labels: Labels::parse("labels", labels).unwrap(),
        user_id: UserId::parse("user_id", &"u".repeat(64)).unwrap(),
        public: PublicKey::from_stored(blob).unwrap(),
        comment: wide(256),
        sealed_by: Some(sealed_by),
        ..pair(project, number)
    }
}
