//! The configuration: what one start of the service goes by.
//!
//! A key is set by the TOML file, over it by the environment (`KEYPAIRS__SECTION__KEY`, where `_` inside a name stands
//! for `-` too), over it by a flag. Promise: a `Config` is checked, no setting is ever ignored, and all faults of a
//! start are told at once, each with its place and key. A secret, set in place or by file, is a [`Secret`], and is
//! printed nowhere.
//! `deploy/keypairs.example.toml` is the manual of the keys. It knows no adapter: `app.rs` builds from it.

#![forbid(unsafe_code)]

mod address;
mod check;
mod face;
mod fault;
mod file;
mod print;
mod providers;
mod secret;
mod section;
mod sections;
mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{EncryptionMode, ProjectId, ProviderName};
use crate::telemetry::LogFormat;

pub use face::{Face, FaceAccount};
pub use fault::{ConfigFault, Origin};
pub use providers::{Calls, Cloud, HuaweiAccess, Keys, Provider};
pub use secret::Secret;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the service keeps what it keeps. `data_dir`, `--data-dir`; default `./data`.
    pub data_dir: PathBuf,
    /// `--insecure`: plaintext on an address that is not loopback, gRPC's or the face's, is meant.
    pub insecure: bool,
    /// `--insecure-no-auth`: that callers there prove nothing is meant.
    pub insecure_no_auth: bool,
    /// `[server]`.
    pub server: Server,
    /// `[health]`.
    pub health: Health,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[store]`.
    pub store: Store,
    /// `[keyring]`.
    pub keyring: Keyring,
    /// `[quota]`.
    pub quota: Quota,
    /// `[projects.NAME]`: what is different for one project.
    pub projects: BTreeMap<ProjectId, Project>,
    /// `[deletion]`.
    pub deletion: Deletion,
    /// `[policy]`.
    pub policy: Policy,
    /// `[limits]`.
    pub limits: Limits,
    /// `[providers.NAME]`.
    pub providers: BTreeMap<ProviderName, Provider>,
    /// `[face]`; absent = no face.
    pub face: Option<Face>,
    /// `[log]`.
    pub log: Log,
}

/// The gRPC listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where gRPC listens; port 0 picks one.
    pub listen: SocketAddr,
    /// Whether reflection is served; default: on loopback only.
    pub reflection: bool,
    /// Absent = plaintext.
    pub tls: Option<Tls>,
}

/// TLS of the gRPC listener. The files were there and readable when the config was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// Who signs client certificates, PEM; there unless `client_auth` is `Off`.
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients show a certificate; default `Required` with a `client_ca_file`, else `Off`.
    pub client_auth: ClientAuth,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked for one.
    Off,
    /// One that is shown must be good.
    Optional,
    /// No call without a good one.
    Required,
}

/// The health service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// A plaintext listener for health alone; absent = on the gRPC port only.
    pub listen: Option<SocketAddr>,
}

/// The metrics endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics` is served.
    pub listen: SocketAddr,
    /// Nobody set it: then a taken port is a warning, not a failure.
    pub listen_is_default: bool,
}

/// The store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Which.
    pub kind: StoreKind,
    /// sled's cache in MiB; the process takes about twice as much.
    pub cache_mib: u64,
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// On disk, in the data directory.
    Sled,
    /// Gone when the process ends.
    Memory,
}

/// The local keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// Its file; default `keyring` in the data directory. It need not be there yet.
    pub file: PathBuf,
    /// Nobody set it: the keyring lies beside the data it protects, which deserves a warning.
    pub file_is_default: bool,
}

/// How much a project may hold unless its own section says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Live key pairs; 0 = none may be made.
    pub key_pairs_per_project: u64,
}

/// What is different for one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its quota; absent = the common one.
    pub key_pairs: Option<u64>,
    /// What it may ask for; the first is its default. Never empty, nothing twice.
    pub encryption: Vec<EncryptionMode>,
    /// Its smallest RSA modulus in bits; absent = that of the policy.
    pub min_rsa_bits: Option<u32>,
    /// Its smallest RSA public exponent; absent = that of the policy.
    pub min_rsa_exponent: Option<u32>,
    /// Key types it may bring beside those that all may; absent = those of the policy.
    pub allow_key_types: Option<Vec<KeyTypeAllowed>>,
}

/// A key type that is taken only where a policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTypeAllowed {
    /// DSA.
    Dsa,
}

/// What becomes of deleted pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Days until a deleted pair is purged; 0 = at once.
    pub retention_days: u32,
}

/// Which keys are acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The smallest RSA modulus in bits, 2048 to 8192.
    pub min_rsa_bits: u32,
    /// The smallest RSA public exponent, 3 to 65537.
    pub min_rsa_exponent: u32,
    /// The table of keys whose private halves are known, as `keypairs compromised build` writes it; absent = none.
    pub compromised_keys_file: Option<PathBuf>,
    /// Key types that are taken beside Ed25519, ECDSA and RSA.
    pub allow_key_types: Vec<KeyTypeAllowed>,
}

/// How much one call or all calls may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deadline of a call that brings none. Not above `max_deadline`.
    pub deadline: Duration,
    /// The longest deadline a call may bring; a longer one is cut.
    pub max_deadline: Duration,
    /// Threads that make RSA keys.
    pub rsa_workers: usize,
    /// How long a call may wait for one of them.
    pub rsa_queue_wait: Duration,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What is logged, as tracing's `EnvFilter` reads it.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen ADDR`, unchecked.
    pub listen: Option<String>,
    /// `--data-dir DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--insecure`.
    pub insecure: bool,
    /// `--insecure-no-auth`.
    pub insecure_no_auth: bool,
}

impl Config {
    /// Reads and checks the configuration of one start. `env` may hold variables that are none of ours.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        flags: Flags,
    ) -> Result<Self, Vec<ConfigFault>> {
        let mut settings = gather(file, env, &flags);
        let config = sections::read(&mut settings, flags);
        let faults = settings.finish();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// Every file that a secret was read from.
    pub fn secret_files(&self) -> Vec<&Path> {
        let of_providers = self.providers.values().flat_map(|provider| provider.cloud.secrets());
        let of_face = self.face.iter().flat_map(|face| &face.accounts).flat_map(FaceAccount::secrets);
        of_providers.chain(of_face).filter_map(Secret::file).collect()
    }

    /// The configuration in force, as a TOML file that means the same, but that secrets which were set in place are
    /// left out.
    pub fn print_redacted(&self) -> String {
        print::toml(self)
    }
}

/// Every key there is, in the order of reading; `NAME` stands for a project's id or a provider's name, and a list has
/// no numbers.
pub fn known_keys() -> Vec<String> {
    let one_of_each = ["PROJECTS__NAME__KEY_PAIRS", "PROVIDERS__NAME__KIND", "FACE__ACCOUNTS__0__CLOUD"];
    let env = one_of_each.map(|key| (format!("KEYPAIRS__{key}"), "1".to_owned()));
    let mut settings = gather(None, env, &Flags::default());
    sections::read(&mut settings, Flags::default());
    let plain = |key: String| key.replace(".name.", ".NAME.").replace("accounts.0.", "accounts.");
    settings.into_asked().into_iter().map(plain).collect()
}

/// The variables of the process that are meant for us. One that is not Unicode comes with replacement characters,
/// which no key takes where it matters.
pub fn environment() -> Vec<(String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEYPAIRS__"));
    ours.map(|(name, value)| (text(name), text(value))).collect()
}

fn gather(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>, flags: &Flags) -> settings::Settings {
    let mut list = Vec::new();
    if let Some(listen) = &flags.listen {
        let path = vec!["server".to_owned(), "listen".to_owned()];
        list.push(settings::Setting::new(path, Origin::Flag("--listen"), settings::Value::Word(listen.clone())));
    }
    let (of_env, mut faults) = settings::environment(env);
    let (of_file, more) = file.map(file::read).unwrap_or_default();
    list.extend(of_env);
    list.extend(of_file);
    faults.extend(more);
    settings::Settings::new(list, faults)
}
