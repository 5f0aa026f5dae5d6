//! SDK-HMAC-SHA256: signs as the official SDKs do, and verifies what they send; and X-Auth-Token, which signs nothing.
//!
//! What is signed is the method, the path, the query, the body, and the headers that the signature names: every one that
//! an SDK knows when it signs, `Host` and `User-Agent` among them. Two paths that mean the same (`%41` and `A`, with and
//! without a `/` at the end) have one signature, and so have two orders of a query: that is the scheme. The secret key is
//! the key of the HMAC as it stands. Truth: the SDK for Python 3.1.219, whose own signatures are the vectors of the tests.

use http::header::{AUTHORIZATION, HOST, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::cipher;
use crate::clock::Millis;
use crate::dialect::{Credentials, Refusal, Request, decode_form, encode, header, hex};
use crate::secret::{SecretBytes, SecretText};

/// Sets `X-Sdk-Date`, `X-Security-Token` where there is one, and `Authorization`, which covers every header that stands
/// now: `Host` must. Refused when it does not, or when a credential holds what no header can.
pub fn sign(request: &mut Request, credentials: &Credentials, now: Millis) -> Result<(), Refusal> {
    if !request.headers().contains_key(HOST) {
        return Err(Refusal::Malformed("Host is missing"));
    }
    let date = basic_date(now).ok_or(Refusal::Malformed("the time is none that a calendar has"))?;
    request.headers_mut().insert(DATE, sensitive(&date)?);
    if let Some(token) = &credentials.security_token {
        request.headers_mut().insert(SECURITY_TOKEN, sensitive(token.expose())?);
    }
    let signed = signed_headers(request);
    let steps = Steps::of(request, &signed, &date)?;
    let signature = steps.signature(&credentials.secret_key);
    let authorization =
        format!("{SCHEME} Access={}, SignedHeaders={signed}, Signature={signature}", credentials.access_key);
    request.headers_mut().insert(AUTHORIZATION, sensitive(&authorization)?);
    Ok(())
}

/// Sets `X-Auth-Token` instead of a signature. Refused when the token holds what no header can.
pub fn with_token(request: &mut Request, token: &SecretText) -> Result<(), Refusal> {
    let token = sensitive(token.expose())?;
    request.headers_mut().insert(AUTH_TOKEN, token);
    Ok(())
}

fn sensitive(text: &str) -> Result<HeaderValue, Refusal> {
    let unfit = Refusal::Malformed("the access key or the token holds what no header can");
    let mut value = HeaderValue::from_str(text).map_err(|_| unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the SDKs sign: every header but those whose name holds a `_`.
fn signed_headers(request: &Request) -> String {
    let mut names: Vec<&str> = request.headers().keys().map(|name| name.as_str()).collect();
    names.retain(|name| !name.contains('_') && *name != AUTHORIZATION.as_str());
    names.sort_unstable();
    names.join(";")
}

/// Who says that a request is theirs, and how. It is not believed before [`Claim::check`].
pub enum Claim {
    /// By a signature.
    Signed(Signature),
    /// By a token of IAM in `X-Auth-Token`.
    Token(SecretText),
}

/// What came in `Authorization` and beside it.
pub struct Signature {
    access_key: String,
    date: String,
    signed: String,
    signature: String,
    security_token: Option<SecretText>,
}

impl Claim {
    /// Reads the signature that came with a request, or else its token.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        let has_token = request.headers().contains_key(AUTH_TOKEN);
        match request.headers().get(AUTHORIZATION) {
            // An SDK sends no signature when the application has set the header; then the token counts.
            Some(value) if !has_token || value.as_bytes().starts_with(SCHEME.as_bytes()) => Signature::read(request),
            _ if has_token => Ok(Self::Token(SecretText::new(sole(request, AUTH_TOKEN)?.to_owned()))),
            _ => Err(Refusal::Missing),
        }
    }

    /// The access key that a signature names; a token names none.
    pub fn access_key(&self) -> Option<&str> {
        match self {
            Self::Signed(signature) => Some(&signature.access_key),
            Self::Token(_) => None,
        }
    }

    /// The token of temporary credentials that came with a signature, which covers it.
    pub fn security_token(&self) -> Option<&SecretText> {
        match self {
            Self::Signed(signature) => signature.security_token.as_ref(),
            Self::Token(_) => None,
        }
    }

    /// Whether the request, the one that the claim was read from, was signed with this secret key at most fifteen minutes
    /// ago or ahead; or whether its token is this one.
    pub fn check(&self, request: &Request, secret: &SecretText, now: Millis) -> Result<(), Refusal> {
        match self {
            Self::Signed(signature) => signature.check(request, secret, now),
            Self::Token(token) if same_text(token.expose(), secret.expose()) => Ok(()),
            Self::Token(_) => Err(Refusal::Mismatch { canonical: String::new(), hint: "the token is another one" }),
        }
    }
}

/// Compares in a time that does not tell where the texts differ, nor how long ours is.
fn same_text(one: &str, other: &str) -> bool {
    cipher::same(&cipher::sha256(&[one.as_bytes()]), &cipher::sha256(&[other.as_bytes()]))
}

impl Signature {
    fn read(request: &Request) -> Result<Claim, Refusal> {
        let authorization = sole(request, AUTHORIZATION.as_str())?;
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme != SCHEME {
            let known = OTHER_SCHEMES.iter().find(|other| **other == scheme);
            return Err(known.map_or(Refusal::Malformed("Authorization is not SDK-HMAC-SHA256"), |known| {
                Refusal::Unsupported(known)
            }));
        }
        let [access_key, signed, signature] = words(rest)?;
        let date = sole(request, DATE)?;
        seconds(date).ok_or(Refusal::Malformed("X-Sdk-Date is not YYYYMMDDTHHMMSSZ"))?;
        if !["host", DATE].iter().all(|name| signed.split(';').any(|there| there == *name)) {
            return Err(Refusal::Malformed("SignedHeaders must name host and x-sdk-date"));
        }
        let security_token = header(request.headers(), SECURITY_TOKEN).map(|token| SecretText::new(token.to_owned()));
        let [access_key, date, signed, signature] = [access_key, date, signed, signature].map(str::to_owned);
        Ok(Claim::Signed(Self { access_key, date, signed, signature, security_token }))
    }

    fn check(&self, request: &Request, secret: &SecretText, now: Millis) -> Result<(), Refusal> {
        let date = seconds(&self.date).ok_or(Refusal::Malformed("X-Sdk-Date is not YYYYMMDDTHHMMSSZ"))?;
        let ahead = date.saturating_sub(now.div_euclid(1000));
        if ahead.unsigned_abs() > WINDOW {
            return Err(Refusal::Expired { ahead });
        }
        let steps = Steps::of(request, &self.signed, &self.date)?;
        if cipher::same(steps.signature(secret).as_bytes(), self.signature.as_bytes()) {
            return Ok(());
        }
        let hint = "the secret key, Host or User-Agent is another one than was signed: does a proxy rewrite them?";
        Err(Refusal::Mismatch { canonical: without_tokens(&steps.canonical), hint })
    }
}

/// The canonical request as it may be logged: tokens are signed like every other header.
fn without_tokens(canonical: &str) -> String {
    let lines = canonical.split('\n').map(|line| match line.split_once(':') {
        Some((name @ (SECURITY_TOKEN | AUTH_TOKEN), _)) => [name, ":(left out)"].concat(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `Access=..., SignedHeaders=..., Signature=...`, in this order.
fn words(text: &str) -> Result<[&str; 3], Refusal> {
    let mut parts = text.split(',').map(str::trim);
    let mut word = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let found = (word("Access"), word("SignedHeaders"), word("Signature"));
    match (found, parts.next()) {
        ((Some(access), Some(signed), Some(signature)), None) if !access.is_empty() => Ok([access, signed, signature]),
        _ => Err(Refusal::Malformed("Authorization is not Access=..., SignedHeaders=..., Signature=...")),
    }
}

/// What is hashed on the way to a signature.
pub struct Steps {
    /// The canonical request. It holds a hash of the body, but signed tokens as they are: it is not for a log.
    pub canonical: String,
    /// The string to sign.
    pub to_sign: String,
}

impl Steps {
    /// Of a request whose signature names the headers `signed`, such as `content-type;host;x-sdk-date`, in their order.
    pub fn of(request: &Request, signed: &str, date: &str) -> Result<Self, Refusal> {
        let mut headers = String::new();
        for name in signed.split(';') {
            headers.extend([name, ":", sole(request, name)?.trim(), "\n"]);
        }
        let path = canonical_path(request.uri().path());
        let query = canonical_query(request.uri().query().unwrap_or_default());
        let payload = payload(request)?;
        let canonical = [request.method().as_str(), &path, &query, &headers, signed, &payload].join("\n");
        let hash = hex(&cipher::sha256(&[canonical.as_bytes()]));
        Ok(Self { to_sign: [SCHEME, date, &hash].join("\n"), canonical })
    }

    fn signature(&self, secret: &SecretText) -> String {
        let key = SecretBytes::copied(secret.expose().as_bytes());
        hex(&cipher::mac(&key, &[self.to_sign.as_bytes()]))
    }
}

/// Decoded first, as the SDK for Python does it, then encoded segment by segment; with a `/` at the end.
fn canonical_path(raw: &str) -> String {
    let mut path = encode(&percent_decode_str(raw).decode_utf8_lossy(), true);
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Sorted by key, then by value.
fn canonical_query(raw: &str) -> String {
    let mut pairs = decode_form(raw);
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(key, value)| format!("{}={}", encode(key, false), encode(value, false)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The hash of the body. A hash that came along must be the same: it would stand for the body's otherwise, and whoever
/// changed the body could put the old one there.
fn payload(request: &Request) -> Result<String, Refusal> {
    let body = request.body().expose();
    let hash = hex(&cipher::sha256(&[body]));
    match request.headers().contains_key(CONTENT_SHA256) && !body.is_empty() {
        true if sole(request, CONTENT_SHA256)? == UNSIGNED => Err(Refusal::Unsupported(UNSIGNED)),
        true if sole(request, CONTENT_SHA256)? != hash => Err(Refusal::Digest),
        _ => Ok(hash),
    }
}

/// The one value of a header, raw. `Host` may stand in the target instead, as it does in HTTP/2.
fn sole<'r>(request: &'r Request, name: &str) -> Result<&'r str, Refusal> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Malformed("a signed header is not ASCII")),
        (Some(_), Some(_)) => Err(Refusal::Malformed("a signed header is there twice")),
        (None, _) => match request.uri().authority() {
            Some(authority) if name == HOST => Ok(authority.as_str()),
            _ => Err(Refusal::Malformed("a signed header, or X-Sdk-Date, is missing")),
        },
    }
}

/// `YYYYMMDDTHHMMSSZ`, in UTC.
fn basic_date(now: Millis) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(now).ok()?.strftime(BASIC_DATE).to_string())
}

/// Seconds since 1970 of a text in exactly that form.
fn seconds(date: &str) -> Option<i64> {
    let seconds = jiff::civil::DateTime::strptime(BASIC_DATE, date).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let seconds = seconds.timestamp().as_second();
    (basic_date(seconds.checked_mul(1000)?)? == date).then_some(seconds)
}

const SCHEME: &str = "SDK-HMAC-SHA256";
/// What the SDKs can be told to use instead, and this service does not take.
const OTHER_SCHEMES: [&str; 4] = ["SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3", "V11-HMAC-SHA256"];
const BASIC_DATE: &str = "%Y%m%dT%H%M%SZ";
const DATE: &str = "x-sdk-date";
const SECURITY_TOKEN: &str = "x-security-token";
const AUTH_TOKEN: &str = "x-auth-token";
/// With the value [`UNSIGNED`] the body is not signed.
const CONTENT_SHA256: &str = "x-sdk-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Seconds.
const WINDOW: u64 = 900;
