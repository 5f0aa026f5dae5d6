//! A new pair: stored, then registered where it shall be; all or nothing, unless what fails shall be kept.

use super::super::Inner;
use super::super::command::Places;
use super::super::record::changed;
use super::super::request::Ticket;
use super::advance::{Advanced, For, advance};
use super::goal::withdraw;
use super::{ASK_AGAIN, Placing, fault::placement_fault, journal, new_placement, outcome_unknown};
use crate::error::{Error, Result};
use crate::model::{Goal, KeyPair, KeyPairId, KeyPairState, OpenWork, PlacementState, ProviderName};
use crate::provider::{Fault, FaultKind};
use crate::store::{Change, EnvelopeChange};

/// Stores a new pair and registers it. What a cloud refuses is the error, and then nothing is kept.
pub(in crate::service) async fn make(
    s: &Inner,
    mut pair: KeyPair,
    envelope: Option<Vec<u8>>,
    places: (&Places, Option<&ProviderName>),
    ticket: &Ticket,
    whom: For,
) -> Result<KeyPair> {
    let (places, maker) = places;
    let remember = ticket.remember(s, pair.id);
    let mut turn = None;
    if !places.wanted.is_empty() {
        for placing in &places.wanted {
            let work = if Some(&placing.provider) == maker { OpenWork::Make } else { OpenWork::Place };
            let placement = new_placement(s, &pair, placing, work)?;
            pair.placements.push(placement);
        }
        pair.state = KeyPairState::Pending;
        pair.journal = Some(journal(s, Goal::Make { keep: places.keep }, Ticket::forget(remember.as_ref())));
        turn = Some(s.pairs.take(&pair.id).await);
    }
    let quota = Some(s.parts.projects.rules(&pair.project).key_pairs);
    let insert = Change::Insert { pair: Box::new(pair.clone()), envelope, quota };
    s.parts.store.commit(std::iter::once(insert).chain(remember).collect()).await?;
    if turn.is_none() {
        return Ok(pair);
    }
    let (id, order) = (pair.id, providers(&places.wanted));
    made(advance(s, pair, whom).await?, id, &order)
}

fn made(advanced: Advanced, id: KeyPairId, order: &[ProviderName]) -> Result<KeyPair> {
    match advanced.pair {
        Some(pair) if pair.state == KeyPairState::Active => Ok(pair),
        pair => Err(failure(&advanced.faults, order, id, pair.is_some())),
    }
}

/// Registers a pair at more clouds: all of them, or none. The caller holds the pair's turn.
pub(in crate::service) async fn add(s: &Inner, pair: &KeyPair, places: &Places, ticket: &Ticket) -> Result<KeyPair> {
    let remember = ticket.remember(s, pair.id);
    let forget = Ticket::forget(remember.as_ref());
    let mut next = changed(s, pair);
    for placing in &places.wanted {
        wish(s, &mut next, placing)?;
    }
    next.journal = Some(journal(s, Goal::Settle, None));
    commit(s, &next, remember).await?;
    let advanced = advance(s, next, For::Caller { sealing: None }).await?;
    let order = providers(&places.wanted);
    let Some(pair) = advanced.pair else { return Err(super::super::record::not_found()) };
    let mine = || pair.placements.iter().filter(|placement| order.contains(&placement.provider));
    if places.keep || mine().all(|placement| placement.state == PlacementState::Active) {
        return Ok(pair);
    }
    let error = failure(&advanced.faults, &order, pair.id, true);
    if mine().any(|placement| placement.state == PlacementState::Failed) {
        take_back(s, &pair, &order, forget).await?;
    }
    Err(error)
}

/// A placement that is asked for, beside what is there: one that failed is tried again, one that is there may get what it
/// lacks.
fn wish(s: &Inner, pair: &mut KeyPair, placing: &Placing) -> Result<()> {
    let Some(at) = pair.placements.iter().position(|placement| placement.provider == placing.provider) else {
        let placement = new_placement(s, pair, placing, OpenWork::Place)?;
        pair.placements.push(placement);
        return Ok(());
    };
    let anew = new_placement(s, pair, placing, OpenWork::Place)?;
    let placement = &mut pair.placements[at];
    placement.wishes = placing.wishes.clone();
    if !placement.remote_id.is_empty() {
        let next = placement.next_work();
        placement.open = next.map(crate::model::Open::new);
        placement.state = if next == Some(OpenWork::Escrow) { PlacementState::Pending } else { PlacementState::Active };
    } else if !placement.open.as_ref().is_some_and(|open| open.is_unknown) {
        *placement = anew;
    }
    Ok(())
}

/// What was added goes again, and the request that added it is forgotten.
async fn take_back(s: &Inner, pair: &KeyPair, order: &[ProviderName], forget: Option<Vec<u8>>) -> Result<()> {
    let mut next = changed(s, pair);
    next.placements.retain_mut(|placement| {
        if !order.contains(&placement.provider) {
            return true;
        }
        let is_unknown = placement.open.as_ref().is_some_and(|open| open.is_unknown);
        if placement.remote_id.is_empty() && !is_unknown {
            return false;
        }
        withdraw(placement);
        true
    });
    let is_open = next.placements.iter().any(|placement| placement.open.is_some());
    next.journal = is_open.then(|| journal(s, Goal::Settle, None));
    commit(s, &next, forget.map(Change::Forget)).await?;
    if is_open {
        advance(s, next, For::Caller { sealing: None }).await?;
    }
    Ok(())
}

/// Commits a changed pair, its sealed half as it is.
pub(in crate::service) async fn commit(s: &Inner, pair: &KeyPair, more: Option<Change>) -> Result<()> {
    let replace = Change::Replace { pair: Box::new(pair.clone()), envelope: EnvelopeChange::Keep, quota: None };
    s.parts.store.commit(std::iter::once(replace).chain(more).collect()).await
}

/// What the caller hears: the first refusal in the order of the request, else the first fault.
pub(in crate::service) fn failure(
    faults: &std::collections::BTreeMap<ProviderName, Fault>,
    order: &[ProviderName],
    id: KeyPairId,
    is_there: bool,
) -> Error {
    let told = |wanted: fn(&FaultKind) -> bool| {
        order.iter().find_map(|name| faults.get(name).filter(|fault| wanted(&fault.kind)).map(|fault| (name, fault)))
    };
    let first = told(|kind| matches!(kind, FaultKind::Refused(_)))
        .or_else(|| told(|kind| *kind == FaultKind::Unavailable))
        .or_else(|| told(|_| true));
    match first {
        Some((name, fault)) => {
            let error = placement_fault(name, fault);
            if is_there && fault.kind == FaultKind::Unknown {
                return error.with_fact("key_pair_id", id.to_string()).with_retry_after(ASK_AGAIN);
            }
            error
        }
        None => outcome_unknown(id, "what became of the key pair at a cloud is not known yet: it is being found out"),
    }
}

fn providers(wanted: &[Placing]) -> Vec<ProviderName> {
    wanted.iter().map(|placing| placing.provider.clone()).collect()
}
