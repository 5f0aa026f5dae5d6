//! 256 callers at once on a real server: every call is answered, and changes share fsyncs.
//!
//! sled deadlocks when it is driven from many tasks; a hang would show here as a call that is not answered in time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use keypairs::grpc::pb;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::step::{self, Client};
use crate::crash::writer::{export, get, request_id};
use crate::crash::{is_long, seed};
use crate::server::Place;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_and_fifty_six_callers_are_all_answered() {
    let span = Duration::from_secs(if is_long() { 60 } else { 10 });
    let (place, seed) = (Place::new(), seed());
    place.configure("[quota]\nkey_pairs_per_project = 1000000\n");
    let server = place.serve_at_level("info,audit=warn");
    let end = Instant::now() + span;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(server.client().await);
    }
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| tokio::spawn(call_until(end, clients[number % CONNECTIONS].clone(), seed ^ number as u64)))
        .collect();
    let (mut changes, mut reads, mut slowest) = (0, 0, Duration::ZERO);
    for caller in callers {
        let counts = tokio::time::timeout(span + ANSWER, caller).await.expect("a caller hangs").unwrap();
        assert!(counts.changes + counts.reads > 0, "a caller was never answered");
        (changes, reads) = (changes + counts.changes, reads + counts.reads);
        slowest = slowest.max(counts.slowest);
    }
    let metrics = scrape(server.metrics_address());
    let commits = counter(&metrics, "store_commits_total");
    let groups = counter(&metrics, "store_commit_groups_total");
    println!(
        "{CALLERS} callers, {} s: {changes} changes and {reads} reads answered, slowest answer {} ms; {commits} commits \
         in {groups} groups of one fsync, {:.1} commits per fsync",
        span.as_secs(),
        slowest.as_millis(),
        commits / groups
    );
    assert!(commits >= f64::from(changes), "a change was answered that was not committed");
    assert!(commits / groups > 2.0, "callers do not share fsyncs");
    assert!(slowest < ANSWER);
    assert!(server.stop().success());
    let (clean, talk) = place.verify();
    assert!(clean, "{talk}");
}

#[derive(Default)]
struct Counts {
    changes: u32,
    reads: u32,
    slowest: Duration,
}

/// Makes a pair, reads it in every way, changes it, and purges it again.
async fn call_until(end: Instant, mut client: Client, seed: u64) -> Counts {
    let (mut counts, mut rng) = (Counts::default(), StdRng::seed_from_u64(seed));
    while Instant::now() < end {
        let name = format!("n{:032x}", rng.random::<u128>());
        let made = counts.change(step::create(&name, request_id(&mut rng)), &mut client).await;
        let id = made.pair.unwrap().id;
        assert_eq!(counts.read(get(&mut client, &id)).await.unwrap().name, name);
        let list = pb::ListRequest { page_size: 10, ..Default::default() };
        assert!(!counts.read(client.list(list)).await.unwrap().into_inner().key_pairs.is_empty());
        assert_eq!(counts.read(export(&mut client, &id)).await.ok(), made.file);
        counts.change(step::update(&id, "description", "changed", request_id(&mut rng)), &mut client).await;
        assert_eq!(counts.read(get(&mut client, &id)).await.unwrap().description, "changed");
        counts.change(step::delete(&id, true, request_id(&mut rng)), &mut client).await;
        assert!(counts.read(get(&mut client, &id)).await.is_err());
    }
    counts
}

impl Counts {
    async fn change(&mut self, step: step::Step, client: &mut Client) -> step::Answer {
        self.changes += 1;
        let answer = self.timed(step.send(client)).await;
        answer.unwrap_or_else(|status| panic!("a change was refused: {status:?}"))
    }

    async fn read<T>(&mut self, call: impl Future<Output = T>) -> T {
        self.reads += 1;
        self.timed(call).await
    }

    async fn timed<T>(&mut self, call: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = tokio::time::timeout(ANSWER, call).await.expect("a call is not answered");
        self.slowest = self.slowest.max(began.elapsed());
        answer
    }
}

pub fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn counter(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
}

const CALLERS: usize = 256;
const CONNECTIONS: usize = 8;
const ANSWER: Duration = Duration::from_secs(30);
