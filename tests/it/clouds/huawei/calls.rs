//! Requests as values and back, by the rules of the cloud's pages.

use keypairs::dialect::huawei::{
    Action, Association, Auth, AuthKind, Call, Claim, Code, NewKeypair, Operation, Page, PrivateHalf, Protection,
    Server, Window,
};
use keypairs::model::{EncryptionChoice, KeyChoice, Scope, UserId};
use keypairs::sshkey::PrivateKey;
use proptest::prelude::*;
use serde_json::json;

use super::{PROJECT, request, secret};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJ8nhwam5l6BZNvnB7Mu33/XPK3Zt9AlVuDA5S47jmF";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQ+/=\"\\\n-----END PRIVATE KEY-----\n";

fn kms() -> EncryptionChoice {
    let (name, id) = (Some("kps/default".to_owned()), Some("0d0466b0-e727-4d9c-b35d-f84bb474a37f".to_owned()));
    EncryptionChoice::Kms(KeyChoice { name, id })
}

fn user(id: &str) -> UserId {
    UserId::parse("user_id", id).unwrap()
}

fn new(public_key: Option<&str>, private_key: Option<&str>) -> NewKeypair {
    let protection = Protection { private_key: private_key.map(secret), encryption: kms() };
    NewKeypair {
        name: "demo-2_X".to_owned(),
        public_key: public_key.map(str::to_owned),
        scope: Scope::Account,
        user_id: user("e4f380899b1248918f3d37098dc63746"),
        protection: Some(protection).filter(|_| private_key.is_some() || public_key.is_none()),
    }
}

fn plain(name: &str) -> NewKeypair {
    let (scope, user_id) = (Scope::Unsaid, UserId::default());
    NewKeypair { name: name.to_owned(), public_key: None, scope, user_id, protection: None }
}

fn server() -> Server {
    let auth = Some(Auth { kind: AuthKind::Keypair, key: Some(secret(PEM)) });
    Server { id: "c9aa197b-a6b6-4c33-b3a6-fa0b4ec50006".to_owned(), auth, disable_password: Some(true), port: Some(22) }
}

fn bare_server() -> Server {
    let auth = Some(Auth { kind: AuthKind::Password, key: None });
    Server { id: "i".to_owned(), auth, disable_password: None, port: None }
}

/// One of each, with everything that it can hold: what it must become on the wire.
fn all() -> Vec<(Operation, &'static str, String, Option<serde_json::Value>)> {
    let name = || "demo2".to_owned();
    let association = || Association { keypair_name: name(), server: server() };
    let encryption =
        json!({"type": "kms", "kms_key_name": "kps/default", "kms_key_id": "0d0466b0-e727-4d9c-b35d-f84bb474a37f"});
    let full = |keys: serde_json::Value| {
        let mut pair = json!({"name": "demo-2_X", "type": "ssh", "scope": "domain", "user_id": "e4f380899b1248918f3d37098dc63746"});
        pair.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        json!({ "keypair": pair })
    };
    let both = json!({"public_key": KEY, "key_protection": {"private_key": PEM, "encryption": encryption}});
    let at = json!({"id": "c9aa197b-a6b6-4c33-b3a6-fa0b4ec50006", "auth": {"type": "keypair", "key": PEM}, "disable_password": true, "port": 22});
    let associated = json!({"keypair_name": "demo2", "server": at});
    let half = PrivateHalf {
        name: name(),
        user_id: user("u"),
        private_key: secret(PEM),
        encryption: EncryptionChoice::Default,
    };
    let v3 = |rest: &str| format!("/v3/{PROJECT}/{rest}");
    vec![
        (Operation::Create(plain("a")), "POST", v3("keypairs"), Some(json!({"keypair": {"name": "a", "type": "ssh"}}))),
        (
            Operation::Create(new(None, None)),
            "POST",
            v3("keypairs"),
            Some(full(json!({"key_protection": {"encryption": encryption}}))),
        ),
        (Operation::Create(new(Some(KEY), None)), "POST", v3("keypairs"), Some(full(json!({"public_key": KEY})))),
        (Operation::Create(new(Some(KEY), Some(PEM))), "POST", v3("keypairs"), Some(full(both.clone()))),
        (Operation::List(Page { limit: 50, marker: None }), "GET", v3("keypairs?limit=50"), None),
        (
            Operation::List(Page { limit: 7, marker: Some("a b/c".to_owned()) }),
            "GET",
            v3("keypairs?limit=7&marker=a%20b%2Fc"),
            None,
        ),
        (Operation::Detail(name()), "GET", v3("keypairs/demo2"), None),
        (
            Operation::Describe { name: name(), description: "Größe".to_owned() },
            "PUT",
            v3("keypairs/demo2"),
            Some(json!({"keypair": {"description": "Größe"}})),
        ),
        (Operation::Delete(name()), "DELETE", v3("keypairs/demo2"), None),
        (
            Operation::ImportPrivate(half),
            "POST",
            v3("keypairs/private-key/import"),
            Some(
                json!({"keypair": {"name": "demo2", "user_id": "u", "key_protection": {"private_key": PEM, "encryption": {"type": "default"}}}}),
            ),
        ),
        (
            Operation::ExportPrivate(name()),
            "POST",
            v3("keypairs/private-key/export"),
            Some(json!({"keypair": {"name": "demo2"}})),
        ),
        (Operation::ClearPrivate(name()), "DELETE", v3("keypairs/demo2/private-key"), None),
        (
            Operation::BatchImport(vec![new(Some(KEY), Some(PEM)), plain("b")]),
            "POST",
            v3("keypairs/batch-import"),
            Some(json!([full(both), {"keypair": {"name": "b", "type": "ssh"}}])),
        ),
        (
            Operation::BatchExport(vec![name(), "b".to_owned()]),
            "POST",
            v3("keypairs/private-key/batch-export"),
            Some(json!([{"keypair": {"name": "demo2"}}, {"keypair": {"name": "b"}}])),
        ),
        (Operation::Associate(association()), "POST", v3("keypairs/associate"), Some(associated.clone())),
        (
            Operation::BatchAssociate(vec![association(), association()]),
            "POST",
            v3("keypairs/batch-associate"),
            Some(json!({"batch_keypairs": [associated, associated]})),
        ),
        (
            Operation::Disassociate(bare_server()),
            "POST",
            v3("keypairs/disassociate"),
            Some(json!({"server": {"id": "i", "auth": {"type": "password"}}})),
        ),
        (Operation::Task("aee8d2fe-5484".to_owned()), "GET", v3("tasks/aee8d2fe-5484"), None),
        (
            Operation::RunningTasks(Window { limit: 1000, offset: 0 }),
            "GET",
            v3("running-tasks?limit=1000&offset=0"),
            None,
        ),
        (Operation::FailedTasks(Window { limit: 3, offset: 9 }), "GET", v3("failed-tasks?limit=3&offset=9"), None),
        (Operation::ClearFailedTasks, "DELETE", v3("failed-tasks"), None),
        (Operation::DeleteFailedTask("a1".to_owned()), "DELETE", v3("failed-tasks/a1"), None),
        (Operation::Projects(None), "GET", "/v3/projects".to_owned(), None),
        (Operation::Projects(Some("cn-north-4".to_owned())), "GET", "/v3/projects?name=cn-north-4".to_owned(), None),
    ]
}

#[test]
fn every_operation_goes_out_as_documented_and_comes_back_as_it_was() {
    let mut seen = std::collections::BTreeSet::new();
    for (operation, method, target, body) in all() {
        let action = operation.action();
        seen.insert(action.as_str());
        let project_id = if action == Action::KeystoneListProjects { "" } else { PROJECT };
        let sent = Call { project_id: project_id.to_owned(), operation }.request().unwrap();
        assert_eq!((sent.method().as_str(), sent.uri().to_string()), (method, target), "{action:?}");
        let read: Option<serde_json::Value> =
            (!sent.body().expose().is_empty()).then(|| serde_json::from_slice(sent.body().expose()).unwrap());
        assert_eq!(read, body, "{action:?}");
        let with_body = ["application/json", "application/json;charset=utf-8"][usize::from(body.is_some())];
        assert_eq!(sent.headers()["content-type"], with_body);
        assert_eq!(sent.headers().get("x-project-id").map_or("", |id| id.to_str().unwrap()), project_id);

        let back = Call::read(&sent).unwrap_or_else(|flaw| panic!("{action:?}: {flaw:?}"));
        assert_eq!((back.project_id.as_str(), back.operation.action()), (project_id, action));
        let again = back.request().unwrap();
        assert_eq!(again.uri(), sent.uri());
        assert!(again.body().expose() == sent.body().expose(), "{action:?} came back as something else");
    }
    assert_eq!(seen.len(), Action::ALL.len(), "of each operation one");
}

/// Page "Importing a Private Key", request example; signed here, as no page prints a signature.
#[test]
fn the_example_of_the_seed_page_is_read() {
    let body = r#"{
  "keypair" : {
    "name" : "demo2",
    "key_protection" : {
      "private_key" : "-----BEGIN RSA PRIVATE KEY-----...",
      "encryption" : {
        "type" : "kms",
        "kms_key_name" : "kps/default"
      }
    }
  }
}"#;
    let headers = [("x-auth-token", "token"), ("host", "kms.cn-north-4.myhuaweicloud.com")];
    let asked = request("POST", &format!("/v3/{PROJECT}/keypairs/private-key/import"), &headers, body.as_bytes());
    assert!(matches!(Claim::read(&asked), Ok(Claim::Token(_))));
    let Operation::ImportPrivate(half) = Call::read(&asked).unwrap().operation else { panic!("another operation") };
    assert_eq!((half.name.as_str(), half.private_key.expose()), ("demo2", "-----BEGIN RSA PRIVATE KEY-----..."));
    let key = KeyChoice { name: Some("kps/default".to_owned()), id: None };
    assert_eq!((half.encryption, half.user_id), (EncryptionChoice::Kms(key), UserId::default()));
    assert!(PrivateKey::parse(half.private_key.expose()).is_err(), "the placeholder is no key");
}

/// What SDKs send that is not in the pages: `limit` as a text, `null` for what was not given, no content type.
#[test]
fn what_sdks_send_is_taken() {
    let read = |method, target: &str, body: &str| {
        Call::read(&request(method, &format!("/v3/{PROJECT}/{target}"), &[], body.as_bytes())).unwrap().operation
    };
    let page = |target| match read("GET", target, "") {
        Operation::List(page) => page,
        _ => panic!("another operation"),
    };
    assert_eq!(page("keypairs"), Page { limit: 50, marker: None });
    assert_eq!(page("keypairs?limit=&marker="), Page { limit: 50, marker: None });
    assert_eq!(page("keypairs?limit=4000&marker=a%2Bb"), Page { limit: 1000, marker: Some("a+b".to_owned()) });
    let body = r#"{"keypair":{"name":"a","type":null,"public_key":null,"scope":"","user_id":null,"key_protection":null,"more":[1]}}"#;
    let Operation::Create(new) = read("POST", "keypairs", body) else { panic!("another operation") };
    assert!(new.public_key.is_none() && new.protection.is_none());
    let whole = r#"[{"keypair":{"name":"a","type":"ssh","scope":"user","public_key":"k","fingerprint":"f","is_key_protection":true,"frozen_state":"0"}}]"#;
    let Operation::BatchExport(names) = read("POST", "keypairs/private-key/batch-export", whole) else { panic!() };
    assert_eq!(names, ["a"]);
    // Pairs may be named like parts of paths.
    assert!(matches!(read("GET", "keypairs/private-key", ""), Operation::Detail(name) if name == "private-key"));
    assert!(matches!(read("DELETE", "keypairs/associate/private-key", ""), Operation::ClearPrivate(_)));
}

#[test]
fn what_breaks_a_rule_is_refused_by_its_field() {
    let create = |keypair: &str| ("POST", "keypairs", format!("{{\"keypair\":{keypair}}}"));
    let import =
        |rest: &str| ("POST", "keypairs/private-key/import", format!("{{\"keypair\":{{\"name\":\"a\"{rest}}}}}"));
    let protected =
        |encryption: &str| import(&format!(r#","key_protection":{{"private_key":"k","encryption":{encryption}}}"#));
    let encryption = "keypair.key_protection.encryption";
    let key_id = "0d0466b0".repeat(32);
    let cases = [
        (create("{}"), "keypair.name is missing"),
        (create(r#"{"name":""}"#), "keypair.name must be"),
        (create(&format!(r#"{{"name":"{}"}}"#, "a".repeat(65))), "keypair.name must be"),
        (create(r#"{"name":"a.b"}"#), "keypair.name must be"),
        (create(r#"{"name":"é"}"#), "keypair.name must be"),
        (create(r#"{"name":5}"#), "the body is not"),
        (create(r#"{"name":"a","name":"b"}"#), "the body is not"),
        (create("[[]]"), "the body is not"),
        (("POST", "keypairs", String::new()), "the body is not"),
        (("POST", "keypairs", "{\"keypair\":".repeat(500)), "the body is not"),
        (create(r#"{"name":"a","type":"x509"}"#), "keypair.type must be ssh"),
        (create(r#"{"name":"a","scope":"project"}"#), "keypair.scope must be"),
        (create(r#"{"name":"a","user_id":"a b"}"#), "keypair.user_id must be"),
        (create(r#"{"name":"a","public_key":" "}"#), "keypair.public_key must not be empty"),
        // huaweicloud/terraform-provider-huaweicloud#7049
        (
            create(r#"{"name":"a","public_key":"k","key_protection":{"encryption":{"type":"default"}}}"#),
            "keypair.key_protection.private_key is missing",
        ),
        (
            create(
                r#"{"name":"a","public_key":"k","key_protection":{"private_key":"","encryption":{"type":"default"}}}"#,
            ),
            "keypair.key_protection.private_key is missing",
        ),
        (
            create(r#"{"name":"a","key_protection":{"private_key":"k","encryption":{"type":"default"}}}"#),
            "keypair.public_key is missing",
        ),
        (create(r#"{"name":"a","key_protection":{}}"#), "keypair.key_protection.encryption is missing"),
        (import(""), "keypair.key_protection is missing"),
        (
            import(r#","key_protection":{"encryption":{"type":"default"}}"#),
            "keypair.key_protection.private_key is missing",
        ),
        (
            import(r#","key_protection":{"private_key":"","encryption":{"type":"default"}}"#),
            "keypair.key_protection.private_key is missing",
        ),
        (import(r#","key_protection":{"private_key":["k"],"encryption":{"type":"default"}}"#), "the body is not"),
        (import(r#","key_protection":{"private_key":"k"}"#), "keypair.key_protection.encryption is missing"),
        // Rows 115, 117, 118 and 119 of the table of bad inputs.
        (protected("{}"), "keypair.key_protection.encryption.type is missing"),
        (protected(r#"{"type":"kms"}"#), "keypair.key_protection.encryption.kms_key_name encryption"),
        (protected(r#"{"type":"default","kms_key_name":"a"}"#), encryption),
        (protected(r#"{"type":""}"#), "keypair.key_protection.encryption.type must be"),
        (protected(r#"{"type":"KMS","kms_key_name":"a"}"#), "keypair.key_protection.encryption.type must be"),
        (protected(r#"{"type":"none"}"#), "keypair.key_protection.encryption.type must be"),
        (protected(r#"{"type":"kms","kms_key_name":"../a"}"#), "keypair.key_protection.encryption.kms_key_name must"),
        (
            protected(&format!(r#"{{"type":"kms","kms_key_id":"{key_id}"}}"#)),
            "keypair.key_protection.encryption.kms_key_id must",
        ),
        (("PUT", "keypairs/a", r#"{"keypair":{}}"#.to_owned()), "keypair.description is missing"),
        (
            ("PUT", "keypairs/a", format!(r#"{{"keypair":{{"description":"{}"}}}}"#, "é".repeat(256))),
            "keypair.description must have",
        ),
        (("GET", "keypairs/a%20b", String::new()), "keypair_name must be"),
        (("DELETE", "keypairs/a%2Fprivate-key", String::new()), "keypair_name must be"),
        (("GET", "keypairs/%ff", String::new()), "keypair_name must be"),
        (("GET", "keypairs?limit=0", String::new()), "limit must be"),
        (("GET", "keypairs?limit=-1", String::new()), "limit must be"),
        (("GET", "failed-tasks?offset=x", String::new()), "offset must be"),
        (("POST", "keypairs/batch-import", "[]".to_owned()), "the body must hold"),
        (
            ("POST", "keypairs/batch-import", r#"[{"keypair":{"name":"a"}},{"keypair":{}}]"#.to_owned()),
            "[1].keypair.name is missing",
        ),
        (
            (
                "POST",
                "keypairs/private-key/batch-export",
                format!("[{}]", [r#"{"keypair":{"name":"a"}}"#; 11].join(",")),
            ),
            "the body must hold",
        ),
        (
            ("POST", "keypairs/associate", r#"{"keypair_name":"a","server":{"id":""}}"#.to_owned()),
            "server.id is missing",
        ),
        (
            (
                "POST",
                "keypairs/associate",
                r#"{"keypair_name":"a","server":{"id":"i","auth":{"type":"x"}}}"#.to_owned(),
            ),
            "server.auth.type must be",
        ),
        (
            ("POST", "keypairs/batch-associate", r#"{"batch_keypairs":[{"server":{"id":"i"}}]}"#.to_owned()),
            "batch_keypairs[0].keypair_name is missing",
        ),
        (("POST", "keypairs/disassociate", "{}".to_owned()), "server is missing"),
    ];
    for ((method, target, body), words) in cases {
        let asked = request(method, &format!("/v3/{PROJECT}/{target}"), &[], body.as_bytes());
        let Err(flaw) = Call::read(&asked) else { panic!("{target} {body} was taken") };
        let begins = format!("parameter error: {words}");
        assert!(flaw.code == Code::Parameter && flaw.message.starts_with(&begins), "{body}: {flaw:?}");
    }
    for (method, target) in [("GET", "tasks/"), ("GET", "tasks/a_b"), ("DELETE", "failed-tasks/a%2Fb")] {
        let asked = request(method, &format!("/v3/{PROJECT}/{target}"), &[], b"");
        assert_eq!(Call::read(&asked).err().map(|flaw| flaw.code), Some(Code::TaskInvalid), "{target}");
    }
}

#[test]
fn what_is_no_operation_is_told_so() {
    let unknown = [
        ("GET", "/"),
        ("GET", "/v3"),
        ("GET", "/v3/p"),
        ("POST", "/v3/projects"),
        ("GET", "/v2/p/os-keypairs"),
        ("GET", "/v3/p/keypairs/"),
        ("PATCH", "/v3/p/keypairs/a"),
        ("GET", "/v3/p/keypairs/a/private-key"),
        ("POST", "/v3/p/keypairs/private-key/remove"),
        ("GET", "//v3/p/keypairs"),
    ];
    for (method, target) in unknown {
        let flaw = Call::read(&request(method, target, &[], b"{}")).err();
        let wanted = if target.ends_with('/') && target.len() > 4 { Code::Parameter } else { Code::ApiUnknown };
        assert_eq!(flaw.map(|flaw| flaw.code), Some(wanted), "{method} {target}");
    }
}

/// A marker is foreign text of any length.
#[test]
fn what_is_too_long_for_a_target_is_refused() {
    let marker = Some("a".repeat(70_000));
    let call = Call { project_id: PROJECT.to_owned(), operation: Operation::List(Page { limit: 1, marker }) };
    assert!(call.request().is_err());
    let call = Call { project_id: "a\nb".to_owned(), operation: Operation::Delete("a".to_owned()) };
    assert!(call.request().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither panics, whatever comes; what is read can be written.
    #[test]
    fn nothing_that_comes_makes_it_fall_over(
        method in "GET|PUT|POST|DELETE",
        target in "/v3/p/(keypairs(/private-key/import|/batch-import|/associate|/[ -~]{0,9})?|tasks/[ -~]{0,9}|[ -~]{0,20})",
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[\\[{](\"keypair\":|\\{|\\[|\"name\":|\"a\"|\"private_key\":|\"\\\\\\\\u[0-9a-f]{4}\"|,|\\}|\\]|null|1){0,12}".prop_map(String::into_bytes),
        ],
        authorization in prop_oneof![
            "SDK-HMAC-SHA256 [ -~]{0,60}",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=[ -~]{0,30}, Signature=[ -~]{0,9}",
            "[ -~]{0,30}",
        ],
        date in "[0-9]{8}T[0-9]{6}Z|[ -~]{0,20}",
    ) {
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        let headers = [("host", "a"), ("authorization", &*authorization), ("x-sdk-date", &*date)];
        let mut asked = request(&method, "/", &headers, &body);
        *asked.uri_mut() = uri;
        if let Ok(claim) = Claim::read(&asked) {
            prop_assert!(claim.check(&asked, &secret("SKTEST"), super::THEN).is_err());
        }
        if let Ok(call) = Call::read(&asked) {
            prop_assert!(Call::read(&call.request().unwrap()).is_ok());
        }
    }
}
