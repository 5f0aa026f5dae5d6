//! The store on sled 0.34.7, driven the one way in which it keeps its promises (docs/FORMAT.md).
//!
//! Promise: the port's. One thread writes, flushes and fsyncs (`committer.rs`); readers read inline, and of a group in
//! flight they see the rows from before it (`gate.rs`); nobody else writes or flushes, because sled deadlocks.
//! What cannot be answered for is told once as a [`Fatal`]; the process must end then, this module does not end it.

mod committer;
mod compact;
mod disk;
mod epoch;
mod export;
mod gate;
mod open;
mod rows;
mod seccomp;
mod stats;
mod watch;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use committer::Order;
use gate::Gate;
use rows::{Rows, unavailable};
use watch::{Board, Watchdog};

pub use compact::{Compacted, compact};
pub use stats::{GroupObserver, StoreStats, StoreTotals};

use super::read::{self, Walk};
use super::{Change, Depth, Entry, Finding, Limit, Lookup, Note, Noted, Page, Query, Row, RowMac, Store, check, plan};
use crate::clock::Entropy;
use crate::error::{Error, Reason, Result};

/// What ends the process, or keeps it from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fatal {
    /// Data is damaged or was rolled back: restore it. Exit code 65.
    Damaged(String),
    /// Work on the store does not end. Exit code 70.
    Stuck(String),
    /// The disk or the system refused. Exit code 74.
    Io(String),
}

impl Fatal {
    /// The exit code of the process (sysexits.h: EX_DATAERR, EX_SOFTWARE, EX_IOERR).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Damaged(_) => 65,
            Self::Stuck(_) => 70,
            Self::Io(_) => 74,
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Stuck(what) => write!(f, "the store is stuck: {what}"),
            Self::Io(what) => write!(f, "the store cannot be read or written: {what}"),
        }
    }
}

impl std::error::Error for Fatal {}

/// Who hears of what ends the process. Called at most once, from any thread; must not block on the store.
pub type OnFatal = Arc<dyn Fn(Fatal) + Send + Sync>;

/// How the store is driven.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// sled's cache, in bytes; the process takes about twice as much.
    pub cache_bytes: u64,
    /// How long opening may show no progress; larger stores get a second more for each 64 MiB.
    pub open_limit: Duration,
    /// How long one read or one group of commits may take.
    pub work_limit: Duration,
    /// Commits are refused when the volume has fewer free bytes.
    pub min_free_bytes: u64,
    /// How many commits may wait; more are refused with `OVERLOADED`.
    pub queue: usize,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            open_limit: Duration::from_secs(60),
            work_limit: Duration::from_secs(30),
            min_free_bytes: 64 << 20,
            queue: 4096,
        }
    }
}

/// The store on sled.
pub struct SledStore {
    shared: Arc<Shared>,
    orders: SyncSender<Order>,
    committer: Mutex<Option<JoinHandle<()>>>,
    _watchdog: Watchdog,
}

/// What readers and the committer share.
struct Shared {
    db: ::sled::Db,
    mac: RowMac,
    gate: Gate,
    board: Arc<Board>,
    alarm: Alarm,
    stats: Arc<StoreStats>,
    /// Goes after `db`.
    _lock: File,
}

/// Tells of the first fatal event, and only of that.
#[derive(Clone)]
struct Alarm {
    rang: Arc<AtomicBool>,
    on_fatal: OnFatal,
}

impl Alarm {
    fn new(on_fatal: OnFatal) -> Self {
        Self { rang: Arc::default(), on_fatal }
    }

    fn raise(&self, fatal: Fatal) {
        if !self.rang.swap(true, Ordering::SeqCst) {
            (self.on_fatal)(fatal);
        }
    }
}

impl SledStore {
    /// Opens the store in `data/store`, with its sidecar `data/epoch`; makes both where there is neither. Blocks for
    /// as long as sled reads its log (about 7 s for a million pairs) and the whole store is read once.
    pub fn open(
        data: &Path,
        options: SledOptions,
        mac: RowMac,
        entropy: &dyn Entropy,
        on_fatal: OnFatal,
    ) -> Result<Self, Fatal> {
        let opened = open::open(data, &options, &mac, entropy)?;
        let lock = opened.lock.try_clone().map_err(|e| Fatal::Io(e.to_string()))?;
        let alarm = Alarm::new(on_fatal);
        let board = Arc::new(Board::new());
        let shared = Arc::new(Shared {
            db: opened.db.clone(),
            mac,
            gate: Gate::default(),
            board: board.clone(),
            alarm: alarm.clone(),
            stats: Arc::default(),
            _lock: lock,
        });
        let watchdog = Watchdog::start(board, options.work_limit, move |age| {
            alarm.raise(Fatal::Stuck(format!("work has been going on for {} s", age.as_secs())));
        });
        let (orders, committer) =
            committer::start(shared.clone(), opened, &options).map_err(|e| Fatal::Io(e.to_string()))?;
        Ok(Self {
            shared,
            orders,
            committer: Mutex::new(Some(committer)),
            _watchdog: watchdog.map_err(|e| Fatal::Io(e.to_string()))?,
        })
    }

    /// What was committed and what it cost, for metrics.
    pub fn stats(&self) -> Arc<StoreStats> {
        self.shared.stats.clone()
    }

    /// Finishes what waits, makes it durable and notes it in the sidecar. Commits are refused from then on. Blocks.
    /// sled itself closes when the store is dropped. Does not return while the store is stuck.
    pub fn close(&self) {
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.orders.send(Order::Stop); // fails only when the thread has ended
            let _ = thread.join();
        }
    }

    /// Has something read from single rows that are durable and of one moment.
    fn settled<T>(&self, read: impl Fn(&Rows<'_>) -> Result<T>) -> Result<T> {
        for _ in 0..READ_TRIES {
            let look = self.shared.gate.look();
            let found = read(&self.shared.rows().before(look.before()));
            if self.shared.gate.stands(&look) {
                return found;
            }
        }
        Err(unavailable("a read met a new group of commits each time"))
    }

    async fn durable(&self, group: u64) -> Result<()> {
        if self.shared.gate.durable(group).await { Ok(()) } else { Err(unavailable("a group of commits failed")) }
    }

    /// Asks the committer, and waits for its answer.
    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        match self.orders.try_send(order(answer)) {
            Ok(()) => answered.await.map_err(|_| unavailable("the store is closed")),
            Err(TrySendError::Full(_)) => {
                let error = Error::new(Reason::Overloaded, "too many changes are waiting: try again");
                Err(error.with_retry_after(Duration::from_millis(200)))
            }
            Err(TrySendError::Disconnected(_)) => Err(unavailable("the store is closed")),
        }
    }

    async fn check_full(&self) -> Result<Vec<Finding>> {
        for _ in 0..2 {
            let before = self.shared.gate.newest();
            self.durable(before).await?;
            let findings = self.shared.walk().await?;
            if findings.is_empty() || self.shared.gate.newest() == before {
                return Ok(findings);
            }
        }
        // Writes go on all the time: have them wait, so that no finding is a race.
        let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
        self.ask(|held| Order::Hold(held, released)).await?;
        let findings = self.shared.walk().await;
        drop(release);
        findings
    }
}

impl Shared {
    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.db, &self.board, &self.alarm)
    }

    async fn walk(self: &Arc<Self>) -> Result<Vec<Finding>> {
        let shared = self.clone();
        let walk = tokio::task::spawn_blocking(move || check::full(&shared.rows(), &shared.mac));
        walk.await.map_err(|e| unavailable(&e.to_string()))?
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, lookup: Lookup<'_>, with_envelope: bool) -> Result<Option<Row>> {
        self.settled(|rows| read::find(rows, &self.shared.mac, &lookup, with_envelope))
    }

    async fn note(&self, note: Note<'_>) -> Result<Noted> {
        if let Note::Total = note {
            let total = read::note(&self.shared.rows(), &self.shared.mac, &note);
            self.durable(self.shared.gate.newest()).await?;
            return total;
        }
        self.settled(|rows| read::note(rows, &self.shared.mac, &note))
    }

    async fn scan(&self, query: Query<'_>, limit: Limit) -> Result<Page> {
        let mut walk = Walk::new(&query, limit);
        while !walk.step(&self.shared.rows(), &self.shared.mac, SCAN_STEP)? {
            tokio::task::yield_now().await;
        }
        self.durable(self.shared.gate.newest()).await?;
        Ok(walk.into_page())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let steps = plan::prepare(&self.shared.mac, changes)?;
        self.ask(|done| Order::Commit { steps, done }).await?
    }

    async fn export(&self, sink: mpsc::Sender<Result<Entry>>) -> Result<()> {
        let alive = Arc::new(());
        let tap = Arc::downgrade(&alive);
        self.ask(|answer| Order::Tap(tap.clone(), answer)).await?;
        let shared = self.shared.clone();
        let walk = tokio::task::spawn_blocking(move || export::walk(&shared, &sink).then_some(sink));
        let sink = walk.await.map_err(|e| unavailable(&e.to_string()))?;
        let tapped = self.ask(|answer| Order::Untap(tap, answer)).await?;
        drop(alive);
        // None: nobody listens any more.
        if let Some(sink) = sink {
            export::send_tapped(&self.shared.mac, tapped, &sink).await;
        }
        Ok(())
    }

    async fn check(&self, depth: Depth) -> Result<Vec<Finding>> {
        match depth {
            Depth::Probe => match self.ask(Order::Probe).await {
                // Much to do is no fault.
                Err(error) if error.reason == Reason::Overloaded => Ok(Vec::new()),
                answer => answer?.map(|()| Vec::new()),
            },
            Depth::Full => self.check_full().await,
        }
    }
}

/// Rows of a scan that are read before others get their turn.
const SCAN_STEP: usize = 128;
/// Each try that fails means that a group of commits began within the microseconds of a read.
const READ_TRIES: usize = 100;
