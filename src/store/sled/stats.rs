//! What commits cost: counters that metrics read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Told of every durable group: how many commits it had, and how long its flush and fsync took.
pub type GroupObserver = Box<dyn Fn(usize, Duration) + Send + Sync>;

/// Totals since the store was opened.
#[derive(Default)]
pub struct StoreStats {
    observer: OnceLock<GroupObserver>,
    commits: AtomicU64,
    refused: AtomicU64,
    groups: AtomicU64,
    largest: AtomicU64,
    fsync_micros: AtomicU64,
}

/// The totals at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTotals {
    /// Commits made durable.
    pub commits: u64,
    /// Commits refused by a guard, the quota or the disk floor.
    pub refused: u64,
    /// Groups of commits: one flush and fsync each.
    pub groups: u64,
    /// The most commits of one group.
    pub largest_group: u64,
    /// Time spent in flush and fsync, all groups together.
    pub fsync: Duration,
}

impl StoreStats {
    /// The totals now.
    pub fn totals(&self) -> StoreTotals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreTotals {
            commits: read(&self.commits),
            refused: read(&self.refused),
            groups: read(&self.groups),
            largest_group: read(&self.largest),
            fsync: Duration::from_micros(read(&self.fsync_micros)),
        }
    }

    /// Has `observer` told of every group from now on. The first one stays.
    pub fn observe(&self, observer: GroupObserver) {
        let _ = self.observer.set(observer);
    }

    pub(super) fn count_group(&self, commits: usize, fsync: Duration) {
        if let Some(observer) = self.observer.get() {
            observer(commits, fsync);
        }
        let commits = commits as u64;
        self.commits.fetch_add(commits, Ordering::Relaxed);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.largest.fetch_max(commits, Ordering::Relaxed);
        let micros = u64::try_from(fsync.as_micros()).unwrap_or(u64::MAX);
        self.fsync_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self, commits: usize) {
        self.refused.fetch_add(commits as u64, Ordering::Relaxed);
    }
}
