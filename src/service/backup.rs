//! Backup and restore: a logical export, sealed under the keyring's own key ("KPB1", docs/FORMAT.md).
//!
//! Promise: a backup is the store at one moment, taken while serving; a changed, cut or foreign file is refused before
//! anything is restored. Remembered requests and counters are not in it: the first are short-lived, the second are
//! counted anew.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Service;
use crate::cipher;
use crate::clock::random;
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPairId, ProjectId};
use crate::octets::{self, Reader as Octets};
use crate::secret::SecretBytes;
use crate::store::{Change, Entry, Row, Store, decode_row, encode_row};

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
        let store = Arc::clone(&self.0.parts.store);
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
                send(&out, frames.seal(&std::mem::take(&mut chunk), false)?).await?;
            }
        }
        export.await.map_err(|_| Error::internal("the export panicked"))??;
        send(&out, frames.seal(&chunk, true)?).await?;
        Ok(counted)
    }
}

/// Reads all of a backup and says how many pairs it holds: as many as a restore makes.
pub fn check<R: Read>(keys: &BackupKeys, open: impl Fn() -> std::io::Result<R>) -> Result<Counted> {
    let pairs = survey(keys, open)?.into_values().filter(|last| last.is_pair).count();
    Ok(Counted { pairs: pairs as u64, unreadable: 0 })
}

/// Reads a backup twice, first to check all of it, then to fill `store`, which must be empty.
pub async fn restore<R: Read>(
    keys: &BackupKeys,
    open: impl Fn() -> std::io::Result<R>,
    store: &dyn Store,
) -> Result<Counted> {
    let last = survey(keys, &open)?;
    let mut counted = Counted::default();
    let mut batch = Vec::with_capacity(BATCH);
    for (number, entry) in (0..).zip(Reader::new(keys, open().map_err(unreadable)?)?) {
        let entry = entry?;
        if last.get(&place(&entry)).is_none_or(|last| last.number != number) {
            continue;
        }
        let Entry::Pair(row) = entry else { continue };
        let Row { pair, envelope } = *row;
        batch.push(Change::Insert { pair: Box::new(pair), envelope, quota: None });
        counted.pairs += 1;
        if batch.len() == BATCH {
            store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    store.commit(batch).await?;
    Ok(counted)
}

/// A pair's last entry: it took the place of earlier ones.
struct Last {
    /// Which entry of the file, from 0.
    number: u64,
    /// Not one that says that the pair went.
    is_pair: bool,
}

fn survey<R: Read>(
    keys: &BackupKeys,
    open: impl Fn() -> std::io::Result<R>,
) -> Result<HashMap<(ProjectId, KeyPairId), Last>> {
    let mut last = HashMap::new();
    for (number, entry) in (0..).zip(Reader::new(keys, open().map_err(unreadable)?)?) {
        let entry = entry?;
        last.insert(place(&entry), Last { number, is_pair: matches!(entry, Entry::Pair(_)) });
    }
    Ok(last)
}

struct Frames {
    key: SecretBytes,
    header: [u8; 32],
    number: u64,
}

impl Frames {
    fn new(keys: &BackupKeys, version: u32, header: &[u8]) -> Result<Self> {
        let root = keys.versions.get(&version).ok_or_else(|| refused("it was made with a newer keyring"))?;
        let header = cipher::sha256(&[header]);
        Ok(Self { key: cipher::derive(root, &header, &[b"KPB1 frames"]), header, number: 0 })
    }

    /// last 1 | length 4 | sealed entries. The key is this file's alone (its salt is in the header), so that a counter
    /// is a safe nonce; the counter and the end mark are bound, so that frames cannot be dropped or moved.
    fn seal(&mut self, chunk: &[u8], last: bool) -> Result<Vec<u8>> {
        let sealed = cipher::seal(&self.key, &self.nonce(), &self.bound(last), chunk);
        self.number += 1;
        let length = u32::try_from(sealed.len()).map_err(|_| Error::internal("a backup frame over 4 GiB"))?;
        Ok([&[u8::from(last)], length.to_be_bytes().as_slice(), &sealed].concat())
    }

    fn open(&mut self, frame: &[u8], last: bool) -> Result<SecretBytes> {
        let entries = cipher::open(&self.key, &self.nonce(), &self.bound(last), frame);
        self.number += 1;
        entries.ok_or_else(|| refused("it is damaged"))
    }

    fn nonce(&self) -> [u8; cipher::NONCE] {
        let mut nonce = [0; cipher::NONCE];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        nonce
    }

    fn bound(&self, last: bool) -> [u8; 33] {
        let mut bound = [u8::from(last); 33];
        bound[..32].copy_from_slice(&self.header);
        bound
    }
}

/// Reads a backup entry by entry.
struct Reader<R> {
    input: R,
    frames: Frames,
    entries: std::vec::IntoIter<Entry>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    fn new(keys: &BackupKeys, mut input: R) -> Result<Self> {
        let mut header = [0; HEADER];
        input.read_exact(&mut header).map_err(|_| refused("it is cut off, or no backup at all"))?;
        let mut octets = Octets::new(&header);
        let magic: [u8; 5] = octets.array("magic").map_err(|_| refused("its header does not parse"))?;
        let keyring: [u8; 16] = octets.array("keyring").map_err(|_| refused("its header does not parse"))?;
        let version = octets.u32("version").map_err(|_| refused("its header does not parse"))?;
        if magic != *MAGIC {
            return Err(refused("it is no backup of this service, or one of a newer version"));
        }
        if keyring != keys.keyring {
            return Err(refused("it was made with another keyring"));
        }
        let frames = Frames::new(keys, version, &header)?;
        Ok(Self { input, frames, entries: Vec::new().into_iter(), ended: false })
    }

    fn fill(&mut self) -> Result<()> {
        let mut prefix = [0; 5];
        self.input.read_exact(&mut prefix).map_err(|_| refused("it is cut off"))?;
        let [last, length @ ..] = prefix;
        let length = u32::from_be_bytes(length);
        if length > FRAME_LIMIT || last > 1 {
            return Err(refused("it is damaged"));
        }
        let mut frame = vec![0; length as usize];
        self.input.read_exact(&mut frame).map_err(|_| refused("it is cut off"))?;
        self.ended = last == 1;
        let entries = self.frames.open(&frame, self.ended)?;
        self.entries = parse_entries(entries.expose())?.into_iter();
        if self.ended && self.input.read(&mut [0; 1]).map_err(unreadable)? != 0 {
            return Err(refused("there is something after its end"));
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }
}

/// kind 1 | project length 1, project | id 16 | row length 2, row | envelope length 2, envelope.
fn push_entry(chunk: &mut Vec<u8>, entry: &Entry) -> Result<()> {
    let (project, id) = place(entry);
    let (kind, row, envelope) = match entry {
        Entry::Pair(row) => (PAIR, encode_row(&row.pair), row.envelope.as_deref().unwrap_or_default()),
        Entry::Gone(..) => (GONE, Vec::new(), [].as_slice()),
    };
    chunk.push(kind);
    let put = |chunk: &mut Vec<u8>| {
        octets::put_text8(chunk, "project", project.as_str())?;
        chunk.extend_from_slice(id.as_bytes());
        octets::put_bytes16(chunk, "row", &row)?;
        octets::put_bytes16(chunk, "envelope", envelope)
    };
    put(chunk).map_err(|fault| Error::internal(format!("a backup entry: {fault}")))
}

fn parse_entries(bytes: &[u8]) -> Result<Vec<Entry>> {
    let (mut octets, mut entries) = (Octets::new(bytes), Vec::new());
    while octets.end().is_err() {
        let entry = parse_entry(&mut octets);
        entries.push(entry.ok_or_else(|| refused("an entry of it does not parse"))?);
    }
    Ok(entries)
}

fn parse_entry(octets: &mut Octets<'_>) -> Option<Entry> {
    let kind = octets.u8("kind").ok()?;
    let project = ProjectId::parse("project", octets.text8("project").ok()?).ok()?;
    let id = KeyPairId::from_bytes(octets.array("id").ok()?);
    let row = octets.bytes16("row").ok()?;
    let envelope = octets.bytes16("envelope").ok()?;
    match kind {
        PAIR => {
            let pair = decode_row(&project, id, row)?;
            let envelope = (!envelope.is_empty()).then(|| envelope.to_vec());
            Some(Entry::Pair(Box::new(Row { pair, envelope })))
        }
        GONE => Some(Entry::Gone(project, id)),
        _ => None,
    }
}

fn place(entry: &Entry) -> (ProjectId, KeyPairId) {
    match entry {
        Entry::Pair(row) => (row.pair.project.clone(), row.pair.id),
        Entry::Gone(project, id) => (project.clone(), *id),
    }
}

fn header(keys: &BackupKeys, salt: &[u8; 32], now: i64) -> Vec<u8> {
    [MAGIC.as_slice(), &keys.keyring, &keys.current.to_be_bytes(), &now.to_be_bytes(), salt].concat()
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

/// The last byte is the format version.
const MAGIC: &[u8; 5] = b"KPB1\x01";
const HEADER: usize = 5 + 16 + 4 + 8 + 32;
const PAIR: u8 = 1;
const GONE: u8 = 2;
const CHUNK: usize = 64 * 1024;
const FRAME_LIMIT: u32 = 1024 * 1024;
const BATCH: usize = 256;
