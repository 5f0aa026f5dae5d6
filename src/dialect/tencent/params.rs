//! Parameters: read from a JSON body, or from a query or form that has them flattened (`Filters.0.Values.1=...`).
//!
//! Both become one tree of JSON, in which a form has texts where JSON has numbers; [`Fields`] takes values out of it by
//! name, and what was not taken in the end is unknown. What is wrong names the parameter, never its value. What decides
//! where the parameters are is what decides where the signature is: nothing is read that was not signed.

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::VERSION;
use super::action::Action;
use super::code::{Code, Flaw};
use crate::dialect::{Request, decode_form, header};

/// The names and values of the query of a GET or the form of a POST, decoded; `None` when it is neither.
pub(super) fn form(request: &Request) -> Option<Vec<(String, String)>> {
    let raw = match *request.method() {
        Method::GET => request.uri().query().unwrap_or_default(),
        Method::POST if has_type(request, FORM) => std::str::from_utf8(request.body().expose()).ok()?,
        _ => return None,
    };
    Some(decode_form(raw))
}

fn has_type(request: &Request, wanted: &str) -> bool {
    let told = header(request.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    told.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// The action of a request, in the one version that there is, and its parameters.
pub(super) fn read(request: &Request) -> Result<(Action, Fields), Flaw> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Code::UnsupportedProtocol.into());
    }
    let mut fields = Fields::of(request)?;
    // Where `Authorization` is missing the signature is one of the parameters, and action and version are others.
    let is_legacy = !request.headers().contains_key(AUTHORIZATION) && fields.map.contains_key("Signature");
    let (action, version) = match is_legacy {
        true => (fields.text("Action")?, fields.text("Version")?),
        false => (said(request, "x-tc-action"), said(request, "x-tc-version")),
    };
    if is_legacy {
        COMMON.iter().for_each(|name| drop(fields.map.remove(*name)));
    }
    match version.as_deref() {
        Some(VERSION) => {}
        Some(_) => return Err(Code::NoSuchVersion.into()),
        None => return Err(missing("Version")),
    }
    let action = action.ok_or_else(|| missing("Action"))?;
    Ok((Action::of(&action).ok_or(Code::InvalidAction)?, fields))
}

fn said(request: &Request, name: &str) -> Option<String> {
    header(request.headers(), name).map(str::to_owned)
}

/// The parameters of one level, by name.
pub(super) struct Fields {
    map: Map<String, Value>,
    /// Where they stand, such as `Filters.0.`; empty at the top.
    path: String,
}

impl Fields {
    fn of(request: &Request) -> Result<Self, Flaw> {
        let map = match form(request) {
            Some(params) => nested(params)?,
            None if has_type(request, FORM) => return Err(unreadable("the form is not UTF-8")),
            None if header(request.headers(), CONTENT_TYPE.as_str()).is_some() && !has_type(request, JSON) => {
                return Err(unreadable("the Content-Type must be application/json"));
            }
            None => match request.body().expose() {
                [] => Map::new(),
                body => serde_json::from_slice(body).map_err(|_| unreadable("the body is not a JSON object"))?,
            },
        };
        Ok(Self { map, path: String::new() })
    }

    /// A value that is there; `null` is not.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    fn at(&self, name: &str) -> String {
        [&self.path, name].concat()
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Flaw> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(mistyped(&self.at(name))),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, name: &str) -> Result<String, Flaw> {
        self.text(name)?.ok_or_else(|| missing(&self.at(name)))
    }

    /// A whole number, also as text: forms have nothing else, and a page of the cloud shows `"0"` in JSON.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<i64>, Flaw> {
        let number = match self.take(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => return Err(mistyped(&self.at(name))),
        };
        let unfit = || Flaw::value(&format!("`{}` must be a whole number.", self.at(name)));
        number.map(Some).ok_or_else(unfit)
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Flaw> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            // The SDK for Python writes True and False into forms.
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(mistyped(&self.at(name))),
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Flaw> {
        let (items, path) = (self.list(name)?, self.at(name));
        let text = |(place, value)| match value {
            Value::String(text) => Ok(text),
            _ => Err(mistyped(&format!("{path}.{place}"))),
        };
        items.into_iter().enumerate().map(text).collect()
    }

    /// The items of a list, each a level of its own.
    pub(super) fn levels(&mut self, name: &str) -> Result<Vec<Self>, Flaw> {
        let (items, path) = (self.list(name)?, self.at(name));
        let level = |(place, value)| match value {
            Value::Object(map) => Ok(Self { map, path: format!("{path}.{place}.") }),
            _ => Err(mistyped(&format!("{path}.{place}"))),
        };
        items.into_iter().enumerate().map(level).collect()
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, Flaw> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(mistyped(&self.at(name))),
        }
    }

    /// Everything was taken.
    pub(super) fn done(self) -> Result<(), Flaw> {
        let Some(name) = self.map.keys().next() else { return Ok(()) };
        // A long name that is none is not told back: it may be anything.
        let shown = if name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric()) { name } else { "..." };
        Err(Flaw::new(Code::UnknownParameter, format!("The parameter `{}{shown}` is not known.", self.path)))
    }
}

/// Makes a tree of flattened names: `a.0.b` is the member `b` of the first item of `a`.
fn nested(params: Vec<(String, String)>) -> Result<Map<String, Value>, Flaw> {
    let mut root = Map::new();
    for (name, value) in params {
        let parts: Vec<&str> = name.split('.').collect();
        let Some((last, above)) = parts.split_last().filter(|(_, above)| above.len() < DEPTH) else {
            return Err(unreadable("a parameter's name has too many parts"));
        };
        let mut level = &mut root;
        for part in above {
            let below = level.entry(*part).or_insert_with(|| Value::Object(Map::new()));
            level = below.as_object_mut().ok_or_else(clash)?;
        }
        if level.insert((*last).to_owned(), Value::String(value)).is_some() {
            return Err(clash());
        }
    }
    Ok(root.into_iter().map(|(name, value)| (name, listed(value))).collect())
}

/// Members that all have numbers for names are a list, in the order of the numbers. No deeper than [`DEPTH`].
fn listed(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let numbers: Option<Vec<u32>> = map.keys().map(|name| name.parse().ok()).collect();
    let items = map.into_iter().map(|(name, value)| (name, listed(value)));
    let Some(numbers) = numbers else { return Value::Object(items.collect()) };
    let mut items: Vec<(u32, Value)> = numbers.into_iter().zip(items.map(|(_, value)| value)).collect();
    items.sort_by_key(|(number, _)| *number);
    Value::Array(items.into_iter().map(|(_, value)| value).collect())
}

pub(super) fn missing(name: &str) -> Flaw {
    Flaw::new(Code::MissingParameter, format!("Missing parameter: `{name}`."))
}

fn mistyped(name: &str) -> Flaw {
    Flaw::new(Code::InvalidParameter, format!("The type of the parameter `{name}` is not valid."))
}

fn clash() -> Flaw {
    unreadable("a parameter is there twice")
}

fn unreadable(what: &str) -> Flaw {
    Flaw::new(Code::InvalidParameter, format!("The request cannot be read: {what}."))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// The parameters beside those of the action, where they are not headers.
const COMMON: [&str; 11] = [
    "Action",
    "Language",
    "Nonce",
    "Region",
    "RequestClient",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Timestamp",
    "Token",
    "Version",
];
/// The deepest parameter is `TagSpecification.0.Tags.0.Key`.
const DEPTH: usize = 8;
