//! ClearPrivate: forgets the private half, keeps the public one.

use super::call::Call;
use super::clouds::advance::{For, advance};
use super::clouds::making::failure;
use super::clouds::{check_settled, hold, journal};
use super::command::{By, ClearPrivate, Key};
use super::record::{changed, no_private_key, until_settled};
use super::request::{Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::Result;
use crate::model::{Goal, KeyPair, Open, OpenWork, Placement, PlacementState, PrivateKeyState, ProviderName};
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: ClearPrivate) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "ClearPrivate", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => {
            let key = Key { project, by: By::Id(id) };
            let _turn = hold(s, &key).await?;
            return clear_at_clouds(s, read::again(s, key.project, id).await?).await;
        }
    };
    let _turn = hold(s, &command.key).await?;
    let pair = until_settled(|| attempt(s, &command, &ticket)).await?;
    clear_at_clouds(s, pair).await
}

/// OK means that no cloud holds it any more either, as far as that was asked for.
async fn clear_at_clouds(s: &Inner, pair: KeyPair) -> Result<KeyPair> {
    let clears = |pair: &KeyPair| -> Vec<ProviderName> {
        let clears = |placement: &&Placement| placement.open.as_ref().is_some_and(|o| o.work == OpenWork::ClearEscrow);
        pair.placements.iter().filter(clears).map(|placement| placement.provider.clone()).collect()
    };
    let order = clears(&pair);
    if order.is_empty() {
        return Ok(pair);
    }
    let id = pair.id;
    let advanced = advance(s, pair, For::Nobody).await?;
    match advanced.pair {
        Some(pair) if clears(&pair).is_empty() => Ok(pair),
        pair => Err(failure(&advanced.faults, &order, id, pair.is_some())),
    }
}

async fn attempt(s: &Inner, command: &ClearPrivate, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::live_row(s, &command.key, false).await?.pair;
    read::check_etag(&pair, &command.etag)?;
    check_settled(&pair)?;
    if pair.private_key_state != PrivateKeyState::Stored {
        return Err(no_private_key(&pair));
    }
    let mut next = changed(s, &pair);
    next.private_key_state = PrivateKeyState::Cleared;
    next.sealed_by = None;
    for placement in &mut next.placements {
        // What was not given to the cloud yet is not given any more.
        placement.wishes.escrow = None;
        if placement.open.as_ref().is_some_and(|open| open.work == OpenWork::Escrow) {
            placement.open = placement.next_work().map(Open::new);
            placement.state = PlacementState::Active;
        }
        if placement.is_escrowed && !command.keep_escrow {
            placement.open = Some(Open::new(OpenWork::ClearEscrow));
        }
    }
    let is_open = next.placements.iter().any(|placement| placement.open.is_some());
    next.journal = is_open.then(|| journal(s, Goal::Settle, None));
    let replace = Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Remove, quota: None };
    let changes = std::iter::once(replace).chain(ticket.remember(s, next.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(next)
}
