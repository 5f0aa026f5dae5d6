//! Answers: those of the pages are read, ours have every field that an SDK looks for, and a private half stands in the
//! answer to create alone.

use http::StatusCode;
use keypairs::dialect::Response;
use keypairs::dialect::baidu::{
    Code, Keypair, Page, is_nothing, keypair, nothing, page, render, render_page, request_id, wrong,
};
use keypairs::secret::{SecretBytes, SecretText};
use proptest::prelude::*;
use serde_json::{Value, json};

fn answer(body: &[u8]) -> Response {
    Response::new(SecretBytes::copied(body))
}

fn json(answer: &Response) -> Value {
    serde_json::from_slice(answer.body().expose()).unwrap()
}

/// The page on creating a pair, with the comma that it forgot, and the page on importing one.
#[test]
fn the_examples_of_the_pages_are_read() {
    let create = br#"{
        "keypair":
        {
        "keypairId": "k-y7VWq",
        "name": "keypair01",
        "description": "someDescription",
        "createTime": "2018-01-27T13:23:13Z",
        "regionId": "bj",
        "publicKey": "publicKey-publicKey",
        "privateKey":"privateKey-privateKye"
        }
        }"#;
    let pair = keypair(&answer(create)).unwrap();
    assert_eq!((&*pair.keypair_id, &*pair.name, &*pair.description), ("k-y7VWq", "keypair01", "someDescription"));
    assert_eq!((&*pair.create_time, &*pair.created_time, pair.instance_count), ("2018-01-27T13:23:13Z", "", None));
    assert_eq!((&*pair.region_id, &*pair.public_key, &*pair.finger_print), ("bj", "publicKey-publicKey", ""));
    assert_eq!(pair.private_key.unwrap().expose(), "privateKey-privateKye");
    let import = br#"{"keypair":{"instanceCount":0,"name":"keypair01","description":"from import",
        "createdTime":"2019-01-30T11:52:41Z","publicKey":"publicKey","fingerPrint":"fingerPrint","regionId":"bj",
        "keypairId":"keypairId"}}"#;
    let pair = keypair(&answer(import)).unwrap();
    assert_eq!((&*pair.keypair_id, &*pair.finger_print, pair.instance_count), ("keypairId", "fingerPrint", Some(0)));
    assert_eq!((&*pair.create_time, &*pair.created_time), ("", "2019-01-30T11:52:41Z"));
    assert!(pair.private_key.is_none());
}

#[test]
fn answers_are_read_leniently_and_not_made_up() {
    let pair = |body: &str| keypair(&answer(body.as_bytes()));
    let sparse =
        pair(r#"{"keypair":{"keypairId":"k-1","description":null,"privateKey":null,"more":[]},"requestId":"r"}"#);
    let sparse = sparse.unwrap();
    assert_eq!((&*sparse.keypair_id, &*sparse.description, sparse.private_key.is_none()), ("k-1", "", true));
    for broken in
        ["", "{}", "[]", "null", r#"{"keypair":null}"#, r#"{"keypair":{"keypairId":7}}"#, "<html>", r#"{"keypair":{"#]
    {
        assert!(pair(broken).is_none(), "{broken}");
    }
    let last = page(&answer(br#"{"keypairs":[],"isTruncated":false,"nextMarker":null}"#)).unwrap();
    assert_eq!((last.keypairs.len(), last.is_truncated, last.next_marker), (0, false, None));
    for broken in ["", "{}", r#"{"keypairs":null}"#, r#"{"keypairs":[7]}"#] {
        assert!(page(&answer(broken.as_bytes())).is_none(), "{broken}");
    }
    for none in ["", " \n", "{}", r#"{"requestId":"r"}"#] {
        assert!(is_nothing(&answer(none.as_bytes())), "{none:?}");
    }
    for other in ["<html></html>", "[]", "ok", r#"{"code":"InternalError","message":"m","requestId":"r"}"#] {
        assert!(!is_nothing(&answer(other.as_bytes())), "{other:?}");
    }
}

fn sound() -> Keypair {
    Keypair {
        keypair_id: "k-0123abcd".into(),
        name: "密/a".into(),
        description: String::new(),
        public_key: "ssh-rsa AAAA".into(),
        region_id: "bj".into(),
        finger_print: "b4:9a".into(),
        instance_count: Some(0),
        create_time: "2026-11-24T10:00:00Z".into(),
        created_time: "2026-11-24T10:00:00Z".into(),
        private_key: None,
    }
}

fn model() -> Value {
    json!({
        "keypairId": "k-0123abcd", "name": "密/a", "description": "", "publicKey": "ssh-rsa AAAA", "regionId": "bj",
        "fingerPrint": "b4:9a", "instanceCount": 0,
        "createTime": "2026-11-24T10:00:00Z", "createdTime": "2026-11-24T10:00:00Z",
    })
}

fn has_headers(answer: &Response, status: u16) {
    assert_eq!(answer.status(), StatusCode::from_u16(status).unwrap());
    assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
    assert_eq!((&answer.headers()["x-bce-request-id"], request_id(answer)), (&"r-1".parse().unwrap(), "r-1"));
}

#[test]
fn a_pair_is_told_with_all_its_fields() {
    let told = render(&sound(), "r-1");
    has_headers(&told, 200);
    assert_eq!(json(&told), json!({ "keypair": model() }));
    let private = "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n";
    let told = render(&Keypair { private_key: Some(SecretText::new(private.to_owned())), ..sound() }, "r-1");
    assert_eq!(json(&told)["keypair"]["privateKey"], private);
    let read = keypair(&told).unwrap();
    assert_eq!(read.private_key.unwrap().expose(), private);
    assert_eq!((read.keypair_id, read.instance_count), ("k-0123abcd".to_owned(), Some(0)));
}

/// The last page has no `nextMarker`: the Go SDK would ask for it.
#[test]
fn a_page_is_told_as_both_sdks_read_it() {
    let keypairs = vec![sound()];
    let told = render_page(
        &Page { marker: "k-0123abcd".into(), is_truncated: false, next_marker: None, max_keys: 1000, keypairs },
        "r-1",
    );
    has_headers(&told, 200);
    let mut wanted = json!({ "marker": "k-0123abcd", "isTruncated": false, "maxKeys": 1000, "keypairs": [model()] });
    assert_eq!(json(&told), wanted);
    let next_marker = Some("k-1".to_owned());
    let told = render_page(
        &Page { is_truncated: true, next_marker, max_keys: 1, keypairs: vec![sound()], marker: "k-0123abcd".into() },
        "r-1",
    );
    (wanted["isTruncated"], wanted["nextMarker"], wanted["maxKeys"]) = (true.into(), "k-1".into(), 1.into());
    assert_eq!(json(&told), wanted);
    let read = page(&told).unwrap();
    assert_eq!((read.next_marker.as_deref(), read.is_truncated, read.keypairs.len()), (Some("k-1"), true, 1));
}

#[test]
fn an_error_has_all_three_words() {
    let told = Code::KeypairQuotaExceedLimit.render(None, "r-1");
    has_headers(&told, 413);
    let wanted = json!({
        "code": "Keypair.KeypairQuotaExceedLimit", "message": "Keypair number exceeds the limit.", "requestId": "r-1",
    });
    assert_eq!(json(&told), wanted);
    let read = wrong(&told).unwrap();
    assert_eq!((&*read.code, &*read.request_id), ("Keypair.KeypairQuotaExceedLimit", "r-1"));
    let told = Code::KeypairNameInvalid.render(Some("The name is taken."), "r-1");
    assert_eq!(json(&told)["message"], "The name is taken.");
    for none in ["", "{}", "<html>", r#"{"code":""}"#, r#"{"code":null,"message":"m"}"#, r#"["code"]"#] {
        assert_eq!(wrong(&answer(none.as_bytes())), None, "{none}");
    }
    let bare = wrong(&answer(br#"{"code":"X"}"#)).unwrap();
    assert_eq!((&*bare.message, &*bare.request_id), ("", ""));
}

#[test]
fn what_has_no_answer_has_the_headers_of_one() {
    let told = nothing("r-1");
    has_headers(&told, 200);
    assert!(told.body().expose().is_empty() && is_nothing(&told));
    assert_eq!(request_id(&nothing("two\nlines")), "", "an id that no header can hold is left out");
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(
        raw in proptest::collection::vec(any::<u8>(), 0..80),
        near in r#"\{"(keypair|keypairs|code)":[\[{]?("(keypairId|privateKey|instanceCount)":("[a-z\\u0-9]{0,6}"?|-?[0-9]{1,12}),?){0,4}\}{0,2}"#,
    ) {
        for body in [raw.as_slice(), near.as_bytes()] {
            let answer = answer(body);
            let _ = (keypair(&answer), page(&answer), wrong(&answer), is_nothing(&answer));
        }
    }
}
