//! ImportPrivate: a new pair, or the private half of one that is there.

use keypairs::grpc::pb;
use tonic::Code::{AlreadyExists, FailedPrecondition, NotFound};

use super::{World, export, import_private, import_public, new_key};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn a_free_name_makes_the_pair() {
    let mut world = World::new().await;
    let (_, file) = new_key();
    let must_exist = |name: &str| {
        let mut request = import_private(name, &file);
        request.must_exist = true;
        request
    };
    Refusal::expect(world.client.import_private(must_exist("web")).await, NotFound, "KEY_PAIR_NOT_FOUND");
    let mut request = import_private("web", &file);
    (request.description, request.user_id) = ("mine".into(), "ann".into());
    let made = world.client.import_private(request).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((made.origin(), made.private_key_state()), (pb::Origin::ImportedPrivate, pb::PrivateKeyState::Stored));
    assert!(made.public_key.ends_with(" made here"), "the comment of the file: {}", made.public_key);
    let told = Refusal::expect(
        world.client.import_private(import_private("db", &file)).await,
        AlreadyExists,
        "PUBLIC_KEY_EXISTS",
    );
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&made.id, "web"));
    // must_exist with the key under another name: there is no pair of that name.
    Refusal::expect(world.client.import_private(must_exist("db")).await, NotFound, "KEY_PAIR_NOT_FOUND");
    let told =
        Refusal::expect(world.client.import_private(must_exist("web")).await, AlreadyExists, "PRIVATE_KEY_EXISTS");
    assert_eq!(told.facts["existing_id"], made.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_gets_the_half_that_fits() {
    let mut world = World::new().await;
    let ((line, file), (_, other)) = (new_key(), new_key());
    let mut public = import_public("web", &line);
    (public.description, public.user_id) = ("mine".into(), "ann".into());
    public.labels = [("env".into(), "test".into())].into();
    let made = world.client.import_public(public).await.unwrap().into_inner().key_pair.unwrap();

    // First whether it fits, then whether there is room, then what else is said.
    let mut wrong = import_private("web", &other);
    wrong.description = "another".into();
    Refusal::expect(world.client.import_private(wrong).await, FailedPrecondition, "PRIVATE_KEY_MISMATCH");
    let mut wrong = import_private("web", &file);
    (wrong.description, wrong.user_id) = ("another".into(), "bob".into());
    wrong.labels = [("env".into(), "live".into())].into();
    let told = Refusal::from(world.client.import_private(wrong).await);
    let fields: Vec<&str> = told.violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["description", "labels", "user_id"]);
    assert_eq!(world.get(&made.id).await.unwrap(), made);

    let mut same = import_private("web", &file);
    (same.description, same.must_exist) = ("mine".into(), true);
    let added = world.client.import_private(same).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((&added.id, added.private_key_state()), (&made.id, pb::PrivateKeyState::Stored));
    assert_eq!((added.origin(), &added.public_key), (pb::Origin::ImportedPublic, &made.public_key));
    assert_eq!((added.description.as_str(), added.user_id.as_str(), added.labels.len()), ("mine", "ann", 1));
    let given = world.client.export_private(export(&made.id)).await.unwrap().into_inner();
    assert!(given.private_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));

    let mut wrong = import_private("web", &file);
    wrong.description = "another".into();
    let told = Refusal::expect(world.client.import_private(wrong).await, AlreadyExists, "PRIVATE_KEY_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&made.id, "web"));
    Refusal::expect(
        world.client.import_private(import_private("web", &other)).await,
        FailedPrecondition,
        "PRIVATE_KEY_MISMATCH",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_is_refused_by_name() {
    let mut world = World::new().await;
    let (_, file) = new_key();
    let mut request = import_private("web", &file);
    request.passphrase = "secret".into();
    let told = Refusal::from(world.client.import_private(request).await);
    assert_eq!((told.reason.as_str(), told.field()), ("PASSPHRASE_UNSUPPORTED", "passphrase"));
    let ppk = import_private("web", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n");
    let told = Refusal::from(world.client.import_private(ppk).await);
    assert_eq!((told.reason.as_str(), told.field()), ("PRIVATE_KEY_UNSUPPORTED_FORMAT", "private_key"));
    assert_eq!(world.count().await, 0);
}
