//! Encryption: default, named keys of the keyring, and what a project may ask for.

use keypairs::grpc::pb;
use tonic::Code::{FailedPrecondition, InvalidArgument};

use super::{World, create, create_with, export, import_private, kms, new_key, pair};
use crate::refusal::Refusal;

const CONFIG: &str = r#"
[projects.plain]
encryption = ["default"]
[projects.strict]
encryption = ["kms"]
[projects.kms-first]
encryption = ["kms", "default"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_named_key_made_while_serving_seals_and_opens() {
    let mut world = World::new().await;
    let sealed = |name: &str, key: Option<pb::Encryption>| create_with(name, |request| request.encryption = key);
    let told = Refusal::expect(
        world.client.create(sealed("web", kms("kps/default"))).await,
        FailedPrecondition,
        "KMS_KEY_NOT_FOUND",
    );
    assert!(told.message.contains("kps/default"), "{}", told.message);
    let keyring = |words: &[&str]| {
        let out = world.place.command(words).output().unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    keyring(&["keyring", "create", "kps/default"]);
    let made = pair(world.client.create(sealed("web", kms("kps/default"))).await);
    let by = made.encryption.clone().unwrap();
    assert_eq!((by.r#type(), by.kms_key_name.as_str()), (pb::EncryptionType::Kms, "kps/default"));
    assert_eq!((by.backend.as_str(), by.key_version.as_str()), ("keyring", "1"));

    // The id that is shown names the key again, alone and with the back end.
    for (number, id) in [by.kms_key_id.clone(), format!("keyring:{}", by.kms_key_id)].into_iter().enumerate() {
        let asked = pb::Encryption { r#type: pb::EncryptionType::Kms.into(), kms_key_id: id, ..Default::default() };
        let made = pair(world.client.create(sealed(&format!("by-id-{number}"), Some(asked))).await);
        assert_eq!(made.encryption.as_ref(), Some(&by));
    }
    let two = pb::Encryption { kms_key_id: "kps/other".into(), ..kms("kps/default").unwrap() };
    let told = Refusal::from(world.client.create(sealed("two", Some(two))).await);
    assert_eq!((told.reason.as_str(), told.field()), ("KMS_KEY_AMBIGUOUS", "encryption.kms_key_id"));
    keyring(&["keyring", "rotate", "kps/default"]);
    let newer = pair(world.client.create(sealed("newer", kms("kps/default"))).await);
    assert_eq!(newer.encryption.unwrap().key_version, "2");
    // The key of mode default cannot be named, and the old version still opens.
    Refusal::expect(world.client.create(sealed("own", kms("default"))).await, FailedPrecondition, "KMS_KEY_NOT_FOUND");
    world.client.export_private(export(&made.id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_uses_what_it_may() {
    let mut world = World::configured(CONFIG).await;
    let out = world.place.command(&["keyring", "create", "kps/default"]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let default = Some(pb::Encryption { r#type: pb::EncryptionType::Default.into(), ..Default::default() });
    let unsaid = Some(pb::Encryption::default());
    let denied = Err((FailedPrecondition, "ENCRYPTION_NOT_ALLOWED"));
    let required = Err((InvalidArgument, "KMS_KEY_REQUIRED"));
    let (plain, sealed) = (Ok(pb::EncryptionType::Default), Ok(pb::EncryptionType::Kms));
    let rows = [
        ("plain", None, plain),
        ("plain", kms("kps/default"), denied),
        ("strict", None, required),
        ("strict", unsaid, required),
        ("strict", default.clone(), denied),
        ("strict", kms("kps/default"), sealed),
        ("kms-first", None, required),
        ("kms-first", default, plain),
        ("kms-first", kms("kps/default"), sealed),
        ("any", kms("kps/default"), sealed),
    ];
    for (number, (project, asked, expected)) in rows.into_iter().enumerate() {
        let request = create_with(&format!("n{number}"), |request| {
            (request.project_id, request.encryption) = (project.into(), asked.clone());
        });
        let mut import = import_private(&format!("i{number}"), &new_key().1);
        (import.project_id, import.encryption) = (project.into(), asked);
        let made = world.client.create(request).await.map(|answer| answer.into_inner().key_pair.take().unwrap());
        let taken = world.client.import_private(import).await.map(|answer| answer.into_inner().key_pair.unwrap());
        for outcome in [made, taken] {
            let outcome = match outcome {
                Ok(pair) => Ok(pair.encryption.unwrap().r#type()),
                Err(status) => {
                    let told = Refusal::of(&status);
                    Err((told.code, told.reason))
                }
            };
            let expected = expected.map_err(|(code, reason)| (code, reason.to_owned()));
            assert_eq!(outcome, expected, "row {number}, {project}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_missing_key_of_a_project_is_told_with_the_rest() {
    let mut world = World::configured(CONFIG).await;
    let mut request = create("a b");
    request.project_id = "strict".into();
    let told = Refusal::from(world.client.create(request).await);
    // The name is wrong, so it is not known to be the project's: still both are told.
    let fields: Vec<&str> = told.violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["name", "encryption.kms_key_name"]);
}
