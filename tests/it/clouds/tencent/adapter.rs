//! The adapter against a scripted cloud: what it sends, what it makes of answers, and what it knows after bad weather.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use keypairs::clock::ManualClock;
use keypairs::dialect::tencent::{Call, Claim, Filter, Tag, Wanted};
use keypairs::dialect::{Credentials, Kind};
use keypairs::model::{EncryptionChoice, Labels, ProviderKind, ProviderName, Wishes};
use keypairs::provider::tencent::Tencent;
use keypairs::provider::{Account, Changes, Endpoint, Fault, FaultKind, Find, New, Provider};
use keypairs::secret::SecretText;
use keypairs::sshkey::PublicKey;
use serde_json::{Value, json};

use crate::clouds::scripted::{PATIENT, Reply, Scripted, Seen, nobody, outbound};

fn adapter(url: &str, timeout: Duration) -> Tencent {
    let credentials = Credentials {
        access_key: "AKIDTEST".to_owned(),
        secret_key: SecretText::new("SKTEST".to_owned()),
        security_token: Some(SecretText::new("TOKEN".to_owned())),
    };
    let account = Account { endpoint: Endpoint::parse(url).unwrap(), region: "ap-guangzhou".to_owned(), credentials };
    let name = ProviderName::parse("provider", "tencent-gz").unwrap();
    Tencent::new(name, account, 7, outbound(timeout), Arc::new(ManualClock::at(NOW)))
}

/// A cloud with a script, and an adapter that speaks to it.
async fn stage(script: impl IntoIterator<Item = Reply>) -> (Scripted, Tencent) {
    let cloud = Scripted::start(script).await;
    let adapter = adapter(&cloud.url(), PATIENT);
    (cloud, adapter)
}

/// The one request that came, as the action that it is; its signature is that of the SDK's scheme.
fn only(cloud: Scripted) -> Call {
    let seen = cloud.seen();
    assert_eq!(seen.len(), 1);
    asked(&seen[0])
}

fn asked(seen: &Seen) -> Call {
    let request = seen.request();
    let claim = Claim::read(&request).unwrap();
    assert_eq!(claim.access_key(), "AKIDTEST");
    assert_eq!(claim.token().map(SecretText::expose), Some("TOKEN"));
    claim.check(&request, &SecretText::new("SKTEST".to_owned()), NOW).unwrap();
    assert_eq!((seen.method(), seen.target()), ("POST", "/"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("x-tc-region"), Some("ap-guangzhou"));
    Call::read(&request).unwrap()
}

fn answer(response: &Value) -> Reply {
    let mut response = response.clone();
    response["RequestId"] = json!("r-1");
    Reply::json(200, &json!({"Response": response}).to_string())
}

fn refusal(code: &str) -> Reply {
    answer(&json!({"Error": {"Code": code, "Message": "said\nso"}}))
}

fn new() -> New {
    let labels = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    New {
        name: "operation_key".to_owned(),
        description: "not sent".to_owned(),
        labels: Labels::parse("labels", labels).unwrap(),
        wishes: Wishes::default(),
    }
}

fn key() -> PublicKey {
    PublicKey::parse_line(&RSA).unwrap().0
}

/// A pair of the cloud, with a comment of the cloud's choice.
fn pair(number: usize, name: &str, key: &str) -> Value {
    json!({"KeyId": format!("skey-{number:08}"), "KeyName": name, "ProjectId": 0, "Description": "d", "PublicKey": key,
        "PrivateKey": null, "AssociatedInstanceIds": ["ins-1", "ins-2"], "CreatedTime": "2024-01-04T03:11:11Z",
        "Tags": []})
}

/// 250 pairs in pages of a hundred; the last one has our key and our name.
fn pages() -> Vec<Reply> {
    let all: Vec<Value> = (0..250)
        .map(|number| match number {
            249 => pair(number, "operation_key", &format!("{} skey-00000249", *RSA)),
            _ => pair(number, &format!("pair_{number}"), "ssh-rsa AAAA broken"),
        })
        .collect();
    all.chunks(100).map(|page| answer(&json!({"TotalCount": 250, "KeyPairSet": page}))).collect()
}

fn offsets(seen: &[Seen]) -> Vec<(u64, u64)> {
    let place = |seen: &Seen| match asked(seen) {
        Call::DescribeKeyPairs { offset, limit, .. } => (offset, limit),
        call => panic!("{call:?}"),
    };
    seen.iter().map(place).collect()
}

#[tokio::test]
async fn a_public_half_is_imported() {
    let (cloud, adapter) = stage([answer(&json!({"KeyId": "skey-4e5ty7i8"}))]).await;
    let done = adapter.import_public(&new(), &key()).await.unwrap();
    assert_eq!((done.request_id.as_str(), done.value.id.as_str()), ("r-1", "skey-4e5ty7i8"));
    assert_eq!((done.value.public, done.value.fingerprint.as_str()), (Some(key()), ""));
    let wanted = Call::ImportKeyPair {
        key_name: "operation_key".to_owned(),
        project_id: 7,
        public_key: RSA.to_string(),
        tags: vec![Tag { key: "team".to_owned(), value: "x".to_owned() }],
    };
    assert_eq!(only(cloud), wanted, "without a comment, in the configured project");
}

#[tokio::test]
async fn a_wish_for_a_project_overrides_the_configured_one() {
    let (cloud, adapter) = stage([answer(&json!({"KeyId": "skey-4e5ty7i8"}))]).await;
    let mut new = new();
    new.wishes.cloud_project_id = Some(0);
    adapter.import_public(&new, &key()).await.unwrap();
    let Call::ImportKeyPair { project_id, .. } = only(cloud) else { panic!() };
    assert_eq!(project_id, 0);
}

#[tokio::test]
async fn the_cloud_makes_a_pair() {
    let mut made = pair(1, "operation_key", &RSA);
    made["PrivateKey"] = json!("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n");
    let (cloud, adapter) = stage([answer(&json!({"KeyPair": made}))]).await;
    let (pair, private) = adapter.create(&new()).await.unwrap().value;
    assert_eq!((pair.id.as_str(), pair.public), ("skey-00000001", Some(key())));
    assert_eq!((pair.description.as_str(), pair.instance_count), ("d", Some(2)));
    assert_eq!(private.expose(), "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n");
    assert!(matches!(only(cloud), Call::CreateKeyPair { project_id: 7, .. }));
}

/// The cloud made a pair and did not tell all of it: there may be a pair now, and its private half is gone.
#[tokio::test]
async fn half_an_answer_is_an_unknown_outcome() {
    let broken_key = {
        let mut made = pair(1, "operation_key", "ssh-rsa AAAA broken");
        made["PrivateKey"] = json!("-----BEGIN RSA PRIVATE KEY-----\n");
        made
    };
    for made in [json!({"KeyPair": pair(1, "operation_key", &RSA)}), json!({"KeyPair": broken_key}), json!({})] {
        let (_cloud, adapter) = stage([answer(&made)]).await;
        let fault = adapter.create(&new()).await.err().unwrap();
        assert_eq!(
            (fault.kind, made["KeyPair"].is_null()),
            (FaultKind::Unknown, fault.request_id.is_empty()),
            "{made}"
        );
    }
    for imported in [json!({}), json!({"KeyId": ""}), json!({"KeyId": null}), json!({"KeyId": "../x"})] {
        let (_cloud, adapter) = stage([answer(&imported)]).await;
        assert_eq!(adapter.import_public(&new(), &key()).await.unwrap_err().kind, FaultKind::Unknown, "{imported}");
    }
}

/// The fault of drivers that ask once: with more keys than a page holds, the one that is wanted is on the last.
#[tokio::test]
async fn a_key_is_found_on_the_third_page() {
    let (cloud, adapter) = stage(pages()).await;
    let found = adapter.find(Find::Key(&key())).await.unwrap().value;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].name.as_str()), ("skey-00000249", "operation_key"));
    assert_eq!(offsets(&cloud.seen()), [(0, 100), (100, 100), (200, 100)]);
}

#[tokio::test]
async fn all_pages_are_walked_one_by_one() {
    let (cloud, adapter) = stage(pages()).await;
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = adapter.page(after.as_deref()).await.unwrap().value;
        assert_eq!(page.total, Some(250));
        ids.extend(page.items.into_iter().map(|pair| (pair.id, pair.public)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 250);
    assert_eq!(ids[249], ("skey-00000249".to_owned(), Some(key())));
    assert_eq!(ids[0].1, None, "a public half that nobody can read");
    assert_eq!(offsets(&cloud.seen()), [(0, 100), (100, 100), (200, 100)]);
    assert_eq!(adapter.page(Some("elsewhere")).await.unwrap_err().kind, FaultKind::Refused(Kind::ParameterInvalid));
}

/// A list that does not end, and one whose pages are empty although there should be more.
#[tokio::test]
async fn a_list_that_lies_ends() {
    let endless = || answer(&json!({"TotalCount": u32::MAX, "KeyPairSet": [pair(1, "a", &RSA)]}));
    let (_cloud, adapter) = stage((0..100).map(|_| endless())).await;
    assert_eq!(adapter.find(Find::Name("a")).await.unwrap_err().kind, FaultKind::Unknown);

    let twice = answer(&json!({"TotalCount": 5, "KeyPairSet": [pair(1, "a", &RSA), pair(1, "a", &RSA)]}));
    let empty = answer(&json!({"TotalCount": 5, "KeyPairSet": []}));
    let (cloud, adapter) = stage([twice, empty]).await;
    assert_eq!(adapter.find(Find::Name("a")).await.unwrap().value.len(), 1, "one pair, however often it is told");
    assert_eq!(offsets(&cloud.seen()), [(0, 100), (2, 100)]);
}

/// A list that does not say how many there are.
#[tokio::test]
async fn a_full_page_without_a_total_is_not_the_last() {
    let page = |from: usize, count: usize| {
        let set: Vec<_> = (from..from + count).map(|number| pair(number, "a", &RSA)).collect();
        answer(&json!({"TotalCount": null, "KeyPairSet": set}))
    };
    let (cloud, adapter) = stage([page(0, 100), page(100, 3)]).await;
    assert_eq!(adapter.find(Find::Name("a")).await.unwrap().value.len(), 103);
    assert_eq!(offsets(&cloud.seen()), [(0, 100), (100, 100)]);
}

/// Nothing says that the cloud's filter is exact.
#[tokio::test]
async fn a_name_is_found_exactly() {
    let set = [pair(1, "operation_key2", &RSA), pair(2, "operation_key", &RSA), pair(3, "Operation_Key", &RSA)];
    let (cloud, adapter) = stage([answer(&json!({"TotalCount": 3, "KeyPairSet": set}))]).await;
    let found = adapter.find(Find::Name("operation_key")).await.unwrap().value;
    assert_eq!(found.iter().map(|pair| pair.id.as_str()).collect::<Vec<_>>(), ["skey-00000002"]);
    let Call::DescribeKeyPairs { wanted, .. } = only(cloud) else { panic!() };
    assert_eq!(wanted, Wanted::Filters(vec![Filter::KeyName(vec!["operation_key".to_owned()])]));
}

#[tokio::test]
async fn an_id_is_found_or_there_is_none() {
    let one = answer(&json!({"TotalCount": 1, "KeyPairSet": [pair(1, "a", &RSA)]}));
    let (cloud, adapter) = stage([one]).await;
    assert_eq!(adapter.find(Find::Id("skey-00000001")).await.unwrap().value.len(), 1);
    let Call::DescribeKeyPairs { wanted, .. } = only(cloud) else { panic!() };
    assert_eq!(wanted, Wanted::Ids(vec!["skey-00000001".to_owned()]));

    let (cloud, adapter) = stage([]).await;
    assert_eq!(adapter.find(Find::Id("no/id")).await.unwrap().value, Vec::new());
    assert!(cloud.seen().is_empty());

    let none = answer(&json!({"TotalCount": 0, "KeyPairSet": []}));
    for reply in [none, refusal("InvalidKeyPairId.NotFound"), refusal("InvalidKeyPairId.Malformed")] {
        let (_cloud, adapter) = stage([reply]).await;
        let done = adapter.find(Find::Id("skey-00000001")).await.unwrap();
        assert_eq!((done.value, done.request_id.as_str()), (Vec::new(), "r-1"));
    }
}

#[tokio::test]
async fn name_and_description_change_in_one_request() {
    let (cloud, adapter) = stage([answer(&json!({}))]).await;
    let changes = Changes { name: Some("new_name"), description: Some("") };
    assert_eq!(adapter.update("skey-00000001", changes).await.unwrap().request_id, "r-1");
    let wanted = Call::ModifyKeyPairAttribute {
        key_id: "skey-00000001".to_owned(),
        key_name: Some("new_name".to_owned()),
        description: Some(String::new()),
    };
    assert_eq!(only(cloud), wanted);

    let (cloud, adapter) = stage([]).await;
    adapter.update("skey-00000001", Changes::default()).await.unwrap();
    assert!(cloud.seen().is_empty(), "nothing to change");
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    for reply in [answer(&json!({})), refusal("InvalidKeyPairId.NotFound")] {
        let (cloud, adapter) = stage([reply]).await;
        assert_eq!(adapter.delete("skey-00000001").await.unwrap().request_id, "r-1");
        assert_eq!(only(cloud), Call::DeleteKeyPairs { key_ids: vec!["skey-00000001".to_owned()] });
    }
    let (_cloud, adapter) = stage([refusal("InvalidParameterValue.KeyPairNotSupported")]).await;
    assert_eq!(adapter.delete("skey-00000001").await.unwrap_err().kind, FaultKind::Refused(Kind::InUse));
}

/// Errors come with status 200.
#[tokio::test]
async fn a_refusal_in_a_200_is_one() {
    let cases = [
        ("InvalidKeyPairName.Duplicate", FaultKind::Refused(Kind::NameTaken)),
        ("InvalidPublicKey.Duplicate", FaultKind::Refused(Kind::KeyTaken)),
        ("InvalidPublicKey.Malformed", FaultKind::Refused(Kind::KeyInvalid)),
        ("InvalidKeyPair.LimitExceeded", FaultKind::Refused(Kind::QuotaFull)),
        ("LimitExceeded.TagResourceQuota", FaultKind::Refused(Kind::TagQuotaFull)),
        ("InvalidProjectId.NotFound", FaultKind::Refused(Kind::ProjectUnknown)),
        ("AuthFailure.SignatureFailure", FaultKind::Refused(Kind::Unauthenticated)),
        ("AuthFailure.SignatureExpire", FaultKind::Refused(Kind::Expired)),
        ("AuthFailure.UnauthorizedOperation", FaultKind::Refused(Kind::Forbidden)),
        ("UnauthorizedOperation.Whatever", FaultKind::Refused(Kind::Forbidden)),
        ("InternalServerError", FaultKind::Unknown),
        ("InternalError", FaultKind::Unknown),
        ("NeverHeardOf", FaultKind::Unknown),
    ];
    for (code, kind) in cases {
        let (_cloud, adapter) = stage([refusal(code)]).await;
        let fault = adapter.import_public(&new(), &key()).await.unwrap_err();
        assert_eq!((fault.kind, fault.retry_after), (kind, None), "{code}");
        assert_eq!((&*fault.code, &*fault.message, &*fault.request_id), (code, "said so", "r-1"));
    }
}

#[tokio::test]
async fn too_many_requests_are_for_a_second_later() {
    for code in ["RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded"] {
        let (_cloud, adapter) = stage([refusal(code)]).await;
        let fault = adapter.delete("skey-00000001").await.unwrap_err();
        assert_eq!((fault.kind, fault.retry_after), (FaultKind::Unavailable, Some(Duration::from_secs(1))));
    }
}

/// What is known after bad weather: nothing is "failed" that may have been done, and nothing "unknown" that was not
/// sent.
#[tokio::test]
async fn bad_weather() {
    let truncated = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Response\":".to_vec();
    let large = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{".to_vec();
    let imported = r#"{"Response":{"KeyId":"skey-11112222","RequestId":"r"}}"#;
    let cases = [
        (Reply::json(500, imported), FaultKind::Unknown),
        (Reply::json(200, r#"{"Response":{"KeyId":"#), FaultKind::Unknown),
        (Reply::html(200), FaultKind::Unknown),
        (Reply::html(502), FaultKind::Unknown),
        (Reply::html(503), FaultKind::Unknown),
        (Reply::html(429), FaultKind::Unavailable),
        (Reply::html(403), FaultKind::Refused(Kind::Forbidden)),
        (Reply::html(404), FaultKind::Refused(Kind::Unsupported)),
        (Reply::html(302).with("location", "http://127.0.0.1:1/"), FaultKind::Refused(Kind::Malformed)),
        (Reply::Raw(truncated), FaultKind::Unknown),
        (Reply::Raw(large), FaultKind::Unknown),
        (Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()), FaultKind::Unknown),
        (Reply::Reset, FaultKind::Unknown),
    ];
    for (place, (reply, kind)) in cases.into_iter().enumerate() {
        let (cloud, adapter) = stage([reply]).await;
        let fault = adapter.import_public(&new(), &key()).await.unwrap_err();
        assert_eq!(fault.kind, kind, "case {place}: {}", fault.message);
        assert!(fault.message.len() <= 256 && !fault.message.contains("SKTEST"));
        assert_eq!(cloud.seen().len(), 1, "case {place}: one request, never a second try");
    }
    let refused: Fault = adapter(&nobody().await, PATIENT).import_public(&new(), &key()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unavailable, "{}", refused.message);

    for slow in [Reply::Silence, Reply::Drip] {
        let cloud = Scripted::start([slow]).await;
        let impatient = adapter(&cloud.url(), Duration::from_millis(200));
        assert_eq!(impatient.import_public(&new(), &key()).await.unwrap_err().kind, FaultKind::Unknown);
    }
}

#[tokio::test]
async fn it_keeps_no_private_halves() {
    let (cloud, adapter) = stage([]).await;
    let private = SecretText::new("-----BEGIN PRIVATE KEY-----".to_owned());
    let unsupported = FaultKind::Refused(Kind::Unsupported);
    assert_eq!(
        adapter.escrow("skey-00000001", &private, &EncryptionChoice::Default).await.unwrap_err().kind,
        unsupported
    );
    assert!(adapter.escrowed("skey-00000001").await.is_err_and(|fault| fault.kind == unsupported));
    assert_eq!(adapter.clear_escrow("skey-00000001").await.unwrap_err().kind, unsupported);
    assert!(cloud.seen().is_empty());

    let spec = adapter.spec();
    assert_eq!((spec.kind, spec.region.as_str()), (ProviderKind::Tencent, "ap-guangzhou"));
    let can = &spec.can;
    assert!(!can.escrows && can.names_are_unique && can.renames && can.tags && !can.describes_when_placing);
    assert!(can.wishes.cloud_project_id && !can.wishes.owner);
    assert_eq!((can.description, can.quota), (Some(60), Some(100)));
    for (name, fits) in [("a", true), ("_Z9", true), ("", false), ("a-b", false), ("密", false)] {
        assert_eq!(can.name.fits(name), fits, "{name}");
    }
    assert!(can.name.fits(&"a".repeat(25)) && !can.name.fits(&"a".repeat(26)));
}

/// What a cloud answers is foreign: none of it gets into an error but short, printable words.
#[tokio::test]
async fn words_of_the_cloud_are_made_fit() {
    let error = json!({"Error": {"Code": "Invalid\u{1b}[31m", "Message": format!("SKTEST {}", "x".repeat(9999))}});
    let (_cloud, adapter) = stage([answer(&error)]).await;
    let fault = adapter.delete("skey-00000001").await.unwrap_err();
    assert!(!fault.message.contains("SKTEST") && fault.message.len() <= 256 && fault.code.is_empty());
    assert_eq!(fault.kind, FaultKind::Unknown);
}

const NOW: i64 = 1_800_000_000_000;

/// An OpenSSH line without a comment and without a line end.
static RSA: LazyLock<&str> = LazyLock::new(|| include_str!("../../../vectors/keys/line-rsa-no-comment.pub").trim_end());
