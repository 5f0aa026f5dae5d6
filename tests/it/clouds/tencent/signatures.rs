//! TC3-HMAC-SHA256 and the signatures before it, against what the official SDK for Python signed.

use http::HeaderValue;
use keypairs::dialect::tencent::{Call, Claim, Steps, sign};
use keypairs::dialect::{Credentials, Refusal, Request};
use keypairs::secret::{SecretBytes, SecretText};
use serde_json::Value;

use super::{asked, request};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors/clouds/tencent.json")).unwrap()
}

fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap()
}

fn secret(vector: &Value) -> SecretText {
    SecretText::new(text(vector, "secret_key").to_owned())
}

fn now(vector: &Value) -> i64 {
    vector["timestamp"].as_i64().unwrap() * 1000
}

/// The request of a TC3 vector, with the headers that the SDK has before it signs.
fn unsigned(vector: &Value) -> Request {
    let headers: Vec<_> =
        vector["headers"].as_object().unwrap().iter().map(|(n, v)| (&**n, v.as_str().unwrap())).collect();
    let method = vector["method"].as_str().unwrap_or("POST");
    let query = vector["query"].as_str().unwrap_or_default();
    request(method, query, &headers, text(vector, "body").as_bytes())
}

fn signed(vector: &Value) -> Request {
    let mut request = unsigned(vector);
    request.headers_mut().insert("authorization", text(vector, "authorization").parse().unwrap());
    request
}

/// What a face does: reads the claim, looks the account up, checks.
fn verdict(request: &Request, secret: &SecretText, now: i64) -> Result<(), Refusal> {
    Claim::read(request)?.check(request, secret, now)
}

#[test]
fn every_vector_is_reproduced_and_accepted() {
    let vectors = vectors();
    let vectors = vectors["tc3_hmac_sha256"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let name = text(vector, "name");
        let mut request = unsigned(vector);
        let steps = Steps::of(&request, "content-type;host", now(vector) / 1000).unwrap();
        assert_eq!(steps.canonical, text(vector, "canonical_request"), "{name}");
        assert_eq!(steps.to_sign, text(vector, "string_to_sign"), "{name}");
        let credentials = Credentials {
            access_key: text(vector, "secret_id").to_owned(),
            secret_key: secret(vector),
            security_token: None,
        };
        sign(&mut request, &credentials, now(vector) + 999).unwrap();
        assert_eq!(request.headers()["authorization"], text(vector, "authorization"), "{name}");
        assert_eq!(request.headers()["x-tc-timestamp"], text(&vector["headers"], "X-TC-Timestamp"));
        assert!(request.headers()["authorization"].is_sensitive());

        let claim = Claim::read(&request).unwrap();
        assert_eq!((claim.access_key(), claim.token().is_none()), ("AKIDTEST", true));
        assert_eq!(claim.check(&request, &secret(vector), now(vector)), Ok(()), "{name}");
    }
}

/// Whole requests of the SDK, GET and POST, new and old signatures, a token, an endpoint with a path, text that a query
/// must escape: all of them are accepted, and say what the SDK was asked for.
#[test]
fn whole_requests_of_the_sdk_are_accepted_and_read() {
    let vectors = vectors();
    let vectors = vectors["wire"].as_array().unwrap();
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let name = text(vector, "name");
        let request = if vector["authorization"].is_null() { unsigned(vector) } else { signed(vector) };
        let claim = Claim::read(&request).unwrap();
        assert_eq!(claim.access_key(), "AKIDTEST", "{name}");
        assert_eq!(claim.token().map(SecretText::expose), vector["token"].as_str(), "{name}");
        assert_eq!(claim.check(&request, &secret(vector), now(vector)), Ok(()), "{name}");
        let wanted = Call::read(&asked(text(vector, "action"), &vector["params"].to_string()));
        assert!(wanted.is_ok(), "{name}: {wanted:?}");
        assert_eq!(Call::read(&request), wanted, "{name}");
    }
}

/// The example of the vendor's manual signs `x-tc-action` too, in lower case. Who signs it as it stands means the same.
#[test]
fn further_signed_headers_are_honoured() {
    let vectors = vectors();
    let vector = &vectors["published"];
    let mut request = signed(vector);
    assert_eq!(verdict(&request, &secret(vector), now(vector)), Ok(()));
    request.headers_mut().insert("x-tc-action", HeaderValue::from_static("DescribeKeyPairs"));
    assert!(matches!(verdict(&request, &secret(vector), now(vector)), Err(Refusal::Mismatch { .. })));

    let raw = Steps::of(&unsigned(vector), "content-type;host;x-tc-action", now(vector) / 1000).unwrap();
    assert!(raw.canonical.contains("\nx-tc-action:DescribeInstances\n"));
}

/// Every byte of what the scheme signs, one after the other, another one.
#[test]
fn one_changed_byte_is_refused() {
    for vector in vectors()["tc3_hmac_sha256"].as_array().unwrap() {
        let (name, mut tried) = (text(vector, "name"), 0);
        let mut refused = |request: &Request, what: &str, place: usize| {
            tried += 1;
            assert!(verdict(request, &secret(vector), now(vector)).is_err(), "{name}: {what}, byte {place}");
        };
        for header in ["host", "content-type", "x-tc-timestamp", "authorization", "x-tc-content-sha256"] {
            let Some(value) = signed(vector).headers().get(header).cloned() else { continue };
            for place in 0..value.len() {
                let mut request = signed(vector);
                request
                    .headers_mut()
                    .insert(header, HeaderValue::from_bytes(&flipped(value.as_bytes(), place)).unwrap());
                let is_key = Claim::read(&request).is_ok_and(|claim| claim.access_key() != "AKIDTEST");
                if !is_key {
                    refused(&request, header, place); // with another SecretId another secret key is looked up
                }
            }
        }
        let body = text(vector, "body").as_bytes();
        for place in 0..body.len() {
            let mut request = signed(vector);
            *request.body_mut() = SecretBytes::new(flipped(body, place));
            if vector["hashed_payload_input"] == "body" {
                refused(&request, "body", place);
            } else {
                assert_eq!(verdict(&request, &secret(vector), now(vector)), Ok(()), "UNSIGNED-PAYLOAD signs no body");
            }
        }
        let query = text(vector, "query").as_bytes();
        for place in 0..query.len() {
            let mut request = signed(vector);
            let query = String::from_utf8(flipped(query, place)).unwrap();
            *request.uri_mut() = format!("/?{query}").parse().unwrap();
            refused(&request, "query", place);
        }
        let mut request = signed(vector);
        *request.method_mut() = if request.method() == "GET" { http::Method::POST } else { http::Method::GET };
        refused(&request, "method", 0);
        assert!(tried > 150, "{name}: {tried}");
    }
}

/// Another byte that may stand in a header, in a query and in UTF-8.
fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] = match bytes[place] {
        b'0' => b'1',
        b if b.is_ascii_lowercase() => b.to_ascii_uppercase(),
        b if b.is_ascii_uppercase() => b.to_ascii_lowercase(),
        _ => b'0',
    };
    bytes
}

#[test]
fn the_window_is_five_minutes_to_both_sides() {
    let vectors = vectors();
    for vector in [&vectors["tc3_hmac_sha256"][0], &vectors["tc_hmac_v1"][0]] {
        let request = if vector["authorization"].is_null() { form(vector) } else { signed(vector) };
        let at = |seconds: i64| verdict(&request, &secret(vector), now(vector) + seconds * 1000);
        assert_eq!([at(-300), at(0), at(300)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(at(301), Err(Refusal::Expired { ahead: -301 }));
        assert_eq!(at(-301), Err(Refusal::Expired { ahead: 301 }));
        assert!(verdict(&request, &secret(vector), i64::MAX).is_err());
        assert!(verdict(&request, &secret(vector), i64::MIN).is_err());
    }
}

/// Names that the log shows, and nothing that a signature could be made from.
#[test]
fn a_wrong_key_is_a_mismatch_that_shows_what_was_signed() {
    let vectors = vectors();
    let vector = &vectors["tc3_hmac_sha256"][0];
    let refusal = verdict(&signed(vector), &SecretText::new("another".to_owned()), now(vector)).unwrap_err();
    let Refusal::Mismatch { canonical, hint } = refusal else { panic!("{refusal:?}") };
    assert_eq!(canonical, text(vector, "canonical_request"));
    assert!(hint.contains("Host"), "{hint}");
}

#[test]
fn what_is_no_signature_is_refused_for_its_form() {
    let vectors = vectors();
    let vector = &vectors["tc3_hmac_sha256"][0];
    let good = text(vector, "authorization");
    let read = |change: &dyn Fn(&mut Request)| {
        let mut request = signed(vector);
        change(&mut request);
        Claim::read(&request).err()
    };
    let with = |authorization: &str| {
        read(&|request| drop(request.headers_mut().insert("authorization", authorization.parse().unwrap())))
    };
    assert_eq!(with(good), None);
    assert!(matches!(with("SKIP"), Some(Refusal::Unsupported(_))));
    assert!(matches!(with(&good.replace("TC3-HMAC-SHA256", "SDK-HMAC-SHA256")), Some(Refusal::Unsupported(_))));
    let broken = [
        good.replace("/cvm/", "/kms/"),
        good.replace("tc3_request", "tc4_request"),
        good.replace("AKIDTEST/", ""),
        good.replace("2019-02-25", "2019-02-26"),
        good.replace("content-type;host", "content-type"),
        good.replace("content-type;host", "host"),
        good.replace(", Signature", "; Signature"),
        format!("{good}, Signature=00"),
        "TC3-HMAC-SHA256".to_owned(),
    ];
    for authorization in broken {
        assert!(matches!(with(&authorization), Some(Refusal::Malformed(_))), "{authorization}");
    }
    for twice in ["authorization", "x-tc-timestamp"] {
        let found = read(&|request| {
            request.headers_mut().append(twice, HeaderValue::from_static("1"));
        });
        assert!(matches!(found, Some(Refusal::Malformed(_))), "{twice} is there twice");
    }
    for number in ["+1551113065", "01551113065", "1551113065.0", "", "99999999999999999999", "9223372036854775807"] {
        let found = read(&|request| drop(request.headers_mut().insert("x-tc-timestamp", number.parse().unwrap())));
        assert!(matches!(found, Some(Refusal::Malformed(_))), "X-TC-Timestamp: {number}");
    }
    // A signed header that is there twice is two answers to one question: which of them was signed?
    let mut request = signed(vector);
    request.headers_mut().append("host", HeaderValue::from_static("other"));
    assert!(matches!(verdict(&request, &secret(vector), now(vector)), Err(Refusal::Malformed(_))));
    let mut request = signed(vector);
    request.headers_mut().remove("authorization");
    assert_eq!(Claim::read(&request).err(), Some(Refusal::Missing));
}

/// The SDK for Python signs `Host` as the endpoint was given, whatever that is; and the path is always `/`.
#[test]
fn host_is_signed_raw_and_the_path_is_not() {
    let credentials =
        Credentials { access_key: "A".to_owned(), secret_key: SecretText::new("s".to_owned()), security_token: None };
    for host in ["127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080/prefix", "LocalHost:1"] {
        let mut request = request("POST", "", &[("Host", host), ("Content-Type", "application/json")], b"{}");
        sign(&mut request, &credentials, 1_551_113_065_000).unwrap();
        *request.uri_mut() = "/prefix?nobody=reads&this".parse().unwrap();
        assert_eq!(verdict(&request, &credentials.secret_key, 1_551_113_065_000), Ok(()), "{host}");
    }
    // HTTP/2 has it in the target.
    let mut request = request("POST", "", &[("Host", "a:1"), ("Content-Type", "application/json")], b"{}");
    sign(&mut request, &credentials, 1_551_113_065_000).unwrap();
    request.headers_mut().remove("host");
    *request.uri_mut() = "http://a:1/".parse().unwrap();
    assert_eq!(verdict(&request, &credentials.secret_key, 1_551_113_065_000), Ok(()));
}

#[test]
fn a_token_goes_along_and_what_no_header_holds_is_refused() {
    let with = |access_key: &str, token: &str| {
        let mut request = request("POST", "", &[("Host", "a"), ("Content-Type", "application/json")], b"{}");
        let security_token = Some(SecretText::new(token.to_owned()));
        let secret_key = SecretText::new("s".to_owned());
        let credentials = Credentials { access_key: access_key.to_owned(), secret_key, security_token };
        sign(&mut request, &credentials, 0).map(|()| request)
    };
    let request = with("A", "TOKEN").unwrap();
    assert_eq!(request.headers()["x-tc-token"], "TOKEN");
    assert!(request.headers()["x-tc-token"].is_sensitive());
    assert_eq!(Claim::read(&request).unwrap().token().map(SecretText::expose), Some("TOKEN"));
    assert!(with("A\n", "TOKEN").is_err() && with("A", "TO\nKEN").is_err());
    let mut bare = super::request("POST", "", &[], b"{}");
    let credentials =
        Credentials { access_key: "A".to_owned(), secret_key: SecretText::new("s".to_owned()), security_token: None };
    assert!(sign(&mut bare, &credentials, 0).is_err(), "without Host and Content-Type there is nothing to sign");
}

/// The request of a vector of the signatures before TC3.
fn form(vector: &Value) -> Request {
    let headers = [("Host", text(vector, "host")), ("Content-Type", text(vector, "content_type"))];
    request("POST", "", &headers, text(vector, "body").as_bytes())
}

#[test]
fn the_signatures_before_tc3_are_verified() {
    let vectors = vectors();
    let vectors = vectors["tc_hmac_v1"].as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let request = form(vector);
        let claim = Claim::read(&request).unwrap();
        assert_eq!((claim.access_key(), claim.token().is_none()), ("AKIDTEST", true));
        assert_eq!(claim.check(&request, &secret(vector), now(vector)), Ok(()), "{}", text(vector, "name"));
    }
}

/// Every byte of the form, but for those that turn one spelling of a value into another of the same value.
#[test]
fn one_changed_byte_of_a_form_is_refused() {
    for vector in vectors()["tc_hmac_v1"].as_array().unwrap() {
        let (body, mut tried) = (text(vector, "body"), 0);
        for place in 0..body.len() {
            let mut request = form(vector);
            let changed = flipped(body.as_bytes(), place);
            let same = form_urlencoded::parse(&changed).eq(form_urlencoded::parse(body.as_bytes()));
            *request.body_mut() = SecretBytes::new(changed);
            let is_key = Claim::read(&request).is_ok_and(|claim| claim.access_key() != "AKIDTEST");
            if !same && !is_key {
                tried += 1;
                assert!(verdict(&request, &secret(vector), now(vector)).is_err(), "byte {place}");
            }
        }
        assert!(tried > 200, "{tried}");
        let mut request = form(vector);
        request.headers_mut().insert("host", HeaderValue::from_static("cvm.tencentcloudapi.con"));
        assert!(verdict(&request, &secret(vector), now(vector)).is_err());
        let mut request = form(vector);
        *request.body_mut() = SecretBytes::new(format!("{body}&Nonce=11886").into_bytes());
        assert!(matches!(Claim::read(&request), Err(Refusal::Malformed(_))), "a parameter is there twice");
    }
}

/// What a debug log may hold of a refused form: not its token.
#[test]
fn a_token_in_a_form_is_signed_and_not_shown() {
    let body = "Action=DescribeKeyPairs&Nonce=1&Timestamp=1551113065&SecretId=A&Token=T0KEN&Signature=AAAA";
    let request = request("GET", body, &[("Host", "a")], b"");
    let claim = Claim::read(&request).unwrap();
    assert_eq!(claim.token().map(SecretText::expose), Some("T0KEN"));
    let refusal = claim.check(&request, &SecretText::new("s".to_owned()), 1_551_113_065_000).unwrap_err();
    let Refusal::Mismatch { canonical, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(canonical, "GETa/?Action=DescribeKeyPairs&Nonce=1&SecretId=A&Timestamp=1551113065&Token=...");
}

#[test]
fn a_form_without_what_a_signature_needs_is_refused() {
    let whole = ["Nonce=1", "Timestamp=1551113065", "SecretId=A", "SignatureMethod=HmacSHA256", "Signature=AAAA"];
    let read = |params: &[&str]| Claim::read(&request("GET", &params.join("&"), &[("Host", "a")], b"")).err();
    assert_eq!(read(&whole), None);
    assert_eq!(read(&whole[..4]), Some(Refusal::Missing));
    assert!(matches!(read(&whole[1..]), Some(Refusal::Malformed(_))), "no Nonce");
    assert!(matches!(read(&[whole[0], whole[2], whole[4]]), Some(Refusal::Malformed(_))), "no Timestamp");
    let other = whole.map(|param| param.replace("HmacSHA256", "HmacMD5"));
    assert!(matches!(read(&other.each_ref().map(String::as_str)), Some(Refusal::Unsupported(_))));
}
