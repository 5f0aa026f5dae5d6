//! Delete and Undelete.

use keypairs::grpc::pb;
use tonic::Code::{AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted};

use super::{World, clear, create, delete, describe, export, undelete};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pair_frees_name_key_and_quota_and_is_seen_by_id_only() {
    let mut world = World::configured("[quota]\nkey_pairs_per_project = 1\n").await;
    let made = world.make("web").await;
    let gone = world.delete(&made.id).await;
    assert_eq!(gone.state(), pb::KeyPairState::Deleted);
    let week = gone.purge_time.unwrap().seconds - gone.delete_time.unwrap().seconds;
    assert_eq!((week, world.count().await), (7 * 24 * 3600, 0));
    assert_eq!(world.get(&made.id).await.unwrap(), gone);
    let by_name = pb::GetRequest { key: Some(pb::get_request::Key::Name("web".into())), ..Default::default() };
    Refusal::expect(world.client.get(by_name).await, NotFound, "KEY_PAIR_NOT_FOUND");
    assert_eq!(world.list(pb::ListRequest::default()).await.key_pairs, []);
    let all = pb::ListRequest { show_deleted: true, ..Default::default() };
    assert_eq!(world.list(all).await.key_pairs, [gone]);

    let client = &mut world.client;
    let deleted = |told: Refusal| {
        assert_eq!((told.code, told.reason.as_str()), (FailedPrecondition, "KEY_PAIR_DELETED"), "{told:?}");
        assert_eq!(told.resource, Some(("keypairs.v1.KeyPair".into(), made.id.clone())));
    };
    deleted(Refusal::from(client.update(describe(&made.id, "x")).await));
    deleted(Refusal::from(client.export_private(export(&made.id)).await));
    deleted(Refusal::from(client.clear_private(clear(&made.id)).await));
    deleted(Refusal::from(client.delete(delete(&made.id)).await));
    let allowed = pb::DeleteRequest { allow_missing: true, ..delete(&made.id) };
    client.delete(allowed).await.unwrap();
    // Name, key and quota: the same key under the same name.
    client.import_public(super::import_public("web", &made.public_key)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn undelete_brings_back_what_still_has_a_place() {
    let mut world = World::configured("[quota]\nkey_pairs_per_project = 2\n").await;
    let made = world.make("web").await;
    let file = world.client.export_private(export(&made.id)).await.unwrap().into_inner();
    world.delete(&made.id).await;

    let other = world.make("web").await;
    let told = Refusal::expect(world.client.undelete(undelete(&made.id)).await, AlreadyExists, "NAME_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&other.id, "web"));
    let third = world.make("third").await;
    let renamed = || pb::UndeleteRequest { name: "www".into(), ..undelete(&made.id) };
    let told = Refusal::expect(world.client.undelete(renamed()).await, ResourceExhausted, "QUOTA_EXCEEDED");
    assert_eq!(told.quota_of.as_deref(), Some("project:default"));
    world.delete(&third.id).await;
    let wrong = pb::UndeleteRequest { name: "a b".into(), ..undelete("web") };
    let told = Refusal::from(world.client.undelete(wrong).await);
    assert_eq!(
        told.violations.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>(),
        ["ID_INVALID", "NAME_ILLEGAL_CHAR"]
    );

    let back = world.client.undelete(renamed()).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((back.name.as_str(), back.state(), back.delete_time), ("www", pb::KeyPairState::Active, None));
    let again = world.client.export_private(export(&made.id)).await.unwrap().into_inner();
    let body = |file: &str| file.lines().nth(1).unwrap().to_owned();
    assert_eq!(body(&again.private_key), body(&file.private_key));
    assert_eq!(world.count().await, 2);
}

/// It said NAME_EXISTS, of a name that nobody else has.
#[tokio::test(flavor = "multi_thread")]
async fn undelete_of_what_is_not_deleted_says_so() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    for name in ["", "web", "www"] {
        let request = pb::UndeleteRequest { name: name.into(), ..undelete(&made.id) };
        let told = Refusal::expect(world.client.undelete(request).await, AlreadyExists, "KEY_PAIR_NOT_DELETED");
        assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&made.id, "web"));
        assert_eq!(told.resource, Some(("keypairs.v1.KeyPair".into(), made.id.clone())));
    }
    assert_eq!(world.get(&made.id).await.unwrap(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_back_in_meanwhile_bars_undelete() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    world.delete(&made.id).await;
    let again = super::import_public("again", &made.public_key);
    let holder = world.client.import_public(again).await.unwrap().into_inner().key_pair.unwrap();
    let told = Refusal::expect(world.client.undelete(undelete(&made.id)).await, AlreadyExists, "PUBLIC_KEY_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&holder.id, "again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn purge_leaves_nothing() {
    let mut world = World::new().await;
    let (made, other) = (world.make("web").await, world.make("db").await);
    world.delete(&made.id).await;
    let purge = |id: &str| pb::DeleteRequest { purge: true, ..delete(id) };
    let last = world.client.delete(purge(&made.id)).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((last.id.as_str(), last.state()), (made.id.as_str(), pb::KeyPairState::Deleted));
    let made_now = world.make("now").await;
    let now = world.client.delete(purge(&made_now.id)).await.unwrap().into_inner().key_pair.unwrap();
    for gone in [&last, &now] {
        assert_eq!((gone.private_key_state(), &gone.encryption), (pb::PrivateKeyState::Cleared, &None));
    }
    world.client.delete(purge(&other.id)).await.unwrap();
    assert_eq!(world.names().await.len(), 0);
    for id in [&made.id, &other.id] {
        Refusal::expect(world.client.undelete(undelete(id)).await, NotFound, "KEY_PAIR_NOT_FOUND");
        Refusal::expect(world.client.delete(delete(id)).await, NotFound, "KEY_PAIR_NOT_FOUND");
        let allowed = pb::DeleteRequest { allow_missing: true, ..purge(id) };
        assert!(world.client.delete(allowed).await.unwrap().into_inner().key_pair.is_none());
    }
    let by_name = pb::DeleteRequest { key: Some(pb::delete_request::Key::Name("web".into())), ..Default::default() };
    Refusal::expect(world.client.delete(by_name).await, NotFound, "KEY_PAIR_NOT_FOUND");
    pair_again(&mut world).await;
}

async fn pair_again(world: &mut World) {
    let made = super::pair(world.client.create(create("web")).await);
    assert_eq!((made.name.as_str(), world.count().await), ("web", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_retention_delete_purges() {
    let mut world = World::configured("[deletion]\nretention_days = 0\n").await;
    let made = world.make("web").await;
    world.delete(&made.id).await;
    assert_eq!(
        world.get(&made.id).await.map_err(|status| Refusal::of(&status).reason),
        Err("KEY_PAIR_NOT_FOUND".into())
    );
}
