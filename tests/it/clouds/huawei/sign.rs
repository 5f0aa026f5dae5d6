//! Must show 1: signatures as the official SDK makes them, accepted and, with one byte changed, refused.

use std::collections::BTreeSet;

use http::{HeaderValue, Method};
use keypairs::dialect::huawei::{Action, Call, Claim, Steps, sign, with_token};
use keypairs::dialect::{Refusal, Request};
use keypairs::secret::SecretBytes;
use keypairs::sshkey::PublicKey;
use serde_json::Value;

use super::{PROJECT, THEN, credentials, request, secret, vectors};

#[test]
fn vectors_are_reproduced_and_accepted() {
    let vectors = vectors();
    let vectors = vectors["sdk_hmac_sha256"].as_array().unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let mut signed = of_vector(vector);
        sign(&mut signed, &credentials(None), THEN).unwrap();
        assert_eq!(signed.headers()["authorization"], vector["authorization"].as_str().unwrap(), "{name}");
        assert_eq!(signed.headers()["x-sdk-date"], "20191115T033655Z");
        let (_, list) = vector["authorization"].as_str().unwrap().split_once("SignedHeaders=").unwrap();
        let steps = Steps::of(&signed, list.split_once(',').unwrap().0, "20191115T033655Z").unwrap();
        assert_eq!(steps.canonical, vector["canonical_request"].as_str().unwrap(), "{name}");
        assert_eq!(steps.to_sign, vector["string_to_sign"].as_str().unwrap(), "{name}");

        // As the SDK sent it: nothing in it is of our making.
        let mut sent = of_vector(vector);
        let authorization = HeaderValue::from_str(vector["authorization"].as_str().unwrap()).unwrap();
        sent.headers_mut().insert("authorization", authorization);
        sent.headers_mut().insert("x-sdk-date", HeaderValue::from_static("20191115T033655Z"));
        assert_eq!(Claim::read(&sent).unwrap().access_key(), Some("AKTEST"));
        assert_eq!(checked(&sent, "SKTEST", THEN), Ok(()), "{name}");
        assert!(matches!(checked(&sent, "SKTESU", THEN), Err(Refusal::Mismatch { .. })), "{name}");
    }
}

/// The request of a vector without what a signer adds.
fn of_vector(vector: &Value) -> Request {
    let mut headers: Vec<(&str, &str)> = vec![("host", vector["host"].as_str().unwrap())];
    for (name, value) in vector["headers_in"].as_object().unwrap().iter().filter(|(name, _)| *name != "X-Sdk-Date") {
        headers.push((name, value.as_str().unwrap()));
    }
    let text = |key: &str| vector[key].as_str().unwrap();
    request(text("method"), text("request_uri"), &headers, text("body").as_bytes())
}

fn checked(request: &Request, secret_key: &str, now: i64) -> Result<(), Refusal> {
    Claim::read(request)?.check(request, &secret(secret_key), now)
}

/// Everything that is signed at once: a body, a query, a token, a header of the application's own.
fn rich() -> Request {
    let target = format!("/v3/{PROJECT}/keypairs/private-key/import?limit=5&marker=a%20b");
    let headers = [
        ("host", "127.0.0.1:8080"),
        ("content-type", "application/json;charset=utf-8"),
        ("x-project-id", PROJECT),
        ("user-agent", "some-sdk/1.0"),
        ("x-own", "more"),
    ];
    let mut rich = request("POST", &target, &headers, br#"{"keypair":{"name":"demo2"}}"#);
    sign(&mut rich, &credentials(Some("stsTOKEN")), THEN).unwrap();
    rich
}

fn copy(request: &Request) -> Request {
    let mut copy = Request::new(SecretBytes::copied(request.body().expose()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

#[test]
fn one_changed_byte_of_what_is_signed_is_refused() {
    let rich = rich();
    assert_eq!(checked(&rich, "SKTEST", THEN), Ok(()));
    let mut changes = 0;
    let mut refuse = |changed: Request, what: &str| {
        let refusal = checked(&changed, "SKTEST", THEN);
        assert!(refusal.is_err(), "{what} was changed, and the signature accepted");
        changes += 1;
    };
    for at in 0..rich.body().expose().len() {
        let mut body = rich.body().expose().to_vec();
        body[at] ^= 1;
        let mut changed = copy(&rich);
        *changed.body_mut() = SecretBytes::new(body);
        refuse(changed, &format!("byte {at} of the body"));
    }
    let target = rich.uri().to_string();
    for at in 0..target.len() {
        let mut bytes = target.clone().into_bytes();
        bytes[at] ^= 1;
        // What is no target is none that could come.
        let Some(uri) = String::from_utf8(bytes).ok().and_then(|text| text.parse().ok()) else { continue };
        let mut changed = copy(&rich);
        *changed.uri_mut() = uri;
        refuse(changed, &format!("byte {at} of the target"));
    }
    for (name, value) in rich.headers() {
        for at in 0..value.len() {
            let mut bytes = value.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
            // The access key is not signed: who it is says which secret key is tried.
            if name == "authorization" && Claim::read(&with(&rich, name.as_str(), value.clone())).is_ok_and(another) {
                continue;
            }
            refuse(with(&rich, name.as_str(), value), &format!("byte {at} of {name}"));
        }
        let mut without = copy(&rich);
        without.headers_mut().remove(name);
        refuse(without, &format!("{name}, which is gone"));
        let mut twice = copy(&rich);
        twice.headers_mut().append(name, HeaderValue::from_static("more"));
        refuse(twice, &format!("{name}, which is there twice"));
    }
    let mut changed = copy(&rich);
    *changed.method_mut() = Method::PUT;
    refuse(changed, "the method");
    assert!(changes > 400, "only {changes} changes were tried");
}

fn with(request: &Request, name: &str, value: HeaderValue) -> Request {
    let mut changed = copy(request);
    changed.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    changed
}

fn another(claim: Claim) -> bool {
    claim.access_key() != Some("AKTEST")
}

/// The scheme itself gives one signature to all of these.
#[test]
fn what_means_the_same_has_one_signature() {
    let rich = rich();
    let path = format!("/v3/{PROJECT}/keypairs/private-key/import");
    for target in ["?marker=a%20b&limit=5", "?limit=5&marker=a+b", "/?limit=5&marker=a%20b", "?limit=5&marker=%61%20b"]
    {
        let mut same = copy(&rich);
        *same.uri_mut() = (path.clone() + target).parse().unwrap();
        assert_eq!(checked(&same, "SKTEST", THEN), Ok(()), "{target}");
    }
    // Over HTTP/2 the host is in the target.
    let mut h2 = copy(&rich);
    h2.headers_mut().remove("host");
    *h2.uri_mut() = format!("http://127.0.0.1:8080{}", rich.uri()).parse().unwrap();
    assert_eq!(checked(&h2, "SKTEST", THEN), Ok(()));
    // A header that nobody signed may come on the way, such as a proxy's.
    let forwarded = with(&rich, "x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
    assert_eq!(checked(&forwarded, "SKTEST", THEN), Ok(()));
}

#[test]
fn a_signature_holds_for_fifteen_minutes() {
    let rich = rich();
    for (after, ahead) in [(900_000, None), (901_000, Some(-901)), (-900_000, None), (-901_000, Some(901))] {
        let refusal = ahead.map(|ahead| Refusal::Expired { ahead });
        assert_eq!(checked(&rich, "SKTEST", THEN + after).err(), refusal, "{after} ms");
    }
}

#[test]
fn what_is_no_signature_is_refused_by_name() {
    let malformed = |refusal: Refusal| matches!(refusal, Refusal::Malformed(_));
    let good = rich();
    let text = good.headers()["authorization"].to_str().unwrap().to_owned();
    let changed = [
        ("SDK-HMAC-SHA256", "SDK-HMAC-SHA257"),
        (" Access=AKTEST", " Access="),
        ("Access=AKTEST, ", ""),
        ("host;", ""),
        (";x-sdk-date", ""),
        ("host;", "host;;"),
        ("host;", "host;x-nowhere;"),
        (", Signature", "; Signature"),
        ("Signature=", "Signature=, More="),
    ];
    for (from, to) in changed {
        assert!(text.contains(from));
        let bad = with(&good, "authorization", HeaderValue::from_str(&text.replace(from, to)).unwrap());
        assert!(checked(&bad, "SKTEST", THEN).is_err_and(malformed), "{from} -> {to}");
    }
    for text in ["", "SDK-HMAC-SHA256", "Basic QQ==", "SDK-HMAC-SHA256 Access=a"] {
        let bad = with(&good, "authorization", HeaderValue::from_static(text));
        assert!(checked(&bad, "SKTEST", THEN).is_err_and(malformed), "{text}");
    }
    for date in
        ["", "20191115T033655", "2019-11-15T03:36:55Z", " 20191115T033655Z", "20191315T033655Z", "20191115T036055Z"]
    {
        let bad = with(&good, "x-sdk-date", HeaderValue::from_static(date));
        assert!(checked(&bad, "SKTEST", THEN).is_err_and(malformed), "{date:?}");
    }
    let accented = with(&good, "x-own", HeaderValue::from_bytes("caf\u{e9}".as_bytes()).unwrap());
    assert!(checked(&accented, "SKTEST", THEN).is_err_and(malformed));
    let unsigned = request("GET", "/v3/projects", &[("host", "a")], b"");
    assert_eq!(checked(&unsigned, "SKTEST", THEN), Err(Refusal::Missing));
}

#[test]
fn other_schemes_of_the_sdks_are_not_taken() {
    for scheme in ["SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3", "V11-HMAC-SHA256"] {
        let text = format!("{scheme} Access=AKTEST, SignedHeaders=host;x-sdk-date, Signature=00");
        let other = request("GET", "/v3/projects", &[("host", "a"), ("authorization", &text)], b"");
        assert_eq!(checked(&other, "SKTEST", THEN), Err(Refusal::Unsupported(scheme)));
    }
}

/// A hash that comes along stands for the body's in the scheme: somebody who changed the body could add the old one, in a
/// header that nobody signed.
#[test]
fn a_hash_that_comes_along_must_be_the_bodys() {
    let good = rich();
    let hash = |body: &[u8]| keypairs::dialect::hex(&keypairs::cipher::sha256(&[body]));
    let with_hash = |text: &str| with(&good, "x-sdk-content-sha256", HeaderValue::from_str(text).unwrap());
    assert_eq!(checked(&with_hash(&hash(good.body().expose())), "SKTEST", THEN), Ok(()));
    assert_eq!(checked(&with_hash("UNSIGNED-PAYLOAD"), "SKTEST", THEN), Err(Refusal::Unsupported("UNSIGNED-PAYLOAD")));
    let mut swapped = with_hash(&hash(good.body().expose()));
    *swapped.body_mut() = SecretBytes::copied(b"{}");
    assert_eq!(checked(&swapped, "SKTEST", THEN), Err(Refusal::Digest));
    // An SDK adds the word for bodies that are no JSON; where there is no body it signs the hash of nothing.
    let headers = [("host", "a"), ("x-sdk-content-sha256", "UNSIGNED-PAYLOAD")];
    let mut empty = request("GET", "/v3/projects", &headers, b"");
    sign(&mut empty, &credentials(None), THEN).unwrap();
    assert_eq!(checked(&empty, "SKTEST", THEN), Ok(()));
}

#[test]
fn temporary_credentials_sign_their_token() {
    let rich = rich();
    let claim = Claim::read(&rich).unwrap();
    assert_eq!(claim.security_token().map(|token| token.expose()), Some("stsTOKEN"));
    let text = rich.headers()["authorization"].to_str().unwrap();
    assert!(
        text.contains("SignedHeaders=content-type;host;user-agent;x-own;x-project-id;x-sdk-date;x-security-token,")
    );
    assert!(rich.headers()["authorization"].is_sensitive() && rich.headers()["x-security-token"].is_sensitive());
}

/// The canonical request goes to a log when a signature is refused; a signed token must not.
#[test]
fn no_token_stands_in_a_refusal() {
    let mut signed = copy(&rich());
    signed.headers_mut().insert("x-auth-token", HeaderValue::from_static("iamTOKEN"));
    sign(&mut signed, &credentials(Some("stsTOKEN")), THEN).unwrap();
    let Err(Refusal::Mismatch { canonical, .. }) = checked(&signed, "WRONG", THEN) else { panic!("accepted") };
    assert!(canonical.contains("x-security-token:(left out)\n") && canonical.contains("x-auth-token:(left out)\n"));
    assert!(!canonical.contains("TOKEN"), "{canonical}");
}

#[test]
fn a_token_is_all_that_a_request_needs() {
    let mut asked = request("GET", "/v3/projects", &[("host", "a")], b"");
    with_token(&mut asked, &secret("iamTOKEN")).unwrap();
    assert!(asked.headers()["x-auth-token"].is_sensitive());
    assert_eq!(Claim::read(&asked).unwrap().access_key(), None);
    assert_eq!(checked(&asked, "iamTOKEN", 0), Ok(()));
    for wrong in ["", "iamTOKE", "iamTOKENN", "iamTOKEM"] {
        let refusal = checked(&asked, wrong, 0);
        assert!(matches!(&refusal, Err(Refusal::Mismatch { canonical, .. }) if canonical.is_empty()), "{wrong}");
    }
    // An application that sets Authorization itself keeps the SDK from signing.
    let preset = with(&asked, "authorization", HeaderValue::from_static("none"));
    assert_eq!(checked(&preset, "iamTOKEN", 0), Ok(()));
    // Who signs is taken at the signature, whatever token comes along.
    let mut both = copy(&asked);
    sign(&mut both, &credentials(None), THEN).unwrap();
    assert_eq!(Claim::read(&both).unwrap().access_key(), Some("AKTEST"));
    assert_eq!(checked(&both, "SKTEST", THEN), Ok(()));
    let mut twice = copy(&asked);
    twice.headers_mut().append("x-auth-token", HeaderValue::from_static("iamTOKEN"));
    assert!(matches!(checked(&twice, "iamTOKEN", 0), Err(Refusal::Malformed(_))));
}

#[test]
fn what_no_header_can_hold_is_refused_and_not_sent() {
    let mut unfit = request("GET", "/v3/projects", &[("host", "a")], b"");
    let bad = keypairs::dialect::Credentials { access_key: "A\nB".to_owned(), ..credentials(None) };
    assert!(sign(&mut unfit, &bad, THEN).is_err());
    assert!(sign(&mut unfit, &credentials(Some("a\r\nb")), THEN).is_err());
    assert!(with_token(&mut unfit, &secret("a\nb")).is_err());
    let mut homeless = request("GET", "/v3/projects", &[], b"");
    assert!(sign(&mut homeless, &credentials(None), THEN).is_err(), "a request without Host was signed");
}

/// Keys and fingerprints as the cloud's pages print them: MD5 of the blob, in pairs.
#[test]
fn published_fingerprints_are_recomputed() {
    let vectors = vectors();
    let published = vectors["ssh_fingerprints"].as_array().unwrap();
    assert_eq!(published.len(), 3);
    for vector in published {
        let (key, _) = PublicKey::parse_line(vector["public_key"].as_str().unwrap()).unwrap();
        assert_eq!(key.fingerprint_md5(), vector["md5"].as_str().unwrap());
        if let Some(sha256) = vector["sha256"].as_str() {
            assert_eq!(key.fingerprint_sha256(), sha256);
        }
    }
}

/// What the official SDK sent for each operation, byte for byte: our verifier takes it, and our reader knows it.
#[test]
fn requests_of_the_sdk_are_accepted_and_understood() {
    let sent: Vec<Value> = serde_json::from_str(include_str!("../../../vectors/clouds/huawei_sdk.json")).unwrap();
    let mut actions = BTreeSet::new();
    for vector in &sent {
        let text = |key: &str| vector[key].as_str().unwrap();
        let headers: Vec<_> = vector["headers"].as_object().unwrap().iter().collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let request = request(text("method"), text("target"), &headers, text("body").as_bytes());
        let date = request.headers()["x-sdk-date"].to_str().unwrap();
        let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond();
        let operation = text("operation");
        assert_eq!(checked(&request, "SKTEST", date), Ok(()), "{operation}");
        assert!(checked(&request, "SKTESU", date).is_err(), "{operation}");
        let call = Call::read(&request).unwrap_or_else(|flaw| panic!("{operation}: {flaw:?}"));
        let action = call.operation.action();
        let snake = action.as_str().chars().fold(String::new(), |mut snake, c| {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
            snake
        });
        assert_eq!(snake, operation, "{}", text("target"));
        actions.insert(action.as_str());
    }
    assert_eq!((sent.len(), actions.len()), (25, Action::ALL.len()), "of each operation one");
}
