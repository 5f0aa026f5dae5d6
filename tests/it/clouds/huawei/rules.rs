//! Requests that break a rule of the cloud's pages, and requests that are none.

use keypairs::dialect::huawei::{Call, Claim, Code, Operation, Page};
use proptest::prelude::*;

use super::{PROJECT, request, secret};

/// Method, what follows the project, body, and how the words of the refusal go on.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("POST", "keypairs", r#"{"keypair":{}}"#, "keypair.name is missing"),
    ("POST", "keypairs", r#"{"keypair":{"name":""}}"#, "keypair.name must be"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a.b"}}"#, "keypair.name must be"),
    ("POST", "keypairs", r#"{"keypair":{"name":"é"}}"#, "keypair.name must be"),
    ("POST", "keypairs", r#"{"keypair":{"name":5}}"#, "the body is not"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","name":"b"}}"#, "the body is not"),
    ("POST", "keypairs", r#"[{"keypair":{"name":"a"}}]"#, "the body is not"),
    ("POST", "keypairs", "", "the body is not"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","type":"x509"}}"#, "keypair.type must be ssh"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","scope":"project"}}"#, "keypair.scope must be"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","user_id":"a b"}}"#, "keypair.user_id must be"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","public_key":" "}}"#, "keypair.public_key must not be empty"),
    ("POST", "keypairs", r#"{"keypair":{"name":"a","key_protection":{}}}"#, "keypair.key_protection.encryption is"),
    ("POST", "keypairs/batch-import", "[]", "the body must hold 1 to 10"),
    ("POST", "keypairs/batch-import", r#"[{"keypair":{"name":"a"}},{"keypair":{}}]"#, "[1].keypair.name is missing"),
    ("POST", "keypairs/private-key/export", r#"{"keypair":{}}"#, "keypair.name is missing"),
    ("POST", "keypairs/associate", r#"{"server":{"id":"i"}}"#, "keypair_name is missing"),
    ("POST", "keypairs/associate", r#"{"keypair_name":"a","server":{"id":""}}"#, "server.id is missing"),
    ("POST", "keypairs/disassociate", "{}", "server is missing"),
    ("POST", "keypairs/disassociate", r#"{"server":{"id":"i","auth":{"type":"x"}}}"#, "server.auth.type must be"),
    ("POST", "keypairs/batch-associate", r#"{"batch_keypairs":[{}]}"#, "batch_keypairs[0].keypair_name is missing"),
    ("POST", "keypairs/batch-associate", r#"{"batch_keypairs":[]}"#, "batch_keypairs must hold 1 to 10"),
    ("PUT", "keypairs/a", r#"{"keypair":{}}"#, "keypair.description is missing"),
    ("GET", "keypairs/a%20b", "", "keypair_name must be"),
    ("GET", "keypairs/", "", "keypair_name must be"),
    ("GET", "keypairs/%ff", "", "keypair_name must be"),
    ("DELETE", "keypairs/a%2Fprivate-key", "", "keypair_name must be"),
    ("GET", "keypairs?limit=0", "", "limit must be"),
    ("GET", "keypairs?limit=-1", "", "limit must be"),
    ("GET", "failed-tasks?offset=x", "", "offset must be"),
];

/// What stands in `key_protection` beside a public key (P) or when a private half is imported (I).
const UNPROTECTED: &[(&str, &str, &str)] = &[
    // huaweicloud/terraform-provider-huaweicloud#7049
    ("P", r#"{"encryption":{"type":"default"}}"#, ".private_key is missing"),
    ("P", r#"{"private_key":"","encryption":{"type":"default"}}"#, ".private_key is missing"),
    ("I", r#"{"encryption":{"type":"default"}}"#, ".private_key is missing"),
    ("I", r#"{"private_key":"","encryption":{"type":"default"}}"#, ".private_key is missing"),
    ("I", r#"{"private_key":"k"}"#, ".encryption is missing"),
    ("I", "null", " is missing"),
    // Rows 115, 117, 118 and 119 of the table of bad inputs.
    ("I", r#"{"private_key":"k","encryption":{}}"#, ".encryption.type is missing"),
    ("I", r#"{"private_key":"k","encryption":{"type":"kms"}}"#, ".encryption.kms_key_name encryption type KMS needs"),
    ("I", r#"{"private_key":"k","encryption":{"type":"default","kms_key_name":"a"}}"#, ".encryption of type default"),
    ("P", r#"{"private_key":"k","encryption":{"type":"default","kms_key_id":"a"}}"#, ".encryption of type default"),
    ("I", r#"{"private_key":"k","encryption":{"type":""}}"#, ".encryption.type must be"),
    ("I", r#"{"private_key":"k","encryption":{"type":"KMS","kms_key_name":"a"}}"#, ".encryption.type must be"),
    ("I", r#"{"private_key":"k","encryption":{"type":"none"}}"#, ".encryption.type must be"),
    ("I", r#"{"private_key":"k","encryption":{"type":"kms","kms_key_name":"../a"}}"#, ".encryption.kms_key_name must"),
    ("I", r#"{"private_key":"k","encryption":{"type":"kms","kms_key_id":"a b"}}"#, ".encryption.kms_key_id must"),
];

#[test]
fn what_breaks_a_rule_is_refused_by_its_field() {
    for (method, rest, body, words) in BROKEN {
        refuse(method, rest, body, words);
    }
    for (place, protection, words) in UNPROTECTED {
        let (rest, more) = match *place {
            "P" => ("keypairs", r#","public_key":"k""#),
            _ => ("keypairs/private-key/import", ""),
        };
        let body = format!(r#"{{"keypair":{{"name":"a"{more},"key_protection":{protection}}}}}"#);
        refuse("POST", rest, &body, &format!("keypair.key_protection{words}"));
    }
}

#[test]
fn what_is_too_long_too_many_or_too_deep_is_refused() {
    let long = format!(r#"{{"keypair":{{"name":"{}"}}}}"#, "a".repeat(65));
    refuse("POST", "keypairs", &long, "keypair.name must be");
    let description = format!(r#"{{"keypair":{{"description":"{}"}}}}"#, "é".repeat(256));
    refuse("PUT", "keypairs/a", &description, "keypair.description must have at most 255");
    let eleven = format!("[{}]", [r#"{"keypair":{"name":"a"}}"#; 11].join(","));
    refuse("POST", "keypairs/private-key/batch-export", &eleven, "the body must hold 1 to 10");
    refuse("POST", "keypairs", &"{\"keypair\":".repeat(50_000), "the body is not");
    // The half without its public key: nothing says whether a pair is made.
    let half = r#"{"keypair":{"name":"a","key_protection":{"private_key":"k","encryption":{"type":"default"}}}}"#;
    refuse("POST", "keypairs", half, "keypair.public_key is missing");
}

fn refuse(method: &str, rest: &str, body: &str, words: &str) {
    let asked = request(method, &format!("/v3/{PROJECT}/{rest}"), &[], body.as_bytes());
    let Err(flaw) = Call::read(&asked) else { panic!("{method} {rest} {body} was taken") };
    assert!(flaw.message.starts_with(&format!("parameter error: {words}")), "{method} {rest} {body}: {flaw:?}");
    assert_eq!((flaw.code, flaw.status.as_u16()), (Code::Parameter, 400));
}

#[test]
fn an_id_that_no_task_has_is_told_so() {
    for (method, rest) in [("GET", "tasks/"), ("GET", "tasks/a_b"), ("DELETE", "failed-tasks/a%2Fb")] {
        let asked = request(method, &format!("/v3/{PROJECT}/{rest}"), &[], b"");
        assert_eq!(Call::read(&asked).err().map(|flaw| flaw.code), Some(Code::TaskInvalid), "{rest}");
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
        ("PATCH", "/v3/p/keypairs/a"),
        ("GET", "/v3/p/keypairs/a/private-key"),
        ("POST", "/v3/p/keypairs/private-key/remove"),
        ("GET", "//v3/p/keypairs"),
    ];
    for (method, target) in unknown {
        let flaw = Call::read(&request(method, target, &[], b"{}")).err();
        assert_eq!(flaw.map(|flaw| flaw.code), Some(Code::ApiUnknown), "{method} {target}");
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
