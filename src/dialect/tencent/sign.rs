//! TC3-HMAC-SHA256: signs as the official SDKs do, and verifies what they send.
//!
//! What is signed is the method, the raw query of a GET, the body and the headers that the signature names, which are
//! `content-type` and `host` when an SDK or this service signs. Action, version, region and token are not among them:
//! what keeps them is TLS. Truth: the SDK for Python 3.1.195, whose own signatures are the vectors of the tests.

use http::Method;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use zeroize::Zeroizing;

use super::legacy::Legacy;
use crate::cipher;
use crate::clock::Millis;
use crate::dialect::{Credentials, Refusal, Request, header, hex};
use crate::secret::{SecretBytes, SecretText};

/// Sets `X-TC-Timestamp`, `X-TC-Token` where there is a token, and `Authorization`. Everything else must stand, `Host`
/// and `Content-Type` above all. Refused when one of them is not there, or a credential holds what no header can.
pub fn sign(request: &mut Request, credentials: &Credentials, now: Millis) -> Result<(), Refusal> {
    let timestamp = now.div_euclid(1000);
    let steps = Steps::of(request, SIGNED, timestamp)?;
    let signature = signature(&steps, &credentials.secret_key);
    let scope = steps.scope();
    let authorization = format!(
        "{SCHEME} Credential={}/{scope}, SignedHeaders={SIGNED}, Signature={signature}",
        credentials.access_key
    );
    let headers = request.headers_mut();
    headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
    if let Some(token) = &credentials.security_token {
        headers.insert(TOKEN, sensitive(token.expose())?);
    }
    headers.insert(AUTHORIZATION, sensitive(&authorization)?);
    Ok(())
}

fn sensitive(text: &str) -> Result<HeaderValue, Refusal> {
    let unfit = Refusal::Malformed("the access key or the token holds what no header can");
    let mut value = HeaderValue::from_str(text).map_err(|_| unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Who says that a request is theirs. It is not believed before [`Claim::check`].
pub struct Claim(Form);

enum Form {
    Tc3(Tc3),
    Legacy(Legacy),
}

struct Tc3 {
    access_key: String,
    date: String,
    timestamp: i64,
    signed: String,
    signature: String,
    token: Option<SecretText>,
}

impl Claim {
    /// Reads the signature that came with a request: in `Authorization`, or without that header among its parameters.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        if request.headers().contains_key(AUTHORIZATION) {
            return Tc3::read(request).map(|claim| Self(Form::Tc3(claim)));
        }
        Legacy::read(request).map(|claim| Self(Form::Legacy(claim)))
    }

    /// The SecretId that it names.
    pub fn access_key(&self) -> &str {
        match &self.0 {
            Form::Tc3(claim) => &claim.access_key,
            Form::Legacy(claim) => &claim.access_key,
        }
    }

    /// The token of temporary credentials that came with it. TC3 does not sign it.
    pub fn token(&self) -> Option<&SecretText> {
        match &self.0 {
            Form::Tc3(claim) => claim.token.as_ref(),
            Form::Legacy(claim) => claim.token.as_ref(),
        }
    }

    /// Whether the request, the one that the claim was read from, was signed with this secret key at most five minutes
    /// ago or ahead.
    pub fn check(&self, request: &Request, secret: &SecretText, now: Millis) -> Result<(), Refusal> {
        match &self.0 {
            Form::Tc3(claim) => claim.check(request, secret, now),
            Form::Legacy(claim) => claim.check(request, secret, now),
        }
    }
}

impl Tc3 {
    fn read(request: &Request) -> Result<Self, Refusal> {
        let authorization = sole(request, AUTHORIZATION.as_str())?;
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme != SCHEME {
            return Err(Refusal::Unsupported("Authorization is not TC3-HMAC-SHA256"));
        }
        let [credential, signed, signature] = words(rest)?;
        let mut scope = credential.rsplitn(4, '/');
        let end = (scope.next(), scope.next());
        let (date, access_key) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
        if end != (Some(END), Some(SERVICE)) || access_key.is_empty() {
            return Err(Refusal::Malformed("Credential is not SecretId/date/cvm/tc3_request"));
        }
        let told = sole(request, TIMESTAMP)?;
        // The number is signed, not the text: only one text is taken for each.
        let number = told.parse().ok().filter(|number: &i64| number.to_string() == told);
        let timestamp = number.ok_or(Refusal::Malformed("X-TC-Timestamp is no number"))?;
        if day(timestamp).as_deref() != Some(date) {
            return Err(Refusal::Malformed("the date of Credential is not the day of X-TC-Timestamp"));
        }
        if !["content-type", "host"].iter().all(|name| signed.split(';').any(|there| there == *name)) {
            return Err(Refusal::Malformed("SignedHeaders must name content-type and host"));
        }
        let token = header(request.headers(), TOKEN).map(|token| SecretText::new(token.to_owned()));
        let [access_key, date, signed, signature] = [access_key, date, signed, signature].map(str::to_owned);
        Ok(Self { access_key, date, timestamp, signed, signature, token })
    }

    fn check(&self, request: &Request, secret: &SecretText, now: Millis) -> Result<(), Refusal> {
        in_window(self.timestamp, now)?;
        let steps = Steps::of(request, &self.signed, self.timestamp)?;
        // The vendor's manual has the values of further headers in lower case; who signs them as they stand means the
        // same. Those of the SDKs are signed as they stand.
        let folded =
            (self.signed != SIGNED).then(|| Steps::folded(request, &self.signed, self.timestamp)).transpose()?;
        let is_signed = |steps: &Steps| {
            let ours = signature(steps, secret);
            cipher::same(ours.as_bytes(), self.signature.as_bytes())
        };
        if steps.date == self.date && (is_signed(&steps) || folded.as_ref().is_some_and(is_signed)) {
            return Ok(());
        }
        let hint = "the secret key, Host or Content-Type is another one than was signed: does a proxy rewrite them?";
        Err(Refusal::Mismatch { canonical: steps.canonical, hint })
    }
}

/// `Credential=..., SignedHeaders=..., Signature=...`, in this order.
fn words(text: &str) -> Result<[&str; 3], Refusal> {
    let unfit = Refusal::Malformed("Authorization is not Credential=..., SignedHeaders=..., Signature=...");
    let mut parts = text.split(',').map(str::trim);
    let mut word = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let found = (word("Credential"), word("SignedHeaders"), word("Signature"));
    match (found, parts.next()) {
        ((Some(credential), Some(signed), Some(signature)), None) => Ok([credential, signed, signature]),
        _ => Err(unfit),
    }
}

/// What is hashed on the way to a signature.
pub struct Steps {
    /// The canonical request. It holds a hash of the body, and no credential.
    pub canonical: String,
    /// The string to sign.
    pub to_sign: String,
    date: String,
}

impl Steps {
    /// Of a request whose signature names the headers `signed`, such as `content-type;host`.
    pub fn of(request: &Request, signed: &str, timestamp: i64) -> Result<Self, Refusal> {
        Self::made(request, signed, timestamp, |_, value| value.to_owned())
    }

    fn folded(request: &Request, signed: &str, timestamp: i64) -> Result<Self, Refusal> {
        Self::made(request, signed, timestamp, |name, value| match name {
            "content-type" | "host" => value.to_owned(),
            _ => value.to_ascii_lowercase(),
        })
    }

    fn made(
        request: &Request,
        signed: &str,
        timestamp: i64,
        value: impl Fn(&str, &str) -> String,
    ) -> Result<Self, Refusal> {
        let mut headers = String::new();
        for name in signed.split(';') {
            headers.extend([name, ":", value(name, sole(request, name)?.trim()).as_str(), "\n"]);
        }
        let query = match *request.method() {
            Method::GET => request.uri().query().unwrap_or_default(),
            _ => "", // the query of a POST is not signed, and nothing reads it
        };
        let payload = match header(request.headers(), CONTENT_SHA256) {
            Some(UNSIGNED) => UNSIGNED.as_bytes(),
            _ => request.body().expose(),
        };
        let payload = hex(&cipher::sha256(&[payload]));
        // The path is always "/", also where the endpoint has one.
        let canonical = [request.method().as_str(), "/", query, &headers, signed, &payload].join("\n");
        let date = day(timestamp).ok_or(Refusal::Malformed("X-TC-Timestamp is no time"))?;
        let hash = hex(&cipher::sha256(&[canonical.as_bytes()]));
        let to_sign = format!("{SCHEME}\n{timestamp}\n{date}/{SERVICE}/{END}\n{hash}");
        Ok(Self { canonical, to_sign, date })
    }

    fn scope(&self) -> String {
        format!("{}/{SERVICE}/{END}", self.date)
    }
}

fn signature(steps: &Steps, secret: &SecretText) -> String {
    let first = SecretBytes::new(["TC3", secret.expose()].concat().into_bytes());
    let key = [steps.date.as_str(), SERVICE, END]
        .iter()
        .fold(first, |key, word| SecretBytes::copied(&*Zeroizing::new(cipher::mac(&key, &[word.as_bytes()]))));
    hex(&cipher::mac(&key, &[steps.to_sign.as_bytes()]))
}

/// The one value of a header, raw. `Host` may stand in the target instead, as it does in HTTP/2.
pub(super) fn sole<'r>(request: &'r Request, name: &str) -> Result<&'r str, Refusal> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Malformed("a signed header is not ASCII")),
        (Some(_), Some(_)) => Err(Refusal::Malformed("a signed header is there twice")),
        (None, _) => match request.uri().authority() {
            Some(authority) if name == HOST => Ok(authority.as_str()),
            _ => Err(Refusal::Malformed("a signed header, or X-TC-Timestamp, is missing")),
        },
    }
}

/// Refuses what is more than five minutes ahead or old.
pub(super) fn in_window(timestamp: i64, now: Millis) -> Result<(), Refusal> {
    let ahead = timestamp.saturating_sub(now.div_euclid(1000));
    if ahead.unsigned_abs() > WINDOW { Err(Refusal::Expired { ahead }) } else { Ok(()) }
}

/// The day in UTC, such as `2019-02-25`.
fn day(timestamp: i64) -> Option<String> {
    Some(jiff::Timestamp::from_second(timestamp).ok()?.strftime("%Y-%m-%d").to_string())
}

const SCHEME: &str = "TC3-HMAC-SHA256";
/// The first label of the product's own domain, whatever the endpoint is.
const SERVICE: &str = "cvm";
const END: &str = "tc3_request";
/// What the SDKs sign, and this service.
const SIGNED: &str = "content-type;host";
const TIMESTAMP: &str = "x-tc-timestamp";
const TOKEN: &str = "x-tc-token";
/// With the value [`UNSIGNED`] the hash of that word stands for the body's.
const CONTENT_SHA256: &str = "x-tc-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Seconds.
const WINDOW: u64 = 300;
