//! What can be typed after the client commands. The flags are the fields of the requests, in kebab-case.
//!
//! No flag holds a secret: passphrases, tokens and keys come from files or stdin.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::cloud_args::{Adopt, Inspect, Place, Withdraw};
use super::keyfile::KeyOut;
use super::values::{label, placement, word};
use crate::clock::{OsEntropy, random};
use crate::grpc::pb::{
    Encryption, EncryptionType, KeyPairState, KeyPairView, KeyType, OnPlacementFailure, Origin, PlacementSpec,
    PrivateKeyFormat, PrivateKeyState,
};

/// A command that talks to a server.
#[derive(Clone, Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a key pair and write its private key to a file
    Create(Box<Create>),
    /// Take in a public key
    ImportPublic(Box<ImportPublic>),
    /// Take in a private key, as a new pair or for the pair of that name
    ImportPrivate(Box<ImportPrivate>),
    /// Show a key pair
    Get(Get),
    /// List key pairs, oldest first
    List(Box<List>),
    /// Change name, description, labels or user id of a key pair
    Update(Box<Update>),
    /// Delete a key pair; it can come back for some days
    Delete(Delete),
    /// Bring a deleted key pair back
    Undelete(Undelete),
    /// Write the private key of a key pair to a file
    Export(Export),
    /// Make the service forget a private key
    Clear(Clear),
    /// Register a key pair at one more cloud
    Place(Box<Place>),
    /// Take a key pair away from one cloud
    Withdraw(Withdraw),
    /// Show what a cloud account holds, beside what the project has there
    Inspect(Inspect),
    /// Take key pairs of a cloud into the project
    Adopt(Adopt),
    /// Show what a project holds and may hold
    Project(Tenant),
}

impl ClientCommand {
    /// The labels that were typed.
    pub(super) fn labels(&self) -> &[(String, String)] {
        match self {
            Self::Create(args) => &args.described.labels,
            Self::ImportPublic(args) => &args.described.labels,
            Self::ImportPrivate(args) => &args.described.labels,
            Self::List(args) => &args.filter.labels,
            Self::Update(args) => &args.labels,
            _ => &[],
        }
    }
}

/// The tenant.
#[derive(Clone, Debug, Args)]
pub struct Tenant {
    /// The project [default: the server's "default"]
    #[arg(id = "project", long = "project", value_name = "PROJECT", default_value = "", hide_default_value = true)]
    pub(super) project_id: String,
}

/// Which pair.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("key").required(true).args(["name", "id"]))]
pub(super) struct Key {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// The pair's name
    pub(super) name: Option<String>,
    /// The pair's id, in place of its name
    #[arg(long)]
    pub(super) id: Option<String>,
}

/// What every call that changes something has.
#[derive(Clone, Debug, Args)]
pub(super) struct Change {
    /// A UUID that makes the call safe to repeat [default: a new one]
    #[arg(long, value_name = "UUID", default_value_t = new_request_id(), hide_default_value = true)]
    pub(super) request_id: String,
}

/// What a new pair is called and to whom it belongs.
#[derive(Clone, Debug, Args)]
pub(super) struct Described {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// The pair's name
    pub(super) name: String,
    /// Words for people, at most 140 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) description: String,
    /// A label; can be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// To whom the pair belongs
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) user_id: String,
    /// Register the public half there: PROVIDER[,remote-name=NAME][,huawei.scope=user]...; can be given again
    #[arg(long = "placement", value_name = "PROVIDER[,FIELD=VALUE...]", value_parser = placement)]
    pub(super) placements: Vec<PlacementSpec>,
    /// What becomes of the pair when a cloud refuses a placement [default: undo]
    #[arg(long, value_parser =
        word("ON_PLACEMENT_FAILURE_", &["undo", "keep"], OnPlacementFailure::from_str_name))]
    pub(super) on_placement_failure: Option<OnPlacementFailure>,
    /// When a pair of that name and key is there already, answer with it
    #[arg(long)]
    pub(super) ensure: bool,
    /// Check everything, change nothing
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

/// What shall protect the private half.
#[derive(Clone, Debug, Args)]
pub(super) struct Protection {
    /// What protects the private key [default: the project's default]
    #[arg(long, value_parser = word("ENCRYPTION_TYPE_", &["default", "kms"], EncryptionType::from_str_name))]
    encryption: Option<EncryptionType>,
    /// The name of the protecting key, such as kps/default
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    kms_key_name: String,
    /// The back end's id of the protecting key: BACKEND:ID
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    kms_key_id: String,
}

impl Protection {
    /// Absent when nothing was said.
    pub(super) fn into_message(self) -> Option<Encryption> {
        let mut message =
            Encryption { kms_key_name: self.kms_key_name, kms_key_id: self.kms_key_id, ..Default::default() };
        message.set_type(self.encryption.unwrap_or_default());
        (message != Encryption::default()).then_some(message)
    }
}

/// The file format of a private key that comes back.
#[derive(Clone, Debug, Args)]
pub(super) struct Format {
    /// The file format of the private key [default: openssh]
    #[arg(long = "format", value_parser =
        word("PRIVATE_KEY_FORMAT_", &["openssh", "pkcs8", "pkcs1", "sec1", "ppk"], PrivateKeyFormat::from_str_name))]
    pub(super) format: Option<PrivateKeyFormat>,
    /// File with the passphrase that shall encrypt the private key; "-" is stdin
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

/// `create`.
#[derive(Clone, Debug, Args)]
pub struct Create {
    #[command(flatten)]
    pub(super) described: Described,
    /// The algorithm [default: ed25519 where every placement takes it, else rsa]
    #[arg(long = "type", value_parser = word("KEY_TYPE_", &["ed25519", "ecdsa", "rsa"], KeyType::from_str_name))]
    pub(super) key_type: Option<KeyType>,
    /// Size: ecdsa 256, 384, 521; rsa 2048, 3072, 4096 [default: 256, rsa 3072]
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub(super) bits: i32,
    #[command(flatten)]
    pub(super) protection: Protection,
    #[command(flatten)]
    pub(super) format: Format,
    /// The provider whose cloud shall make the pair [default: made here, the safe way]
    #[arg(long, value_name = "PROVIDER", default_value = "", hide_default_value = true)]
    pub(super) generated_by: String,
    /// Do not fetch the private key; export does it later
    #[arg(long, conflicts_with_all = ["out", "force", "reveal"])]
    pub(super) omit_private_key: bool,
    #[command(flatten)]
    pub(super) key_out: KeyOut,
}

/// `import-public`.
#[derive(Clone, Debug, Args)]
pub struct ImportPublic {
    #[command(flatten)]
    pub(super) described: Described,
    /// File with one public key: OpenSSH line, RFC 4716 or PEM; "-" is stdin
    pub(super) file: PathBuf,
}

/// `import-private`.
#[derive(Clone, Debug, Args)]
pub struct ImportPrivate {
    #[command(flatten)]
    pub(super) described: Described,
    /// File with the private key; "-" is stdin
    pub(super) file: PathBuf,
    /// File with the passphrase that opens the private key; "-" is stdin
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) protection: Protection,
    /// Refuse when there is no pair of that name
    #[arg(long)]
    pub(super) must_exist: bool,
}

/// `get`.
#[derive(Clone, Debug, Args)]
pub struct Get {
    #[command(flatten)]
    pub(super) key: Key,
}

/// `list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// Pairs a page, at most 1000 [default: 50; with --all or --limit as many as fit]
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub(super) page_size: i32,
    /// Begin after the page that gave this token
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub(super) page_token: String,
    /// Fetch page after page to the end
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    /// Fetch page after page until so many pairs
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: Option<u32>,
    /// How much of each pair [default: full]
    #[arg(long, value_parser = word("KEY_PAIR_VIEW_", &["basic", "full"], KeyPairView::from_str_name))]
    pub(super) view: Option<KeyPairView>,
    /// Show deleted pairs too
    #[arg(long)]
    pub(super) show_deleted: bool,
    #[command(flatten)]
    pub(super) filter: Filter,
}

/// Which pairs `list` shows: those for which all that is given holds.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filter {
    /// The name starts with this
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub(super) name_prefix: String,
    /// SHA256 or MD5 fingerprint, with or without its prefix
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) fingerprint: String,
    /// The algorithm
    #[arg(long = "type", value_parser = word("KEY_TYPE_",
        &["ed25519", "ecdsa", "rsa", "dsa", "sk-ed25519", "sk-ecdsa"], KeyType::from_str_name))]
    pub(super) key_type: Option<KeyType>,
    /// Registered at this provider
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) provider: String,
    /// Whether the service holds the private key
    #[arg(long, value_parser =
        word("PRIVATE_KEY_STATE_", &["none", "stored", "cleared"], PrivateKeyState::from_str_name))]
    pub(super) private_key_state: Option<PrivateKeyState>,
    /// Has this label; can be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// To whom the pair belongs
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) user_id: String,
    /// Where the pair is in its life; deleted shows deleted pairs, as --show-deleted does
    #[arg(long, value_parser =
        word("KEY_PAIR_STATE_", &["pending", "active", "deleting", "deleted"], KeyPairState::from_str_name))]
    pub(super) state: Option<KeyPairState>,
    /// How the pair came here
    #[arg(long, value_parser = word("ORIGIN_",
        &["generated", "generated-by-provider", "imported-public", "imported-private"], Origin::from_str_name))]
    pub(super) origin: Option<Origin>,
    /// What protects the private key
    #[arg(long, value_parser = word("ENCRYPTION_TYPE_", &["default", "kms"], EncryptionType::from_str_name))]
    pub(super) encryption: Option<EncryptionType>,
    /// The name of the protecting key
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) kms_key_name: String,
}

/// `update`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("changes").required(true).multiple(true)
    .args(["new_name", "description", "labels", "no_labels", "user_id"]))]
pub struct Update {
    #[command(flatten)]
    pub(super) key: Key,
    /// The new name
    // The field is called so in the request. Not told, so that nobody takes it for the name of the pair.
    #[arg(long, alias = "name", value_name = "NAME")]
    pub(super) new_name: Option<String>,
    /// The new description; "" takes it away
    #[arg(long)]
    pub(super) description: Option<String>,
    /// A label; can be given again. These labels take the place of all that were there
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// Take all labels away
    #[arg(long, conflicts_with = "labels")]
    pub(super) no_labels: bool,
    /// To whom the pair shall belong; "" is nobody
    #[arg(long)]
    pub(super) user_id: Option<String>,
    #[command(flatten)]
    pub(super) etag: Etag,
    #[command(flatten)]
    pub(super) change: Change,
}

/// A condition on the pair.
#[derive(Clone, Debug, Args)]
pub(super) struct Etag {
    /// Refuse when the pair has changed since it had this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) etag: String,
}

/// `delete`.
#[derive(Clone, Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    pub(super) key: Key,
    #[command(flatten)]
    pub(super) etag: Etag,
    /// It is no fault when there is no such pair
    #[arg(long)]
    pub(super) allow_missing: bool,
    /// Gone at once and for good, private key and all
    #[arg(long)]
    pub(super) purge: bool,
    /// Leave the clouds alone
    #[arg(long)]
    pub(super) abandon_placements: bool,
    /// Check everything, change nothing
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

/// `undelete`.
#[derive(Clone, Debug, Args)]
pub struct Undelete {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// The id of the deleted pair, as list --show-deleted tells it
    #[arg(required_unless_present = "id_flag")]
    pub(super) id: Option<String>,
    /// The same as a flag
    #[arg(id = "id_flag", long = "id", value_name = "ID", conflicts_with = "id")]
    pub(super) id_flag: Option<String>,
    /// A new name, where the old one is taken
    #[arg(long, alias = "name", value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) new_name: String,
    #[command(flatten)]
    pub(super) change: Change,
}

/// `export`.
#[derive(Clone, Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub(super) key: Key,
    #[command(flatten)]
    pub(super) format: Format,
    /// Why, for the audit record
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) key_out: KeyOut,
}

/// `clear`.
#[derive(Clone, Debug, Args)]
pub struct Clear {
    #[command(flatten)]
    pub(super) key: Key,
    #[command(flatten)]
    pub(super) etag: Etag,
    /// Leave a private key that a cloud holds in escrow
    #[arg(long)]
    pub(super) keep_escrow: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

/// A UUIDv4.
pub(super) fn new_request_id() -> String {
    uuid::Builder::from_random_bytes(random(&OsEntropy)).into_uuid().to_string()
}
