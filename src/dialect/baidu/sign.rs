//! bce-auth-v1: signs as the client for BCC in Baidu's Python SDK does, and verifies what the Python and the Go SDK sign.
//!
//! `Authorization: bce-auth-v1/ACCESS_KEY/TIME/SECONDS/HEADERS/SIGNATURE`. Signed are method, path, query and headers:
//! those that HEADERS names, or, where it is empty, `Host`, `Content-*` and all `x-bce-*`. Of the body only the length
//! is signed, and its MD5 where `Content-MD5` is sent. So this scheme keeps a body from being changed under TLS only.

use base64ct::{Base64, Encoding};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::cipher::{mac, same};
use crate::clock::Millis;
use crate::dialect::{Credentials, Refusal, Request, decode_form, encode, header, hex};
use crate::secret::{SecretBytes, SecretText};

/// Signs a request, whose `Host` is set: sets `Content-Length` (which is signed, and so has to be sent with every method),
/// `x-bce-date`, `x-bce-security-token` where there is one, and `Authorization`. Refused when a credential holds what no
/// header can.
pub fn sign(request: &mut Request, credentials: &Credentials, now: Millis) -> Result<(), Refusal> {
    let length = HeaderValue::from(request.body().expose().len());
    request.headers_mut().insert(CONTENT_LENGTH, length);
    request.headers_mut().insert(DATE, value(&time(now))?);
    if let Some(token) = &credentials.security_token {
        request.headers_mut().insert(TOKEN, secret_value(token.expose())?);
    }
    let claim = Claim::new(&credentials.access_key, now, EXPIRY, &[]);
    let authorization = claim.authorization(request, &credentials.secret_key)?;
    request.headers_mut().insert(AUTHORIZATION, secret_value(&authorization)?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text).map_err(|_| Refusal::Malformed("a credential holds characters that no header can"))
}

fn secret_value(text: &str) -> Result<HeaderValue, Refusal> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A time in the form of the scheme, and of Baidu's answers: whole seconds, and Z. Outside of jiff's range: 1970.
pub fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a signature says of itself.
pub struct Claim {
    access_key: String,
    /// All before the headers' names, as it stands: the signing key is made of it.
    prefix: String,
    at: Millis,
    seconds: u32,
    /// The names of the signed headers; empty: those that are signed without being named.
    headers: Vec<String>,
    /// Hex; empty while there is none yet.
    signature: String,
}

impl Claim {
    /// One to be signed. `headers`: names in lower case, to be sorted; empty: the scheme's choice.
    pub fn new(access_key: &str, now: Millis, seconds: u32, headers: &[&str]) -> Self {
        Self {
            access_key: access_key.to_owned(),
            prefix: format!("{SCHEME}/{access_key}/{}/{seconds}", time(now)),
            at: now,
            seconds,
            headers: headers.iter().map(|&name| name.to_owned()).collect(),
            signature: String::new(),
        }
    }

    /// Reads who claims to have signed a request. Nothing is verified yet.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::Missing)?;
        if values.next().is_some() {
            return Err(Refusal::Malformed("there are two Authorization headers"));
        }
        let text = value.to_str().map_err(|_| Refusal::Malformed("Authorization is not printable ASCII"))?;
        let [scheme, access_key, at, seconds, headers, signature] = parts(text)?;
        if access_key.is_empty() || access_key.len() > 128 {
            return Err(Refusal::Malformed("the access key has not 1 to 128 characters"));
        }
        let is_hex = signature.len() == 64 && signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            return Err(Refusal::Malformed("the signature is not 64 lower-case hex digits"));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            prefix: [scheme, access_key, at, seconds].join("/"),
            at: read_time(at)?,
            seconds: read_seconds(seconds)?,
            headers: read_names(headers)?,
            signature: signature.to_owned(),
        })
    }

    /// Who claims to have signed.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Verifies: the time fits, the signature is made with this secret key, the body is as long as was signed, and has the
    /// MD5 that was sent.
    pub fn check(&self, request: &Request, secret_key: &SecretText, now: Millis) -> Result<(), Refusal> {
        let earliest = self.at.saturating_sub(SKEW);
        let latest = self.at.saturating_add(i64::from(self.seconds) * 1000);
        if !(earliest..=latest).contains(&now) {
            return Err(Refusal::Expired { ahead: self.at.saturating_sub(now) / 1000 });
        }
        let canonical = self.canonical(request)?;
        if !same(self.signature_of(&canonical, secret_key).as_bytes(), self.signature.as_bytes()) {
            return Err(Refusal::Mismatch { canonical: masked(&canonical), hint: hint(request) });
        }
        check_body(request)
    }

    /// What is signed, as text.
    pub fn canonical(&self, request: &Request) -> Result<String, Refusal> {
        let (method, uri) = (request.method().as_str(), request.uri());
        let headers = self.canonical_headers(request)?;
        Ok([method, uri.path(), &canonical_query(uri.query().unwrap_or_default()), &headers].join("\n"))
    }

    /// The header value for this request.
    pub fn authorization(&self, request: &Request, secret_key: &SecretText) -> Result<String, Refusal> {
        let signature = self.signature_of(&self.canonical(request)?, secret_key);
        Ok([&self.prefix, &self.headers.join(";"), &signature].map(String::as_str).join("/"))
    }

    /// The key that signs: it is used as text, in hex.
    pub fn signing_key(&self, secret_key: &SecretText) -> SecretBytes {
        let secret_key = SecretBytes::copied(secret_key.expose().as_bytes());
        let key = Zeroizing::new(mac(&secret_key, &[self.prefix.as_bytes()]));
        SecretBytes::new(hex(&*key).into_bytes())
    }

    fn signature_of(&self, canonical: &str, secret_key: &SecretText) -> String {
        hex(&mac(&self.signing_key(secret_key), &[canonical.as_bytes()]))
    }

    fn canonical_headers(&self, request: &Request) -> Result<String, Refusal> {
        let mut lines = Vec::new();
        for name in request.headers().keys().filter(|name| self.signs(name)) {
            let mut values = request.headers().get_all(name).iter();
            let (Some(value), None) = (values.next(), values.next()) else {
                return Err(Refusal::Malformed("a signed header is there twice"));
            };
            let value =
                value.to_str().map_err(|_| Refusal::Malformed("a signed header is not printable ASCII"))?.trim();
            if !value.is_empty() {
                lines.push(format!("{}:{}", encode(name.as_str(), false), encode(value, false)));
            }
        }
        lines.sort_unstable();
        Ok(lines.join("\n"))
    }

    fn signs(&self, name: &HeaderName) -> bool {
        match name.as_str() {
            name if !self.headers.is_empty() => self.headers.iter().any(|listed| listed == name),
            "host" | "content-length" | "content-type" | "content-md5" => true,
            name => name.starts_with("x-bce-"),
        }
    }
}

fn parts(text: &str) -> Result<[&str; 6], Refusal> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.first() {
        Some(&SCHEME) => parts.try_into().map_err(|_| PARTS),
        Some(other) if other.starts_with("bce-auth-") => Err(Refusal::Unsupported("bce-auth-v1 alone is taken")),
        _ => Err(PARTS),
    }
}

fn read_time(text: &str) -> Result<Millis, Refusal> {
    let at = text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    // There is one form of a time, so that nothing but its bytes can be signed.
    if time(at) == text { Ok(at) } else { Err(Refusal::Malformed("the time has not the form 2006-01-02T15:04:05Z")) }
}

fn read_seconds(text: &str) -> Result<u32, Refusal> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_plain && (1..=LONGEST).contains(seconds));
    seconds.ok_or(Refusal::Malformed("the expiry is not 1 to 86400 seconds"))
}

fn read_names(text: &str) -> Result<Vec<String>, Refusal> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let is_name = |name: &String| HeaderName::from_lowercase(name.as_bytes()).is_ok();
    if !names.iter().all(is_name) {
        return Err(Refusal::Malformed("the signed headers are not names in lower case with ';' between them"));
    }
    if !names.iter().any(|name| name == HOST.as_str()) {
        return Err(Refusal::Malformed("Host is not signed"));
    }
    Ok(names)
}

/// Parameters in the order of their text, encoded as the scheme wants. They are decoded as `Call::read` does: what is read
/// is what was signed.
fn canonical_query(raw: &str) -> String {
    let is_signed = |(name, _): &(String, String)| !name.eq_ignore_ascii_case("authorization");
    let parameters = decode_form(raw).into_iter().filter(is_signed);
    let mut texts: Vec<String> =
        parameters.map(|(name, value)| format!("{}={}", encode(&name, false), encode(&value, false))).collect();
    texts.sort_unstable();
    texts.join("&")
}

/// The body is as long as `Content-Length` says, and has the digest of `Content-MD5`, where they are.
fn check_body(request: &Request) -> Result<(), Refusal> {
    let (headers, body) = (request.headers(), request.body().expose());
    if headers.contains_key(CONTENT_LENGTH) {
        let length = header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.trim().parse::<usize>().ok());
        if length != Some(body.len()) {
            return Err(Refusal::Digest);
        }
    }
    if headers.contains_key(MD5) {
        let mut digest = [0; 16];
        let told = header(headers, MD5).and_then(|told| Base64::decode(told.trim(), &mut digest).ok());
        if told.is_none_or(|told| !same(told, &Md5::digest(body))) {
            return Err(Refusal::Digest);
        }
    }
    Ok(())
}

/// The canonical request without its token, for a log.
fn masked(canonical: &str) -> String {
    let is_token = |line: &str| line.split_once(':').is_some_and(|(name, _)| name == TOKEN);
    let lines = canonical.lines().map(|line| if is_token(line) { "x-bce-security-token:..." } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn hint(request: &Request) -> &'static str {
    if request.headers().contains_key(CONTENT_LENGTH) {
        "another secret key, or a proxy on the way that rewrites Host or the path"
    } else {
        "a proxy on the way that drops Content-Length, which Baidu's SDK for Python signs with every method"
    }
}

const SCHEME: &str = "bce-auth-v1";
const DATE: &str = "x-bce-date";
const TOKEN: &str = "x-bce-security-token";
const MD5: &str = "content-md5";
const PARTS: Refusal =
    Refusal::Malformed("Authorization has not the form bce-auth-v1/ACCESS_KEY/TIME/SECONDS/HEADERS/SIGNATURE");
/// How long what we sign is good for, in seconds: the SDKs' default.
const EXPIRY: u32 = 1800;
/// The longest time that a signature may be good for: a day. The scheme has no limit; a request that was caught should
/// not be good for ever.
const LONGEST: u32 = 86_400;
/// How far a signer's clock may be ahead of ours.
const SKEW: Millis = 15 * 60 * 1000;
