//! What holds for every call: its id, its deadline, and a service that stays quick under heavy work.

use std::time::{Duration, Instant};

use keypairs::grpc::pb;
use prost::Message;
use tonic::Code;

use super::{World, create, create_with, pair};
use crate::frames::{Wire, frame};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_call_id() {
    let world = World::new().await;
    let wire = Wire::connect(&world.server).await;
    let message = frame(&create("web").encode_to_vec());
    let empty = || frame(&[]);
    let mut ids = std::collections::HashSet::new();
    for (path, frames, code) in [
        ("/keypairs.v1.KeyPairs/Create", message.clone(), Code::Ok),
        ("/keypairs.v1.KeyPairs/Create", message, Code::AlreadyExists),
        ("/keypairs.v1.KeyPairs/Get", empty(), Code::InvalidArgument),
        ("/keypairs.v1.KeyPairs/Get", vec![1, 2, 3], Code::InvalidArgument),
        ("/keypairs.v1.KeyPairs/Nothing", empty(), Code::Unimplemented),
        ("/nothing.v1.Nothing/Get", empty(), Code::Unimplemented),
        ("/grpc.health.v1.Health/Check", empty(), Code::Ok),
    ] {
        let answer = wire.call_with(path, &[], frames).await;
        assert_eq!(answer.status.code(), code, "{path}: {:?}", answer.status);
        if code == Code::Unimplemented {
            assert_eq!(Refusal::of(&answer.status).reason, "METHOD_UNKNOWN", "{path}");
        }
        let id = answer.header("x-call-id").to_owned();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{path}: {id:?}");
        assert!(ids.insert(id), "{path}: the id came twice");
    }
    // The refusal tells it too, and the log has it.
    let answer = wire.call("Create", frame(&create("web").encode_to_vec())).await;
    let id = answer.header("x-call-id");
    let told = tonic_types::StatusExt::get_error_details(&answer.status);
    assert_eq!(told.request_info().unwrap().request_id, id);
    let logged = || world.server.log().iter().any(|line| line.contains(id));
    crate::server::wait_until("the call is in the log", logged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_told_and_the_server_lives() {
    let mut world = World::new().await;
    let wire = Wire::connect(&world.server).await;
    let rsa = create_with("big", |request| (request.key_type, request.bits) = (pb::KeyType::Rsa.into(), 4096));
    let message = frame(&rsa.encode_to_vec());
    for timeout in ["10m", "1m", "1u", "1n"] {
        let start = Instant::now();
        let answer =
            wire.call_with("/keypairs.v1.KeyPairs/Create", &[("grpc-timeout", timeout)], message.clone()).await;
        let told = Refusal::of(&answer.status);
        assert_eq!(answer.header("x-call-id").len(), 32);
        assert!(start.elapsed() < Duration::from_secs(2), "{timeout} took {:?}", start.elapsed());
        // The first finds the pool idle; those after it may hear that they would wait too long.
        match told.reason.as_str() {
            "RSA_QUEUE_FULL" if timeout != "10m" => assert_eq!(told.code, Code::ResourceExhausted),
            reason => assert_eq!((told.code, reason), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"), "{timeout}"),
        }
    }
    world.make("small").await;
}

/// RSA is slow by nature: the pool fills, says when to come back, and nothing else waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rsa_is_refused_and_reads_stay_quick() {
    let mut world = World::configured("[limits]\nrsa_queue_wait_seconds = 2\n").await;
    let made = world.make("web").await;
    let idle = median_get(&mut world, &made.id).await;
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..48 {
        let mut client = world.client.clone();
        flood.spawn(async move {
            let request = create_with(&format!("rsa{number}"), |request| {
                (request.key_type, request.bits) = (pb::KeyType::Rsa.into(), 4096);
            });
            client.create(request).await
        });
    }
    let first = flood.join_next().await.unwrap().unwrap();
    let busy = median_get(&mut world, &made.id).await;
    let (mut done, mut full) = (0, 0);
    for outcome in std::iter::once(first).chain(flood.join_all().await) {
        match outcome {
            Ok(answer) => {
                assert_eq!(pair(Ok(answer)).bits, 4096);
                done += 1;
            }
            Err(status) => {
                let told = Refusal::of(&status);
                if told.reason == "RSA_QUEUE_FULL" {
                    assert_eq!(told.code, Code::ResourceExhausted);
                    assert!(told.retry_after.is_some_and(|after| after > Duration::ZERO), "{told:?}");
                    full += 1;
                } else {
                    assert_eq!(told.reason, "DEADLINE_EXCEEDED", "{told:?}"); // a machine slower than the estimate
                }
            }
        }
    }
    assert!(done >= 1 && full >= 20, "{done} made, {full} refused");
    assert!(busy < idle * 20 + Duration::from_millis(20), "Get took {busy:?} beside RSA, {idle:?} before");
}

/// Making RSA keys has a pool of its own: its flood refused imports of RSA keys, and passphrases of any key.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rsa_does_not_shut_out_imports_and_passphrases() {
    let mut world = World::configured("[limits]\nrsa_workers = 1\nrsa_queue_wait_seconds = 1\n").await;
    let file = crate::sshkey::encode(
        &crate::sshkey::make(keypairs::sshkey::KeySpec::Rsa(2048)),
        keypairs::sshkey::KeyFormat::OpenSsh,
        None,
    );
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..32 {
        let mut client = world.client.clone();
        let request = create_with(&format!("rsa{number}"), |request| {
            (request.key_type, request.bits) = (pb::KeyType::Rsa.into(), 4096);
        });
        flood.spawn(async move { client.create(request).await.map(drop) });
    }
    // The queue is full from the first refusal on; what is queued takes seconds.
    while let Err(status) = flood.join_next().await.unwrap().unwrap().and(Err::<(), _>(tonic::Status::ok(""))) {
        if status.code() != Code::Ok {
            assert_eq!(Refusal::of(&status).reason, "RSA_QUEUE_FULL");
            break;
        }
    }
    world.client.import_private(super::import_private("taken-in", &file)).await.unwrap();
    let locked = create_with("locked", |request| request.passphrase = "correct horse".into());
    world.client.create(locked).await.unwrap();
}

/// While a thread has nothing to do there is no wait, whatever the others do.
#[tokio::test(flavor = "multi_thread")]
async fn rsa_is_not_refused_while_a_thread_is_idle() {
    let world = World::configured("[limits]\nrsa_workers = 2\nrsa_queue_wait_seconds = 0\n").await;
    let mut making = tokio::task::JoinSet::new();
    for name in ["one", "two"] {
        let mut client = world.client.clone();
        let request = create_with(name, |request| (request.key_type, request.bits) = (pb::KeyType::Rsa.into(), 2048));
        making.spawn(async move { client.create(request).await.map(drop) });
    }
    while let Some(made) = making.join_next().await {
        made.unwrap().unwrap();
    }
}

async fn median_get(world: &mut World, id: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        world.get(id).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    times[50]
}
