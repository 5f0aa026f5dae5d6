//! What keeps readers from rows that could still be lost: between the applying of a group and its fsync.
//!
//! Promise: a read that the gate lets through saw only durable rows, all of one moment, and never waited: of what the
//! group in flight touches it saw the rows from before. With no group in flight it costs two atomic loads on either
//! side of the read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sled::IVec;
use tokio::sync::watch;

/// The rows that a group touches, as they were before it.
pub(super) type Before = HashMap<Vec<u8>, Option<IVec>>;

/// Groups begun and groups durable, by number.
pub(super) struct Gate {
    begun: AtomicU64,
    /// Rises before its waiters are told.
    durable: AtomicU64,
    before: Mutex<Arc<Before>>,
    news: watch::Sender<u64>,
}

/// How things stood when a read began.
pub(super) struct Look {
    begun: u64,
    before: Option<Arc<Before>>,
}

impl Look {
    /// With a group in flight: what its rows were before it. They stand in for what the engine says now.
    pub(super) fn before(&self) -> Option<&Before> {
        self.before.as_deref()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            before: Mutex::default(),
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
        if durable == begun {
            return Look { begun, before: None };
        }
        // Under the lock `before` and `begun` belong together.
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        Look { begun: self.begun.load(Ordering::SeqCst), before: Some(Arc::clone(&before)) }
    }

    /// After a read: whether it stands. Else a group began meanwhile: read again.
    pub(super) fn stands(&self, look: &Look) -> bool {
        self.begun.load(Ordering::SeqCst) == look.begun
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

    /// A group that touches these rows is about to be applied.
    pub(super) fn begin(&self, rows: Before) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        *before = Arc::new(rows);
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// The group that was begun last is durable.
    pub(super) fn end(&self) {
        self.tell(self.begun.load(Ordering::SeqCst));
    }

    /// The group in flight may never become durable: whoever waits for it is told so, and readers keep to the rows
    /// from before it.
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

    fn begin(gate: &Gate, key: &str, value: Option<&[u8]>) {
        gate.begin(Before::from([(key.as_bytes().to_vec(), value.map(IVec::from))]));
    }

    #[test]
    fn a_read_with_nothing_in_flight_stands() {
        let gate = Gate::default();
        assert!(gate.stands(&gate.look()));
        begin(&gate, "a", None);
        gate.end();
        let look = gate.look();
        assert!(look.before().is_none() && gate.stands(&look));
    }

    #[test]
    fn a_read_that_a_group_overtook_is_read_again() {
        let gate = Gate::default();
        let idle = gate.look();
        begin(&gate, "a", None);
        assert!(!gate.stands(&idle));
        let busy = gate.look();
        gate.end();
        assert!(gate.stands(&busy));
        begin(&gate, "b", None);
        assert!(!gate.stands(&busy));
    }

    #[tokio::test]
    async fn a_read_sees_what_the_group_in_flight_found() {
        let gate = Gate::default();
        begin(&gate, "a", Some(b"old"));
        let look = gate.look();
        let before = look.before().unwrap();
        assert_eq!(before.get(b"a".as_slice()), Some(&Some(IVec::from(b"old"))));
        assert_eq!(before.get(b"b".as_slice()), None);
        let mut waiting = Box::pin(gate.durable(1));
        let moment = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(moment, &mut waiting).await.is_err());
        gate.end();
        assert!(waiting.await);
    }

    #[tokio::test]
    async fn after_a_failed_group_readers_keep_to_the_rows_before_it() {
        let gate = Gate::default();
        begin(&gate, "a", None);
        let waiting = gate.durable(1);
        gate.kill();
        assert!(!waiting.await);
        let look = gate.look();
        assert_eq!(look.before().unwrap().get(b"a".as_slice()), Some(&None));
        assert!(gate.stands(&look));
    }
}
