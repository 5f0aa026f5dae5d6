//! Checks that look at more than one key, or at the file system.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::fault::Origin;
use super::settings::{Found, Settings};
use super::{ClientAuth, Face, Flags, KeyTypeAllowed, Metrics, Server};
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

/// The face has an address of its own. The default of the metrics gives way.
pub(super) fn face_differs(
    settings: &mut Settings,
    face: Option<&Found<Face>>,
    server: &Server,
    (health, metrics): (&Option<Found<SocketAddr>>, &Metrics),
) {
    let Some(Found { value: face, origin }) = face else { return };
    let health = health.as_ref().map(|found| found.value);
    let metrics = Some(metrics.listen).filter(|_| !metrics.listen_is_default);
    let others = [("server.listen", Some(server.listen)), ("health.listen", health), ("metrics.listen", metrics)];
    for (key, _) in others.iter().filter(|(_, other)| *other == Some(face.listen) && face.listen.port() != 0) {
        settings.fault("face.listen", origin, format!("is the address of {key}; take another port"));
    }
}

/// The face is plaintext HTTP: beyond loopback that must be meant.
pub(super) fn face_exposure(settings: &mut Settings, listen: &Found<SocketAddr>, flags: &Flags) {
    if !is_loopback(listen.value) && !flags.insecure {
        let message = format!(
            "{} is not loopback, and the face is plaintext HTTP: private keys would cross the network in plaintext; \
             listen on 127.0.0.1 and put a TLS proxy before it that leaves Host and User-Agent as they are, or say \
             --insecure if that is meant",
            listen.value
        );
        settings.fault("face.listen", &listen.origin, message);
    }
}

/// A region: it goes into host names and into what is signed.
pub(super) fn region(settings: &mut Settings, key: &str, found: Found<String>) -> Option<Found<String>> {
    let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    fitting(settings, key, found, (fits, 32), "must be 1 to 32 of a-z, 0-9 and '-', such as cn-north-4")
}

/// An access key: it stands between the marks of a signature's header.
pub(super) fn access_key(settings: &mut Settings, key: &str, found: Found<String>) -> Option<Found<String>> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~*@:+".contains(&b);
    fitting(settings, key, found, (fits, 128), "must be 1 to 128 letters, digits and -._~*@:+")
}

/// A project at Huawei: it stands in paths.
pub(super) fn huawei_project(settings: &mut Settings, key: &str, found: Found<String>) -> Option<Found<String>> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    fitting(settings, key, found, (fits, 64), "must be 1 to 64 letters, digits, '-' and '_'")
}

/// A project at Tencent is a number.
pub(super) fn tencent_project(settings: &mut Settings, key: &str, found: Found<String>) -> Option<i64> {
    let number = found.value.parse::<i64>().ok().filter(|number| *number >= 0);
    let number = number.ok_or("must be a whole number, 0 for the default project");
    settings.fitting(key, found.origin, number).map(|found| found.value)
}

fn fitting(
    settings: &mut Settings,
    key: &str,
    Found { value, origin }: Found<String>,
    (fits, max): (fn(u8) -> bool, usize),
    words: &str,
) -> Option<Found<String>> {
    let sound = value.len() <= max && value.bytes().all(fits);
    settings.fitting(key, origin, sound.then_some(value).ok_or(words))
}

/// Client certificates cannot be checked without the CA.
pub(super) fn client_ca(settings: &mut Settings, auth: &Found<ClientAuth>, ca: Option<&Found<PathBuf>>) {
    if auth.value != ClientAuth::Off && ca.is_none() {
        let message = "client certificates cannot be checked without server.tls.client_ca_file; set it";
        settings.fault("server.tls.client_auth", &auth.origin, message);
    }
}

/// A PEM file that must be set in its section. `label` is the end of the label of a block that it must hold.
pub(super) fn needed_pem(
    settings: &mut Settings,
    key: &str,
    found: Option<Found<PathBuf>>,
    (section, label): (&Origin, &str),
) -> PathBuf {
    match found {
        Some(found) => pem(settings, key, found, label),
        None => {
            settings.fault(key, section, "is needed in this section; set it");
            PathBuf::new()
        }
    }
}

/// A PEM file that must be there, readable, and hold a block of that label. Whether its contents are sound, and fit the
/// other files, `serve` and `config check` find out (`app/serve.rs`).
pub(super) fn pem(settings: &mut Settings, key: &str, found: Found<PathBuf>, label: &str) -> PathBuf {
    let Found { value, origin } = found;
    let path = value.display();
    let read = fs::metadata(&value).and_then(|met| match met.is_file() {
        true => fs::read(&value).map(|text| Some(Zeroizing::new(text))),
        false => Ok(None), // a pipe would never end
    });
    match read {
        Ok(Some(text)) if holds(&text, label) => {}
        Ok(None) => settings.fault(key, &origin, format!("{path} is not a file")),
        Ok(Some(_)) => settings.fault(key, &origin, format!("{path} holds no block \"{label}\" in PEM form")),
        Err(error) => settings.fault(key, &origin, format!("{path} cannot be read: {error}")),
    }
    value
}

fn holds(text: &[u8], label: &str) -> bool {
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let ends = |line: &[u8]| line.strip_suffix(b"-----").is_some_and(|line| line.ends_with(label.as_bytes()));
    lines.into_iter().any(|line| line.starts_with(b"-----BEGIN ") && ends(line))
}

/// A file that must be there and readable; it is not read here.
pub(super) fn file(settings: &mut Settings, key: &str, found: Found<PathBuf>) -> PathBuf {
    let Found { value, origin } = found;
    match fs::File::open(&value).and_then(|file| file.metadata()) {
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

/// The label of a certificate in PEM.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";
/// The end of the label of a private key in PEM.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";
