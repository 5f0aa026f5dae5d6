//! The fields of a pair: their grammar at its edges, what is made of them, and several faults at once.

use keypairs::grpc::pb;
use tonic::Code::InvalidArgument;

use super::{World, create, create_with, import_public, pair};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn fields_at_their_edges() {
    let mut world = World::new().await;
    let edge = create_with("edge", |request| {
        request.description = "é".repeat(140);
        request.user_id = "A.z_0@:-".repeat(8);
        request.labels = (0..20).map(|n| (format!("{n:0>63}"), "ü".repeat(127))).collect();
        request.project_id = "0".repeat(63);
    });
    let made = pair(world.client.create(edge).await);
    assert_eq!((made.labels.len(), made.user_id.len(), made.project_id.len()), (20, 64, 63));
    let label = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    type Change = Box<dyn FnOnce(&mut pb::CreateRequest)>;
    let rows: Vec<(&str, &str, Change)> = vec![
        (
            "labels",
            "LABELS_INVALID",
            Box::new(|r| r.labels = (0..21).map(|n| (n.to_string(), String::new())).collect()),
        ),
        ("labels[]", "LABELS_INVALID", Box::new(move |r| r.labels = label("", "v"))),
        ("labels[k]", "LABELS_INVALID", Box::new(move |r| r.labels = label("k", &"v".repeat(128)))),
        ("labels[k]", "LABELS_INVALID", Box::new(move |r| r.labels = label("k", "a\nb"))),
        ("labels[a\\nb]", "LABELS_INVALID", Box::new(move |r| r.labels = label("a\nb", ""))),
        ("labels[k]", "LABELS_INVALID", Box::new(move |r| r.labels = label("k", "a\u{ad}b"))),
        ("labels[k]", "LABELS_INVALID", Box::new(move |r| r.labels = label("k", "a\u{200d}b"))),
        ("labels[a\\u{200b}b]", "LABELS_INVALID", Box::new(move |r| r.labels = label("a\u{200b}b", ""))),
        ("user_id", "USER_ID_INVALID", Box::new(|r| r.user_id = "u".repeat(65))),
        ("user_id", "USER_ID_INVALID", Box::new(|r| r.user_id = "ann smith".into())),
        ("project_id", "PROJECT_ID_INVALID", Box::new(|r| r.project_id = "p".repeat(64))),
        ("project_id", "PROJECT_ID_INVALID", Box::new(|r| r.project_id = "-p".into())),
        ("project_id", "PROJECT_ID_INVALID", Box::new(|r| r.project_id = "P".into())),
        ("request_id", "REQUEST_ID_INVALID", Box::new(|r| r.request_id = "8b2a5c1e6f0d4b7a9a530d2f4f3c1e77".into())),
        ("bits", "KEY_BITS_UNSUPPORTED", Box::new(|r| r.bits = 2048)),
        ("bits", "KEY_BITS_UNSUPPORTED", Box::new(|r| (r.key_type, r.bits) = (pb::KeyType::Rsa.into(), 1024))),
        ("bits", "KEY_BITS_UNSUPPORTED", Box::new(|r| (r.key_type, r.bits) = (pb::KeyType::Ecdsa.into(), -1))),
        ("key_type", "KEY_TYPE_UNSUPPORTED", Box::new(|r| r.key_type = pb::KeyType::Dsa.into())),
        ("key_type", "KEY_TYPE_UNSUPPORTED", Box::new(|r| r.key_type = pb::KeyType::SkEd25519.into())),
        ("placements", "PLACEMENT_LIMIT", Box::new(|r| r.placements = (0..17).map(|n| at(&format!("p{n}"))).collect())),
        ("placements[1].provider", "PLACEMENT_DUPLICATE", Box::new(|r| r.placements = vec![at("local"), at("local")])),
        ("generated_by", "PROVIDER_NOT_CONFIGURED", Box::new(|r| r.generated_by = "local-cloud".into())),
    ];
    for (field, reason, change) in rows {
        let told = Refusal::from(world.client.create(create_with("x", change)).await);
        assert_eq!((told.field(), told.reason.as_str(), told.code), (field, reason, InvalidArgument), "{told:?}");
    }
    assert_eq!(world.count().await, 0);
}

/// Where letters need them the joiners are text like any other, and come back as they were sent.
#[tokio::test(flavor = "multi_thread")]
async fn joiners_that_join_are_kept() {
    let mut world = World::new().await;
    let persian = "می\u{200c}خواهم";
    let request = create_with("web", |request| {
        request.description = persian.into();
        request.labels = [(persian.to_owned(), "ක\u{dca}\u{200d}ය".to_owned())].into();
    });
    let made = pair(world.client.create(request).await);
    assert_eq!((made.description.as_str(), made.labels[persian].as_str()), (persian, "ක\u{dca}\u{200d}ය"));
}

/// `local` is there without being asked: what is asked of it is told to be in vain, not dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_placement_takes_no_fields() {
    let mut world = World::new().await;
    let stray = pb::PlacementSpec {
        provider: "local".into(),
        remote_name: "another".into(),
        tencent: Some(pb::TencentPlacement::default()),
        huawei: Some(pb::HuaweiPlacement::default()),
        baidu: Some(pb::BaiduPlacement::default()),
    };
    let (line, file) = super::new_key();
    let mut public = import_public("web", &line);
    public.placements = vec![stray.clone()];
    let mut private = super::import_private("web", &file);
    private.placements = vec![stray.clone()];
    let refusals = [
        Refusal::from(world.client.create(create_with("web", |request| request.placements = vec![stray])).await),
        Refusal::from(world.client.import_public(public).await),
        Refusal::from(world.client.import_private(private).await),
    ];
    for told in refusals {
        let expected = ["remote_name", "tencent", "huawei", "baidu"]
            .map(|field| (format!("placements[0].{field}"), "FIELD_UNSUPPORTED".to_owned()));
        assert_eq!(told.violations, expected);
    }
    let own_name = pb::PlacementSpec { remote_name: "web".into(), ..at("local") };
    pair(world.client.create(create_with("web", |request| request.placements = vec![own_name])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_is_chosen() {
    let mut world = World::new().await;
    let rows = [
        (pb::KeyType::Unspecified, 0, pb::KeyType::Ed25519, 256),
        (pb::KeyType::Ed25519, 256, pb::KeyType::Ed25519, 256),
        (pb::KeyType::Ecdsa, 0, pb::KeyType::Ecdsa, 256),
        (pb::KeyType::Ecdsa, 384, pb::KeyType::Ecdsa, 384),
        (pb::KeyType::Ecdsa, 521, pb::KeyType::Ecdsa, 521),
        (pb::KeyType::Rsa, 0, pb::KeyType::Rsa, 3072),
        (pb::KeyType::Rsa, 2048, pb::KeyType::Rsa, 2048),
    ];
    for (number, (asked, asked_bits, key_type, bits)) in rows.into_iter().enumerate() {
        let request = create_with(&format!("n{number}"), |request| {
            (request.key_type, request.bits) = (asked.into(), asked_bits);
            request.placements = vec![at("local")]; // changes nothing
        });
        let made = pair(world.client.create(request).await);
        assert_eq!((made.key_type(), made.bits), (key_type, bits));
        assert_eq!((made.state(), made.origin()), (pb::KeyPairState::Active, pb::Origin::Generated));
        assert!(made.public_key.ends_with(&format!(" n{number}")), "the comment is the name: {}", made.public_key);
        assert_eq!((made.project_id.as_str(), made.placements.len()), ("default", 1));
        assert_eq!((made.create_time, made.delete_time, made.purge_time), (made.update_time, None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_key_keeps_its_comment_and_has_no_private_half() {
    let mut world = World::new().await;
    let (line, _) = super::new_key();
    let made = world.client.import_public(import_public("web", &line)).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((made.public_key.as_str(), made.origin()), (line.as_str(), pb::Origin::ImportedPublic));
    assert_eq!((made.private_key_state(), made.encryption), (pb::PrivateKeyState::None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_below_the_policy_is_neither_made_nor_taken() {
    let mut world = World::configured("[policy]\nmin_rsa_bits = 3072\n").await;
    let rsa = |bits| create_with("web", |request| (request.key_type, request.bits) = (pb::KeyType::Rsa.into(), bits));
    let told = Refusal::from(world.client.create(rsa(2048)).await);
    assert_eq!((told.reason.as_str(), told.field()), ("KEY_BITS_UNSUPPORTED", "bits"));
    assert!(told.message.contains("3072"), "{}", told.message);
    let line = crate::sshkey::make(keypairs::sshkey::KeySpec::Rsa(2048)).public().line("");
    let told = Refusal::from(world.client.import_public(import_public("web", &line)).await);
    assert_eq!((told.reason.as_str(), told.field()), ("WEAK_RSA_SIZE", "public_key"));
    assert_eq!(pair(world.client.create(rsa(0)).await).bits, 3072);
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_names_and_keys_say_who_has_them() {
    let mut world = World::new().await;
    let made = world.make("web").await;
    let told = Refusal::expect(world.client.create(create("web")).await, tonic::Code::AlreadyExists, "NAME_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&made.id, "web"));
    assert_eq!(told.resource, Some(("keypairs.v1.KeyPair".into(), "web".into())));
    let again = import_public("other", &made.public_key);
    let told =
        Refusal::expect(world.client.import_public(again).await, tonic::Code::AlreadyExists, "PUBLIC_KEY_EXISTS");
    assert_eq!((&told.facts["existing_id"], told.facts["existing_name"].as_str()), (&made.id, "web"));
    assert_eq!(told.resource, Some(("keypairs.v1.KeyPair".into(), "web".into())));
    let mut elsewhere = import_public("other", &made.public_key);
    elsewhere.project_id = "other".into();
    world.client.import_public(elsewhere).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn which_pair_must_be_said_well() {
    let mut world = World::new().await;
    let get = |key| pb::GetRequest { key, project_id: String::new() };
    let name = |name: &str| Some(pb::get_request::Key::Name(name.into()));
    let id = |id: &str| Some(pb::get_request::Key::Id(id.into()));
    let unknown = "kp-0190a1b2c3d470008000000000000001";
    let rows = [
        (get(None), InvalidArgument, "KEY_REQUIRED"),
        (get(name("")), InvalidArgument, "NAME_EMPTY"),
        (get(id("")), InvalidArgument, "ID_INVALID"),
        (get(id("web")), InvalidArgument, "ID_INVALID"),
        (get(id(&unknown.to_uppercase())), InvalidArgument, "ID_INVALID"),
        (get(id(unknown)), tonic::Code::NotFound, "KEY_PAIR_NOT_FOUND"),
        (get(name("web")), tonic::Code::NotFound, "KEY_PAIR_NOT_FOUND"),
    ];
    for (request, code, reason) in rows {
        Refusal::expect(world.client.get(request).await, code, reason);
    }
}

fn at(provider: &str) -> pb::PlacementSpec {
    pb::PlacementSpec { provider: provider.into(), ..Default::default() }
}
