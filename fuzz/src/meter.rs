//! What one input may cost: CPU time and heap, asserted for every input.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Runs `work` and asserts its costs. What it takes at most so far is printed when it rises by a tenth.
pub fn metered(work: impl FnOnce()) {
    HEAP.reset_peak_usage();
    let (before, begin) = (HEAP.current_usage(), cpu_time());
    work();
    let took = cpu_time().saturating_sub(begin);
    let grew = HEAP.peak_usage().saturating_sub(before);
    note(took, grew);
    assert!(took <= TIME, "this input took {took:?} of CPU time");
    assert!(grew <= MEMORY, "this input took {grew} bytes of heap");
}

/// An input was taken: printed at each power of two, so that a target whose inputs are all refused at the door shows.
pub fn taken() {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
    if taken.is_power_of_two() {
        eprintln!("taken: {taken}");
    }
}

/// The sanitizer and the asserts make it several times slower than it is: a bound that holds here holds in the service.
const TIME: Duration = Duration::from_millis(250);
/// The promise for inputs that derive nothing; what derives is bounded here to less.
const MEMORY: usize = 4 << 20;

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn note(took: Duration, grew: usize) {
    static SLOWEST: AtomicU64 = AtomicU64::new(0);
    static LARGEST: AtomicUsize = AtomicUsize::new(0);
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (slowest, largest) = (SLOWEST.load(Ordering::Relaxed), LARGEST.load(Ordering::Relaxed));
    if took * 10 > slowest * 11 || grew * 10 > largest * 11 {
        let (slowest, largest) = (took.max(slowest), grew.max(largest));
        SLOWEST.store(slowest, Ordering::Relaxed);
        LARGEST.store(largest, Ordering::Relaxed);
        eprintln!("costs: {slowest} us, {largest} bytes");
    }
}
