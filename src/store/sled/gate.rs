//! What keeps readers from rows that could still be lost: between the applying of a group and its fsync.
//!
//! Promise: a read that the gate lets through saw only durable rows, all of one moment. With no group in flight it
//! costs two atomic loads on either side of the read. It knows no engine.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Groups begun and groups durable, by number.
pub(super) struct Gate {
    begun: AtomicU64,
    /// Rises before its waiters are told.
    durable: AtomicU64,
    touched: Mutex<HashSet<u64>>,
    hasher: RandomState,
    news: watch::Sender<u64>,
}

/// How things stood when a read began.
#[derive(Clone, Copy)]
pub(super) struct Look {
    begun: u64,
    busy: bool,
}

impl Look {
    /// A group is in flight: the read must say which keys it saw.
    pub(super) fn is_busy(self) -> bool {
        self.busy
    }
}

/// What becomes of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stands.
    Stands,
    /// A group began meanwhile: read again.
    Again,
    /// It touched the group in flight: wait for this number to be durable, and read again.
    Wait(u64),
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            touched: Mutex::default(),
            hasher: RandomState::new(),
            news: watch::channel(0).0,
        }
    }
}

impl Gate {
    /// Before a read.
    pub(super) fn look(&self) -> Look {
        // In this order: a group that ends between the loads makes the read look busy, which is only slower.
        let durable = self.durable.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        Look { begun, busy: durable != begun }
    }

    /// After a read that saw these keys (hashes of [`Gate::hash`]; only needed when the look was busy).
    pub(super) fn verdict(&self, look: Look, seen: &[u64]) -> Verdict {
        if !look.busy {
            let same = self.begun.load(Ordering::SeqCst) == look.begun;
            return if same { Verdict::Stands } else { Verdict::Again };
        }
        // Under the lock `touched` and `begun` belong together.
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        if self.begun.load(Ordering::SeqCst) != look.begun {
            Verdict::Again
        } else if seen.iter().any(|key| touched.contains(key)) {
            Verdict::Wait(look.begun)
        } else {
            Verdict::Stands
        }
    }

    /// The number that must be durable before what a scan saw may be shown.
    pub(super) fn newest(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Waits until this group is durable. False when it never will be.
    pub(super) async fn durable(&self, group: u64) -> bool {
        if self.durable.load(Ordering::SeqCst) < group {
            // The sender lives in self: this ends only with a value.
            let _ = self.news.subscribe().wait_for(|durable| *durable >= group).await;
        }
        self.durable.load(Ordering::SeqCst) != DEAD
    }

    /// A key as the gate knows it.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// A group that writes these keys is about to be applied.
    pub(super) fn begin<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.clear();
        touched.extend(keys.map(|key| self.hash(key)));
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// The group that was begun last is durable.
    pub(super) fn end(&self) {
        self.tell(self.begun.load(Ordering::SeqCst));
    }

    /// The group in flight may never become durable: whoever waits for it is told so.
    pub(super) fn kill(&self) {
        self.tell(DEAD);
    }

    fn tell(&self, durable: u64) {
        self.durable.store(durable, Ordering::SeqCst);
        self.news.send_replace(durable);
    }
}

const DEAD: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(gate: &Gate, key: &str) {
        gate.begin([key.as_bytes()].into_iter());
    }

    #[test]
    fn a_read_with_nothing_in_flight_stands() {
        let gate = Gate::default();
        assert_eq!(gate.verdict(gate.look(), &[]), Verdict::Stands);
        begin(&gate, "a");
        gate.end();
        assert!(!gate.look().is_busy());
        assert_eq!(gate.verdict(gate.look(), &[gate.hash(b"a")]), Verdict::Stands);
    }

    #[test]
    fn a_read_that_a_group_overtook_is_read_again() {
        let gate = Gate::default();
        let idle = gate.look();
        begin(&gate, "a");
        assert_eq!(gate.verdict(idle, &[]), Verdict::Again);
        let busy = gate.look();
        gate.end();
        begin(&gate, "b");
        assert_eq!(gate.verdict(busy, &[]), Verdict::Again);
    }

    #[tokio::test]
    async fn a_read_that_touched_the_group_in_flight_waits_for_its_fsync() {
        let gate = Gate::default();
        begin(&gate, "a");
        let look = gate.look();
        assert_eq!(gate.verdict(look, &[gate.hash(b"b")]), Verdict::Stands);
        assert_eq!(gate.verdict(look, &[gate.hash(b"b"), gate.hash(b"a")]), Verdict::Wait(1));
        let mut waiting = Box::pin(gate.durable(1));
        let moment = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(moment, &mut waiting).await.is_err());
        gate.end();
        assert!(waiting.await);
    }

    #[tokio::test]
    async fn after_a_failed_group_its_readers_are_told() {
        let gate = Gate::default();
        begin(&gate, "a");
        let waiting = gate.durable(1);
        gate.kill();
        assert!(!waiting.await);
        // What the group did not touch can still be read.
        assert_eq!(gate.verdict(gate.look(), &[gate.hash(b"b")]), Verdict::Stands);
        assert_eq!(gate.verdict(gate.look(), &[gate.hash(b"a")]), Verdict::Wait(1));
    }
}
