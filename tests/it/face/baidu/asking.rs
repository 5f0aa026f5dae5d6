//! The face of Baidu in this process, over a house; requests to it, and what they are answered.

use std::sync::Arc;

use keypairs::clock::ManualClock;
use keypairs::dialect::baidu::sign;
use keypairs::dialect::{Credentials, Request};
use keypairs::face::{Account, Baidu, Cloud, Face, Limits, Parts, Rate, Told};
use keypairs::model::{ProviderKind, UserId};
use keypairs::secret::{SecretBytes, SecretText};
use keypairs::service::Service;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::face::bed;
use crate::house::{self, House};

/// The face of our project `p`.
pub struct Bed {
    pub house: House,
    face: Arc<Face>,
}

/// One answer.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub told: Told,
    pub bytes: String,
    pub body: Value,
}

impl Bed {
    pub fn new() -> Self {
        Self::with(None, 0)
    }

    pub fn with(quota: Option<u32>, rate: u32) -> Self {
        let house = House::in_memory();
        let face = face(&house.service, "p", quota, rate);
        Self { house, face }
    }

    pub async fn send(&self, request: Request) -> Seen {
        send(&self.face, request).await
    }

    pub async fn ask(&self, method: &str, target: &str, body: Value) -> Seen {
        self.send(signed(("AK", "SK"), NOW, request(method, target, &body))).await
    }

    pub async fn import(&self, key: &str, name: &str, public_key: &str) -> Seen {
        let body = json!({"name": name, "publicKey": public_key});
        self.send(signed((key, "SK"), NOW, request("PUT", "/v2/keypair?import", &body))).await
    }

    /// The ids of a page, and the marker of the next.
    pub async fn page(&self, query: &str) -> (Vec<String>, Option<String>) {
        let seen = self.ask("GET", &format!("/v2/keypair{query}"), Value::Null).await;
        let pairs = seen.fine()["keypairs"].as_array().unwrap();
        let ids: Vec<_> = pairs.iter().map(|pair| pair["keypairId"].as_str().unwrap().to_owned()).collect();
        let next = seen.body.get("nextMarker").map(|next| next.as_str().unwrap().to_owned());
        assert_eq!(seen.body["isTruncated"], next.is_some());
        (ids, next)
    }
}

impl Seen {
    pub fn refused(&self, status: u16, code: &str, message: &str) {
        let body = json!({"code": code, "message": message, "requestId": ID});
        assert_eq!((self.status, &self.body), (status, &body), "{self:?}");
        assert_eq!(self.told.code, code);
        self.has_headers();
    }

    pub fn fine(&self) -> &Value {
        assert!(self.status == 200 && self.told.code.is_empty(), "{self:?}");
        self.has_headers();
        &self.body
    }

    /// Exactly these; the listener adds `Date` and `Content-Length`.
    pub fn has_headers(&self) {
        let wanted = [("content-type", "application/json;charset=UTF-8"), ("x-bce-request-id", ID)];
        assert_eq!(self.headers, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

/// The face of the accounts `AK` in `bj` and `AK-gz` in `gz`, both of this project.
pub fn face(service: &Service, project: &str, quota: Option<u32>, rate: u32) -> Arc<Face> {
    let account = |key: &str, region: &str| Account {
        cloud: ProviderKind::Baidu,
        access_key: key.to_owned(),
        secret_key: Some(text("SK")),
        token: None,
        project: house::project(project),
        user_id: UserId::parse("", "alice").unwrap(),
        region: region.to_owned(),
        cloud_project_id: String::new(),
        cloud_project_ids: Vec::new(),
        quota,
        resources_per_tag: None,
        rate: Rate::per_second(rate),
    };
    Face::new(Parts {
        service: service.clone(),
        clock: Arc::new(ManualClock::at(NOW)),
        accounts: vec![account("AK", "bj"), account("AK-gz", "gz")],
        clouds: vec![Arc::new(Baidu)],
        limits: Limits::with_deadline(std::time::Duration::from_secs(60)),
        seed: 7,
        calls: TaskTracker::new(),
        observer: Arc::new(|_, _, _| ()),
    })
}

pub async fn send(face: &Face, request: Request) -> Seen {
    let answer = Baidu.answer(face, request, bed::call()).await;
    let header =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
    Seen {
        status: answer.status().as_u16(),
        headers: answer.headers().iter().map(header).collect(),
        told: *answer.extensions().get().expect("what it was"),
        bytes: String::from_utf8(answer.body().expose().to_vec()).unwrap(),
        body: serde_json::from_slice(answer.body().expose()).unwrap_or_default(),
    }
}

pub fn request(method: &str, target: &str, body: &Value) -> Request {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(target).header("host", "bcc.bj.baidubce.com");
    request.body(SecretBytes::new(body)).unwrap()
}

pub fn signed((access_key, secret_key): (&str, &str), now: i64, mut request: Request) -> Request {
    let (access_key, secret_key) = (access_key.to_owned(), text(secret_key));
    sign(&mut request, &Credentials { access_key, secret_key, security_token: None }, now).unwrap();
    request
}

pub fn text(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// The call id 7, as the answers write it.
pub const ID: &str = "00000000-0000-0000-0000-000000000007";
pub const NOW: i64 = 1_800_000_000_000;
