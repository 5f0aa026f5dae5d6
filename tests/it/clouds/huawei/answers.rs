//! Answers as the face gives them and as the adapter reads them.

use http::StatusCode;
use keypairs::dialect::Response;
use keypairs::dialect::huawei::{
    Answer, Code, Enclosed, Failed, FailedTask, Failure, Flaw, Keypair, Listed, PageInfo, Project, Started, Task,
    Tasks, done, parse, request_id,
};
use keypairs::secret::SecretBytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::secret;
use crate::sshkey::run;

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\n";

fn pair() -> Keypair {
    Keypair {
        name: "demo2".to_owned(),
        id: 116_248,
        scope: "user".to_owned(),
        public_key: "ssh-rsa AAAA Generated-by-Nova".to_owned(),
        private_key: None,
        fingerprint: "49:ef:73:2b:9b:7f:2e:0c:58:d3:e3:42:8e:28:04:3b".to_owned(),
        is_key_protection: true,
        deleted: false,
        description: "12345".to_owned(),
        user_id: "6c2a33b1b8474d0dbac0a24297127525".to_owned(),
        create_time: 1_581_507_580_000,
        update_time: 0,
        key_id: String::new(),
        algorithm: String::new(),
    }
}

fn with_private() -> Keypair {
    Keypair { private_key: Some(secret(PEM)), ..pair() }
}

fn answered(status: u16, body: &str) -> Response {
    let mut answer = Response::new(SecretBytes::copied(body.as_bytes()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn made() -> Value {
    json!({
        "name": "demo2",
        "type": "ssh",
        "public_key": "ssh-rsa AAAA Generated-by-Nova",
        "fingerprint": "49:ef:73:2b:9b:7f:2e:0c:58:d3:e3:42:8e:28:04:3b",
        "user_id": "6c2a33b1b8474d0dbac0a24297127525",
    })
}

fn and(mut object: Value, more: &Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// Fields, their types and the status of each operation, from the pages and the SDK's types; `null` is no body.
#[test]
fn answers_about_pairs_have_the_documented_form() {
    let with_key = and(made(), &json!({ "private_key": PEM }));
    let mut listed = and(made(), &json!({"scope": "user", "is_key_protection": true, "frozen_state": "0"}));
    listed.as_object_mut().unwrap().remove("user_id");
    let page_info = PageInfo { next_marker: Some("demo2".to_owned()), previous_marker: None, current_count: 1 };
    let paged = json!({"next_marker": "demo2", "previous_marker": null, "current_count": 1});
    let times = json!({"create_time": 1_581_507_580_000_u64, "delete_time": null, "update_time": null});
    let kept = json!({"id": 116_248, "scope": "user", "is_key_protection": true, "deleted": false, "frozen_state": 0});
    let detail = and(and(and(made(), &times), &kept), &json!({"description": "12345"}));
    let failed = Failed { keypair_name: "b".to_owned(), failed_reason: "parameter error".to_owned() };
    let batch = json!({
        "succeeded_keypairs": [{"keypair": made()}, {"keypair": with_key}],
        "failed_keypairs": [{"keypair_name": "b", "failed_reason": "parameter error"}],
    });
    let taken = |user_id: Option<&str>| Answer::Taken { name: "demo2".to_owned(), user_id: user_id.map(str::to_owned) };
    let exported = json!({"keypair": {"name": "demo2", "private_key": PEM}});
    let cases = [
        (Answer::Made(pair()), 200, json!({ "keypair": made() })),
        (Answer::Made(with_private()), 200, json!({ "keypair": with_key })),
        (Answer::Listed(vec![pair()], page_info), 200, json!({"keypairs": [{"keypair": listed}], "page_info": paged})),
        (Answer::Detail(with_private()), 200, json!({ "keypair": detail })),
        (Answer::Done, 200, Value::Null),
        (Answer::Deleted, 204, Value::Null),
        (taken(None), 200, json!({"keypair": {"name": "demo2"}})),
        (taken(Some("u")), 200, json!({"keypair": {"name": "demo2", "user_id": "u"}})),
        (Answer::Exported("demo2".to_owned(), secret(PEM)), 200, exported),
        (Answer::Imported(vec![pair(), with_private()], vec![failed]), 200, batch),
    ];
    cases.into_iter().for_each(|(answer, status, body)| assert_form(answer, status, &body));
}

#[test]
fn answers_about_tasks_and_projects_have_the_documented_form() {
    let started = Started { task_id: Some("t".to_owned()), ..Started::default() };
    let task = Task { task_id: "t".to_owned(), server_id: "s".to_owned(), task_status: "RUNNING_RESET".to_owned() };
    let failed =
        FailedTask { task_id: Some("t".to_owned()), task_error_msg: Some("e".to_owned()), ..FailedTask::default() };
    let ids = json!({"task_id": "t", "server_name": null, "server_id": null, "keypair_name": null});
    let failed_task = and(ids, &json!({"operate_type": null, "task_time": null, "task_error_msg": "e"}));
    let project = Project { id: "p".to_owned(), name: "cn-north-4".to_owned() };
    let cases = [
        (Answer::Associated(started.clone()), 200, json!({"task_id": "t"})),
        (Answer::AllAssociated(vec![started.clone()]), 200, json!({"tasks": [{"task_id": "t"}]})),
        (Answer::Disassociated(started), 202, json!({"task_id": "t"})),
        (Answer::Task(task), 200, json!({"task_id": "t", "server_id": "s", "task_status": "RUNNING_RESET"})),
        (Answer::Tasks(Tasks::default()), 200, json!({"total": 0, "tasks": []})),
        (Answer::Tasks(Tasks { total: 1, tasks: vec![failed] }), 200, json!({"total": 1, "tasks": [failed_task]})),
        (Answer::Projects(vec![project]), 200, json!({"projects": [{"id": "p", "name": "cn-north-4"}]})),
    ];
    cases.into_iter().for_each(|(answer, status, body)| assert_form(answer, status, &body));
}

fn assert_form(answer: Answer, status: u16, body: &Value) {
    let answer = answer.render("req-1");
    assert_eq!((answer.status().as_u16(), request_id(&answer)), (status, "req-1"));
    let sent = answer.body().expose();
    match body {
        Value::Null => assert!(sent.is_empty() && !answer.headers().contains_key("content-type")),
        body => {
            assert_eq!(serde_json::from_slice::<Value>(sent).unwrap(), *body);
            assert_eq!(answer.headers()["content-type"], "application/json");
        }
    }
}

#[test]
fn a_refusal_has_the_documented_form() {
    let answer = Flaw::new(Code::KeyMismatch, "no \"match\"").render("req-2");
    assert_eq!((answer.status().as_u16(), request_id(&answer)), (400, "req-2"));
    assert_eq!(answer.body().expose(), br#"{"error_code":"KPS.6011","error_msg":"no \"match\""}"#);
    assert!(
        matches!(done(&answer), Err(Failure::Refused { code, request_id, .. }) if code == "KPS.6011" && request_id == "req-2")
    );
}

#[test]
fn what_was_rendered_is_read_as_the_same() {
    let read: Enclosed<Keypair> = parse(&Answer::Made(with_private()).render("")).unwrap();
    assert_eq!(read.keypair.private_key.as_ref().map(|key| key.expose()), Some(PEM));
    let page_info = PageInfo { next_marker: None, previous_marker: Some("a".to_owned()), current_count: 2 };
    let listed: Listed = parse(&Answer::Listed(vec![pair(), pair()], page_info.clone()).render("")).unwrap();
    assert_eq!((listed.keypairs.len(), listed.page_info), (2, Some(page_info)));
    let detail: Enclosed<Keypair> = parse(&Answer::Detail(pair()).render("")).unwrap();
    let Keypair { name, id, description, create_time, .. } = detail.keypair;
    assert_eq!((&*name, id, &*description, create_time), ("demo2", 116_248, "12345", 1_581_507_580_000));
}

/// The response examples of the pages, and the forms in which the SDK's types and the pages differ.
#[test]
fn what_clouds_answer_is_read() {
    let read: Enclosed<Keypair> = parse(&answered(200, r#"{ "keypair" : { "name" : "demo2" } }"#)).unwrap();
    assert_eq!(read.keypair.name, "demo2");
    let detail = r#"{"keypair":{"name":"1hprr3TI","id":116248,"type":"ssh","scope":"user","public_key":"ssh-rsa AAAAGenerated-by-Nova\n","fingerprint":"65:ca","is_key_protection":false,"deleted":false,"description":null,"user_id":"6c2a","create_time":1581507580000,"delete_time":null,"update_time":null,"frozen_state":0,"key_id":null,"algorithm":"RSA"}}"#;
    let detail: Enclosed<Keypair> = parse(&answered(200, detail)).unwrap();
    assert_eq!((&*detail.keypair.description, detail.keypair.update_time), ("", 0));
    for list in [r#"{"keypairs":[]}"#, r#"{"keypairs":null,"page_info":null}"#, "{}"] {
        let listed: Listed = parse(&answered(200, list)).unwrap();
        assert!(listed.keypairs.is_empty() && listed.page_info.is_none());
    }
    let odd = r#"{"keypairs":[{"keypair":{"name":"a","is_key_protection":null,"frozen_state":0,"create_time":"7","update_time":1.5}}],"page_info":{"next_marker":null,"current_count":"1"}}"#;
    let odd: Listed = parse(&answered(200, odd)).unwrap();
    assert_eq!((odd.keypairs[0].keypair.create_time, odd.page_info.unwrap().current_count), (7, 1));
    for fine in
        [(200, ""), (204, ""), (200, "{}"), (200, r#"{"keypair":{"name":"a"}}"#), (202, r#"{"error_code":null}"#)]
    {
        assert_eq!(done(&answered(fine.0, fine.1)), Ok(()), "{fine:?}");
    }
}

#[test]
fn every_form_of_an_error_is_read() {
    let forms = [
        (400, r#"{"error_code":"KPS.0002","error_msg":"m"}"#, "KPS.0002"),
        (401, r#"{"error_msg":"m","error_code":"APIGW.0301","request_id":"body"}"#, "APIGW.0301"),
        (400, r#"{"error":{"error_code":"KMS.0207","error_msg":"m"}}"#, "KMS.0207"),
        (400, r#"{"errorCode":"KPS.0002","errorMsg":"m"}"#, "KPS.0002"),
        (404, r#"{"code":"KPS.0002","message":"m"}"#, "KPS.0002"),
        (500, r#"{"itemNotFound":{"code":404,"message":"m"}}"#, "404"),
        (401, r#"{"error":{"code":401,"message":"m","title":"Unauthorized"}}"#, "401"),
        (200, r#"{"error_code":"KPS.0003","error_msg":"m"}"#, "KPS.0003"),
    ];
    for (status, body, wanted) in forms {
        let Err(Failure::Refused { code, message, request_id }) = done(&answered(status, body)) else {
            panic!("{body}")
        };
        assert_eq!((code.as_str(), message.as_str()), (wanted, "m"), "{body}");
        assert_eq!(request_id, if body.contains("request_id") { "body" } else { "" });
    }
    let unreadable = ["", "<html>", "null", "[]", "{}", r#"{"error":"m"}"#, r#"{"error_msg":"m"}"#, "{\"error_code\":"];
    for body in unreadable {
        assert_eq!(done(&answered(500, body)), Err(Failure::Unreadable), "{body}");
    }
    for body in ["<html>", "null", "[]", "\"text\"", "{"] {
        assert_eq!(done(&answered(200, body)), Err(Failure::Unreadable), "{body}");
        assert!(parse::<Enclosed<Keypair>>(&answered(200, body)).is_err(), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert!(done(&answered(200, &deep)).is_err() && done(&answered(400, &deep)).is_err());
}

/// Python's zipfile is the reader from outside: it checks every sum and header.
#[test]
fn a_zip_of_private_halves_is_opened_by_python() {
    let halves =
        vec![("demo2".to_owned(), secret(PEM)), ("b_-9".to_owned(), secret("")), ("c".to_owned(), secret("é\n"))];
    let answer = Answer::Zip(halves).render("");
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("halves.zip");
    std::fs::write(&file, answer.body().expose()).unwrap();
    let told: Value = serde_json::from_slice(&run("python3", &["-c", ZIP, file.to_str().unwrap()], "")).unwrap();
    assert_eq!(
        told,
        json!([["demo2.pem", PEM, "0o100600"], ["b_-9.pem", "", "0o100600"], ["c.pem", "é\n", "0o100600"]])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Foreign bytes, some of them near to an answer.
    #[test]
    fn no_answer_makes_it_fall_over(
        status in 200_u16..600,
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            "\\{(\"keypairs?\":|\\{|\\[|\"private_key\":|\"error(_code|_msg|)\":|\"a\\\\u[0-9a-f]{4}\"|,|\\}|\\]|null|-1){0,12}".prop_map(String::into_bytes),
        ],
    ) {
        let mut answer = Response::new(SecretBytes::new(body));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        let read = [
            parse::<Listed>(&answer).is_ok(),
            parse::<Enclosed<Keypair>>(&answer).is_ok(),
            done(&answer).is_ok(),
        ];
        prop_assert!(status < 300 || read == [false; 3], "an error was taken for a success");
    }
}

const ZIP: &str = "
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as file:
    assert file.testzip() is None
    print(json.dumps([[i.filename, file.read(i).decode(), oct(i.external_attr >> 16)] for i in file.infolist()]))
";
