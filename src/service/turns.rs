//! Turns: who works on one thing works alone, others wait or go by.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Turns by key. A key that nobody holds and nobody waits for takes no room.
pub(super) struct Turns<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

/// A turn; it ends when it is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for its turn.
    pub(super) async fn take(&self, key: &K) -> Turn {
        self.lock(key).lock_owned().await
    }

    /// Takes its turn if nobody has it.
    pub(super) fn try_take(&self, key: &K) -> Option<Turn> {
        self.lock(key).try_lock_owned().ok()
    }

    fn lock(&self, key: &K) -> Arc<tokio::sync::Mutex<()>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An entry that only the map holds belongs to nobody any more.
        map.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(map.entry(key.clone()).or_default())
    }
}
