//! Opening: what can go wrong with sled goes wrong here, so it happens on a thread of its own under a watchdog.
//!
//! Promise: a store that is damaged, wiped, rolled back, or of another keyring is refused, never made anew. Nothing
//! is written to a store that is refused, beside what sled itself does when it opens. One process at a time: the lock
//! is taken before anything is looked at, and goes with the process.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::epoch::{Sidecar, judge};
use super::rows::fatal_of;
use super::{Fatal, SledOptions, seccomp};
use crate::clock::{Entropy, random};
use crate::store::record::Head;
use crate::store::{RowMac, keys};

/// An open store.
pub(super) struct Opened {
    pub db: sled::Db,
    /// sled's log, for fsyncs of our own.
    pub file: File,
    pub folder: PathBuf,
    pub head: Head,
    pub sidecar: Sidecar,
    /// Keeps other processes from the data directory.
    pub lock: File,
}

/// Opens `data/store`, and judges it by `data/epoch`.
pub(super) fn open(data: &Path, options: &SledOptions, mac: &RowMac, entropy: &dyn Entropy) -> Result<Opened, Fatal> {
    seccomp::install().map_err(Fatal::Io)?;
    let folder = data.join(STORE);
    let fresh = !data.exists();
    make_folder(data).map_err(io("the data directory"))?;
    let lock = lock(data)?;
    let sidecar = Sidecar::new(data);
    let known = sidecar.read().map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Fatal::Damaged(format!("{e}; put it back from a backup of the directory")),
        _ => io("epoch")(e),
    })?;
    refuse_missing(&folder, known)?;
    remove_fresh(data).map_err(io("the rest of a compaction"))?;
    make_folder(&folder).map_err(io("the store's folder"))?;
    remove_half_snapshots(&folder).map_err(io("snap.*.generating"))?;
    let (db, rows) = open_watched(&folder, options)?;
    let file = sync_files(data, &folder).map_err(io("fsync of a fresh store"))?;
    if fresh {
        sync_folder(&data.join("..")).map_err(io("fsync of a fresh data directory"))?;
    }
    let stored = read_head(&db, mac)?;
    judge(stored, rows > 0, known).map_err(Fatal::Damaged)?;
    let head = match stored {
        Some(head) => head,
        None => make_head(&db, &file, mac, entropy)?,
    };
    if known.is_none() {
        sidecar.write(head).map_err(io("epoch"))?;
    }
    Ok(Opened { db, file, folder, head, sidecar, lock })
}

/// Takes the data directory for this process. sled's own lock is on a file that a compaction swaps, and sled takes it
/// only when it has opened the file.
fn lock(data: &Path) -> Result<File, Fatal> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(data.join(LOCK));
    let file = file.map_err(io("the lock of the data directory"))?;
    match is_taken(&file, LOCK_LIMIT).map_err(io("the lock of the data directory"))? {
        true => Ok(file),
        false => Err(Fatal::Io("another process holds the lock of this data directory: stop it first".into())),
    }
}

/// Whether we have the lock now. Who is just leaving may have it a moment longer: a process that is ending, or a child
/// between fork and exec.
fn is_taken(file: &File, limit: Duration) -> io::Result<bool> {
    let began = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if began.elapsed() < limit => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until sled's file is free: sled does not wait for its lock, and it outlives its last handle. The last write of
/// a closing sled is done by a thread of its pool, which lets go of the file only after it has told that it is done;
/// on a busy machine that is long enough to meet, when a store is opened again in one process, as a compaction does.
/// The data directory is ours by now, so whoever has this lock is leaving.
fn await_sled(folder: &Path) -> io::Result<()> {
    let file = match File::open(folder.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    match is_taken(&file, SLED_LOCK_LIMIT)? {
        // Closing would not do: a child between fork and exec could have this file too.
        true => Ok(flock(&file, FlockOperation::Unlock)?),
        false => Err(io::Error::other("another process holds its lock: stop it first")),
    }
}

/// With its parents, for this user alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Removes what a compaction left behind: a copy that was not finished, or the store that the copy took the place of.
pub(super) fn remove_fresh(data: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data.join(FRESH)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(data)?.sync_all(),
    }
}

/// Before sled makes a new one.
fn refuse_missing(folder: &Path, known: Option<Head>) -> Result<(), Fatal> {
    if folder.join("db").exists() { Ok(()) } else { judge(None, false, known).map_err(Fatal::Damaged) }
}

/// sled does not open with one of these, left by a crash; it is only a cache of the log (sled #1527).
fn remove_half_snapshots(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Opens and reads everything once: a damaged store shows now, not under the first caller. The thread is left behind
/// when it is stuck: the process must end.
pub(super) fn open_watched(folder: &Path, options: &SledOptions) -> Result<(sled::Db, u64), Fatal> {
    await_sled(folder).map_err(io("sled's file"))?;
    let progress = Arc::new(AtomicU64::new(0));
    let (done, outcome) = sync_channel(1);
    let limit = options.open_limit + Duration::from_secs(db_bytes(folder) >> 26);
    let (config, seen) = (config(folder, options), progress.clone());
    let thread = std::thread::Builder::new().name("store-open".into()).spawn(move || {
        let _ = done.send(open_and_read(&config, &seen));
    });
    thread.map_err(io("a thread"))?;
    let mut before = None;
    loop {
        match outcome.recv_timeout(limit) {
            Ok(opened) => return opened.map_err(fatal_of),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Fatal::Damaged("sled broke off while opening; restore the newest backup".into()));
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = progress.load(Ordering::Relaxed);
                if before.replace(now) == Some(now) || now == 0 {
                    return Err(Fatal::Stuck(format!("opening made no progress for {} s", limit.as_secs())));
                }
            }
        }
    }
}

/// `flush_every_ms` must stay: sled cleans its segments nowhere else. The segment size is fixed for the life of a
/// store; 2 MiB keep rows of 24 KiB out of the `blobs` folder, whose files sled never fsyncs.
fn config(folder: &Path, options: &SledOptions) -> sled::Config {
    sled::Config::new()
        .path(folder)
        .cache_capacity(options.cache_bytes)
        .segment_size(2 << 20)
        .flush_every_ms(Some(500))
        .print_profile_on_drop(false)
}

fn open_and_read(config: &sled::Config, progress: &AtomicU64) -> sled::Result<(sled::Db, u64)> {
    let db = config.open()?;
    progress.store(1, Ordering::Relaxed);
    let mut rows = 0;
    for row in db.iter() {
        row?;
        rows += 1;
        progress.store(1 + rows, Ordering::Relaxed);
    }
    Ok((db, rows))
}

pub(super) fn db_bytes(folder: &Path) -> u64 {
    fs::metadata(folder.join("db")).map_or(0, |file| file.len())
}

/// sled never fsyncs these when it makes them.
fn sync_files(data: &Path, folder: &Path) -> io::Result<File> {
    File::open(folder.join("conf"))?.sync_all()?;
    sync_folder(folder)?;
    sync_folder(data)?;
    let file = fs::OpenOptions::new().read(true).write(true).open(folder.join("db"))?;
    file.sync_all()?;
    Ok(file)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn read_head(db: &sled::Db, mac: &RowMac) -> Result<Option<Head>, Fatal> {
    let Some(row) = db.get(keys::head()).map_err(fatal_of)? else { return Ok(None) };
    let wrong = "its head row does not open: the keyring is another one than it was made with, or the row is damaged. \
                 Put the right keyring in place, or restore the newest backup";
    mac.open_head(&row).map(Some).ok_or_else(|| Fatal::Damaged(wrong.into()))
}

/// A new store: its id is durable before the sidecar names it.
fn make_head(db: &sled::Db, file: &File, mac: &RowMac, entropy: &dyn Entropy) -> Result<Head, Fatal> {
    let head = Head { store: random(entropy), sequence: 0 };
    let row = mac.seal_head(head).map_err(|e| Fatal::Damaged(e.to_string()))?;
    db.insert(keys::head(), row).map_err(fatal_of)?;
    db.flush().map_err(fatal_of)?;
    file.sync_all().map_err(io("fsync of a fresh store"))?;
    Ok(head)
}

/// What failed, with what the system said of it.
pub(super) fn io(what: &'static str) -> impl Fn(io::Error) -> Fatal {
    move |error| Fatal::Io(format!("{what}: {error}"))
}

/// sled's folder in the data directory.
pub(super) const STORE: &str = "store";
/// Where a compaction makes the next one.
pub(super) const FRESH: &str = "store.new";
const LOCK: &str = "lock";
const LOCK_LIMIT: Duration = Duration::from_secs(1);
const SLED_LOCK_LIMIT: Duration = Duration::from_secs(20);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
