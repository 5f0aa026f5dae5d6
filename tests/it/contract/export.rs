//! ExportPrivate and ClearPrivate: which format fits which key, and what is told where none does.

use std::os::unix::fs::PermissionsExt;

use keypairs::grpc::pb::{self, PrivateKeyFormat as Format};
use tonic::Code::{FailedPrecondition, InvalidArgument};

use super::{World, clear, create_with, export, pair};
use crate::refusal::Refusal;

/// Type, format, and what comes: the first line, or the reason and what is named instead.
type Case = (pb::KeyType, Format, Result<&'static str, (&'static str, &'static str)>);

const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const PKCS8: &str = "-----BEGIN PRIVATE KEY-----";
const PPK: &str = "PuTTY-User-Key-File-3: ";
const UNFIT: &str = "FORMAT_UNSUPPORTED";

#[rustfmt::skip] // one case, one line
const CASES: [Case; 18] = [
    (pb::KeyType::Ed25519, Format::Unspecified, Ok(OPENSSH)),
    (pb::KeyType::Ed25519, Format::Openssh, Ok(OPENSSH)),
    (pb::KeyType::Ed25519, Format::Pkcs8, Ok(PKCS8)),
    (pb::KeyType::Ed25519, Format::Pkcs1, Err((UNFIT, "OPENSSH, PKCS8 or PPK"))),
    (pb::KeyType::Ed25519, Format::Sec1, Err((UNFIT, "OPENSSH, PKCS8 or PPK"))),
    (pb::KeyType::Ed25519, Format::Ppk, Ok(PPK)),
    (pb::KeyType::Ecdsa, Format::Unspecified, Ok(OPENSSH)),
    (pb::KeyType::Ecdsa, Format::Openssh, Ok(OPENSSH)),
    (pb::KeyType::Ecdsa, Format::Pkcs8, Ok(PKCS8)),
    (pb::KeyType::Ecdsa, Format::Pkcs1, Err((UNFIT, "OPENSSH, PKCS8, SEC1 or PPK"))),
    (pb::KeyType::Ecdsa, Format::Sec1, Ok("-----BEGIN EC PRIVATE KEY-----")),
    (pb::KeyType::Ecdsa, Format::Ppk, Ok(PPK)),
    (pb::KeyType::Rsa, Format::Unspecified, Ok(OPENSSH)),
    (pb::KeyType::Rsa, Format::Openssh, Ok(OPENSSH)),
    (pb::KeyType::Rsa, Format::Pkcs8, Ok(PKCS8)),
    (pb::KeyType::Rsa, Format::Pkcs1, Ok("-----BEGIN RSA PRIVATE KEY-----")),
    (pb::KeyType::Rsa, Format::Sec1, Err((UNFIT, "OPENSSH, PKCS8, PKCS1 or PPK"))),
    (pb::KeyType::Rsa, Format::Ppk, Ok(PPK)),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_format_fits_or_names_what_fits() {
    let mut world = World::new().await;
    let mut ids = std::collections::HashMap::new();
    for key_type in [pb::KeyType::Ed25519, pb::KeyType::Ecdsa, pb::KeyType::Rsa] {
        let request = create_with(&format!("{key_type:?}"), |request| {
            request.key_type = key_type.into();
            request.bits = if key_type == pb::KeyType::Rsa { 2048 } else { 0 };
        });
        ids.insert(key_type, pair(world.client.create(request).await).id);
    }
    for (key_type, format, expected) in CASES {
        let mut request = export(&ids[&key_type]);
        (request.format, request.reason) = (format.into(), "a test".into());
        let outcome = world.client.export_private(request).await;
        let place = format!("{key_type:?} {format:?}");
        // Create refuses the same, before anything is made.
        let dry = create_with("new", |request| {
            (request.key_type, request.private_key_format, request.validate_only) =
                (key_type.into(), format.into(), true);
        });
        let dry = world.client.create(dry).await;
        match expected {
            Ok(first) => {
                let given = outcome.unwrap().into_inner();
                assert!(given.private_key.lines().next().unwrap().starts_with(first), "{place}");
                assert!(given.private_key.ends_with('\n') && !given.private_key.ends_with("\n\n"), "{place}");
                assert!(!given.private_key.contains('\r'), "{place}");
                let told = if format == Format::Unspecified { Format::Openssh } else { format };
                assert_eq!(given.format(), told, "{place}: never UNSPECIFIED");
                assert_eq!(given.key_pair.as_ref().unwrap().id, ids[&key_type]);
                assert!(dry.is_ok(), "{place}");
            }
            Err((reason, fits)) => {
                let told = Refusal::expect(outcome, InvalidArgument, reason);
                assert!(told.field() == "format" && told.message.contains(fits), "{place}: {told:?}");
                let told = Refusal::expect(dry, InvalidArgument, reason);
                assert!(told.field() == "private_key_format" && told.message.contains(fits), "{place}: {told:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_goes_with_three_formats_and_is_refused_elsewhere() {
    let mut world = World::new().await;
    let request = create_with("web", |request| {
        (request.key_type, request.passphrase) = (pb::KeyType::Ecdsa.into(), "correct horse".into());
    });
    let mut made = world.client.create(request).await.unwrap().into_inner();
    let id = made.key_pair.take().unwrap().id;
    let encrypted = |file: &str| {
        keypairs::sshkey::PrivateKey::parse(file).err().map(|fault| fault.reason.as_str())
            == Some("PASSPHRASE_REQUIRED")
    };
    assert!(encrypted(&made.private_key));
    let with = |format: Format| {
        let mut request = export(&id);
        (request.format, request.passphrase) = (format.into(), "correct horse".into());
        request
    };
    for format in [Format::Openssh, Format::Pkcs8, Format::Ppk] {
        let given = world.client.export_private(with(format)).await.unwrap().into_inner();
        assert!(encrypted(&given.private_key), "{format:?}");
    }
    let told = Refusal::from(world.client.export_private(with(Format::Sec1)).await);
    assert_eq!((told.reason.as_str(), told.field()), ("PASSPHRASE_UNSUPPORTED", "passphrase"));
    assert!(told.message.contains("OPENSSH, PKCS8 or PPK"), "{}", told.message);
    let told = Refusal::from(world.client.export_private(with(Format::Pkcs1)).await);
    assert_eq!((told.reason.as_str(), told.field()), (UNFIT, "format"));
}

/// A file under a passphrase that its owner can tell no tool is lost to him.
#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_one_that_tools_can_be_told() {
    let mut world = World::new().await;
    let id = world.make("web").await.id;
    for (what, passphrase) in [
        ("one byte more than ssh-keygen and openssl read", "a".repeat(1024)),
        ("over 1 KiB", "ä".repeat(600)),
        ("NUL, which ends it for puttygen", "a\0b".into()),
        ("LF", "a\nb".into()),
        ("CR", "a\r".into()),
    ] {
        let request = create_with("new", |request| request.passphrase.clone_from(&passphrase));
        let mut exported = export(&id);
        exported.passphrase.clone_from(&passphrase);
        let refusals = [
            Refusal::from(world.client.create(request).await),
            Refusal::from(world.client.export_private(exported).await),
        ];
        for told in refusals {
            assert_eq!((told.reason.as_str(), told.field()), ("PASSPHRASE_UNSUPPORTED", "passphrase"), "{what}");
            assert!(!told.message.contains(&passphrase), "{what}: {}", told.message);
        }
    }
    // The longest one, and one with blanks, open the file when a tool is told them as people do.
    for passphrase in ["a".repeat(1023), " a\tb ".into()] {
        let mut request = export(&id);
        request.passphrase.clone_from(&passphrase);
        let mut given = world.client.export_private(request).await.unwrap().into_inner();
        assert!(ssh_keygen_opens(&std::mem::take(&mut given.private_key), &passphrase));
    }
}

/// Whether ssh-keygen opens the file when it asks for the passphrase.
fn ssh_keygen_opens(file: &str, passphrase: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str, mode| {
        std::fs::write(path(name), text).unwrap();
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("key", file, 0o600);
    write("passphrase", passphrase, 0o600);
    write("ask", "#!/bin/sh\ncat \"${0%ask}passphrase\"\n", 0o700);
    let mut asks = std::process::Command::new("ssh-keygen");
    asks.arg("-y").arg("-f").arg(path("key")).env("SSH_ASKPASS", path("ask")).env("SSH_ASKPASS_REQUIRE", "force");
    asks.stdin(std::process::Stdio::null()).output().unwrap().status.success()
}

/// Invalid arguments are told before what exists: a format that no type of key takes is one, whichever pair is meant.
/// One that some type takes depends on the pair.
#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_fits_no_key_is_told_before_the_pair_is_looked_for() {
    let world = World::new().await;
    let of_nothing = |format: i32| {
        let mut request = export("kp-0190a1b2c3d470008000000000000001");
        request.format = format;
        let mut client = world.client.clone();
        async move { Refusal::from(client.export_private(request).await) }
    };
    let told = of_nothing(99).await;
    assert_eq!((told.code, told.reason.as_str(), told.field()), (InvalidArgument, UNFIT, "format"));
    for format in [Format::Openssh, Format::Pkcs8, Format::Pkcs1, Format::Sec1, Format::Ppk] {
        assert_eq!(of_nothing(format.into()).await.reason, "KEY_PAIR_NOT_FOUND", "{format:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_an_export_is_bounded() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    for (reason, fits) in
        [("é".repeat(256), true), ("e".repeat(257), false), ("a\nb".into(), false), ("a\u{200b}b".into(), false)]
    {
        let mut request = export(&made.id);
        request.reason = reason;
        match world.client.export_private(request).await {
            Ok(_) => assert!(fits),
            Err(status) => {
                let told = Refusal::of(&status);
                assert_eq!((told.reason.as_str(), told.field(), fits), ("EXPORT_REASON_INVALID", "reason", false));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_forgets_the_private_half_and_keeps_the_rest() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    let cleared = world.client.clear_private(clear(&made.id)).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((cleared.private_key_state(), &cleared.encryption), (pb::PrivateKeyState::Cleared, &None));
    assert_eq!((&cleared.public_key, &cleared.fingerprint_sha256), (&made.public_key, &made.fingerprint_sha256));
    assert_ne!(cleared.etag, made.etag);
    let imported = world.import("public").await;
    for id in [&made.id, &imported.id] {
        let client = &mut world.client;
        Refusal::expect(client.export_private(export(id)).await, FailedPrecondition, "NO_PRIVATE_KEY");
        Refusal::expect(client.clear_private(clear(id)).await, FailedPrecondition, "NO_PRIVATE_KEY");
    }
}
