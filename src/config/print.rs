//! The configuration in force, as TOML that means the same.
//!
//! Promise: reading it again gives the same configuration, where defaults have become settings (a test holds it), but for
//! secrets that were set in place: a word stands for each. It holds no secret.

use std::path::Path;

use toml::{Table, Value};

use super::providers::ALGORITHMS;
use super::{
    ClientAuth, Cloud, Config, Face, FaceAccount, HuaweiAccess, KeyTypeAllowed, Keys, Project, Provider, Secret,
    Server, StoreKind,
};
use crate::telemetry::LogFormat;

/// The whole of it. What only flags can say stands in the first line, as a comment.
pub(super) fn toml(config: &Config) -> String {
    let said = [(config.insecure, " --insecure"), (config.insecure_no_auth, " --insecure-no-auth")];
    let flags: String = said.iter().filter(|(said, _)| *said).map(|(_, flag)| *flag).collect();
    let comment = if flags.is_empty() { String::new() } else { format!("# flags:{flags}\n") };
    // Serialising text, numbers and lists of them cannot fail.
    format!("{comment}{}", toml::to_string(&table(config)).unwrap_or_default())
}

fn table(config: &Config) -> Table {
    let limits = &config.limits;
    let mut all = Table::new();
    all.insert("data_dir".into(), path(&config.data_dir));
    let mut put = |name: &str, section: Table| all.insert(name.into(), section.into());
    put("server", server(&config.server));
    if let Some(listen) = config.health.listen {
        put("health", section([("listen", text(listen))]));
    }
    put("metrics", section([("listen", text(config.metrics.listen))]));
    let kind = match config.store.kind {
        StoreKind::Sled => "sled",
        StoreKind::Memory => "memory",
    };
    put("store", section([("kind", text(kind)), ("cache_mib", number(config.store.cache_mib))]));
    put("keyring", section([("file", path(&config.keyring.file))]));
    put("quota", section([("key_pairs_per_project", number(config.quota.key_pairs_per_project))]));
    let projects = config.projects.iter().map(|(id, own)| (id.to_string(), Value::from(project(own))));
    put("projects", projects.collect());
    put("deletion", section([("retention_days", number(config.deletion.retention_days))]));
    let policy = &config.policy;
    let key_types = ("allow_key_types", key_types(&policy.allow_key_types));
    let mut keys = vec![key_types, ("min_rsa_bits", number(policy.min_rsa_bits))];
    keys.push(("min_rsa_exponent", number(policy.min_rsa_exponent)));
    keys.extend(policy.compromised_keys_file.as_deref().map(|file| ("compromised_keys_file", path(file))));
    put("policy", section(keys));
    let rsa_workers = number(limits.rsa_workers as u64); // usize is never wider
    let seconds = [
        ("deadline_seconds", number(limits.deadline.as_secs())),
        ("max_deadline_seconds", number(limits.max_deadline.as_secs())),
        ("rsa_queue_wait_seconds", number(limits.rsa_queue_wait.as_secs())),
        ("rsa_workers", rsa_workers),
    ];
    put("limits", section(seconds));
    let providers = config.providers.iter().map(|(name, own)| (name.to_string(), Value::from(provider(own))));
    put("providers", providers.collect());
    if let Some(of_face) = &config.face {
        put("face", face(of_face));
    }
    let format = match config.log.format {
        LogFormat::Auto => "auto",
        LogFormat::Json => "json",
        LogFormat::Pretty => "pretty",
    };
    put("log", section([("level", text(&config.log.level)), ("format", text(format))]));
    all
}

fn server(server: &Server) -> Table {
    let mut table = section([("listen", text(server.listen)), ("reflection", server.reflection.into())]);
    if let Some(tls) = &server.tls {
        let auth = match tls.client_auth {
            ClientAuth::Off => "off",
            ClientAuth::Optional => "optional",
            ClientAuth::Required => "required",
        };
        let mut keys = vec![("cert_file", path(&tls.cert_file)), ("key_file", path(&tls.key_file))];
        keys.push(("client_auth", text(auth)));
        keys.extend(tls.client_ca_file.as_deref().map(|file| ("client_ca_file", path(file))));
        table.insert("tls".into(), section(keys).into());
    }
    table
}

fn project(own: &Project) -> Table {
    let modes: Vec<Value> = own.encryption.iter().map(|mode| text(mode.as_str())).collect();
    let mut keys = vec![("encryption", Value::from(modes))];
    keys.extend(own.key_pairs.map(|quota| ("key_pairs", number(quota))));
    keys.extend(own.min_rsa_bits.map(|bits| ("min_rsa_bits", number(bits))));
    keys.extend(own.min_rsa_exponent.map(|exponent| ("min_rsa_exponent", number(exponent))));
    keys.extend(own.allow_key_types.as_deref().map(|types| ("allow_key_types", key_types(types))));
    section(keys)
}

fn provider(own: &Provider) -> Table {
    let mut keys = vec![("kind", text(own.cloud.kind().as_str())), ("endpoint", text(&own.endpoint))];
    keys.push(("region", text(&own.region)));
    keys.push(("allow_insecure_endpoint", own.allow_insecure_endpoint.into()));
    keys.extend(match &own.cloud {
        Cloud::Baidu(keys) => credentials(keys),
        Cloud::Tencent { keys, project } => [credentials(keys), vec![("cloud_project_id", text(project))]].concat(),
        Cloud::Huawei { access, project } => {
            let access = match access {
                HuaweiAccess::Keys(keys) => credentials(keys),
                HuaweiAccess::Token(token) => vec![secret(token, ["auth_token", "auth_token_file"])],
            };
            [access, vec![("cloud_project_id", text(project))]].concat()
        }
    });
    if let Some(types) = &own.key_types {
        let word = |wanted| ALGORITHMS.iter().find(|(_, algorithm)| algorithm == wanted).map(|(word, _)| text(word));
        keys.push(("key_types", Value::from(types.iter().filter_map(word).collect::<Vec<Value>>())));
    }
    let calls = &own.calls;
    keys.push(("timeout_seconds", number(calls.timeout.as_secs())));
    keys.push(("connect_timeout_seconds", number(calls.connect_timeout.as_secs())));
    keys.push(("rate", number(calls.rate)));
    keys.push(("in_flight", number(calls.in_flight as u64))); // usize is never wider
    keys.extend(calls.ca_file.as_deref().map(|file| ("ca_file", path(file))));
    keys.extend(calls.proxy.as_ref().map(|proxy| ("proxy", text(proxy))));
    section(keys)
}

fn credentials(keys: &Keys) -> Vec<(&'static str, Value)> {
    let mut all = vec![("access_key", text(&keys.access_key))];
    all.push(secret(&keys.secret_key, ["secret_key", "secret_key_file"]));
    all.extend(keys.security_token.as_ref().map(|token| secret(token, ["security_token", "security_token_file"])));
    all
}

/// The file of a secret under the second name, or a word in its place under the first.
fn secret(secret: &Secret, [plain, file]: [&'static str; 2]) -> (&'static str, Value) {
    match secret.file() {
        Some(at) => (file, path(at)),
        None => (plain, text("(set)")),
    }
}

fn face(face: &Face) -> Table {
    let accounts = face.accounts.iter().map(|own| Value::from(account(own))).collect::<Vec<Value>>();
    section([("listen", text(face.listen)), ("accounts", Value::from(accounts))])
}

fn account(own: &FaceAccount) -> Table {
    let mut keys = vec![("cloud", text(own.cloud.as_str())), ("access_key", text(&own.access_key))];
    keys.extend(own.secret_key.as_ref().map(|key| secret(key, ["secret_key", "secret_key_file"])));
    keys.extend(own.auth_token.as_ref().map(|token| secret(token, ["auth_token", "auth_token_file"])));
    if !own.cloud_project_id.is_empty() {
        keys.push(("cloud_project_id", text(&own.cloud_project_id)));
    }
    if !own.cloud_project_ids.is_empty() {
        let ids: Vec<Value> = own.cloud_project_ids.iter().copied().map(Value::Integer).collect();
        keys.extend([("cloud_project_ids", ids.into()), ("resources_per_tag", number(own.resources_per_tag))]);
    }
    keys.extend([("project_id", text(&own.project)), ("user_id", text(own.user_id.as_str()))]);
    keys.push(("region", text(&own.region)));
    keys.extend([("quota", number(own.quota)), ("rate", number(own.rate))]);
    section(keys)
}

fn key_types(allowed: &[KeyTypeAllowed]) -> Value {
    let word = |kind: &KeyTypeAllowed| match kind {
        KeyTypeAllowed::Dsa => text("dsa"),
    };
    Value::from(allowed.iter().map(word).collect::<Vec<Value>>())
}

fn section(keys: impl IntoIterator<Item = (&'static str, Value)>) -> Table {
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn path(value: &Path) -> Value {
    text(value.display())
}

fn number(value: impl Into<u64>) -> Value {
    // Every number of the configuration has a bound far below.
    Value::Integer(i64::try_from(value.into()).unwrap_or(i64::MAX))
}
