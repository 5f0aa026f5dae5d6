//! SIGTERM under load.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use keypairs::grpc::pb;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

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
        assert_eq!(refusal.code(), Code::Unavailable, "{refusal}");
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

/// A call that comes while the server stops, on a connection that was there before, is refused in our words. The drain
/// is held open by a call that takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_call_on_an_old_connection_is_refused_in_our_words() {
    for attempt in 0.. {
        let place = Place::new();
        let server = place.serve();
        let mut client = server.client().await;
        made(&mut client, wire::create("warm")).await;
        let calls: Vec<_> = (0..64)
            .map(|number| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    let mut words = Vec::new();
                    while words.len() < 3 {
                        let answer = client.get(wire::get("warm")).await;
                        words.extend(answer.err().map(|status| (number, status.code(), reason(&status))));
                    }
                    words
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await; // the callers are at it
        let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
        assert!(status.success());
        let mut in_our_words = 0;
        for call in calls {
            for (_, code, reason) in call.await.unwrap() {
                assert_eq!(code, Code::Unavailable);
                in_our_words += usize::from(reason == "STORE_UNAVAILABLE");
                assert!(["", "STORE_UNAVAILABLE"].contains(&reason.as_str()), "{reason}");
            }
        }
        println!("lifetime: {in_our_words} calls refused in our words, at attempt {attempt}");
        if in_our_words > 0 {
            return;
        }
        assert!(attempt < 20, "no call was ever refused with an ErrorInfo");
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
