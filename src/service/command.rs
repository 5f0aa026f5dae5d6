//! What faces ask of the service: requests made of checked types. A face has told every invalid argument already.

use super::clouds::Placing;
use crate::model::{
    Description, EncryptionChoice, Filter, KeyPairId, KeyPairName, Labels, ProjectId, ProviderName, RequestId, ShortId,
    Through, UserId,
};
use crate::secret::SecretText;
use crate::sshkey::{KeyFormat, KeySpec, PrivateKey, PublicKey};

/// A request id with the digest of the request it came with.
#[derive(Clone, Copy)]
pub struct Repeat {
    /// The id.
    pub id: RequestId,
    /// SHA-256 of the whole request.
    pub digest: [u8; 32],
}

/// What every new pair has.
pub struct NewPair {
    /// The tenant.
    pub project: ProjectId,
    /// Its name.
    pub name: KeyPairName,
    /// What its owner says of it.
    pub description: Description,
    /// Its labels.
    pub labels: Labels,
    /// To whom it belongs.
    pub user_id: UserId,
    /// The cloud's API that it is made through; `None`: gRPC.
    pub through: Option<Through>,
}

/// Where a pair shall be registered beside this service.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Which clouds; all rules of theirs are kept.
    pub wanted: Vec<Placing>,
    /// What a cloud refuses is kept as FAILED, instead of taking everything back.
    pub keep: bool,
}

/// How a new pair is made.
#[derive(Clone, Copy)]
pub struct Manner {
    /// A pair that is there already and fits is success.
    pub ensure: bool,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
    /// Check, and change nothing.
    pub validate_only: bool,
}

/// Make a key pair.
pub struct Create {
    /// What it shall be called.
    pub new: NewPair,
    /// What it shall be.
    pub spec: KeySpec,
    /// What shall seal it.
    pub encryption: EncryptionChoice,
    /// The format of the returned private half; fits `spec`.
    pub format: KeyFormat,
    /// Encrypts the returned private half.
    pub passphrase: Option<SecretText>,
    /// Do not return the private half.
    pub omit_private_key: bool,
    /// Return the private half and do not keep it, as clouds do.
    pub forget_private: bool,
    /// Where it shall be registered.
    pub places: Places,
    /// Whose cloud shall make it; it is one of `places`.
    pub generated_by: Option<ProviderName>,
    /// How.
    pub manner: Manner,
}

/// Take in a public key.
pub struct ImportPublic {
    /// What it shall be called.
    pub new: NewPair,
    /// The key, checked.
    pub public: PublicKey,
    /// The comment it came with.
    pub comment: String,
    /// Where it shall be registered.
    pub places: Places,
    /// How.
    pub manner: Manner,
}

/// Take in a private key.
pub struct ImportPrivate {
    /// What it shall be called.
    pub new: NewPair,
    /// The key, checked and proven.
    pub key: PrivateKey,
    /// The comment it came with.
    pub comment: String,
    /// What shall seal it.
    pub encryption: EncryptionChoice,
    /// Refuse when there is no pair of that name.
    pub must_exist: bool,
    /// Where it shall be registered.
    pub places: Places,
    /// How.
    pub manner: Manner,
}

/// Which pair of which project.
#[derive(Clone)]
pub struct Key {
    /// The tenant.
    pub project: ProjectId,
    /// Which.
    pub by: By,
}

/// By name or by id.
#[derive(Clone)]
pub enum By {
    /// By name, among live pairs.
    Name(KeyPairName),
    /// By id, deleted pairs too.
    Id(KeyPairId),
    /// By short id, deleted pairs too.
    ShortId(ShortId),
}

impl Key {
    /// The name or id, as text.
    pub fn subject(&self) -> String {
        match &self.by {
            By::Name(name) => name.to_string(),
            By::Id(id) => id.to_string(),
            By::ShortId(id) => id.as_str().to_owned(),
        }
    }
}

/// A page of a project's pairs.
pub struct List {
    /// The tenant.
    pub project: ProjectId,
    /// Which of them.
    pub filter: Filter,
    /// At most so many, 1 to 1000.
    pub page_size: usize,
    /// The token of the page before; empty: the first page.
    pub page_token: String,
    /// Digest of everything but size and token: what a token is bound to.
    pub digest: [u8; 32],
}

/// Change a pair. `None` stays.
pub struct Update {
    /// Which.
    pub key: Key,
    /// The new name.
    pub name: Option<KeyPairName>,
    /// The new description.
    pub description: Option<Description>,
    /// The new labels.
    pub labels: Option<Labels>,
    /// The new owner.
    pub user_id: Option<UserId>,
    /// The etag it must have; empty: any.
    pub etag: String,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
}

/// Delete a pair.
pub struct Delete {
    /// Which.
    pub key: Key,
    /// The etag it must have; empty: any.
    pub etag: String,
    /// OK when there is none.
    pub allow_missing: bool,
    /// Gone at once.
    pub purge: bool,
    /// Leave the clouds alone.
    pub abandon_placements: bool,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
    /// Check, and change nothing.
    pub validate_only: bool,
}

/// Bring a deleted pair back.
pub struct Undelete {
    /// The tenant.
    pub project: ProjectId,
    /// Which.
    pub id: KeyPairId,
    /// A new name.
    pub name: Option<KeyPairName>,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
}

/// Give a private half.
pub struct ExportPrivate {
    /// Which.
    pub key: Key,
    /// In which format.
    pub format: KeyFormat,
    /// Encrypts it.
    pub passphrase: Option<SecretText>,
    /// Why.
    pub reason: String,
}

/// Register a pair's public half at one more cloud.
pub struct Place {
    /// Which pair.
    pub key: Key,
    /// Where.
    pub placing: Placing,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
    /// Check, and change nothing.
    pub validate_only: bool,
}

/// Take a pair away from one cloud.
pub struct Withdraw {
    /// Which pair.
    pub key: Key,
    /// From where.
    pub provider: ProviderName,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
}

/// What a cloud account holds.
pub struct Inspect {
    /// The tenant.
    pub project: ProjectId,
    /// Which account.
    pub provider: ProviderName,
    /// At most so many, 1 to 1000.
    pub page_size: usize,
    /// The token of the page before; empty: the first page.
    pub page_token: String,
    /// Digest of everything but size and token: what a token is bound to.
    pub digest: [u8; 32],
}

/// Take a pair of a cloud into the project.
pub struct Adopt {
    /// The tenant.
    pub project: ProjectId,
    /// Where it is; without wishes.
    pub placing: Placing,
    /// The cloud's id.
    pub remote_id: String,
    /// Its name here; `None`: the remote one.
    pub name: Option<KeyPairName>,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
    /// Check, and change nothing.
    pub validate_only: bool,
}

/// Forget a private half.
pub struct ClearPrivate {
    /// Which.
    pub key: Key,
    /// Leave what clouds hold of it.
    pub keep_escrow: bool,
    /// The etag it must have; empty: any.
    pub etag: String,
    /// Makes the call safe to repeat.
    pub repeat: Option<Repeat>,
}
