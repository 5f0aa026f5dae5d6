//! bce-auth-v1 against what Baidu's own SDKs sign (tests/vectors/clouds/baidu.json): the same bytes out, theirs accepted,
//! and nothing that differs by a byte.

use base64ct::{Base64, Encoding};
use http::{HeaderName, HeaderValue};
use keypairs::clock::Millis;
use keypairs::dialect::baidu::{Claim, sign, time};
use keypairs::dialect::{Credentials, Refusal, Request, encode};
use keypairs::secret::{SecretBytes, SecretText};
use md5::{Digest, Md5};
use proptest::prelude::*;
use serde_json::Value;

use super::request;

/// The time of all vectors.
const AT: Millis = 1_430_123_029_000;

fn vectors(signer: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../vectors/clouds/baidu.json")).unwrap();
    all[signer].as_array().unwrap().clone()
}

/// The request of a vector. Its body is made up: the scheme signs no more of it than its length.
fn of(vector: &Value) -> Request {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parameters = vector["query"].as_object().unwrap().iter().map(|(name, value)| match value {
        Value::Null => name.clone(),
        value => format!("{name}={}", encode(&text(value), false)),
    });
    let target = format!("{}?{}", text(&vector["path"]), parameters.collect::<Vec<_>>().join("&"));
    let headers = vector["headers"].as_object().unwrap();
    let length = headers.get("Content-Length").map_or(0, |length| text(length).parse().unwrap());
    let mut request = request(&text(&vector["method"]), &target, &vec![b' '; length]);
    for (name, value) in headers {
        set(&mut request, name, &text(value));
    }
    request
}

fn set(request: &mut Request, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn check(request: &Request, now: Millis) -> Result<(), Refusal> {
    Claim::read(request)?.check(request, &secret("SKTEST"), now)
}

fn word<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap()
}

#[test]
fn what_the_python_sdk_signs_is_signed_the_same_and_accepted() {
    for vector in vectors("python") {
        let (mut request, name) = (of(&vector), word(&vector, "name"));
        let listed: Vec<&str> =
            vector["headers_to_sign"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        let seconds = vector["expiration_seconds"].as_u64().unwrap() as u32;
        let claim = Claim::new("AKTEST", AT, seconds, &listed);
        assert_eq!(claim.canonical(&request).unwrap(), word(&vector, "canonical_request"), "{name}");
        let key = claim.signing_key(&secret("SKTEST"));
        assert_eq!(key.expose(), word(&vector, "signing_key_hex").as_bytes(), "{name}");
        let authorization = claim.authorization(&request, &secret("SKTEST")).unwrap();
        assert_eq!(authorization, word(&vector, "authorization"), "{name}");
        set(&mut request, "authorization", &authorization);
        assert_eq!(Claim::read(&request).unwrap().access_key(), "AKTEST");
        assert_eq!(check(&request, AT), Ok(()), "{name}");
    }
}

/// `sign` sets by itself what the client for BCC in the Python SDK sets: the vectors that name no headers come out of it.
#[test]
fn the_adapters_sign_as_the_python_sdk_does() {
    let mut count = 0;
    for vector in vectors("python").iter().filter(|vector| vector["headers_to_sign"].is_null()) {
        let mut request = of(vector);
        let token = request.headers_mut().remove("x-bce-security-token");
        for name in ["content-length", "x-bce-date"] {
            request.headers_mut().remove(name).unwrap();
        }
        let security_token = token.map(|token| secret(token.to_str().unwrap()));
        let credentials = Credentials { access_key: "AKTEST".into(), secret_key: secret("SKTEST"), security_token };
        sign(&mut request, &credentials, AT).unwrap();
        let headers = request.headers();
        assert_eq!(headers["authorization"], word(vector, "authorization"), "{}", vector["name"]);
        assert!(headers["authorization"].is_sensitive(), "it would be shown in a Debug of the request");
        assert!(headers.get("x-bce-security-token").is_none_or(HeaderValue::is_sensitive));
        assert_eq!(check(&request, AT), Ok(()));
        count += 1;
    }
    assert_eq!(count, 3);
}

/// The Go SDK names what it signs, and sends Content-MD5; the body that goes with the vector's is not known, so the
/// signature is right and the digest is not.
#[test]
fn what_the_go_sdk_signs_is_signed_the_same_and_accepted() {
    for vector in vectors("go") {
        let (mut request, name) = (of(&vector), word(&vector, "name"));
        let authorization = word(&vector, "authorization");
        let listed: Vec<&str> = authorization.split('/').nth(4).unwrap().split(';').collect();
        let claim = Claim::new("AKTEST", AT, 1800, &listed);
        assert_eq!(claim.authorization(&request, &secret("SKTEST")).unwrap(), authorization, "{name}");
        set(&mut request, "authorization", authorization);
        let has_digest = request.headers().contains_key("content-md5");
        assert_eq!(check(&request, AT), if has_digest { Err(Refusal::Digest) } else { Ok(()) }, "{name}");
    }
}

/// Requests signed by us in both forms: as the Python SDK does, and as the Go SDK does, with the digest of their body.
fn signed() -> [(Request, Vec<&'static str>); 2] {
    let body = br#"{"name":"keypair01","publicKey":"ssh-rsa AAAA"}"#;
    let base = || {
        let mut request = request("PUT", "/v2/keypair/k-%E5%AF%86?import&clientToken=a%20b%2Fc~d&name=z", body);
        let length = body.len().to_string();
        let digest = Base64::encode_string(&Md5::digest(body));
        let headers = [
            ("Host", "127.0.0.1:8080"),
            ("Content-Length", &length),
            ("Content-Type", "application/json;charset=utf-8"),
            ("Content-MD5", &digest),
            ("x-bce-date", "2015-04-27T08:23:49Z"),
            ("x-bce-request-id", "3f1c"),
            ("x-bce-security-token", "tok+/="),
            ("User-Agent", "whatever"),
        ];
        headers.iter().for_each(|(name, value)| set(&mut request, name, value));
        request
    };
    let all = ["content-length", "content-md5", "content-type", "host", "x-bce-date", "x-bce-security-token"];
    let python = [&all[..], &["x-bce-request-id"]].concat();
    [(&[][..], python), (&all[..], all.to_vec())].map(|(listed, names)| {
        let mut request = base();
        let authorization = Claim::new("AKTEST", AT, 1800, listed).authorization(&request, &secret("SKTEST")).unwrap();
        set(&mut request, "authorization", &authorization);
        (request, names)
    })
}

fn copy(request: &Request) -> Request {
    let mut copy = Request::new(SecretBytes::copied(request.body().expose()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// All texts that differ from this one in one bit of one byte, and are ASCII still.
fn changed(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).flat_map(move |at| {
        [1, 2, 4].map(|bit| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= bit;
            String::from_utf8(bytes).unwrap()
        })
    })
}

#[test]
fn one_changed_byte_of_what_is_signed_is_refused() {
    let mut count = 0;
    for (good, names) in signed() {
        assert_eq!(check(&good, AT), Ok(()));
        let mut refused = |bad: Request, what: &str| {
            assert!(check(&bad, AT).is_err(), "accepted with {what}");
            count += 1;
        };
        for method in ["GET", "POST", "DELETE", "PUTT", "put"] {
            let mut bad = copy(&good);
            *bad.method_mut() = method.parse().unwrap();
            refused(bad, method);
        }
        for target in changed(&good.uri().to_string()) {
            let mut bad = copy(&good);
            let Ok(uri) = target.parse() else { continue };
            *bad.uri_mut() = uri;
            refused(bad, &target);
        }
        for name in names.iter().chain(&["authorization"]) {
            let value = good.headers()[*name].to_str().unwrap();
            for value in changed(value) {
                let mut bad = copy(&good);
                let Ok(value) = HeaderValue::from_str(&value) else { continue };
                bad.headers_mut().insert(*name, value.clone());
                refused(bad, &format!("{name}: {value:?}"));
            }
            let mut without = copy(&good);
            without.headers_mut().remove(*name);
            refused(without, &format!("no {name}"));
            let mut twice = copy(&good);
            twice.headers_mut().append(*name, good.headers()[*name].clone());
            refused(twice, &format!("{name} twice"));
        }
        for at in 0..good.body().expose().len() {
            let mut bytes = good.body().expose().to_vec();
            bytes[at] ^= 1;
            let mut bad = copy(&good);
            *bad.body_mut() = SecretBytes::new(bytes);
            assert_eq!(check(&bad, AT), Err(Refusal::Digest), "byte {at} of the body");
        }
    }
    assert!(count > 1000, "only {count} changes were tried");
}

#[test]
fn what_is_not_signed_may_change() {
    let [(python, _), (go, _)] = signed();
    for mut request in [copy(&python), copy(&go)] {
        set(&mut request, "user-agent", "rewritten");
        set(&mut request, "via", "1.1 proxy");
        *request.uri_mut() = format!("{}&Authorization=x", request.uri()).parse().unwrap();
        assert_eq!(check(&request, AT), Ok(()));
    }
    let mut request = copy(&go);
    set(&mut request, "x-bce-request-id", "changed");
    assert_eq!(check(&request, AT), Ok(()), "the Go SDK does not sign it");
    let mut request = copy(&python);
    set(&mut request, "x-bce-more", "added");
    assert!(matches!(check(&request, AT), Err(Refusal::Mismatch { .. })), "with no list every x-bce-* is signed");
}

/// What stands for a space when it is read must stand for one when it is verified: else a signed `%2B` could be sent as
/// `+`, and be read as another name.
#[test]
fn a_query_means_what_was_signed() {
    let mut request = request("GET", "/v2/keypair?name=a%2Bb", b"");
    let credentials = Credentials { access_key: "AK".into(), secret_key: secret("SKTEST"), security_token: None };
    sign(&mut request, &credentials, AT).unwrap();
    for (query, good) in [("name=a%2Bb", true), ("name=a%2bb", true), ("name=a+b", false), ("name=a%20b", false)] {
        let mut sent = copy(&request);
        *sent.uri_mut() = format!("/v2/keypair?{query}").parse().unwrap();
        assert_eq!(check(&sent, AT).is_ok(), good, "{query}");
    }
}

/// From 15 minutes before its time (the signer's clock may be ahead) until its time and its expiry.
#[test]
fn a_signature_is_good_for_its_time_only() {
    let [(request, _), _] = signed();
    let expired = |ahead| Err(Refusal::Expired { ahead });
    assert_eq!(check(&request, AT - 900_000), Ok(()));
    assert_eq!(check(&request, AT - 900_001), expired(900));
    assert_eq!(check(&request, AT + 1_800_000), Ok(()));
    assert_eq!(check(&request, AT + 1_800_001), expired(-1800));
    for now in [Millis::MIN, Millis::MAX] {
        assert!(matches!(check(&request, now), Err(Refusal::Expired { .. })));
    }
}

#[test]
fn what_has_not_the_form_of_the_scheme_is_refused() {
    let hex = "2966b0d70e6bd51ef937c76d45196bc4e9229ecac17904791bce9b0c2066697f";
    let read = |text: &str| {
        let mut request = request("GET", "/v2/keypair", b"");
        request.headers_mut().insert("authorization", HeaderValue::from_bytes(text.as_bytes()).unwrap());
        Claim::read(&request).map(|_| ())
    };
    assert_eq!(Claim::read(&request("GET", "/", b"")).map(|_| ()), Err(Refusal::Missing));
    assert_eq!(read(&format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800//{hex}")), Ok(()));
    assert_eq!(read(&format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/86400/host;x-bce-date/{hex}")), Ok(()));
    for v2 in ["bce-auth-v2/AK/20150427/bj/bcc/host/", "bce-auth-v3"] {
        assert!(matches!(read(&format!("{v2}{hex}")), Err(Refusal::Unsupported(_))), "{v2}");
    }
    let long = "A".repeat(129);
    let bad = [
        String::new(),
        "Basic QUs6U0s=".to_owned(),
        "bce-auth-v1".to_owned(),
        format!("Bce-Auth-V1/AK/2015-04-27T08:23:49Z/1800//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800/{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800//{hex}/"),
        format!("bce-auth-v1//2015-04-27T08:23:49Z/1800//{hex}"),
        format!("bce-auth-v1/{long}/2015-04-27T08:23:49Z/1800//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49.0Z/1800//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T10:23:49+02:00/1800//{hex}"),
        format!("bce-auth-v1/AK/2015-02-30T08:23:49Z/1800//{hex}"),
        format!("bce-auth-v1/AK/20150427T082349Z/1800//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/0//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/-1//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/+60//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/86401//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/4294967297//{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800/Host/{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800/host;/{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800/content-type;x-bce-date/{hex}"),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800//{}", hex.to_uppercase()),
        format!("bce-auth-v1/AK/2015-04-27T08:23:49Z/1800//{}", &hex[1..]),
        format!("bce-auth-v1/密/2015-04-27T08:23:49Z/1800//{hex}"),
    ];
    for text in bad {
        assert!(matches!(read(&text), Err(Refusal::Malformed(_))), "{text}");
    }
}

/// What goes to the log helps to find the cause, and does not hold the session's token.
#[test]
fn a_mismatch_says_where_to_look() {
    let [(request, _), _] = signed();
    let mut proxied = copy(&request);
    set(&mut proxied, "host", "inside:8080");
    let Err(Refusal::Mismatch { canonical, hint }) = check(&proxied, AT) else { panic!("it was accepted") };
    assert!(canonical.contains("\nhost:inside%3A8080\n") && hint.contains("Host"), "{canonical}: {hint}");
    assert!(canonical.contains("\nx-bce-security-token:...") && !canonical.contains("tok%2B"), "{canonical}");
    let mut shortened = copy(&request);
    shortened.headers_mut().remove("content-length");
    let Err(Refusal::Mismatch { hint, .. }) = check(&shortened, AT) else { panic!("it was accepted") };
    assert!(hint.contains("Content-Length"), "{hint}");
}

#[test]
fn credentials_that_no_header_can_hold_are_refused() {
    for (access_key, token) in [("A\nK", None), ("AK", Some("t\r\nx: y"))] {
        let mut request = request("GET", "/v2/keypair", b"");
        let security_token = token.map(secret);
        let credentials = Credentials { access_key: access_key.into(), secret_key: secret("SK"), security_token };
        assert!(sign(&mut request, &credentials, AT).is_err());
    }
}

#[test]
fn times_are_told_in_one_form() {
    assert_eq!(time(AT), "2015-04-27T08:23:49Z");
    assert_eq!(time(AT + 999), "2015-04-27T08:23:49Z");
    assert_eq!((time(Millis::MAX), time(Millis::MIN)), (time(0), "1970-01-01T00:00:00Z".to_owned()));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(
        value in "(bce-auth-v1(/[!-~]{0,12}){0,7})|[ -~]{0,40}",
        raw in proptest::collection::vec(any::<u8>(), 0..40),
        target in "/[a-zA-Z0-9%/?&=;.~-]{0,40}",
        now in any::<i64>(),
    ) {
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        for value in [value.as_bytes(), &raw] {
            let Ok(value) = HeaderValue::from_bytes(value) else { continue };
            let mut request = request("GET", "/", b"x");
            *request.uri_mut() = uri.clone();
            for name in ["authorization", "host", "content-length", "content-md5", "x-bce-date"] {
                request.headers_mut().insert(name, value.clone());
            }
            prop_assert!(check(&request, now).is_err());
            let sound = Claim::new("AK", now, 1800, &[]);
            let _ = sound.check(&request, &secret("SKTEST"), now);
        }
    }
}
