//! Baidu's operations and answers as bytes, both ways.
//!
//! Requests are read in every form that the pages and the SDKs give them: `?import`, `?import=` and `?action=import`, with
//! PUT and with POST; `?create` or none; `?delete` or none, with a body or without; `description: null`; the id once more
//! in the body; any `Content-Type`. Answers are read leniently, and written with all fields.

use std::collections::HashMap;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::Code;
use crate::dialect::json::{Flaw, read, read_secret, to_bytes, write_secret};
use crate::dialect::{Request, Response, decode_form, encode, header};
use crate::secret::{SecretBytes, SecretText};

/// One operation.
pub enum Call {
    /// Has Baidu make a pair.
    Create(New),
    /// Registers a public key.
    Import(New, SecretText), // text of a caller: it may turn out to be a private key
    /// Lists pairs.
    List {
        /// The id of the first pair wanted; none: from the beginning.
        marker: Option<String>,
        /// How many at most, 1 to 1000; none: 1000.
        max_keys: Option<u32>,
        /// Only those of exactly this name.
        name: Option<String>,
    },
    /// Tells one pair.
    Get(String),
    /// Puts a pair on instances.
    Attach(String, Vec<String>),
    /// Takes a pair off instances.
    Detach(String, Vec<String>),
    /// Changes the name.
    Rename(String, String),
    /// Changes the description; an empty one takes it away.
    Describe(String, String),
    /// Takes a pair away.
    Delete(String),
}

/// What a pair is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct New {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The Go SDK's `clientToken`: the same one means the same request.
    pub client_token: Option<String>,
}

impl Call {
    /// The request, unsigned; its URI has path and query only. Refused when a value is so long that a URI cannot hold it.
    pub fn request(&self) -> Result<Request, Code> {
        let (method, target) = self.target();
        let body = self.body();
        let room = body.public_key.as_ref().map_or(0, |key| key.expose().len());
        let is_empty = body.is_empty();
        let body = if is_empty { SecretBytes::new(Vec::new()) } else { to_bytes(&body, room) };
        let mut request =
            http::Request::builder().method(method).uri(target).body(body).map_err(|_| Code::InvalidUri)?;
        if !is_empty {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
        }
        Ok(request)
    }

    fn target(&self) -> (Method, String) {
        let one = |id: &str, action: &str| format!("{COLLECTION}/{}{action}", encode(id, false));
        match self {
            Self::Create(new) => (Method::POST, all("", &[("clientToken", &new.client_token)])),
            Self::Import(new, _) => (Method::PUT, all("import", &[("clientToken", &new.client_token)])),
            Self::List { marker, max_keys, name } => {
                let max_keys = max_keys.map(|max| max.to_string());
                let parameters = [("marker", marker), ("maxKeys", &max_keys), ("name", name)];
                (Method::GET, all("", &parameters))
            }
            Self::Get(id) => (Method::GET, one(id, "")),
            Self::Attach(id, _) => (Method::PUT, one(id, "?attach")),
            Self::Detach(id, _) => (Method::PUT, one(id, "?detach")),
            Self::Rename(id, _) => (Method::PUT, one(id, "?rename")),
            Self::Describe(id, _) => (Method::PUT, one(id, "?updateDesc")),
            Self::Delete(id) => (Method::DELETE, one(id, "")),
        }
    }

    fn body(&self) -> Body {
        let made = |new: &New| Body {
            name: Some(new.name.clone()),
            description: Some(new.description.clone()).filter(|text| !text.is_empty()),
            ..Body::default()
        };
        match self {
            Self::Create(new) => made(new),
            Self::Import(new, key) => Body { public_key: Some(SecretText::new(key.expose().to_owned())), ..made(new) },
            Self::Attach(_, ids) | Self::Detach(_, ids) => Body { instance_ids: Some(ids.clone()), ..Body::default() },
            Self::Rename(_, name) => Body { name: Some(name.clone()), ..Body::default() },
            Self::Describe(_, text) => Body { description: Some(text.clone()), ..Body::default() },
            Self::List { .. } | Self::Get(_) | Self::Delete(_) => Body::default(),
        }
    }

    /// Reads a request, as it came or as [`Call::request`] made it. Only its form is checked: a name may be empty or too
    /// long.
    pub fn read(request: &Request) -> Result<Self, Code> {
        let id = path(request.uri().path())?;
        let query = decode_form(request.uri().query().unwrap_or_default());
        let action = action(&query)?;
        match id {
            None => Self::read_about_all(request, action, &query),
            Some(id) => Self::read_about_one(request, action, id),
        }
    }

    fn read_about_all(request: &Request, action: Option<&str>, query: &[(String, String)]) -> Result<Self, Code> {
        let parameter = |name: &str| query.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.clone());
        match (request.method().as_str(), action) {
            ("GET", None) => {
                let max_keys = parameter("maxKeys").map(|text| max_keys(&text)).transpose()?;
                Ok(Self::List { marker: parameter("marker"), max_keys, name: parameter("name") })
            }
            ("POST", None | Some("create")) => Ok(Self::Create(Body::read(request)?.made(parameter("clientToken"))?)),
            ("POST" | "PUT", Some("import")) => {
                let mut body = Body::read(request)?;
                let key = body.public_key.take().ok_or(Code::PublicKeyFormatInvalid)?;
                Ok(Self::Import(body.made(parameter("clientToken"))?, key))
            }
            _ => Err(Code::InvalidUri),
        }
    }

    fn read_about_one(request: &Request, action: Option<&str>, id: String) -> Result<Self, Code> {
        match (request.method().as_str(), action) {
            ("GET", None) => Ok(Self::Get(id)),
            ("DELETE", None | Some("delete")) if request.body().expose().is_empty() => Ok(Self::Delete(id)),
            ("DELETE", None | Some("delete")) => Body::read(request)?.about(&id).map(|_| Self::Delete(id)),
            ("PUT", Some(action)) => Self::change(action, Body::read(request)?.about(&id)?, id),
            _ => Err(Code::InvalidUri),
        }
    }

    fn change(action: &str, body: Body, id: String) -> Result<Self, Code> {
        match action {
            "attach" => Ok(Self::Attach(id, body.instance_ids.ok_or(Code::InappropriateJson)?)),
            "detach" => Ok(Self::Detach(id, body.instance_ids.ok_or(Code::InappropriateJson)?)),
            "rename" => Ok(Self::Rename(id, body.name.ok_or(Code::KeypairNameInvalid)?)),
            "updateDesc" => Ok(Self::Describe(id, body.description.unwrap_or_default())),
            _ => Err(Code::InvalidUri),
        }
    }
}

/// The collection with `?ACTION&NAME=VALUE`, or without.
fn all(action: &str, parameters: &[(&str, &Option<String>)]) -> String {
    let told =
        parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(value.as_deref()?, false))));
    let parts: Vec<String> = (!action.is_empty()).then(|| action.to_owned()).into_iter().chain(told).collect();
    if parts.is_empty() { COLLECTION.to_owned() } else { [COLLECTION, "?", &parts.join("&")].concat() }
}

/// The id of a path, or none when it is the collection's.
fn path(path: &str) -> Result<Option<String>, Code> {
    let mut segments = path.strip_prefix("/v").ok_or(Code::InvalidUri)?.split('/');
    let version = segments.next().unwrap_or_default();
    if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Code::InvalidUri);
    }
    if version != "2" {
        return Err(Code::InvalidVersion);
    }
    match (segments.next(), segments.next(), segments.next()) {
        (Some("keypair"), None, _) => Ok(None),
        (Some("keypair"), Some(id), None) if !id.is_empty() => {
            let id = percent_decode_str(id).decode_utf8().map_err(|_| Code::InvalidUri)?;
            Ok(Some(id.into_owned()))
        }
        _ => Err(Code::InvalidUri),
    }
}

/// The one action that a query names, as a key or as the value of `action`.
fn action(query: &[(String, String)]) -> Result<Option<&'static str>, Code> {
    let mut found = None;
    for (name, value) in query {
        let word = if name == "action" { value } else { name };
        match ACTIONS.into_iter().find(|action| action == word) {
            None if name == "action" => return Err(Code::InvalidUri),
            Some(action) if found.is_some_and(|other| other != action) => return Err(Code::InvalidUri),
            Some(action) => found = Some(action),
            None => {}
        }
    }
    Ok(found)
}

/// The page says 1000 is the most; more is taken for that.
fn max_keys(text: &str) -> Result<u32, Code> {
    let max: u32 = text.parse().map_err(|_| Code::InvalidHttpRequest)?;
    if max == 0 { Err(Code::InvalidHttpRequest) } else { Ok(max.min(1000)) }
}

/// The body of any request: each operation has some of these.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, deserialize_with = "read_secret")]
    #[serde(serialize_with = "write_secret", skip_serializing_if = "Option::is_none")]
    public_key: Option<SecretText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_ids: Option<Vec<String>>,
    /// The Go SDK tells the id once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    keypair_id: Option<String>,
}

impl Body {
    fn read(request: &Request) -> Result<Self, Code> {
        read(request.body().expose()).map_err(|flaw| match flaw {
            Flaw::Syntax => Code::MalformedJson,
            Flaw::Shape => Code::InappropriateJson,
        })
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self { name: None, description: None, public_key: None, instance_ids: None, keypair_id: None })
    }

    /// A body may tell the id once more, but no other.
    fn about(self, id: &str) -> Result<Self, Code> {
        if self.keypair_id.as_ref().is_some_and(|told| told != id) { Err(Code::InappropriateJson) } else { Ok(self) }
    }

    /// What a pair is to be made with.
    fn made(self, client_token: Option<String>) -> Result<New, Code> {
        let name = self.name.ok_or(Code::KeypairNameInvalid)?;
        Ok(New { name, description: self.description.unwrap_or_default(), client_token })
    }
}

/// A pair as Baidu tells it (its KeypairModel).
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Keypair {
    /// Its id.
    #[serde(deserialize_with = "or_default")]
    pub keypair_id: String,
    /// Its name.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Its description.
    #[serde(deserialize_with = "or_default")]
    pub description: String,
    /// Its public half, as a line of OpenSSH.
    #[serde(deserialize_with = "or_default")]
    pub public_key: String,
    /// The region.
    #[serde(deserialize_with = "or_default")]
    pub region_id: String,
    /// The fingerprint; in which form no page says.
    #[serde(deserialize_with = "or_default")]
    pub finger_print: String,
    /// On how many instances it is.
    pub instance_count: Option<u32>,
    /// When it was made: as some pages spell it.
    #[serde(deserialize_with = "or_default")]
    pub create_time: String,
    /// When it was made: as the others and the Go SDK spell it.
    #[serde(deserialize_with = "or_default")]
    pub created_time: String,
    /// Its private half: in the answer to create, and nowhere else.
    #[serde(deserialize_with = "read_secret")]
    #[serde(serialize_with = "write_secret", skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretText>,
}

/// A page of pairs.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The id of its first pair.
    #[serde(default, deserialize_with = "or_default")]
    pub marker: String,
    /// More follow.
    #[serde(default, deserialize_with = "or_default")]
    pub is_truncated: bool,
    /// The id of the first pair of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// How many were wanted at most.
    #[serde(default, deserialize_with = "or_default")]
    pub max_keys: u32,
    /// The pairs.
    pub keypairs: Vec<Keypair>,
}

/// An error as Baidu tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wrong {
    /// The code.
    pub code: String,
    /// Its words.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    /// The id of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub request_id: String,
}

#[derive(Serialize, Deserialize)]
struct One<K> {
    keypair: K,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// The pair of an answer to create, import or get.
pub fn keypair(answer: &Response) -> Option<Keypair> {
    read::<One<Keypair>>(answer.body().expose()).ok().map(|one| one.keypair)
}

/// The page of an answer to list.
pub fn page(answer: &Response) -> Option<Page> {
    read(answer.body().expose()).ok()
}

/// Whether this is an answer to rename, updateDesc or delete: no body, or one of JSON that tells no error.
pub fn is_nothing(answer: &Response) -> bool {
    let body = answer.body().expose().trim_ascii();
    let is_json = || read::<HashMap<String, IgnoredAny>>(body).is_ok();
    body.is_empty() || is_json() && wrong(answer).is_none()
}

/// What an answer says that went wrong; `None` when it does not say so in Baidu's way.
pub fn wrong(answer: &Response) -> Option<Wrong> {
    read(answer.body().expose()).ok().filter(|wrong: &Wrong| !wrong.code.is_empty())
}

/// The id of the request, as the answer's header tells it; empty if it does not.
pub fn request_id(answer: &Response) -> &str {
    header(answer.headers(), REQUEST_ID.as_str()).unwrap_or_default()
}

/// The answer to create, import and get.
pub fn render(keypair: &Keypair, request_id: &str) -> Response {
    let room = keypair.private_key.as_ref().map_or(0, |key| key.expose().len()) + keypair.public_key.len();
    answer(StatusCode::OK, to_bytes(&One { keypair }, room), request_id)
}

/// The answer to list. No pair of it has a private half.
pub fn render_page(page: &Page, request_id: &str) -> Response {
    answer(StatusCode::OK, to_bytes(page, 0), request_id)
}

/// The answer to what has none: rename, updateDesc, delete.
pub fn nothing(request_id: &str) -> Response {
    answer(StatusCode::OK, SecretBytes::new(Vec::new()), request_id)
}

impl Code {
    /// The answer that says so, in Baidu's words or in others.
    pub fn render(self, message: Option<&str>, request_id: &str) -> Response {
        let message = message.unwrap_or(self.message()).to_owned();
        let wrong = Wrong { code: self.text().to_owned(), message, request_id: request_id.to_owned() };
        answer(self.status(), to_bytes(&wrong, 0), request_id)
    }
}

fn answer(status: StatusCode, body: SecretBytes, request_id: &str) -> Response {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

const COLLECTION: &str = "/v2/keypair";
const ACTIONS: [&str; 7] = ["create", "import", "attach", "detach", "rename", "updateDesc", "delete"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-bce-request-id");
