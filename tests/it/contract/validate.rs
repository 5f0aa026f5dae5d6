//! validate_only: every check, all that is wrong at once, and nothing changes.

use keypairs::grpc::pb;
use tonic::Code::{AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted};

use super::{World, create_with, delete, import_private, import_public, kms, new_key, pair};
use crate::refusal::Refusal;

const ID: &str = "8b2a5c1e-6f0d-4b7a-9a53-0d2f4f3c1e77";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_right_is_answered_and_nothing_is_kept() {
    let mut world = World::new().await;
    let (line, file) = new_key();
    let dry = create_with("web", |request| (request.validate_only, request.request_id) = (true, ID.into()));
    let answer = world.client.create(dry).await.unwrap().into_inner();
    assert_eq!((answer.key_pair.as_ref(), answer.private_key.as_str(), answer.format), (None, "", 0));
    let mut dry = import_public("web", &line);
    (dry.validate_only, dry.request_id) = (true, ID.into());
    assert_eq!(world.client.import_public(dry).await.unwrap().into_inner().key_pair, None);
    let mut dry = import_private("web", &file);
    (dry.validate_only, dry.request_id) = (true, ID.into());
    assert_eq!(world.client.import_private(dry).await.unwrap().into_inner().key_pair, None);
    assert_eq!((world.names().await.len(), world.count().await), (0, 0));

    // The ids were not kept: other requests may use them.
    let made = pair(world.client.create(create_with("web", |request| request.request_id = ID.into())).await);
    let dry = pb::DeleteRequest { validate_only: true, request_id: ID.into(), purge: true, ..delete(&made.id) };
    let shown = world.client.delete(dry).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((&shown, &world.get(&made.id).await.unwrap()), (&made, &made), "the pair as it is");
    world.client.delete(pb::DeleteRequest { request_id: ID.into(), ..delete(&made.id) }).await.unwrap();
    // A request that was done is checked anew as well.
    let dry = create_with("web", |request| (request.validate_only, request.request_id) = (true, ID.into()));
    assert!(world.client.create(dry).await.unwrap().into_inner().key_pair.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ensure_would_find_is_shown() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    let dry = create_with("web", |request| (request.validate_only, request.ensure) = (true, true));
    assert_eq!(world.client.create(dry).await.unwrap().into_inner().key_pair.take().unwrap(), made);
    let public = import_public("web", &made.public_key);
    let dry = pb::ImportPublicRequest { validate_only: true, ensure: true, ..public };
    assert_eq!(world.client.import_public(dry).await.unwrap().into_inner().key_pair.unwrap(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_call_itself_would_be_refused_for_is_told() {
    let mut world = World::configured("[projects.full]\nkey_pairs = 1\n").await;
    let (made, (line, file)) = (world.make("web").await, new_key());
    let full = |name: &str, dry| {
        create_with(name, |request| (request.project_id, request.validate_only) = ("full".into(), dry))
    };
    world.client.create(full("only", false)).await.unwrap();
    let dry = |name: &str| create_with(name, |request| request.validate_only = true);
    let create = &mut world.client;
    Refusal::expect(create.create(dry("web")).await, AlreadyExists, "NAME_EXISTS");
    Refusal::expect(create.create(full("more", true)).await, ResourceExhausted, "QUOTA_EXCEEDED");
    let sealed = create_with("db", |request| (request.validate_only, request.encryption) = (true, kms("kps/none")));
    Refusal::expect(create.create(sealed).await, FailedPrecondition, "KMS_KEY_NOT_FOUND");
    let public = |name: &str, line: &str| pb::ImportPublicRequest { validate_only: true, ..import_public(name, line) };
    Refusal::expect(create.import_public(public("web", &line)).await, AlreadyExists, "NAME_EXISTS");
    Refusal::expect(create.import_public(public("db", &made.public_key)).await, AlreadyExists, "PUBLIC_KEY_EXISTS");
    let private = |name: &str, must_exist| {
        let mut request = import_private(name, &file);
        (request.validate_only, request.must_exist) = (true, must_exist);
        request
    };
    Refusal::expect(create.import_private(private("web", false)).await, FailedPrecondition, "PRIVATE_KEY_MISMATCH");
    Refusal::expect(create.import_private(private("db", true)).await, NotFound, "KEY_PAIR_NOT_FOUND");
    let missing = pb::DeleteRequest { validate_only: true, ..delete("kp-0190a1b2c3d470008000000000000001") };
    Refusal::expect(create.delete(missing.clone()).await, NotFound, "KEY_PAIR_NOT_FOUND");
    let allowed = pb::DeleteRequest { allow_missing: true, ..missing };
    assert!(create.delete(allowed).await.unwrap().into_inner().key_pair.is_none());
    assert_eq!(world.names().await, ["web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_arguments_come_before_what_exists() {
    let mut world = World::new().await;
    world.make("web").await;
    let wrong = create_with("web", |request| {
        (request.validate_only, request.bits, request.user_id) = (true, 1, "a b".into());
        request.description = "\n".into();
    });
    let told = Refusal::from(world.client.create(wrong).await);
    let fields: Vec<&str> = told.violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["description", "user_id", "bits"]);
}
