//! Reads each section: which keys there are, what they take, what holds when they are not set.
//!
//! Promise: a section always comes out, with defaults where a setting did not fit, so that one fault never hides
//! another; whether there was a fault, `Settings` knows. What is not built yet is refused by name.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::{Found, Settings};
use super::{
    ClientAuth, Config, Deletion, Flags, Health, KeyTypeAllowed, Keyring, Limits, Log, Metrics, Policy, Project, Quota,
    Server, Store, StoreKind, Tls, check, face, providers,
};
use crate::model::{EncryptionMode, ProjectId};
use crate::telemetry::LogFormat;

/// Reads all sections and checks them against each other.
pub(super) fn read(settings: &mut Settings, flags: Flags) -> Config {
    let of_settings = settings.path("data_dir").map(|found| found.value);
    let data_dir = flags.data_dir.clone().or(of_settings).unwrap_or_else(|| "./data".into());
    let server = server(settings, &flags);
    let health = health(settings);
    let metrics = metrics(settings);
    let face = face::read(settings, &flags);
    check::listeners_differ(settings, &server, &health, &metrics);
    check::face_differs(settings, face.as_ref(), &server.value, (&health, &metrics));
    let near = check::is_loopback(server.value.listen);
    let config = Config {
        insecure: flags.insecure,
        insecure_no_auth: flags.insecure_no_auth,
        server: server.value,
        health: Health { listen: health.map(|found| found.value) },
        metrics,
        store: store(settings),
        keyring: keyring(settings, &data_dir),
        quota: quota(settings),
        projects: projects(settings),
        deletion: deletion(settings),
        policy: policy(settings),
        limits: limits(settings),
        providers: providers::read(settings, near),
        face: face.map(|found| found.value),
        log: log(settings),
        data_dir,
    };
    not_built(settings);
    config
}

/// The section; its origin is that of `listen`.
fn server(settings: &mut Settings, flags: &Flags) -> Found<Server> {
    settings.section("server");
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051));
    let Found { value: listen, origin } = settings.address("server.listen").unwrap_or(Found::default(default));
    let reflection = settings.truth("server.reflection").map(|found| found.value);
    let tls = tls(settings);
    let server = Server { listen, reflection: reflection.unwrap_or_else(|| check::is_loopback(listen)), tls };
    let server = Found { value: server, origin };
    check::exposure(settings, &server, flags);
    server
}

fn tls(settings: &mut Settings) -> Option<Tls> {
    let wanted = settings.section("server.tls");
    let cert_file = settings.path("server.tls.cert_file");
    let key_file = settings.path("server.tls.key_file");
    let client_ca_file = settings.path("server.tls.client_ca_file");
    let words = [("off", ClientAuth::Off), ("optional", ClientAuth::Optional), ("required", ClientAuth::Required)];
    let client_auth = settings.choice("server.tls.client_auth", &words);
    let section = wanted?;
    let default = if client_ca_file.is_some() { ClientAuth::Required } else { ClientAuth::Off };
    let client_auth = client_auth.unwrap_or(Found::default(default));
    check::client_ca(settings, &client_auth, client_ca_file.as_ref());
    Some(Tls {
        cert_file: check::needed_pem(settings, "server.tls.cert_file", cert_file, (&section, check::CERTIFICATE)),
        key_file: check::needed_pem(settings, "server.tls.key_file", key_file, (&section, check::PRIVATE_KEY)),
        client_ca_file: client_ca_file
            .map(|file| check::pem(settings, "server.tls.client_ca_file", file, check::CERTIFICATE)),
        client_auth: client_auth.value,
    })
}

fn health(settings: &mut Settings) -> Option<Found<SocketAddr>> {
    settings.section("health");
    settings.address("health.listen")
}

fn metrics(settings: &mut Settings) -> Metrics {
    settings.section("metrics");
    let listen = settings.address("metrics.listen").map(|found| found.value);
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 9464));
    Metrics { listen: listen.unwrap_or(default), listen_is_default: listen.is_none() }
}

fn store(settings: &mut Settings) -> Store {
    settings.section("store");
    let words = [("sled", Some(StoreKind::Sled)), ("memory", Some(StoreKind::Memory)), ("postgres", None)];
    let kind = settings.choice("store.kind", &words).unwrap_or(Found::default(Some(StoreKind::Sled)));
    if kind.value.is_none() {
        settings.fault("store.kind", &kind.origin, "postgres is not built yet; use sled or memory");
    }
    if let Some(origin) = settings.secret_origin("store.url") {
        settings.fault("store.url", &origin, "goes with kind = \"postgres\", which is not built yet; remove it");
    }
    let cache_mib = settings.whole("store.cache_mib", 8..=65_536).map_or(36, |found| found.value);
    Store { kind: kind.value.unwrap_or(StoreKind::Sled), cache_mib }
}

fn keyring(settings: &mut Settings, data_dir: &Path) -> Keyring {
    settings.section("keyring");
    let file: Option<PathBuf> = settings.path("keyring.file").map(|found| found.value);
    Keyring { file_is_default: file.is_none(), file: file.unwrap_or_else(|| data_dir.join("keyring")) }
}

fn quota(settings: &mut Settings) -> Quota {
    settings.section("quota");
    let key_pairs = settings.whole("quota.key_pairs_per_project", 0..=MAX_QUOTA);
    Quota { key_pairs_per_project: key_pairs.map_or(500, |found| found.value) }
}

fn projects(settings: &mut Settings) -> BTreeMap<ProjectId, Project> {
    let mut projects = BTreeMap::new();
    for (name, origin) in settings.names("projects") {
        match ProjectId::parse("", &name) {
            Ok(id) if !name.is_empty() => {
                let project = project(settings, &format!("projects.{name}"));
                projects.insert(id, project);
            }
            _ => {
                settings.skip(&["projects", &name]);
                let message = "a project id must be 1 to 63 of a-z, 0-9 and '-', not starting with '-'";
                settings.fault(&format!("projects.{name:?}"), &origin, message);
            }
        }
    }
    projects
}

fn project(settings: &mut Settings, section: &str) -> Project {
    settings.section(section);
    let key_pairs = settings.whole(&format!("{section}.key_pairs"), 0..=MAX_QUOTA).map(|found| found.value);
    let key = format!("{section}.encryption");
    let encryption = settings.texts(&key).and_then(|words| check::encryption(settings, &key, &words));
    let encryption = encryption.unwrap_or(vec![EncryptionMode::Default, EncryptionMode::Kms]);
    let allow_key_types = allow_key_types(settings, &format!("{section}.allow_key_types"));
    let (min_rsa_bits, min_rsa_exponent) = rsa_bounds(settings, section);
    Project { key_pairs, encryption, min_rsa_bits, min_rsa_exponent, allow_key_types }
}

fn deletion(settings: &mut Settings) -> Deletion {
    settings.section("deletion");
    Deletion { retention_days: settings.small("deletion.retention_days", 0..=3650).unwrap_or(7) }
}

fn policy(settings: &mut Settings) -> Policy {
    settings.section("policy");
    let allow_key_types = allow_key_types(settings, "policy.allow_key_types").unwrap_or_default();
    let (min_rsa_bits, min_rsa_exponent) = rsa_bounds(settings, "policy");
    let compromised = settings.path("policy.compromised_keys_file");
    Policy {
        min_rsa_bits: min_rsa_bits.unwrap_or(2048),
        min_rsa_exponent: min_rsa_exponent.unwrap_or(65_537),
        compromised_keys_file: compromised.map(|file| check::file(settings, "policy.compromised_keys_file", file)),
        allow_key_types,
    }
}

/// The smallest RSA modulus in bits and the smallest exponent that a section sets.
fn rsa_bounds(settings: &mut Settings, section: &str) -> (Option<u32>, Option<u32>) {
    let bits = settings.small(&format!("{section}.min_rsa_bits"), 2048..=8192);
    (bits, settings.small(&format!("{section}.min_rsa_exponent"), 3..=65_537))
}

fn allow_key_types(settings: &mut Settings, key: &str) -> Option<Vec<KeyTypeAllowed>> {
    let words = settings.texts(key)?;
    check::key_types(settings, key, &words)
}

fn limits(settings: &mut Settings) -> Limits {
    settings.section("limits");
    let max_deadline = settings.whole("limits.max_deadline_seconds", 1..=3600).map_or(60, |found| found.value);
    let deadline = settings.whole("limits.deadline_seconds", 1..=3600);
    check::deadlines(settings, deadline.as_ref(), max_deadline);
    let deadline = deadline.map_or(10.min(max_deadline), |found| found.value);
    let rsa_workers = settings.small("limits.rsa_workers", 1..=256).unwrap_or(2);
    let rsa_queue_wait = settings.whole("limits.rsa_queue_wait_seconds", 0..=3600).map_or(8, |found| found.value);
    Limits {
        deadline: Duration::from_secs(deadline),
        max_deadline: Duration::from_secs(max_deadline),
        rsa_workers: rsa_workers as usize, // at most 256
        rsa_queue_wait: Duration::from_secs(rsa_queue_wait),
    }
}

fn log(settings: &mut Settings) -> Log {
    settings.section("log");
    let level = settings.text("log.level").unwrap_or(Found::default("info".to_owned()));
    if let Err(message) = crate::telemetry::check_level(&level.value) {
        settings.fault("log.level", &level.origin, message);
    }
    let words = [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
    let format = settings.choice("log.format", &words).map_or(LogFormat::Auto, |found| found.value);
    Log { level: level.value, format }
}

/// Sections that the contract names and that are not built yet: refused, never ignored.
fn not_built(settings: &mut Settings) {
    for (section, what) in NOT_BUILT {
        let whole = settings.section(section);
        let names = settings.names(section);
        settings.skip(&[section]);
        if let (Some(origin), true) = (whole, names.is_empty()) {
            settings.fault(section, &origin, what);
        }
        for (name, origin) in names {
            settings.fault(&format!("{section}.{name}"), &origin, what);
        }
    }
}

const MAX_QUOTA: u64 = 10_000_000;

const NOT_BUILT: [(&str, &str); 3] = [
    ("kms", "outside key-management services are not built yet; kms keys live in the local keyring; remove it"),
    ("auth", "authentication by token is not built yet; use client certificates ([server.tls]) or loopback; remove it"),
    ("audit", "audit sinks are not built yet; remove it"),
];
