//! The adapter against a scripted cloud: what it sends, what it makes of answers, and what it says when the weather is
//! bad.

use std::sync::Arc;
use std::time::Duration;

use keypairs::clock::ManualClock;
use keypairs::dialect::baidu::{Call, Claim};
use keypairs::dialect::{Credentials, Kind};
use keypairs::model::{EncryptionChoice, Labels, ProviderKind, ProviderName, Wishes};
use keypairs::outbound::ANSWER_LIMIT;
use keypairs::provider::baidu::{Baidu, NAMES, NEW_NAMES};
use keypairs::provider::{Account, Changes, Done, Endpoint, Fault, FaultKind, Find, New, Provider};
use keypairs::secret::SecretText;
use keypairs::sshkey::{Algorithm, PublicKey};
use serde_json::json;

use super::tell;
use crate::clouds::scripted::{PATIENT, Reply, Scripted, Seen, nobody, outbound};

const AT: i64 = 1_800_000_000_000;

fn baidu_at(endpoint: &str, timeout: Duration) -> Baidu {
    let security_token = Some(SecretText::new("session/1".to_owned()));
    let secret_key = SecretText::new("SKTEST".to_owned());
    let credentials = Credentials { access_key: "AKTEST".to_owned(), secret_key, security_token };
    let account = Account { endpoint: Endpoint::parse(endpoint).unwrap(), region: "bj".to_owned(), credentials };
    let name = ProviderName::parse("name", "baidu-bj").unwrap();
    Baidu::new(name, account, outbound(timeout), Arc::new(ManualClock::at(AT)))
}

async fn scripted(script: impl IntoIterator<Item = Reply>) -> (Scripted, Baidu) {
    let cloud = Scripted::start(script).await;
    let baidu = baidu_at(&cloud.url(), PATIENT);
    (cloud, baidu)
}

/// What a cloud of theirs would understand, after it has checked the signature as a face does.
fn understood(cloud: Scripted) -> Vec<String> {
    let host = cloud.host();
    let tell = |seen: Seen| {
        let request = seen.request();
        assert_eq!(seen.header("host"), Some(&*host));
        assert_eq!(seen.header("content-length"), Some(&*seen.body.len().to_string()), "{}: it is signed", seen.line);
        assert_eq!(seen.header("x-bce-security-token"), Some("session/1"));
        let claim = Claim::read(&request).unwrap();
        assert_eq!(claim.access_key(), "AKTEST");
        assert_eq!(claim.check(&request, &SecretText::new("SKTEST".to_owned()), AT), Ok(()), "{}", seen.line);
        tell(&Call::read(&request).unwrap())
    };
    cloud.seen().into_iter().map(tell).collect()
}

fn new(name: &str, description: &str) -> New {
    let (labels, wishes) = (Labels::default(), Wishes::default());
    New { name: name.into(), description: description.into(), labels, wishes }
}

/// Three keys, made by ssh-keygen: an RSA one, and two on the curve P-256.
fn keys() -> [PublicKey; 3] {
    include_str!("keys.pub")
        .lines()
        .map(|line| PublicKey::parse_line(line).unwrap().0)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

fn model(id: &str, name: &str, key: &PublicKey) -> serde_json::Value {
    json!({
        "keypairId": id, "name": name, "description": "d", "publicKey": key.line("root@their host"), "regionId": "bj",
        "fingerPrint": key.fingerprint_md5(), "instanceCount": 2, "createdTime": "2026-11-24T10:00:00Z",
    })
}

fn one(model: &serde_json::Value) -> Reply {
    Reply::json(200, &json!({ "keypair": model }).to_string()).with("x-bce-request-id", "r-1")
}

fn page(models: &[serde_json::Value], next: Option<&str>) -> Reply {
    let mut page = json!({ "marker": "", "isTruncated": next.is_some(), "maxKeys": 1000, "keypairs": models });
    if let Some(next) = next {
        page["nextMarker"] = next.into();
    }
    Reply::json(200, &page.to_string()).with("x-bce-request-id", "r-2")
}

fn wrong(status: u16, code: &str) -> Reply {
    let body = json!({ "code": code, "message": format!("About {code}."), "requestId": "r-3" });
    Reply::json(status, &body.to_string())
}

fn empty() -> Reply {
    Reply::Answer(200, vec![("x-bce-request-id", "r-4".into())], Vec::new())
}

fn kind<T>(outcome: Result<T, Fault>) -> FaultKind {
    outcome.err().expect("a fault").kind
}

#[tokio::test]
async fn a_public_half_is_placed() {
    let [key, ..] = keys();
    let (cloud, baidu) = scripted([one(&model("k-1", "a/密", &key))]).await;
    let Done { value: pair, request_id } = baidu.import_public(&new("a/密", "d"), &key).await.unwrap();
    assert_eq!((&*pair.id, &*pair.name, &*pair.description), ("k-1", "a/密", "d"));
    assert_eq!((pair.public.as_ref(), pair.instance_count, pair.is_escrowed), (Some(&key), Some(2), false));
    assert_eq!((pair.fingerprint, request_id), (key.fingerprint_md5(), "r-1".to_owned()));
    let sent = understood(cloud);
    let line = key.line("");
    let wanted = format!("import New {{ name: \"a/密\", description: \"d\", client_token: None }} {line:?}");
    assert_eq!(sent, [wanted]);
}

#[tokio::test]
async fn what_is_sent_has_no_comment_and_no_empty_description() {
    let [key, ..] = keys();
    let (cloud, baidu) = scripted([one(&model("k-1", "a", &key))]).await;
    baidu.import_public(&new("a", ""), &key).await.unwrap();
    assert_eq!(cloud.seen()[0].json(), json!({ "name": "a", "publicKey": key.line("") }));
}

#[tokio::test]
async fn the_private_half_of_a_pair_made_there_comes_back() {
    let [key, ..] = keys();
    let private = "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n";
    let mut made = model("k-1", "a", &key);
    made["privateKey"] = private.into();
    let without = model("k-2", "a", &key);
    let (cloud, baidu) = scripted([one(&made), one(&without)]).await;
    let (pair, half) = baidu.create(&new("a", "")).await.unwrap().value;
    assert_eq!((&*pair.id, half.expose()), ("k-1", private));
    // A pair without it is of no use, and it is there: the settler has to look for it.
    let fault = baidu.create(&new("a", "")).await.err().unwrap();
    assert_eq!((fault.kind, &*fault.request_id), (FaultKind::Unknown, "r-1"));
    assert_eq!(understood(cloud).len(), 2);
}

#[tokio::test]
async fn pairs_are_found_on_every_page() {
    let [rsa, one_curve, other] = keys();
    let mut strange = model("k-5", "b", &rsa);
    strange["publicKey"] = "ssh-unknown AAAA".into();
    let pages = || {
        let first = page(&[model("k-1", "a", &rsa), model("k-2", "b", &one_curve)], Some("k-3"));
        [first, page(&[model("k-3", "a", &other), model("k-4", "c", &rsa), strange.clone()], None)]
    };
    let (cloud, baidu) = scripted(pages().into_iter().chain(pages()).chain(pages())).await;
    let ids = |found: Done<Vec<keypairs::provider::Remote>>| -> Vec<String> {
        found.value.into_iter().map(|pair| pair.id).collect()
    };
    assert_eq!(ids(baidu.find(Find::Name("a")).await.unwrap()), ["k-1", "k-3"], "names are not unique");
    assert_eq!(ids(baidu.find(Find::Key(&rsa)).await.unwrap()), ["k-1", "k-4"]);
    let none = baidu.find(Find::Name("A")).await.unwrap();
    assert_eq!((none.value.len(), &*none.request_id), (0, "r-2"));
    let both = ["list None Some(300) None", "list Some(\"k-3\") Some(300) None"];
    assert_eq!(understood(cloud), [both, both, both].concat());
}

#[tokio::test]
async fn pages_are_told_one_by_one() {
    let [key, ..] = keys();
    let (cloud, baidu) = scripted([page(&[model("k-1", "a", &key)], Some("k-2")), page(&[], None)]).await;
    let first = baidu.page(None).await.unwrap().value;
    assert_eq!((first.items.len(), first.next.as_deref(), first.total), (1, Some("k-2"), None));
    let last = baidu.page(first.next.as_deref()).await.unwrap().value;
    assert_eq!((last.items.len(), last.next), (0, None));
    assert_eq!(understood(cloud)[1], "list Some(\"k-2\") Some(300) None");
}

/// A list that is cut short must not look like a whole one: what is missing in it would be placed again.
#[tokio::test]
async fn a_list_without_an_end_is_a_fault() {
    let [key, ..] = keys();
    let round = || page(&[model("k-1", "a", &key)], Some("k-1"));
    let (cloud, baidu) = scripted([round(), round()]).await;
    assert_eq!(kind(baidu.find(Find::Name("z")).await), FaultKind::Unknown);
    assert_eq!(cloud.seen().len(), 2, "it stops as soon as a marker comes again");
    let more = r#"{"keypairs":[],"isTruncated":true}"#;
    let nameless = r#"{"keypairs":[{"name":"a"}],"isTruncated":false}"#;
    let (_cloud, baidu) = scripted([Reply::json(200, more), Reply::json(200, nameless)]).await;
    assert_eq!(kind(baidu.find(Find::Name("z")).await), FaultKind::Unknown, "more follow, and it does not say where");
    assert_eq!(kind(baidu.page(None).await), FaultKind::Unknown, "a pair without an id");
}

#[tokio::test]
async fn one_pair_is_found_by_its_id() {
    let [key, ..] = keys();
    let (cloud, baidu) =
        scripted([one(&model("k-1", "a", &key)), wrong(404, "Keypair.KeypairNotExist"), wrong(403, "AccessDenied")])
            .await;
    assert_eq!(baidu.find(Find::Id("k-1")).await.unwrap().value[0].id, "k-1");
    let gone = baidu.find(Find::Id("k-2")).await.unwrap();
    assert_eq!((gone.value.len(), &*gone.request_id), (0, "r-3"));
    assert_eq!(kind(baidu.find(Find::Id("k-3")).await), FaultKind::Refused(Kind::Forbidden));
    for id in ["", "..", "a/b"] {
        assert!(baidu.find(Find::Id(id)).await.unwrap().value.is_empty(), "{id:?} is asked for nowhere");
    }
    assert_eq!(understood(cloud), ["get \"k-1\"", "get \"k-2\"", "get \"k-3\""]);
}

#[tokio::test]
async fn names_and_descriptions_follow() {
    let (cloud, baidu) = scripted([empty(), empty(), empty(), wrong(404, "Keypair.KeypairNotExist")]).await;
    let changes = |name, description| Changes { name, description };
    assert_eq!(baidu.update("k-1", changes(Some("b.c"), Some(""))).await.unwrap().request_id, "r-4");
    baidu.update("k-1", changes(None, Some("d"))).await.unwrap();
    baidu.update("k-1", changes(None, None)).await.unwrap();
    let gone = baidu.update("k-1", changes(Some("b"), Some("not sent"))).await;
    assert_eq!(kind(gone), FaultKind::Refused(Kind::NotFound));
    let wanted = ["rename \"k-1\" \"b.c\"", "describe \"k-1\" \"\"", "describe \"k-1\" \"d\"", "rename \"k-1\" \"b\""];
    assert_eq!(understood(cloud), wanted);
    assert_eq!(kind(baidu.update("../x", changes(Some("b"), None)).await), FaultKind::Refused(Kind::ParameterInvalid));
}

/// Only Baidu's own word says that a pair is gone: the 404 of a gateway on the way does not.
#[tokio::test]
async fn what_is_gone_is_deleted() {
    let script = [
        empty(),
        wrong(404, "Keypair.KeypairNotExist"),
        wrong(403, "Keypair.DeleteKeypairInUse"),
        wrong(404, "InvalidVersion"),
        wrong(404, "NoSuchThing"),
        Reply::html(404),
        Reply::html(200),
    ];
    let (cloud, baidu) = scripted(script).await;
    assert_eq!(baidu.delete("k-1").await.unwrap().request_id, "r-4");
    assert_eq!(baidu.delete("k-1").await.unwrap().request_id, "r-3");
    assert_eq!(kind(baidu.delete("k-1").await), FaultKind::Refused(Kind::InUse));
    for _ in 0..3 {
        assert_eq!(kind(baidu.delete("k-1").await), FaultKind::Refused(Kind::Unsupported));
    }
    assert_eq!(kind(baidu.delete("k-1").await), FaultKind::Unknown, "a page of HTML is no answer of Baidu's");
    assert_eq!(kind(baidu.delete("").await), FaultKind::Refused(Kind::ParameterInvalid), "never the whole collection");
    assert_eq!(understood(cloud), ["delete \"k-1\""; 7]);
}

#[tokio::test]
async fn refusals_carry_the_clouds_own_words() {
    let [key, ..] = keys();
    let cases = [
        (413, "Keypair.KeypairQuotaExceedLimit", FaultKind::Refused(Kind::QuotaFull)),
        (400, "Keypair.KeypairNameInvalid", FaultKind::Refused(Kind::NameInvalid)),
        (400, "Keypair.KeypairDescriptionInvalid", FaultKind::Refused(Kind::DescriptionInvalid)),
        (400, "Keypair.KeypairPublicKeyExist", FaultKind::Refused(Kind::KeyTaken)),
        (400, "Keypair.PublicKeyFormatInvalid", FaultKind::Refused(Kind::KeyInvalid)),
        (403, "InvalidAccessKeyId", FaultKind::Refused(Kind::Unauthenticated)),
        (400, "SignatureDoesNotMatch", FaultKind::Refused(Kind::Unauthenticated)),
        (400, "RequestExpired", FaultKind::Refused(Kind::Expired)),
        (500, "InternalError", FaultKind::Unknown),
        (400, "Keypair.SomethingNew", FaultKind::Refused(Kind::Malformed)),
        (503, "SomethingNew", FaultKind::Unknown),
        (429, "SomethingNew", FaultKind::Unavailable),
    ];
    let (cloud, baidu) = scripted(cases.map(|(status, code, _)| wrong(status, code).with("retry-after", "2"))).await;
    for (_, code, kind) in cases {
        let fault = baidu.import_public(&new("a", ""), &key).await.unwrap_err();
        assert_eq!((fault.kind, &*fault.code, fault.message), (kind, code, format!("About {code}.")));
        assert_eq!((&*fault.request_id, fault.retry_after), ("r-3", Some(Duration::from_secs(2))));
    }
    assert_eq!(understood(cloud).len(), cases.len());
}

/// A cloud, or who plays one, may tell our own secrets back, or write what a terminal would obey.
#[tokio::test]
async fn what_a_cloud_says_is_cleaned() {
    let [key, ..] = keys();
    let echo = |message: &str| {
        Reply::json(400, &json!({ "code": "A\nB", "message": message, "requestId": "\u{1b}" }).to_string())
    };
    let (_cloud, baidu) =
        scripted([echo("your key SKTEST"), echo("x-bce-security-token:session%2F1"), echo("\u{1b}[2Jno\nline")]).await;
    for message in ["the cloud's words are left out: they hold a secret"; 2].into_iter().chain(["?[2Jno line"]) {
        let fault = baidu.import_public(&new("a", ""), &key).await.unwrap_err();
        assert_eq!((&*fault.message, &*fault.code, &*fault.request_id), (message, "", ""));
    }
}

/// After any of these a pair may be there or not: only a look can tell.
#[tokio::test]
async fn an_unclear_answer_to_a_write_is_an_unknown_outcome() {
    let [key, ..] = keys();
    let huge = vec![b' '; ANSWER_LIMIT + 1];
    let endless = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(),
        b"100000\r\n",
        &vec![b'x'; 0x10_0000],
        b"\r\n1\r\nx\r\n0\r\n\r\n",
    ]
    .concat();
    let script = [
        wrong(500, "InternalError"),
        Reply::Answer(500, Vec::new(), Vec::new()),
        Reply::html(502),
        Reply::html(200),
        Reply::json(200, "{\"keypair\":{\"keypairId\":\"k-1\""),
        Reply::json(200, "{}"),
        Reply::json(200, r#"{"keypair":{"keypairId":"../../x"}}"#),
        Reply::Answer(200, Vec::new(), huge),
        Reply::Raw(endless),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"key".to_vec()),
        Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec()),
        Reply::Raw(Vec::new()),
        Reply::Reset,
    ];
    let count = script.len();
    let (cloud, baidu) = scripted(script).await;
    for number in 0..count {
        let fault = baidu.import_public(&new("a", ""), &key).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown, "reply {number}: {}", fault.message);
    }
    assert_eq!(cloud.seen().len(), count, "each was sent once");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let [key, ..] = keys();
    let elsewhere = Scripted::start([]).await;
    let away = Reply::Answer(307, vec![("location", elsewhere.url())], Vec::new());
    let (_cloud, baidu) = scripted([away]).await;
    assert!(matches!(kind(baidu.import_public(&new("a", ""), &key).await), FaultKind::Refused(_)));
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn silence_and_dripping_are_unknown_outcomes_in_bounded_time() {
    let [key, ..] = keys();
    let cloud = Scripted::start([Reply::Silence, Reply::Drip]).await;
    let baidu = baidu_at(&cloud.url(), Duration::from_millis(300));
    assert_eq!(kind(baidu.import_public(&new("a", ""), &key).await), FaultKind::Unknown);
    assert_eq!(kind(baidu.delete("k-1").await), FaultKind::Unknown);
}

#[tokio::test]
async fn where_nobody_listens_nothing_happened() {
    let [key, ..] = keys();
    let baidu = baidu_at(&nobody().await, PATIENT);
    let fault = baidu.import_public(&new("a", ""), &key).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unavailable, "{}", fault.message);
    assert_eq!(kind(baidu.page(None).await), FaultKind::Unavailable);
}

#[tokio::test]
async fn what_baidu_can_do() {
    let baidu = baidu_at("https://bcc.bj.example.com", PATIENT);
    let spec = baidu.spec();
    assert_eq!((spec.name.as_str(), spec.kind, &*spec.region), ("baidu-bj", ProviderKind::Baidu, "bj"));
    let can = &spec.can;
    assert_eq!((can.names_are_unique, can.renames, can.describes_when_placing), (false, true, true));
    assert_eq!((can.tags, can.escrows, can.description, can.quota), (false, false, Some(140), Some(500)));
    assert!(can.keys.iter().all(|rule| rule.bits.is_empty()), "no page tells sizes");
    let taken: Vec<Algorithm> = can.keys.iter().map(|rule| rule.algorithm).collect();
    assert_eq!(taken, [Algorithm::Rsa, Algorithm::Dsa, Algorithm::Ecdsa]);
    let private = SecretText::new("x".to_owned());
    let choice = EncryptionChoice::Default;
    for fault in [
        baidu.escrow("k-1", &private, &choice).await.err(),
        baidu.escrowed("k-1").await.err(),
        baidu.clear_escrow("k-1").await.err(),
    ] {
        assert_eq!(fault.unwrap().kind, FaultKind::Refused(Kind::Unsupported));
    }
}

/// Rows 3 to 17 of the table of bad inputs, as far as they are Baidu's.
#[test]
fn names_have_baidus_grammar() {
    let longest = format!("a{}", "密".repeat(64));
    for good in ["a", "Z9", "a-_/b", "a密钥", &longest] {
        assert!(NAMES.fits(good) && NEW_NAMES.fits(good), "{good}");
    }
    let too_long = format!("{longest}钥");
    let odd = [
        "",
        " ",
        "9a",
        "-a",
        "密a",
        "a b",
        "a\0",
        "a\n",
        "a ",
        "a\u{202e}",
        "a\u{200d}",
        "e\u{301}",
        "aａ",
        "aа",
        "a🔑",
    ];
    for bad in odd.into_iter().chain([&*too_long, "../x", "a%s", "a;b", "a$(x)"]) {
        assert!(!NAMES.fits(bad) && !NEW_NAMES.fits(bad), "{bad:?}");
    }
    assert!(!NAMES.fits("a.b") && NEW_NAMES.fits("a.b") && !NEW_NAMES.fits(".b"), "dots come with a new name only");
}
