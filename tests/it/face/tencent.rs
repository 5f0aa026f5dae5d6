//! Tencent's API: what its SDK cannot see or cannot bring about.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use http::header::HOST;
use keypairs::clock::{Clock, ManualClock};
use keypairs::dialect::tencent::{Call, Tag, Wanted, sign};
use keypairs::dialect::{Credentials, Kind, Request, Response};
use keypairs::face::{Account, Cloud, Face, Limits, Parts, Rate, Tencent, Told};
use keypairs::model::{KeyPair, KeyPairState, Origin, PrivateKeyState, ProviderKind, UserId};
use keypairs::secret::SecretText;
use keypairs::service::Service;
use keypairs::service::call::CallId;
use keypairs::service::command::{ExportPrivate, Manner};
use keypairs::sshkey::{KeyFormat, KeySpec};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::house::{House, by_id, by_name, project, row_key};
use crate::placements::bed::{Bed, at};

struct Desk {
    face: Arc<Face>,
    clock: Arc<ManualClock>,
    /// What the last answer was told to be.
    told: Mutex<Option<Told>>,
}

impl Desk {
    fn new(service: Service, clock: Arc<ManualClock>, account: Account) -> Self {
        let face = Face::new(Parts {
            service,
            clock: clock.clone(),
            accounts: vec![account],
            clouds: Vec::new(),
            limits: Limits::with_deadline(Duration::from_secs(30)),
            seed: 7,
            calls: TaskTracker::new(),
            observer: Arc::new(|_, _, _| ()),
        });
        Self { face, clock, told: Mutex::default() }
    }

    fn of(house: &House) -> Self {
        Self::new(house.service.clone(), house.clock.clone(), account())
    }

    /// What is in `Response`.
    async fn ask(&self, call: &Call) -> Value {
        self.answered(self.signed(call, "secret", None)).await
    }

    /// The code of the refusal.
    async fn refused(&self, call: &Call) -> String {
        code(&self.ask(call).await)
    }

    async fn answered(&self, request: Request) -> Value {
        let answer = Tencent.answer(&self.face, request, super::bed::call()).await;
        *self.told.lock().unwrap() = answer.extensions().get().copied();
        response(&answer)
    }

    fn signed(&self, call: &Call, secret: &str, token: Option<&str>) -> Request {
        let mut request = call.request("ap-guangzhou").unwrap();
        request.headers_mut().insert(HOST, HeaderValue::from_static("cvm.tencentcloudapi.com"));
        let [secret_key, token] = [secret, token.unwrap_or_default()].map(|text| SecretText::new(text.to_owned()));
        let security_token = Some(token).filter(|token| !token.expose().is_empty());
        let credentials = Credentials { access_key: "a".to_owned(), secret_key, security_token };
        sign(&mut request, &credentials, self.clock.now()).unwrap();
        request
    }

    async fn listed(&self, wanted: Wanted) -> Vec<Value> {
        let shown = self.ask(&Call::DescribeKeyPairs { wanted, offset: 0, limit: 100 }).await;
        let page = shown["KeyPairSet"].as_array().unwrap_or_else(|| panic!("{shown}")).clone();
        assert_eq!(shown["TotalCount"], page.len());
        page
    }
}

/// The account `a`, whose pairs are those of `of-tencent`.
fn account() -> Account {
    Account {
        user_id: UserId::parse("", "u1").unwrap(),
        cloud_project_ids: vec![0, 1001],
        quota: Some(3),
        ..super::account(ProviderKind::Tencent, 0)
    }
}

/// Checks what every answer has.
fn response(answer: &Response) -> Value {
    assert_eq!(answer.status(), 200, "also of refusals");
    assert_eq!(answer.headers()["content-type"], "application/json", "exactly");
    let body: Value = serde_json::from_slice(answer.body().expose()).unwrap();
    let response = body["Response"].clone();
    assert_eq!(response["RequestId"], "00000000-0000-0000-0000-000000000007", "the id of the call");
    response
}

fn code(response: &Value) -> String {
    response["Error"]["Code"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
}

fn create(name: &str, tags: Vec<Tag>) -> Call {
    Call::CreateKeyPair { key_name: name.to_owned(), project_id: 1001, tags }
}

fn delete(pairs: &[&KeyPair]) -> Call {
    Call::DeleteKeyPairs { key_ids: pairs.iter().map(|pair| key_id(pair)).collect() }
}

fn modify(pair: &KeyPair, name: Option<&str>, description: Option<&str>) -> Call {
    let [key_name, description] = [name, description].map(|text| text.map(str::to_owned));
    Call::ModifyKeyPairAttribute { key_id: key_id(pair), key_name, description }
}

fn key_id(pair: &KeyPair) -> String {
    format!("skey-{}", pair.short_id.as_str())
}

async fn made_elsewhere(house: &House, project: &str, name: &str) -> KeyPair {
    house.create(project, name, KeySpec::Ed25519).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_is_an_ordinary_pair_with_its_private_half_sealed() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    let tags = vec![Tag { key: "team".to_owned(), value: "ops".to_owned() }];
    let answer = desk.ask(&create("web", tags)).await;
    let shown = &answer["KeyPair"];
    let pair = house.get(&by_name("of-tencent", "web")).await.unwrap();
    assert_eq!(shown["KeyId"], key_id(&pair));
    assert_eq!((pair.origin, pair.state, pair.public.bits()), (Origin::Generated, KeyPairState::Active, 2048));
    assert_eq!((pair.private_key_state, pair.user_id.as_str()), (PrivateKeyState::Stored, "u1"));
    assert_eq!(pair.labels.as_map().iter().collect::<Vec<_>>(), [(&"team".to_owned(), &"ops".to_owned())]);
    let through = pair.through.as_ref().unwrap();
    assert_eq!((through.cloud, &*through.region, through.cloud_project_id), (ProviderKind::Tencent, "r", 1001));
    let command =
        ExportPrivate { key: by_id(&pair), format: KeyFormat::Pkcs1, passphrase: None, reason: String::new() };
    let (_, private) = house.service.export_private(super::bed::call(), command).await.unwrap();
    assert_eq!(shown["PrivateKey"], private.text.expose(), "what was given out is what is kept");
    assert_eq!(*desk.told.lock().unwrap(), Some(Told { action: "CreateKeyPair", code: "" }));
    let shown = &desk.listed(Wanted::All).await[0];
    assert_eq!((&shown["PrivateKey"], &shown["ProjectId"]), (&Value::Null, &json!(1001)), "in one answer only");
}

/// Also under names that the cloud would not take, and only those of the account's own project.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_elsewhere_is_shown_as_it_is() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    let odd = made_elsewhere(&house, "of-tencent", "büro/web-1.a").await;
    let gone = made_elsewhere(&house, "of-tencent", "gone").await;
    let strange = made_elsewhere(&house, "other", "strange").await;
    house.delete(&by_id(&gone), false).await.unwrap();
    let ids = Wanted::Ids([&strange, &odd, &gone, &odd].map(key_id).into());
    for wanted in [Wanted::All, ids] {
        let listed = desk.listed(wanted).await;
        assert_eq!(listed.len(), 1);
        let shown = &listed[0];
        let seen = ["KeyId", "KeyName", "PublicKey"].map(|name| shown[name].as_str().unwrap());
        assert_eq!(seen, [&key_id(&odd), odd.name.as_str(), &odd.public.line(odd.name.as_str())]);
        assert_eq!((&shown["ProjectId"], &shown["AssociatedInstanceIds"]), (&json!(0), &json!([])));
    }
    for other in [&gone, &strange] {
        assert_eq!(desk.refused(&modify(other, Some("x"), None)).await, "InvalidKeyPairId.NotFound");
        assert_eq!(desk.refused(&delete(&[&odd, other])).await, "InvalidKeyPairId.NotFound");
    }
    // Nothing of a batch is done when one of it is not there; one that is there twice is one.
    desk.ask(&modify(&odd, None, Some("words"))).await;
    let seen = house.get(&by_id(&odd)).await.unwrap();
    assert_eq!((seen.state, seen.description.as_str()), (KeyPairState::Active, "words"));
    assert_eq!(desk.ask(&delete(&[&odd, &odd])).await["Error"], Value::Null);
    assert!(desk.listed(Wanted::All).await.is_empty());
    house.undelete(&odd, None).await.unwrap();
    assert_eq!(desk.listed(Wanted::All).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_fails_only_the_question_for_it() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    let whole = made_elsewhere(&house, "of-tencent", "whole").await;
    let damaged = made_elsewhere(&house, "of-tencent", "damaged").await;
    let row = row_key(b'm', "of-tencent", damaged.id);
    house.tamper(|rows| *rows.get_mut(&row).unwrap().last_mut().unwrap() ^= 1);
    let listed = desk.listed(Wanted::All).await;
    assert_eq!(listed.iter().map(|pair| &pair["KeyId"]).collect::<Vec<_>>(), [&key_id(&whole)]);
    assert_eq!(desk.refused(&modify(&damaged, Some("x"), None)).await, "InternalServerError");
}

/// Its quota is the account's own: what was made elsewhere does not count, but the project's quota holds as well.
#[tokio::test(flavor = "multi_thread")]
async fn either_quota_refuses() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    for number in 0..2 {
        made_elsewhere(&house, "of-tencent", &format!("elsewhere-{number}")).await;
    }
    for name in ["a", "b", "c"] {
        assert_eq!(desk.ask(&create(name, Vec::new())).await["Error"], Value::Null);
    }
    assert_eq!(desk.refused(&create("d", Vec::new())).await, "InvalidKeyPair.LimitExceeded");
    let told = desk.told.lock().unwrap().unwrap();
    assert_eq!(told, Told { action: "CreateKeyPair", code: "InvalidKeyPair.LimitExceeded" });

    let desk = Desk::new(house.service.clone(), house.clock.clone(), Account { quota: None, ..account() });
    for number in house.held("of-tencent").await..500 {
        made_elsewhere(&house, "of-tencent", &format!("elsewhere-{number}")).await;
    }
    assert_eq!(desk.refused(&create("d", Vec::new())).await, "InvalidKeyPair.LimitExceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_does_not_take_is_a_wrong_value() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    let tags = (0..21).map(|number| Tag { key: format!("k{number}"), value: String::new() }).collect();
    let answer = desk.ask(&create("web", tags)).await;
    assert_eq!(code(&answer), "InvalidParameterValue");
    let message = answer["Error"]["Message"].as_str().unwrap();
    assert!(message.starts_with("Incorrect parameter value. ") && message.contains("at most 20"), "{message}");
    let pair = made_elsewhere(&house, "of-tencent", "web").await;
    assert_eq!(desk.refused(&modify(&pair, None, Some("a\u{1b}b"))).await, "InvalidParameterValue");
}

/// In use at a cloud where it is placed: it is no more shown, and can be deleted again once it is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_a_cloud_does_not_let_go_of_is_deleted_later() {
    let bed = Bed::new();
    let account = Account { project: project("default"), ..account() };
    let desk = Desk::new(bed.service.clone(), bed.clock.clone(), account);
    let manner = Manner { ensure: false, repeat: None, validate_only: false };
    let pair = bed.create("web", at(&["tencent-gz"]), manner).await.unwrap().0.unwrap();
    let remote = pair.placements[0].remote_id.clone();
    let cloud = bed.cloud("tencent-gz");
    cloud.change(&remote, |held| held.is_in_use = true);
    assert_eq!(desk.refused(&delete(&[&pair])).await, "InvalidParameterValue.KeyPairNotSupported");
    assert!(desk.listed(Wanted::All).await.is_empty());
    assert_eq!(desk.refused(&modify(&pair, Some("x"), None)).await, "InvalidKeyPairId.NotFound");
    cloud.change(&remote, |held| held.is_in_use = false);
    assert_eq!(desk.ask(&delete(&[&pair])).await["Error"], Value::Null);
    assert!(cloud.keys().is_empty());
}

/// Those without the key cannot use up what is the account's.
#[tokio::test(flavor = "multi_thread")]
async fn only_signed_requests_count_against_the_rate() {
    let house = House::in_memory();
    let account = Account { rate: Rate::per_second(1), ..account() };
    let desk = Desk::new(house.service.clone(), house.clock.clone(), account);
    let call = Call::DescribeKeyPairs { wanted: Wanted::All, offset: 0, limit: 20 };
    for _ in 0..5 {
        assert_eq!(code(&desk.answered(desk.signed(&call, "another", None)).await), "AuthFailure.SignatureFailure");
    }
    assert_eq!(desk.ask(&call).await["TotalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_is_refused() {
    let house = House::in_memory();
    let desk = Desk::of(&house);
    let call = Call::DescribeKeyPairs { wanted: Wanted::All, offset: 0, limit: 20 };
    let with_token = desk.signed(&call, "secret", Some("token"));
    assert_eq!(code(&desk.answered(with_token).await), "AuthFailure.TokenFailure");
    let mut unsigned = desk.signed(&call, "secret", None);
    unsigned.headers_mut().remove("authorization");
    assert_eq!(code(&desk.answered(unsigned).await), "AuthFailure.InvalidAuthorization");
    for (seconds, refusal) in [(300, None), (301, Some("AuthFailure.SignatureExpire"))] {
        let old = desk.signed(&call, "secret", None);
        desk.clock.advance(Duration::from_secs(seconds));
        let answer = desk.answered(old).await;
        assert_eq!(answer["Error"]["Code"].as_str(), refusal, "after {seconds} s");
    }
}

#[test]
fn what_could_not_be_read_or_answered_is_refused_with_status_200() {
    let refused = |kind| code(&response(&Tencent.refuse(kind, CallId(7))));
    assert_eq!(refused(Kind::Malformed), "InvalidParameter");
    assert_eq!(refused(Kind::Internal), "InternalError");
}
