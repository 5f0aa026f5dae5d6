//! Reads the bodies of requests by the rules of the cloud's pages. Private halves are read into texts that are wiped,
//! without a copy on the way.

use serde::Deserialize;

use super::body::{Association, Auth, AuthKind, NewKeypair, PrivateHalf, Protection, Server};
use super::code::Flaw;
use super::{NAME, is_name_char};
use crate::dialect::Request;
use crate::dialect::json::{self, read_secret};
use crate::error::Violation;
use crate::model::{EncryptionChoice, KeyChoice, Scope, UserId};
use crate::secret::SecretText;

/// A pair as requests hold it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct KeypairRead {
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    public_key: Option<String>,
    scope: Option<String>,
    user_id: Option<String>,
    pub(super) description: Option<String>,
    key_protection: Option<ProtectionRead>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProtectionRead {
    #[serde(deserialize_with = "read_secret")]
    private_key: Option<SecretText>,
    encryption: Option<EncryptionRead>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EncryptionRead {
    #[serde(rename = "type")]
    kind: Option<String>,
    kms_key_name: Option<String>,
    kms_key_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct AssociationsRead {
    pub(super) batch_keypairs: Vec<AssociationRead>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AssociationRead {
    keypair_name: Option<String>,
    pub(super) server: Option<ServerRead>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ServerRead {
    id: Option<String>,
    auth: Option<AuthRead>,
    disable_password: Option<bool>,
    port: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthRead {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(deserialize_with = "read_secret")]
    key: Option<SecretText>,
}

/// The body of a request that is an object.
pub(super) fn read<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, Flaw> {
    json::read(request.body().expose()).map_err(|_| unreadable())
}

/// The body of a request that is a list.
pub(super) fn read_list<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<Vec<T>, Flaw> {
    serde_json::from_slice(request.body().expose()).map_err(|_| unreadable())
}

fn unreadable() -> Flaw {
    Flaw::parameter("the body", "is not JSON, or not what this operation takes")
}

/// What must be there.
pub(super) fn required<T>(field: &str, value: Option<T>) -> Result<T, Flaw> {
    value.ok_or_else(|| Flaw::parameter(field, "is missing"))
}

/// A name of a pair.
pub(super) fn name(field: &str, name: Option<String>) -> Result<String, Flaw> {
    let name = required(field, name)?;
    if name.is_empty() || name.len() > NAME || !name.chars().all(is_name_char) {
        return Err(Flaw::parameter(field, "must be 1 to 64 letters, digits, underscores and hyphens"));
    }
    Ok(name)
}

impl NewKeypair {
    /// `field` is where the pair stands in the body.
    pub(super) fn of(field: &str, read: KeypairRead) -> Result<Self, Flaw> {
        match read.kind.as_deref() {
            None | Some("" | "ssh") => {}
            Some(_) => return Err(Flaw::parameter(&format!("{field}.type"), "must be ssh: others are not taken")),
        }
        let scope = match read.scope.as_deref() {
            None | Some("") => Scope::Unsaid,
            Some("user") => Scope::User,
            Some("domain") => Scope::Account,
            Some(_) => return Err(Flaw::parameter(&format!("{field}.scope"), "must be user or domain")),
        };
        // An empty one must not make a pair that nobody asked for.
        if read.public_key.as_ref().is_some_and(|key| key.trim().is_empty()) {
            return Err(Flaw::parameter(&format!("{field}.public_key"), "must not be empty"));
        }
        let protection = read.key_protection.map(|read| Protection::of(&format!("{field}.key_protection"), read));
        let new = Self {
            name: name(&format!("{field}.name"), read.name)?,
            public_key: read.public_key,
            scope,
            user_id: user_id(field, read.user_id)?,
            protection: protection.transpose()?,
        };
        let has_private = new.protection.as_ref().map(|protection| protection.private_key.is_some());
        match (new.public_key.is_some(), has_private) {
            (true, Some(false)) => Err(Flaw::parameter(&format!("{field}.key_protection.private_key"), "is missing")),
            (false, Some(true)) => Err(Flaw::parameter(&format!("{field}.public_key"), "is missing")),
            _ => Ok(new),
        }
    }
}

impl Protection {
    fn of(field: &str, read: ProtectionRead) -> Result<Self, Flaw> {
        let encryption = choice(&format!("{field}.encryption"), read.encryption)?;
        let private_key = read.private_key.filter(|key| !key.is_empty());
        if let Some(key) = &private_key {
            refuse_ppk(field, key)?;
        }
        Ok(Self { private_key, encryption })
    }
}

impl PrivateHalf {
    pub(super) fn of(read: KeypairRead) -> Result<Self, Flaw> {
        let field = "keypair.key_protection";
        let protection = required(field, read.key_protection)?;
        let private_key =
            required(&format!("{field}.private_key"), protection.private_key.filter(|key| !key.is_empty()))?;
        refuse_ppk(field, &private_key)?;
        let encryption = choice(&format!("{field}.encryption"), protection.encryption)?;
        let (name, user_id) = (name("keypair.name", read.name)?, user_id("keypair", read.user_id)?);
        Ok(Self { name, user_id, private_key, encryption })
    }
}

impl Association {
    pub(super) fn of(field: &str, read: AssociationRead) -> Result<Self, Flaw> {
        let keypair_name = name(&format!("{field}keypair_name"), read.keypair_name)?;
        Ok(Self { keypair_name, server: Server::of(&format!("{field}server"), read.server)? })
    }
}

impl Server {
    pub(super) fn of(field: &str, read: Option<ServerRead>) -> Result<Self, Flaw> {
        let ServerRead { id, auth, disable_password, port } = required(field, read)?;
        let id = required(&format!("{field}.id"), id.filter(|id| !id.is_empty()))?;
        let auth = auth.map(|auth| {
            let kind = match auth.kind.as_deref() {
                Some("password") => AuthKind::Password,
                Some("keypair") => AuthKind::Keypair,
                _ => return Err(Flaw::parameter(&format!("{field}.auth.type"), "must be password or keypair")),
            };
            Ok(Auth { kind, key: auth.key })
        });
        Ok(Self { id, auth: auth.transpose()?, disable_password, port })
    }
}

/// The user guide: PuTTY's files are to be converted first.
fn refuse_ppk(field: &str, private_key: &SecretText) -> Result<(), Flaw> {
    if private_key.expose().trim_start().starts_with("PuTTY-User-Key-File-") {
        return Err(Flaw::parameter(&format!("{field}.private_key"), "must be PEM, not a file of PuTTY's"));
    }
    Ok(())
}

fn user_id(field: &str, user_id: Option<String>) -> Result<UserId, Flaw> {
    let user_id = user_id.unwrap_or_default();
    UserId::parse(&format!("{field}.user_id"), &user_id).map_err(Flaw::from)
}

fn choice(field: &str, read: Option<EncryptionRead>) -> Result<EncryptionChoice, Flaw> {
    let read = required(field, read)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (key_name, key_id) = (text(&read.kms_key_name), text(&read.kms_key_id));
    match required(&format!("{field}.type"), read.kind)?.as_str() {
        "default" if key_name.is_empty() && key_id.is_empty() => Ok(EncryptionChoice::Default),
        "default" => Err(Flaw::parameter(field, "of type default takes no kms_key_name and no kms_key_id")),
        "kms" => Ok(EncryptionChoice::Kms(KeyChoice::parse(field, &key_name, &key_id)?)),
        _ => Err(Flaw::parameter(&format!("{field}.type"), "must be kms or default")),
    }
}

impl From<Violation> for Flaw {
    fn from(violation: Violation) -> Self {
        Self::parameter(&violation.field, &violation.message)
    }
}
