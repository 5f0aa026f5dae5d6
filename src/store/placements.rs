//! Placements and journals to and from `storage.v1`: the part of `record.rs` that concerns clouds.

use super::record::{numbered, pb};
use crate::error::Reason;
use crate::model::{
    EncryptionChoice, Goal, Journal, KeyChoice, Open, OpenWork, Placement, PlacementError, PlacementState,
    ProviderKind, ProviderName, Scope, Through, UserId, Wishes,
};

pub(super) fn to_record(placement: &Placement) -> pb::PlacementRecord {
    let error = placement.error.as_ref();
    pb::PlacementRecord {
        provider: placement.provider.as_str().to_owned(),
        kind: placement.kind as u32,
        region: placement.region.clone(),
        cloud_project_id: placement.wishes.cloud_project_id,
        scope: placement.wishes.scope as u32,
        user_id: placement.wishes.user_id.as_str().to_owned(),
        escrow: placement.wishes.escrow.as_ref().map(to_escrow),
        remote_id: placement.remote_id.clone(),
        remote_name: placement.remote_name.clone(),
        remote_fingerprint: placement.remote_fingerprint.clone(),
        instance_count: placement.instance_count,
        escrowed: placement.is_escrowed,
        behind: placement.is_behind,
        rename_to: placement.rename_to.clone(),
        state: placement.state as u32,
        open: placement.open.as_ref().map(to_open),
        error_reason: error.map_or("", |error| error.reason.as_str()).to_owned(),
        error_message: error.map(|error| error.message.clone()).unwrap_or_default(),
        error_code: error.map(|error| error.code.clone()).unwrap_or_default(),
        request_id: placement.request_id.clone(),
        update_ms: placement.update_time,
    }
}

/// `Err` names the field that does not fit.
pub(super) fn from_record(record: pb::PlacementRecord) -> Result<Placement, &'static str> {
    let error = error(&record)?;
    Ok(Placement {
        provider: ProviderName::stored(record.provider),
        kind: numbered(&ProviderKind::ALL, |kind| kind as u32, record.kind).ok_or("placements.kind")?,
        region: record.region,
        wishes: Wishes {
            cloud_project_id: record.cloud_project_id,
            scope: numbered(&SCOPES, |scope| scope as u32, record.scope).ok_or("placements.scope")?,
            user_id: UserId::stored(record.user_id),
            escrow: record.escrow.map(from_escrow).transpose()?,
        },
        remote_id: record.remote_id,
        remote_name: record.remote_name,
        remote_fingerprint: record.remote_fingerprint,
        instance_count: record.instance_count,
        is_escrowed: record.escrowed,
        rename_to: record.rename_to,
        is_behind: record.behind,
        state: numbered(&STATES, |state| state as u32, record.state).ok_or("placements.state")?,
        open: record.open.map(from_open).transpose()?,
        error,
        request_id: record.request_id,
        update_time: record.update_ms,
    })
}

fn error(record: &pb::PlacementRecord) -> Result<Option<PlacementError>, &'static str> {
    if record.error_reason.is_empty() {
        return Ok(None);
    }
    let is_it = |reason: &&Reason| reason.as_str() == record.error_reason;
    let reason = *Reason::ALL.iter().find(is_it).ok_or("placements.error_reason")?;
    Ok(Some(PlacementError { reason, message: record.error_message.clone(), code: record.error_code.clone() }))
}

fn to_escrow(choice: &EncryptionChoice) -> pb::EscrowRecord {
    match choice {
        EncryptionChoice::Unsaid | EncryptionChoice::Default => pb::EscrowRecord::default(),
        EncryptionChoice::Kms(key) => pb::EscrowRecord {
            mode: 1,
            key_name: key.name.clone().unwrap_or_default(),
            key_id: key.id.clone().unwrap_or_default(),
        },
    }
}

fn from_escrow(record: pb::EscrowRecord) -> Result<EncryptionChoice, &'static str> {
    let set = |text: String| (!text.is_empty()).then_some(text);
    match record.mode {
        0 => Ok(EncryptionChoice::Default),
        1 => Ok(EncryptionChoice::Kms(KeyChoice { name: set(record.key_name), id: set(record.key_id) })),
        _ => Err("placements.escrow"),
    }
}

fn to_open(open: &Open) -> pb::OpenRecord {
    pb::OpenRecord {
        work: open.work as u32,
        attempts: open.attempts,
        unknown: open.is_unknown,
        absent_since_ms: open.absent_since.unwrap_or_default(),
    }
}

fn from_open(record: pb::OpenRecord) -> Result<Open, &'static str> {
    Ok(Open {
        work: numbered(&WORKS, |work| work as u32, record.work).ok_or("placements.open")?,
        attempts: record.attempts,
        is_unknown: record.unknown,
        absent_since: (record.absent_since_ms != 0).then_some(record.absent_since_ms),
    })
}

pub(super) fn to_journal(journal: &Journal) -> pb::JournalRecord {
    let (goal, keep, purge) = match journal.goal {
        Goal::Make { keep } => (1, keep, false),
        Goal::Unmake => (2, false, false),
        Goal::Delete { purge } => (3, false, purge),
        Goal::Settle => (4, false, false),
    };
    pb::JournalRecord {
        goal,
        keep,
        purge,
        look_at_ms: journal.look_at,
        looks: journal.looks,
        owner: journal.owner,
        epoch: journal.epoch,
        request: journal.request.clone().unwrap_or_default(),
    }
}

/// `Err` names the field that does not fit.
pub(super) fn from_journal(record: pb::JournalRecord) -> Result<Journal, &'static str> {
    let goal = match record.goal {
        1 => Goal::Make { keep: record.keep },
        2 => Goal::Unmake,
        3 => Goal::Delete { purge: record.purge },
        4 => Goal::Settle,
        _ => return Err("journal.goal"),
    };
    Ok(Journal {
        goal,
        look_at: record.look_at_ms,
        looks: record.looks,
        owner: record.owner,
        epoch: record.epoch,
        request: (!record.request.is_empty()).then_some(record.request),
    })
}

pub(super) fn to_through(through: &Through) -> pb::ThroughRecord {
    pb::ThroughRecord {
        cloud: through.cloud as u32,
        region: through.region.clone(),
        cloud_project_id: through.cloud_project_id,
        scope: through.scope as u32,
    }
}

/// `Err` names the field that does not fit.
pub(super) fn from_through(record: pb::ThroughRecord) -> Result<Through, &'static str> {
    Ok(Through {
        cloud: numbered(&ProviderKind::ALL, |kind| kind as u32, record.cloud).ok_or("through.cloud")?,
        region: record.region,
        cloud_project_id: record.cloud_project_id,
        scope: numbered(&SCOPES, |scope| scope as u32, record.scope).ok_or("through.scope")?,
    })
}

const SCOPES: [Scope; 3] = [Scope::Unsaid, Scope::User, Scope::Account];
const STATES: [PlacementState; 4] =
    [PlacementState::Pending, PlacementState::Active, PlacementState::Failed, PlacementState::Removing];
const WORKS: [OpenWork; 6] =
    [OpenWork::Place, OpenWork::Escrow, OpenWork::Follow, OpenWork::Withdraw, OpenWork::ClearEscrow, OpenWork::Make];
