//! What the adapter sends, and what it makes of good answers.

use std::sync::Arc;
use std::time::Duration;

use keypairs::clock::ManualClock;
use keypairs::dialect::Kind;
use keypairs::dialect::huawei::{Action, Answer, Call, Claim, Code, Keypair, Operation, PageInfo};
use keypairs::model::{EncryptionChoice, KeyChoice, Labels, ProviderKind, ProviderName, Scope, UserId, Wishes};
use keypairs::provider::huawei::{Access, Huawei, ProjectAccount, capabilities};
use keypairs::provider::{Changes, Endpoint, FaultKind, Find, New, Provider, Remote};
use keypairs::sshkey::{Algorithm, PublicKey};
use serde_json::json;

use super::{PROJECT, THEN, credentials, secret, vectors};
use crate::clouds::scripted::{PATIENT, Reply, Scripted, Seen, outbound};

pub const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJ8nhwam5l6BZNvnB7Mu33/XPK3Zt9AlVuDA5S47jmF";
pub const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----\n";

pub fn adapter(url: &str, access: Access) -> Huawei {
    adapter_with(url, access, PATIENT)
}

pub fn adapter_with(url: &str, access: Access, timeout: Duration) -> Huawei {
    let name = ProviderName::parse("name", "huawei-bj").unwrap();
    let (region, project_id) = ("cn-north-4".to_owned(), PROJECT.to_owned());
    let account = ProjectAccount { endpoint: Endpoint::parse(url).unwrap(), region, project_id, access };
    Huawei::new(name, account, outbound(timeout), Arc::new(ManualClock::at(THEN)))
}

pub fn signing(cloud: &Scripted) -> Huawei {
    adapter(&cloud.url(), Access::Keys(credentials(None)))
}

pub fn key() -> PublicKey {
    PublicKey::parse_line(LINE).unwrap().0
}

pub fn new(name: &str) -> New {
    let wishes = Wishes { scope: Scope::User, user_id: UserId::parse("user_id", "u-1").unwrap(), ..Wishes::default() };
    New { name: name.to_owned(), description: "not sent".to_owned(), labels: Labels::default(), wishes }
}

pub fn pair(name: &str, line: &str) -> Keypair {
    let (name, public_key, scope) = (name.to_owned(), line.to_owned(), "user".to_owned());
    Keypair { name, public_key, scope, fingerprint: "49:ef".to_owned(), ..Keypair::default() }
}

/// An answer as the face of another instance would give it.
pub fn told(answer: Answer) -> Reply {
    let answer = answer.render("req-7");
    let header =
        |name: &'static str| answer.headers().get(name).map(|value| (name, value.to_str().unwrap().to_owned()));
    let headers = ["x-request-id", "content-type"].into_iter().filter_map(header).collect();
    Reply::Answer(answer.status().as_u16(), headers, answer.body().expose().to_vec())
}

pub fn refused(action: Action, kind: Kind) -> Reply {
    let flaw = action.refused(kind);
    Reply::json(flaw.status.as_u16(), &json!({"error_code": flaw.code.as_str(), "error_msg": flaw.message}).to_string())
        .with("x-request-id", "req-8")
}

/// What was sent, after a look at its signature and its project.
fn operation(seen: &Seen) -> Operation {
    let request = seen.request();
    let claim = Claim::read(&request).unwrap();
    claim.check(&request, &secret("SKTEST"), THEN).unwrap();
    assert_eq!(seen.header("x-project-id"), Some(PROJECT));
    let call = Call::read(&request).unwrap();
    assert_eq!(call.project_id, PROJECT);
    call.operation
}

fn expected(name: &str, public: Option<PublicKey>) -> Remote {
    Remote {
        id: name.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        public,
        fingerprint: "49:ef".to_owned(),
        instance_count: None,
        is_escrowed: false,
    }
}

#[test]
fn it_can_what_the_pages_say() {
    let can = capabilities();
    for (name, fits) in
        [("a", true), ("-_9Z", true), ("", false), ("a b", false), ("a.b", false), ("é", false), ("a/b", false)]
    {
        assert_eq!(can.name.fits(name), fits, "{name:?}");
    }
    assert!(can.name.fits(&"a".repeat(64)) && !can.name.fits(&"a".repeat(65)));
    let bits = |algorithm| can.keys.iter().find(|rule| rule.algorithm == algorithm).map(|rule| rule.bits.as_slice());
    assert_eq!(bits(Algorithm::Rsa), Some(&[2048, 3072, 4096][..]));
    assert_eq!(bits(Algorithm::Ecdsa), Some(&[256, 384, 521][..]));
    assert_eq!(
        (bits(Algorithm::Ed25519), bits(Algorithm::Dsa), bits(Algorithm::SkEd25519)),
        (Some(&[][..]), Some(&[][..]), None)
    );
    assert!(can.names_are_unique && !can.renames && !can.describes_when_placing && !can.tags && can.escrows);
    assert!(can.wishes.owner && !can.wishes.cloud_project_id);
    assert_eq!((can.description, can.quota), (Some(255), None));
}

#[test]
fn it_is_what_was_configured() {
    let adapter = adapter("https://example.com", Access::Keys(credentials(None)));
    let spec = adapter.spec();
    assert_eq!(
        (spec.name.as_str(), spec.kind, spec.region.as_str()),
        ("huawei-bj", ProviderKind::Huawei, "cn-north-4")
    );
    assert!(spec.can.escrows);
}

#[tokio::test]
async fn the_cloud_makes_a_pair_and_keeps_nothing() {
    let made = Keypair { private_key: Some(secret(PEM)), ..pair("a", LINE) };
    let cloud = Scripted::start([told(Answer::Made(made))]).await;
    let done = signing(&cloud).create(&new("a")).await.unwrap();
    assert_eq!((done.value.0, done.request_id.as_str()), (expected("a", Some(key())), "req-7"));
    assert_eq!(done.value.1.expose(), PEM);
    let seen = cloud.seen();
    let sent = json!({"keypair": {"name": "a", "type": "ssh", "scope": "user", "user_id": "u-1"}});
    assert_eq!((seen[0].json(), seen.len()), (sent, 1));
    assert!(matches!(operation(&seen[0]), Operation::Create(_)));
}

#[tokio::test]
async fn a_public_half_is_sent_without_a_comment() {
    let cloud = Scripted::start([told(Answer::Made(pair("a", &format!("{LINE} Generated-by-Nova\n"))))]).await;
    let done = signing(&cloud).import_public(&new("a"), &key()).await.unwrap();
    assert_eq!((done.value, done.request_id.as_str()), (expected("a", Some(key())), "req-7"));
    let seen = cloud.seen();
    let Operation::Create(sent) = operation(&seen[0]) else { panic!("another operation") };
    assert_eq!((sent.public_key.as_deref(), sent.scope, sent.protection.is_none()), (Some(LINE), Scope::User, true));
}

/// The cloud has no code for a taken name.
#[tokio::test]
async fn a_taken_name_is_found_out() {
    let parameter = || refused(Action::CreateKeypair, Kind::NameTaken);
    let cloud = Scripted::start([
        parameter(),
        told(Answer::Detail(pair("a", LINE))),
        parameter(),
        refused(Action::ListKeypairDetail, Kind::NotFound),
        parameter(),
        Reply::Reset,
    ])
    .await;
    let adapter = signing(&cloud);
    for wanted in [Kind::NameTaken, Kind::ParameterInvalid, Kind::ParameterInvalid] {
        let fault = adapter.import_public(&new("a"), &key()).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Refused(wanted), "KPS.0002"));
        assert_eq!((fault.message.as_str(), fault.request_id.as_str()), (Code::Parameter.message(), "req-8"));
    }
    assert_eq!(cloud.seen().len(), 6);
}

#[tokio::test]
async fn a_private_half_goes_into_keeping_under_the_choice() {
    let taken = || told(Answer::Taken { name: "a".to_owned(), user_id: None });
    let kms = |name: Option<&str>, id: Option<&str>| {
        EncryptionChoice::Kms(KeyChoice { name: name.map(str::to_owned), id: id.map(str::to_owned) })
    };
    let choices = [
        (EncryptionChoice::Unsaid, json!({"type": "default"})),
        (EncryptionChoice::Default, json!({"type": "default"})),
        (kms(Some("kps/default"), None), json!({"type": "kms", "kms_key_name": "kps/default"})),
        (kms(None, Some("0d04")), json!({"type": "kms", "kms_key_id": "0d04"})),
        (kms(Some("a"), Some("b")), json!({"type": "kms", "kms_key_name": "a", "kms_key_id": "b"})),
    ];
    let cloud = Scripted::start([taken(), taken(), taken(), taken(), taken()]).await;
    let adapter = signing(&cloud);
    for (choice, _) in &choices {
        assert_eq!(adapter.escrow("a", &secret(PEM), choice).await.unwrap().request_id, "req-7");
    }
    for (seen, (_, encryption)) in cloud.seen().iter().zip(choices) {
        assert!(seen.target().ends_with("/keypairs/private-key/import") && seen.method() == "POST");
        let protection = json!({"private_key": PEM, "encryption": encryption});
        assert_eq!(seen.json(), json!({"keypair": {"name": "a", "key_protection": protection}}));
        operation(seen);
    }
}

#[tokio::test]
async fn a_kept_private_half_comes_back() {
    let cloud = Scripted::start([
        told(Answer::Exported("a".to_owned(), secret(PEM))),
        refused(Action::ExportPrivateKey, Kind::NoPrivateKey),
        told(Answer::Exported("a".to_owned(), secret(""))),
    ])
    .await;
    let adapter = signing(&cloud);
    assert_eq!(adapter.escrowed("a").await.unwrap().value.expose(), PEM);
    let fault = adapter.escrowed("a").await.err().unwrap();
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Refused(Kind::NoPrivateKey), "KPS.6005"));
    assert_eq!(adapter.escrowed("a").await.err().unwrap().kind, FaultKind::Unknown, "an empty private half");
    let seen = cloud.seen();
    assert!(matches!(operation(&seen[0]), Operation::ExportPrivate(name) if name == "a"));
}

#[tokio::test]
async fn clearing_what_is_not_there_is_fine() {
    let gateway = r#"{"error_code":"APIGW.0101","error_msg":"no such API"}"#;
    let cases = [
        (told(Answer::Done), true),
        (Reply::json(404, ""), true),
        (refused(Action::ClearPrivateKey, Kind::NoPrivateKey), true),
        (refused(Action::ClearPrivateKey, Kind::NotFound), true),
        (Reply::json(404, r#"{"error_code":"KPS.7777","error_msg":"?"}"#), true),
        // Nobody who knows the pair said so.
        (Reply::json(404, gateway), false),
        (Reply::html(404), false),
        (Reply::json(403, r#"{"error_code":"KPS.9003","error_msg":"no"}"#), false),
    ];
    let (replies, fine): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let cloud = Scripted::start(replies).await;
    let adapter = signing(&cloud);
    for (at, fine) in fine.into_iter().enumerate() {
        assert_eq!(adapter.clear_escrow("a").await.is_ok(), fine, "reply {at}");
    }
    let seen = cloud.seen();
    assert_eq!((seen[0].method(), seen[0].body.as_slice()), ("DELETE", &b""[..]));
    assert!(matches!(operation(&seen[0]), Operation::ClearPrivate(name) if name == "a"));
}

#[tokio::test]
async fn a_pair_is_found_by_its_name() {
    let full = Keypair { description: "d".to_owned(), is_key_protection: true, ..pair("a", LINE) };
    let cloud = Scripted::start([
        told(Answer::Detail(full)),
        refused(Action::ListKeypairDetail, Kind::NotFound),
        told(Answer::Detail(Keypair { deleted: true, ..pair("a", LINE) })),
        told(Answer::Detail(pair("A", LINE))),
        told(Answer::Detail(pair("", "no key"))),
    ])
    .await;
    let adapter = signing(&cloud);
    let found = adapter.find(Find::Name("a")).await.unwrap();
    let wanted = Remote { description: "d".to_owned(), is_escrowed: true, ..expected("a", Some(key())) };
    assert_eq!((found.value, found.request_id.as_str()), (vec![wanted], "req-7"));
    for what in ["none", "one on its way out", "one of another name"] {
        assert!(adapter.find(Find::Id("a")).await.unwrap().value.is_empty(), "{what}");
    }
    assert_eq!(adapter.find(Find::Name("a")).await.unwrap().value, [expected("a", None)], "an answer without the name");
    // In a path these would be something else.
    for name in ["", "a/b", "a/private-key", "..", "a%2Fb", "é"] {
        assert!(adapter.find(Find::Name(name)).await.unwrap().value.is_empty(), "{name}");
    }
    let seen = cloud.seen();
    assert_eq!((seen.len(), seen[0].target()), (5, format!("/v3/{PROJECT}/keypairs/a").as_str()));
}

fn listed(names: &[&str], line: &str, next: Option<&str>) -> Reply {
    let pairs: Vec<_> = names.iter().map(|name| pair(name, line)).collect();
    let current_count = i64::try_from(pairs.len()).unwrap();
    told(Answer::Listed(pairs, PageInfo { next_marker: next.map(str::to_owned), previous_marker: None, current_count }))
}

#[tokio::test]
async fn a_pair_is_found_by_its_key_on_any_page() {
    let vectors = vectors();
    let other = vectors["ssh_fingerprints"][0]["public_key"].as_str().unwrap();
    let commented = format!("{LINE} another comment\n");
    let cloud = Scripted::start([
        listed(&["a", "b"], other, Some("b")),
        listed(&["c"], &commented, Some("c/ d")),
        listed(&["e"], "ssh-rsa broken", Some("e")),
        listed(&["f"], LINE, None),
    ])
    .await;
    let found = signing(&cloud).find(Find::Key(&key())).await.unwrap();
    assert_eq!(found.value, [expected("c", Some(key())), expected("f", Some(key()))]);
    let seen = cloud.seen();
    let targets: Vec<_> = seen.iter().map(|seen| seen.target().split_once('?').unwrap().1).collect();
    assert_eq!(targets, ["limit=50", "limit=50&marker=b", "limit=50&marker=c%2F%20d", "limit=50&marker=e"]);
    seen.iter().for_each(|seen| drop(operation(seen)));
}

/// Trap 1 of the wishes: a list that does not advance must end.
#[tokio::test]
async fn a_list_that_runs_in_a_circle_ends() {
    let cloud = Scripted::start([
        listed(&["a"], LINE, Some("m")),
        listed(&["a"], LINE, Some("m")),
        listed(&["a"], LINE, Some("m")),
        listed(&["b"], LINE, Some("n")),
        listed(&["c"], LINE, Some("m")),
    ])
    .await;
    let adapter = signing(&cloud);
    assert_eq!(adapter.find(Find::Key(&key())).await.unwrap().value.len(), 2, "the marker is answered as it was sent");
    assert_eq!(adapter.find(Find::Key(&key())).await.unwrap().value.len(), 3, "the marker of two pages ago");
    drop(cloud.seen());
}

#[tokio::test]
async fn pages_lead_to_the_next() {
    let cloud = Scripted::start([
        listed(&["a"], LINE, Some("a")),
        listed(&["b"], LINE, Some("")),
        Reply::json(200, r#"{"keypairs":[]}"#),
    ])
    .await;
    let adapter = signing(&cloud);
    let first = adapter.page(None).await.unwrap();
    assert_eq!((first.value.items.len(), first.value.next.as_deref(), first.value.total), (1, Some("a"), None));
    assert_eq!(first.request_id, "req-7");
    let second = adapter.page(first.value.next.as_deref()).await.unwrap().value;
    assert_eq!((second.items, second.next), (vec![expected("b", Some(key()))], None));
    assert!(adapter.page(None).await.unwrap().value.items.is_empty());
    assert!(matches!(operation(&cloud.seen()[1]), Operation::List(page) if page.marker.as_deref() == Some("a")));
}

#[tokio::test]
async fn descriptions_change_and_names_do_not() {
    let cloud = Scripted::start([told(Answer::Done)]).await;
    let adapter = signing(&cloud);
    let description = Changes { name: None, description: Some("Größe") };
    assert_eq!(adapter.update("a", description).await.unwrap().request_id, "req-7");
    adapter.update("a", Changes::default()).await.unwrap();
    let renamed = adapter.update("a", Changes { name: Some("b"), description: Some("x") }).await.unwrap_err();
    assert_eq!(renamed.kind, FaultKind::Refused(Kind::Unsupported));
    let seen = cloud.seen();
    assert_eq!(
        (seen.len(), seen[0].method(), seen[0].json()),
        (1, "PUT", json!({"keypair": {"description": "Größe"}}))
    );
    assert!(matches!(operation(&seen[0]), Operation::Describe { name, .. } if name == "a"));
}

#[tokio::test]
async fn a_pair_that_is_gone_is_deleted() {
    let cloud =
        Scripted::start([told(Answer::Deleted), refused(Action::DeleteKeypair, Kind::NotFound), Reply::html(404)])
            .await;
    let adapter = signing(&cloud);
    assert_eq!(adapter.delete("a").await.unwrap().request_id, "req-7");
    assert_eq!(adapter.delete("a").await.unwrap().request_id, "req-8");
    assert_eq!(
        adapter.delete("a").await.unwrap_err().kind,
        FaultKind::Refused(Kind::Unsupported),
        "a page of somebody"
    );
    // DELETE of `a/private-key` would clear a private half.
    for id in ["", "a/private-key", "a%2Fprivate-key"] {
        assert_eq!(adapter.delete(id).await.unwrap_err().kind, FaultKind::Refused(Kind::NameInvalid));
        assert!(adapter.clear_escrow(id).await.is_err());
        assert!(adapter.update(id, Changes { name: None, description: Some("") }).await.is_err());
    }
    let seen = cloud.seen();
    assert_eq!((seen.len(), seen[0].method(), seen[0].body.len()), (3, "DELETE", 0));
    assert!(matches!(operation(&seen[0]), Operation::Delete(name) if name == "a"));
}

#[tokio::test]
async fn a_token_goes_unsigned() {
    let cloud = Scripted::start([told(Answer::Deleted)]).await;
    adapter(&cloud.url(), Access::Token(secret("iamTOKEN"))).delete("a").await.unwrap();
    let seen = cloud.seen();
    assert_eq!(seen[0].header("x-auth-token"), Some("iamTOKEN"));
    assert_eq!((seen[0].header("authorization"), seen[0].header("x-sdk-date")), (None, None));
}

#[tokio::test]
async fn temporary_credentials_and_a_path_before_all_paths_are_signed() {
    let cloud = Scripted::start([told(Answer::Deleted)]).await;
    let access = Access::Keys(credentials(Some("stsTOKEN")));
    adapter(&format!("{}/kps", cloud.url()), access).delete("a").await.unwrap();
    let seen = cloud.seen();
    assert_eq!(seen[0].header("x-security-token"), Some("stsTOKEN"));
    assert_eq!(seen[0].target(), format!("/kps/v3/{PROJECT}/keypairs/a"));
    let request = seen[0].request();
    Claim::read(&request).unwrap().check(&request, &secret("SKTEST"), THEN).unwrap();
}
