//! What the bodies of requests hold, and how it is written. `check.rs` reads it.

use serde::{Deserialize, Serialize};

use crate::model::{EncryptionChoice, Scope, UserId};
use crate::secret::SecretText;

/// A pair that is made, or registered.
pub struct NewKeypair {
    /// Its name.
    pub name: String,
    /// An OpenSSH line; `None`: the cloud makes the pair. More is not known of one that was read.
    pub public_key: Option<String>,
    /// Who sees it.
    pub scope: Scope,
    /// To whom it belongs; empty: the caller.
    pub user_id: UserId,
    /// The cloud keeps the private half.
    pub protection: Option<Protection>,
}

/// How the cloud keeps a private half.
pub struct Protection {
    /// The private half of the public key beside it; `None` where the cloud makes the pair.
    pub private_key: Option<SecretText>,
    /// Under what.
    pub encryption: EncryptionChoice,
}

/// A private half for a pair that is there.
pub struct PrivateHalf {
    /// The pair.
    pub name: String,
    /// To whom the pair belongs; empty: the caller.
    pub user_id: UserId,
    /// The private half, as a file.
    pub private_key: SecretText,
    /// Under what it is kept.
    pub encryption: EncryptionChoice,
}

/// A pair for an instance.
pub struct Association {
    /// The pair.
    pub keypair_name: String,
    /// The instance.
    pub server: Server,
}

/// An instance, and how to enter it.
pub struct Server {
    /// Its id.
    pub id: String,
    /// How the cloud enters it; `None`: it need not, the instance is off.
    pub auth: Option<Auth>,
    /// Whether logging in with a password ends.
    pub disable_password: Option<bool>,
    /// Where sshd listens.
    pub port: Option<u16>,
}

/// What opens an instance.
pub struct Auth {
    /// What the key is.
    pub kind: AuthKind,
    /// A password or a private key.
    pub key: Option<SecretText>,
}

/// What opens an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// A password.
    Password,
    /// A private key.
    Keypair,
}

/// Something in `{"keypair": ...}`.
#[derive(Serialize, Deserialize)]
pub(super) struct Around<T> {
    pub(super) keypair: T,
}

impl NewKeypair {
    pub(super) fn written(&self) -> KeypairWritten<'_> {
        KeypairWritten {
            name: Some(&self.name),
            kind: Some("ssh"),
            public_key: self.public_key.as_deref(),
            scope: match self.scope {
                Scope::Unsaid => None,
                Scope::User => Some("user"),
                Scope::Account => Some("domain"),
            },
            user_id: told(&self.user_id),
            key_protection: self.protection.as_ref().map(|protection| ProtectionWritten {
                private_key: protection.private_key.as_ref().map(SecretText::expose),
                encryption: EncryptionWritten::of(&protection.encryption),
            }),
            ..KeypairWritten::default()
        }
    }

    /// The bytes of its keys.
    pub(super) fn room(&self) -> usize {
        let private_key = self.protection.as_ref().and_then(|protection| protection.private_key.as_ref());
        self.public_key.as_ref().map_or(0, String::len) + private_key.map_or(0, |key| key.expose().len())
    }
}

impl PrivateHalf {
    pub(super) fn written(&self) -> KeypairWritten<'_> {
        let private_key = Some(self.private_key.expose());
        let encryption = EncryptionWritten::of(&self.encryption);
        KeypairWritten {
            name: Some(&self.name),
            user_id: told(&self.user_id),
            key_protection: Some(ProtectionWritten { private_key, encryption }),
            ..KeypairWritten::default()
        }
    }
}

impl<'a> KeypairWritten<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        Self { name: Some(name), ..Self::default() }
    }

    pub(super) fn described(description: &'a str) -> Self {
        Self { description: Some(description), ..Self::default() }
    }
}

impl Association {
    pub(super) fn written(&self) -> AssociationWritten<'_> {
        AssociationWritten { keypair_name: Some(&self.keypair_name), ..self.server.written() }
    }
}

impl Server {
    pub(super) fn written(&self) -> AssociationWritten<'_> {
        let auth = self.auth.as_ref().map(|auth| AuthWritten {
            kind: match auth.kind {
                AuthKind::Password => "password",
                AuthKind::Keypair => "keypair",
            },
            key: auth.key.as_ref().map(SecretText::expose),
        });
        let Self { id, disable_password, port, .. } = self;
        let server = ServerWritten { id, auth, disable_password: *disable_password, port: *port };
        AssociationWritten { keypair_name: None, server }
    }

    /// The bytes of what opens it.
    pub(super) fn room(&self) -> usize {
        self.auth.as_ref().and_then(|auth| auth.key.as_ref()).map_or(0, |key| key.expose().len())
    }
}

impl<'a> EncryptionWritten<'a> {
    fn of(choice: &'a EncryptionChoice) -> Self {
        match choice {
            EncryptionChoice::Unsaid | EncryptionChoice::Default => Self { kind: "default", ..Self::default() },
            EncryptionChoice::Kms(key) => {
                Self { kind: "kms", kms_key_name: key.name.as_deref(), kms_key_id: key.id.as_deref() }
            }
        }
    }
}

fn told(user_id: &UserId) -> Option<&str> {
    Some(user_id.as_str()).filter(|user_id| !user_id.is_empty())
}

/// A pair as requests hold it, on its way out.
#[derive(Default, Serialize)]
pub(super) struct KeypairWritten<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_protection: Option<ProtectionWritten<'a>>,
}

#[derive(Serialize)]
struct ProtectionWritten<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a str>,
    encryption: EncryptionWritten<'a>,
}

#[derive(Default, Serialize)]
struct EncryptionWritten<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct AssociationsWritten<'a> {
    pub(super) batch_keypairs: Vec<AssociationWritten<'a>>,
}

#[derive(Serialize)]
pub(super) struct AssociationWritten<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    keypair_name: Option<&'a str>,
    server: ServerWritten<'a>,
}

#[derive(Serialize)]
struct ServerWritten<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthWritten<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_password: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
struct AuthWritten<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}
