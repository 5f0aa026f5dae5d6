//! The keyring file on the disk: read with suspicion, written whole or not at all.
//!
//! Promise: whatever moment the machine stops at, the path names the old file or the new one, complete. It knows
//! nothing of what the bytes mean.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::KeyringError;

/// The bytes of the file, if it is one that can be trusted.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    let mut file = open(path)?;
    let meta = file.metadata().map_err(|source| io(path, "read", source))?;
    if !meta.is_file() {
        return Err(KeyringError::NotRegular(path.to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(KeyringError::OpenPermissions { path: path.to_owned(), mode: meta.mode() & 0o7777 });
    }
    let len = usize::try_from(meta.len()).ok().filter(|len| *len <= SIZE_MAX);
    let len = len.ok_or(KeyringError::Damaged { path: path.to_owned(), at: "size" })?;
    // The exact size at once: a buffer that grows leaves copies of the root behind. The file is never changed in
    // place, so the size holds.
    let mut bytes = Zeroizing::new(vec![0; len]);
    file.read_exact(&mut bytes).map_err(|source| io(path, "read", source))?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File, KeyringError> {
    // No link is followed: a change would replace the link, not what it names. A pipe must not make us wait.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => KeyringError::Missing(path.to_owned()),
        _ if [Errno::LOOP, Errno::NXIO].iter().any(|no| source.raw_os_error() == Some(no.raw_os_error())) => {
            KeyringError::NotRegular(path.to_owned())
        }
        _ => io(path, "open", source),
    })
}

/// Held while the file is written: one process at a time.
pub(super) struct Lock(#[allow(dead_code, reason = "closing it unlocks")] File);

/// Waits for the lock, at most [`LOCK_TRIES`] times [`LOCK_PAUSE`].
pub(super) fn lock(path: &Path) -> Result<Lock, KeyringError> {
    let beside = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside);
    let file = file.map_err(|source| io(&beside, "open", source))?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock(file)),
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_PAUSE),
            Err(errno) => return Err(io(&beside, "lock", errno.into())),
        }
    }
    Err(KeyringError::Busy(path.to_owned()))
}

/// Makes the file; one that is there stays as it is.
pub(super) fn create(path: &Path, bytes: &[u8], _lock: &Lock) -> Result<(), KeyringError> {
    let temp = write_temp(path, bytes)?;
    let moved = match rustix::fs::renameat_with(rustix::fs::CWD, &temp, rustix::fs::CWD, path, RenameFlags::NOREPLACE) {
        // Some file systems cannot move without replacing (NFS): a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => std::fs::hard_link(&temp, path),
        moved => moved.map_err(std::io::Error::from),
    };
    let cleared = clear(&temp);
    match moved {
        Ok(()) => cleared.and_then(|()| sync_dir(path)),
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Err(KeyringError::Exists(path.to_owned())),
        Err(source) => Err(io(path, "create", source)),
    }
}

/// Puts `new` in the place of `old`, which stays beside it as `.prev`.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8], _lock: &Lock) -> Result<(), KeyringError> {
    put(&beside(path, ".prev"), old)?;
    put(path, new)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let temp = write_temp(path, bytes)?;
    std::fs::rename(&temp, path).map_err(|source| io(path, "replace", source))?;
    sync_dir(path)
}

/// Writes and syncs a file beside `path`. The lock is held, so what lies there was left by a crash.
fn write_temp(path: &Path, bytes: &[u8]) -> Result<PathBuf, KeyringError> {
    let temp = beside(path, ".tmp");
    clear(&temp)?;
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| io(&temp, "write", source))?;
    Ok(temp)
}

fn clear(path: &Path) -> Result<(), KeyringError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(io(path, "remove", source)),
        _ => Ok(()),
    }
}

/// A rename is durable when its directory is.
fn sync_dir(path: &Path) -> Result<(), KeyringError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io(dir, "sync", source))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io(path: &Path, doing: &'static str, source: std::io::Error) -> KeyringError {
    KeyringError::Io { path: path.to_owned(), doing, source }
}

/// Far more than a keyring needs; bounds what a wrong path costs.
const SIZE_MAX: usize = 4 << 20;
const LOCK_TRIES: u32 = 250;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
