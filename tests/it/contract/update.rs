//! Update: masks, etags, renames.

use keypairs::grpc::pb;
use tonic::Code::{Aborted, AlreadyExists, InvalidArgument};

use super::{World, clear, create_with, delete, describe, pair};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_says_what_changes() {
    let mut world = World::new().await;
    let request = create_with("web", |request| {
        (request.description, request.user_id) = ("first".into(), "ann".into());
        request.labels = [("env".into(), "test".into())].into();
    });
    let made = pair(world.client.create(request).await);
    let update = |paths: &[&str], key_pair: pb::KeyPair| pb::UpdateRequest {
        key: Some(pb::update_request::Key::Id(made.id.clone())),
        key_pair: Some(key_pair),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).into()).collect() }),
        ..Default::default()
    };
    let new = || pb::KeyPair { name: "db".into(), description: "second".into(), ..Default::default() };

    // Only what the mask names, though more is set.
    let changed = updated(&mut world, update(&["description"], new())).await;
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("web", "second"));
    assert_ne!(changed.etag, made.etag);
    // No mask: what is set.
    let changed = updated(&mut world, update(&[], new())).await;
    assert_eq!((changed.name.as_str(), changed.user_id.as_str(), changed.labels.len()), ("db", "ann", 1));
    assert!(changed.public_key.ends_with(" db"), "the comment of a made pair is its name: {}", changed.public_key);
    assert_eq!(changed.placements[0].remote_name, "db");
    // The mask also empties.
    let paths = ["description", "labels", "user_id"];
    let changed = updated(&mut world, update(&paths, pb::KeyPair::default())).await;
    assert_eq!((changed.description.as_str(), changed.labels.len(), changed.user_id.as_str()), ("", 0, ""));
    // Nothing to change is no change.
    let same = updated(&mut world, update(&["description"], pb::KeyPair::default())).await;
    assert_eq!(same, changed);
    assert_eq!(world.get(&made.id).await.unwrap(), changed);

    for path in ["id", "public_key", "key_pair.name", "*", "labels.env", "Name", ""] {
        let told = Refusal::expect(
            world.client.update(update(&["name", path], new())).await,
            InvalidArgument,
            "UPDATE_MASK_INVALID",
        );
        assert_eq!(told.field(), "update_mask");
        assert!(told.message.contains("name, description, labels, user_id"), "{}", told.message);
    }
    // Without a mask something must be set that can be changed; what else is set does not count.
    let fixed = pb::KeyPair { public_key: "ssh-ed25519 AAAA".into(), bits: 7, ..Default::default() };
    let nothing = pb::UpdateRequest { key_pair: None, ..update(&[], fixed.clone()) };
    for request in [update(&[], fixed), update(&[], pb::KeyPair::default()), nothing] {
        let told = Refusal::expect(world.client.update(request).await, InvalidArgument, "UPDATE_MASK_INVALID");
        assert_eq!(told.field(), "update_mask");
        assert!(told.message.contains("name, description, labels, user_id"), "{}", told.message);
    }
    let wrong = pb::KeyPair { name: "a b".into(), user_id: "a b".into(), ..Default::default() };
    let told = Refusal::from(world.client.update(update(&["name", "description", "user_id", "x"], wrong)).await);
    let fields: Vec<&str> = told.violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["update_mask", "key_pair.name", "key_pair.user_id"]);
    let told = Refusal::from(world.client.update(update(&["name"], pb::KeyPair::default())).await);
    assert_eq!((told.reason.as_str(), told.field()), ("NAME_EMPTY", "key_pair.name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_frees_the_old_name_and_respects_the_new() {
    let mut world = World::new().await;
    let (web, db) = (world.make("web").await, world.make("db").await);
    let rename = |id: &str, name: &str| {
        let mut request = describe(id, "");
        request.key_pair.as_mut().unwrap().name = name.into();
        request
    };
    let told = Refusal::expect(world.client.update(rename(&web.id, "db")).await, AlreadyExists, "NAME_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&db.id, "db"));
    assert_eq!(told.resource, Some(("keypairs.v1.KeyPair".into(), "db".into())));
    updated(&mut world, rename(&web.id, "www")).await;
    updated(&mut world, rename(&db.id, "web")).await;
    assert_eq!(world.names().await, ["www", "web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_etag_changes_nothing() {
    let mut world = World::new().await;
    let old = world.make("web").await;
    let now = updated(&mut world, describe(&old.id, "changed")).await;
    let stale = |etag: &str| pb::UpdateRequest { etag: etag.into(), ..describe(&old.id, "lost") };
    Refusal::expect(world.client.update(stale(&old.etag)).await, Aborted, "ETAG_MISMATCH");
    Refusal::expect(world.client.update(stale("nonsense")).await, Aborted, "ETAG_MISMATCH");
    let request = pb::DeleteRequest { etag: old.etag.clone(), ..delete(&old.id) };
    Refusal::expect(world.client.delete(request).await, Aborted, "ETAG_MISMATCH");
    let request = pb::ClearPrivateRequest { etag: old.etag.clone(), ..clear(&old.id) };
    Refusal::expect(world.client.clear_private(request).await, Aborted, "ETAG_MISMATCH");
    assert_eq!(world.get(&old.id).await.unwrap(), now);

    let request = pb::UpdateRequest { etag: now.etag.clone(), ..describe(&old.id, "kept") };
    let now = updated(&mut world, request).await;
    let request = pb::ClearPrivateRequest { etag: now.etag, ..clear(&old.id) };
    let now = world.client.clear_private(request).await.unwrap().into_inner().key_pair.unwrap();
    world.client.delete(pb::DeleteRequest { etag: now.etag, ..delete(&old.id) }).await.unwrap();
}

async fn updated(world: &mut World, request: pb::UpdateRequest) -> pb::KeyPair {
    world.client.update(request).await.unwrap().into_inner().key_pair.unwrap()
}
