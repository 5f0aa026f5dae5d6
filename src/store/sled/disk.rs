//! The disk floor: commits are refused well before the disk is full, because a full disk keeps sled from opening.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Reason, Result};

/// Looks at the volume at most once a second.
pub(super) struct Floor {
    path: PathBuf,
    min_free: u64,
    looked: Option<Instant>,
    full: bool,
}

impl Floor {
    /// Of the volume that holds `path`; full below `min_free` bytes, or with over 95 % used.
    pub(super) fn new(path: &Path, min_free: u64) -> Self {
        Self { path: path.to_owned(), min_free, looked: None, full: false }
    }

    /// `STORAGE_FULL` when there is too little room.
    pub(super) fn check(&mut self) -> Result<()> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= Duration::from_secs(1)) {
            self.looked = Some(Instant::now());
            self.full = self.is_full();
        }
        if self.full { Err(storage_full()) } else { Ok(()) }
    }

    /// A volume that cannot be asked is not full: a real fault shows at the next fsync.
    fn is_full(&self) -> bool {
        let Ok(volume) = rustix::fs::statvfs(&self.path) else { return false };
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        // As `df` counts: used of what ordinary users can have.
        let used = volume.f_blocks.saturating_sub(volume.f_bfree);
        let percent = used.saturating_mul(100) / (used + volume.f_bavail).max(1);
        free < self.min_free || percent >= 95
    }
}

/// The error of a full disk.
pub(super) fn storage_full() -> Error {
    Error::new(Reason::StorageFull, "the disk is nearly full: free some room, or delete key pairs with purge")
        .with_retry_after(Duration::from_secs(30))
}
