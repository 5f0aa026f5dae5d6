//! Bad weather: what is known after a call that did not go well.

use std::time::Duration;

use keypairs::dialect::Kind;
use keypairs::dialect::huawei::{Action, Code};
use keypairs::provider::huawei::Access;
use keypairs::provider::{Fault, FaultKind, Find, Provider};

use super::adapter::{LINE, PEM, adapter, adapter_with, key, new, refused, signing};
use super::{credentials, secret};
use crate::clouds::scripted::{Reply, Scripted, nobody};

async fn fault_of(reply: Reply) -> Fault {
    let cloud = Scripted::start([reply]).await;
    let fault =
        signing(&cloud).escrow("a", &secret(PEM), &keypairs::model::EncryptionChoice::Default).await.unwrap_err();
    drop(cloud.seen());
    fault
}

/// Each code of the list, from the cloud's own status.
#[tokio::test]
async fn every_code_is_understood() {
    for code in Code::ALL {
        let body = format!(r#"{{"error_code":"{code}","error_msg":"{}"}}"#, code.message());
        let fault = fault_of(Reply::json(code.status().as_u16(), &body).with("x-request-id", "r-1")).await;
        let wanted = match code.kind() {
            Kind::Internal => FaultKind::Unknown,
            Kind::RateLimited => FaultKind::Unavailable,
            kind => FaultKind::Refused(kind),
        };
        assert_eq!((fault.kind, fault.code.as_str(), fault.request_id.as_str()), (wanted, code.as_str(), "r-1"));
        assert_eq!(fault.message, code.message());
    }
}

#[tokio::test]
async fn what_is_known_after_other_answers() {
    let error = |code: &str| format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
    let auth = |text: &str| {
        format!(
            r#"{{"error_msg":"Incorrect IAM authentication information: {text}","error_code":"APIGW.0301","request_id":"r"}}"#
        )
    };
    let refused = FaultKind::Refused;
    let cases = [
        // Codes of the gateway, and codes that nobody listed: the status says what is known.
        (401, auth("verify aksk signature fail, x"), refused(Kind::Unauthenticated)),
        (401, auth("AK access failed to reach the limit,forbidden"), refused(Kind::Unauthenticated)),
        (401, auth("calc ak sk signature fail:signature expired"), refused(Kind::Expired)),
        (401, auth("decrypt token fail"), refused(Kind::Unauthenticated)),
        (401, auth("Get secretKey failed"), refused(Kind::Unauthenticated)),
        (401, error("APIG.0301"), refused(Kind::Unauthenticated)),
        (401, r#"{"error":{"message":"m","title":"Unauthorized"}}"#.to_owned(), refused(Kind::Unauthenticated)),
        (403, error("IAM.0002"), refused(Kind::Forbidden)),
        (429, error("APIG.0308"), FaultKind::Unavailable),
        (429, error("KPS.7777"), FaultKind::Unavailable),
        (429, error("KPS.0002"), FaultKind::Unavailable),
        (400, error("KPS.7777"), refused(Kind::Malformed)),
        (502, error("APIGW.0201"), FaultKind::Unknown),
        (500, error("KPS.7777"), FaultKind::Unknown),
        // It says no, and that it failed: nobody knows.
        (500, error("KPS.0002"), FaultKind::Unknown),
        (200, error("KPS.6011"), refused(Kind::KeyMismatch)),
        (200, error("KPS.7777"), FaultKind::Unknown),
        // Not the cloud's language.
        (200, "{\"keypair\":".to_owned(), FaultKind::Unknown),
        (200, "<html>".to_owned(), FaultKind::Unknown),
        (500, String::new(), FaultKind::Unknown),
        (503, "{}".to_owned(), FaultKind::Unknown),
        (302, String::new(), refused(Kind::Malformed)),
        (413, String::new(), refused(Kind::Malformed)),
    ];
    for (status, body, kind) in cases {
        assert_eq!(fault_of(Reply::json(status, &body)).await.kind, kind, "{status} {body}");
    }
    assert_eq!(fault_of(Reply::html(502)).await.kind, FaultKind::Unknown);
}

#[tokio::test]
async fn when_to_come_back_is_told() {
    let throttled = || refused(Action::ImportPrivateKey, Kind::RateLimited);
    assert_eq!(fault_of(throttled()).await.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(fault_of(throttled().with("retry-after", "9")).await.retry_after, Some(Duration::from_secs(9)));
    assert_eq!(fault_of(refused(Action::ImportPrivateKey, Kind::KeyMismatch)).await.retry_after, None);
}

#[tokio::test]
async fn connections_that_break_leave_the_outcome_open() {
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n".to_vec();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".to_vec();
    for reply in [
        Reply::Reset,
        Reply::Raw(Vec::new()),
        Reply::Raw(b"nonsense\r\n\r\n".to_vec()),
        Reply::Raw(huge),
        Reply::Raw(short),
    ] {
        let fault = fault_of(reply).await;
        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Unknown, ""), "{}", fault.message);
    }
}

#[tokio::test]
async fn silence_and_drips_end_in_time_and_leave_the_outcome_open() {
    for reply in [Reply::Silence, Reply::Drip] {
        let cloud = Scripted::start([reply]).await;
        let adapter = adapter_with(&cloud.url(), Access::Keys(credentials(None)), Duration::from_millis(300));
        let fault = adapter.delete("a").await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown, "{}", fault.message);
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_happened() {
    let adapter = adapter(&nobody().await, Access::Keys(credentials(None)));
    assert_eq!(adapter.import_public(&new("a"), &key()).await.unwrap_err().kind, FaultKind::Unavailable);
    assert_eq!(adapter.find(Find::Name("a")).await.unwrap_err().kind, FaultKind::Unavailable);
}

/// A pair was made, and its only private half is lost: somebody must look.
#[tokio::test]
async fn a_made_pair_without_a_private_half_is_an_open_outcome() {
    let made = format!(r#"{{"keypair":{{"name":"a","public_key":"{LINE}"}}}}"#);
    let cloud =
        Scripted::start([Reply::json(200, &made), Reply::json(200, r#"{"keypair":{"name":"a","private_key":7}}"#)])
            .await;
    let adapter = signing(&cloud);
    for _ in 0..2 {
        assert_eq!(adapter.create(&new("a")).await.err().unwrap().kind, FaultKind::Unknown);
    }
}

/// Threat T7: what a hostile endpoint says is one short line, and no secret of ours.
#[tokio::test]
async fn a_hostile_answer_is_cleaned() {
    let say =
        |words: &str| Reply::json(400, &serde_json::json!({"error_code": "KPS\n0002", "error_msg": words}).to_string());
    let fault = fault_of(say(&"x\r\n\u{1b}[31m".repeat(200)).with("x-request-id", &"r".repeat(500))).await;
    assert!(fault.message.len() <= 256 && !fault.message.chars().any(char::is_control), "{:?}", fault.message);
    assert_eq!((fault.code.as_str(), fault.request_id.as_str()), ("", ""));
    for echo in ["key SKTEST", PEM] {
        let fault = fault_of(say(echo)).await;
        assert!(!fault.message.contains("SKTEST") && !fault.message.contains("MIIE"), "{}", fault.message);
    }
    let cloud = Scripted::start([say("token iamTOKEN is bad")]).await;
    let fault = adapter(&cloud.url(), Access::Token(secret("iamTOKEN"))).delete("a").await.unwrap_err();
    assert!(!fault.message.contains("iamTOKEN"), "{}", fault.message);
}

/// A credential that no header can hold, a marker that no target can.
#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let cloud = Scripted::start([]).await;
    let bad = adapter(&cloud.url(), Access::Token(secret("a\nb")));
    assert_eq!(bad.delete("a").await.unwrap_err().kind, FaultKind::Refused(Kind::Malformed));
    let long = "m".repeat(70_000);
    assert_eq!(signing(&cloud).page(Some(&long)).await.unwrap_err().kind, FaultKind::Refused(Kind::Malformed));
    assert!(cloud.seen().is_empty());
}
