//! Turns measurements into tables: medians over the runs, and ratios that do not depend on the machine.

use crate::Outcome;
use crate::drive::Load;

/// What one call of one program cost in one run.
pub(crate) struct Sample {
    /// Calls per second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
    /// CPU seconds of the server.
    pub(crate) server_cpu: f64,
    /// CPU seconds of the client.
    pub(crate) client_cpu: f64,
    /// The server's resident memory afterwards, MiB.
    pub(crate) rss: f64,
    /// Calls.
    pub(crate) calls: f64,
}

impl Sample {
    /// From what was driven and the CPU seconds (server, client) it took.
    pub(crate) fn of(load: &Load, cpu: (f64, f64), rss: f64) -> Self {
        Self {
            rate: load.calls as f64 / load.seconds,
            p50: load.latency.value_at_quantile(0.50) as f64,
            p99: load.latency.value_at_quantile(0.99) as f64,
            server_cpu: cpu.0,
            client_cpu: cpu.1,
            rss,
            calls: load.calls as f64,
        }
    }
}

/// All runs of one call of one program.
pub(crate) struct Row {
    /// The call.
    pub(crate) call: &'static str,
    /// Who answered it.
    pub(crate) who: &'static str,
    /// One per run.
    pub(crate) samples: Vec<Sample>,
}

/// All rows, and what was measured once.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    bounds: Vec<Bound>,
}

struct Bound {
    what: String,
    seen: String,
    target: String,
    met: bool,
}

impl Report {
    /// Adds one run's sample.
    pub(crate) fn add(&mut self, call: &'static str, who: &'static str, sample: Sample) {
        match self.rows.iter_mut().find(|row| row.call == call && row.who == who) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row { call, who, samples: vec![sample] }),
        }
    }

    /// Adds a target for the ratio of two rates: ours over theirs, run by run. Nothing when theirs was not measured.
    pub(crate) fn ratio(&mut self, call: &'static str, other: (&'static str, &'static str), at_least: f64) {
        let rates = |call, who| -> Vec<f64> {
            let row = self.rows.iter().find(|row| row.call == call && row.who == who);
            row.map(|row| row.samples.iter().map(|sample| sample.rate).collect()).unwrap_or_default()
        };
        let ours = rates(call, KEYPAIRS);
        let mut ratios: Vec<f64> =
            ours.iter().zip(rates(other.0, other.1)).map(|(ours, theirs)| ours / theirs).collect();
        if ratios.is_empty() {
            return;
        }
        let middle = median(&mut ratios);
        let range = format!("{:.2} to {:.2}", ratios[0], ratios[ratios.len() - 1]);
        self.bounds.push(Bound {
            what: format!("{call} / {} {}", other.1, other.0),
            seen: format!("{middle:.2} ({range})"),
            target: format!(">= {at_least}"),
            met: middle >= at_least,
        });
    }

    /// Adds a target for a figure that must stay under a limit.
    pub(crate) fn under(&mut self, what: &str, seen: f64, limit: f64) {
        let bound = Bound {
            what: what.to_owned(),
            seen: format!("{seen:.2}"),
            target: format!("< {limit}"),
            met: seen < limit,
        };
        self.bounds.push(bound);
    }

    /// Prints everything; true when every target was met.
    pub(crate) fn print(&mut self) -> bool {
        println!("\n| call | who | req/s | p50 us | p99 us | server CPU s | client CPU s | server us/req | RSS MiB |");
        println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
        for row in &self.rows {
            let of = |take: fn(&Sample) -> f64| median(&mut row.samples.iter().map(take).collect::<Vec<_>>());
            println!(
                "| {} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} |",
                row.call,
                row.who,
                of(|sample| sample.rate),
                of(|sample| sample.p50),
                of(|sample| sample.p99),
                of(|sample| sample.server_cpu),
                of(|sample| sample.client_cpu),
                of(|sample| sample.server_cpu / sample.calls * 1e6),
                of(|sample| sample.rss),
            );
        }
        println!("\n| what | seen: median (range over runs) | target | |\n|---|---|---|---|");
        for Bound { what, seen, target, met } in &self.bounds {
            println!("| {what} | {seen} | {target} | {} |", if *met { "met" } else { "MISSED" });
        }
        self.bounds.iter().all(|bound| bound.met)
    }
}

/// The middle value; of an even number the lower of the two. Sorts. NaN for none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    if values.is_empty() { f64::NAN } else { values[(values.len() - 1) / 2] }
}

/// Fails when no call was answered: then every figure would be a fiction.
pub(crate) fn check_answered(load: &Load) -> Outcome<()> {
    if load.calls == 0 { Err("no call was answered in a whole measurement".into()) } else { Ok(()) }
}

/// Who answers, in the table.
pub(crate) const KEYPAIRS: &str = "keypairs";
/// Who answers, in the table.
pub(crate) const ECHO: &str = "echo";
/// Who answers, in the table.
pub(crate) const BAO: &str = "OpenBao";
