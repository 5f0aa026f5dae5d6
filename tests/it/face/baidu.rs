//! The face of Baidu BCC in this process, over a house: what its SDK cannot be made to send, and what other doors do to
//! what it shows. What the SDK can is in tests/sdk.

use std::collections::BTreeSet;
use std::sync::Arc;

use keypairs::clock::OsEntropy;
use keypairs::dialect::Kind;
use keypairs::face::{Baidu, Cloud};
use keypairs::model::ProviderKind;
use keypairs::secret::SecretBytes;
use keypairs::service::call::CallId;
use keypairs::sshkey::{AwsLcKeyMaker, Curve, KeyMaker, KeySpec};
use serde_json::{Value, json};

use crate::house::by_id;
use crate::placements::bed::{Bed as Clouds, at};
use crate::placements::calls::FREE;
use asking::{Bed, NOW, Seen, face, request, send, signed};

mod asking;

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_known_before_what_is_asked() {
    let bed = Bed::new();
    let header = "The HTTP authorization header is invalid. Consult the service documentation for details.";
    for target in ["/v2/keypair", "/v1/keypair", "/v2/nothing", "/v2/keypair/k-1?rename"] {
        bed.send(request("PUT", target, &json!([]))).await.refused(400, "InvalidHTTPAuthHeader", header);
    }
    let broken = || request("POST", "/v2/keypair", &json!([]));
    let unknown = bed.send(signed(("nobody", "SK"), NOW, broken())).await;
    unknown.refused(403, "InvalidAccessKeyId", "The Access Key ID you provided does not exist in our records.");
    let wrong = bed.send(signed(("AK", "another"), NOW, broken())).await;
    assert_eq!((wrong.status, wrong.told.code), (400, "SignatureDoesNotMatch"));
    for at in [NOW - 1_801_000, NOW + 901_000] {
        bed.send(signed(("AK", "SK"), at, broken())).await.refused(400, "RequestExpired", "Request has expired.");
    }
    // Changed on the way: the body's length is signed, and checked.
    let mut longer = signed(("AK", "SK"), NOW, broken());
    *longer.body_mut() = SecretBytes::new(b"[] ".to_vec());
    let longer = bed.send(longer).await;
    assert_eq!((longer.status, longer.told.code), (400, "InvalidHTTPRequest"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_operation_is_refused() {
    let bed = Bed::new();
    let (version, uri) = ("The API version specified was invalid.", "Could not parse the specified URI.");
    for target in ["/v1/keypair", "/v3/keypair?import", "/v2.1/keypair/k-1", "/v02/keypair"] {
        bed.ask("PUT", target, json!({})).await.refused(404, "InvalidVersion", version);
    }
    let nowhere = [
        ("GET", "/v2/instance"),
        ("GET", "/v2/keypair/"),
        ("GET", "/v2/keypair/k-1/x"),
        ("GET", "/v2/keypair?import"),
        ("HEAD", "/v2/keypair"),
        ("OPTIONS", "/v2/keypair"),
        ("PATCH", "/v2/keypair/k-1"),
        ("PUT", "/v2/keypair/k-1?explode"),
        ("PUT", "/v2/keypair/k-1?rename&attach"),
        ("GET", "/"),
    ];
    for (method, target) in nowhere {
        let seen = bed.ask(method, target, Value::Null).await;
        seen.refused(400, "InvalidURI", uri);
        assert_eq!(seen.told.action, "_OTHER", "{method} {target}");
    }
    let malformed = "The JSON you provided was not well-formed.";
    for bytes in [&b"{"[..], b"", b"\xff", b"{\"name\":\"a\"}}", b"nope"] {
        let mut asked = request("POST", "/v2/keypair", &Value::Null);
        *asked.body_mut() = SecretBytes::new(bytes.to_vec());
        bed.send(signed(("AK", "SK"), NOW, asked)).await.refused(400, "MalformedJSON", malformed);
    }
    for body in [json!([]), json!({"name": 1}), json!({"name": "a", "description": []})] {
        assert_eq!(bed.ask("POST", "/v2/keypair", body).await.told.code, "InappropriateJSON");
    }
    assert_eq!(bed.page("").await, (Vec::new(), None), "nothing was made");
    let refused = |kind| Baidu.refuse(kind, CallId(7)).status().as_u16();
    assert_eq!((refused(Kind::Malformed), refused(Kind::Internal)), (400, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_has_the_nine_fields_and_create_the_tenth() {
    let bed = Bed::new();
    let made = bed.ask("POST", "/v2/keypair", json!({"name": "made", "description": null})).await;
    let pair = &made.fine()["keypair"];
    let fields: BTreeSet<_> = pair.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(MODEL).union(&BTreeSet::from(["privateKey"])).copied().collect());
    assert!(pair["privateKey"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert_eq!((&pair["createTime"], &pair["createdTime"]), (&json!("2027-01-15T08:00:00Z"), &pair["createTime"]));
    assert_eq!(
        (&pair["description"], &pair["instanceCount"], &pair["regionId"]),
        (&json!(""), &json!(0), &json!("bj"))
    );
    assert!(made.bytes.starts_with("{\"keypair\":{"), "{}", made.bytes);

    let (pairs, _) = bed.page("").await;
    let shown = bed.ask("GET", &format!("/v2/keypair/{}", pairs[0]), Value::Null).await;
    let fields: BTreeSet<_> = shown.fine()["keypair"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(MODEL));
    // It is an ordinary pair, with its private half kept and the mark of this API.
    let own = &bed.house.list("p").await.items[0].as_ref().unwrap().clone();
    assert_eq!(format!("k-{}", own.short_id.as_str()), pairs[0]);
    assert_eq!((own.user_id.as_str(), own.public.bits()), ("alice", 2048));
    assert!(bed.house.export(&by_id(own)).await.unwrap().contains("PRIVATE KEY"));
    let through = own.through.as_ref().unwrap();
    assert_eq!((through.cloud, through.region.as_str()), (ProviderKind::Baidu, "bj"));
}

/// Every name of the project is shown as it is; what is not ACTIVE, or of another project, is not there.
#[tokio::test(flavor = "multi_thread")]
async fn what_other_doors_do_is_seen() {
    let bed = Bed::new();
    let (odd, _) = bed.house.create("p", "9.\u{e9}/x", KeySpec::Ed25519).await.unwrap();
    let (foreign, _) = bed.house.create("q", "foreign", KeySpec::Ed25519).await.unwrap();
    let id = |short: &str| format!("k-{short}");
    let shown = bed.ask("GET", &format!("/v2/keypair/{}", id(odd.short_id.as_str())), Value::Null).await;
    assert_eq!(shown.fine()["keypair"]["name"], "9.\u{e9}/x");
    let named = bed.page("?name=9.%C3%A9%2Fx").await;
    assert_eq!(named, (vec![id(odd.short_id.as_str())], None));
    assert_eq!(bed.page("?name=9.").await.0.len() + bed.page("?name=%2F%2F").await.0.len(), 0);
    let gone = |seen: &Seen| seen.refused(404, "Keypair.KeypairNotExist", "Keypair not exist.");
    bed.house.delete(&by_id(&odd), false).await.unwrap();
    let bodies = [
        ("GET", "", Value::Null),
        ("DELETE", "", Value::Null),
        ("PUT", "?rename", json!({"name": "a"})),
        ("PUT", "?updateDesc", json!({"description": "a"})),
        ("PUT", "?attach", json!({"instanceIds": ["i-1"]})),
        ("PUT", "?detach", json!({"instanceIds": ["i-1"]})),
    ];
    for key in [odd.short_id.as_str(), foreign.short_id.as_str(), "", "x", "00000000", "../../../"] {
        for (method, query, body) in &bodies {
            if !key.is_empty() && !key.contains('/') {
                gone(&bed.ask(method, &format!("/v2/keypair/k-{key}{query}"), body.clone()).await);
            }
        }
    }
    gone(&bed.ask("GET", &format!("/v2/keypair/skey-{}", foreign.short_id.as_str()), Value::Null).await);
    assert_eq!(bed.page("").await, (Vec::new(), None));
    assert_eq!(bed.house.held("q").await, 1);
}

/// A taken name, which Baidu does not know, is told as one; no other refusal says more than the pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_told_as_such() {
    let bed = Bed::new();
    let taken = "Keypair name is invalid. It is taken by another key pair: choose another name.";
    bed.import("AK", "one", &fresh()).await.fine();
    let other = bed.import("AK", "other", &fresh()).await.fine()["keypair"]["keypairId"].as_str().unwrap().to_owned();
    bed.import("AK", "one", &fresh()).await.refused(400, "Keypair.KeypairNameInvalid", taken);
    let renamed = bed.ask("PUT", &format!("/v2/keypair/{other}?rename"), json!({"name": "one"})).await;
    renamed.refused(400, "Keypair.KeypairNameInvalid", taken);
    // `a//b` fits Baidu's grammar and not ours.
    for name in ["", "1a", "a.b", "a//b", "a b", "\u{e9}", &"a".repeat(66)] {
        let seen = bed.import("AK", name, &fresh()).await;
        seen.refused(400, "Keypair.KeypairNameInvalid", "Keypair name is invalid.");
    }
    let long = json!({"name": "a", "description": "d".repeat(141)});
    let seen = bed.ask("POST", "/v2/keypair", long).await;
    seen.refused(400, "Keypair.KeypairDescriptionInvalid", "Keypair description is invalid.");
    for key in ["", "your-publicKey", &line("ed25519"), &line("sk-ssh-ed25519"), PRIVATE] {
        let seen = bed.import("AK", "b", key).await;
        seen.refused(400, "Keypair.PublicKeyFormatInvalid", "Public key format is invalid.");
    }
    let seen = bed.ask("PUT", &format!("/v2/keypair/{other}?attach"), json!({"instanceIds": ["i-1"]})).await;
    seen.refused(404, "Keypair.InstanceNotExist", "Instance not exist.");
}

/// Pages hold together while pairs come and go.
#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other() {
    let bed = Bed::new();
    for number in 0..5 {
        bed.import("AK", &format!("n{number}"), &fresh()).await.fine();
    }
    let (all, none) = bed.page("").await;
    assert_eq!((all.len(), none), (5, None));
    assert_eq!(bed.page("?maxKeys=2").await, (all[..2].to_vec(), Some(all[2].clone())));
    assert_eq!(bed.page(&format!("?maxKeys=3&marker={}", all[2])).await, (all[2..].to_vec(), None));
    assert_eq!(bed.page(&format!("?maxKeys=5000&marker={}", all[4])).await, (all[4..].to_vec(), None));
    assert_eq!(bed.page(&format!("?name=n1&marker={}", all[2])).await, (Vec::new(), None), "it was before");
    assert_eq!(bed.page(&format!("?name=n3&marker={}", all[2])).await, (vec![all[3].clone()], None));
    // The pair that a marker names is deleted before the page is asked for.
    bed.ask("DELETE", &format!("/v2/keypair/{}", all[2]), Value::Null).await.fine();
    assert_eq!(bed.page(&format!("?maxKeys=1&marker={}", all[2])).await, (vec![all[3].clone()], Some(all[4].clone())));
    for query in ["?marker=k-00000000", "?marker=x", "?maxKeys=0", "?maxKeys=-1", "?maxKeys=x"] {
        let seen = bed.ask("GET", &format!("/v2/keypair{query}"), Value::Null).await;
        assert_eq!((seen.status, seen.told.code), (400, "InvalidHTTPRequest"), "{query}");
    }
}

/// With one place left, one of sixteen at once gets it, however they come: the others are told that it is full.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_at_once_one_gets_the_last_place() {
    let bed = Arc::new(Bed::with(Some(3), 0));
    // Neither counts: one was made through gRPC, the other in another region.
    bed.house.create("p", "grpc", KeySpec::Ed25519).await.unwrap();
    bed.import("AK-gz", "elsewhere", &fresh()).await.fine();
    for number in 0..2 {
        bed.import("AK", &format!("n{number}"), &fresh()).await.fine();
    }
    let seen = at_once(&bed, |number| format!("m{number}")).await;
    let full = seen.iter().filter(|seen| seen.status == 413);
    full.clone().for_each(|seen| {
        seen.refused(413, "Keypair.KeypairQuotaExceedLimit", "Keypair number exceeds the limit.");
    });
    assert_eq!((full.count(), seen.iter().filter(|seen| seen.status == 200).count()), (15, 1));
    let made = bed.ask("POST", "/v2/keypair", json!({"name": "created"})).await;
    made.refused(413, "Keypair.KeypairQuotaExceedLimit", "Keypair number exceeds the limit.");
    assert_eq!(bed.house.held("p").await, 5);
    // A delete makes room.
    let (ids, _) = bed.page("?name=n0").await;
    bed.ask("DELETE", &format!("/v2/keypair/{}", ids[0]), Value::Null).await.fine();
    bed.import("AK", "again", &fresh()).await.fine();
}

/// Nobody is refused for a place that is only being tried for: of sixteen, eight want one name; the seven that do not
/// get it leave their places to the others.
#[tokio::test(flavor = "multi_thread")]
async fn who_fails_leaves_the_place() {
    let bed = Arc::new(Bed::with(Some(9), 0));
    let seen = at_once(&bed, |number| if number % 2 == 0 { "same".to_owned() } else { format!("m{number}") }).await;
    let count = |status| seen.iter().filter(|seen| seen.status == status).count();
    // One of the seven who comes when nine are there already may hear that, instead of the name being taken.
    assert_eq!((count(200), count(400) + count(413)), (9, 7), "{seen:?}");
    assert_eq!(bed.page("").await.0.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_action_has_its_rate() {
    let bed = Bed::with(None, 2);
    for expected in [200, 200, 429] {
        assert_eq!(bed.ask("GET", "/v2/keypair", Value::Null).await.status, expected);
    }
    let over = bed.ask("GET", "/v2/keypair", Value::Null).await;
    assert_eq!((over.told.action, over.told.code), ("list", "RequestLimitExceeded"));
    bed.import("AK", "a", &fresh()).await.fine();
    // Who cannot sign uses nothing up.
    for _ in 0..5 {
        bed.send(signed(("AK-gz", "wrong"), NOW, request("GET", "/v2/keypair", &Value::Null))).await;
    }
    let own = bed.send(signed(("AK-gz", "SK"), NOW, request("GET", "/v2/keypair", &Value::Null))).await;
    own.fine();
}

/// What a cloud has in use is deleted once it is free: until then the pair is not shown, and deleting it can be tried
/// again.
#[tokio::test]
async fn a_pair_that_a_cloud_has_in_use_is_deleted_later() {
    let clouds = Clouds::new();
    let (pair, _) = clouds.create("web", at(&["tencent-gz"]), FREE).await.unwrap();
    let target = format!("/v2/keypair/k-{}", pair.unwrap().short_id.as_str());
    let face = face(&clouds.service, "default", None, 0);
    let ask = |method| send(&face, signed(("AK", "SK"), NOW, request(method, &target, &Value::Null)));
    ask("GET").await.fine();
    let cloud = clouds.cloud("tencent-gz");
    let id = cloud.keys()[0].remote.id.clone();
    cloud.change(&id, |held| held.is_in_use = true);
    for _ in 0..2 {
        ask("DELETE").await.refused(403, "Keypair.DeleteKeypairInUse", "Keypair is in use.");
        ask("GET").await.refused(404, "Keypair.KeypairNotExist", "Keypair not exist.");
    }
    cloud.change(&id, |held| held.is_in_use = false);
    ask("DELETE").await.fine();
    ask("DELETE").await.refused(404, "Keypair.KeypairNotExist", "Keypair not exist.");
    assert!(cloud.keys().is_empty());
}

/// Sixteen imports at once.
async fn at_once(bed: &Arc<Bed>, name: impl Fn(usize) -> String) -> Vec<Seen> {
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (bed, name, key) = (Arc::clone(bed), name(number), fresh());
            tokio::spawn(async move { bed.import("AK", &name, &key).await })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen
}

/// A public key that was never there.
fn fresh() -> String {
    let maker = AwsLcKeyMaker::new(Arc::new(OsEntropy));
    maker.make(KeySpec::Ecdsa(Curve::P256)).unwrap().public().line("")
}

/// A public key of the corpus.
fn line(name: &str) -> String {
    let path = format!("{}/tests/vectors/keys/line-{name}.pub", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

const PRIVATE: &str = include_str!("../../vectors/keys/openssh-ed25519");
/// The fields that any page or SDK of Baidu's gives a pair.
const MODEL: [&str; 9] = [
    "keypairId",
    "name",
    "description",
    "createTime",
    "createdTime",
    "regionId",
    "publicKey",
    "fingerPrint",
    "instanceCount",
];
