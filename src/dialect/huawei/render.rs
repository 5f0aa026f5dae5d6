//! Answers as the face gives them, with exactly the fields that the SDKs' types have.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde_json::json;

use super::answer::{Enclosed, Failed, Keypair, PageInfo, Project, REQUEST_ID, Started, Task, Tasks};
use super::code::Flaw;
use super::zip;
use crate::clock::Millis;
use crate::dialect::Response;
use crate::dialect::json::to_bytes;
use crate::secret::{SecretBytes, SecretText};

/// What is answered when it went well.
pub enum Answer {
    /// To CreateKeypair. With a private half only where the service made it, and the caller is to have it.
    Made(Keypair),
    /// To ListKeypairs.
    Listed(Vec<Keypair>, PageInfo),
    /// To ListKeypairDetail.
    Detail(Keypair),
    /// To UpdateKeypairDescription, ClearPrivateKey and those that forget failed tasks.
    Done,
    /// To DeleteKeypair.
    Deleted,
    /// To ImportPrivateKey.
    Taken {
        /// The pair.
        name: String,
        /// To whom it belongs, where the request said so.
        user_id: Option<String>,
    },
    /// To ExportPrivateKey: the pair and its private half.
    Exported(String, SecretText),
    /// To BatchImportKeypair: what was made or registered, and what was not.
    Imported(Vec<Keypair>, Vec<Failed>),
    /// To BatchExportPrivateKey: pairs and their private halves.
    Zip(Vec<(String, SecretText)>),
    /// To AssociateKeypair.
    Associated(Started),
    /// To BatchAssociateKeypair.
    AllAssociated(Vec<Started>),
    /// To DisassociateKeypair.
    Disassociated(Started),
    /// To ListKeypairTask.
    Task(Task),
    /// To ListRunningTask and ListFailedTask.
    Tasks(Tasks),
    /// To KeystoneListProjects.
    Projects(Vec<Project>),
}

impl Answer {
    /// The whole answer.
    pub fn render(self, request_id: &str) -> Response {
        let answer = match self {
            Self::Made(pair) => around(MadeWritten::of(&pair), pair.room()),
            Self::Listed(pairs, page_info) => {
                let keypairs = pairs.iter().map(|pair| Enclosed { keypair: ListedWritten::of(pair) }).collect();
                ok(&ListWritten { keypairs, page_info }, 0)
            }
            Self::Detail(pair) => around(DetailWritten::of(&pair), 0),
            Self::Done => rendered(StatusCode::OK, None, SecretBytes::new(Vec::new())),
            Self::Deleted => rendered(StatusCode::NO_CONTENT, None, SecretBytes::new(Vec::new())),
            Self::Taken { name, user_id } => {
                around(NamedWritten { name: &name, user_id: user_id.as_deref(), private_key: None }, 0)
            }
            Self::Exported(name, key) => {
                around(NamedWritten { name: &name, user_id: None, private_key: Some(key.expose()) }, key.expose().len())
            }
            Self::Imported(made, failed_keypairs) => {
                let succeeded_keypairs = made.iter().map(|pair| Enclosed { keypair: MadeWritten::of(pair) }).collect();
                let room = made.iter().map(Keypair::room).sum();
                ok(&BatchWritten { succeeded_keypairs, failed_keypairs }, room)
            }
            Self::Zip(halves) => rendered(StatusCode::OK, Some(BINARY), zip::write(&halves)),
            Self::Associated(task) => ok(&task, 0),
            Self::AllAssociated(tasks) => ok(&json!({ "tasks": tasks }), 0),
            Self::Disassociated(task) => rendered(StatusCode::ACCEPTED, Some(JSON), to_bytes(&task, 0)),
            Self::Task(task) => ok(&task, 0),
            Self::Tasks(tasks) => ok(&tasks, 0),
            Self::Projects(projects) => ok(&json!({ "projects": projects }), 0),
        };
        with_id(answer, request_id)
    }
}

impl Flaw {
    /// The whole answer.
    pub fn render(&self, request_id: &str) -> Response {
        let body = json!({ "error_code": self.code.as_str(), "error_msg": self.message });
        with_id(rendered(self.status, Some(JSON), to_bytes(&body, 0)), request_id)
    }
}

fn around(keypair: impl Serialize, room: usize) -> Response {
    ok(&Enclosed { keypair }, room)
}

fn ok(body: &impl Serialize, room: usize) -> Response {
    rendered(StatusCode::OK, Some(JSON), to_bytes(body, room))
}

fn rendered(status: StatusCode, content_type: Option<&'static str>, body: SecretBytes) -> Response {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}

fn with_id(mut answer: Response, request_id: &str) -> Response {
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(REQUEST_ID, request_id);
    }
    answer
}

impl Keypair {
    /// The bytes of its keys.
    fn room(&self) -> usize {
        self.public_key.len() + self.private_key.as_ref().map_or(0, |key| key.expose().len())
    }
}

/// As CreateKeypair tells it.
#[derive(Serialize)]
struct MadeWritten<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    public_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a str>,
    fingerprint: &'a str,
    user_id: &'a str,
}

impl<'a> MadeWritten<'a> {
    fn of(pair: &'a Keypair) -> Self {
        Self {
            name: &pair.name,
            kind: SSH,
            public_key: &pair.public_key,
            private_key: pair.private_key.as_ref().map(SecretText::expose),
            fingerprint: &pair.fingerprint,
            user_id: &pair.user_id,
        }
    }
}

#[derive(Serialize)]
struct BatchWritten<'a> {
    succeeded_keypairs: Vec<Enclosed<MadeWritten<'a>>>,
    failed_keypairs: Vec<Failed>,
}

/// As ListKeypairs tells it. The state is a text here and a number in a detail: so it is in the SDKs' types.
#[derive(Serialize)]
struct ListedWritten<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    scope: &'a str,
    public_key: &'a str,
    fingerprint: &'a str,
    is_key_protection: bool,
    frozen_state: &'static str,
}

impl<'a> ListedWritten<'a> {
    fn of(pair: &'a Keypair) -> Self {
        Self {
            name: &pair.name,
            kind: SSH,
            scope: &pair.scope,
            public_key: &pair.public_key,
            fingerprint: &pair.fingerprint,
            is_key_protection: pair.is_key_protection,
            frozen_state: "0",
        }
    }
}

#[derive(Serialize)]
struct ListWritten<'a> {
    keypairs: Vec<Enclosed<ListedWritten<'a>>>,
    page_info: PageInfo,
}

/// As ListKeypairDetail tells it.
#[derive(Serialize)]
struct DetailWritten<'a> {
    name: &'a str,
    id: i64,
    #[serde(rename = "type")]
    kind: &'static str,
    scope: &'a str,
    public_key: &'a str,
    fingerprint: &'a str,
    is_key_protection: bool,
    deleted: bool,
    description: &'a str,
    user_id: &'a str,
    create_time: Millis,
    delete_time: Option<Millis>,
    update_time: Option<Millis>,
    frozen_state: u8,
    key_id: Option<&'a str>,
    algorithm: &'a str,
}

impl<'a> DetailWritten<'a> {
    fn of(pair: &'a Keypair) -> Self {
        Self {
            name: &pair.name,
            id: pair.id,
            kind: SSH,
            scope: &pair.scope,
            public_key: &pair.public_key,
            fingerprint: &pair.fingerprint,
            is_key_protection: pair.is_key_protection,
            deleted: pair.deleted,
            description: &pair.description,
            user_id: &pair.user_id,
            create_time: pair.create_time,
            delete_time: None,
            update_time: Some(pair.update_time).filter(|time| *time != 0),
            frozen_state: 0,
            key_id: Some(pair.key_id.as_str()).filter(|id| !id.is_empty()),
            algorithm: &pair.algorithm,
        }
    }
}

/// As ImportPrivateKey and ExportPrivateKey tell it.
#[derive(Serialize)]
struct NamedWritten<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a str>,
}

/// The type of every pair here; the cloud's other one, x509, is for Windows.
const SSH: &str = "ssh";
const JSON: &str = "application/json";
/// The page of BatchExportPrivateKey does not say more.
const BINARY: &str = "application/octet-stream";
