//! The core of the HTTP face, with clouds of the test in it: what reaches a cloud, what is refused before, and how the
//! listener bears clients that are slow, silent, many or rude.

use std::time::Duration;

use keypairs::dialect::Refusal;
use keypairs::face::{Account, Rate, cloud_of, log_refusal};
use keypairs::model::{ProjectId, ProviderKind, UserId};
use keypairs::secret::SecretText;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use bed::{Bed, Limits};

mod baidu;
mod bed;
mod huawei;
mod serving;
mod tencent;

/// Signatures cover the target, `Host` and header values as they were sent: nothing may be put in order on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_its_cloud_as_it_was_sent() {
    let bed = Bed::new(Limits::default()).await;
    let targets = [
        "/v2/keypair?import",
        "/v2/keypair?import=&b=%2f%2F&a=+%20&a",
        "/v2/keypair//%7e/../x;y=1/",
        "/v2/keypair?",
        "/v2/keypair?q=a,b;c:d@e'f(g)*!$",
        "/v2/keypair/\u{e9}",
    ];
    for target in targets {
        let head = format!(
            "PUT {target} HTTP/1.1\r\nHost: http://Some.Host:8080/prefix\r\nX-Odd:  a  b \t\r\nx-odd: second\r\n\
             X-Bytes: caf\u{e9}\r\nContent-Length: 5\r\n\r\nhello"
        );
        let answer = bed.connect().await.ask(head.as_bytes()).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        let seen: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(seen["target"], target);
        assert_eq!(seen["method"], "PUT");
        assert_eq!(seen["headers"]["host"], serde_json::json!(["http://Some.Host:8080/prefix"]));
        assert_eq!(seen["headers"]["x-odd"], serde_json::json!(["a  b", "second"]));
        assert_eq!(seen["headers"]["x-bytes"], serde_json::json!(["caf\u{e9}"]));
        assert_eq!(seen["headers"]["content-length"], serde_json::json!(["5"]));
        assert_eq!(seen["body"], "hello");
    }
}

/// Method, target, a header, and the cloud whose API it is (providers.md section 5).
const ROUTES: [(&str, (&str, &str), Option<ProviderKind>); 22] = [
    ("/v2/keypair", ("", ""), Some(ProviderKind::Baidu)),
    ("/v2/keypair/k-1?attach", ("", ""), Some(ProviderKind::Baidu)),
    ("/v1/keypair", ("", ""), Some(ProviderKind::Baidu)),
    ("/v9/keypair", ("", ""), Some(ProviderKind::Baidu)),
    ("/v2/instance", ("", ""), Some(ProviderKind::Baidu)),
    ("/nowhere", ("authorization", "bce-auth-v1/ak/t/1800//s"), Some(ProviderKind::Baidu)),
    ("/?action=Encrypt", ("authorization", "bce-auth-v1/ak/t/1800//s"), Some(ProviderKind::Baidu)),
    ("/nowhere", ("x-bce-date", "t"), Some(ProviderKind::Baidu)),
    ("/", ("", ""), Some(ProviderKind::Tencent)),
    ("/?Action=CreateKeyPair", ("", ""), Some(ProviderKind::Tencent)),
    ("/prefix", ("authorization", "TC3-HMAC-SHA256 Credential=a"), Some(ProviderKind::Tencent)),
    ("/v3/p/keypairs", ("x-tc-action", "CreateKeyPair"), Some(ProviderKind::Tencent)),
    ("/v3/p/keypairs", ("", ""), Some(ProviderKind::Huawei)),
    ("/v3/projects", ("", ""), Some(ProviderKind::Huawei)),
    ("/v1.0/p/kms/list-keys", ("", ""), Some(ProviderKind::Huawei)),
    ("/v2.1/p/os-keypairs", ("", ""), Some(ProviderKind::Huawei)),
    ("/v2/p/os-keypairs", ("", ""), Some(ProviderKind::Huawei)),
    ("/", ("x-auth-token", "t"), Some(ProviderKind::Huawei)),
    ("/v3/keypair/keypairs", ("authorization", "SDK-HMAC-SHA256 Access=a"), Some(ProviderKind::Huawei)),
    ("/v3/p/keypairs", ("authorization", "V11-HMAC-SHA256 Credential=a"), Some(ProviderKind::Huawei)),
    ("/favicon.ico", ("authorization", "Bearer x"), None),
    ("/v4/p/keypairs", ("", ""), None),
];

#[test]
fn each_request_goes_to_the_cloud_that_it_resembles() {
    for (target, (name, value), cloud) in ROUTES {
        let mut request = http::Request::builder().uri(target);
        if !name.is_empty() {
            request = request.header(name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(cloud_of(&head), cloud, "{target} {name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_resembles_no_cloud_is_not_found() {
    let bed = Bed::new(Limits::default()).await;
    for target in ["/favicon.ico", "/v4/x", "*"] {
        let answer = bed.connect().await.ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, &body["code"]), (404, &Value::from("NotFound")), "{target}");
        assert_eq!(body["requestId"].as_str().unwrap().len(), 36);
        assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded() {
    let bed = Bed::new(Limits::default()).await;
    let whole = format!("{}{}", post(1 << 20), "a".repeat(1 << 20));
    let answer = bed.connect().await.ask(whole.as_bytes()).await;
    assert_eq!((answer.status, answer.head.contains("x-length: 1048576")), (200, true), "{}", answer.head);

    // Told at once, before any of it was sent.
    let answer = bed.connect().await.ask(post((1 << 20) + 1).as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "Malformed"));
    let answer = bed.connect().await.ask(post(1 << 50).as_bytes()).await;
    assert_eq!(answer.status, 418);

    // Without a length it is cut off where it becomes too large.
    let mut raw = bed.connect().await;
    raw.send(b"POST /v2/keypair HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(1 << 16));
    for _ in 0..17 {
        raw.send(chunk.as_bytes()).await;
    }
    assert_eq!(raw.answer().await.status, 418);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_not_waited_for() {
    let limits = Limits { head: Duration::from_millis(300), body: Duration::from_millis(300), ..Limits::default() };
    let bed = Bed::new(limits).await;
    // Silent, in the midst of the head, and between two requests.
    let mut silent = bed.connect().await;
    let mut halfway = bed.connect().await;
    halfway.send(b"POST /v2/keypair HTTP/1.1\r\nHos").await;
    let mut resting = bed.connect().await;
    assert_eq!(resting.ask(GET).await.status, 200);
    for raw in [&mut silent, &mut halfway, &mut resting] {
        raw.until_closed().await;
    }
    // In the midst of the body, dripping.
    let mut slow = bed.connect().await;
    slow.send(post(100).as_bytes()).await;
    let mut drip = slow.stream.into_split();
    let dripping = tokio::spawn(async move {
        while drip.1.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let answer = bed::answer(&mut drip.0, &mut Vec::new()).await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "Malformed"));
    dripping.abort();
}

/// Large answers that nobody reads stay in buffers, and hold the one connection that there may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_loses_its_connection() {
    let limits = Limits { connections: 1, unread: Duration::from_millis(500), ..Limits::default() };
    let bed = Bed::new(limits).await;
    let mut rude = bed.connect().await;
    let many = "GET /v2/keypair/large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(32);
    rude.send(many.as_bytes()).await;
    assert_eq!(bed.connect().await.ask(GET).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_more_wait() {
    let bed = Bed::new(Limits { connections: 2, ..Limits::default() }).await;
    let (mut one, mut two) = (bed.connect().await, bed.connect().await);
    assert_eq!((one.ask(GET).await.status, two.ask(GET).await.status), (200, 200));
    let mut three = bed.connect().await;
    three.send(GET).await;
    // It is not answered while both are there: the others are, meanwhile.
    for _ in 0..20 {
        assert_eq!((one.ask(GET).await.status, two.ask(GET).await.status), (200, 200));
    }
    assert!(three.has_nothing());
    drop(one);
    assert_eq!(three.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_under_way() {
    let bed = Bed::new(Limits::default()).await;
    let mut idle = bed.connect().await;
    assert_eq!(idle.ask(GET).await.status, 200);
    let mut waiting = bed.connect().await;
    waiting.send(b"GET /v2/keypair/wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    bed.cloud.entered("/v2/keypair/wait").await;
    assert_eq!(bed.calls.len(), 1, "the stop of the server waits for it");
    bed.stop();
    idle.until_closed().await;
    bed.until_refused().await;
    assert!(waiting.has_nothing() && !bed.is_over());
    bed.cloud.release();
    let answer = waiting.answer().await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    bed.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_and_a_late_answer_are_refusals() {
    let bed = Bed::new(Limits { deadline: Duration::from_millis(300), ..Limits::default() }).await;
    let mut raw = bed.connect().await;
    for path in ["panic", "wait"] {
        let answer = raw.ask(format!("GET /v2/keypair/{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (418, "Internal"), "{path}");
    }
    assert_eq!(raw.ask(GET).await.status, 200, "the same connection goes on");
    assert_eq!(bed.calls.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_noticed() {
    let bed = Bed::new(Limits::default()).await;
    let mut raw = bed.connect().await;
    raw.send(b"GET /v2/keypair/wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    bed.cloud.entered("/v2/keypair/wait").await;
    drop(raw);
    bed.cloud.gone().await;
}

/// Both ids are the same digits: an operator finds a caller's request in the log.
#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_call_ids() {
    let bed = Bed::new(Limits::default()).await;
    let mut raw = bed.connect().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let seen: Value = serde_json::from_str(&raw.ask(GET).await.body).unwrap();
        let (call, request) = (seen["call"].as_str().unwrap(), seen["request"].as_str().unwrap());
        assert_eq!(request.replace('-', ""), call);
        assert_eq!(request.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        ids.push(call.to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_key_and_by_token() {
    let bed = Bed::new(Limits::default()).await;
    let key = |cloud, key| bed.face.account(cloud, key).map(|account| account.project.as_str());
    assert_eq!(key(ProviderKind::Baidu, "a"), Some("of-baidu"));
    assert_eq!(key(ProviderKind::Huawei, "a"), Some("of-huawei"));
    assert_eq!(key(ProviderKind::Tencent, "a"), None);
    assert_eq!(key(ProviderKind::Baidu, ""), None);
    let token = |cloud, token| bed.face.account_of_token(cloud, token).map(|account| account.project.as_str());
    assert_eq!(token(ProviderKind::Huawei, "token"), Some("of-huawei"));
    for (cloud, wrong) in [(ProviderKind::Huawei, "tokem"), (ProviderKind::Huawei, ""), (ProviderKind::Baidu, "token")]
    {
        assert_eq!(token(cloud, wrong), None);
    }
    assert_eq!(&*bed.face.account(ProviderKind::Baidu, "a").unwrap().caller(), "baidu:a");
}

#[test]
fn each_account_and_action_has_its_rate() {
    let limited = account(ProviderKind::Tencent, 3);
    let admitted = |action| (0..10).filter(|_| limited.admits(action)).count();
    assert_eq!((admitted("Create"), admitted("List")), (3, 3));
    assert_eq!((0..10).filter(|_| account(ProviderKind::Tencent, 3).admits("Create")).count(), 10, "an account each");
    let unlimited = account(ProviderKind::Baidu, 0);
    assert!((0..1000).all(|_| unlimited.admits("Create")));
}

/// At debug, with a hint; nothing of a token, and nothing at info.
#[test]
fn a_refused_signature_is_explained_in_the_log() {
    let canonical = "GET\n/\n\nhost:a\nx-auth-token:canary\n".to_owned();
    let refusals = [
        Refusal::Mismatch { canonical, hint: "is Host rewritten?" },
        Refusal::Expired { ahead: -901 },
        Refusal::Malformed("no Signature"),
        Refusal::Missing,
        Refusal::Digest,
    ];
    let lines = |level| {
        crate::telemetry::logged(level, keypairs::telemetry::LogFormat::Json, || {
            refusals.iter().for_each(|refusal| log_refusal(&bed::call(), ProviderKind::Huawei, refusal));
        })
    };
    assert_eq!(lines("info"), "");
    let told = lines("info,keypairs::face=debug");
    for words in ["is Host rewritten?", "host:a", "-901", "no Signature", "00000000000000000000000000000007", "huawei"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(told.lines().count(), refusals.len());
    assert!(!told.contains("canary"), "{told}");
}

/// An account of `of-CLOUD` with the access key `a` and, at Huawei, the token `token`.
fn account(cloud: ProviderKind, rate: u32) -> Account {
    Account {
        cloud,
        access_key: "a".to_owned(),
        secret_key: Some(SecretText::new("secret".to_owned())),
        token: (cloud == ProviderKind::Huawei).then(|| SecretText::new("token".to_owned())),
        project: ProjectId::parse("", &format!("of-{}", cloud.as_str())).unwrap(),
        user_id: UserId::default(),
        region: "r".to_owned(),
        cloud_project_id: String::new(),
        cloud_project_ids: Vec::new(),
        quota: None,
        resources_per_tag: None,
        rate: Rate::per_second(rate),
    }
}

fn post(length: u64) -> String {
    format!("POST /v2/keypair/length HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

const GET: &[u8] = b"GET /v2/keypair HTTP/1.1\r\nHost: a\r\n\r\n";
