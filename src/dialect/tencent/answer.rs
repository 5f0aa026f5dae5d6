//! Answers: `{"Response":{...,"RequestId":"..."}}` with status 200, whether it went well or not.
//!
//! The content type is exactly `application/json`: the SDK for Python takes an error under any other for a success. A
//! private half, which only CreateKeyPair answers, is read into a text that is wiped without a copy on the way.

use std::fmt;

use http::header::{CONTENT_TYPE, HeaderValue};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::call::Tag;
use super::code::Flaw;
use crate::clock::Millis;
use crate::dialect::Response;
use crate::dialect::json::{read_secret, to_bytes, write_secret};
use crate::secret::SecretText;

/// A pair as the cloud tells it. What an answer does not hold, or holds as `null`, is empty.
#[derive(Default, Serialize, Deserialize)]
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
    #[serde(
        deserialize_with = "read_secret",
        serialize_with = "write_secret",
        skip_serializing_if = "Option::is_none"
    )]
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
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
            Self::KeyPair(pair) => body.key_pair = Some(pair),
            Self::KeyId(id) => body.key_id = Some(id),
            Self::KeyPairs { total, page } => {
                body.total_count = Some(*total);
                body.key_pair_set = Some(page);
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
    let private = response.key_pair.and_then(|pair| pair.private_key.as_ref());
    let room = private.map_or(0, |private| private.expose().len());
    let mut answer = Response::new(to_bytes(&Enveloped { response }, room));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pair: Option<&'a KeyPair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pair_set: Option<&'a [KeyPair]>,
    request_id: &'a str,
}

/// `null` is nothing.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A whole number, also as text; `null` is 0.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    from.deserialize_any(Number)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom("too large"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        text.parse().map_err(|_| E::custom("no whole number"))
    }

    fn visit_unit<E>(self) -> Result<i64, E> {
        Ok(0)
    }
}
