//! Drives load in a closed loop: every lane sends its next call when the last one is answered.
//!
//! It promises that a call that fails ends the measurement: a rate of refusals is not a rate. It does not know what is
//! called.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Outcome;

/// One lane: whatever it needs for one call at a time.
pub(crate) trait Lane: Send + 'static {
    /// Sends one call and waits for its answer.
    fn call(&mut self) -> impl Future<Output = Outcome<()>> + Send;
}

/// When a measurement ends: at the first of the two.
#[derive(Clone, Copy)]
pub(crate) struct Until {
    /// Time, from the first call on.
    pub(crate) time: Duration,
    /// Calls over all lanes.
    pub(crate) calls: u64,
}

impl Until {
    /// So long, however many calls.
    pub(crate) fn time(time: Duration) -> Self {
        Self { time, calls: u64::MAX }
    }

    /// So many calls, however long.
    pub(crate) fn calls(calls: u64) -> Self {
        Self { time: Duration::from_secs(3600), calls }
    }
}

/// What one measurement saw.
pub(crate) struct Load {
    /// Calls answered.
    pub(crate) calls: u64,
    /// Seconds from the first call to the last answer.
    pub(crate) seconds: f64,
    /// Microseconds from sending to the answer, per call.
    pub(crate) latency: Histogram<u64>,
}

/// Runs all lanes until the end, at the same time.
///
/// # Errors
/// The first call that failed.
pub(crate) async fn drive<L: Lane>(lanes: Vec<L>, until: Until) -> Outcome<Load> {
    let sent = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let tasks: Vec<_> = lanes.into_iter().map(|lane| tokio::spawn(run(lane, until, begin, sent.clone()))).collect();
    let mut latency = histogram()?;
    for task in tasks {
        latency.add(task.await??)?;
    }
    Ok(Load { calls: latency.len(), seconds: begin.elapsed().as_secs_f64(), latency })
}

async fn run<L: Lane>(mut lane: L, until: Until, begin: Instant, sent: Arc<AtomicU64>) -> Outcome<Histogram<u64>> {
    let mut latency = histogram()?;
    while begin.elapsed() < until.time && sent.fetch_add(1, Ordering::Relaxed) < until.calls {
        let start = Instant::now();
        lane.call().await?;
        latency.saturating_record(u64::try_from(start.elapsed().as_micros())?);
    }
    Ok(latency)
}

fn histogram() -> Outcome<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?)
}

/// A small random-number generator (SplitMix64): which pair comes next is no secret, and runs shall be alike.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = (u128::from(word ^ (word >> 31)) * limit as u128) >> 64;
        high as usize // below limit, so it fits
    }
}

const LONGEST_MICROS: u64 = 120_000_000;
