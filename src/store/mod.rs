//! The port to storage: metadata rows, sealed halves and remembered requests.
//!
//! Promise: what `commit` returned `Ok` for survives kill -9 and a power cut, wholly or not at all; a reader never
//! sees what could still be lost. Rows carry a MAC over their place: a changed or swapped row is `RECORD_CORRUPT` for
//! that row only. Nothing it is given contains a plaintext private key: the types cannot hold one. It knows no
//! encryption of private halves, no wire and no policy.

#![forbid(unsafe_code)]

mod check;
mod keys;
pub mod memory;
mod placements;
mod plan;
mod read;
mod record;
pub mod sled;

pub use keys::forgets;
pub use record::{RowMac, decode_row, encode_row};

use async_trait::async_trait;

use crate::clock::Millis;
use crate::error::Result;
use crate::model::{Filter, KeyPair, KeyPairId, KeyPairName, ProjectId, RequestId, ShortId};

/// Which row is wanted.
#[derive(Clone, Debug)]
pub enum Lookup<'a> {
    /// By id; finds deleted pairs too.
    Id(&'a ProjectId, KeyPairId),
    /// By name, among live pairs.
    Name(&'a ProjectId, &'a KeyPairName),
    /// By SHA-256 of the public blob, among live pairs.
    Fingerprint(&'a ProjectId, [u8; 32]),
    /// By short id; finds deleted pairs too.
    ShortId(ShortId),
}

/// A metadata row, with its sealed half where that was asked for and is there.
#[derive(Clone, Debug)]
pub struct Row {
    /// The metadata.
    pub pair: KeyPair,
    /// The sealed half: opaque bytes, at most 16 KiB.
    pub envelope: Option<Vec<u8>>,
}

/// The smaller things the store remembers.
#[derive(Clone, Debug)]
pub enum Note<'a> {
    /// How many live pairs a project holds.
    Count(&'a ProjectId),
    /// How many live pairs all projects hold.
    Total,
    /// What a request id was used for.
    Request(&'a RequestKey),
}

/// The answer to a [`Note`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// So many live pairs.
    Count(u64),
    /// The request, or that there was none.
    Request(Option<StoredRequest>),
}

/// Where a request id is unique: project, RPC and caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The tenant.
    pub project: ProjectId,
    /// The RPC's name, such as `Create`.
    pub rpc: &'static str,
    /// Who called; empty where callers are not told apart.
    pub caller: String,
    /// The id.
    pub id: RequestId,
}

/// What a request id was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// Keyed hash of the request.
    pub digest: [u8; 32],
    /// The pair it was about.
    pub pair: KeyPairId,
    /// When it may be forgotten.
    pub expire: Millis,
}

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub enum Query<'a> {
    /// A project's pairs in ascending id.
    Project {
        /// The tenant.
        project: &'a ProjectId,
        /// Only ids above this one.
        after: Option<KeyPairId>,
        /// Which of them.
        filter: &'a Filter,
    },
    /// A project's pairs from the newest down, deleted ones too.
    Newest {
        /// The tenant.
        project: &'a ProjectId,
        /// Only ids below this one.
        before: Option<KeyPairId>,
    },
    /// The pairs of all projects, deleted ones too; rows that are damaged are left out.
    All {
        /// Only places after this one.
        after: Option<&'a (ProjectId, KeyPairId)>,
    },
    /// What is due to go: deleted pairs whose purge time has come and remembered requests past their time, of all
    /// projects, earliest first.
    Due(Millis),
    /// The pairs of all projects with open work that is to be looked at by then, earliest first.
    Open(Millis),
}

/// How much a scan may return and read.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Rows returned.
    pub rows: usize,
    /// Rows read; the page ends there even if it is short.
    pub reads: usize,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In order.
    pub items: Vec<Item>,
    /// Where to go on, when there may be more (`Query::Project` and `Query::Newest`).
    pub next: Option<KeyPairId>,
    /// The same for `Query::All`.
    pub next_of_all: Option<(ProjectId, KeyPairId)>,
}

/// One thing a scan found.
#[derive(Clone, Debug)]
pub enum Item {
    /// A pair.
    Pair(Box<KeyPair>),
    /// A row that is damaged.
    Unreadable(KeyPairId),
    /// A remembered request that is due to go: an opaque key for [`Change::Forget`].
    Request(Vec<u8>),
}

/// One step of a commit. All steps of a commit happen, or none.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new pair. Refused: `NAME_EXISTS`, `PUBLIC_KEY_EXISTS` (both with the facts `existing_id` and
    /// `existing_name`), `QUOTA_EXCEEDED`; `CONFLICT` when the id or short id is taken.
    Insert {
        /// The metadata.
        pair: Box<KeyPair>,
        /// The sealed half; there exactly when `private_key_state` is `Stored`.
        envelope: Option<Vec<u8>>,
        /// How many live pairs the project may hold; `None` = as many as it likes.
        quota: Option<u64>,
    },
    /// A changed pair: `pair.revision` is one above the stored row's, else `CONFLICT`. Refused as `Insert` is, where
    /// the name changes or a deleted pair comes back.
    Replace {
        /// The metadata.
        pair: Box<KeyPair>,
        /// The sealed half.
        envelope: EnvelopeChange,
        /// How many live pairs the project may hold; matters when a deleted pair comes back.
        quota: Option<u64>,
    },
    /// Removes a pair, metadata and sealed half, if its revision is still this one, else `CONFLICT`.
    Remove {
        /// The tenant.
        project: ProjectId,
        /// Which.
        id: KeyPairId,
        /// The revision it must have.
        revision: u64,
    },
    /// Remembers a request. `CONFLICT` when that id is remembered already.
    Remember(RequestKey, StoredRequest),
    /// Forgets a request that a scan found due.
    Forget(Vec<u8>),
}

/// What becomes of the sealed half.
#[derive(Clone, Debug)]
pub enum EnvelopeChange {
    /// It stays.
    Keep,
    /// It is this now.
    Put(Vec<u8>),
    /// It goes.
    Remove,
}

/// One row as an export carries it: readable only with the same keyring.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A pair, whole. Later entries of the same id take the place of earlier ones.
    Pair(Box<Row>),
    /// A pair that went while the export ran.
    Gone(ProjectId, KeyPairId),
}

/// A broken invariant that `check` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, such as `pair default/kp-...` or `index name default/web`.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// How thorough a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Is it there and does it take writes: for readiness.
    Probe,
    /// Every row, index entry and counter.
    Full,
}

/// The store.
#[async_trait]
pub trait Store: Send + Sync {
    /// One row. A damaged row is `RECORD_CORRUPT`.
    async fn get(&self, lookup: Lookup<'_>, with_envelope: bool) -> Result<Option<Row>>;

    /// One of the smaller things.
    async fn note(&self, note: Note<'_>) -> Result<Noted>;

    /// Some rows, in order.
    async fn scan(&self, query: Query<'_>, limit: Limit) -> Result<Page>;

    /// All changes, durably, or none. Runs to its end even if the caller goes away.
    async fn commit(&self, changes: Vec<Change>) -> Result<()>;

    /// Sends every pair as it is at one moment; the sender's end is the end of the export. Damaged rows are sent
    /// as errors, and the export goes on.
    async fn export(&self, sink: tokio::sync::mpsc::Sender<Result<Entry>>) -> Result<()>;

    /// Looks for broken invariants.
    async fn check(&self, depth: Depth) -> Result<Vec<Finding>>;
}
