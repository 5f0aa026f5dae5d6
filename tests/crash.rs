//! kill -9: what was acknowledged is there after the restart, wholly, and nothing else is.
//!
//! The servers are real processes. Short by default; KEYPAIRS_LONG=1 runs 200 rounds; KEYPAIRS_SEED=N repeats the
//! choices of a run (not its timing).

#[path = "crash/step.rs"]
pub mod step;
#[path = "crash/writer.rs"]
pub mod writer;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use keypairs::grpc::pb::{self, PrivateKeyState};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::server::{Place, Server, reason};
use step::Client;
use writer::{Fault, Writer, export, get, request_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_kills_loses_nothing_that_was_acknowledged() {
    let rounds = if is_long() { 200 } else { 12 };
    let (place, mut storm) = (Place::new(), Storm::new(seed()));
    place.configure("[quota]\nkey_pairs_per_project = 100000\n");
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        let began = Instant::now();
        let server = place.serve_at_level("info,audit=warn");
        slowest = slowest.max(began.elapsed());
        storm.check(&server).await;
        storm.write_until_killed(server).await;
        if round % 6 == 0 || round == rounds {
            let (clean, talk) = place.verify();
            assert!(clean && talk.contains(" 0 fault(s)"), "round {round}: {talk}");
        }
    }
    let server = place.serve();
    storm.check(&server).await;
    assert!(server.stop().success());
    storm.report(rounds, slowest);
    let acks: u64 = storm.writers.iter().map(|writer| writer.acks).sum();
    assert!(acks > rounds * 8, "too few calls to mean anything: {acks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_after_a_kill_acts_once_and_answers_the_same() {
    let mut rng = StdRng::seed_from_u64(seed());
    let (place, first) = (Place::new(), step::create("web", request_id(&mut rng)));
    let server = place.serve();
    let made = first.send(&mut server.client().await).await.unwrap();
    server.kill();

    let server = place.serve();
    let mut client = server.client().await;
    let again = first.send(&mut client).await.unwrap();
    assert_eq!((&again.pair, &again.file), (&made.pair, &made.file));
    assert!(again.file.is_some());
    assert_eq!(ids(&mut client).await.len(), 1);
    let id = made.pair.unwrap().id;
    step::clear(&id, request_id(&mut rng)).send(&mut client).await.unwrap();
    server.kill();

    let server = place.serve();
    let mut client = server.client().await;
    let cleared = first.send(&mut client).await.unwrap();
    assert!(cleared.file.is_none());
    assert_eq!(cleared.pair.as_ref().unwrap().private_key_state(), PrivateKeyState::Cleared);
    assert_eq!(cleared.pair, get(&mut client, &id).await.ok());
    assert_eq!(reason(&export(&mut client, &id).await.unwrap_err()), "NO_PRIVATE_KEY");
    assert_eq!(ids(&mut client).await.len(), 1);
}

/// The one request_id, sent until the server is killed and again after it: whichever of them came first, one pair.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_at_a_kill_makes_one_pair() {
    let (place, mut rng) = (Place::new(), StdRng::seed_from_u64(seed()));
    for round in 1..=5 {
        let server = place.serve();
        let step = step::create(&format!("web-{round}"), request_id(&mut rng));
        let mut client = server.client().await;
        let pause = Duration::from_micros(rng.random_range(0..6000));
        let call = tokio::spawn(async move { (step.send(&mut client).await.ok(), step) });
        tokio::time::sleep(pause).await;
        server.kill();
        let (answered, step) = call.await.unwrap();

        let server = place.serve();
        let mut client = server.client().await;
        let again = step.send(&mut client).await.unwrap();
        assert_eq!(ids(&mut client).await.len(), round);
        let id = &again.pair.as_ref().unwrap().id;
        assert_eq!(export(&mut client, id).await.ok(), again.file);
        if let Some(answered) = answered {
            assert_eq!((&answered.pair, &answered.file), (&again.pair, &again.file));
        }
        server.kill();
    }
    assert!(place.verify().0);
}

struct Storm {
    seed: u64,
    rng: StdRng,
    writers: Vec<Writer>,
    lost: Vec<String>,
    torn: Vec<String>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let writers = (0..WRITERS).map(|number| Writer::new(number, seed)).collect();
        Self { seed, rng: StdRng::seed_from_u64(seed), writers, lost: vec![], torn: vec![] }
    }

    async fn write_until_killed(&mut self, server: Server) {
        let mut tasks = Vec::new();
        for mut writer in self.writers.drain(..) {
            let client = server.client().await;
            tasks.push(tokio::spawn(async move {
                writer.write(client).await;
                writer
            }));
        }
        tokio::time::sleep(Duration::from_millis(self.rng.random_range(1..=400))).await;
        server.kill();
        for task in tasks {
            self.writers.push(task.await.unwrap());
        }
    }

    /// Everything that was acknowledged is there, and nothing that was not asked for.
    async fn check(&mut self, server: &Server) {
        let mut tasks = Vec::new();
        for mut writer in self.writers.drain(..) {
            let client = server.client().await;
            tasks.push(tokio::spawn(async move { (writer.check(client).await, writer) }));
        }
        for task in tasks {
            let (faults, writer) = task.await.unwrap();
            self.writers.push(writer);
            for fault in faults {
                match fault {
                    Fault::Lost(what) => self.lost.push(what),
                    Fault::Torn(what) => self.torn.push(what),
                }
            }
        }
        assert!(self.lost.is_empty() && self.torn.is_empty(), "{:#?}\n{:#?}", self.lost, self.torn);
        let mut client = server.client().await;
        let known: BTreeSet<String> = self.writers.iter().flat_map(Writer::ids).map(str::to_owned).collect();
        assert_eq!(ids(&mut client).await, known);
        let project = client.get_project(pb::GetProjectRequest::default()).await.unwrap().into_inner();
        assert_eq!(project.key_pairs, self.writers.iter().map(Writer::live).sum::<usize>() as i64);
    }

    fn report(&self, rounds: u64, slowest: Duration) {
        let sum = |of: fn(&Writer) -> u64| self.writers.iter().map(of).sum::<u64>();
        println!(
            "storm: seed {}, {rounds} rounds, {WRITERS} writers, {} acks, {} lost, {} torn; {} calls in flight had \
             happened, {} had not, the others were sent again; slowest start {} ms",
            self.seed,
            sum(|writer| writer.acks),
            self.lost.len(),
            self.torn.len(),
            sum(|writer| writer.unknown.0),
            sum(|writer| writer.unknown.1),
            slowest.as_millis(),
        );
    }
}

/// The ids of all pairs, deleted ones too.
async fn ids(client: &mut Client) -> BTreeSet<String> {
    let mut request = pb::ListRequest { show_deleted: true, page_size: 1000, ..Default::default() };
    let mut ids = BTreeSet::new();
    loop {
        let page = client.list(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.unreadable_ids, Vec::<String>::new());
        ids.extend(page.key_pairs.into_iter().map(|pair| pair.id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        request.page_token = page.next_page_token;
    }
}

/// Whether the long forms run.
pub fn is_long() -> bool {
    std::env::var("KEYPAIRS_LONG").is_ok_and(|value| value == "1")
}

/// What random choices start from; printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    let seed = match std::env::var("KEYPAIRS_SEED") {
        Ok(text) => text.parse().expect("KEYPAIRS_SEED is a number"),
        Err(_) => u64::from_be_bytes(keypairs::clock::random(&keypairs::clock::OsEntropy)),
    };
    println!("KEYPAIRS_SEED={seed}");
    seed
}

const WRITERS: usize = 8;
