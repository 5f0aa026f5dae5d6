//! SIGTERM under load.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::{Duration, Instant};

use keypairs::grpc::pb;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_types::StatusExt;

use super::SERVICE;
use crate::server::{Place, reason};
use crate::wire::{self, Client, list_all, made};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_nothing_that_was_answered() {
    let place = Place::new();
    place.configure("[quota]\nkey_pairs_per_project = 100000\n");
    let server = place.serve();
    let clients = wire::clients(&server, 4).await;
    let load: Vec<_> = (0..16).map(|worker| tokio::spawn(work(clients[worker % 4].clone(), worker))).collect();
    let mut watching = Vec::new();
    for service in ["", SERVICE] {
        let mut health = HealthClient::new(server.channel().await);
        let request = HealthCheckRequest { service: service.to_owned() };
        watching.push(tokio::spawn(seen(health.watch(request).await.unwrap().into_inner())));
    }
    // A call that takes its time is under way when the signal comes.
    let mut slow = server.client().await;
    made(&mut slow, wire::create("warm")).await;
    let slow = tokio::spawn(async move {
        let answer = slow.create(wire::create_typed("slow", pb::KeyType::Rsa, 4096)).await;
        answer.map(|answer| answer.into_inner().key_pair.take().unwrap())
    });
    tokio::time::sleep(Duration::from_millis(60)).await; // so that the load and the slow call are under way

    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    let took = began.elapsed();
    assert!(status.success() && took < Duration::from_secs(25), "{status} in {took:.1?}");
    let (mut answered, mut refusals) = (Vec::new(), BTreeMap::new());
    for worker in load {
        let (made, refusal) = worker.await.unwrap();
        answered.extend(made);
        is_refused_or_closed(&refusal);
        *refusals.entry(reason(&refusal)).or_insert(0) += 1;
    }
    answered.push(slow.await.unwrap().expect("a call under way is finished"));
    for watch in watching {
        let seen = watch.await.unwrap();
        assert_eq!(seen.first(), Some(&ServingStatus::Serving));
        assert_eq!(seen.last(), Some(&ServingStatus::NotServing), "the watch ended, and said why: {seen:?}");
    }
    println!("lifetime: stopped in {took:.1?}; {} creates were answered; refused: {refusals:?}", answered.len());

    let (clean, told) = place.verify();
    assert!(clean, "{told}");
    let server = place.serve();
    let there = list_all(&mut server.client().await, true).await;
    let there: BTreeMap<_, _> = there.into_iter().map(|pair| (pair.id.clone(), pair)).collect();
    for pair in answered {
        assert_eq!(there.get(&pair.id), Some(&pair), "an answered create is gone");
    }
    assert!(server.stop().success());
}

/// Calls that come while the server stops, on connections that were there before, are refused in our words.
#[tokio::test(flavor = "multi_thread")]
async fn new_calls_on_old_connections_are_refused_in_our_words() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    made(&mut client, wire::create("warm")).await;
    let mut calls = Vec::new();
    for _ in 0..16 {
        let mut client = server.client().await;
        calls.push(tokio::spawn(async move {
            loop {
                if let Err(status) = client.get(wire::get("warm")).await {
                    return status;
                }
            }
        }));
    }
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(status.success());
    let mut told = 0;
    for call in calls {
        let refusal = call.await.unwrap();
        is_refused_or_closed(&refusal);
        told += usize::from(!reason(&refusal).is_empty());
        if let Some(retry) = refusal.get_error_details().retry_info() {
            assert!(retry.retry_delay.is_some_and(|delay| !delay.is_zero()));
        }
    }
    println!("lifetime: {told} of 16 callers were refused in our words");
    assert!(told > 8);
}

/// In our words; or, when a caller was slower than the notice, by its own transport.
#[track_caller]
fn is_refused_or_closed(status: &tonic::Status) {
    match reason(status).as_str() {
        "STORE_UNAVAILABLE" => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        _ => assert!(status.source().is_some(), "an answer of the server without an ErrorInfo: {status}"),
    }
}

/// Makes pairs until refused; those that were answered, and the refusal.
async fn work(mut client: Client, worker: usize) -> (Vec<pb::KeyPair>, tonic::Status) {
    let mut made = Vec::new();
    for number in 0.. {
        match client.create(wire::create(&format!("pair-{worker}-{number}"))).await {
            Ok(answer) => made.push(answer.into_inner().key_pair.take().unwrap()),
            Err(status) => return (made, status),
        }
    }
    unreachable!("the service stops")
}

/// Everything a health watch told until it ended.
async fn seen(mut watch: tonic::Streaming<HealthCheckResponse>) -> Vec<ServingStatus> {
    let mut seen = Vec::new();
    while let Ok(Some(answer)) = watch.message().await {
        seen.push(answer.status());
    }
    seen
}

/// Peers that hold a connection open and do nothing: before the first byte, after the preface, and after a call. They
/// held every stop for the whole 20 s.
#[tokio::test(flavor = "multi_thread")]
async fn idle_peers_do_not_hold_a_stop() {
    let place = Place::new();
    let server = place.serve();
    let silent = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let greeting = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let greeted = h2::client::handshake(greeting).await.unwrap(); // nobody drives it
    let mut client = server.client().await;
    made(&mut client, wire::create("web")).await;
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(status.success() && began.elapsed() < Duration::from_secs(10), "{status} after {:?}", began.elapsed());
    drop((silent, greeted, client));
}
