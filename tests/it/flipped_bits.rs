//! One flipped bit in sled's log: a real server serves what is right, or ends with a documented exit code. It never
//! hangs for longer than its watchdog waits, and never gives a wrong answer.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keypairs::grpc::pb::KeyPair;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::step::{self, Client};
use crate::crash::writer::{export, get, is_connection_lost};
use crate::crash::{is_long, seed};
use crate::server::{Ended, Place, Server, copy_dir, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_never_makes_a_wrong_answer() {
    let copies = if is_long() { 100 } else { 5 };
    let (origin, mut rng) = (Place::new(), StdRng::seed_from_u64(seed()));
    let held = Arc::new(fill(&origin).await);
    let log = fs::read(origin.data().join("store/db")).unwrap();
    let unharmed = Place::new();
    copy_dir(&origin.data(), &unharmed.data());
    assert!(matches!(run(unharmed, &held).await.0, Outcome::Served), "a copy without a flipped bit");
    let (mut served, mut ended, mut slowest) = (0, Vec::new(), Duration::ZERO);
    for _ in 0..copies / AT_ONCE {
        // At the same time: a start that sled is stuck in takes the watchdog's minute.
        let tries: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (place, mut log) = (Place::new(), log.clone());
                let bit = rng.random_range(0..log.len() * 8);
                log[bit / 8] ^= 1 << (bit % 8);
                copy_dir(&origin.data(), &place.data());
                fs::write(place.data().join("store/db"), log).unwrap();
                let held = Arc::clone(&held);
                tokio::spawn(async move { (bit, run(place, &held).await) })
            })
            .collect();
        for outcome in tries {
            let (bit, (outcome, took)) = outcome.await.unwrap();
            slowest = slowest.max(took);
            match outcome {
                Outcome::Served => served += 1,
                Outcome::Ended(code) => ended.push(code),
                Outcome::Wrong(what) => panic!("bit {bit} of the log: {what}"),
            }
        }
    }
    ended.sort_unstable();
    let codes: Vec<_> = ended.chunk_by(|a, b| a == b).map(|same| format!("{}x code {}", same.len(), same[0])).collect();
    println!(
        "{copies} copies with a flipped bit: {served} served everything rightly, {} ended ({}), 0 wrong answers; \
         slowest {:.1} s",
        ended.len(),
        codes.join(", "),
        slowest.as_secs_f64()
    );
    assert_eq!(served + ended.len(), copies);
}

enum Outcome {
    Served,
    Ended(i32),
    Wrong(String),
}

type Held = Vec<(KeyPair, Option<String>)>;

/// Pairs, changed and purged ones among them, so that the log holds old and new states of the same rows.
async fn fill(place: &Place) -> Held {
    let server = place.serve_at_level("info,audit=warn");
    let (mut client, mut held) = (server.client().await, Held::new());
    for number in 0..PAIRS {
        let made = step::create(&format!("n{number}"), String::new()).send(&mut client).await.unwrap();
        held.push((made.pair.unwrap(), made.file));
        if number % 3 == 0 {
            let (pair, _) = &mut held[number];
            let update = step::update(&pair.id, "description", "changed", String::new());
            *pair = update.send(&mut client).await.unwrap().pair.unwrap();
        }
    }
    for number in (0..PAIRS).rev().filter(|number| number % 5 == 1) {
        let (pair, _) = held.remove(number);
        step::delete(&pair.id, true, String::new()).send(&mut client).await.unwrap();
    }
    assert!(server.stop().success());
    held
}

async fn run(place: Place, held: &Held) -> (Outcome, Duration) {
    let began = Instant::now();
    let started = tokio::task::spawn_blocking(move || (place.try_serve(BOUND), place)).await.unwrap();
    let outcome = match started {
        (Err(ended), _) => judge(&ended),
        (Ok(server), _place) => ask(server, held).await,
    };
    (outcome, began.elapsed())
}

fn judge(ended: &Ended) -> Outcome {
    match ended.code {
        // Damaged, stuck, I/O.
        Some(code @ (65 | 70 | 74)) if ended.log.contains("keypairs: ") => Outcome::Ended(code),
        _ => Outcome::Wrong(format!("{ended:?}")),
    }
}

/// Every pair as it was, or named as damaged; or the server ends while it is asked.
async fn ask(mut server: Server, held: &Held) -> Outcome {
    let mut client = server.client().await;
    for (pair, file) in held {
        match check(&mut client, pair, file.as_deref()).await {
            Answer::Right => {}
            Answer::Wrong(what) => return Outcome::Wrong(what),
            Answer::Gone => {
                let status = tokio::task::spawn_blocking(move || server.wait(BOUND)).await.unwrap();
                return match status.code() {
                    Some(code @ (65 | 70 | 74)) => Outcome::Ended(code),
                    code => Outcome::Wrong(format!("it ended with {code:?}")),
                };
            }
        }
    }
    Outcome::Served
}

enum Answer {
    Right,
    Wrong(String),
    Gone,
}

async fn check(client: &mut Client, pair: &KeyPair, file: Option<&str>) -> Answer {
    let got = get(client, &pair.id).await;
    let exported = export(client, &pair.id).await;
    for status in [got.as_ref().err(), exported.as_ref().err()].into_iter().flatten() {
        if is_connection_lost(status) || reason(status) == "STORE_UNAVAILABLE" {
            return Answer::Gone;
        }
    }
    let right = |same: bool, failed: Option<&tonic::Status>| {
        same || failed.is_some_and(|status| reason(status) == "RECORD_CORRUPT")
    };
    let got_right = right(got.as_ref().ok() == Some(pair), got.as_ref().err());
    let exported_right = right(exported.as_deref().ok() == file, exported.as_ref().err());
    match got_right && exported_right {
        true => Answer::Right,
        false => Answer::Wrong(format!("{got:?}, exported rightly: {exported_right}")),
    }
}

const PAIRS: usize = 120;
const AT_ONCE: usize = 5;
/// The watchdog's 60 s and what comes around them.
const BOUND: Duration = Duration::from_secs(90);
