//! The face of Huawei in this process, over a house; requests to it, and what they are answered.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use keypairs::clock::ManualClock;
use keypairs::dialect::Request;
use keypairs::dialect::huawei::with_token;
use keypairs::face::{Account, Cloud, Face, Huawei, Limits, Parts, Rate, Told};
use keypairs::model::{ProviderKind, UserId};
use keypairs::secret::{SecretBytes, SecretText};
use keypairs::sshkey::KeySpec;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::face::bed;
use crate::house::{House, KMS_ONLY, project};

/// The face of `alice` of `PROJECT`: with a key and a token in our project `p`, and with a token alone in one where all
/// that is kept is under a key of KMS.
pub struct Bed {
    pub house: House,
    pub face: Arc<Face>,
}

/// One answer.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub request_id: String,
    pub told: Told,
    pub body: Value,
}

impl Bed {
    pub fn new() -> Self {
        Self::with_rate(0)
    }

    pub fn with_rate(rate: u32) -> Self {
        let house = House::in_memory();
        let account = |key: &str, secret: Option<&str>, token: Option<&str>, own: &str| Account {
            cloud: ProviderKind::Huawei,
            access_key: key.to_owned(),
            secret_key: secret.map(text),
            token: token.map(text),
            project: project(own),
            user_id: UserId::parse("", "alice").unwrap(),
            region: "cn-north-4".to_owned(),
            cloud_project_id: PROJECT.to_owned(),
            cloud_project_ids: Vec::new(),
            quota: None,
            resources_per_tag: None,
            rate: Rate::per_second(rate),
        };
        let face = Face::new(Parts {
            service: house.service.clone(),
            clock: Arc::new(ManualClock::at(NOW)),
            accounts: vec![
                account("AK", Some("SK"), Some("token"), "p"),
                account("TOKENS", None, Some("other token"), KMS_ONLY),
            ],
            clouds: vec![Arc::new(Huawei)],
            limits: Limits::with_deadline(std::time::Duration::from_secs(60)),
            seed: 7,
            calls: TaskTracker::new(),
            observer: Arc::new(|_, _, _| ()),
        });
        Self { house, face }
    }

    pub async fn send(&self, request: Request) -> Seen {
        let answer = Huawei.answer(&self.face, request, bed::call()).await;
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Seen {
            status: answer.status().as_u16(),
            request_id: header("x-request-id").unwrap_or_default(),
            told: *answer.extensions().get().expect("what it was"),
            body: serde_json::from_slice(answer.body().expose()).unwrap_or_default(),
        }
    }

    /// Asks with the token.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Seen {
        let mut request = request(method, &format!("/v3/{PROJECT}/{path}"), body);
        with_token(&mut request, &text("token")).unwrap();
        self.send(request).await
    }

    pub async fn create(&self, keypair: Value) -> Seen {
        self.ask("POST", "keypairs", json!({ "keypair": keypair })).await
    }

    pub async fn import_private(&self, keypair: Value) -> Seen {
        self.ask("POST", "keypairs/private-key/import", json!({ "keypair": keypair })).await
    }

    /// Names of a page, and the marker of the next.
    pub async fn list(&self, query: &str) -> (Vec<String>, Option<String>) {
        let seen = self.ask("GET", &format!("keypairs{query}"), Value::Null).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let pairs = seen.body["keypairs"].as_array().unwrap();
        let names: Vec<_> = pairs.iter().map(|pair| pair["keypair"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(seen.body["page_info"]["current_count"], names.len());
        (names, seen.body["page_info"]["next_marker"].as_str().map(str::to_owned))
    }

    /// A pair made through gRPC's door.
    pub async fn made(&self, project: &str, name: &str) {
        self.house.create(project, name, KeySpec::Ed25519).await.unwrap();
    }
}

impl Seen {
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, &self.body["error_code"]), (status, &Value::from(code)), "{self:?}");
        assert_eq!(self.told.code, code);
        let fields: BTreeSet<_> = self.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(["error_code", "error_msg"]));
        assert_eq!(self.request_id, ID);
    }

    pub fn fine(&self) -> &Value {
        assert!((200..300).contains(&self.status) && self.told.code.is_empty(), "{self:?}");
        assert_eq!(self.request_id, ID);
        &self.body
    }
}

pub fn request(method: &str, target: &str, body: Value) -> Request {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = http::Request::builder().method(method).uri(target).header("host", "kms.cn-north-4");
    request.header("content-type", "application/json").body(SecretBytes::new(body)).unwrap()
}

pub fn text(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

pub const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// The call id 7, as the answers write it.
pub const ID: &str = "00000000-0000-0000-0000-000000000007";
pub const NOW: i64 = 1_800_000_000_000;
