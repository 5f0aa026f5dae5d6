//! The bounded pool for heavy work: RSA, and key derivation from passphrases.
//!
//! Its threads are few and yield to the rest of the service. Work whose estimated wait is too long is refused at once,
//! with the time after which it is worth trying again: the caller hears "full", the server never stalls.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::call::Call;
use crate::error::{Error, Reason, Result};
use crate::sshkey::Cost;

/// A kind of work; each has its own running estimate of what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Makes an RSA key of so many bits.
    Rsa(u16),
    /// Signs and verifies with an RSA key of so many bits; also number work of that size.
    Prove(u16),
    /// Checks the numbers of a public key of so many bits.
    Check(u16),
    /// Holds moduli against each other.
    Compare,
    /// Derives a key from a passphrase, and what comes with it. Each class of cost is estimated for itself: that one
    /// file took half a second says nothing about the next.
    Derive(Cost),
}

/// How the pool is set up.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// How many threads.
    pub workers: usize,
    /// How much work may wait, whatever it costs.
    pub queue: usize,
    /// The longest estimated wait.
    pub longest_wait: Duration,
}

/// What happens to a piece of work, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It waits for a thread.
    Waits,
    /// A thread has taken it.
    Begun,
    /// It was done, in this time. Work that nobody waited for any more is not done.
    Done(Duration),
}

/// Told what happens in a pool, while it is locked: it must be quick.
pub type Observer = Arc<dyn Fn(Work, Event) + Send + Sync>;

/// The pool. Cloning is cheap; its threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    limits: PoolLimits,
}

struct Shared {
    state: Mutex<State>,
    work_came: Condvar,
    observer: Observer,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// What waits and what runs, estimated.
    load: Duration,
    running: usize,
    costs: HashMap<Work, Duration>,
    stopping: bool,
}

struct Job {
    work: Work,
    estimate: Duration,
    run: Box<dyn FnOnce() -> bool + Send>,
}

impl Pool {
    /// Starts the threads.
    pub fn start(limits: PoolLimits, observer: Observer) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), work_came: Condvar::new(), observer });
        for number in 0..limits.workers.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("heavy-{number}")).spawn(move || worker(&shared))?;
        }
        Ok(Self(Arc::new(Handle { shared, limits })))
    }

    /// Runs `job` when its turn comes. Refused: `RSA_QUEUE_FULL` (other work: `OVERLOADED`) with `retry_after`
    /// when the estimated wait is too long, `DEADLINE_EXCEEDED` when the caller's time ran out while it waited.
    pub async fn run<T: Send + 'static>(
        &self,
        work: Work,
        call: &Call,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (send, receive) = oneshot::channel();
        let deadline = call.deadline;
        self.enqueue(work, call, move || {
            // Work that nobody waits for any more is not done.
            let wanted = !send.is_closed() && Instant::now() < deadline;
            if wanted {
                let _ = send.send(job());
            }
            wanted
        })?;
        tokio::select! {
            result = receive => result.map_err(|_| too_late()),
            () = call.gone.cancelled() => Err(too_late()),
        }
    }

    fn enqueue(&self, work: Work, call: &Call, run: impl FnOnce() -> bool + Send + 'static) -> Result<()> {
        let limits = &self.0.limits;
        let mut state = self.0.shared.lock();
        let wait = state.wait(limits.workers.max(1));
        if state.queue.len() >= limits.queue || wait > limits.longest_wait.min(call.time_left()) {
            return Err(full(work, wait));
        }
        let estimate = state.estimate(work);
        state.load += estimate;
        (self.0.shared.observer)(work, Event::Waits);
        state.queue.push_back(Job { work, estimate, run: Box::new(run) });
        drop(state);
        self.0.shared.work_came.notify_one();
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work_came.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                (self.observer)(job.work, Event::Begun);
                return Some(job);
            }
            state = self.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    /// How long new work would wait, estimated: nothing while a thread has nothing to do.
    fn wait(&self, workers: usize) -> Duration {
        match self.queue.len() + self.running < workers {
            true => Duration::ZERO,
            false => self.load / u32::try_from(workers).unwrap_or(u32::MAX),
        }
    }

    fn estimate(&self, work: Work) -> Duration {
        self.costs.get(&work).copied().unwrap_or_else(|| first_guess(work))
    }

    /// A moving average: RSA's time is a random search, so one run says little.
    fn learn(&mut self, work: Work, took: Duration) {
        let mean = (self.estimate(work) * 7 + took) / 8;
        self.costs.insert(work, mean);
    }
}

fn worker(shared: &Shared) {
    // Heavy work takes the time that calls leave. Where niceness may not be lowered the pool still works.
    let _ = rustix::process::nice(19);
    while let Some(job) = shared.next() {
        let start = Instant::now();
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.run)).unwrap_or(true);
        let took = start.elapsed();
        let mut state = shared.lock();
        state.load = state.load.saturating_sub(job.estimate);
        state.running -= 1;
        if ran {
            state.learn(job.work, took);
            (shared.observer)(job.work, Event::Done(took));
        }
    }
}

fn full(work: Work, wait: Duration) -> Error {
    let retry = wait.max(Duration::from_millis(100));
    match work {
        Work::Rsa(bits) => {
            let message = format!("too many RSA keys are being made: try RSA {bits} again later, or take ED25519");
            Error::new(Reason::RsaQueueFull, message).with_retry_after(retry)
        }
        Work::Prove(_) | Work::Check(_) | Work::Compare | Work::Derive(_) => {
            Error::new(Reason::Overloaded, "too much heavy work is waiting: try again later").with_retry_after(retry)
        }
    }
}

fn too_late() -> Error {
    Error::new(Reason::DeadlineExceeded, "the deadline passed before the work was done: nothing was changed")
}

/// Until measured: medians of one core of a small machine.
fn first_guess(work: Work) -> Duration {
    Duration::from_millis(match work {
        Work::Rsa(..=2048) => 60,
        Work::Rsa(..=3072) => 250,
        Work::Rsa(_) => 700,
        Work::Prove(_) | Work::Check(_) | Work::Compare => 10,
        Work::Derive(cost) => u64::from(cost.millis),
    })
}
