//! The service's own keyring: a [`Kms`] whose keys lie in one file, sealed by the root in that file.
//!
//! Promise: a key is durable on the disk before anything is sealed under it; no change loses a key; a damaged file,
//! or one that others may read, is refused. Beside the keys that wrap there is a MAC root of its own, never derived
//! from them, so that rotation breaks no MAC. It protects against nobody who can read the file: production keeps the
//! file elsewhere than the data.

mod error;
mod file;
mod format;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;

pub use error::KeyringError;
pub use format::KeyState;
use format::{Content, Entry, Fault, Kind, Slot};

use super::{CallId, Context, DEFAULT_KEY, KEYRING, KekRef, Kms, Wanted};
use crate::cipher;
use crate::clock::{Clock, Entropy, Millis, random};
use crate::error::{Error, Reason, Result};
use crate::model::KeyChoice;
use crate::secret::SecretBytes;

/// An open keyring. Its calls never wait for a network; those that change it wait for the disk.
pub struct Keyring {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    content: RwLock<Arc<Content>>,
    /// Held while the file is changed: changes of one process go one after the other.
    changing: Mutex<()>,
}

/// One version of one key, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVersion {
    /// The key's name.
    pub name: String,
    /// The version, from 1.
    pub version: u32,
    /// What it may do.
    pub state: KeyState,
    /// When it was made.
    pub created: Millis,
}

impl Keyring {
    /// Makes a keyring file of mode 0600 that holds the key `default` and the MAC root, each in version 1. A file that
    /// is there is refused; the directory must be there.
    pub fn create(path: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, KeyringError> {
        let now = clock.now();
        let mut content = Content {
            id: random(&*entropy),
            serial: 1,
            created: now,
            root: fresh(&*entropy),
            entries: BTreeMap::new(),
        };
        for (kind, name) in [(Kind::Mac, ""), (Kind::Kek, DEFAULT_KEY)] {
            content.entries.insert(Slot { kind, name: name.to_owned(), version: 1 }, active(now, &*entropy));
        }
        let lock = file::lock(path)?;
        file::create(path, &encode(path, &content, &*entropy)?, &lock)?;
        Ok(Self::holding(path, content, clock, entropy))
    }

    /// Opens a keyring file. It is only read, so it may lie on a read-only disk as long as no key is rotated.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, KeyringError> {
        let content = decode(path, &file::read(path)?)?;
        Ok(Self::holding(path, content, clock, entropy))
    }

    fn holding(path: &Path, content: Content, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let content = RwLock::new(Arc::new(content));
        Self { path: path.to_owned(), clock, entropy, content, changing: Mutex::new(()) }
    }

    /// The random id of this keyring: backups name it.
    pub fn id(&self) -> [u8; 16] {
        self.content().id
    }

    /// Every version of every key, by name and version.
    pub fn versions(&self) -> Vec<KeyVersion> {
        let content = self.content();
        let keks = content.entries.iter().filter(|(slot, _)| slot.kind == Kind::Kek);
        keks.map(|(slot, entry)| key_version(slot, entry)).collect()
    }

    /// Gives a key a new version, which seals from now on; older ones only open. Waits for the disk.
    pub fn rotate(&self, name: &str) -> Result<KeyVersion, KeyringError> {
        self.change(|content| {
            let newest = newest(content, Kind::Kek, name).ok_or_else(|| KeyringError::KeyNotFound(name.to_owned()))?;
            for (_, entry) in content.entries.iter_mut().filter(|(slot, _)| slot.is_of(Kind::Kek, name)) {
                if entry.state == KeyState::Active {
                    entry.state = KeyState::DecryptOnly;
                }
            }
            Ok(Slot { kind: Kind::Kek, name: name.to_owned(), version: newest + 1 })
        })
    }

    /// Makes a named key for mode `kms`; the grammar is that of `kms_key_name`. Waits for the disk.
    pub fn create_key(&self, name: &str) -> Result<KeyVersion, KeyringError> {
        KeyChoice::parse("", name, "").map_err(|violation| KeyringError::NameInvalid(violation.message))?;
        self.change(|content| match newest(content, Kind::Kek, name) {
            Some(_) => Err(KeyringError::KeyExists(name.to_owned())),
            None => Ok(Slot { kind: Kind::Kek, name: name.to_owned(), version: 1 }),
        })
    }

    /// The key of a purpose, derived from each version of the MAC root; the number is that of the version to use for
    /// new MACs, the others check old ones. One purpose, one word: keys of two words are independent.
    pub fn derive(&self, purpose: &str) -> (u32, BTreeMap<u32, SecretBytes>) {
        let content = self.content();
        let macs = content.entries.iter().filter(|(slot, _)| slot.kind == Kind::Mac);
        let keys = macs.filter_map(|(slot, entry)| {
            let root = entry.secret.as_ref()?;
            Some((slot.version, cipher::derive(root, &content.id, &[b"KPK1 purpose ", purpose.as_bytes()])))
        });
        (active_version(&content, Kind::Mac, "").unwrap_or_default(), keys.collect())
    }

    /// Adds a key at the slot that `prepare` chooses. The file is read again first, because a command beside the
    /// server may have changed it; it is written durably before the new content is used.
    fn change(
        &self,
        prepare: impl FnOnce(&mut Content) -> Result<Slot, KeyringError>,
    ) -> Result<KeyVersion, KeyringError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = file::lock(&self.path)?;
        let old = file::read(&self.path)?;
        let mut content = decode(&self.path, &old)?;
        let known = self.content();
        if content.id != known.id || content.serial < known.serial {
            return Err(KeyringError::Replaced(self.path.clone()));
        }
        let slot = prepare(&mut content)?;
        let entry = active(self.clock.now(), &*self.entropy);
        let made = key_version(&slot, &entry);
        content.entries.insert(slot, entry);
        content.serial += 1;
        file::replace(&self.path, &old, &encode(&self.path, &content, &*self.entropy)?, &lock)?;
        *self.content.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(content);
        Ok(made)
    }

    fn content(&self) -> Arc<Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Kms for Keyring {
    async fn resolve(&self, wanted: Wanted<'_>) -> Result<KekRef> {
        let name = match wanted {
            Wanted::Default => DEFAULT_KEY,
            // The key of mode `default` is not one that a caller can name.
            Wanted::Named { name: Some(DEFAULT_KEY), .. } | Wanted::Named { id: Some(DEFAULT_KEY), .. } => {
                return Err(not_found(DEFAULT_KEY));
            }
            Wanted::Named { name: Some(name), id: Some(id) } if name != id => return Err(ambiguous(name, id)),
            Wanted::Named { name: Some(name), .. } | Wanted::Named { id: Some(name), .. } => name,
            Wanted::Named { name: None, id: None } => return Err(Error::internal("a key without name and id")),
        };
        let content = self.content();
        let version = active_version(&content, Kind::Kek, name).ok_or_else(|| absent(&content, name))?;
        let (backend, name, id) = (KEYRING.to_owned(), name.to_owned(), name.to_owned());
        Ok(KekRef { backend, name, id, version: version.to_string() })
    }

    /// A version that became decrypt-only after it was resolved still wraps: the seal that chose it had begun.
    async fn wrap(&self, kek: &KekRef, dek: &SecretBytes, context: &Context, _call: CallId) -> Result<Vec<u8>> {
        let content = self.content();
        let (salt, nonce) = (random::<SALT>(&*self.entropy), random(&*self.entropy));
        let key = wrapping_key(secret(&content, kek)?, &salt);
        let sealed = cipher::seal(&key, &nonce, context, dek.expose());
        Ok([&salt, nonce.as_slice(), &sealed].concat())
    }

    async fn unwrap(&self, kek: &KekRef, wrapped: &[u8], context: &Context, _call: CallId) -> Result<SecretBytes> {
        let content = self.content();
        let kek = secret(&content, kek)?;
        let parts = wrapped.split_first_chunk::<SALT>();
        let parts = parts.and_then(|(salt, rest)| Some((salt, rest.split_first_chunk()?)));
        let opened =
            parts.and_then(|(salt, (nonce, sealed))| cipher::open(&wrapping_key(kek, salt), nonce, context, sealed));
        opened.ok_or_else(|| {
            Error::new(Reason::RecordCorrupt, "the wrapped key is damaged, or belongs to another record")
        })
    }

    async fn probe(&self) -> Result<()> {
        self.resolve(Wanted::Default).await.map(drop)
    }
}

/// A key of its own for every wrap, from a 32-byte salt: so the nonces of one KEK version never run out.
fn wrapping_key(kek: &SecretBytes, salt: &[u8; SALT]) -> SecretBytes {
    cipher::derive(kek, salt, &[b"KPK1 wrap"])
}

/// Exactly the version that the reference names.
fn secret<'a>(content: &'a Content, kek: &KekRef) -> Result<&'a SecretBytes> {
    let version = kek.version.parse().ok().filter(|version: &u32| version.to_string() == kek.version);
    let known = kek.backend == KEYRING && kek.id == kek.name;
    let slot = version.filter(|_| known).map(|version| Slot { kind: Kind::Kek, name: kek.name.clone(), version });
    let entry = slot.and_then(|slot| content.entries.get(&slot)).ok_or_else(|| not_found(&kek.name))?;
    entry.secret.as_ref().ok_or_else(|| disabled(&kek.name))
}

fn active_version(content: &Content, kind: Kind, name: &str) -> Option<u32> {
    let active = |(slot, entry): &(&Slot, &Entry)| slot.is_of(kind, name) && entry.state == KeyState::Active;
    content.entries.iter().rev().find(active).map(|(slot, _)| slot.version)
}

fn newest(content: &Content, kind: Kind, name: &str) -> Option<u32> {
    content.entries.keys().rev().find(|slot| slot.is_of(kind, name)).map(|slot| slot.version)
}

impl Slot {
    fn is_of(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }
}

fn key_version(slot: &Slot, entry: &Entry) -> KeyVersion {
    KeyVersion { name: slot.name.clone(), version: slot.version, state: entry.state, created: entry.created }
}

fn active(now: Millis, entropy: &dyn Entropy) -> Entry {
    Entry { created: now, state: KeyState::Active, secret: Some(fresh(entropy)) }
}

fn fresh(entropy: &dyn Entropy) -> SecretBytes {
    SecretBytes::filled(cipher::KEY, |key| entropy.fill(key))
}

fn encode(path: &Path, content: &Content, entropy: &dyn Entropy) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyringError> {
    format::encode(content, entropy).map_err(|at| {
        let source = std::io::Error::other(format!("too much for one keyring: {at}"));
        KeyringError::Io { path: path.to_owned(), doing: "write", source }
    })
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Content, KeyringError> {
    let path = || path.to_owned();
    let content = format::decode(bytes).map_err(|fault| match fault {
        Fault::Damaged(at) => KeyringError::Damaged { path: path(), at },
        Fault::Version(version) => KeyringError::VersionUnknown { path: path(), version },
    })?;
    // Nothing could be sealed or MACed without these two.
    let whole = active_version(&content, Kind::Kek, DEFAULT_KEY).and(active_version(&content, Kind::Mac, ""));
    whole.map(|_| content).ok_or_else(|| KeyringError::Damaged { path: path(), at: "no active key" })
}

/// Why a name has no active version.
fn absent(content: &Content, name: &str) -> Error {
    newest(content, Kind::Kek, name).map_or_else(|| not_found(name), |_| disabled(name))
}

fn not_found(name: &str) -> Error {
    let message = format!("there is no protecting key \"{name}\": choose another, or have an operator make it");
    Error::new(Reason::KmsKeyNotFound, message)
}

fn disabled(name: &str) -> Error {
    let message = format!("the protecting key \"{name}\" is destroyed or disabled: choose another");
    Error::new(Reason::KmsKeyDisabled, message)
}

fn ambiguous(name: &str, id: &str) -> Error {
    let message = format!("the key name \"{name}\" and the key id \"{id}\" are not of one key: send one of them");
    Error::new(Reason::KmsKeyAmbiguous, message)
}

const SALT: usize = 32;

#[cfg(test)]
mod tests;
