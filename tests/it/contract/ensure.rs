//! ensure: what is there already and fits is success.

use keypairs::grpc::pb;
use tonic::Code::{AlreadyExists, FailedPrecondition};

use super::{World, clear, create_with, import_private, import_public, new_key};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn create_takes_a_pair_of_the_same_type_and_size() {
    let mut world = World::new().await;
    let ensure = |key_type: pb::KeyType, bits| {
        create_with("web", |request| (request.ensure, request.key_type, request.bits) = (true, key_type.into(), bits))
    };
    let mut first = world.client.create(ensure(pb::KeyType::Ecdsa, 384)).await.unwrap().into_inner();
    assert!(!first.private_key.is_empty(), "it was made by this call");
    let mut again = world.client.create(ensure(pb::KeyType::Ecdsa, 384)).await.unwrap().into_inner();
    assert_eq!((again.private_key.as_str(), again.format()), ("", pb::PrivateKeyFormat::Unspecified));
    assert_eq!(again.key_pair.take(), first.key_pair.take());
    for (key_type, bits) in [(pb::KeyType::Ecdsa, 256), (pb::KeyType::Ed25519, 0), (pb::KeyType::Rsa, 2048)] {
        Refusal::expect(world.client.create(ensure(key_type, bits)).await, AlreadyExists, "NAME_EXISTS");
    }
    assert_eq!(world.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn import_public_takes_the_same_key_under_the_same_name() {
    let mut world = World::new().await;
    let ((line, _), (other, _)) = (new_key(), new_key());
    let ensure = |name: &str, line: &str| pb::ImportPublicRequest { ensure: true, ..import_public(name, line) };
    let first = world.client.import_public(ensure("web", &line)).await.unwrap().into_inner();
    assert_eq!(world.client.import_public(ensure("web", &line)).await.unwrap().into_inner(), first);
    Refusal::expect(world.client.import_public(ensure("web", &other)).await, AlreadyExists, "NAME_EXISTS");
    Refusal::expect(world.client.import_public(ensure("db", &line)).await, AlreadyExists, "PUBLIC_KEY_EXISTS");
    // Whatever the comment: it is the key that counts.
    let renamed = line.replace("of a test", "of another");
    assert_eq!(world.client.import_public(ensure("web", &renamed)).await.unwrap().into_inner(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn import_private_takes_a_pair_that_holds_this_very_half() {
    let mut world = World::new().await;
    let ((_, file), (_, other)) = (new_key(), new_key());
    let ensure = |name: &str, file: &str| {
        let mut request = import_private(name, file);
        request.ensure = true;
        request
    };
    let first = world.client.import_private(ensure("web", &file)).await.unwrap().into_inner();
    assert_eq!(world.client.import_private(ensure("web", &file)).await.unwrap().into_inner(), first);
    let told = world.client.import_private(ensure("web", &other)).await;
    Refusal::expect(told, FailedPrecondition, "PRIVATE_KEY_MISMATCH");
    Refusal::expect(world.client.import_private(ensure("db", &file)).await, AlreadyExists, "PUBLIC_KEY_EXISTS");
    // A pair without its half gets it, with ensure as without.
    let id = first.key_pair.unwrap().id;
    world.client.clear_private(clear(&id)).await.unwrap();
    let back = world.client.import_private(ensure("web", &file)).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((&back.id, back.private_key_state()), (&id, pb::PrivateKeyState::Stored));
}

/// Of callers who ensure one name at once, the losers' request ids are kept as well: sent again after the pair has gone,
/// they must not make another.
#[tokio::test(flavor = "multi_thread")]
async fn losers_of_a_race_keep_their_request_ids() {
    let mut world = World::new().await;
    for round in 0..10 {
        let request = move |caller: usize| {
            create_with("web", |request| {
                request.ensure = true;
                request.request_id = format!("00000000-0000-4000-8000-{round:06}{caller:06}");
            })
        };
        let mut racing = tokio::task::JoinSet::new();
        for caller in 0..16 {
            let mut client = world.client.clone();
            racing.spawn(async move { super::pair(client.create(request(caller)).await).id });
        }
        let ids: std::collections::BTreeSet<String> = racing.join_all().await.into_iter().collect();
        assert_eq!(ids.len(), 1, "one pair for all");
        world.delete(ids.first().unwrap()).await;
        for caller in 0..16 {
            let again = world.client.create(request(caller)).await;
            Refusal::expect(again, tonic::Code::NotFound, "KEY_PAIR_NOT_FOUND");
        }
    }
    assert_eq!(world.count().await, 0);
}
