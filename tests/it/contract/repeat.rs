//! request_id: a call sent again does not act twice.

use keypairs::grpc::pb;
use keypairs::sshkey::{KeyFormat, KeySpec};
use tonic::Code::{Aborted, InvalidArgument, NotFound, ResourceExhausted};
use tonic::{Response, Status};

use super::{
    World, clear, create_with, delete, describe, export, import_private, import_public, new_key, pair, undelete,
};
use crate::callers::scrape;
use crate::refusal::Refusal;
use crate::sshkey::{encode, make};

const ID: &str = "8b2a5c1e-6f0d-4b7a-9a53-0d2f4f3c1e77";

#[tokio::test(flavor = "multi_thread")]
async fn create_again_gives_the_same_pair_and_private_half() {
    let mut world = World::new().await;
    let request = || create_with("web", |request| request.request_id = ID.into());
    let mut first = world.client.create(request()).await.unwrap().into_inner();
    let mut again = world.client.create(request()).await.unwrap().into_inner();
    assert_eq!(again.key_pair, first.key_pair);
    assert_eq!(std::mem::take(&mut again.private_key), std::mem::take(&mut first.private_key));
    assert_eq!(world.count().await, 1);
    reused(world.client.create(create_with("db", |request| request.request_id = ID.into())).await);

    // After a change it is the pair as it is now; without a private half none comes.
    let id = first.key_pair.as_ref().unwrap().id.clone();
    world.client.clear_private(clear(&id)).await.unwrap();
    let mut again = world.client.create(request()).await.unwrap().into_inner();
    assert_eq!((again.private_key.as_str(), again.format()), ("", pb::PrivateKeyFormat::Unspecified));
    assert_eq!(again.key_pair.take().unwrap().private_key_state(), pb::PrivateKeyState::Cleared);
    world.delete(&id).await;
    Refusal::expect(world.client.create(request()).await, NotFound, "KEY_PAIR_NOT_FOUND");
    assert_eq!(world.names().await, ["web"], "nothing was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changing_call_can_be_repeated_and_each_kind_has_ids_of_its_own() {
    let mut world = World::new().await;
    let (line, file) = new_key();
    // One id for all kinds: they are independent.
    let request = |name: &str| pb::ImportPublicRequest { request_id: ID.into(), ..import_public(name, &line) };
    let first = world.client.import_public(request("web")).await.unwrap().into_inner();
    assert_eq!(world.client.import_public(request("web")).await.unwrap().into_inner(), first);
    reused(world.client.import_public(request("db")).await);
    let id = first.key_pair.unwrap().id;

    let request = |must_exist| {
        let mut request = import_private("web", &file);
        (request.request_id, request.must_exist) = (ID.into(), must_exist);
        request
    };
    let first = world.client.import_private(request(false)).await.unwrap().into_inner();
    assert_eq!(world.client.import_private(request(false)).await.unwrap().into_inner(), first);
    reused(world.client.import_private(request(true)).await);

    let request = |text: &str| pb::UpdateRequest { request_id: ID.into(), ..describe(&id, text) };
    let first = world.client.update(request("new")).await.unwrap().into_inner();
    assert_eq!(world.client.update(request("new")).await.unwrap().into_inner(), first);
    reused(world.client.update(request("other")).await);

    let request = |keep_escrow| pb::ClearPrivateRequest { request_id: ID.into(), keep_escrow, ..clear(&id) };
    let first = world.client.clear_private(request(false)).await.unwrap().into_inner();
    assert_eq!(world.client.clear_private(request(false)).await.unwrap().into_inner(), first);
    reused(world.client.clear_private(request(true)).await);

    let request = |allow_missing| pb::DeleteRequest { request_id: ID.into(), allow_missing, ..delete(&id) };
    let first = world.client.delete(request(false)).await.unwrap().into_inner();
    assert_eq!(world.client.delete(request(false)).await.unwrap().into_inner(), first);
    reused(world.client.delete(request(true)).await);
    // A deleted pair: the repeated calls find it no more.
    let told =
        Refusal::from(world.client.update(pb::UpdateRequest { request_id: ID.into(), ..describe(&id, "new") }).await);
    assert_eq!(told.reason, "KEY_PAIR_NOT_FOUND");
    let told = Refusal::from(
        world.client.clear_private(pb::ClearPrivateRequest { request_id: ID.into(), ..clear(&id) }).await,
    );
    assert_eq!(told.reason, "KEY_PAIR_NOT_FOUND");

    let request = |name: &str| pb::UndeleteRequest { request_id: ID.into(), name: name.into(), ..undelete(&id) };
    let first = world.client.undelete(request("")).await.unwrap().into_inner();
    assert_eq!(world.client.undelete(request("")).await.unwrap().into_inner(), first);
    reused(world.client.undelete(request("db")).await);
    assert_eq!(world.names().await, ["web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_success_is_kept_and_projects_are_apart() {
    let mut world = World::new().await;
    let request = |name: &str, project: &str| {
        create_with(name, |request| (request.request_id, request.project_id) = (ID.into(), project.into()))
    };
    let web = world.make("web").await;
    assert_eq!(Refusal::from(world.client.create(request("web", "")).await).reason, "NAME_EXISTS");
    // The same id with other content: the refused call left nothing behind.
    let made = pair(world.client.create(request("db", "")).await);
    let elsewhere = pair(world.client.create(request("db", "other")).await);
    assert_ne!(made.id, elsewhere.id);
    // After a purge: Delete, repeated, is success without a pair.
    let purge = || pb::DeleteRequest { request_id: ID.into(), purge: true, ..delete(&web.id) };
    assert!(world.client.delete(purge()).await.unwrap().into_inner().key_pair.is_some());
    assert!(world.client.delete(purge()).await.unwrap().into_inner().key_pair.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_meanwhile_waits_for_the_first() {
    let mut world = World::new().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut client = world.client.clone();
        calls.spawn(async move {
            pair(client.create(create_with("web", |request| request.request_id = ID.into())).await).id
        });
    }
    let ids: std::collections::HashSet<String> = calls.join_all().await.into_iter().collect();
    assert_eq!((ids.len(), world.count().await), (1, 1));
}

/// What `ensure` found was not made by the first call: its private half does not come with the second either.
#[tokio::test(flavor = "multi_thread")]
async fn an_ensured_pair_stays_without_its_private_half() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    for _ in 0..2 {
        let request = create_with("web", |request| (request.request_id, request.ensure) = (ID.into(), true));
        let mut answer = world.client.create(request).await.unwrap().into_inner();
        assert_eq!((answer.key_pair.take().unwrap().id, answer.private_key.as_str()), (made.id.clone(), ""));
    }
    world.client.export_private(export(&made.id)).await.unwrap();
}

/// A Delete that found nothing is remembered too: sent again, it deleted what had taken the name since.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_of_nothing_stays_a_delete_of_nothing() {
    let mut world = World::new().await;
    let request = || pb::DeleteRequest {
        key: Some(pb::delete_request::Key::Name("web".into())),
        allow_missing: true,
        request_id: ID.into(),
        ..Default::default()
    };
    assert_eq!(world.client.delete(request()).await.unwrap().into_inner().key_pair, None);
    let made = world.make("web").await;
    assert_eq!(world.client.delete(request()).await.unwrap().into_inner().key_pair, None);
    assert_eq!(world.get(&made.id).await.unwrap(), made);
}

/// A repeat derived the key again, and heard PASSPHRASE_RATE_LIMITED where others had been wrong meanwhile: whoever did not
/// get the first answer could not get it for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_finished_import_is_answered_without_opening_the_file_again() {
    let mut world = World::new().await;
    let file = encode(&make(KeySpec::Ed25519), KeyFormat::OpenSsh, Some("correct horse"));
    let import = |name: &str, passphrase: &str, request_id: &str| {
        let mut request = import_private(name, &file);
        (request.passphrase, request.request_id) = (passphrase.into(), request_id.into());
        request
    };
    let opened = |world: &World| {
        let metrics = scrape(world.server.metrics_address());
        let count = metrics.lines().find(|line| line.starts_with("heavy_work_duration_seconds_count{work=\"bcrypt\"}"));
        count.unwrap_or("none").to_owned()
    };
    let first = world.client.import_private(import("web", "correct horse", ID)).await.unwrap().into_inner();
    for _ in 0..10 {
        Refusal::expect(
            world.client.import_private(import("db", "wrong", "")).await,
            InvalidArgument,
            "PASSPHRASE_WRONG",
        );
    }
    let limited = || import("db", "correct horse", "");
    let told =
        Refusal::expect(world.client.import_private(limited()).await, ResourceExhausted, "PASSPHRASE_RATE_LIMITED");
    assert!(told.retry_after.is_some());
    // What was done is counted a moment after it is answered.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !opened(&world).ends_with(" 11") {
        assert!(std::time::Instant::now() < end, "{}", opened(&world));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let before = opened(&world);
    for _ in 0..2 {
        let again = world.client.import_private(import("web", "correct horse", ID)).await.unwrap().into_inner();
        assert_eq!(again, first);
    }
    assert_eq!(opened(&world), before, "the file was opened again");
    // Under the same id another passphrase is another request, and the limit comes first.
    let other = world.client.import_private(import("web", "other", ID)).await;
    Refusal::expect(other, ResourceExhausted, "PASSPHRASE_RATE_LIMITED");
    // It was written down as any ImportPrivate.
    let audited = |line: &String| line.contains("\"target\":\"audit\"") && line.contains("\"ImportPrivate\"");
    let audited = world.server.log().into_iter().filter(audited).filter(|line| line.contains("\"web\"")).count();
    assert_eq!(audited, 3, "the first and both repeats");
    world.delete(&first.key_pair.unwrap().id).await;
    let gone = world.client.import_private(import("web", "correct horse", ID)).await;
    Refusal::expect(gone, NotFound, "KEY_PAIR_NOT_FOUND");
}

/// One request in two spellings: the id's letters in either case, the project named or left out.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_in_other_spellings_is_the_same() {
    let mut world = World::new().await;
    let request = |id: String, project: &str| {
        create_with("web", |request| (request.request_id, request.project_id) = (id, project.into()))
    };
    let made = pair(world.client.create(request(ID.into(), "")).await);
    for (id, project) in [(ID.to_uppercase(), ""), (ID.into(), "default"), (ID.to_uppercase(), "default")] {
        assert_eq!(pair(world.client.create(request(id, project)).await), made);
    }
    let describe = |project: &str| pb::UpdateRequest {
        request_id: ID.into(),
        project_id: project.into(),
        ..describe(&made.id, "new")
    };
    let first = world.client.update(describe("default")).await.unwrap().into_inner();
    assert_eq!(world.client.update(describe("")).await.unwrap().into_inner(), first);
}

fn reused<T>(outcome: Result<Response<T>, Status>) {
    Refusal::expect(outcome, Aborted, "REQUEST_ID_REUSED");
}
