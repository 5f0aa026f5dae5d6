//! Data for stdout, as people, programs or both like it: tables, proto3 JSON, YAML.
//!
//! Promise: no colours; control characters of foreign text never reach a terminal; a reader who stops reading
//! (`| head`) is no failure. Messages come here after their private key was taken out.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;

use super::failure::Failure;
use crate::grpc::pb::operator::KeyVersion;
use crate::grpc::pb::{DESCRIPTORS, GetProjectResponse, InspectResponse, KeyPair, RemoteKeyPair};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Table,
    /// proto3 JSON
    Json,
    /// The same in YAML
    Yaml,
}

/// Prints data on stdout.
#[derive(Clone, Copy, Debug)]
pub struct Output(pub OutputFormat);

/// One thing that `doctor` looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    /// What.
    pub what: String,
    /// Whether it is well.
    pub is_well: bool,
    /// In words.
    pub words: String,
}

impl Checkup {
    /// It is well.
    pub fn well(what: impl Into<String>, words: impl Into<String>) -> Self {
        Self { what: what.into(), is_well: true, words: words.into() }
    }

    /// It is not.
    pub fn ill(what: impl Into<String>, words: impl Into<String>) -> Self {
        Self { what: what.into(), is_well: false, words: words.into() }
    }
}

impl Output {
    /// Prints what `doctor` found.
    ///
    /// Errors: stdout cannot be written.
    pub fn checkups(self, told: &[Checkup]) -> Result<(), Failure> {
        self.value(&serde_json::json!({ "checkups": told }), || {
            let state = |is_well| if is_well { "ok" } else { "NOT WELL" };
            let row = |checkup: &Checkup| [checkup.what.clone(), state(checkup.is_well).into(), checkup.words.clone()];
            columns(&["WHAT", "STATE", "WORDS"], told.iter().map(row))
        })
    }

    /// Prints one key pair: `message` of type `keypairs.v1.TYPE` for programs, a table for people.
    pub(super) fn key_pair(self, kind: &str, message: &impl Message, pair: Option<&KeyPair>) -> Result<(), Failure> {
        self.message(kind, message, || pair.map_or_else(String::new, |pair| lines(&pair_facts(pair))))
    }

    /// Prints key pairs.
    pub(super) fn key_pairs(self, kind: &str, message: &impl Message, pairs: &[KeyPair]) -> Result<(), Failure> {
        self.message(kind, message, || {
            let head = ["NAME", "ID", "TYPE", "BITS", "PRIVATE KEY", "STATE", "FINGERPRINT", "CREATED"];
            columns(&head, pairs.iter().map(pair_row))
        })
    }

    /// Prints what a project holds and may hold.
    pub(super) fn project(self, project: &GetProjectResponse) -> Result<(), Failure> {
        self.message("GetProjectResponse", project, || {
            lines(&[
                ("project", project.project_id.clone()),
                ("key pairs", project.key_pairs.to_string()),
                ("quota", project.quota.to_string()),
            ])
        })
    }

    /// Prints what a cloud account holds.
    pub(super) fn inspection(self, found: &InspectResponse) -> Result<(), Failure> {
        self.message("InspectResponse", found, || {
            let row = |item: &RemoteKeyPair| {
                let finding = word(item.finding().as_str_name(), "FINDING_");
                [item.remote_id.clone(), item.remote_name.clone(), finding, item.key_pair_id.clone()]
            };
            columns(&["REMOTE ID", "REMOTE NAME", "FINDING", "KEY PAIR"], found.items.iter().map(row))
        })
    }

    /// Prints what became of each pair that was to be adopted: remote id, remote name, outcome.
    pub(super) fn adoptions(self, rows: &[[String; 3]]) -> Result<(), Failure> {
        let told: Vec<_> = rows
            .iter()
            .map(|[id, name, outcome]| serde_json::json!({"remoteId": id, "remoteName": name, "outcome": outcome}))
            .collect();
        self.value(&serde_json::json!({ "adoptions": told }), || {
            columns(&["REMOTE ID", "REMOTE NAME", "OUTCOME"], rows.iter().cloned())
        })
    }

    /// Prints versions of keyring keys.
    ///
    /// Errors: stdout cannot be written.
    pub fn key_versions(self, versions: &[KeyVersion]) -> Result<(), Failure> {
        let told: Vec<_> = versions.iter().map(ToldVersion::from).collect();
        self.value(&serde_json::json!({ "versions": told }), || {
            let row = |v: &ToldVersion| [v.name.clone(), v.version.to_string(), v.state.clone(), v.create_time.clone()];
            columns(&["NAME", "VERSION", "STATE", "CREATED"], told.iter().map(row))
        })
    }

    fn message(self, kind: &str, message: &impl Message, table: impl FnOnce() -> String) -> Result<(), Failure> {
        self.value(&dynamic(kind, message)?, table)
    }

    fn value(self, value: &impl Serialize, table: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = match self.0 {
            OutputFormat::Table => table(),
            OutputFormat::Json => serde_json::to_string_pretty(value).map_err(unprintable)?,
            OutputFormat::Yaml => serde_saphyr::to_string(value).map_err(unprintable)?,
        };
        if text.is_empty() {
            return Ok(());
        }
        print(text.trim_end().as_bytes()).and_then(|()| print(b"\n"))
    }
}

/// Writes bytes to stdout.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Local(format!("stdout: {e}"))),
        _ => Ok(()),
    }
}

/// Says something to the person at the terminal.
pub(super) fn say(text: &str) {
    // There is nowhere to tell that stderr cannot be written.
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// The text with every control character replaced.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A key version as `keyring status` tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldVersion {
    name: String,
    version: u32,
    state: String,
    create_time: String,
}

impl From<&KeyVersion> for ToldVersion {
    fn from(version: &KeyVersion) -> Self {
        let time = jiff::Timestamp::from_millisecond(version.create_ms);
        Self {
            name: version.name.clone(),
            version: version.version,
            state: version.state.clone(),
            create_time: time.map_or_else(|_| version.create_ms.to_string(), |time| format!("{time:.0}")),
        }
    }
}

/// The message by its descriptor: what proto3 JSON is made from.
fn dynamic(kind: &str, message: &impl Message) -> Result<DynamicMessage, Failure> {
    let pool = DescriptorPool::decode(DESCRIPTORS).map_err(unprintable)?;
    let descriptor = pool.get_message_by_name(&format!("keypairs.v1.{kind}")).ok_or_else(|| unprintable(kind))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(unprintable)
}

fn unprintable(error: impl std::fmt::Display) -> Failure {
    Failure::Local(format!("the answer cannot be printed: {error}"))
}

fn pair_facts(pair: &KeyPair) -> Vec<(&'static str, String)> {
    let encryption = pair.encryption.as_ref().map(|e| {
        let key = if e.kms_key_name.is_empty() { &e.kms_key_id } else { &e.kms_key_name };
        format!("{} {key} {} {}", word(e.r#type().as_str_name(), "ENCRYPTION_TYPE_"), e.backend, e.key_version)
    });
    let labels: Vec<_> = pair.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut facts = vec![
        ("name", pair.name.clone()),
        ("id", pair.id.clone()),
        ("project", pair.project_id.clone()),
        ("description", pair.description.clone()),
        ("labels", labels.join(", ")),
        ("user id", pair.user_id.clone()),
        ("type", format!("{} {}", key_type(pair), pair.bits)),
        ("state", word(pair.state().as_str_name(), "KEY_PAIR_STATE_")),
        ("private key", word(pair.private_key_state().as_str_name(), "PRIVATE_KEY_STATE_")),
        ("encryption", encryption.unwrap_or_default()),
        ("origin", word(pair.origin().as_str_name(), "ORIGIN_")),
        ("public key", pair.public_key.clone()),
        ("fingerprint", pair.fingerprint_sha256.clone()),
        ("fingerprint (MD5)", pair.fingerprint_md5.clone()),
        ("created", time(pair.create_time)),
        ("updated", time(pair.update_time)),
        ("deleted", time(pair.delete_time)),
        ("gone for good", time(pair.purge_time)),
        ("etag", pair.etag.clone()),
    ];
    for placement in &pair.placements {
        let state = word(placement.state().as_str_name(), "PLACEMENT_STATE_");
        let told =
            [&placement.provider, &state, &placement.remote_id, &placement.error_reason, &placement.error_message];
        facts.push(("placement", told.into_iter().filter(|t| !t.is_empty()).cloned().collect::<Vec<_>>().join(" ")));
    }
    facts
}

fn pair_row(pair: &KeyPair) -> [String; 8] {
    [
        pair.name.clone(),
        pair.id.clone(),
        key_type(pair),
        pair.bits.to_string(),
        word(pair.private_key_state().as_str_name(), "PRIVATE_KEY_STATE_"),
        word(pair.state().as_str_name(), "KEY_PAIR_STATE_"),
        pair.fingerprint_sha256.clone(),
        time(pair.create_time),
    ]
}

fn key_type(pair: &KeyPair) -> String {
    word(pair.key_type().as_str_name(), "KEY_TYPE_")
}

/// `KEY_TYPE_SK_ED25519` as it is typed: `sk-ed25519`.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_ascii_lowercase().replace('_', "-")
}

fn time(time: Option<prost_types::Timestamp>) -> String {
    let read = time.and_then(|t| jiff::Timestamp::new(t.seconds, t.nanos).ok());
    read.map(|t| format!("{t:.0}")).unwrap_or_default()
}

/// One fact a line; empty ones are left out.
fn lines(facts: &[(&str, String)]) -> String {
    let mut table = plain_table();
    for (fact, value) in facts.iter().filter(|(_, value)| !value.trim().is_empty()) {
        table.add_row([*fact, &printable(value)]);
    }
    table.trim_fmt()
}

fn columns<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = plain_table();
    table.set_header(*head);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    table.trim_fmt()
}

/// No lines, and cells as long as they are: other programs cut such tables well.
fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}
