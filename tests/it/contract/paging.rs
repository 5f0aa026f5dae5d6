//! List: order, pages, tokens, views, every filter.

use keypairs::grpc::pb;
use tonic::Code::InvalidArgument;

use super::{World, clear, create_with, delete, kms, pair};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_once_in_ascending_id_whatever_the_page_size() {
    let mut world = World::new().await;
    let mut made = Vec::new();
    for number in 0..55 {
        made.push(world.make(&format!("n{number}")).await.id);
    }
    assert!(made.is_sorted(), "ids ascend with time");
    for (size, first_page) in [(0, 50), (1, 1), (7, 7), (55, 55), (1000, 55), (5000, 55)] {
        let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let request = pb::ListRequest { page_size: size, page_token: token, ..Default::default() };
            let page = world.list(request).await;
            if pages == 0 {
                assert_eq!(page.key_pairs.len(), first_page, "page_size {size}");
            }
            seen.extend(page.key_pairs.into_iter().map(|pair| pair.id));
            (token, pages) = (page.next_page_token, pages + 1);
            if token.is_empty() {
                break;
            }
            assert!(pages <= 60, "the pages do not end");
        }
        assert_eq!(seen, made, "page_size {size}");
    }
    let request = pb::ListRequest { page_size: -1, ..Default::default() };
    let told = Refusal::expect(world.client.list(request).await, InvalidArgument, "PAGE_SIZE_INVALID");
    assert_eq!(told.field(), "page_size");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_at_a_thousand_pairs_and_at_512_kib() {
    let mut world = World::configured("[quota]\nkey_pairs_per_project = 2000\n").await;
    let fat = |number| {
        create_with(&format!("n{number}"), |request| {
            request.description = "d".repeat(140);
            request.omit_private_key = true;
        })
    };
    let ids = world.fill(1010, fat).await;
    let basic = pb::ListRequest { page_size: 5000, view: pb::KeyPairView::Basic.into(), ..Default::default() };
    let page = world.list(basic).await;
    assert!(page.key_pairs.len() == 1000 && !page.next_page_token.is_empty(), "{}", page.key_pairs.len());

    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let request = pb::ListRequest { page_size: 1000, page_token: token, ..Default::default() };
        let page = world.list(request).await;
        let bytes = prost::Message::encoded_len(&page);
        assert!(bytes <= 513 * 1024, "a page of {bytes} bytes");
        assert!(bytes > 500 * 1024 || page.next_page_token.is_empty(), "a short page of {bytes} bytes");
        seen.extend(page.key_pairs.into_iter().map(|pair| pair.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ids.into_iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_bound_to_its_query() {
    let mut world = World::new().await;
    for name in ["a", "b", "c"] {
        world.make(name).await;
    }
    let query = pb::ListRequest { page_size: 1, ..Default::default() };
    let token = world.list(query.clone()).await.next_page_token;
    let next = pb::ListRequest { page_token: token.clone(), ..query };
    let same = [
        next.clone(),
        pb::ListRequest { page_size: 2, ..next.clone() },
        pb::ListRequest { project_id: "default".into(), ..next.clone() },
    ];
    for request in same {
        assert_eq!(world.list(request).await.key_pairs[0].name, "b");
    }
    let filter = Some(pb::ListFilter { name_prefix: "b".into(), ..Default::default() });
    let other_token = |token: &str| pb::ListRequest { page_token: token.into(), ..next.clone() };
    let changed = [
        pb::ListRequest { filter, ..next.clone() },
        pb::ListRequest { show_deleted: true, ..next.clone() },
        pb::ListRequest { view: pb::KeyPairView::Basic.into(), ..next.clone() },
        pb::ListRequest { project_id: "other".into(), ..next.clone() },
        other_token("x"),
        other_token("!"),
        other_token(&"A".repeat(token.len())),
        other_token(&token[..token.len() - 2]),
        other_token(&format!("{token}AA")),
        other_token(&format!("{}{}", if token.starts_with('A') { "B" } else { "A" }, &token[1..])),
    ];
    for request in changed {
        let shown = format!("{request:?}");
        let told = Refusal::from(world.client.list(request).await);
        assert_eq!((told.reason.as_str(), told.field()), ("PAGE_TOKEN_INVALID", "page_token"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_leaves_out_what_it_says() {
    let mut world = World::new().await;
    let full = world.make("web").await;
    let basic = pb::KeyPair { public_key: String::new(), placements: Vec::new(), ..full.clone() };
    for (view, expected) in
        [(pb::KeyPairView::Unspecified, &full), (pb::KeyPairView::Full, &full), (pb::KeyPairView::Basic, &basic)]
    {
        let page = world.list(pb::ListRequest { view: view.into(), ..Default::default() }).await;
        assert_eq!(&page.key_pairs, std::slice::from_ref(expected), "{view:?}");
    }
    let local = &full.placements[0];
    assert_eq!((full.placements.len(), local.provider.as_str(), local.kind()), (1, "local", pb::ProviderKind::Local));
    assert_eq!((&local.remote_id, &local.remote_name), (&full.id, &full.name));
    assert_eq!(local.state(), pb::PlacementState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_chooses_what_it_says() {
    let mut world = World::new().await;
    let (made, gone) = different_pairs(&mut world).await;
    for (filter, expected) in filters(&made, &gone) {
        let page = world.list(pb::ListRequest { filter: Some(filter.clone()), ..Default::default() }).await;
        let names: Vec<&str> = page.key_pairs.iter().map(|pair| pair.name.as_str()).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
    let deleted = pb::ListFilter { state: pb::KeyPairState::Deleted.into(), ..Default::default() };
    for filter in [by_print(&gone.fingerprint_md5), by_print(&gone.fingerprint_sha256), deleted] {
        let page = world.list(pb::ListRequest { filter: Some(filter), show_deleted: true, ..Default::default() }).await;
        assert_eq!(page.key_pairs.iter().map(|pair| pair.name.as_str()).collect::<Vec<_>>(), ["gone"]);
    }
}

/// web-made, kms-made, web-public, cleared and gone; the first and the last.
async fn different_pairs(world: &mut World) -> (pb::KeyPair, pb::KeyPair) {
    let created = world.place.command(&["keyring", "create", "kps/default"]).output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let made = create_with("web-made", |request| {
        request.user_id = "ann".into();
        request.labels = [("env".into(), "test".into()), ("team".into(), "a".into())].into();
    });
    let made = pair(world.client.create(made).await);
    let sealed = create_with("kms-made", |request| {
        request.key_type = pb::KeyType::Ecdsa.into();
        request.encryption = kms("kps/default");
        request.labels = [("env".into(), "live".into())].into();
    });
    pair(world.client.create(sealed).await);
    world.import("web-public").await;
    let cleared = world.make("cleared").await;
    world.client.clear_private(clear(&cleared.id)).await.unwrap();
    let gone = world.make("gone").await;
    world.client.delete(delete(&gone.id)).await.unwrap();
    (made, gone)
}

#[rustfmt::skip] // one filter, one line
fn filters(made: &pb::KeyPair, gone: &pb::KeyPair) -> Vec<(pb::ListFilter, &'static [&'static str])> {
    use pb::ListFilter as Filter;
    const LIVE: &[&str] = &["web-made", "kms-made", "web-public", "cleared"];
    let base = Filter::default;
    let sha256 = made.fingerprint_sha256.as_str();
    let labels = |labels: &[(&str, &str)]| Filter {
        labels: labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        ..base()
    };
    vec![
        (base(), LIVE),
        (Filter { name_prefix: "web".into(), ..base() }, &["web-made", "web-public"]),
        (Filter { name_prefix: "WEB".into(), ..base() }, &[]),
        (by_print(sha256), &["web-made"]),
        (by_print(sha256.strip_prefix("SHA256:").unwrap()), &["web-made"]),
        (by_print(&format!("{sha256}=")), &["web-made"]),
        (by_print(&made.fingerprint_md5), &["web-made"]),
        (by_print(&format!("MD5:{}", made.fingerprint_md5.to_uppercase())), &["web-made"]),
        (by_print(&gone.fingerprint_sha256), &[]),
        (Filter { key_type: pb::KeyType::Ecdsa.into(), ..base() }, &["kms-made"]),
        (Filter { key_type: pb::KeyType::Rsa.into(), ..base() }, &[]),
        (Filter { provider: "local".into(), ..base() }, LIVE),
        (Filter { provider: "tencent-gz".into(), ..base() }, &[]),
        (Filter { private_key_state: pb::PrivateKeyState::Stored.into(), ..base() }, &["web-made", "kms-made"]),
        (Filter { private_key_state: pb::PrivateKeyState::None.into(), ..base() }, &["web-public"]),
        (Filter { private_key_state: pb::PrivateKeyState::Cleared.into(), ..base() }, &["cleared"]),
        (labels(&[("env", "test")]), &["web-made"]),
        (labels(&[("env", "test"), ("team", "a")]), &["web-made"]),
        (labels(&[("env", "test"), ("team", "b")]), &[]),
        (Filter { user_id: "ann".into(), ..base() }, &["web-made"]),
        (Filter { user_id: "an".into(), ..base() }, &[]),
        (Filter { state: pb::KeyPairState::Active.into(), ..base() }, LIVE),
        (Filter { state: pb::KeyPairState::Deleted.into(), ..base() }, &[]),
        (Filter { origin: pb::Origin::ImportedPublic.into(), ..base() }, &["web-public"]),
        (Filter { encryption_type: pb::EncryptionType::Kms.into(), ..base() }, &["kms-made"]),
        (Filter { encryption_type: pb::EncryptionType::Default.into(), ..base() }, &["web-made"]),
        (Filter { kms_key_name: "kps/default".into(), ..base() }, &["kms-made"]),
        (Filter { kms_key_name: "default".into(), ..base() }, &[]),
        (Filter { name_prefix: "web".into(), private_key_state: pb::PrivateKeyState::None.into(), ..base() }, &["web-public"]),
    ]
}

fn by_print(fingerprint: &str) -> pb::ListFilter {
    pb::ListFilter { fingerprint: fingerprint.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_means_nothing_is_refused_all_at_once() {
    let mut world = World::new().await;
    let filter = pb::ListFilter {
        fingerprint: "SHA256:short".into(),
        key_type: 99,
        private_key_state: 99,
        state: 99,
        origin: 99,
        encryption_type: 99,
        ..Default::default()
    };
    let request = pb::ListRequest { filter: Some(filter), view: 99, page_size: -1, ..Default::default() };
    let told = Refusal::from(world.client.list(request).await);
    let fields: Vec<&str> = told.violations.iter().map(|(field, _)| field.as_str()).collect();
    let expected = [
        "view",
        "page_size",
        "filter.fingerprint",
        "filter.key_type",
        "filter.private_key_state",
        "filter.state",
        "filter.origin",
        "filter.encryption_type",
    ];
    assert_eq!(fields, expected);
}
