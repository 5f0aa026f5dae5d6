//! What a pair's journal turns to, as its placements come along. Pure: a row in, the same row changed.

use crate::clock::Millis;
use crate::model::{Goal, KeyPair, KeyPairState, Open, OpenWork, Placement, PlacementState};

/// Draws the conclusions from what the placements say. `is_end`: everything that can be done now has been tried.
pub(super) fn conclude(pair: &mut KeyPair, is_end: bool) {
    if let Some(Goal::Make { keep }) = pair.goal() {
        let failed = pair.placements.iter().any(|placement| placement.state == PlacementState::Failed);
        let waits = pair.placements.iter().any(is_being_made);
        if failed && !keep {
            withdraw_all(pair, Goal::Unmake);
        } else if !waits || (keep && is_end && !pair.awaits_key()) {
            pair.state = KeyPairState::Active;
            set_goal(pair, Goal::Settle);
        }
    }
    let is_done = pair.placements.iter().all(|placement| placement.open.is_none());
    if pair.goal() == Some(Goal::Settle) && is_done {
        pair.journal = None;
    }
}

/// Turns all that is at clouds, or may be, towards going away. What certainly is not there is dropped.
pub(in crate::service) fn withdraw_all(pair: &mut KeyPair, goal: Goal) {
    set_goal(pair, goal);
    pair.placements.retain_mut(|placement| {
        let is_unknown = placement.open.as_ref().is_some_and(|open| open.is_unknown);
        if placement.remote_id.is_empty() && !is_unknown {
            return false;
        }
        withdraw(placement);
        true
    });
}

/// Turns one placement towards going away.
pub(in crate::service) fn withdraw(placement: &mut Placement) {
    let is_unknown = placement.open.as_ref().is_some_and(|open| open.is_unknown) && placement.remote_id.is_empty();
    placement.state = PlacementState::Removing;
    placement.rename_to.clear();
    placement.open = Some(Open { is_unknown, ..Open::new(OpenWork::Withdraw) });
}

fn set_goal(pair: &mut KeyPair, goal: Goal) {
    if let Some(journal) = &mut pair.journal {
        journal.goal = goal;
        journal.looks = 0;
    }
}

/// Without this the pair is not what was asked for.
fn is_being_made(placement: &Placement) -> bool {
    let work = placement.open.as_ref().map(|open| open.work);
    matches!(work, Some(OpenWork::Make | OpenWork::Place | OpenWork::Escrow))
}

/// When it is worth looking again: soon after an outage, half a minute after an unknown outcome was looked at in vain,
/// and less and less often at what a cloud refuses.
pub(super) fn next_look(pair: &KeyPair, looks: u32, now: Millis) -> Millis {
    let open = pair.placements.iter().filter_map(|placement| Some((placement, placement.open.as_ref()?)));
    let wait = |(placement, open): (&Placement, &Open)| match open.absent_since {
        Some(since) => (since + BELIEVED - now).max(SOON),
        None if placement.is_refused() => backoff(REFUSED, looks, REFUSED_MOST),
        None => backoff(SOON, looks, SOON_MOST),
    };
    now.saturating_add(open.map(wait).min().unwrap_or(SOON))
}

fn backoff(first: Millis, looks: u32, most: Millis) -> Millis {
    first.saturating_mul(1 << looks.min(16)).min(most)
}

/// A second look so much later that finds nothing is believed (security.md 2.8: two looks, 30 s apart).
pub(super) const BELIEVED: Millis = 30_000;
const SOON: Millis = 1_000;
/// All settles within a minute of a cloud's recovery.
const SOON_MOST: Millis = 16_000;
const REFUSED: Millis = 30_000;
const REFUSED_MOST: Millis = 3_600_000;
