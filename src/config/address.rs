//! Addresses of other services: of clouds, and of proxies on the way to them.
//!
//! Promise: they are read as the HTTPS client reads them, so that no spelling (`127.1`, `0x7f000001`, a trailing dot)
//! passes a check and means something else; no message holds the address. What a name resolves to is not looked up.

use std::net::IpAddr;

use url::{Host, Url};

/// An address that is called: scheme, host and port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Such as `https://bcc.bj.baidubce.com` or `http://127.0.0.1:8080`.
    pub(super) base: String,
    /// Why it may be called only when that is meant.
    pub(super) risk: Option<&'static str>,
}

/// Reads the address of a cloud.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
    let url = plain(text).ok_or("must be https://HOST or https://HOST:PORT, without user, path or query")?;
    let risk = match url.host() {
        _ if url.scheme() == "http" => Some("is plaintext HTTP"),
        Some(Host::Domain(name)) => is_local(name).then_some(NEAR),
        Some(Host::Ipv4(ip)) => is_near(ip.into()).then_some(NEAR),
        Some(Host::Ipv6(ip)) => is_near(ip.into()).then_some(NEAR),
        None => None,
    };
    Ok(Endpoint { base: url.origin().ascii_serialization(), risk })
}

/// Reads the address of a proxy.
pub(super) fn proxy(text: &str) -> Result<String, &'static str> {
    let url = plain(text).ok_or("must be http://HOST:PORT or https://HOST:PORT, without user, path or query")?;
    Ok(url.origin().ascii_serialization())
}

fn plain(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    (bare && nobody && matches!(url.scheme(), "http" | "https")).then_some(url)
}

fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name); // lower case already
    name == "localhost" || name.ends_with(".localhost")
}

/// This machine, or its link: where clouds' metadata services are, which give out credentials.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

const NEAR: &str = "is this machine or on its link";
