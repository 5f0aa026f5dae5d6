//! The metrics of one process, and their text.
//!
//! Promise: no label names a tenant or a key; the order of the text is always the same. It owns its registry: two of
//! them in one process do not meet.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::calls::{Calls, Method};
use super::face::FaceRequests;
use super::heavy::{Heavies, Heavy};
use super::process::Process;

/// Everything that is counted. Observing is cheap and can be done from anywhere.
pub struct Metrics {
    registry: Registry,
    calls: Arc<Calls>,
    stored: Gauge<u64, AtomicU64>,
    commits: Counter,
    groups: Counter,
    fsync: Histogram,
    group_size: Histogram,
    rsa_waiting: Gauge,
    rsa_generation: Histogram,
    heavy_waiting: Gauge,
    heavy: Arc<Heavies>,
    shared_primes: Counter,
    shared_primes_unsearched: Counter,
    face: Arc<FaceRequests>,
}

/// How the text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4: there the `_total` of a counter belongs to the name of its family.
    Prometheus,
}

impl Metrics {
    /// Nothing counted yet. `version` is that of the build.
    pub fn new(version: &'static str) -> Self {
        let metrics = Self {
            registry: Registry::default(),
            calls: Arc::default(),
            stored: Gauge::default(),
            commits: Counter::default(),
            groups: Counter::default(),
            fsync: Histogram::new(exponential_buckets(0.0001, 2.0, 16)), // 0.1 ms to 3.3 s
            group_size: Histogram::new(exponential_buckets(1.0, 2.0, 11)), // 1 to 1024
            rsa_waiting: Gauge::default(),
            heavy_waiting: Gauge::default(),
            heavy: Arc::default(),
            shared_primes: Counter::default(),
            shared_primes_unsearched: Counter::default(),
            face: Arc::default(),
            rsa_generation: Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
        };
        metrics.registered(version)
    }

    /// A call is over; `code` is the number of its gRPC code.
    pub fn call(&self, method: Method, code: i32, took: Duration) {
        self.calls.observe(method, code, took);
    }

    /// How many live key pairs there are, of all projects.
    pub fn key_pairs_stored(&self, count: u64) {
        self.stored.set(count);
    }

    /// The store made one group of `commits` durable, with one fsync that took this long.
    pub fn store_group(&self, commits: usize, fsync: Duration) {
        self.commits.inc_by(commits as u64);
        self.groups.inc();
        self.group_size.observe(commits as f64);
        self.fsync.observe(fsync.as_secs_f64());
    }

    /// So many RSA keys more wait to be made; less, below zero.
    pub fn rsa_waiting(&self, more: i64) {
        self.rsa_waiting.inc_by(more);
    }

    /// An RSA key was made in this time.
    pub fn rsa_generated(&self, took: Duration) {
        self.rsa_generation.observe(took.as_secs_f64());
    }

    /// So much other heavy work more waits; less, below zero.
    pub fn heavy_waiting(&self, more: i64) {
        self.heavy_waiting.inc_by(more);
    }

    /// Heavy work of this kind was done in this time.
    pub fn heavy_done(&self, kind: Heavy, took: Duration) {
        self.heavy.observe(kind, took);
    }

    /// Two stored RSA keys turned out to share a prime.
    pub fn shared_prime(&self) {
        self.shared_primes.inc();
    }

    /// So many RSA keys were stored and will not be searched for shared primes.
    pub fn shared_prime_unsearched(&self, keys: usize) {
        self.shared_primes_unsearched.inc_by(keys as u64);
    }

    /// The HTTP face answered a request. All three words come from closed lists; `code` is the cloud's own, empty when
    /// it went well.
    pub fn face_request(&self, cloud: &'static str, action: &'static str, code: &'static str, took: Duration) {
        self.face.observe([cloud, action, if code.is_empty() { "OK" } else { code }], took);
    }

    /// All of it as text.
    pub fn text(&self, exposition: Exposition) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail; a metric that cannot be encoded ends the text early, and scrapers see
        // that the end mark is missing.
        let _ = encode(&mut text, &self.registry);
        match exposition {
            Exposition::OpenMetrics => text,
            Exposition::Prometheus => classic(&text),
        }
    }

    fn registered(mut self, version: &'static str) -> Self {
        let build = Family::<[(&str, &str); 1], Gauge>::default();
        build.get_or_create(&[("version", version)]).set(1);
        let registry = &mut self.registry;
        registry.register("keypairs_build_info", "The build that runs, always 1", build);
        registry.register("keypairs_stored", "Live key pairs of all projects", self.stored.clone());
        registry.register_collector(Box::new(Arc::clone(&self.calls)));
        registry.register("store_commits", "Commits made durable", self.commits.clone());
        registry.register("store_commit_groups", "Groups of commits that shared an fsync", self.groups.clone());
        registry.register("store_commit_group_size", "Commits in a group", self.group_size.clone());
        registry.register("store_fsync_duration_seconds", "How long fsync took", self.fsync.clone());
        registry.register("rsa_queue_depth", "Calls that wait for an RSA worker", self.rsa_waiting.clone());
        let made = self.rsa_generation.clone();
        registry.register("rsa_generation_duration_seconds", "How long making an RSA key took", made);
        let waiting = self.heavy_waiting.clone();
        registry.register("heavy_queue_depth", "Proofs, checks and passphrases that wait for a thread", waiting);
        registry.register_collector(Box::new(Arc::clone(&self.heavy)));
        let shared = self.shared_primes.clone();
        registry.register("rsa_shared_primes", "Stored RSA keys found to share a prime with another", shared);
        let unsearched = self.shared_primes_unsearched.clone();
        registry.register("rsa_shared_primes_unsearched", "RSA keys not searched: too many at once", unsearched);
        registry.register_collector(Box::new(Arc::clone(&self.face)));
        registry.register_collector(Box::new(Process::new()));
        self
    }
}

/// OpenMetrics as Prometheus text: counters are described under the name that carries `_total`.
fn classic(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().filter(|line| *line != "# EOF").peekable();
    while let Some(line) = lines.next() {
        // HELP comes right before the TYPE of the same family.
        let describes = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
        let counter =
            describes(line) || lines.peek().is_some_and(|next| describes(next)) && line.starts_with("# HELP ");
        let mut words = line.splitn(4, ' ');
        match (counter, words.next(), words.next(), words.next(), words.next()) {
            (true, Some(hash), Some(word), Some(name), Some(rest)) => {
                out.push_str(&format!("{hash} {word} {name}_total {rest}\n"));
            }
            _ => out.extend([line, "\n"]),
        }
    }
    out
}
