//! Calls that want the same thing at the same moment: exactly one gets it, and everything that counts agrees afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Barrier;
use tonic::Status;

use crate::server::{Place, Server, reason};
use crate::wire::{self, Client, clients, held, list_all, made, rounds};

const CONNECTIONS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn of_64_creates_of_one_name_one_succeeds() {
    let place = place_for(1_000_000);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let rounds = rounds(200, 200);
    for round in 0..rounds {
        let name = format!("round-{round}");
        let outcomes = at_once(&clients, 64, |_, mut client| {
            let request = wire::create(&name);
            async move { client.create(request).await }
        });
        assert_eq!(tally(outcomes.await), counts([("OK", 1), ("NAME_EXISTS", 63)]), "{name}");
    }
    println!("races: {rounds} names, 64 creates each");
    assert_eq!(list_all(&mut server.client().await, true).await.len(), rounds);
    ends_sound(place, server, rounds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_takes_exactly_its_quota() {
    let place = place_for(500);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let made = at_once(&clients, 490, |number, mut client| async move {
        client.create(wire::create(&format!("first-{number}"))).await
    });
    assert_eq!(tally(made.await), counts([("OK", 490)]));
    let outcomes = at_once(&clients, 1000, |number, mut client| async move {
        client.create(wire::create(&format!("then-{number}"))).await
    });
    assert_eq!(tally(outcomes.await), counts([("OK", 10), ("QUOTA_EXCEEDED", 990)]));
    assert_eq!(held(&mut server.client().await).await, 500);
    ends_sound(place, server, 500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_16_times_at_once_acts_once() {
    let place = place_for(500);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let rounds = rounds(10, 50);
    for round in 0..rounds {
        let request_id = format!("00000000-0000-4000-8000-{round:012}");
        let answers = at_once(&clients, 16, |_, mut client| {
            let mut request = wire::create(&format!("round-{round}"));
            request.request_id.clone_from(&request_id);
            async move { client.create(request).await }
        });
        let answers: Vec<_> = answers.await.into_iter().map(|answer| answer.unwrap().into_inner()).collect();
        assert!(answers[0].private_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
        for answer in &answers {
            assert_eq!(answer.key_pair, answers[0].key_pair);
            assert!(answer.private_key == answers[0].private_key, "the private halves differ");
        }
    }
    ends_sound(place, server, rounds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undelete_and_create_of_one_name() {
    let place = place_for(500);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let mut client = server.client().await;
    let rounds = rounds(30, 200);
    let mut winners = BTreeMap::new();
    for round in 0..rounds {
        let name = format!("round-{round}");
        let (old, _) = made(&mut client, wire::create(&name)).await;
        client.delete(wire::delete(&name)).await.unwrap();
        let outcomes = at_once(&clients, 8, |number, mut client| {
            let (undelete, create) = (wire::undelete(&old.id), wire::create(&name));
            async move {
                match number % 2 {
                    0 => client.undelete(undelete).await.map(|answer| answer.into_inner().key_pair.unwrap()),
                    _ => client.create(create).await.map(|answer| answer.into_inner().key_pair.take().unwrap()),
                }
            }
        });
        let outcomes = outcomes.await;
        let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        let [winner] = won.as_slice() else { panic!("{} calls won", won.len()) };
        for (number, outcome) in outcomes.iter().enumerate() {
            let Err(refusal) = outcome else { continue };
            // An undelete that another undelete came before finds its pair alive.
            let was_undone = number % 2 == 0 && winner.id == old.id;
            assert_eq!(reason(refusal), if was_undone { "KEY_PAIR_NOT_DELETED" } else { "NAME_EXISTS" });
        }
        let now = client.get(wire::get(&name)).await.unwrap().into_inner().key_pair.unwrap();
        assert_eq!(now, **winner);
        *winners.entry(if winner.id == old.id { "undelete" } else { "create" }).or_insert(0) += 1;
    }
    println!("races: undelete and create of one name: {winners:?} won");
    ends_sound(place, server, rounds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_renames_to_one_name_one_succeeds() {
    let place = place_for(500);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let mut client = server.client().await;
    let mut ids = Vec::new();
    for number in 0..16 {
        ids.push(made(&mut client, wire::create(&format!("pair-{number}"))).await.0.id);
    }
    let rounds = rounds(30, 200);
    for round in 0..rounds {
        let name = format!("wanted-{round}");
        let outcomes = at_once(&clients, 16, |number, mut client| {
            let request = wire::rename(&ids[number], &name);
            async move { client.update(request).await }
        });
        let outcomes = outcomes.await;
        let winner = outcomes.iter().position(Result::is_ok).expect("one rename succeeds");
        assert_eq!(tally(outcomes), counts([("OK", 1), ("NAME_EXISTS", 15)]), "{name}");
        let now = client.get(wire::get(&name)).await.unwrap().into_inner().key_pair.unwrap();
        assert_eq!(now.id, ids[winner]);
    }
    let names: std::collections::BTreeSet<_> = list_all(&mut client, false).await.into_iter().map(|p| p.name).collect();
    assert_eq!(names.len(), 16, "no name is held twice");
    ends_sound(place, server, 16).await;
}

/// An export that meets a deletion gives the right key or says that the pair is gone: never damage, never another key.
#[tokio::test(flavor = "multi_thread")]
async fn delete_and_export_of_one_pair() {
    let place = place_for(500);
    let server = place.serve();
    let clients = clients(&server, CONNECTIONS).await;
    let mut client = server.client().await;
    let (rounds, mut seen) = (rounds(40, 300), BTreeMap::new());
    for round in 0..rounds {
        let name = format!("round-{round}");
        let (pair, private_key) = made(&mut client, wire::create(&name)).await;
        let outcomes = at_once(&clients, 16, |number, mut client| {
            let (mut delete, export) = (wire::delete(&name), wire::export_id(&pair.id));
            delete.purge = round % 2 == 0;
            async move {
                if number == 5 {
                    return client.delete(delete).await.map(|_| String::new());
                }
                client.export_private(export).await.map(|answer| answer.into_inner().private_key.clone())
            }
        });
        for (number, outcome) in outcomes.await.into_iter().enumerate() {
            let word = match outcome {
                Ok(text) if number == 5 => text,
                Ok(text) => {
                    assert!(text == private_key, "another private half");
                    "the key".to_owned()
                }
                Err(status) => reason(&status),
            };
            *seen.entry(word).or_insert(0) += 1;
        }
    }
    println!("races: delete and export of one pair: {seen:?}");
    assert_eq!(seen.remove(""), Some(rounds), "every delete succeeds");
    assert!(seen.keys().all(|word| ["the key", "KEY_PAIR_DELETED", "KEY_PAIR_NOT_FOUND"].contains(&word.as_str())));
    ends_sound(place, server, 0).await;
}

fn place_for(quota: u64) -> Place {
    let place = Place::new();
    place.configure(&format!(
        "[quota]\nkey_pairs_per_project = {quota}\n[limits]\ndeadline_seconds = 60\nmax_deadline_seconds = 60\n"
    ));
    place
}

/// Sends `count` calls at one moment, spread over the connections; the answers in the order of their numbers.
async fn at_once<T, F>(clients: &[Client], count: usize, call: impl Fn(usize, Client) -> F) -> Vec<Result<T, Status>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Status>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (start, work) = (start.clone(), call(number, clients[number % clients.len()].clone()));
            tokio::spawn(async move {
                start.wait().await;
                work.await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn tally<T>(outcomes: Vec<Result<T, Status>>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for outcome in outcomes {
        let word = outcome.err().map_or("OK".to_owned(), |status| reason(&status));
        *tally.entry(word).or_insert(0) += 1;
    }
    tally
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

/// The counter, the list, and every row and index on the disk agree.
async fn ends_sound(place: Place, server: Server, live: usize) {
    let mut client = server.client().await;
    assert_eq!(held(&mut client).await, live as i64);
    assert_eq!(list_all(&mut client, false).await.len(), live);
    assert!(server.stop().success());
    let verified = place.command(&["store", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
