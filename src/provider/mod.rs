//! The port to clouds: places public halves there, finds them, takes them away.
//!
//! Promise: one call has at most one effect at the cloud; a call whose outcome is not known says so
//! ([`FaultKind::Unknown`]), which is not "failed". What only some clouds can do stands in [`Capabilities`], as data: who
//! calls has looked there first. Adapters keep no state about pairs, and log no secret. They know no store, no envelope
//! and no caller.

#![forbid(unsafe_code)]

pub mod account;
pub mod baidu;
pub mod huawei;
pub mod tencent;

pub use account::{Account, Endpoint};

use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Millis;
use crate::dialect::Kind;
use crate::model::{EncryptionChoice, Labels, ProviderKind, ProviderName, Wishes};
use crate::secret::SecretText;
use crate::sshkey::{Algorithm, PublicKey};

/// A configured provider: what it is and what it can do.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its configured name.
    pub name: ProviderName,
    /// Which cloud.
    pub kind: ProviderKind,
    /// Its region.
    pub region: String,
    /// What it can do.
    pub can: Capabilities,
}

/// What a cloud takes and can do: data, so that every rule is checked before anything is sent.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Its grammar of names.
    pub name: NameRules,
    /// Whether two pairs may have one name.
    pub names_are_unique: bool,
    /// Whether a pair's name can be changed.
    pub renames: bool,
    /// The most code points of a description; `None`: it keeps none.
    pub description: Option<usize>,
    /// Whether a description goes along when a pair is placed; else it takes an update.
    pub describes_when_placing: bool,
    /// Whether labels are sent as tags, when a pair is placed.
    pub tags: bool,
    /// Which keys it takes.
    pub keys: Vec<KeyRule>,
    /// Whether it keeps private halves.
    pub escrows: bool,
    /// Which wishes of a placement it knows.
    pub wishes: KnownWishes,
    /// How many pairs an account may hold, as its page says; `None`: it says nothing.
    pub quota: Option<u64>,
}

impl Capabilities {
    /// Takes these types and no others, where any are named. A type that the cloud's page does not know is taken in any
    /// size, the others in those of the page.
    pub fn take_only(&mut self, types: Option<&[Algorithm]>) {
        let of_page = |algorithm| self.keys.iter().find(|rule| rule.algorithm == algorithm).cloned();
        let rule = |algorithm| of_page(algorithm).unwrap_or(KeyRule { algorithm, bits: Vec::new() });
        if let Some(types) = types {
            self.keys = types.iter().map(|algorithm| rule(*algorithm)).collect();
        }
    }
}

/// A cloud's grammar of names.
#[derive(Clone, Copy, Debug)]
pub struct NameRules {
    /// The most characters.
    pub max: usize,
    /// Whether a character may come first.
    pub first: fn(char) -> bool,
    /// Whether a character may come later.
    pub rest: fn(char) -> bool,
    /// The grammar in words, for messages.
    pub words: &'static str,
}

/// A type of keys that a cloud takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRule {
    /// The type.
    pub algorithm: Algorithm,
    /// The sizes; empty: any.
    pub bits: Vec<u16>,
}

/// Which fields of [`Wishes`] a cloud knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownWishes {
    /// `cloud_project_id`.
    pub cloud_project_id: bool,
    /// `scope` and `user_id`.
    pub owner: bool,
}

/// What is placed.
#[derive(Clone, Debug)]
pub struct New {
    /// The name there; fits the cloud's grammar.
    pub name: String,
    /// Sent where the cloud takes one when placing.
    pub description: String,
    /// Sent as tags where the cloud has them.
    pub labels: Labels,
    /// What is asked beyond that; holds only what the cloud knows.
    pub wishes: Wishes,
}

/// A pair as the cloud has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The cloud's id; Huawei's is the name.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// Its description there; empty where the cloud tells none.
    pub description: String,
    /// Its public half; `None` when the answer held none, or none that can be read.
    pub public: Option<PublicKey>,
    /// Its fingerprint as the cloud tells it; empty where it tells none.
    pub fingerprint: String,
    /// On how many instances it is; `None` where the cloud tells none.
    pub instance_count: Option<u32>,
    /// The private half is in the cloud's keeping.
    pub is_escrowed: bool,
}

/// An answer that went well, and the cloud's id of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// The cloud's id of the request; empty if it told none.
    pub request_id: String,
}

/// A page of the pairs that a cloud has.
#[derive(Clone, Debug, Default)]
pub struct RemotePage {
    /// The pairs, in the cloud's order.
    pub items: Vec<Remote>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<String>,
    /// How many there are, where the cloud says so.
    pub total: Option<u64>,
}

/// Which pairs are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Find<'a> {
    /// Those of exactly this name; with unique names one at most.
    Name(&'a str),
    /// Those of this public key, whatever their comment.
    Key(&'a PublicKey),
    /// The one of this id.
    Id(&'a str),
}

/// What is changed; `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes<'a> {
    /// The new name.
    pub name: Option<&'a str>,
    /// The new description.
    pub description: Option<&'a str>,
}

/// A call that did not go well.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What is known of its outcome.
    pub kind: FaultKind,
    /// In words: the cloud's own made printable and short (at most 256 bytes), or ours. No secret.
    pub message: String,
    /// The cloud's code; empty if it told none.
    pub code: String,
    /// The cloud's id of the request; empty if it told none.
    pub request_id: String,
    /// When to try again, where the cloud or our own limit says so.
    pub retry_after: Option<Duration>,
}

/// What is known of the outcome of a call that did not go well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The cloud refused: it did nothing, and will refuse the same again until something changes.
    Refused(Kind),
    /// It was not sent, or was refused for the moment: nothing happened, trying again is safe.
    Unavailable,
    /// It was sent, and may have been done.
    Unknown,
}

/// One cloud account in one region.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it is and can do.
    fn spec(&self) -> &Spec;

    /// What time it is at the cloud, by its last answer; `None`: no answer told.
    fn cloud_time(&self) -> Option<Millis>;

    /// Has the cloud make a pair (RSA 2048 at all three); its private half comes back here and nowhere else.
    async fn create(&self, new: &New) -> Result<Done<(Remote, SecretText)>, Fault>;

    /// Registers a public half.
    async fn import_public(&self, new: &New, key: &PublicKey) -> Result<Done<Remote>, Fault>;

    /// Gives a private half (PKCS#8 PEM) into the cloud's keeping, for a pair that is there. Only where `can.escrows`.
    async fn escrow(&self, id: &str, private: &SecretText, under: &EncryptionChoice) -> Result<Done<()>, Fault>;

    /// The private half that the cloud keeps. Only where `can.escrows`.
    async fn escrowed(&self, id: &str) -> Result<Done<SecretText>, Fault>;

    /// Takes the private half out of the cloud's keeping; fine if it is not there. Only where `can.escrows`.
    async fn clear_escrow(&self, id: &str) -> Result<Done<()>, Fault>;

    /// The pairs that fit, from as many pages as there are. None is not a fault.
    async fn find(&self, wanted: Find<'_>) -> Result<Done<Vec<Remote>>, Fault>;

    /// One page of all pairs; `after` is the `next` of the page before.
    async fn page(&self, after: Option<&str>) -> Result<Done<RemotePage>, Fault>;

    /// Changes name or description; both may take two requests, each of which can be repeated safely.
    async fn update(&self, id: &str, changes: Changes<'_>) -> Result<Done<()>, Fault>;

    /// Takes a pair away; fine if it is gone already.
    async fn delete(&self, id: &str) -> Result<Done<()>, Fault>;
}

impl Fault {
    /// The cloud refused.
    pub fn refused(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Refused(kind), message)
    }

    /// A fault that the cloud told no code for.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        let (code, request_id) = (String::new(), String::new());
        Self { kind, message: message.into(), code, request_id, retry_after: None }
    }
}

impl NameRules {
    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        let mut chars = name.chars();
        chars.next().is_some_and(self.first) && chars.all(self.rest) && name.chars().count() <= self.max
    }
}
