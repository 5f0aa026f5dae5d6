//! What every process has: memory, processor time, open files, start time; read from /proc when asked.
//!
//! A number that cannot be read is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The numbers of this process.
#[derive(Debug)]
pub(super) struct Process {
    /// Seconds since 1970.
    started: Option<f64>,
}

impl Process {
    /// Finds out when the process started.
    pub(super) fn new() -> Self {
        Self { started: started() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time spent, user and system.";
            encode(&mut encoder, "process_cpu_seconds", help, &ConstCounter::new(seconds))?;
        }
        let gauges = [
            ("process_resident_memory_bytes", "Memory in RAM.", resident_bytes()),
            ("process_open_fds", "Open file descriptors.", open_fds()),
            ("process_max_fds", "How many may be open.", max_fds()),
            ("process_start_time_seconds", "Start, in seconds since 1970.", self.started),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                encode(&mut encoder, name, help, &ConstGauge::new(value))?;
            }
        }
        Ok(())
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn cpu_seconds() -> Option<f64> {
    // Fields 14 and 15 of proc(5), counted from 1: user and system time.
    Some((stat(14)? + stat(15)?) / TICKS)
}

fn started() -> Option<f64> {
    let of_machine = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = of_machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + stat(22)? / TICKS)
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

fn open_fds() -> Option<f64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the folder being read.
    u32::try_from(entries).ok().map(|count| f64::from(count.saturating_sub(1)))
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A field of /proc/self/stat, counted from 1, above 2.
fn stat(field: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, which may hold blanks and brackets: count from its end.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_whitespace().nth(field - 3)?.parse().ok()
}

/// USER_HZ: 100 a second on x86-64 and on 64-bit ARM.
const TICKS: f64 = 100.0;
