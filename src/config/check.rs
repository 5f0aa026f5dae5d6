//! Checks that look at more than one key, or at the file system.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::fault::Origin;
use super::settings::{Found, Settings};
use super::{ClientAuth, Flags, KeyTypeAllowed, Metrics, Server};
use crate::model::EncryptionMode;

/// Whether only this machine can reach it.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Beyond loopback, plaintext and callers who prove nothing must each be meant. A required client certificate proves
/// who calls.
pub(super) fn exposure(settings: &mut Settings, server: &Found<Server>, flags: &Flags) {
    let Server { listen, tls, .. } = &server.value;
    if is_loopback(*listen) {
        return;
    }
    if tls.is_none() && !flags.insecure {
        let message = format!(
            "{listen} is not loopback and there is no [server.tls]: private keys would cross the network in \
             plaintext; set up TLS, listen on 127.0.0.1, or say --insecure if that is meant"
        );
        settings.fault("server.listen", &server.origin, message);
    }
    let proven = tls.as_ref().is_some_and(|tls| tls.client_auth == ClientAuth::Required);
    if !proven && !flags.insecure_no_auth {
        let message = format!(
            "{listen} is not loopback and callers prove nothing: everybody who reaches it could export every private \
             key; require client certificates (server.tls.client_auth = \"required\"), listen on 127.0.0.1, or say \
             --insecure-no-auth if that is meant"
        );
        settings.fault("server.listen", &server.origin, message);
    }
}

/// Two listeners cannot share an address. The default of the metrics gives way instead (`app.rs` warns).
pub(super) fn listeners_differ(
    settings: &mut Settings,
    server: &Found<Server>,
    health: &Option<Found<SocketAddr>>,
    metrics: &Metrics,
) {
    let grpc = server.value.listen;
    let taken = |one: SocketAddr, other: SocketAddr| one.port() != 0 && one == other;
    if let Some(health) = health.as_ref().filter(|health| taken(health.value, grpc)) {
        let message = "is the address of gRPC, where health is served anyway; remove it or take another port";
        settings.fault("health.listen", &health.origin, message);
    }
    let with_health = health.as_ref().filter(|health| taken(health.value, metrics.listen));
    if let (Some(health), false) = (with_health, metrics.listen_is_default) {
        settings.fault("health.listen", &health.origin, "is the address of metrics.listen; take another port");
    }
    if taken(metrics.listen, grpc) && !metrics.listen_is_default {
        settings.fault("server.listen", &server.origin, "is the address of metrics.listen; take another port");
    }
}

/// Client certificates cannot be checked without the CA.
pub(super) fn client_ca(settings: &mut Settings, auth: &Found<ClientAuth>, ca: Option<&Found<PathBuf>>) {
    if auth.value != ClientAuth::Off && ca.is_none() {
        let message = "client certificates cannot be checked without server.tls.client_ca_file; set it";
        settings.fault("server.tls.client_auth", &auth.origin, message);
    }
}

/// A file that must be set in its section, there and readable.
pub(super) fn needed_file(
    settings: &mut Settings,
    key: &str,
    found: Option<Found<PathBuf>>,
    section: &Origin,
) -> PathBuf {
    match found {
        Some(found) => file(settings, key, found),
        None => {
            settings.fault(key, section, "is needed in this section; set it");
            PathBuf::new()
        }
    }
}

/// A file that must be there and readable.
pub(super) fn file(settings: &mut Settings, key: &str, found: Found<PathBuf>) -> PathBuf {
    let Found { value, origin } = found;
    match File::open(&value).and_then(|file| file.metadata()) {
        Ok(met) if met.is_file() => {}
        Ok(_) => settings.fault(key, &origin, format!("{} is not a file", value.display())),
        Err(error) => settings.fault(key, &origin, format!("{} cannot be read: {error}", value.display())),
    }
    value
}

/// The words of a project's `encryption`.
pub(super) fn encryption(
    settings: &mut Settings,
    key: &str,
    words: &Found<Vec<String>>,
) -> Option<Vec<EncryptionMode>> {
    let modes: Option<Vec<EncryptionMode>> = words.value.iter().map(|word| mode(word)).collect();
    let message = match &modes {
        None => "holds a word that is not \"default\" or \"kms\"",
        Some(modes) if modes.is_empty() => "is empty; name \"default\", \"kms\" or both, the default first",
        Some(modes) if modes.iter().enumerate().any(|(i, mode)| modes[..i].contains(mode)) => "names a mode twice",
        Some(_) => return modes,
    };
    settings.fault(key, &words.origin, message);
    None
}

/// The words of `allow_key_types`.
pub(super) fn key_types(settings: &mut Settings, key: &str, words: &Found<Vec<String>>) -> Option<Vec<KeyTypeAllowed>> {
    if words.value.iter().all(|word| word == "dsa") {
        return Some(words.value.iter().map(|_| KeyTypeAllowed::Dsa).take(1).collect());
    }
    settings.fault(
        key,
        &words.origin,
        "holds a word that is not \"dsa\", the only key type that is not taken by default",
    );
    None
}

/// A call without a deadline must not get more than one with.
pub(super) fn deadlines(settings: &mut Settings, deadline: Option<&Found<u64>>, max: u64) {
    if let Some(found) = deadline.filter(|found| found.value > max) {
        let message = format!("is {}, above limits.max_deadline_seconds, which is {max}", found.value);
        settings.fault("limits.deadline_seconds", &found.origin, message);
    }
}

fn mode(word: &str) -> Option<EncryptionMode> {
    [EncryptionMode::Default, EncryptionMode::Kms].into_iter().find(|mode| mode.as_str() == word)
}
