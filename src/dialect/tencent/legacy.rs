//! The signatures before TC3, HmacSHA256 and HmacSHA1: verified, never sent.
//!
//! All parameters, the credentials' too, come flattened in the query of a GET or the form of a POST, and a MAC over
//! them is one of them. The scheme joins them unescaped, so `a=1&b=2` says the same whether it is two parameters or one
//! whose value holds an `&`: whoever may read and change a request on its way could cut it anew. What keeps it is TLS.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use http::header::HOST;

use super::params::form;
use super::sign::{in_window, sole};
use crate::cipher;
use crate::clock::Millis;
use crate::dialect::{Refusal, Request};
use crate::secret::{SecretBytes, SecretText};

pub(super) struct Legacy {
    pub(super) access_key: String,
    pub(super) token: Option<SecretText>,
    timestamp: i64,
    method: SignatureMethod,
    signature: String,
}

#[derive(Clone, Copy)]
enum SignatureMethod {
    HmacSha256,
    HmacSha1,
}

impl Legacy {
    pub(super) fn read(request: &Request) -> Result<Self, Refusal> {
        let params = Params::read(request)?;
        let (Some(access_key), Some(signature)) = (params.value("SecretId"), params.value("Signature")) else {
            return Err(Refusal::Missing);
        };
        let number = |name| params.value(name).and_then(|text| text.parse::<i64>().ok());
        let Some(timestamp) = number("Timestamp") else {
            return Err(Refusal::Malformed("Timestamp is missing or no number"));
        };
        if number("Nonce").is_none_or(|nonce| nonce <= 0) {
            return Err(Refusal::Malformed("Nonce is missing or no positive number"));
        }
        let method = match params.value("SignatureMethod") {
            Some("HmacSHA256") => SignatureMethod::HmacSha256,
            Some("HmacSHA1") | None => SignatureMethod::HmacSha1,
            Some(_) => return Err(Refusal::Unsupported("SignatureMethod is neither HmacSHA256 nor HmacSHA1")),
        };
        let token = params.value("Token").map(|token| SecretText::new(token.to_owned()));
        let (access_key, signature) = (access_key.to_owned(), signature.to_owned());
        Ok(Self { access_key, token, timestamp, method, signature })
    }

    pub(super) fn check(&self, request: &Request, secret: &SecretText, now: Millis) -> Result<(), Refusal> {
        in_window(self.timestamp, now)?;
        let params = Params::read(request)?;
        let start = [request.method().as_str(), sole(request, HOST.as_str())?, "/?"].concat();
        let to_sign = SecretText::new(start.clone() + &params.joined(|_, value| value));
        let key = SecretBytes::copied(secret.expose().as_bytes());
        let parts = [to_sign.expose().as_bytes()];
        let ours = match self.method {
            SignatureMethod::HmacSha256 => Base64::encode_string(&cipher::mac(&key, &parts)),
            SignatureMethod::HmacSha1 => Base64::encode_string(&cipher::mac_sha1(&key, &parts)),
        };
        if cipher::same(ours.as_bytes(), self.signature.as_bytes()) {
            return Ok(());
        }
        let canonical = start + &params.joined(|name, value| if name == "Token" { "..." } else { value });
        let hint = "the secret key, a parameter or Host is another one than was signed: does a proxy rewrite Host?";
        Err(Refusal::Mismatch { canonical, hint })
    }
}

/// All parameters, none of them twice.
struct Params(BTreeMap<String, String>);

impl Params {
    fn read(request: &Request) -> Result<Self, Refusal> {
        let mut params = BTreeMap::new();
        for (name, value) in form(request).ok_or(Refusal::Missing)? {
            if params.insert(name, value).is_some() {
                return Err(Refusal::Malformed("a parameter is there twice"));
            }
        }
        Ok(Self(params))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `name=value` of all but the signature, joined by `&`, in the order of the names as they are signed: with `.` for
    /// `_`.
    fn joined<'p>(&'p self, shown: impl Fn(&str, &'p str) -> &'p str) -> String {
        let named = self.0.iter().filter(|(name, _)| *name != "Signature");
        let mut signed: Vec<_> = named.map(|(name, value)| (name.replace('_', "."), shown(name, value))).collect();
        signed.sort();
        signed.iter().map(|(name, value)| [name.as_str(), "=", value].concat()).collect::<Vec<_>>().join("&")
    }
}
