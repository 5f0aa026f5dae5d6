//! Answers: what is written is what the SDK for Python can read, and what the cloud writes is read.

use http::HeaderValue;
use keypairs::dialect::Response;
use keypairs::dialect::tencent::{
    Answer, Code, Failure, Flaw, Imported, KeyPair, Listed, Made, Nothing, Tag, created_time, parse,
};
use keypairs::secret::{SecretBytes, SecretText};
use proptest::prelude::*;
use serde_json::{Value, json};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\n";

fn answer(body: &str) -> Response {
    Response::new(SecretBytes::copied(body.as_bytes()))
}

fn shown(answer: &Response) -> Value {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], HeaderValue::from_static("application/json"), "exactly this");
    serde_json::from_slice(answer.body().expose()).unwrap()
}

fn pair(private: Option<&str>) -> KeyPair {
    KeyPair {
        key_id: "skey-4e5ty7i8".to_owned(),
        key_name: "operation_key".to_owned(),
        project_id: 7,
        description: "it \"says\"".to_owned(),
        public_key: "ssh-rsa AAAA operation_key".to_owned(),
        private_key: private.map(|text| SecretText::new(text.to_owned())),
        associated_instance_ids: vec!["ins-11112222".to_owned()],
        created_time: created_time(1_704_337_871_999),
        tags: vec![Tag { key: "k".to_owned(), value: "v".to_owned() }],
    }
}

/// The names of section 2.1: every field of the model, and the private half in one answer only.
#[test]
fn every_field_is_answered() {
    let mut wanted = json!({
        "KeyId": "skey-4e5ty7i8",
        "KeyName": "operation_key",
        "ProjectId": 7,
        "Description": "it \"says\"",
        "PublicKey": "ssh-rsa AAAA operation_key",
        "AssociatedInstanceIds": ["ins-11112222"],
        "CreatedTime": "2024-01-04T03:11:11Z",
        "Tags": [{"Key": "k", "Value": "v"}],
    });
    let page = vec![pair(None), pair(None)];
    let listed = Answer::KeyPairs { total: 250, page }.render("r-1");
    let set = json!([wanted, wanted]);
    assert_eq!(shown(&listed), json!({"Response": {"TotalCount": 250, "KeyPairSet": set, "RequestId": "r-1"}}));

    wanted["PrivateKey"] = json!(PEM);
    let made = Answer::KeyPair(pair(Some(PEM))).render("r-2");
    assert_eq!(shown(&made), json!({"Response": {"KeyPair": wanted, "RequestId": "r-2"}}));

    assert_eq!(shown(&Answer::Nothing.render("r-3")), json!({"Response": {"RequestId": "r-3"}}));
    let empty = Answer::KeyPairs { total: 0, page: Vec::new() }.render("r");
    assert_eq!(shown(&empty), json!({"Response": {"TotalCount": 0, "KeyPairSet": [], "RequestId": "r"}}));
    let refused = Flaw::from(Code::InvalidKeyPairNameDuplicate).render("r-4");
    let error = json!({"Code": "InvalidKeyPairName.Duplicate", "Message": "Key pair name already exists."});
    assert_eq!(shown(&refused), json!({"Response": {"Error": error, "RequestId": "r-4"}}));
}

/// The example of the page of ImportKeyPair.
#[test]
fn the_example_of_the_page_is_read_and_written() {
    let page = r#"
{
    "Response": {
        "KeyId": "skey-4e5ty7i8",
        "RequestId": "6EF60BEC-0242-43AF-BB20-270359FB54A7"
    }
}
"#;
    let (imported, request_id) = parse::<Imported>(&answer(page)).unwrap();
    assert_eq!(imported.key_id, "skey-4e5ty7i8");
    assert_eq!(request_id, "6EF60BEC-0242-43AF-BB20-270359FB54A7");
    let written = shown(&Answer::KeyId(imported.key_id).render(&request_id));
    assert_eq!(written, serde_json::from_str::<Value>(page).unwrap());
}

#[test]
fn what_is_written_is_read() {
    let made = Answer::KeyPair(pair(Some(PEM))).render("r");
    let (Made { key_pair }, _) = parse(&made).unwrap();
    assert_eq!(key_pair.private_key.as_ref().map(SecretText::expose), Some(PEM));
    assert_eq!((key_pair.project_id, &*key_pair.created_time), (7, "2024-01-04T03:11:11Z"));
    assert_eq!(key_pair.tags, pair(None).tags);
    let listed = Answer::KeyPairs { total: 1, page: vec![pair(None)] }.render("r");
    let (Listed { total_count, key_pair_set }, _) = parse(&listed).unwrap();
    assert_eq!((total_count, key_pair_set.len()), (1, 1));
    assert!(key_pair_set[0].private_key.is_none());
    assert!(parse::<Nothing>(&Answer::Nothing.render("r")).is_ok());
}

#[test]
fn nulls_texts_for_numbers_and_further_fields_are_taken() {
    let body = r#"{"Response":{"KeyPairSet":[{"KeyId":"skey-11112222","KeyName":null,"ProjectId":"7","Description":null,
        "PublicKey":null,"PrivateKey":null,"AssociatedInstanceIds":null,"CreatedTime":null,"Tags":null,"New":{"a":[1]}},
        {}],"TotalCount":"2","Error":null,"Further":1},"Also":2}"#;
    let (listed, request_id) = parse::<Listed>(&answer(body)).unwrap();
    assert_eq!((listed.total_count, request_id.as_str()), (2, ""));
    let first = &listed.key_pair_set[0];
    assert_eq!((&*first.key_id, &*first.key_name, first.project_id), ("skey-11112222", "", 7));
    assert!(first.tags.is_empty() && first.associated_instance_ids.is_empty() && first.private_key.is_none());
}

#[test]
fn what_is_no_answer_is_unreadable() {
    let bodies = [
        "",
        "<html></html>",
        "{",
        "{}",
        "[]",
        r#"{"Response":null}"#,
        r#"{"Response":{}}"#,
        r#"{"Response":{"KeyId":null,"RequestId":"r"}}"#,
        r#"{"Response":{"KeyId":5,"RequestId":"r"}}"#,
        r#"{"Response":{"Error":"no","RequestId":"r"}}"#,
        r#"{"Response":{"KeyId":"skey-11112222"}"#,
    ];
    for body in bodies {
        assert_eq!(parse::<Imported>(&answer(body)).err(), Some(Failure::Unreadable), "{body}");
    }
    let refused = r#"{"Response":{"Error":{"Code":"A.B"},"RequestId":"r"}}"#;
    let wanted = Failure::Refused { code: "A.B".to_owned(), message: String::new(), request_id: "r".to_owned() };
    assert_eq!(parse::<Imported>(&answer(refused)).err(), Some(wanted));
}

#[test]
fn times_are_whole_seconds_in_utc() {
    assert_eq!(created_time(0), "1970-01-01T00:00:00Z");
    assert_eq!(created_time(1_800_000_000_001), "2027-01-15T08:00:00Z");
    assert_eq!(created_time(i64::MAX), "");
}

proptest! {
    #[test]
    fn nothing_panics_on_any_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..400_usize) {
        let any = Response::new(SecretBytes::new(bytes));
        let whole = Answer::KeyPair(pair(Some(PEM))).render("r");
        let whole = whole.body().expose();
        let short = Response::new(SecretBytes::copied(&whole[..cut.min(whole.len() - 1)]));
        for answer in [any, short] {
            prop_assert!(parse::<Made>(&answer).is_err());
            let _ = (parse::<Listed>(&answer).is_ok(), parse::<Nothing>(&answer).is_ok());
        }
    }
}
