//! Answers: `{"Response":{...,"RequestId":"..."}}` with status 200, whether it went well or not.
//!
//! The content type is exactly `application/json`: the SDK for Python takes an error under any other for a success. A
//! private half, which only CreateKeyPair answers, is read into a text that is wiped without a copy on the way.

use http::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::call::Tag;
use super::code::Flaw;
use crate::clock::Millis;
use crate::dialect::Response;
use crate::dialect::json::{number, or_empty, secret};
use crate::secret::{SecretBytes, SecretText};

/// A pair as the cloud tells it. What an answer does not hold, or holds as `null`, is empty.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct KeyPair {
    /// Such as `skey-4e5ty7i8`.
    #[serde(deserialize_with = "or_empty")]
    pub key_id: String,
    /// Its name.
    #[serde(deserialize_with = "or_empty")]
    pub key_name: String,
    /// Its project at the cloud; 0 is the default one.
    #[serde(deserialize_with = "number")]
    pub project_id: i64,
    /// Its description.
    #[serde(deserialize_with = "or_empty")]
    pub description: String,
    /// An OpenSSH line, with a comment of the cloud's choice.
    #[serde(deserialize_with = "or_empty")]
    pub public_key: String,
    /// PEM; only in the answer of CreateKeyPair.
    #[serde(deserialize_with = "secret")]
    pub private_key: Option<SecretText>,
    /// The instances that it is on.
    #[serde(deserialize_with = "or_empty")]
    pub associated_instance_ids: Vec<String>,
    /// In UTC, as [`created_time`] writes it.
    #[serde(deserialize_with = "or_empty")]
    pub created_time: String,
    /// Its tags.
    #[serde(deserialize_with = "or_empty")]
    pub tags: Vec<Tag>,
}

/// `YYYY-MM-DDThh:mm:ssZ`; empty for a time that no calendar has.
pub fn created_time(time: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(time).ok();
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// What CreateKeyPair answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Made {
    /// The pair, with its private half.
    pub key_pair: KeyPair,
}

/// What ImportKeyPair answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Imported {
    /// The id of the new pair.
    pub key_id: String,
}

/// What DescribeKeyPairs answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    /// How many pairs fit, on all pages.
    #[serde(deserialize_with = "number")]
    pub total_count: i64,
    /// Those of this page.
    #[serde(deserialize_with = "or_empty")]
    pub key_pair_set: Vec<KeyPair>,
}

/// What the other actions answer.
#[derive(Deserialize)]
pub struct Nothing {}

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
    /// It is not an answer of this API to that action.
    Unreadable,
}

/// Reads an answer: what it holds, and the cloud's id of the request.
pub fn parse<'a, T: Deserialize<'a>>(answer: &'a Response) -> Result<(T, String), Failure> {
    let body = answer.body().expose();
    // Twice, so that neither the head nor what the action answers is ever copied into something that is not wiped.
    let head: Enveloped<Head> = serde_json::from_slice(body).map_err(|_| Failure::Unreadable)?;
    let Head { error, request_id } = head.response;
    match error {
        Some(Told { code, message }) => Err(Failure::Refused { code, message, request_id }),
        None => match serde_json::from_slice::<Enveloped<T>>(body) {
            Ok(answer) => Ok((answer.response, request_id)),
            Err(_) => Err(Failure::Unreadable),
        },
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Enveloped<T> {
    response: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Head {
    error: Option<Told>,
    #[serde(deserialize_with = "or_empty")]
    request_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    code: String,
    #[serde(default, deserialize_with = "or_empty")]
    message: String,
}

/// What is answered when it went well.
pub enum Answer {
    /// To CreateKeyPair.
    KeyPair(KeyPair),
    /// To ImportKeyPair: the new pair's id.
    KeyId(String),
    /// To DescribeKeyPairs.
    KeyPairs {
        /// How many fit, on all pages.
        total: u64,
        /// Those of this page.
        page: Vec<KeyPair>,
    },
    /// To the others.
    Nothing,
}

impl Answer {
    /// The whole answer.
    pub fn render(&self, request_id: &str) -> Response {
        let mut body = Body { request_id, ..Body::default() };
        match self {
            Self::KeyPair(pair) => body.key_pair = Some(Shown::of(pair)),
            Self::KeyId(id) => body.key_id = Some(id),
            Self::KeyPairs { total, page } => {
                body.total_count = Some(*total);
                body.key_pair_set = Some(page.iter().map(Shown::of).collect());
            }
            Self::Nothing => {}
        }
        rendered(body)
    }
}

impl Flaw {
    /// The whole answer.
    pub fn render(&self, request_id: &str) -> Response {
        let error = Told { code: self.code.as_str().to_owned(), message: self.message.clone() };
        rendered(Body { error: Some(error), request_id, ..Body::default() })
    }
}

fn rendered(response: Body<'_>) -> Response {
    // Large enough for an answer with a private half: a buffer that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
    // Writing texts and numbers to memory does not fail; if it did, the answer would be short, and refused by its reader.
    let _ = serde_json::to_writer(&mut *body, &Enveloped { response });
    let mut answer = Response::new(SecretBytes::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pair: Option<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pair_set: Option<Vec<Shown<'a>>>,
    request_id: &'a str,
}

/// A [`KeyPair`] on its way out. The private half leaves only here.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    key_id: &'a str,
    key_name: &'a str,
    project_id: i64,
    description: &'a str,
    public_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a str>,
    associated_instance_ids: &'a [String],
    created_time: &'a str,
    tags: &'a [Tag],
}

impl<'a> Shown<'a> {
    fn of(pair: &'a KeyPair) -> Self {
        Self {
            key_id: &pair.key_id,
            key_name: &pair.key_name,
            project_id: pair.project_id,
            description: &pair.description,
            public_key: &pair.public_key,
            private_key: pair.private_key.as_ref().map(SecretText::expose),
            associated_instance_ids: &pair.associated_instance_ids,
            created_time: &pair.created_time,
            tags: &pair.tags,
        }
    }
}
