//! Readiness: named latches; the service is ready while none is held.
//!
//! It knows no health protocol: `app.rs` watches and tells.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Whether the service is ready, and who says it is not.
#[derive(Clone)]
pub struct Readiness {
    held: Arc<Mutex<BTreeSet<&'static str>>>,
    ready: Arc<watch::Sender<bool>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { held: Arc::default(), ready: Arc::new(watch::channel(true).0) }
    }
}

impl Readiness {
    /// Not ready, for this reason, until `clear`.
    pub fn hold(&self, reason: &'static str) {
        self.change(|held| held.insert(reason));
    }

    /// This reason is gone.
    pub fn clear(&self, reason: &'static str) {
        self.change(|held| held.remove(reason));
    }

    /// Tells of every change.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<&'static str>) -> bool) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut held);
        self.ready.send_replace(held.is_empty());
    }
}
