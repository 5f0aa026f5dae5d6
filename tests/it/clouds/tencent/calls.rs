//! The actions: what is sent is what is read, in JSON and flattened; the rules of the pages; nothing panics.

use keypairs::dialect::Request;
use keypairs::dialect::tencent::{Action, Binding, Call, Claim, Code, Filter, KeyPair, Tag, Wanted};
use keypairs::secret::SecretText;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{asked, flattened, request, urlencoded};

fn read(action: &str, body: &Value) -> Result<Call, Code> {
    Call::read(&asked(action, &body.to_string())).map_err(|flaw| flaw.code)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// One of each action and each way to fill it.
fn calls() -> Vec<Call> {
    let tags = vec![
        Tag { key: "team".to_owned(), value: "a & b=c".to_owned() },
        Tag { key: "empty".to_owned(), value: String::new() },
    ];
    let key_ids = texts(&["skey-11112222", "skey-4e5ty7i8"]);
    let many = (0..12).map(|number| format!("skey-{number:08}")).collect();
    let binding = |force_stop| Binding { instance_ids: texts(&["ins-abcdefgh"]), key_ids: key_ids.clone(), force_stop };
    let filters = vec![
        Filter::ProjectId(vec![0, -1, 1_000_001]),
        Filter::KeyName(texts(&["a", "b"])),
        Filter::TagKey(texts(&["team"])),
        Filter::TagValue(texts(&["a b"])),
        Filter::Tag("team".to_owned(), texts(&["x"])),
    ];
    let describe = |wanted| Call::DescribeKeyPairs { wanted, offset: 0, limit: 20 };
    let modify = |name: Option<&str>, description: Option<&str>| Call::ModifyKeyPairAttribute {
        key_id: "skey-11112222".to_owned(),
        key_name: name.map(str::to_owned),
        description: description.map(str::to_owned),
    };
    vec![
        Call::CreateKeyPair { key_name: "a_1".to_owned(), project_id: 0, tags: Vec::new() },
        Call::CreateKeyPair { key_name: "A".repeat(25), project_id: 1_000_001, tags: tags.clone() },
        Call::ImportKeyPair {
            key_name: "b".to_owned(),
            project_id: 7,
            public_key: "ssh-rsa AAAA+/= c".to_owned(),
            tags,
        },
        describe(Wanted::All),
        describe(Wanted::Ids(many)),
        Call::DescribeKeyPairs { wanted: Wanted::Filters(filters), offset: 300, limit: 100 },
        modify(Some("new"), None),
        modify(None, Some("")),
        modify(Some("new"), Some(&"密".repeat(60))),
        Call::DeleteKeyPairs { key_ids: key_ids.clone() },
        Call::AssociateInstancesKeyPairs(binding(true)),
        Call::DisassociateInstancesKeyPairs(binding(false)),
    ]
}

#[test]
fn what_is_sent_is_read() {
    for call in calls() {
        let sent = call.request("ap-guangzhou").unwrap();
        assert_eq!(Call::read(&sent), Ok(call.clone()));
        let headers = |name: &str| sent.headers()[name].to_str().unwrap();
        assert_eq!((sent.method().as_str(), sent.uri().to_string().as_str()), ("POST", "/"));
        assert_eq!(headers("content-type"), "application/json");
        assert_eq!(headers("x-tc-action"), call.action().as_str());
        assert_eq!((headers("x-tc-version"), headers("x-tc-region")), ("2017-03-12", "ap-guangzhou"));
        assert!(!call.request("").unwrap().headers().contains_key("x-tc-region"), "the SDK leaves an empty one out");
        assert!(call.request("a\nb").is_none());
        let body: Value = serde_json::from_slice(sent.body().expose()).unwrap();
        assert!(body.as_object().unwrap().values().all(|value| !value.is_null()), "{body}");
    }
    let actions: Vec<_> = calls().iter().map(Call::action).collect();
    assert!(Action::ALL.iter().all(|action| actions.contains(action)), "an action has no example");
}

/// A GET of the SDK for Python with TC3, and its POST and GET with the signatures before.
#[test]
fn what_is_flattened_is_read() {
    for call in calls() {
        let body: Value = serde_json::from_slice(call.request("").unwrap().body().expose()).unwrap();
        let mut params = Vec::new();
        flattened("", &body, &mut params);
        let action = ("X-TC-Action", call.action().as_str());
        let headers = [action, ("X-TC-Version", "2017-03-12"), ("Content-Type", FORM), ("Authorization", "TC3")];
        assert_eq!(Call::read(&request("GET", &urlencoded(&params), &headers, b"")), Ok(call.clone()));

        params.extend(legacy(call.action().as_str()));
        params.reverse();
        let form = urlencoded(&params);
        let content_type = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
        assert_eq!(Call::read(&request("POST", "", &content_type, form.as_bytes())), Ok(call.clone()));
        assert_eq!(Call::read(&request("GET", &form, &[], b"")), Ok(call));
    }
}

fn legacy(action: &str) -> Vec<(String, String)> {
    let common = [
        ("Action", action),
        ("Version", "2017-03-12"),
        ("RequestClient", "SDK_PYTHON_TEST"),
        ("Nonce", "1"),
        ("Timestamp", "1"),
        ("Region", "ap-guangzhou"),
        ("SecretId", "A"),
        ("SignatureMethod", "HmacSHA1"),
        ("Language", "zh-CN"),
        ("Token", "t"),
        ("Signature", "AAAA"),
    ];
    common.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Only what was signed decides: an old signature signs its form, not the headers beside it.
#[test]
fn an_action_in_a_header_does_not_override_a_signed_form() {
    let mut params = legacy("DescribeKeyPairs");
    params.push(("KeyIds.0".to_owned(), "skey-11112222".to_owned()));
    let headers = [("Content-Type", FORM), ("X-TC-Action", "DeleteKeyPairs"), ("X-TC-Version", "2017-03-12")];
    let call =
        Call::read(&request("POST", "KeyIds.0=skey-99999999", &headers, urlencoded(&params).as_bytes())).unwrap();
    let Call::DescribeKeyPairs { wanted, .. } = call else { panic!("{call:?}") };
    assert_eq!(wanted, Wanted::Ids(texts(&["skey-11112222"])), "and the query of a POST is not read");
}

/// The example of the page of ImportKeyPair as it is printed, with its `"ProjectId": "0"` and its lower-case headers.
#[test]
fn the_example_of_the_page_is_read() {
    let body = r#"
{
    "ProjectId": "0",
    "KeyName": "operation_key",
    "PublicKey": "ssh-rsa XXXXXXXXXXXX== skey_45071"
}
"#;
    let wanted = Call::ImportKeyPair {
        key_name: "operation_key".to_owned(),
        project_id: 0,
        public_key: "ssh-rsa XXXXXXXXXXXX== skey_45071".to_owned(),
        tags: Vec::new(),
    };
    assert_eq!(Call::read(&asked("ImportKeyPair", body)), Ok(wanted));
}

#[test]
fn the_rules_of_names() {
    let create = |name: Value| read("CreateKeyPair", &json!({"KeyName": name, "ProjectId": 0})).err();
    let import = |name: Value| {
        read("ImportKeyPair", &json!({"KeyName": name, "ProjectId": 0, "PublicKey": "ssh-rsa AAAA"})).err()
    };
    let modify =
        |name: Value| read("ModifyKeyPairAttribute", &json!({"KeyId": "skey-11112222", "KeyName": name})).err();
    let cases = [
        (json!("a".repeat(25)), None),
        (json!("_9Zz"), None),
        (json!(""), Some(Code::InvalidKeyPairNameEmpty)),
        (json!("a".repeat(26)), Some(Code::InvalidKeyPairNameTooLong)),
        (json!("a-b"), Some(Code::InvalidKeyPairNameIncludeIllegalChar)),
        (json!("密"), Some(Code::InvalidKeyPairNameIncludeIllegalChar)),
    ];
    for (name, code) in cases {
        assert_eq!([create(name.clone()), import(name.clone())], [code, code], "{name}");
        // Its page lists none of the three.
        assert_eq!(modify(name.clone()), code.map(|_| Code::InvalidParameterValue), "{name}");
    }
    assert_eq!([create(Value::Null), import(Value::Null)], [Some(Code::MissingParameter); 2]);
    assert_eq!(create(json!(5)), Some(Code::InvalidParameter));
}

#[test]
fn the_rules_of_each_action() {
    let good = json!({"KeyName": "a", "ProjectId": 0, "PublicKey": "ssh-rsa AAAA"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        read("ImportKeyPair", &body).err()
    };
    let tags = |value: Value| with("TagSpecification", value);
    let of_type = |kind: Value, tags: Value| json!([{"ResourceType": kind, "Tags": tags}]);
    let many: Vec<_> = (0..51).map(|n| json!({"Key": n.to_string(), "Value": ""})).collect();
    let twice = json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]);
    let cases = [
        (with("ProjectId", Value::Null), Some(Code::MissingParameter)),
        (with("ProjectId", json!("7")), None),
        (with("ProjectId", json!("seven")), Some(Code::InvalidParameterValue)),
        (with("ProjectId", json!(1.5)), Some(Code::InvalidParameterValue)),
        (with("ProjectId", json!([0])), Some(Code::InvalidParameter)),
        (with("PublicKey", Value::Null), Some(Code::MissingParameter)),
        (with("PublicKey", json!("")), Some(Code::InvalidPublicKeyMalformed)),
        (with("PublicKey", json!("ssh-ed25519 AAAA")), Some(Code::InvalidPublicKeyMalformed)),
        (with("PublicKey", json!("-----BEGIN PUBLIC KEY-----")), Some(Code::InvalidPublicKeyMalformed)),
        (with("Anything", json!(1)), Some(Code::UnknownParameter)),
        (with("Anything", Value::Null), Some(Code::UnknownParameter)),
        (tags(json!([])), None),
        (tags(of_type(json!("keypair"), json!([{"Key": "a"}]))), None),
        (tags(of_type(json!("instance"), json!([]))), Some(Code::InvalidParameterValue)),
        (tags(of_type(Value::Null, json!([]))), Some(Code::MissingParameter)),
        (tags(of_type(json!("keypair"), json!([{"Value": "a"}]))), Some(Code::MissingParameter)),
        (tags(of_type(json!("keypair"), json!([{"Key": ""}]))), Some(Code::InvalidParameterValue)),
        (tags(of_type(json!("keypair"), json!([{"Key": "a", "Other": 1}]))), Some(Code::UnknownParameter)),
        (tags(of_type(json!("keypair"), twice)), Some(Code::InvalidParameterValue)),
        (tags(of_type(json!("keypair"), json!(many))), Some(Code::InvalidParameterValue)),
        (tags(json!({"ResourceType": "keypair"})), Some(Code::InvalidParameter)),
        (tags(json!(["keypair"])), Some(Code::InvalidParameter)),
    ];
    for (place, (found, wanted)) in cases.into_iter().enumerate() {
        assert_eq!(found, wanted, "case {place}");
    }
}

#[test]
fn the_rules_of_describe() {
    let describe = |body: Value| read("DescribeKeyPairs", &body);
    let everything = Call::DescribeKeyPairs { wanted: Wanted::All, offset: 0, limit: 20 };
    assert_eq!(describe(json!({})), Ok(everything.clone()));
    assert_eq!(describe(json!({"KeyIds": [], "Filters": null})), Ok(everything.clone()));
    assert_eq!(Call::read(&asked("DescribeKeyPairs", "")), Ok(everything), "an empty body is no parameters");
    let filter = |name: &str, values: Value| json!({"Filters": [{"Name": name, "Values": values}]});
    let ids = |count: usize| json!({"KeyIds": vec!["skey-11112222"; count]});
    let cases = [
        (json!({"Limit": 100, "Offset": "5"}), None),
        (json!({"Limit": 101}), Some(Code::InvalidParameterValueLimit)),
        (json!({"Limit": 0}), Some(Code::InvalidParameterValueLimit)),
        (json!({"Limit": -1}), Some(Code::InvalidParameterValueLimit)),
        (json!({"Offset": -1}), Some(Code::InvalidParameterValueOffset)),
        (json!({"Offset": u64::MAX}), Some(Code::InvalidParameterValue)),
        (ids(100), None),
        (ids(101), Some(Code::InvalidParameterValueLimitExceeded)),
        (json!({"KeyIds": ["skey-1122"]}), Some(Code::InvalidKeyPairIdMalformed)),
        (json!({"KeyIds": ["skey-1111222X"]}), Some(Code::InvalidKeyPairIdMalformed)),
        (json!({"KeyIds": ["11112222"]}), Some(Code::InvalidKeyPairIdMalformed)),
        (json!({"KeyIds": "skey-11112222"}), Some(Code::InvalidParameter)),
        (
            json!({"KeyIds": ["skey-11112222"], "Filters": [{"Name": "key-name", "Values": ["a"]}]}),
            Some(Code::InvalidParameter),
        ),
        (filter("key-name", json!(["a", "b", "c", "d", "e"])), None),
        (filter("key-name", json!(["a", "b", "c", "d", "e", "f"])), Some(Code::InvalidFilterValueLimitExceeded)),
        (filter("key-name", json!([])), Some(Code::InvalidFilter)),
        (filter("fingerprint", json!(["a"])), Some(Code::InvalidFilter)),
        (filter("tag:", json!(["a"])), Some(Code::InvalidFilter)),
        (filter("project-id", json!(["a"])), Some(Code::InvalidFilter)),
        (json!({"Filters": [{"Values": ["a"]}]}), Some(Code::MissingParameter)),
        (
            json!({"Filters": vec![json!({"Name": "key-name", "Values": ["a"]}); 11]}),
            Some(Code::InvalidParameterValueLimitExceeded),
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(describe(body.clone()).err(), wanted, "{body}");
    }
}

#[test]
fn the_rules_of_the_others() {
    let modify = |body: Value| read("ModifyKeyPairAttribute", &body).err();
    let id = "skey-11112222";
    assert_eq!(modify(json!({"KeyId": id})), Some(Code::MissingParameter));
    assert_eq!(modify(json!({"KeyName": "a"})), Some(Code::MissingParameter));
    assert_eq!(modify(json!({"KeyId": "skey-1122", "KeyName": "a"})), Some(Code::InvalidKeyPairIdMalformed));
    assert_eq!(modify(json!({"KeyId": id, "Description": "密".repeat(60)})), None);
    assert_eq!(modify(json!({"KeyId": id, "Description": "密".repeat(61)})), Some(Code::InvalidParameterValue));

    let delete = |ids: Value| read("DeleteKeyPairs", &json!({"KeyIds": ids})).err();
    assert_eq!([delete(json!([])), delete(Value::Null)], [Some(Code::MissingParameter); 2]);
    assert_eq!(delete(json!(vec![id; 101])), Some(Code::InvalidParameterValueLimitExceeded));
    assert_eq!(delete(json!([id, "skey-1122"])), Some(Code::InvalidKeyPairIdMalformed));

    for action in ["AssociateInstancesKeyPairs", "DisassociateInstancesKeyPairs"] {
        let bind = |body: Value| read(action, &body).err();
        let instance = "ins-11112222";
        assert_eq!(bind(json!({"InstanceIds": [instance], "KeyIds": [id], "ForceStop": "True"})), None);
        assert_eq!(
            bind(json!({"InstanceIds": [instance], "KeyIds": [id], "ForceStop": 1})),
            Some(Code::InvalidParameter)
        );
        assert_eq!(bind(json!({"InstanceIds": [instance]})), Some(Code::MissingParameter));
        assert_eq!(bind(json!({"KeyIds": [id]})), Some(Code::MissingParameter));
        let cases = [
            (json!(["ins-1122"]), json!([id]), Code::InvalidInstanceIdMalformed),
            (json!([instance]), json!(["skey-1122"]), Code::InvalidKeyPairIdMalformed),
            (json!(vec![instance; 101]), json!([id]), Code::InvalidParameterValueLimitExceeded),
        ];
        for (instances, keys, code) in cases {
            assert_eq!(bind(json!({"InstanceIds": instances, "KeyIds": keys})), Some(code));
        }
    }
}

#[test]
fn what_is_no_request_of_this_api_is_told() {
    let code = |request: &Request| Call::read(request).unwrap_err().code;
    let headers = |action: &'static str, version: &'static str| {
        [("X-Tc-Action", action), ("x-tc-version", version), ("content-type", "APPLICATION/JSON")]
    };
    let good = headers("DescribeKeyPairs", "2017-03-12");
    assert!(Call::read(&request("POST", "", &good, b"{}")).is_ok(), "names of headers have no case, nor have types");
    assert_eq!(code(&request("POST", "", &headers("DescribeKeyPairs", "2016-01-01"), b"{}")), Code::NoSuchVersion);
    assert_eq!(code(&request("POST", "", &headers("DescribeInstances", "2017-03-12"), b"{}")), Code::InvalidAction);
    assert_eq!(code(&request("POST", "", &headers("describekeypairs", "2017-03-12"), b"{}")), Code::InvalidAction);
    assert_eq!(code(&request("POST", "", &good[..1], b"{}")), Code::MissingParameter);
    assert_eq!(code(&request("POST", "", &good[1..], b"{}")), Code::MissingParameter);
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS"] {
        assert_eq!(code(&request(method, "", &good, b"{}")), Code::UnsupportedProtocol);
    }
    for body in ["[]", "1", "\"a\"", "{", "{}{}", "null", "<html>", "\u{feff}{}", &"[".repeat(1000)] {
        assert_eq!(code(&asked("DescribeKeyPairs", body)), Code::InvalidParameter, "{body}");
    }
    let multipart = [good[0], good[1], ("content-type", "multipart/form-data; boundary=a")];
    assert_eq!(code(&request("POST", "", &multipart, b"--a--")), Code::InvalidParameter);
    for query in ["KeyIds=a&KeyIds.0=b", "KeyIds.0=a&KeyIds=b", "Limit=1&Limit=1", "a.b.c.d.e.f.g.h.i.j=1"] {
        assert_eq!(code(&request("GET", query, &good, b"")), Code::InvalidParameter, "{query}");
    }
    assert_eq!(code(&request("GET", "KeyIds.x=skey-11112222", &good, b"")), Code::InvalidParameter);
}

/// A private key in the wrong field, or as a name, must not come back in an error.
#[test]
fn no_value_is_told_back() {
    let secret = "c2VjcmV0";
    let bodies = [
        json!({"KeyName": secret, "ProjectId": secret, "PublicKey": secret}),
        json!({"KeyName": [secret], "ProjectId": 0}),
        json!({"KeyName": "a", "ProjectId": 0, "PublicKey": secret}),
        json!({"KeyName": "a", "ProjectId": 0, "PublicKey": "ssh-rsa A", format!("-{secret}"): 1}),
        json!({"KeyIds": [secret], "KeyId": secret, "InstanceIds": [secret]}),
        json!({"Filters": [{"Name": secret, "Values": [secret]}], "Limit": secret}),
        json!(secret),
    ];
    for action in Action::ALL {
        for body in &bodies {
            let flaw = Call::read(&asked(action.as_str(), &body.to_string())).unwrap_err();
            assert!(!flaw.message.contains(secret), "{action:?}: {}", flaw.message);
        }
    }
}

#[test]
fn filters_are_exact() {
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let pair = KeyPair {
        key_name: "ab".to_owned(),
        project_id: 7,
        tags: vec![tag("team", "x"), tag("env", "y")],
        ..KeyPair::default()
    };
    let passes = [
        Filter::ProjectId(vec![1, 7]),
        Filter::KeyName(texts(&["c", "ab"])),
        Filter::TagKey(texts(&["env"])),
        Filter::TagValue(texts(&["x"])),
        Filter::Tag("team".to_owned(), texts(&["x"])),
    ];
    let stays_out = [
        Filter::ProjectId(vec![0]),
        Filter::KeyName(texts(&["a", "abc", "AB"])),
        Filter::TagKey(texts(&["x"])),
        Filter::TagValue(texts(&["team"])),
        Filter::Tag("team".to_owned(), texts(&["y"])),
    ];
    assert!(passes.iter().all(|filter| filter.passes(&pair)));
    assert!(stays_out.iter().all(|filter| !filter.passes(&pair)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes: an answer, no panic.
    #[test]
    fn nothing_panics_on_any_bytes(
        method in "GET|POST|PUT",
        query in "[A-Za-z0-9.=&%+_-]{0,60}",
        headers in proptest::collection::vec((0..HEADERS.len(), "[ -~]{0,80}"), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        action in 0..8_usize,
    ) {
        let mut all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (HEADERS[*name], value.as_str())).collect();
        if let Some(action) = Action::ALL.get(action) {
            all.extend([("x-tc-action", action.as_str()), ("x-tc-version", "2017-03-12"), ("host", "a")]);
        }
        let request = request(&method, &query, &all, &body);
        let _ = Call::read(&request);
        if let Ok(claim) = Claim::read(&request) {
            let _ = claim.check(&request, &SecretText::new("s".to_owned()), 0);
        }
    }

    /// Trees of JSON with names that the actions know, in every wrong place.
    #[test]
    fn nothing_panics_on_any_json(tree in tree(), action in 0..7_usize) {
        let body = tree.to_string();
        let _ = Call::read(&asked(Action::ALL[action].as_str(), &body));
        let mut params = Vec::new();
        flattened("", &tree, &mut params);
        params.extend(legacy(Action::ALL[action].as_str()));
        let _ = Call::read(&request("GET", &urlencoded(&params), &[], b""));
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9_-]{0,12}|skey-[a-z0-9]{8}|keypair|ssh-rsa [A-Z]{4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(
                "KeyName|ProjectId|PublicKey|KeyIds?|Filters|Name|Values|Tags|Key|0|1",
                inner,
                0..5
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const FORM: &str = "application/x-www-form-urlencoded";
const HEADERS: [&str; 6] =
    ["authorization", "content-type", "x-tc-timestamp", "x-tc-token", "x-tc-content-sha256", "x-tc-action"];
