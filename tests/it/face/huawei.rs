//! The face of Huawei KPS in this process, over a house: what its SDK cannot be made to send, and what other doors do to
//! what it shows. What the SDK can is in tests/sdk.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use keypairs::clock::ManualClock;
use keypairs::dialect::huawei::{sign, with_token};
use keypairs::dialect::{Credentials, Kind, Request};
use keypairs::face::{Account, Cloud, Face, Huawei, Limits, Parts, Rate, Told};
use keypairs::model::{ProviderKind, UserId};
use keypairs::secret::{SecretBytes, SecretText};
use keypairs::service::call::CallId;
use keypairs::sshkey::KeySpec;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::bed;
use crate::house::{House, by_name, project, row_key};

/// The face of one account, `alice` of `PROJECT` and of our project `p`.
struct Bed {
    house: House,
    face: Arc<Face>,
}

/// One answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    request_id: String,
    told: Told,
    body: Value,
}

impl Bed {
    fn new() -> Self {
        Self::with_rate(0)
    }

    fn with_rate(rate: u32) -> Self {
        let house = House::in_memory();
        let account = |key: &str, secret: Option<&str>, token: Option<&str>| Account {
            cloud: ProviderKind::Huawei,
            access_key: key.to_owned(),
            secret_key: secret.map(text),
            token: token.map(text),
            project: project("p"),
            user_id: UserId::parse("", "alice").unwrap(),
            region: "cn-north-4".to_owned(),
            cloud_project_id: PROJECT.to_owned(),
            cloud_project_ids: Vec::new(),
            quota: None,
            resources_per_tag: None,
            rate: Rate::per_second(rate),
        };
        let face = Face::new(Parts {
            service: house.service.clone(),
            clock: Arc::new(ManualClock::at(NOW)),
            accounts: vec![account("AK", Some("SK"), Some("token")), account("TOKENS", None, Some("other token"))],
            clouds: vec![Arc::new(Huawei)],
            limits: Limits::with_deadline(std::time::Duration::from_secs(60)),
            seed: 7,
            calls: TaskTracker::new(),
            observer: Arc::new(|_, _, _| ()),
        });
        Self { house, face }
    }

    async fn send(&self, request: Request) -> Seen {
        let answer = Huawei.answer(&self.face, request, bed::call()).await;
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Seen {
            status: answer.status().as_u16(),
            request_id: header("x-request-id").unwrap_or_default(),
            told: *answer.extensions().get().expect("what it was"),
            body: serde_json::from_slice(answer.body().expose()).unwrap_or_default(),
        }
    }

    /// Asks with the token.
    async fn ask(&self, method: &str, path: &str, body: Value) -> Seen {
        let mut request = request(method, &format!("/v3/{PROJECT}/{path}"), body);
        with_token(&mut request, &text("token")).unwrap();
        self.send(request).await
    }

    async fn create(&self, keypair: Value) -> Seen {
        self.ask("POST", "keypairs", json!({ "keypair": keypair })).await
    }

    async fn import_private(&self, keypair: Value) -> Seen {
        self.ask("POST", "keypairs/private-key/import", json!({ "keypair": keypair })).await
    }

    /// Names of a page, and the marker of the next.
    async fn list(&self, query: &str) -> (Vec<String>, Option<String>) {
        let seen = self.ask("GET", &format!("keypairs{query}"), Value::Null).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let pairs = seen.body["keypairs"].as_array().unwrap();
        let names: Vec<_> = pairs.iter().map(|pair| pair["keypair"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(seen.body["page_info"]["current_count"], names.len());
        (names, seen.body["page_info"]["next_marker"].as_str().map(str::to_owned))
    }

    /// A pair made through gRPC's door.
    async fn made(&self, project: &str, name: &str) {
        self.house.create(project, name, KeySpec::Ed25519).await.unwrap();
    }
}

impl Seen {
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, &self.body["error_code"]), (status, &Value::from(code)), "{self:?}");
        assert_eq!(self.told.code, code);
        let fields: BTreeSet<_> = self.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(["error_code", "error_msg"]));
        assert_eq!(self.request_id, ID);
    }

    fn fine(&self) -> &Value {
        assert!((200..300).contains(&self.status) && self.told.code.is_empty(), "{self:?}");
        assert_eq!(self.request_id, ID);
        &self.body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_known_before_what_is_asked() {
    let bed = Bed::new();
    let path = format!("/v3/{PROJECT}/keypairs");
    let broken = || request("POST", &path, json!("no keypair"));
    bed.send(broken()).await.refused(401, "KPS.9001");
    bed.send(request("GET", "/v3/x/nothing", Value::Null)).await.refused(401, "KPS.9001");
    let signed = |key: &str, secret: &str, now, mut request: Request| {
        let credentials = Credentials { access_key: key.to_owned(), secret_key: text(secret), security_token: None };
        sign(&mut request, &credentials, now).unwrap();
        request
    };
    for (key, secret, now) in [
        ("AK", "another", NOW),
        ("nobody", "SK", NOW),
        ("AK", "SK", NOW - 901_000),
        ("AK", "SK", NOW + 901_000),
        // Its account has a token and no secret key: an empty one does not do.
        ("TOKENS", "", NOW),
    ] {
        bed.send(signed(key, secret, now, broken())).await.refused(401, "APIGW.0301");
    }
    bed.send(signed("AK", "SK", NOW, broken())).await.refused(400, "KPS.0002");
    let nowhere = bed.send(signed("AK", "SK", NOW, request("GET", &format!("{path}/a/b/c"), Value::Null))).await;
    nowhere.refused(404, "APIGW.0101");
    assert_eq!(nowhere.told.action, "_OTHER");
    let kms = request("POST", &format!("/v1.0/{PROJECT}/kms/list-keys"), json!({}));
    bed.send(signed("AK", "SK", NOW, kms)).await.refused(404, "APIGW.0101");
    for token in ["token", "other token"] {
        let mut asked = request("GET", &path, Value::Null);
        with_token(&mut asked, &text(token)).unwrap();
        bed.send(asked).await.fine();
    }
}

/// A foreign project is told before the body is read, wherever it stands.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_asks_in_its_own_project() {
    let bed = Bed::new();
    for (in_path, in_header) in [("foreign", None), ("", None), ("foreign", Some(PROJECT)), (PROJECT, Some("foreign"))]
    {
        let mut asked = request("POST", &format!("/v3/{in_path}/keypairs"), json!("no keypair"));
        if let Some(project) = in_header {
            asked.headers_mut().insert("x-project-id", project.parse().unwrap());
        }
        with_token(&mut asked, &text("token")).unwrap();
        bed.send(asked).await.refused(403, "KPS.9003");
    }
    let projects = |query: &str| {
        let mut asked = request("GET", &format!("/v3/projects{query}"), Value::Null);
        with_token(&mut asked, &text("token")).unwrap();
        asked
    };
    let own = json!({"projects": [{"id": PROJECT, "name": "cn-north-4"}]});
    for (query, found) in [("", &own), ("?name=cn-north-4", &own), ("?name=cn-east-3", &json!({"projects": []}))] {
        assert_eq!(bed.send(projects(query)).await.fine(), found, "{query}");
    }
}

/// Whoever made it; but a name that cannot be said here is not told here.
#[tokio::test(flavor = "multi_thread")]
async fn pairs_of_other_doors_are_shown() {
    let bed = Bed::new();
    for name in ["first", "dots.are.not", "密钥", "slash/es", "last"] {
        bed.made("p", name).await;
    }
    bed.made("elsewhere", "foreign").await;
    let (names, marker) = bed.list("").await;
    assert_eq!((names, marker), (vec!["first".to_owned(), "last".to_owned()], None));
    bed.ask("GET", "keypairs/foreign", Value::Null).await.refused(400, "KPS.4016");
    bed.ask("GET", "keypairs/dots.are.not", Value::Null).await.refused(400, "KPS.0002");
    // Of the form of our ids: no pair is called so, and none can be.
    let id = "kp-018f3a9c5b7e7000800000000000abcd";
    bed.ask("DELETE", &format!("keypairs/{id}"), Value::Null).await.refused(400, "KPS.4016");
    bed.create(json!({ "name": id })).await.refused(400, "KPS.0002");

    let seen = bed.ask("GET", "keypairs/first", Value::Null).await;
    let pair = &seen.fine()["keypair"];
    let fields: BTreeSet<_> = pair.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = "name id type scope public_key fingerprint is_key_protection deleted description user_id \
                      create_time delete_time update_time frozen_state key_id algorithm";
    assert_eq!(fields, documented.split_whitespace().collect());
    assert_eq!((&pair["scope"], &pair["frozen_state"]), (&json!("user"), &json!(0)));
    assert_eq!((&pair["algorithm"], &pair["is_key_protection"]), (&json!("ssh-ed25519"), &json!(true)));
    assert_eq!(pair["create_time"], 1_800_000_000_000_i64, "milliseconds");
    let again = bed.ask("GET", "keypairs/first", Value::Null).await;
    let other = bed.ask("GET", "keypairs/last", Value::Null).await;
    assert_eq!(again.body["keypair"]["id"], pair["id"]);
    assert!(pair["id"].as_i64().unwrap() > 0 && other.body["keypair"]["id"] != pair["id"]);

    // What this service keeps of it can be exported: RSA as create gives it, others as ssh reads them.
    let exported = |name: &str| json!({"keypair": {"name": name}});
    let seen = bed.ask("POST", "keypairs/private-key/export", exported("first")).await;
    let private = seen.fine()["keypair"]["private_key"].as_str().unwrap().to_owned();
    assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    bed.ask("DELETE", "keypairs/first", Value::Null).await.fine();
    assert!(bed.house.get(&by_name("p", "first")).await.is_err());
}

/// A page goes on where the last one ended, though that pair is gone by now.
#[tokio::test(flavor = "multi_thread")]
async fn pages_survive_deletions() {
    let bed = Bed::new();
    for number in 0..7 {
        bed.made("p", &format!("n{number}")).await;
        bed.made("p", &format!("hidden.{number}")).await;
    }
    let (names, marker) = bed.list("?limit=3").await;
    assert_eq!(names, ["n0", "n1", "n2"]);
    bed.house.delete(&by_name("p", "n2"), true).await.unwrap();
    let (names, marker) = bed.list(&format!("?limit=3&marker={}", marker.unwrap())).await;
    assert_eq!(names, ["n3", "n4", "n5"]);
    let (names, marker) = bed.list(&format!("?limit=3&marker={}", marker.unwrap())).await;
    assert_eq!((names, marker), (vec!["n6".to_owned()], None));
    // By a name, as an application may have it; and exactly full pages are the last ones too.
    assert_eq!(bed.list("?limit=3&marker=n3").await, (["n4", "n5", "n6"].map(str::to_owned).to_vec(), None));
    bed.ask("GET", "keypairs?marker=nobody", Value::Null).await.refused(400, "KPS.0002");
    bed.ask("GET", "keypairs?limit=0", Value::Null).await.refused(400, "KPS.0002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_told_and_fails_no_page() {
    let bed = Bed::new();
    bed.made("p", "whole").await;
    bed.made("p", "damaged").await;
    let id = bed.house.get(&by_name("p", "damaged")).await.unwrap().id;
    bed.house.tamper(|rows| {
        let row = rows.get_mut(&row_key(1, "p", id)).expect("the row of the pair");
        *row.last_mut().unwrap() ^= 1;
    });
    assert_eq!(bed.list("").await.0, ["whole"]);
    bed.ask("GET", "keypairs/damaged", Value::Null).await.refused(500, "KPS.5001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_of_the_whole_account_may_be_anybodys() {
    let bed = Bed::new();
    let new = |name: &str, scope: &str, user_id: &str| {
        let (scope, user_id) = (Some(scope).filter(|s| !s.is_empty()), Some(user_id).filter(|u| !u.is_empty()));
        json!({"name": name, "public_key": ed25519(), "scope": scope, "user_id": user_id})
    };
    bed.create(new("a", "", "bob")).await.refused(400, "KPS.0006");
    bed.create(new("a", "user", "bob")).await.refused(400, "KPS.0006");
    assert_eq!(bed.create(new("a", "domain", "bob")).await.fine()["keypair"]["user_id"], "bob");
    let half = |user_id: &str| {
        let protection = json!({"private_key": PRIVATE, "encryption": {"type": "default"}});
        json!({"name": "a", "user_id": user_id, "key_protection": protection})
    };
    let taken = bed.import_private(half("carol")).await;
    assert_eq!(taken.fine(), &json!({"keypair": {"name": "a", "user_id": "carol"}}));
    let pair = bed.house.get(&by_name("p", "a")).await.unwrap();
    assert_eq!(pair.user_id.as_str(), "bob", "an import gives the pair to nobody");
    bed.ask("DELETE", "keypairs/a", Value::Null).await.fine();
    bed.create(new("a", "", "")).await.fine();
    bed.import_private(half("carol")).await.refused(400, "KPS.0006");
    assert_eq!(bed.import_private(half("alice")).await.fine()["keypair"]["user_id"], "alice");
}

/// What is wrong with the key is told even where there is no pair, as the page's own placeholder must be.
#[tokio::test(flavor = "multi_thread")]
async fn private_halves_are_refused_before_pairs() {
    let bed = Bed::new();
    let half = |text: &str, encryption: Value| json!({"name": "nobody", "key_protection": {"private_key": text, "encryption": encryption}});
    let locked = include_str!("../../vectors/keys/openssh-ed25519-aes256-ctr");
    let ppk = include_str!("../../vectors/keys/ppk3-ed25519");
    for text in ["-----BEGIN RSA PRIVATE KEY-----...", locked, ppk, ""] {
        bed.import_private(half(text, json!({"type": "default"}))).await.refused(400, "KPS.0002");
    }
    bed.import_private(half(PRIVATE, json!({"type": "default"}))).await.refused(400, "KPS.6004");
    bed.create(json!({"name": "nobody", "public_key": ed25519()})).await.fine();
    let unknown = json!({"type": "kms", "kms_key_name": "kps/unknown"});
    bed.import_private(half(PRIVATE, unknown.clone())).await.refused(400, "KPS.6008");
    bed.create(json!({"name": "x", "key_protection": {"encryption": unknown}})).await.refused(400, "KPS.6008");
    // A key on a token, which this service takes and the cloud does not.
    bed.create(json!({"name": "x", "public_key": line("sk-ssh-ed25519")})).await.refused(400, "KPS.0002");
}

/// Each of a batch for itself; and what is kept of a pair of both halves is its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_tells_of_each() {
    let bed = Bed::new();
    let both = json!({"name": "both", "public_key": ed25519(),
                      "key_protection": {"private_key": PRIVATE, "encryption": {"type": "default"}}});
    let other = json!({"name": "mine", "public_key": ed25519(),
                       "key_protection": {"private_key": include_str!("../../vectors/keys/openssh-p256"),
                                          "encryption": {"type": "default"}}});
    let again = json!({"name": "both", "public_key": line("p256")});
    let batch: Vec<_> = [both.clone(), other, again, json!({"name": "p", "public_key": line("p256")})]
        .into_iter()
        .map(|keypair| json!({ "keypair": keypair }))
        .collect();
    let seen = bed.ask("POST", "keypairs/batch-import", Value::from(batch)).await;
    let names = |field: &str, at: &dyn Fn(&Value) -> Value| -> Vec<Value> {
        seen.fine()[field].as_array().unwrap().iter().map(at).collect()
    };
    assert_eq!(names("succeeded_keypairs", &|pair| pair["keypair"]["name"].clone()), ["both", "p"]);
    let failed = names("failed_keypairs", &|pair| pair["keypair_name"].clone());
    assert_eq!(failed, ["mine", "both"]);
    let reasons = names("failed_keypairs", &|pair| pair["failed_reason"].clone());
    assert!(reasons[0].as_str().unwrap().starts_with("KPS.6011: "), "{reasons:?}");
    assert!(reasons[1].as_str().unwrap().starts_with("KPS.0002: "), "{reasons:?}");
    // A create over a pair that is there adds nothing to it.
    bed.ask("DELETE", "keypairs/both/private-key", Value::Null).await.fine();
    bed.create(both).await.refused(400, "KPS.0002");
    let nothing = bed.ask("POST", "keypairs/private-key/export", json!({"keypair": {"name": "both"}})).await;
    nothing.refused(400, "KPS.6005");
    bed.ask("DELETE", "keypairs/both/private-key", Value::Null).await.refused(404, "KPS.6005");
    bed.ask("DELETE", "keypairs/nobody/private-key", Value::Null).await.refused(404, "KPS.6004");
}

/// Without protection nothing of a made private half stays here; with it the pair is an ordinary one.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_half_is_kept_where_that_was_asked_for() {
    let bed = Bed::new();
    for (name, protection, kept) in
        [("forgotten", Value::Null, false), ("kept", json!({"encryption": {"type": "default"}}), true)]
    {
        let seen = bed.create(json!({"name": name, "key_protection": protection})).await;
        let private = seen.fine()["keypair"]["private_key"].as_str().unwrap();
        assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        let pair = bed.house.get(&by_name("p", name)).await.unwrap();
        assert_eq!((pair.public.bits(), pair.sealed_by.is_some()), (2048, kept));
        assert_eq!(pair.user_id.as_str(), "alice");
        let exported = bed.ask("POST", "keypairs/private-key/export", json!({"keypair": {"name": name}})).await;
        match kept {
            true => assert_eq!(exported.fine()["keypair"]["private_key"], private),
            false => exported.refused(400, "KPS.6005"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_refused_by_the_gateways_code() {
    let bed = Bed::with_rate(2);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(bed.ask("GET", "keypairs", Value::Null).await);
    }
    assert!(answers[..2].iter().all(|seen| seen.status == 200));
    answers.last().unwrap().refused(429, "APIGW.0308");
    bed.ask("GET", "keypairs/nobody", Value::Null).await.refused(400, "KPS.4016");
}

#[test]
fn requests_that_did_not_come_to_be_answered_are_refused_in_the_same_form() {
    for (kind, status, code) in [(Kind::Malformed, 400, "KPS.0002"), (Kind::Internal, 500, "KPS.0004")] {
        let answer = Huawei.refuse(kind, CallId(7));
        let body: Value = serde_json::from_slice(answer.body().expose()).unwrap();
        assert_eq!((answer.status().as_u16(), &body["error_code"]), (status, &json!(code)));
        assert_eq!(answer.headers()["x-request-id"], ID);
    }
}

fn request(method: &str, target: &str, body: Value) -> Request {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = http::Request::builder().method(method).uri(target).header("host", "kms.cn-north-4");
    request.header("content-type", "application/json").body(SecretBytes::new(body)).unwrap()
}

fn text(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn ed25519() -> String {
    line("ed25519")
}

/// A public key of the corpus.
fn line(name: &str) -> String {
    let path = format!("{}/tests/vectors/keys/line-{name}.pub", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

const PRIVATE: &str = include_str!("../../vectors/keys/openssh-ed25519");
const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// The call id 7, as the answers write it.
const ID: &str = "00000000-0000-0000-0000-000000000007";
const NOW: i64 = 1_800_000_000_000;
