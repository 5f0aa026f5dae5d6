//! The watchdog: sled can spin for ever on one flipped bit, so every piece of work says when it began.
//!
//! Promise: work that runs longer than the limit is told once, from a thread that waits on nothing of sled's. It
//! cannot stop the work: the process must end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where work in progress is written down.
pub(super) struct Board {
    origin: Instant,
    /// Microseconds after `origin`, 0 when free.
    slots: Vec<AtomicU64>,
}

/// One piece of work in progress; it ends when this is dropped.
pub(super) struct Mark<'b>(Option<&'b AtomicU64>);

impl Board {
    /// With room for as many threads as tokio starts.
    pub(super) fn new() -> Self {
        Self { origin: Instant::now(), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Work begins. Each thread has a slot it tries first, so that threads seldom meet.
    pub(super) fn mark(&self) -> Mark<'_> {
        let now = self.now();
        let home = HOME.with(|home| *home);
        let free = (0..SLOTS)
            .filter_map(|step| self.slots.get((home + step) % SLOTS))
            .find(|slot| slot.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok());
        Mark(free)
    }

    /// How long the oldest work has been going on.
    fn oldest(&self) -> Duration {
        let began = self.slots.iter().map(|slot| slot.load(Ordering::Relaxed)).filter(|began| *began != 0).min();
        began.map_or(Duration::ZERO, |began| Duration::from_micros(self.now().saturating_sub(began)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.store(0, Ordering::Relaxed);
        }
    }
}

/// The thread that looks at the board; it ends when this is dropped.
pub(super) struct Watchdog {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Tells `stuck` once, when work on the board is older than `limit`.
    pub(super) fn start(
        board: Arc<Board>,
        limit: Duration,
        stuck: impl Fn(Duration) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let pause = (limit / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let thread = std::thread::Builder::new().name("store-watchdog".into()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
                let oldest = board.oldest();
                if oldest > limit {
                    return stuck(oldest);
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

thread_local! {
    static HOME: usize = NEXT_HOME.fetch_add(1, Ordering::Relaxed) % SLOTS;
}
static NEXT_HOME: AtomicUsize = AtomicUsize::new(0);
const SLOTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_does_not_end_is_told_and_work_that_ends_is_not() {
        let board = Arc::new(Board::new());
        let (told, tells) = sync_channel(8);
        let limit = Duration::from_millis(50);
        let _watchdog = Watchdog::start(board.clone(), limit, move |age| told.send(age).unwrap()).unwrap();
        for _ in 0..20 {
            let _mark = board.mark();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(tells.try_recv().is_err());
        let _stuck = board.mark();
        let _others_come_and_go = board.mark();
        assert!(tells.recv_timeout(Duration::from_secs(10)).unwrap() > limit);
    }

    #[test]
    fn more_work_than_slots_is_not_lost() {
        let board = Board::new();
        let first = board.mark();
        let marks: Vec<_> = (0..2 * SLOTS).map(|_| board.mark()).collect();
        drop(marks);
        std::thread::sleep(Duration::from_millis(2));
        assert!(board.oldest() >= Duration::from_millis(2));
        drop(first);
        assert_eq!(board.oldest(), Duration::ZERO);
    }
}
