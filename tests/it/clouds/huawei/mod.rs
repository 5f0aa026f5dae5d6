//! Huawei KPS: the dialect against vectors of its SDK, and the adapter against the scripted cloud.

mod adapter;
mod answers;
mod calls;
mod codes;
mod rules;
mod sign;
mod weather;

use http::{HeaderName, HeaderValue, Method};
use keypairs::dialect::{Credentials, Request};
use keypairs::secret::{SecretBytes, SecretText};
use serde_json::Value;

/// A project id as the cloud has them.
pub const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Vectors made by the official SDK, and published keys.
pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors/clouds/huawei.json")).unwrap()
}

pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut request = Request::new(SecretBytes::copied(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request
}

pub fn credentials(security_token: Option<&str>) -> Credentials {
    Credentials {
        access_key: "AKTEST".to_owned(),
        secret_key: secret("SKTEST"),
        security_token: security_token.map(secret),
    }
}

pub fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// 2019-11-15T03:36:55Z, the time of the vectors.
pub const THEN: i64 = 1_573_789_015_000;
