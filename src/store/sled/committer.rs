//! The one thread that writes: takes whatever waits, applies it as one batch, makes it durable once, answers all.
//!
//! Promise: an answer leaves only after fsync; after a failed fsync no `Ok` leaves any more. A batch to one tree is
//! crash-atomic in sled (it pins the log and seals a batch manifest).

use std::cell::RefCell;
use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::disk::{Floor, storage_full};
use super::epoch::Sidecar;
use super::export::{Tapped, touched};
use super::gate::Before;
use super::open::Opened;
use super::rows::{caught, unavailable};
use super::{Fatal, Shared, SledOptions};
use crate::error::{Error, Result};
use crate::store::keys;
use crate::store::plan::{Group, Step, Writes};
use crate::store::record::Head;

/// What the committer is asked for.
pub(super) enum Order {
    /// Commit this.
    Commit { steps: Vec<Step>, done: oneshot::Sender<Result<()>> },
    /// Are commits taken?
    Probe(oneshot::Sender<Result<()>>),
    /// Note from now on which pairs are touched, for as long as this lives.
    Tap(Weak<()>, oneshot::Sender<()>),
    /// What the tap noted; it ends.
    Untap(Weak<()>, oneshot::Sender<Tapped>),
    /// Commit nothing until the channel closes.
    Hold(oneshot::Sender<()>, Receiver<()>),
    /// End, after what was asked before.
    Stop,
}

type Waiting = (Vec<Step>, oneshot::Sender<Result<()>>);

struct Committer {
    shared: Arc<Shared>,
    file: File,
    head: Head,
    floor: Floor,
    sidecar: Sidecar,
    /// What the sidecar says, and since when.
    told: (u64, Instant),
    taps: Vec<(Weak<()>, Tapped)>,
    dead: Option<Fatal>,
}

/// Starts the thread.
pub(super) fn start(
    shared: Arc<Shared>,
    opened: Opened,
    options: &SledOptions,
) -> std::io::Result<(SyncSender<Order>, JoinHandle<()>)> {
    let (sender, orders) = sync_channel(options.queue.max(1));
    let committer = Committer {
        shared,
        file: opened.file,
        head: opened.head,
        floor: Floor::new(&opened.folder, options.min_free_bytes),
        sidecar: opened.sidecar,
        told: (opened.head.sequence, Instant::now()),
        taps: Vec::new(),
        dead: None,
    };
    let thread = std::thread::Builder::new().name("store-committer".into()).spawn(move || committer.run(&orders))?;
    Ok((sender, thread))
}

impl Committer {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = None;
        loop {
            let order = match next.take() {
                Some(order) => order,
                None => match orders.recv_timeout(self.patience()) {
                    Ok(order) => order,
                    Err(RecvTimeoutError::Timeout) => {
                        self.tell_sidecar();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            match order {
                Order::Commit { steps, done } => {
                    let mut waiting = vec![(steps, done)];
                    next = gather(orders, &mut waiting);
                    self.commit(waiting);
                }
                Order::Stop => break,
                other => self.serve(other),
            }
        }
        self.finish();
    }

    /// How long to wait for work before the sidecar is due.
    fn patience(&self) -> Duration {
        match self.is_untold() {
            true => SIDECAR_PERIOD.saturating_sub(self.told.1.elapsed()),
            false => Duration::from_secs(3600),
        }
    }

    fn serve(&mut self, order: Order) {
        // Who asked may have gone: then nobody needs the answer.
        match order {
            Order::Probe(answer) => {
                let _ = answer.send(self.probe());
            }
            Order::Tap(alive, answer) => {
                self.taps.push((alive, Tapped::new()));
                let _ = answer.send(());
            }
            Order::Untap(alive, answer) => {
                let at = self.taps.iter().position(|(tap, _)| tap.ptr_eq(&alive));
                let _ = answer.send(at.map(|at| self.taps.swap_remove(at).1).unwrap_or_default());
            }
            Order::Hold(held, release) => {
                if held.send(()).is_ok() {
                    let _ = release.recv();
                }
            }
            Order::Commit { .. } | Order::Stop => {}
        }
    }

    fn probe(&mut self) -> Result<()> {
        match &self.dead {
            Some(fatal) => Err(unavailable(&fatal.to_string())),
            None => self.floor.check(),
        }
    }

    fn commit(&mut self, waiting: Vec<Waiting>) {
        let shared = self.shared.clone();
        let _mark = shared.board.mark();
        if let Some(fatal) = &self.dead {
            return answer_all(waiting.into_iter().map(|(_, done)| done), || unavailable(&fatal.to_string()));
        }
        let read = RefCell::default();
        let rows = shared.rows().keeping(&read);
        let mut group = Group::new(&rows, &shared.mac);
        let mut answers = Vec::with_capacity(waiting.len());
        for (steps, done) in waiting {
            let room = if frees(&steps) { Ok(()) } else { self.floor.check() };
            answers.push((done, room.and_then(|()| group.admit(steps))));
        }
        let admitted = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
        shared.stats.count_refused(answers.len() - admitted);
        let writes = group.into_writes();
        match self.make_durable(writes, read.into_inner(), admitted) {
            // Refusals wait too: what they tell of may be of this group.
            Ok(()) => answers.into_iter().for_each(|(done, answer)| drop(done.send(answer))),
            Err(fatal) => {
                answer_all(answers.into_iter().map(|(done, _)| done), || failed(&fatal));
                self.die(fatal);
            }
        }
    }

    /// Applies, flushes and fsyncs; readers may see it then. `read` are rows that are known to be as they were read.
    fn make_durable(&mut self, mut writes: Writes, mut read: Before, commits: usize) -> Result<(), Fatal> {
        if writes.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let head = Head { sequence: self.head.sequence + 1, ..self.head };
        let row = shared.mac.seal_head(head).map_err(|e| Fatal::Damaged(e.to_string()))?;
        writes.insert(keys::head(), Some(row));

        let before = writes.keys().map(|key| match read.remove_entry(key) {
            Some(known) => Ok(known),
            None => Ok((key.clone(), caught(|| shared.db.get(key))?)),
        });
        shared.gate.begin(before.collect::<Result<_, Fatal>>()?);
        caught(|| shared.db.apply_batch(batch(&writes)))?;
        let began = Instant::now();
        caught(|| shared.db.flush())?;
        // sled's own background thread may have met, and only logged, a failed fsync of the same file: ask again.
        #[cfg(not(keypairs_without_fsync))] // tests/power_loss.py
        self.file.sync_data().map_err(|e| Fatal::Io(format!("fsync: {e}")))?;
        shared.stats.count_group(commits, began.elapsed());
        self.head = head;
        self.tap(&writes);
        shared.gate.end();
        self.tell_sidecar_in_time();
        Ok(())
    }

    fn tap(&mut self, writes: &Writes) {
        self.taps.retain(|(alive, _)| alive.strong_count() > 0);
        if self.taps.is_empty() {
            return;
        }
        // A read that fails has raised the alarm: the export ends with the process.
        if let Ok(touched) = touched(&self.shared.rows(), writes) {
            for (_, tapped) in &mut self.taps {
                tapped.extend(touched.clone());
            }
        }
    }

    fn is_untold(&self) -> bool {
        self.told.0 != self.head.sequence
    }

    fn tell_sidecar_in_time(&mut self) {
        if self.told.1.elapsed() >= SIDECAR_PERIOD {
            self.tell_sidecar();
        }
    }

    /// An old sidecar is only less watchful: not being able to write it does not fail commits, but is no good sign.
    fn tell_sidecar(&mut self) {
        if self.dead.is_some() || !self.is_untold() {
            return;
        }
        if let Err(error) = self.sidecar.write(self.head) {
            tracing::warn!(%error, "cannot write the file `epoch`: a rolled-back store would not be noticed");
        }
        self.told = (self.head.sequence, Instant::now());
    }

    fn die(&mut self, fatal: Fatal) {
        self.shared.gate.kill();
        self.shared.alarm.raise(fatal.clone());
        self.dead = Some(fatal);
    }

    fn finish(mut self) {
        if self.dead.is_none() && caught(|| self.shared.db.flush()).is_ok() && self.file.sync_data().is_ok() {
            self.tell_sidecar();
        }
    }
}

/// Takes what waits beside the first, up to a group. What is no commit comes next.
fn gather(orders: &Receiver<Order>, waiting: &mut Vec<Waiting>) -> Option<Order> {
    while waiting.len() < GROUP_LIMIT {
        match orders.try_recv() {
            Ok(Order::Commit { steps, done }) => waiting.push((steps, done)),
            Ok(other) => return Some(other),
            Err(_) => return None,
        }
    }
    None
}

/// Writes as sled takes them.
pub(super) fn batch(writes: &Writes) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    batch
}

/// Only takes rows away: allowed on a full disk.
fn frees(steps: &[Step]) -> bool {
    steps.iter().all(|step| matches!(step, Step::Remove { .. } | Step::Forget { .. }))
}

/// The answer to a group whose writing failed. It may be there after a restart, or not; it is not `Ok`.
fn failed(fatal: &Fatal) -> Error {
    match fatal {
        Fatal::Io(what) if what.contains(NO_SPACE) => storage_full().with_detail(what.clone()),
        fatal => unavailable(&fatal.to_string()),
    }
}

fn answer_all(waiting: impl Iterator<Item = oneshot::Sender<Result<()>>>, error: impl Fn() -> Error) {
    waiting.for_each(|done| drop(done.send(Err(error()))));
}

/// The most commits of a group.
const GROUP_LIMIT: usize = 512;
const SIDECAR_PERIOD: Duration = Duration::from_secs(1);
/// How the system words ENOSPC.
const NO_SPACE: &str = "No space left";
