//! Requests and answers as bytes, and the few primitives that all three signature schemes are made of.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::secret::{SecretBytes, SecretText};

/// A request as it goes over the wire: the URI and header values raw, as on the wire, never normalised. The body may
/// carry a private key.
pub type Request = http::Request<SecretBytes>;

/// An answer as it goes over the wire. The body may carry a private key.
pub type Response = http::Response<SecretBytes>;

/// What signs requests at a cloud.
pub struct Credentials {
    /// The access key; Tencent calls it SecretId.
    pub access_key: String,
    /// The secret key.
    pub secret_key: SecretText,
    /// The token that goes with temporary credentials.
    pub security_token: Option<SecretText>,
}

/// Why a request's signature was not accepted. None of it is answered in words: an answer says only what the cloud says.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no signature.
    Missing,
    /// It does not have the form of the scheme; says what is wrong.
    Malformed(&'static str),
    /// A scheme that the cloud knows and this service does not take.
    Unsupported(&'static str),
    /// The request's time is outside the cloud's window, by so many seconds (negative: it is old).
    Expired {
        /// Seconds that the request is ahead of our clock.
        ahead: i64,
    },
    /// The signature is another one. For a debug log: what we signed, and what often is the cause.
    Mismatch {
        /// Our canonical request. It holds no secret: schemes sign a hash of the body, or nothing of it.
        canonical: String,
        /// What to look at.
        hint: &'static str,
    },
    /// The digest of the body that came with it is not the body's.
    Digest,
}

/// Percent-encodes as RFC 3986 says: all but letters, digits and `-._~`, in upper-case hex; `/` stays where `slash`.
pub fn encode(text: &str, slash: bool) -> String {
    utf8_percent_encode(text, if slash { SEGMENTS } else { STRICT }).to_string()
}

/// The parameters of a query or form as they are meant: `a=b&c` is `[("a", "b"), ("c", "")]`. `+` is a space; what is
/// not UTF-8 after decoding is replaced.
pub fn decode_form(raw: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(raw.as_bytes()).into_owned().collect()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// The value of a header as text; `None` when it is not there, or not printable ASCII.
pub fn header<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name)?.to_str().ok()
}

const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const SEGMENTS: &AsciiSet = &STRICT.remove(b'/');
