//! A key pair as the service keeps it. It cannot hold a private half.

use super::{
    Description, Goal, Journal, KeyPairId, KeyPairName, Labels, Placement, ProjectId, ProviderKind, ProviderName,
    Scope, SealedBy, ShortId, UserId,
};
use crate::clock::Millis;
use crate::sshkey::PublicKey;

/// One key pair of a project.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Its tenant.
    pub project: ProjectId,
    /// Its name.
    pub name: KeyPairName,
    /// What its owner says of it.
    pub description: Description,
    /// Its labels.
    pub labels: Labels,
    /// To whom it belongs.
    pub user_id: UserId,
    /// Its public half.
    pub public: PublicKey,
    /// The comment that an imported key came with; a made pair shows its name instead.
    pub comment: String,
    /// Whether its private half is here.
    pub private_key_state: PrivateKeyState,
    /// What seals the private half; `Some` exactly when it is `Stored`.
    pub sealed_by: Option<SealedBy>,
    /// How it came here.
    pub origin: Origin,
    /// Who made the numbers.
    pub maker: Maker,
    /// Where it is in its life.
    pub state: KeyPairState,
    /// When it was made.
    pub create_time: Millis,
    /// When it last changed.
    pub update_time: Millis,
    /// When it was deleted, and when it will be gone; only when `Deleted`.
    pub deleted: Option<Deleted>,
    /// Rises by one with every change; the etag and the guard of every write.
    pub revision: u64,
    /// The short id that a cloud's face shows.
    pub short_id: ShortId,
    /// The generation of its envelope; rises with every seal, 0 when never sealed.
    pub generation: u64,
    /// Where its public half is registered beside this service, at most one a provider.
    pub placements: Vec<Placement>,
    /// What is to be done at those places; `None`: nothing.
    pub journal: Option<Journal>,
    /// The cloud's API that it was made through here; `None`: gRPC.
    pub through: Option<Through>,
}

/// Through which cloud's API of this service a pair was made: what such a cloud keeps of it and this service does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// Which cloud's API.
    pub cloud: ProviderKind,
    /// The region of the account.
    pub region: String,
    /// Tencent: the ProjectId.
    pub cloud_project_id: i64,
    /// Huawei: who sees the pair.
    pub scope: Scope,
}

/// When a pair was deleted and when it is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// When it was deleted.
    pub at: Millis,
    /// When the record and the private half are gone.
    pub purge_at: Millis,
}

impl KeyPair {
    /// The text that goes with every change.
    pub fn etag(&self) -> String {
        format!("{:x}", self.revision)
    }

    /// The comment of its public line.
    pub fn line_comment(&self) -> &str {
        match self.origin {
            Origin::Generated | Origin::GeneratedByProvider => self.name.as_str(),
            Origin::ImportedPublic | Origin::ImportedPrivate => &self.comment,
        }
    }

    /// Its placement at a provider.
    pub fn placement(&self, provider: &ProviderName) -> Option<&Placement> {
        self.placements.iter().find(|placement| placement.provider == *provider)
    }

    /// A cloud is to make it and has not yet: the public half is a stand-in that nobody has the private half of.
    pub fn awaits_key(&self) -> bool {
        self.maker != Maker::Here && self.generation == 0
    }

    /// What its journal is written for.
    pub fn goal(&self) -> Option<Goal> {
        self.journal.as_ref().map(|journal| journal.goal)
    }

    /// Holds its name and its key, and counts against the quota.
    pub fn is_live(&self) -> bool {
        self.state != KeyPairState::Deleted
    }
}

/// Whether the private half is here. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrivateKeyState {
    /// It never was.
    None = 1,
    /// It is, sealed.
    Stored = 2,
    /// It was, and was forgotten.
    Cleared = 3,
}

/// How a pair came here. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Made here.
    Generated = 1,
    /// Made by a cloud.
    GeneratedByProvider = 2,
    /// Taken in as a public key.
    ImportedPublic = 3,
    /// Taken in as a private key.
    ImportedPrivate = 4,
}

/// Where a pair is in its life. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPairState {
    /// Being made.
    Pending = 1,
    /// In use.
    Active = 2,
    /// Being deleted.
    Deleting = 3,
    /// Deleted, until purged.
    Deleted = 4,
}

/// Who made the numbers of a pair. The numbers are those of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maker {
    /// This service, or whoever brought the key.
    Here = 0,
    /// Baidu's create call.
    Baidu = 1,
    /// Tencent's create call.
    Tencent = 2,
    /// Huawei's create call.
    Huawei = 3,
}
