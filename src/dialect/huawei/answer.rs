//! Answers as they are read: JSON where there is anything to say, and the status says whether it went well.
//!
//! Errors are flat, `{"error_code", "error_msg"}`; the gateway and IAM have their own forms, which are read as the SDKs
//! read them. The id of the request is in `X-Request-Id`. A private half is read into a text that is wiped, without a
//! copy on the way.

use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Millis;
use crate::dialect::json::{read, read_secret};
use crate::dialect::{Response, header};
use crate::secret::SecretText;

/// A pair as the cloud tells it: which fields an answer holds depends on the operation. What it does not hold, or holds
/// as `null`, is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Keypair {
    /// Its name, which is what identifies it.
    #[serde(deserialize_with = "or_empty")]
    pub name: String,
    /// A number that nothing takes.
    #[serde(deserialize_with = "number")]
    pub id: i64,
    /// `user` or `domain`.
    #[serde(deserialize_with = "or_empty")]
    pub scope: String,
    /// An OpenSSH line, with a comment of the cloud's choice, and sometimes a line end.
    #[serde(deserialize_with = "or_empty")]
    pub public_key: String,
    /// PEM; where the cloud made the pair, or was asked for it.
    #[serde(deserialize_with = "read_secret")]
    pub private_key: Option<SecretText>,
    /// MD5 of the key's blob, as 16 hex pairs joined by `:`.
    #[serde(deserialize_with = "or_empty")]
    pub fingerprint: String,
    /// The cloud keeps the private half.
    #[serde(deserialize_with = "or_empty")]
    pub is_key_protection: bool,
    /// It is on its way out.
    #[serde(deserialize_with = "or_empty")]
    pub deleted: bool,
    /// Its description.
    #[serde(deserialize_with = "or_empty")]
    pub description: String,
    /// To whom it belongs.
    #[serde(deserialize_with = "or_empty")]
    pub user_id: String,
    /// When it was made. The pages speak of seconds, and show milliseconds.
    #[serde(deserialize_with = "number")]
    pub create_time: Millis,
    /// When it was changed; 0: never.
    #[serde(deserialize_with = "number")]
    pub update_time: Millis,
    /// What it is kept under, where that is a key of KMS; empty: it is not.
    #[serde(deserialize_with = "or_empty")]
    pub key_id: String,
    /// The type of the key, as its public line begins.
    #[serde(deserialize_with = "or_empty")]
    pub algorithm: String,
}

/// Something in `{"keypair": ...}`.
#[derive(Serialize, Deserialize)]
pub struct Enclosed<T> {
    /// It.
    pub keypair: T,
}

/// What ListKeypairs answers.
#[derive(Deserialize)]
pub struct Listed {
    /// The pairs of this page.
    #[serde(default, deserialize_with = "or_empty")]
    pub keypairs: Vec<Enclosed<Keypair>>,
    /// Where others are.
    #[serde(default)]
    pub page_info: Option<PageInfo>,
}

/// Where a page stands among others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageInfo {
    /// The marker of the next page; `None`: this was the last.
    pub next_marker: Option<String>,
    /// The marker of this page; `None`: this is the first.
    pub previous_marker: Option<String>,
    /// How many pairs the page holds.
    #[serde(deserialize_with = "number")]
    pub current_count: i64,
}

/// A pair of a batch that was not made, or not registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its name.
    pub keypair_name: String,
    /// Why.
    pub failed_reason: String,
}

/// A task that was begun, or could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Started {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// `SUCCESS` or `FAILED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why it could not be begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_msg: Option<String>,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub task_id: String,
    /// The instance.
    pub server_id: String,
    /// Such as `RUNNING_RESET`: READY, RUNNING, FAILED or SUCCESS; RESET, REPLACE or UNBIND.
    pub task_status: String,
}

/// Tasks that run, or failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// How many there are, on all pages.
    pub total: i64,
    /// Those of this page.
    pub tasks: Vec<FailedTask>,
}

/// A task that runs; one that failed has its error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedTask {
    /// Its id.
    pub task_id: Option<String>,
    /// Such as `RUNNING_RESET`.
    pub operate_type: Option<String>,
    /// Milliseconds since 1970, as a text.
    pub task_time: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_error_code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_error_msg: Option<String>,
    /// The instance's name.
    pub server_name: Option<String>,
    /// The instance.
    pub server_id: Option<String>,
    /// The pair.
    pub keypair_name: Option<String>,
}

/// A project of IAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id, as it stands in paths.
    pub id: String,
    /// The name of its region.
    pub name: String,
}

/// `null` is nothing.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A whole number, also as text. What is none is 0: nothing depends on these, and an answer must not be lost for one.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => 0,
    })
}

/// An answer that is not what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The cloud refused. All of it as it stands in the answer: foreign text.
    Refused {
        /// Its code.
        code: String,
        /// Its words.
        message: String,
        /// Its id of the request.
        request_id: String,
    },
    /// It is not an answer of this API to that operation.
    Unreadable,
}

/// What an answer that went well holds.
pub fn parse<'a, T: Deserialize<'a>>(answer: &'a Response) -> Result<T, Failure> {
    if !answer.status().is_success() {
        return Err(refused(answer));
    }
    read(answer.body().expose()).map_err(|_| Failure::Unreadable)
}

/// Reads the answer to an operation that answers nothing, or nothing that matters. An error counts under any status.
pub fn done(answer: &Response) -> Result<(), Failure> {
    if answer.body().expose().is_empty() && answer.status().is_success() {
        return Ok(());
    }
    match parse::<Head>(answer)? {
        Head { error_code: None, camel_error_code: None } => Ok(()),
        _ => Err(refused(answer)),
    }
}

/// What there may be in any answer. The rest is passed over without a copy: it may be a private half.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    error_code: Option<IgnoredAny>,
    #[serde(default, rename = "errorCode")]
    camel_error_code: Option<IgnoredAny>,
}

/// The cloud's id of the request; empty if it told none.
pub fn request_id(answer: &Response) -> &str {
    header(answer.headers(), REQUEST_ID).unwrap_or_default()
}

/// The SDKs look for a code and words under three pairs of names, in the answer and in each object in it.
fn refused(answer: &Response) -> Failure {
    let Ok(body) = read::<Map<String, Value>>(answer.body().expose()) else {
        return Failure::Unreadable;
    };
    let outer = told(&body);
    let found = outer.or_else(|| body.values().filter_map(Value::as_object).find_map(told));
    let Some((code, message)) = found else { return Failure::Unreadable };
    let request_id = match request_id(answer) {
        "" => text(&body, "request_id").unwrap_or_default(),
        request_id => request_id.to_owned(),
    };
    Failure::Refused { code, message, request_id }
}

fn told(object: &Map<String, Value>) -> Option<(String, String)> {
    let pairs = [("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message")];
    pairs.iter().find_map(|(code, message)| Some((text(object, code)?, text(object, message).unwrap_or_default())))
}

/// A text; IAM has its codes as numbers.
fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) const REQUEST_ID: &str = "x-request-id";
