//! Placements: at which clouds a pair's public half is registered, and how far each of them has come.

use std::fmt;

use super::{EncryptionChoice, UserId};
use crate::clock::Millis;
use crate::error::{Reason, Violation};

/// The configured name of a provider: 1 to 32 of `[a-z0-9-]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

impl ProviderName {
    /// From a stored row, whose MAC says that it was checked when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Checks a name that came in as `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.is_empty() || text.len() > 32 || !text.bytes().all(fits) {
            let message = "a provider's name is 1 to 32 of a-z, 0-9 and '-'";
            return Err(Violation::new(field, Reason::ProviderNotConfigured, message));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which cloud a provider is. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// Baidu BCC.
    Baidu = 1,
    /// Tencent CVM.
    Tencent = 2,
    /// Huawei KPS.
    Huawei = 3,
}

impl Open {
    /// Work that nothing was done for yet.
    pub const fn new(work: OpenWork) -> Self {
        Self { work, attempts: 0, is_unknown: false, absent_since: None }
    }
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Baidu, Self::Tencent, Self::Huawei];

    /// The word of the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baidu => "baidu",
            Self::Tencent => "tencent",
            Self::Huawei => "huawei",
        }
    }
}

/// Who at the cloud sees the pair: Huawei's scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Not said: the cloud's default, which is the user.
    #[default]
    Unsaid,
    /// The user alone.
    User,
    /// The whole account ("domain").
    Account,
}

/// What is asked of a placement beyond its name. What a cloud does not know is refused before anything is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Tencent: the ProjectId; `None`: the provider's configured one.
    pub cloud_project_id: Option<i64>,
    /// Huawei: who sees the pair.
    pub scope: Scope,
    /// Huawei: to whom the pair belongs there.
    pub user_id: UserId,
    /// Huawei: the private half goes into the cloud's keeping too, under this.
    pub escrow: Option<EncryptionChoice>,
}

/// One placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The configured name of the provider.
    pub provider: ProviderName,
    /// Which cloud that is.
    pub kind: ProviderKind,
    /// Its region.
    pub region: String,
    /// What was asked for.
    pub wishes: Wishes,
    /// The cloud's id of the pair; empty until the cloud has it.
    pub remote_id: String,
    /// The name there.
    pub remote_name: String,
    /// The fingerprint that the cloud tells; where it tells none, the one of the public key that it has.
    pub remote_fingerprint: String,
    /// On how many instances it is, as last seen.
    pub instance_count: Option<u32>,
    /// The private half is in the cloud's keeping.
    pub is_escrowed: bool,
    /// The name that it shall have there, until it has; empty: the one that it has.
    pub rename_to: String,
    /// The description there may not be what it is here.
    pub is_behind: bool,
    /// How far it has come.
    pub state: PlacementState,
    /// What is to be done there, and was not done yet.
    pub open: Option<Open>,
    /// What went wrong last; `None` after a success.
    pub error: Option<PlacementError>,
    /// The cloud's id of the last request.
    pub request_id: String,
    /// When it last changed.
    pub update_time: Millis,
}

impl Placement {
    /// The cloud refused the last request.
    pub fn is_refused(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.reason == Reason::ProviderRejected)
    }

    /// What is to be done next after the public half is there, or `None`: first the private half into the cloud's keeping,
    /// where that was wished for, then name and description.
    pub fn next_work(&self) -> Option<OpenWork> {
        match () {
            () if self.wishes.escrow.is_some() && !self.is_escrowed => Some(OpenWork::Escrow),
            () if self.is_behind || !self.rename_to.is_empty() => Some(OpenWork::Follow),
            () => None,
        }
    }
}

/// How far a placement has come. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlacementState {
    /// On its way there, or not known yet.
    Pending = 1,
    /// There.
    Active = 2,
    /// Not there; the last try failed.
    Failed = 3,
    /// Being taken away.
    Removing = 4,
}

/// The journal entry of a placement: what is to be done. Durable before the request is sent, gone when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What.
    pub work: OpenWork,
    /// How often a request for it went out.
    pub attempts: u32,
    /// A request went out, and what came of it is not known: only a look at the cloud decides what comes next.
    pub is_unknown: bool,
    /// When a look first found nothing there after an unknown outcome: a second one at least 30 s later is believed.
    pub absent_since: Option<Millis>,
}

/// What is to be done at a cloud. The numbers are those of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenWork {
    /// Register the public half.
    Place = 1,
    /// Give the private half into the cloud's keeping.
    Escrow = 2,
    /// Make name and description there what they are here.
    Follow = 3,
    /// Take it away.
    Withdraw = 4,
    /// Take the private half out of the cloud's keeping.
    ClearEscrow = 5,
    /// Have the cloud make the pair.
    Make = 6,
}

/// The journal of a pair: that there is work to do at clouds, to what end, and when to look again. The pair's placements
/// say what exactly. Durable before the first request of it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// To what end.
    pub goal: Goal,
    /// When somebody shall look again, if nobody has by then.
    pub look_at: Millis,
    /// How often somebody looked in vain.
    pub looks: u32,
    /// Which run of the service wrote it.
    pub owner: u64,
    /// Which of its leases: an owner that lost its lease cannot act on it.
    pub epoch: u64,
    /// What forgets the request that began it, when the pair is unmade: only success is kept.
    pub request: Option<Vec<u8>>,
}

/// To what end there is work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The pair is being made; what fails is kept as FAILED (`keep`), or takes all of it back.
    Make {
        /// Keep the pair when a placement fails.
        keep: bool,
    },
    /// The making failed: everything goes, the pair too.
    Unmake,
    /// The pair is being deleted.
    Delete {
        /// Record and private half go at once.
        purge: bool,
    },
    /// The pair is in use; single placements have work open.
    Settle,
}

/// What went wrong at a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementError {
    /// Why, from the closed list.
    pub reason: Reason,
    /// At most 256 bytes; the cloud's words made printable, or ours.
    pub message: String,
    /// The cloud's own code, if it told one.
    pub code: String,
}
