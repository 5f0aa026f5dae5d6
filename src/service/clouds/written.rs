//! What a step's outcome makes of its placement. Pure: a row in, the same row changed.

use super::fault::kept;
use super::step::Outcome;
use crate::clock::Millis;
use crate::dialect::Kind;
use crate::model::{Open, OpenWork, Placement, PlacementState};
use crate::provider::{Fault, FaultKind, Remote};

/// What a placement's row becomes.
pub(super) enum Written {
    /// It stays.
    Stays,
    /// There is nothing of the pair at that cloud.
    Goes,
}

/// What a step's success makes of a placement.
pub(super) fn apply(placement: &mut Placement, outcome: &Outcome, now: Millis) -> Written {
    match outcome {
        Outcome::Placed(remote) => {
            fill(placement, remote);
            // Meanwhile everything may be on its way back: then it is known now what is there.
            match &mut placement.open {
                Some(open) if open.work == OpenWork::Withdraw => open.is_unknown = false,
                _ => placed(placement),
            }
        }
        Outcome::Made(..) => {}
        Outcome::Escrowed => {
            placement.is_escrowed = true;
            placed(placement);
        }
        Outcome::Followed => {
            if !placement.rename_to.is_empty() {
                placement.remote_name = std::mem::take(&mut placement.rename_to);
            }
            placement.is_behind = false;
            placed(placement);
        }
        Outcome::Gone => return Written::Goes,
        Outcome::EscrowCleared => {
            placement.is_escrowed = false;
            placement.wishes.escrow = None;
            placed(placement);
        }
        Outcome::Absent => {
            if let Some(open) = &mut placement.open {
                open.absent_since.get_or_insert(now);
            }
        }
    }
    Written::Stays
}

/// It is there; what comes next, if anything.
pub(super) fn placed(placement: &mut Placement) {
    let next = placement.next_work();
    let is_whole = next != Some(OpenWork::Escrow);
    placement.state = if is_whole { PlacementState::Active } else { PlacementState::Pending };
    placement.open = next.map(Open::new);
    placement.error = None;
}

pub(super) fn fill(placement: &mut Placement, remote: &Remote) {
    placement.remote_id.clone_from(&remote.id);
    if !remote.name.is_empty() {
        placement.remote_name.clone_from(&remote.name);
    }
    placement.remote_fingerprint = match (&remote.public, remote.fingerprint.as_str()) {
        (Some(public), "") => public.fingerprint_md5(),
        (_, told) => told.to_owned(),
    };
    placement.instance_count = remote.instance_count;
    placement.is_escrowed = remote.is_escrowed;
}

/// What a step's failure makes of a placement.
pub(super) fn fail(placement: &mut Placement, sent: OpenWork, fault: &Fault, gives_up: bool) -> Written {
    placement.request_id.clone_from(&fault.request_id);
    placement.error = Some(kept(fault));
    let is_unknown = fault.kind == FaultKind::Unknown;
    let is_refused = matches!(fault.kind, FaultKind::Refused(_));
    let Some(open) = &mut placement.open else { return Written::Stays };
    match sent {
        OpenWork::Place | OpenWork::Make => {
            open.is_unknown = is_unknown;
            // Everything is on its way back, and this one never was there.
            if open.work == OpenWork::Withdraw {
                return if is_unknown { Written::Stays } else { Written::Goes };
            }
            if is_refused || (gives_up && !is_unknown) {
                placement.state = PlacementState::Failed;
            }
        }
        OpenWork::Escrow => {
            open.attempts += 1;
            if is_refused || (gives_up && !is_unknown) {
                placement.state = PlacementState::Failed;
            }
        }
        // Nobody can bring a pair up to date that is not there.
        OpenWork::Follow if is_gone(fault) => {
            placement.state = PlacementState::Failed;
            placement.open = None;
        }
        OpenWork::Follow | OpenWork::Withdraw | OpenWork::ClearEscrow => open.attempts += 1,
    }
    Written::Stays
}

fn is_gone(fault: &Fault) -> bool {
    fault.kind == FaultKind::Refused(Kind::NotFound)
}
