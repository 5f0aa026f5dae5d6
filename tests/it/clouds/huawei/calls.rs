//! Requests as values and back, by the rules of the cloud's pages.

use keypairs::dialect::huawei::{
    Action, Association, Auth, AuthKind, Call, Claim, NewKeypair, Operation, Page, PrivateHalf, Protection, Server,
    Window,
};
use keypairs::model::{EncryptionChoice, KeyChoice, Scope, UserId};
use keypairs::sshkey::PrivateKey;
use serde_json::{Value, json};

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
    Server { id: "c9aa197b-a6b6-4c33".to_owned(), auth, disable_password: Some(true), port: Some(22) }
}

fn bare_server() -> Server {
    let auth = Some(Auth { kind: AuthKind::Password, key: None });
    Server { id: "i".to_owned(), auth, disable_password: None, port: None }
}

/// What an operation must be on the wire: the operation, method, what follows the project, body.
type Wire = (Operation, &'static str, &'static str, Option<Value>);

fn encryption() -> Value {
    json!({"type": "kms", "kms_key_name": "kps/default", "kms_key_id": "0d0466b0-e727-4d9c-b35d-f84bb474a37f"})
}

/// What `new` is on the wire, with these keys.
fn full(keys: &Value) -> Value {
    let user_id = "e4f380899b1248918f3d37098dc63746";
    let mut pair = json!({"name": "demo-2_X", "type": "ssh", "scope": "domain", "user_id": user_id});
    pair.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    json!({ "keypair": pair })
}

fn both() -> Value {
    full(&json!({"public_key": KEY, "key_protection": {"private_key": PEM, "encryption": encryption()}}))
}

fn new_pairs() -> Vec<Wire> {
    let made = full(&json!({"key_protection": {"encryption": encryption()}}));
    let bare = || json!({"keypair": {"name": "a", "type": "ssh"}});
    let batch = json!([both(), bare()]);
    vec![
        (Operation::Create(plain("a")), "POST", "keypairs", Some(bare())),
        (Operation::Create(new(None, None)), "POST", "keypairs", Some(made)),
        (Operation::Create(new(Some(KEY), None)), "POST", "keypairs", Some(full(&json!({ "public_key": KEY })))),
        (Operation::Create(new(Some(KEY), Some(PEM))), "POST", "keypairs", Some(both())),
        (
            Operation::BatchImport(vec![new(Some(KEY), Some(PEM)), plain("a")]),
            "POST",
            "keypairs/batch-import",
            Some(batch),
        ),
    ]
}

fn pairs_there() -> Vec<Wire> {
    let name = || "demo2".to_owned();
    let marked = Page { limit: 7, marker: Some("a b/c".to_owned()) };
    let describe = Operation::Describe { name: name(), description: "Größe".to_owned() };
    let described = json!({"keypair": {"description": "Größe"}});
    vec![
        (Operation::List(Page { limit: 50, marker: None }), "GET", "keypairs?limit=50", None),
        (Operation::List(marked), "GET", "keypairs?limit=7&marker=a%20b%2Fc", None),
        (Operation::Detail(name()), "GET", "keypairs/demo2", None),
        (describe, "PUT", "keypairs/demo2", Some(described)),
        (Operation::Delete(name()), "DELETE", "keypairs/demo2", None),
    ]
}

fn private_halves() -> Vec<Wire> {
    let name = || "demo2".to_owned();
    let (private_key, encryption) = (secret(PEM), EncryptionChoice::Default);
    let half = PrivateHalf { name: name(), user_id: user("u"), private_key, encryption };
    let protection = json!({"private_key": PEM, "encryption": {"type": "default"}});
    let import = json!({"keypair": {"name": "demo2", "user_id": "u", "key_protection": protection}});
    let named = |name: &str| json!({"keypair": {"name": name}});
    let (export, batch) = (named("demo2"), json!([named("demo2"), named("b")]));
    let names = vec![name(), "b".to_owned()];
    vec![
        (Operation::ImportPrivate(half), "POST", "keypairs/private-key/import", Some(import)),
        (Operation::ExportPrivate(name()), "POST", "keypairs/private-key/export", Some(export)),
        (Operation::ClearPrivate(name()), "DELETE", "keypairs/demo2/private-key", None),
        (Operation::BatchExport(names), "POST", "keypairs/private-key/batch-export", Some(batch)),
    ]
}

fn instances_and_tasks() -> Vec<Wire> {
    let association = || Association { keypair_name: "demo2".to_owned(), server: server() };
    let auth = json!({"type": "keypair", "key": PEM});
    let at = json!({"id": "c9aa197b-a6b6-4c33", "auth": auth, "disable_password": true, "port": 22});
    let one = json!({"keypair_name": "demo2", "server": at});
    let two = json!({"batch_keypairs": [one, one]});
    let off = json!({"server": {"id": "i", "auth": {"type": "password"}}});
    let all = vec![association(), association()];
    let task = || "aee8d2fe-5484".to_owned();
    vec![
        (Operation::Associate(association()), "POST", "keypairs/associate", Some(one)),
        (Operation::BatchAssociate(all), "POST", "keypairs/batch-associate", Some(two)),
        (Operation::Disassociate(bare_server()), "POST", "keypairs/disassociate", Some(off)),
        (Operation::Task(task()), "GET", "tasks/aee8d2fe-5484", None),
        (Operation::RunningTasks(Window { limit: 1000, offset: 0 }), "GET", "running-tasks?limit=1000&offset=0", None),
        (Operation::FailedTasks(Window { limit: 3, offset: 9 }), "GET", "failed-tasks?limit=3&offset=9", None),
        (Operation::ClearFailedTasks, "DELETE", "failed-tasks", None),
        (Operation::DeleteFailedTask(task()), "DELETE", "failed-tasks/aee8d2fe-5484", None),
        (Operation::Projects(None), "GET", "projects", None),
        (Operation::Projects(Some("cn-north-4".to_owned())), "GET", "projects?name=cn-north-4", None),
    ]
}

#[test]
fn every_operation_goes_out_as_documented_and_comes_back_as_it_was() {
    let mut seen = std::collections::BTreeSet::new();
    for (operation, method, rest, body) in
        [new_pairs(), pairs_there(), private_halves(), instances_and_tasks()].into_iter().flatten()
    {
        let action = operation.action();
        seen.insert(action.as_str());
        let project_id = if action == Action::KeystoneListProjects { "" } else { PROJECT };
        let target = ["/v3/", project_id, if project_id.is_empty() { "" } else { "/" }, rest].concat();
        let sent = Call { project_id: project_id.to_owned(), operation }.request().unwrap();
        assert_eq!((sent.method().as_str(), sent.uri().to_string()), (method, target), "{action:?}");
        let read: Option<Value> =
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
