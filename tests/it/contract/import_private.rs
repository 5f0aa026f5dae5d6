//! ImportPrivate: a new pair, or the private half of one that is there.

use keypairs::grpc::pb;
use keypairs::sshkey::{KeyFormat, KeySpec};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted};

use super::{World, export, import_private, import_public, new_key};
use crate::refusal::Refusal;
use crate::sshkey::{encode, make};

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
    Refusal::expect(world.client.import_private(wrong).await, AlreadyExists, "PRIVATE_KEY_EXISTS");
    Refusal::expect(
        world.client.import_private(import_private("web", &other)).await,
        FailedPrecondition,
        "PRIVATE_KEY_MISMATCH",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_that_opens_nothing_is_refused() {
    let mut world = World::new().await;
    let (_, file) = new_key();
    let mut request = import_private("web", &file);
    request.passphrase = "secret".into();
    let told = Refusal::from(world.client.import_private(request).await);
    assert_eq!((told.reason.as_str(), told.field()), ("PASSPHRASE_UNSUPPORTED", "passphrase"));
    assert_eq!(world.count().await, 0);
}

/// The file is made by us, but the limit is about passphrases, and the corpus has what others make.
#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_passphrases_a_minute_and_project() {
    let mut world = World::new().await;
    let key = make(KeySpec::Ed25519);
    let file = encode(&key, KeyFormat::OpenSsh, Some("correct horse"));
    let try_with = |project: &str, passphrase: &str| {
        let mut request = import_private("web", &file);
        (request.project_id, request.passphrase) = (project.into(), passphrase.into());
        request
    };
    // Others wait for the same two threads: none of them hears of an eleventh wrong one.
    let mut trying = tokio::task::JoinSet::new();
    for number in 0..14 {
        let (mut client, request) = (world.client.clone(), try_with("", &format!("wrong {number}")));
        trying.spawn(async move { Refusal::from(client.import_private(request).await) });
    }
    let told = trying.join_all().await;
    let wrong = told.iter().filter(|told| told.reason == "PASSPHRASE_WRONG").count();
    let limited: Vec<&Refusal> = told.iter().filter(|told| told.reason == "PASSPHRASE_RATE_LIMITED").collect();
    assert_eq!((wrong, limited.len()), (10, 4));
    for told in limited {
        assert_eq!(told.code, ResourceExhausted);
        let wait = told.retry_after.unwrap();
        assert!((1..=60).contains(&wait.as_secs()), "{wait:?}");
    }
    // The right one is not looked at either: whoever guesses must not learn by it.
    let told = Refusal::from(world.client.import_private(try_with("", "correct horse")).await);
    assert_eq!(told.reason, "PASSPHRASE_RATE_LIMITED");
    // What is wrong beside it is told first.
    let mut request = try_with("", "correct horse");
    request.user_id = "a b".into();
    Refusal::expect(world.client.import_private(request).await, InvalidArgument, "USER_ID_INVALID");
    // Another project, and a key without passphrase, are none of it.
    world.client.import_private(try_with("other", "correct horse")).await.unwrap();
    world.client.import_private(import_private("db", &new_key().1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passphrases_do_not_count() {
    let mut world = World::new().await;
    let file = encode(&make(KeySpec::Ed25519), KeyFormat::OpenSsh, Some("x"));
    for number in 0..12 {
        let mut request = import_private("web", &file);
        (request.project_id, request.passphrase) = (format!("p-{number}"), "x".into());
        request.validate_only = true;
        world.client.import_private(request.clone()).await.unwrap();
        request.project_id = String::new();
        world.client.import_private(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_lets_dsa_in_for_one_project() {
    let config = "[policy]\nallow_key_types = [\"dsa\"]\n[projects.strict]\nallow_key_types = []\n";
    let mut world = World::configured(config).await;
    let case = crate::key_corpus::cases().into_iter().find(|case| case.file == "openssh-dsa").unwrap();
    let mut request = import_private("old", &case.text);
    let pair = world.client.import_private(request.clone()).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((pair.key_type(), pair.bits, &pair.fingerprint_sha256), (pb::KeyType::Dsa, 1024, &case.answer));
    let key_type = pb::KeyType::Dsa.into();
    let filter = Some(pb::ListFilter { key_type, ..Default::default() });
    assert_eq!(world.list(pb::ListRequest { filter, ..Default::default() }).await.key_pairs, [pair]);
    request.project_id = "strict".into();
    let told = Refusal::from(world.client.import_private(request).await);
    assert_eq!((told.reason.as_str(), told.violations[0].0.as_str()), ("WEAK_DSA", "private_key"));
    assert!(told.message.contains("policy.allow_key_types"), "{}", told.message);
}
