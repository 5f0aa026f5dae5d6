//! What the adapters share: where a request goes, and what becomes of a cloud's words.

use std::time::Duration;

use http::StatusCode;
use keypairs::dialect::{Credentials, Kind, Request, Response};
use keypairs::outbound::Failure;
use keypairs::provider::account::{
    Said, clean, is_id, outcome, outcome_of, public_key, retry_after, short, unreadable,
};
use keypairs::provider::{Account, Endpoint, Fault, FaultKind};
use keypairs::secret::{SecretBytes, SecretText};

#[test]
fn an_endpoint_is_joined_before_the_path() {
    let cases = [
        ("https://bcc.bj.example.com", "https://bcc.bj.example.com/v2/keypair?import", "bcc.bj.example.com"),
        ("https://BCC.example.com:443/", "https://bcc.example.com/v2/keypair?import", "bcc.example.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v2/keypair?import", "127.0.0.1:8080"),
        ("http://example.com:80", "http://example.com/v2/keypair?import", "example.com"),
        ("https://example.com:80/Cloud/A/", "https://example.com:80/Cloud/A/v2/keypair?import", "example.com:80"),
        ("http://[::1]:9", "http://[::1]:9/v2/keypair?import", "[::1]:9"),
    ];
    for (endpoint, uri, host) in cases {
        let mut request = Request::new(SecretBytes::copied(b""));
        *request.uri_mut() = "/v2/keypair?import".parse().unwrap();
        Endpoint::parse(endpoint).unwrap().address(&mut request).unwrap();
        assert_eq!((request.uri().to_string().as_str(), request.headers()["host"].to_str().unwrap()), (uri, host));
    }
}

#[test]
fn what_is_no_endpoint_is_refused() {
    let bad = ["", "example.com", "//example.com", "ftp://example.com", "https://", "https://user@example.com"];
    for text in bad.into_iter().chain(["https://example.com?x", "https://exa mple.com", "/v2", "https://:443"]) {
        assert!(Endpoint::parse(text).is_err(), "{text:?} was taken");
    }
}

#[test]
fn a_target_that_is_too_long_is_refused_and_not_sent() {
    let mut request = Request::new(SecretBytes::copied(b""));
    *request.uri_mut() = format!("/{}", "a".repeat(65_000)).parse().unwrap();
    let endpoint = Endpoint::parse(&format!("https://example.com/{}", "b".repeat(1000))).unwrap();
    assert_eq!(endpoint.address(&mut request).unwrap_err().kind, FaultKind::Refused(Kind::Malformed));
}

/// Threat T7: what a hostile endpoint says never becomes a log format, a second line or a secret told back.
#[test]
fn the_words_of_a_cloud_are_cleaned() {
    let told = |text: &str| clean(text, []);
    assert_eq!(told("Keypair name is invalid."), "Keypair name is invalid.");
    assert_eq!(
        told(" two\r\nlines\tand \u{1b}[31mred\u{0} \u{202e}back\u{200d}\u{2028} "),
        "two  lines and ?[31mred? ?back?"
    );
    assert_eq!(told("密钥对名称不合法"), "密钥对名称不合法");
    let long = told(&"密".repeat(1000));
    assert_eq!((long.len(), long.chars().all(|c| c == '密')), (255, true), "cut between characters");
    let withheld = "the cloud's words are left out: they hold a secret";
    assert_eq!(told("bad key: -----BEGIN RSA PRIVATE KEY-----\nMII"), withheld);
    let secret = SecretText::new("s3cr/t".to_owned());
    for echo in ["key s3cr/t is wrong", "x-bce-security-token:s3cr%2Ft"] {
        assert_eq!(clean(echo, [&secret]), withheld);
    }
    assert_eq!(clean("fine", [&SecretText::new(String::new())]), "fine", "an empty secret is in every text");
}

#[test]
fn codes_and_ids_are_short_and_printable() {
    assert_eq!(short("Keypair.KeypairNotExist"), "Keypair.KeypairNotExist");
    for bad in ["a\nb", "\u{1b}", "密", &"x".repeat(129)] {
        assert_eq!(short(bad), "");
    }
}

/// An id goes into a path: `..` there would name another resource, once the client has tidied the URL.
#[test]
fn what_can_be_an_id() {
    for good in ["k-y7VWq", "skey-0123abcd", "keypair_01.a", "a"] {
        assert!(is_id(good), "{good}");
    }
    for bad in ["", ".", "..", "a/b", "a?b", "a b", "密", "a%2F", &"x".repeat(129)] {
        assert!(!is_id(bad), "{bad}");
    }
}

/// Clouds keep a comment with a key, whatever it is, and keys that we would not take in today.
#[test]
fn a_public_half_is_read_whatever_stands_beside_it() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILRA4oqVXk/I8u+vZJjYHhqD/xZTVZ1iYWmXaD7G6Ia1";
    let read = public_key(key).expect("a sound key");
    for text in [format!("{key}\n"), format!(" {key} who\u{7}ever"), format!("{key}\nsecond line")] {
        assert_eq!(public_key(&text).as_ref(), Some(&read), "{text:?}");
    }
    for none in ["", "publicKey-publicKey", "ssh-rsa AAAA", "your-publicKey"] {
        assert_eq!(public_key(none), None, "{none:?}");
    }
}

#[test]
fn a_refusal_carries_what_the_cloud_said() {
    let (access_key, secret_key) = ("AK".to_owned(), SecretText::new("topsecret".to_owned()));
    let credentials = Credentials { access_key, secret_key, security_token: Some(SecretText::new("tok".to_owned())) };
    let endpoint = Endpoint::parse("https://example.com").unwrap();
    let account = Account { endpoint, region: "bj".to_owned(), credentials };
    let retry_after = Some(Duration::from_secs(7));
    let said = Said { code: "Quota", message: "too\nmany", request_id: "r-1", retry_after };
    let fault = account.refused(outcome(Kind::QuotaFull), &said);
    assert_eq!(fault.kind, FaultKind::Refused(Kind::QuotaFull));
    assert_eq!((&*fault.code, &*fault.message, &*fault.request_id), ("Quota", "too many", "r-1"));
    assert_eq!(fault.retry_after, retry_after);
    for echo in ["topsecret", "tok"] {
        let fault = account.refused(FaultKind::Unknown, &Said { message: echo, ..Said::default() });
        assert!(!fault.message.contains(echo));
    }
}

#[test]
fn what_is_known_after_an_answer() {
    assert_eq!(outcome(Kind::RateLimited), FaultKind::Unavailable);
    assert_eq!(outcome(Kind::Internal), FaultKind::Unknown);
    assert_eq!(outcome(Kind::NotFound), FaultKind::Refused(Kind::NotFound));
    let of = |status: u16| outcome_of(StatusCode::from_u16(status).unwrap());
    for unknown in [200, 204, 408, 500, 502, 503, 504, 599] {
        assert_eq!(of(unknown), FaultKind::Unknown, "{unknown}");
    }
    assert_eq!(of(429), FaultKind::Unavailable);
    for refused in (300..500).filter(|status| !matches!(status, 408 | 429)) {
        assert!(matches!(of(refused), FaultKind::Refused(_)), "{refused}");
        assert_ne!(of(refused), FaultKind::Refused(Kind::NotFound), "{refused}: who said so?");
    }
}

#[test]
fn a_failure_says_whether_the_request_went_out() {
    let failure = |was_sent| Failure { was_sent, message: "no\u{7}".into(), retry_after: Some(Duration::from_secs(1)) };
    let fault = Fault::from(failure(false));
    assert_eq!((fault.kind, &*fault.message), (FaultKind::Unavailable, "no?"));
    assert_eq!(fault.retry_after, Some(Duration::from_secs(1)));
    assert_eq!(Fault::from(failure(true)).kind, FaultKind::Unknown);
}

#[test]
fn when_to_come_back() {
    let answer = |status: u16, after: &str| -> Response {
        let answer = http::Response::builder().status(status).header("retry-after", after);
        answer.body(SecretBytes::copied(b"<html>")).unwrap()
    };
    assert_eq!(retry_after(&answer(429, "3")), Some(Duration::from_secs(3)));
    assert_eq!(retry_after(&answer(429, "999999999")), Some(Duration::from_secs(3600)));
    assert_eq!(retry_after(&answer(429, "Wed, 21 Oct 2026 07:28:00 GMT")), None);
    let fault = unreadable(&answer(429, "3"));
    assert_eq!((fault.kind, fault.retry_after), (FaultKind::Unavailable, Some(Duration::from_secs(3))));
    assert_eq!(unreadable(&answer(502, "")).kind, FaultKind::Unknown);
    assert!(fault.message.contains("429") && !fault.message.contains("html"), "{}", fault.message);
}
