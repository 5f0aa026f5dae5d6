//! Compaction: the rows that are there, written anew into a fresh folder that takes the store's place.
//!
//! sled only ever appends, and writes over old segments when it needs their room: what was removed stays in its file
//! for as long as it likes. Promise: after `compact` no file under the data directory holds a removed row. A crash at
//! any point leaves the old store or the new one, whole; the other folder is removed when the store is next opened.
//! Not promised: that the disk's blocks, an SSD's cells or a snapshot of the volume forget.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::committer::batch;
use super::open::{self, db_bytes, io as failed, open_watched, remove_fresh};
use super::rows::{caught, fatal_of};
use super::{Fatal, SledOptions};
use crate::clock::Entropy;
use crate::store::RowMac;
use crate::store::plan::Writes;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Rows of all kinds.
    pub rows: u64,
    /// Bytes of sled's file before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Compacts the store in `data/store`, which nobody may have open. Blocks; needs room for a second copy.
pub fn compact(data: &Path, options: SledOptions, mac: &RowMac, entropy: &dyn Entropy) -> Result<Compacted, Fatal> {
    let opened = open::open(data, &options, mac, entropy)?;
    let (store, fresh) = (data.join(open::STORE), data.join(open::FRESH));
    let before = db_bytes(&store);
    let rows = match copy(&opened.db, &fresh, &options) {
        Ok(rows) => rows,
        Err(fatal) => {
            // What is left of it goes at the next opening.
            let _ = fs::remove_dir_all(&fresh);
            return Err(fatal);
        }
    };
    exchange(data, &store, &fresh)?;
    // From here on the old store lies in the fresh one's place. sled writes by descriptor: to no file of the new one.
    drop(opened.db);
    remove_fresh(data).map_err(failed("removing the old store"))?;
    Ok(Compacted { rows, before, after: db_bytes(&store) })
}

/// Copies every row, closes the copy, and reads it again.
fn copy(db: &sled::Db, fresh: &Path, options: &SledOptions) -> Result<u64, Fatal> {
    open::make_folder(fresh).map_err(failed("the fresh folder"))?;
    let (target, _) = open_watched(fresh, options)?;
    let mut writes = Writes::new();
    for row in db.iter() {
        let (key, value) = row.map_err(fatal_of)?;
        writes.insert(key.to_vec(), Some(value.to_vec()));
        if writes.len() == BATCH {
            apply(&target, std::mem::take(&mut writes))?;
        }
    }
    apply(&target, writes)?;
    caught(|| target.flush())?;
    drop(target);
    sync(fresh).map_err(failed("fsync of the fresh store"))?;
    compare(db, fresh, options)
}

fn apply(target: &sled::Db, writes: Writes) -> Result<(), Fatal> {
    caught(|| target.apply_batch(batch(&writes)))
}

fn compare(db: &sled::Db, fresh: &Path, options: &SledOptions) -> Result<u64, Fatal> {
    let (copy, rows) = open_watched(fresh, options)?;
    let differs = || Fatal::Damaged("the copy differs from the store; the store was left as it is".into());
    let mut copied = copy.iter();
    for row in db.iter() {
        let row = row.map_err(fatal_of)?;
        let other = copied.next().ok_or_else(differs)?.map_err(fatal_of)?;
        if row != other {
            return Err(differs());
        }
    }
    if copied.next().is_none() { Ok(rows) } else { Err(differs()) }
}

fn sync(fresh: &Path) -> io::Result<()> {
    for file in fs::read_dir(fresh)? {
        let file = file?;
        if file.file_type()?.is_file() {
            File::open(file.path())?.sync_all()?;
        }
    }
    File::open(fresh)?.sync_all()
}

/// Both names change at one moment, so that no crash finds the store's place empty.
fn exchange(data: &Path, store: &Path, fresh: &Path) -> Result<(), Fatal> {
    renameat_with(CWD, store, CWD, fresh, RenameFlags::EXCHANGE).map_err(|error| {
        let _ = fs::remove_dir_all(fresh);
        Fatal::Io(format!(
            "this file system does not swap two folders in one step ({error}): use `keypairs store backup`, and \
             `keypairs store restore` into an empty data directory, which comes to the same"
        ))
    })?;
    File::open(data).and_then(|folder| folder.sync_all()).map_err(failed("fsync of the data directory"))
}

const BATCH: usize = 256;
