//! Update: changes name, description, labels or owner.

use super::call::Call;
use super::clouds::advance::{For, advance};
use super::clouds::{check_description, check_settled, hold, journal, remote_name};
use super::command::Update;
use super::record::{changed, until_settled};
use super::request::{Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::{Error, Result};
use crate::model::{Goal, KeyPair, Open, PlacementState};
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: Update) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "Update", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await,
    };
    let _turn = hold(s, &command.key).await?;
    let pair = until_settled(|| attempt(s, &command, &ticket)).await?;
    if pair.journal.is_none() {
        return Ok(pair);
    }
    // The change is made; a cloud that does not follow now is told in the placement, and asked again later.
    let told = pair.clone();
    let advanced = advance(s, pair, For::Nobody).await;
    Ok(advanced.ok().and_then(|advanced| advanced.pair).unwrap_or(told))
}

async fn attempt(s: &Inner, command: &Update, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::live_row(s, &command.key, false).await?.pair;
    read::check_etag(&pair, &command.etag)?;
    check_settled(&pair)?;
    let mut next = apply(changed(s, &pair), command);
    follow(s, &pair, &mut next)?;
    if is_equal(&pair, &next) {
        ticket.settle(s, pair.id).await?;
        return Ok(pair);
    }
    let replace = Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Keep, quota: None };
    let changes = std::iter::once(replace).chain(ticket.remember(s, next.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(next)
}

fn apply(mut pair: KeyPair, command: &Update) -> KeyPair {
    if let Some(name) = &command.name {
        pair.name.clone_from(name);
    }
    if let Some(description) = &command.description {
        pair.description.clone_from(description);
    }
    if let Some(labels) = &command.labels {
        pair.labels.clone_from(labels);
    }
    if let Some(user_id) = &command.user_id {
        pair.user_id.clone_from(user_id);
    }
    pair
}

/// What clouds have of a pair follows it: the description where they keep one, the name where it is the pair's.
fn follow(s: &Inner, old: &KeyPair, next: &mut KeyPair) -> Result<()> {
    let (id, mut faults) = (next.id, Vec::new());
    for placement in &mut next.placements {
        let Some(spec) = s.parts.providers.spec(placement.provider.as_str()) else { continue };
        let rules = &spec.can.name;
        let follows = placement.remote_name == remote_name(rules, &old.name, id);
        if follows && old.name != next.name && spec.can.renames {
            placement.rename_to = remote_name(rules, &next.name, id);
        }
        if old.description != next.description && spec.can.description.is_some() {
            faults.extend(check_description(spec, next.description.as_str()));
            placement.is_behind = true;
        }
        if placement.state == PlacementState::Active && placement.open.is_none() {
            placement.open = placement.next_work().map(Open::new);
        }
    }
    if !faults.is_empty() {
        return Err(Error::violations(faults));
    }
    if next.placements.iter().any(|placement| placement.open.is_some()) {
        next.journal = Some(journal(s, Goal::Settle, None));
    }
    Ok(())
}

fn is_equal(one: &KeyPair, other: &KeyPair) -> bool {
    one.name == other.name
        && one.description == other.description
        && one.labels == other.labels
        && one.user_id == other.user_id
}
