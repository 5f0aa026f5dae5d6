//! What a key file may cost: derivations wait for two threads, are refused when they would wait too long, are not made
//! when nobody waits for them, and memory stays bounded whatever comes in.

use std::time::Duration;

use keypairs::grpc::pb;
use tonic::Code::{Ok as Fine, ResourceExhausted};
use tonic::Request;

use super::{World, import_private};
use crate::callers::scrape;
use crate::key_corpus::{Case, cases};
use crate::refusal::Refusal;
use crate::server::{Server, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn derivations_that_would_wait_too_long_are_refused() {
    let world = World::configured("[limits]\nrsa_queue_wait_seconds = 1\n").await;
    let told = all_at_once(&world, &case("most-bcrypt-64-rounds"), 40, Duration::from_secs(30)).await;
    let refused: Vec<&Refusal> = told.iter().filter_map(|told| told.as_ref().err().map(|refusal| &**refusal)).collect();
    assert!((1..40).contains(&refused.len()), "some were opened, some refused: {}", refused.len());
    for told in refused {
        assert_eq!((told.code, told.reason.as_str()), (ResourceExhausted, "OVERLOADED"), "{}", told.message);
        assert!(told.retry_after.is_some_and(|wait| !wait.is_zero()));
    }
    // Nothing of it is left behind.
    let again = all_at_once(&world, &case("most-bcrypt-64-rounds"), 1, Duration::from_secs(30)).await;
    assert!(again[0].is_ok());
}

/// All derivations had one estimate: after some of half a second each, one of a microsecond was taken for one of them.
#[tokio::test(flavor = "multi_thread")]
async fn quick_passphrases_are_not_refused_because_slow_ones_were_seen() {
    let world = World::configured("[limits]\nrsa_queue_wait_seconds = 1\n").await;
    for _ in 0..6 {
        // One at a time: a thread is always free, so none of them waits.
        let slow = all_at_once(&world, &case("most-bcrypt-64-rounds"), 1, Duration::from_secs(30)).await;
        assert!(slow[0].is_ok(), "{slow:?}");
    }
    for file in ["openssl-pem-p256-des3", "ppk2-ed25519-locked"] {
        let told = all_at_once(&world, &case(file), 40, Duration::from_secs(30)).await;
        assert!(told.iter().all(Result::is_ok), "{file}: {told:?}");
    }
}

/// What operators see of the second pool: what waits, and what was done, by its kind.
#[tokio::test(flavor = "multi_thread")]
async fn heavy_work_is_measured() {
    let world = World::configured("[limits]\nrsa_queue_wait_seconds = 60\n").await;
    let metrics = || scrape(world.server.metrics_address());
    let done = |work: &str| {
        let start = format!("heavy_work_duration_seconds_count{{work=\"{work}\"}} ");
        metrics().lines().find_map(|line| line.strip_prefix(&start)).map(|count| count.parse::<u32>().unwrap())
    };
    // A missing passphrase is told at once: it takes no place in the pool, and teaches it nothing.
    let mut unopened = case("most-bcrypt-64-rounds");
    unopened.passphrase = None;
    let told = all_at_once(&world, &unopened, 4, Duration::from_secs(30)).await;
    assert!(told.iter().all(|told| told.as_ref().is_err_and(|told| told.reason == "PASSPHRASE_REQUIRED")), "{told:?}");
    assert!(!metrics().contains("heavy_work_duration_seconds_count"), "{}", metrics());

    let busy = case("most-bcrypt-64-rounds");
    let going = all_at_once(&world, &busy, 8, Duration::from_secs(60));
    let seen = tokio::task::spawn_blocking({
        let address = world.server.metrics_address().to_owned();
        move || wait_until("some of them wait", || !scrape(&address).contains("\nheavy_queue_depth 0\n"))
    });
    let (told, seen) = tokio::join!(going, seen);
    assert!(told.iter().all(Result::is_ok) && seen.is_ok(), "{told:?}");
    // It is counted right after it is answered.
    wait_until("all are counted", || done("bcrypt") == Some(8));
    assert!(metrics().contains("\nheavy_queue_depth 0\n") && metrics().contains("\nrsa_queue_depth 0\n"));
    for (file, work) in [
        ("openssl-pem-rsa", "proof"),
        ("openssl-pem-p256-des3", "hash"),
        ("most-scrypt-64-mib", "scrypt"),
        ("most-argon2-64-mib-16-passes", "argon2"),
    ] {
        assert!(all_at_once(&world, &case(file), 1, Duration::from_secs(30)).await[0].is_ok(), "{file}");
        wait_until("it is counted", || done(work) == Some(1));
    }
}

/// Twenty derivations take some ten seconds of the processor; of those whose callers went away only the ones under way
/// are made.
#[tokio::test(flavor = "multi_thread")]
async fn derivations_that_nobody_waits_for_are_not_made() {
    let world = World::configured("[limits]\nrsa_queue_wait_seconds = 60\n").await;
    let case = case("most-bcrypt-64-rounds");
    let one = cpu(&world.server);
    assert!(all_at_once(&world, &case, 1, Duration::from_secs(30)).await[0].is_ok());
    let one = cpu(&world.server) - one;
    let before = cpu(&world.server);
    let told = all_at_once(&world, &case, 20, Duration::from_millis(300)).await;
    assert!(told.iter().filter(|told| told.is_err()).count() >= 15);
    // Behind them all.
    assert!(all_at_once(&world, &case, 1, Duration::from_secs(60)).await[0].is_ok());
    let spent = cpu(&world.server) - before;
    assert!(spent < 10 * one, "{spent} ticks of the processor, where one derivation takes {one}");
}

/// 64 MiB for a derivation that fills memory, two at a time; 4 MiB for everything else.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded() {
    let world = World::new().await;
    let all = cases();
    let derives = |case: &&Case| case.passphrase.is_some();
    // What a first time costs is paid here: threads, and the pools of the allocator.
    for _ in 0..2 {
        for case in all.iter().filter(|case| !case.is_public && !derives(case)) {
            all_at_once(&world, case, 1, Duration::from_secs(30)).await;
        }
    }
    let before = peak_kib(&world.server);
    for case in all.iter().filter(|case| !case.is_public && !derives(case)) {
        all_at_once(&world, case, 4, Duration::from_secs(30)).await;
    }
    let more = peak_kib(&world.server) - before;
    assert!(more < 4096, "files that are not encrypted: the peak grew by {more} KiB over {before}");
    for file in ["most-argon2-64-mib-16-passes", "most-scrypt-64-mib", "most-scrypt-p-2"] {
        let told = all_at_once(&world, &case(file), 6, Duration::from_secs(60)).await;
        assert!(told.iter().all(Result::is_ok), "{file}: {told:?}");
    }
    let more = peak_kib(&world.server) - before;
    assert!((64 << 10..=(2 * 68) << 10).contains(&more), "two at a time: the peak grew by {more} KiB over {before}");
}

/// What became of an import: done, or how it was refused.
type Outcome = Result<(), Box<Refusal>>;

/// So many imports of one file at once, checked and not stored.
async fn all_at_once(world: &World, case: &Case, count: usize, deadline: Duration) -> Vec<Outcome> {
    let mut going = tokio::task::JoinSet::new();
    for _ in 0..count {
        let mut message = import_private("web", &case.text);
        message.passphrase = case.passphrase.clone().unwrap_or_default();
        message.validate_only = true;
        let mut client = world.client.clone();
        going.spawn(async move {
            let mut request = Request::new(message);
            request.set_timeout(deadline);
            told(client.import_private(request).await)
        });
    }
    going.join_all().await
}

/// A caller's own deadline has no details.
fn told(outcome: Result<tonic::Response<pb::ImportPrivateResponse>, tonic::Status>) -> Outcome {
    match outcome {
        Ok(_) => Ok(()),
        Err(status) if status.details().is_empty() => Err(Box::new(Refusal {
            code: status.code(),
            reason: String::new(),
            message: status.message().to_owned(),
            facts: Default::default(),
            violations: Vec::new(),
            resource: None,
            quota_of: None,
            retry_after: None,
        })),
        Err(status) => {
            let refusal = Refusal::of(&status);
            assert_ne!(refusal.code, Fine);
            Err(Box::new(refusal))
        }
    }
}

fn case(file: &str) -> Case {
    cases().into_iter().find(|case| case.file == file).unwrap_or_else(|| panic!("no case {file}"))
}

/// Ticks of the processor that a server has used.
fn cpu(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let (user, system): (u64, u64) = (fields[11].parse().unwrap(), fields[12].parse().unwrap());
    user + system
}

/// The most memory that a server has had.
fn peak_kib(server: &Server) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
