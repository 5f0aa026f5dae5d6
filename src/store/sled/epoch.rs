//! The sidecar: a small file outside sled's folder that remembers which store there is and how far it had come.
//!
//! A sled folder that lost its log opens "successfully" and empty; a copy of last week opens as if nothing had been.
//! Promise: either is refused. The file is: format byte 1, store id (16), sequence (u64), SHA-256 of all before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::store::record::Head;

/// The sidecar's place.
pub(super) struct Sidecar {
    folder: PathBuf,
}

impl Sidecar {
    /// In this folder, beside the store's.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What it says; `None` when there is none. `InvalidData` when it is damaged.
    pub(super) fn read(&self) -> io::Result<Option<Head>> {
        let bytes = match fs::read(self.folder.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file `epoch` is damaged");
        decode(&bytes).map(Some).ok_or_else(damaged)
    }

    /// Replaces it, durably and as a whole.
    pub(super) fn write(&self, head: Head) -> io::Result<()> {
        let fresh = self.folder.join(FRESH);
        let mut file = File::create(&fresh)?;
        file.write_all(&encode(head))?;
        file.sync_all()?;
        fs::rename(&fresh, self.folder.join(FILE))?;
        File::open(&self.folder)?.sync_all()
    }
}

/// Whether a store may be opened; `Err` says why not and what to do.
pub(super) fn judge(stored: Option<Head>, has_rows: bool, sidecar: Option<Head>) -> Result<(), String> {
    match (stored, sidecar) {
        (None, None) if !has_rows => Ok(()),
        // Crashed between the making of the store and of its sidecar.
        (Some(head), None) if head.sequence == 0 => Ok(()),
        (_, None) => Err(format!("the store has records, and the file `epoch` beside it is missing. {RESTORE}")),
        (None, Some(_)) => Err(format!("the store is empty or wiped, and the file `epoch` knows of one. {RESTORE}")),
        (Some(head), Some(side)) if head.store != side.store => {
            Err(format!("the store is another one than the file `epoch` knows. {RESTORE}"))
        }
        (Some(head), Some(side)) if head.sequence < side.sequence => Err(format!(
            "the store was rolled back: it is at {}, and had come to {}. {RESTORE}",
            head.sequence, side.sequence
        )),
        _ => Ok(()),
    }
}

fn encode(head: Head) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&head.store);
    bytes.extend_from_slice(&head.sequence.to_be_bytes());
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Head> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    let (format, rest) = body.split_first()?;
    let (store, sequence) = rest.split_first_chunk::<16>()?;
    let whole = *format == FORMAT && *sum == <[u8; 32]>::from(Sha256::digest(body));
    whole.then_some(Head { store: *store, sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
}

const RESTORE: &str =
    "Put both back as they were, or restore the newest backup into an empty data directory (`keypairs store restore`)";
const FILE: &str = "epoch";
const FRESH: &str = "epoch.new";
const FORMAT: u8 = 1;
