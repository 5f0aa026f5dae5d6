//! Backup and restore: a logical export, sealed under the keyring's own key ("KPB1", docs/FORMAT.md).
//!
//! Promise: a backup is the store at one moment, taken while serving; a changed, cut or foreign file is refused before
//! anything is restored. Remembered requests and counters are not in it: the first are short-lived, the second are
//! counted anew.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::Service;
use crate::clock::random;
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPairId, ProjectId};
use crate::secret::SecretBytes;
use crate::store::record::{decode_row, encode_row};
use crate::store::{Change, Entry, Row, Store};

/// The keys that backups of one keyring are sealed under.
pub struct BackupKeys {
    /// The keyring's id: a foreign backup is told apart from a damaged one.
    pub keyring: [u8; 16],
    /// The version new backups use.
    pub current: u32,
    /// All versions.
    pub versions: BTreeMap<u32, SecretBytes>,
}

/// What a backup or a restore went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Pairs, deleted ones too.
    pub pairs: u64,
    /// Rows that could not be read; they are not in the backup.
    pub unreadable: u64,
}

impl Service {
    /// Sends a backup in pieces. A damaged row is counted, not a failure.
    pub async fn backup(&self, keys: &BackupKeys, out: mpsc::Sender<Vec<u8>>) -> Result<Counted> {
        let salt: [u8; 32] = random(&*self.0.parts.entropy);
        let header = header(keys, &salt, self.0.parts.clock.now());
        let mut frames = Frames::new(keys, keys.current, &header)?;
        send(&out, header).await?;
        let (sink, mut entries) = mpsc::channel(256);
        let store = std::sync::Arc::clone(&self.0.parts.store);
        let export = tokio::spawn(async move { store.export(sink).await });
        let (mut counted, mut chunk) = (Counted::default(), Vec::with_capacity(2 * CHUNK));
        while let Some(entry) = entries.recv().await {
            match entry {
                Ok(entry) => {
                    push_entry(&mut chunk, &entry)?;
                    counted.pairs += u64::from(matches!(entry, Entry::Pair(_)));
                }
                Err(_) => counted.unreadable += 1,
            }
            if chunk.len() >= CHUNK {
                send(&out, frames.seal(&mut chunk, false)?).await?;
            }
        }
        export.await.map_err(|_| Error::internal("the export panicked"))??;
        send(&out, frames.seal(&mut chunk, true)?).await?;
        Ok(counted)
    }
}

/// Reads a backup twice, first to check all of it, then to fill `store`, which must be empty.
pub async fn restore<R: Read>(keys: &BackupKeys, open: impl Fn() -> std::io::Result<R>, store: &dyn Store) -> Result<Counted> {
    let mut last: HashMap<(ProjectId, KeyPairId), u64> = HashMap::new();
    for (number, entry) in (0u64..).zip(Reader::new(keys, open().map_err(unreadable)?)?) {
        last.insert(place(&entry?), number);
    }
    let mut counted = Counted::default();
    for (number, entry) in (0u64..).zip(Reader::new(keys, open().map_err(unreadable)?)?) {
        let entry = entry?;
        // A later entry of the same pair took this one's place.
        if last.get(&place(&entry)) != Some(&number) {
            continue;
        }
        let Entry::Pair(row) = entry else { continue };
        let Row { pair, envelope } = *row;
        store.commit(vec![Change::Insert { pair: Box::new(pair), envelope, quota: None }]).await?;
        counted.pairs += 1;
    }
    Ok(counted)
}

struct Frames {
    cipher: Aes256Gcm,
    header_hash: [u8; 32],
    number: u64,
}

impl Frames {
    fn new(keys: &BackupKeys, version: u32, header: &[u8]) -> Result<Self> {
        let root = keys.versions.get(&version).ok_or_else(|| refused("it was made with a newer keyring"))?;
        let mut key = zeroize::Zeroizing::new([0; 32]);
        let salt = header.get(HEADER - 32..HEADER);
        Hkdf::<Sha256>::new(salt, root.expose())
            .expand(b"KPB1 frames", &mut *key)
            .map_err(|_| Error::internal("HKDF of 32 bytes"))?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
        Ok(Self { cipher, header_hash: Sha256::digest(header).into(), number: 0 })
    }

    /// One frame. The key is used for this file only (its salt is random), so that a counter is a safe nonce.
    fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<Vec<u8>> {
        self.cipher
            .encrypt_in_place(&self.nonce(), &self.bound(last), chunk)
            .map_err(|_| Error::internal("sealing a backup frame"))?;
        self.number += 1;
        let length = u32::try_from(chunk.len()).map_err(|_| Error::internal("a backup frame over 4 GiB"))?;
        let frame = [&[u8::from(last)], length.to_be_bytes().as_slice(), chunk].concat();
        chunk.clear();
        Ok(frame)
    }

    fn open(&mut self, mut frame: Vec<u8>, last: bool) -> Result<Vec<u8>> {
        self.cipher
            .decrypt_in_place(&self.nonce(), &self.bound(last), &mut frame)
            .map_err(|_| refused("it is damaged, or was made with another keyring"))?;
        self.number += 1;
        Ok(frame)
    }

    fn nonce(&self) -> Nonce<<Aes256Gcm as aes_gcm::AeadCore>::NonceSize> {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        nonce.into()
    }

    fn bound(&self, last: bool) -> [u8; 33] {
        let mut bound = [u8::from(last); 33];
        bound[..32].copy_from_slice(&self.header_hash);
        bound
    }
}

/// Reads a backup entry by entry.
struct Reader<R> {
    input: R,
    frames: Frames,
    chunk: std::vec::IntoIter<u8>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    fn new(keys: &BackupKeys, mut input: R) -> Result<Self> {
        let mut header = [0; HEADER];
        input.read_exact(&mut header).map_err(|_| refused("it is cut off, or no backup at all"))?;
        if header[..4] != *MAGIC || header[4] != VERSION {
            return Err(refused("it is no backup of this service, or of a newer version"));
        }
        if header[5..21] != keys.keyring {
            return Err(refused("it was made with another keyring"));
        }
        let version = u32::from_be_bytes([header[21], header[22], header[23], header[24]]);
        let frames = Frames::new(keys, version, &header)?;
        Ok(Self { input, frames, chunk: Vec::new().into_iter(), ended: false })
    }

    fn fill(&mut self) -> Result<()> {
        let mut prefix = [0; 5];
        self.input.read_exact(&mut prefix).map_err(|_| refused("it is cut off"))?;
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        if length > FRAME_LIMIT || prefix[0] > 1 {
            return Err(refused("it is damaged"));
        }
        let mut frame = vec![0; length as usize];
        self.input.read_exact(&mut frame).map_err(|_| refused("it is cut off"))?;
        self.ended = prefix[0] == 1;
        self.chunk = self.frames.open(frame, self.ended)?.into_iter();
        if self.ended && self.input.read(&mut [0; 1]).map_err(unreadable)? != 0 {
            return Err(refused("there is something after its end"));
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.chunk.as_slice().is_empty() {
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err(error));
            }
        }
        let entry = pop_entry(&mut self.chunk);
        Some(entry.ok_or_else(|| refused("an entry of it does not parse")))
    }
}

/// kind 1 | project length 1, project | id 16 | length 4, row | envelope length 4, envelope.
fn push_entry(chunk: &mut Vec<u8>, entry: &Entry) -> Result<()> {
    let (project, id) = place(entry);
    let (kind, row, envelope) = match entry {
        Entry::Pair(row) => (1, encode_row(&row.pair), row.envelope.as_deref().unwrap_or_default()),
        Entry::Gone(..) => (2, Vec::new(), [].as_slice()),
    };
    chunk.push(kind);
    chunk.push(u8::try_from(project.as_str().len()).map_err(|_| Error::internal("a project id over 255 bytes"))?);
    chunk.extend_from_slice(project.as_str().as_bytes());
    chunk.extend_from_slice(id.as_bytes());
    for part in [row.as_slice(), envelope] {
        let length = u32::try_from(part.len()).map_err(|_| Error::internal("a row over 4 GiB"))?;
        chunk.extend_from_slice(&length.to_be_bytes());
        chunk.extend_from_slice(part);
    }
    Ok(())
}

fn pop_entry(chunk: &mut std::vec::IntoIter<u8>) -> Option<Entry> {
    let mut rest = chunk.as_slice();
    let before = rest.len();
    let mut take = |count: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(count)?;
        rest = tail;
        Some(head)
    };
    let kind = *take(1)?.first()?;
    let length = usize::from(*take(1)?.first()?);
    let project = ProjectId::parse("", std::str::from_utf8(take(length)?).ok()?).ok()?;
    let id = KeyPairId::from_bytes(take(16)?.try_into().ok()?);
    let mut part = || {
        let length = u32::from_be_bytes(take(4)?.try_into().ok()?);
        take(usize::try_from(length).ok()?)
    };
    let (row, envelope) = (part()?, part()?);
    let entry = match kind {
        1 => {
            let envelope = (!envelope.is_empty()).then(|| envelope.to_vec());
            Entry::Pair(Box::new(Row { pair: decode_row(&project, id, row)?, envelope }))
        }
        2 => Entry::Gone(project, id),
        _ => return None,
    };
    let used = before - rest.len();
    chunk.nth(used.checked_sub(1)?);
    Some(entry)
}

fn place(entry: &Entry) -> (ProjectId, KeyPairId) {
    match entry {
        Entry::Pair(row) => (row.pair.project.clone(), row.pair.id),
        Entry::Gone(project, id) => (project.clone(), *id),
    }
}

fn header(keys: &BackupKeys, salt: &[u8; 32], now: i64) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.push(VERSION);
    header.extend_from_slice(&keys.keyring);
    header.extend_from_slice(&keys.current.to_be_bytes());
    header.extend_from_slice(&now.to_be_bytes());
    header.extend_from_slice(salt);
    header
}

async fn send(out: &mpsc::Sender<Vec<u8>>, piece: Vec<u8>) -> Result<()> {
    out.send(piece).await.map_err(|_| Error::internal("the receiver of the backup went away"))
}

fn refused(why: &str) -> Error {
    Error::new(Reason::RecordCorrupt, format!("the backup cannot be used: {why}"))
}

fn unreadable(error: std::io::Error) -> Error {
    refused("it cannot be read").with_source(error)
}

const MAGIC: &[u8; 4] = b"KPB1";
const VERSION: u8 = 1;
const HEADER: usize = 4 + 1 + 16 + 4 + 8 + 32;
const CHUNK: usize = 64 * 1024;
const FRAME_LIMIT: u32 = 1024 * 1024;
