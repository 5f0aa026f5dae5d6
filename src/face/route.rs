//! Which cloud a request is for.
//!
//! Promise: what is signed goes to the cloud whose scheme it is, whatever its path; the rest by the header that only one
//! cloud has, then by the path. All three are at the root, because two of the SDKs drop a prefix and one breaks on it.

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::model::ProviderKind::{self, Baidu, Huawei, Tencent};

/// The cloud that a request resembles.
pub fn cloud_of(head: &Parts) -> Option<ProviderKind> {
    by_scheme(head).or_else(|| by_header(head)).or_else(|| by_path(head.uri.path()))
}

fn by_scheme(head: &Parts) -> Option<ProviderKind> {
    let value = head.headers.get(AUTHORIZATION)?.as_bytes();
    SCHEMES.iter().find(|(scheme, _)| value.starts_with(scheme.as_bytes())).map(|(_, cloud)| *cloud)
}

fn by_header(head: &Parts) -> Option<ProviderKind> {
    HEADERS.iter().find(|(name, _)| head.headers.contains_key(*name)).map(|(_, cloud)| *cloud)
}

fn by_path(path: &str) -> Option<ProviderKind> {
    let mut segments = path.split('/').skip(1);
    match (segments.next()?, segments.next()) {
        ("", None) => Some(Tencent),
        (_, Some("keypair")) => Some(Baidu),
        ("v3" | "v2.1" | "v1.0", _) => Some(Huawei),
        ("v2", _) if path.contains("/os-keypairs") => Some(Huawei), // its API before KPS
        ("v1" | "v2", _) => Some(Baidu),
        _ => None,
    }
}

/// How `Authorization` begins. Those that a cloud's SDK can be made to send and the face does not take are among them:
/// the cloud's own refusal is the right answer.
const SCHEMES: [(&str, ProviderKind); 4] =
    [("bce-auth-", Baidu), ("TC3-", Tencent), ("SDK-", Huawei), ("V11-HMAC-SHA256 ", Huawei)];
/// Headers that only one cloud has.
const HEADERS: [(&str, ProviderKind); 4] =
    [("x-tc-action", Tencent), ("x-auth-token", Huawei), ("x-sdk-date", Huawei), ("x-bce-date", Baidu)];
