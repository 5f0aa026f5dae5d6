//! `[providers.NAME]`: the clouds that key pairs can be placed at.
//!
//! Promise: what a cloud cannot do without is there, and what it does not know is refused. It knows no adapter: these
//! are words, which `app/providers.rs` builds from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;
use super::section::Section;
use super::settings::{Found, Settings};
use super::{address, check};
use crate::model::{LOCAL, ProviderKind, ProviderName};
use crate::sshkey::Algorithm;

/// One account at one cloud, in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Which cloud, and who calls it.
    pub cloud: Cloud,
    /// Scheme, host and port, such as `https://bcc.bj.baidubce.com`; nothing after them.
    pub endpoint: String,
    /// The region, in the cloud's words.
    pub region: String,
    /// Key types that are sent there; absent = those of the cloud's page.
    pub key_types: Option<Vec<Algorithm>>,
    /// Plaintext, or an endpoint on this machine or its link, is meant even when gRPC listens beyond loopback.
    pub allow_insecure_endpoint: bool,
    /// How it is called.
    pub calls: Calls,
}

/// Which cloud a provider is, and what the cloud wants to know of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Baidu BCC.
    Baidu(Keys),
    /// Tencent CVM.
    Tencent {
        /// Who signs.
        keys: Keys,
        /// The ProjectId of placements that name none.
        project: i64,
    },
    /// Huawei KPS.
    Huawei {
        /// Who signs, or calls.
        access: HuaweiAccess,
        /// The project in the path.
        project: String,
    },
}

/// What signs requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The access key; Tencent calls it SecretId.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
    /// The token that goes with temporary keys.
    pub security_token: Option<Secret>,
}

/// How Huawei knows a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HuaweiAccess {
    /// By signature.
    Keys(Keys),
    /// By X-Auth-Token.
    Token(Secret),
}

/// How a cloud is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The whole of one request.
    pub timeout: Duration,
    /// Until the connection stands. Not above `timeout`.
    pub connect_timeout: Duration,
    /// Requests a second and action; 0 = as many as come.
    pub rate: u32,
    /// Requests under way at a time; at least 1.
    pub in_flight: usize,
    /// Certificate authorities, PEM, to trust instead of the usual ones; it was there when the config was read.
    pub ca_file: Option<PathBuf>,
    /// A proxy: scheme, host and port.
    pub proxy: Option<String>,
}

impl Cloud {
    /// Which cloud.
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::Baidu(_) => ProviderKind::Baidu,
            Self::Tencent { .. } => ProviderKind::Tencent,
            Self::Huawei { .. } => ProviderKind::Huawei,
        }
    }

    /// Everything secret that is set.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::Baidu(keys) | Self::Tencent { keys, .. } => keys.secrets(),
            Self::Huawei { access: HuaweiAccess::Keys(keys), .. } => keys.secrets(),
            Self::Huawei { access: HuaweiAccess::Token(token), .. } => vec![token],
        }
    }
}

impl Keys {
    fn secrets(&self) -> Vec<&Secret> {
        [&self.secret_key].into_iter().chain(&self.security_token).collect()
    }
}

/// Reads all of them. `near`: gRPC listens on loopback, so that who reaches the service is on this machine anyway.
pub(super) fn read(settings: &mut Settings, near: bool) -> BTreeMap<ProviderName, Provider> {
    let mut providers = BTreeMap::new();
    for (name, origin) in settings.names("providers") {
        match ProviderName::parse("", &name) {
            Ok(id) if name != LOCAL => {
                let section = Section { path: format!("providers.{name}"), origin };
                providers.insert(id, provider(settings, &section, near));
            }
            Ok(_) => {
                settings.skip(&["providers", LOCAL]);
                let message = "the provider local is this service itself and is always there; remove it";
                settings.fault("providers.local", &origin, message);
            }
            Err(violation) => {
                settings.skip(&["providers", &name]);
                settings.fault(&format!("providers.{name:?}"), &origin, violation.message);
            }
        }
    }
    providers
}

/// What is set of a provider's ways to prove who it is.
struct Proof {
    access_key: Option<Found<String>>,
    secret_key: Option<Found<Secret>>,
    security_token: Option<Found<Secret>>,
    auth_token: Option<Found<Secret>>,
    project: Option<Found<String>>,
}

fn provider(settings: &mut Settings, section: &Section, near: bool) -> Provider {
    settings.section(&section.path);
    let words = ProviderKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = settings.choice(&section.key("kind"), &words);
    let kind = section.needs(settings, "kind", kind);
    let region = region(settings, section, kind);
    let allow = settings.truth(&section.key("allow_insecure_endpoint")).is_some_and(|found| found.value);
    let endpoint = endpoint(settings, section, (kind, &region), near || allow);
    let proof = Proof {
        access_key: settings.text(&section.key("access_key")),
        secret_key: settings.secret(&section.key("secret_key")),
        security_token: settings.secret(&section.key("security_token")),
        auth_token: settings.secret(&section.key("auth_token")),
        project: settings.word(&section.key("cloud_project_id")),
    };
    Provider {
        endpoint,
        region,
        key_types: key_types(settings, &section.key("key_types")),
        allow_insecure_endpoint: allow,
        calls: calls(settings, section, kind),
        cloud: cloud(settings, section, kind, proof),
    }
}

fn region(settings: &mut Settings, section: &Section, kind: Option<ProviderKind>) -> String {
    let found = section.region(settings);
    match kind {
        // The default of the cloud's own clients; the other two have none.
        Some(ProviderKind::Baidu) => found.map_or_else(|| "bj".to_owned(), |found| found.value),
        Some(_) => section.needs(settings, "region", found).unwrap_or_default(),
        None => String::new(),
    }
}

fn endpoint(
    settings: &mut Settings,
    section: &Section,
    (kind, region): (Option<ProviderKind>, &str),
    allowed: bool,
) -> String {
    let key = section.key("endpoint");
    let Some(Found { value, origin }) = settings.text(&key) else {
        return kind.map(|kind| default_endpoint(kind, region)).unwrap_or_default();
    };
    let Some(found) = settings.fitting(&key, origin, address::endpoint(&value)) else { return String::new() };
    if let (Some(risk), false) = (found.value.risk, allowed) {
        let message = format!(
            "{risk}, and gRPC listens beyond loopback: keys could be read on the way, or callers reach what only this \
             machine should; use the cloud's https endpoint, or set allow_insecure_endpoint = true if that is meant"
        );
        settings.fault(&key, &found.origin, message);
    }
    found.value.base
}

fn default_endpoint(kind: ProviderKind, region: &str) -> String {
    match kind {
        ProviderKind::Baidu => format!("https://bcc.{region}.baidubce.com"),
        ProviderKind::Tencent => "https://cvm.tencentcloudapi.com".to_owned(),
        // KPS is served on the host of KMS.
        ProviderKind::Huawei => format!("https://kms.{region}.myhuaweicloud.com"),
    }
}

fn cloud(settings: &mut Settings, section: &Section, kind: Option<ProviderKind>, mut proof: Proof) -> Cloud {
    let token = proof.auth_token.take();
    let auth_token = section.only_for(settings, "auth_token", token, (ProviderKind::Huawei, kind));
    match kind {
        Some(ProviderKind::Huawei) => {
            let key = section.key("cloud_project_id");
            let project = proof.project.take().and_then(|found| check::huawei_project(settings, &key, found));
            let project = section.needs(settings, "cloud_project_id", project).unwrap_or_default();
            Cloud::Huawei { access: huawei_access(settings, section, auth_token, proof), project }
        }
        Some(ProviderKind::Tencent) => {
            let key = section.key("cloud_project_id");
            let project = proof.project.take().and_then(|found| check::tencent_project(settings, &key, found));
            Cloud::Tencent { keys: keys(settings, section, proof), project: project.unwrap_or(0) }
        }
        Some(ProviderKind::Baidu) => {
            let why = "is for huawei and tencent alone";
            section.has_no_use_for(settings, "cloud_project_id", proof.project.as_ref(), why);
            Cloud::Baidu(keys(settings, section, proof))
        }
        // What it would need is not known; the fault is kept.
        None => Cloud::Baidu(Keys { access_key: String::new(), secret_key: Secret::none(), security_token: None }),
    }
}

fn huawei_access(settings: &mut Settings, section: &Section, token: Option<Secret>, proof: Proof) -> HuaweiAccess {
    let Some(token) = token.or_else(|| section.has_secret(settings, "auth_token").then(Secret::none)) else {
        return HuaweiAccess::Keys(keys(settings, section, proof));
    };
    let why = "is set as well as auth_token, which takes its place";
    section.has_no_use_for(settings, "access_key", proof.access_key.as_ref(), why);
    section.has_no_use_for(settings, "secret_key", proof.secret_key.as_ref(), why);
    section.has_no_use_for(settings, "security_token", proof.security_token.as_ref(), why);
    HuaweiAccess::Token(token)
}

fn keys(settings: &mut Settings, section: &Section, proof: Proof) -> Keys {
    let key = section.key("access_key");
    let access_key = proof.access_key.and_then(|found| check::access_key(settings, &key, found));
    Keys {
        access_key: section.needs(settings, "access_key", access_key).unwrap_or_default(),
        secret_key: section.needs_secret(settings, "secret_key", proof.secret_key).unwrap_or_else(Secret::none),
        security_token: proof.security_token.map(|found| found.value),
    }
}

/// The algorithms that are sent to a cloud.
fn key_types(settings: &mut Settings, key: &str) -> Option<Vec<Algorithm>> {
    let words = settings.texts(key)?;
    let read = |word: &String| ALGORITHMS.iter().find(|(known, _)| known == word).map(|(_, algorithm)| *algorithm);
    let types: Option<Vec<Algorithm>> = words.value.iter().map(read).collect();
    let known = || ALGORITHMS.map(|(word, _)| word).join(", ");
    let message = match &types {
        None => format!("holds a word that is not one of {}", known()),
        Some(types) if types.is_empty() => format!("is empty; name some of {}, or remove it", known()),
        Some(types) if types.iter().enumerate().any(|(i, one)| types[..i].contains(one)) => "names a type twice".into(),
        Some(_) => return types,
    };
    settings.fault(key, &words.origin, message);
    None
}

fn calls(settings: &mut Settings, section: &Section, kind: Option<ProviderKind>) -> Calls {
    let timeout = settings.whole(&section.key("timeout_seconds"), 1..=300).map_or(8, |found| found.value);
    let key = section.key("connect_timeout_seconds");
    let connect = settings.whole(&key, 1..=300);
    if let Some(found) = connect.as_ref().filter(|found| found.value > timeout) {
        let message = format!("is {}, above timeout_seconds, which is {timeout}", found.value);
        settings.fault(&key, &found.origin, message);
    }
    let rate = settings.small(&section.key("rate"), 0..=100_000);
    let in_flight = settings.small(&section.key("in_flight"), 1..=1024).unwrap_or(32);
    let ca_file = settings.path(&section.key("ca_file"));
    let key = section.key("proxy");
    let proxy = settings.text(&key);
    let proxy = proxy.and_then(|found| settings.fitting(&key, found.origin, address::proxy(&found.value)));
    Calls {
        timeout: Duration::from_secs(timeout),
        connect_timeout: Duration::from_secs(connect.map_or(3.min(timeout), |found| found.value)),
        rate: rate.unwrap_or(match kind {
            Some(ProviderKind::Tencent) => 10, // as its page says
            Some(ProviderKind::Huawei) => 20,  // its KMS's figure: its KPS tells none
            _ => 0,
        }),
        in_flight: in_flight as usize, // at most 1024
        ca_file: ca_file.map(|file| check::pem(settings, &section.key("ca_file"), file, check::CERTIFICATE)),
        proxy: proxy.map(|found| found.value),
    }
}

/// The words of `key_types`.
pub(super) const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("ed25519", Algorithm::Ed25519),
    ("ecdsa", Algorithm::Ecdsa),
    ("rsa", Algorithm::Rsa),
    ("dsa", Algorithm::Dsa),
    ("sk-ed25519", Algorithm::SkEd25519),
    ("sk-ecdsa", Algorithm::SkEcdsa),
];
