//! What the adapters share: the account that one speaks for, where a request goes, and what is known after an answer.
//!
//! Promise: what a cloud says becomes printable and short before it goes anywhere, and no secret that we sent comes back
//! in it. An answer that nobody can read never counts as "gone" or "done". It knows no cloud's language.

use std::time::Duration;

use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::uri::{Authority, Scheme};
use http::{StatusCode, Uri};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{Fault, FaultKind};
use crate::dialect::{Credentials, Kind, Request, Response, encode, header};
use crate::outbound::Failure;
use crate::secret::SecretText;
use crate::sshkey::{KeyRules, PublicKey};

/// One account at one cloud, in one region.
pub struct Account {
    /// Where its requests go.
    pub endpoint: Endpoint,
    /// The region, in the cloud's words.
    pub region: String,
    /// What signs its requests.
    pub credentials: Credentials,
}

impl Account {
    /// The cloud said no: its own code, words and request id, cleaned.
    pub fn refused(&self, kind: FaultKind, said: &Said<'_>) -> Fault {
        let secrets = [Some(&self.credentials.secret_key), self.credentials.security_token.as_ref()];
        let message = clean(said.message, secrets.into_iter().flatten());
        let (code, request_id) = (short(said.code), short(said.request_id));
        Fault { kind, message, code, request_id, retry_after: said.retry_after }
    }
}

/// What a cloud said about a call that did not go well, as it stands in the answer. Empty where it said nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Its code.
    pub code: &'a str,
    /// Its words.
    pub message: &'a str,
    /// Its id of the request.
    pub request_id: &'a str,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// Where a cloud listens: scheme, host, port, and a path before all paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl Endpoint {
    /// Reads `https://HOST`, `http://HOST:PORT` or the like, with or without a path; a `/` at its end does not count. The
    /// host is made lower-case and a scheme's own port left out, because that is how it will stand in `Host`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.to_ascii_lowercase().parse().map_err(|_| "must be a URL, such as https://HOST")?;
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority()) else {
            return Err("must begin with https:// or http://");
        };
        let own_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err("must begin with https:// or http://"),
        };
        if authority.host().is_empty() || authority.as_str().contains('@') || uri.query().is_some() {
            return Err("must be a scheme, a host, a port and a path, and nothing else");
        }
        let authority = authority.as_str().strip_suffix(own_port).unwrap_or(authority.as_str());
        let authority = authority.parse().map_err(|_| "must name a host")?;
        // The path keeps its case: it is what stands after the authority in the text as it was given.
        let path = text.get(text.len() - uri.path().len()..).unwrap_or_default();
        let prefix = if uri.path() == "/" { "" } else { path.trim_end_matches('/') };
        Ok(Self { scheme, authority, prefix: prefix.to_owned() })
    }

    /// Addresses a request that has only path and query: its URI becomes absolute, and `Host` is set. To be done before
    /// it is signed.
    pub fn address(&self, request: &mut Request) -> Result<(), Fault> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let uri = format!("{}://{}{}{target}", self.scheme, self.authority, self.prefix);
        let host = HeaderValue::from_str(self.authority.as_str());
        let (Ok(uri), Ok(host)) = (uri.parse(), host) else { return Err(unsendable()) };
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, host);
        Ok(())
    }
}

/// A request that cannot be put into words of HTTP: a value is too long, or holds what no header can.
pub fn unsendable() -> Fault {
    Fault::refused(Kind::Malformed, "the request cannot be sent: a value is too long, or a credential is not ASCII")
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let kind = if failure.was_sent { FaultKind::Unknown } else { FaultKind::Unavailable };
        Self { retry_after: failure.retry_after, ..Self::new(kind, clean(&failure.message, [])) }
    }
}

/// What is known after the cloud named what is wrong.
pub fn outcome(kind: Kind) -> FaultKind {
    match kind {
        Kind::RateLimited => FaultKind::Unavailable,
        Kind::Internal => FaultKind::Unknown,
        kind => FaultKind::Refused(kind),
    }
}

/// What is known after an answer in which the cloud named nothing that we know: all that is left is its status. Never
/// [`Kind::NotFound`]: a 404 of who knows whom does not say that a pair is gone.
pub fn outcome_of(status: StatusCode) -> FaultKind {
    match status.as_u16() {
        401 | 407 => FaultKind::Refused(Kind::Unauthenticated),
        403 => FaultKind::Refused(Kind::Forbidden),
        404 | 405 | 501 => FaultKind::Refused(Kind::Unsupported),
        429 => FaultKind::Unavailable,
        408 | 100..=299 | 500.. => FaultKind::Unknown,
        _ => FaultKind::Refused(Kind::Malformed),
    }
}

/// The fault of an answer that is not in the cloud's language: broken JSON, a page of HTML, nothing at all.
pub fn unreadable(answer: &Response) -> Fault {
    let message = format!("an answer that is not the cloud's own came with status {}", answer.status().as_u16());
    Fault { retry_after: retry_after(answer), ..Fault::new(outcome_of(answer.status()), message) }
}

/// The seconds of `Retry-After`, an hour at most.
pub fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds: u64 = header(answer.headers(), RETRY_AFTER.as_str())?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}

/// The public half in a cloud's answer, whatever comment the cloud keeps with it; `None` when it is no key that this
/// service could hold.
pub fn public_key(text: &str) -> Option<PublicKey> {
    let widest = KeyRules { min_rsa_exponent: 3, dsa: true, ..KeyRules::default() };
    let bare = text.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ");
    [text, &bare].into_iter().find_map(|text| PublicKey::parse(text, widest).ok()).map(|(key, _)| key)
}

/// Whether a text can be the id of a pair: it goes into paths and into our records.
pub fn is_id(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(fits) && text.bytes().any(|b| b != b'.')
}

/// A cloud's code or request id: itself when it is at most 128 printable ASCII characters, else empty.
pub fn short(text: &str) -> String {
    let fits = text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if fits { text.to_owned() } else { String::new() }
}

/// A cloud's words made fit for an error: one line, at most 256 bytes, `?` for what cannot be seen. Words in which one of
/// the secrets or a private key stands are left out altogether.
pub fn clean<'s>(text: &str, secrets: impl IntoIterator<Item = &'s SecretText>) -> String {
    let told = |secret: &str| !secret.is_empty() && (text.contains(secret) || text.contains(&encode(secret, false)));
    if text.contains("PRIVATE KEY") || secrets.into_iter().any(|secret| told(secret.expose())) {
        return "the cloud's words are left out: they hold a secret".to_owned();
    }
    let mut cleaned = String::new();
    for c in text.chars().map(visible) {
        if cleaned.len() + c.len_utf8() > MESSAGE {
            break;
        }
        cleaned.push(c);
    }
    cleaned.trim().to_owned()
}

fn visible(c: char) -> char {
    match c.general_category_group() {
        _ if matches!(c, '\t' | '\r' | '\n') => ' ',
        GeneralCategoryGroup::Other => '?',
        GeneralCategoryGroup::Separator => ' ',
        _ => c,
    }
}

/// The most bytes of a message.
const MESSAGE: usize = 256;
