//! Place and Withdraw: a pair at one more cloud, or at one less.

use super::call::Call;
use super::clouds::advance::{For, advance};
use super::clouds::making::{add, commit, failure};
use super::clouds::{Subject, check_placing, check_settled, journal, spec, withdraw as begin_to_withdraw};
use super::command::{Key, Place, Places, Withdraw};
use super::record::changed;
use super::request::{Entered, Ticket, enter};
use super::turns::Turn;
use super::{Inner, read};
use crate::error::{Error, Reason, Result};
use crate::model::{Goal, KeyPair, PlacementState, PrivateKeyState, ProviderName};
use crate::provider::FaultKind;
use crate::store::Change;

pub(super) async fn run(s: &Inner, call: &Call, command: Place) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "Place", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return placed_again(read::again(s, project, id).await?, &command.placing.provider),
    };
    let (_turn, pair) = turn(s, &command.key).await?;
    check_settled(&pair)?;
    let subject = Subject {
        description: pair.description.as_str(),
        labels: &pair.labels,
        key: Some((pair.public.algorithm(), pair.public.bits())),
        has_private: pair.private_key_state == PrivateKeyState::Stored,
    };
    let faults = check_placing(spec(s, &command.placing.provider)?, "placement", &command.placing, &subject);
    if !faults.is_empty() {
        return Err(Error::violations(faults));
    }
    let there = pair.placement(&command.placing.provider);
    if let Some(placement) = there.filter(|placement| placement.state == PlacementState::Active) {
        let message = format!("the key pair is at {} already, as {}", placement.provider, placement.remote_id);
        return Err(Error::new(Reason::PlacementExists, message)
            .with_fact("existing_id", pair.id.to_string())
            .with_fact("existing_name", pair.name.as_str())
            .with_resource("keypairs.v1.KeyPair", pair.id.to_string()));
    }
    if command.validate_only {
        return Ok(pair);
    }
    add(s, &pair, &Places { wanted: vec![command.placing], keep: false }, &ticket).await
}

/// What `ensure` found gets the placements that it lacks, as Place makes them.
pub(super) async fn ensure(
    s: &Inner,
    pair: KeyPair,
    places: &Places,
    ticket: &Ticket,
    validate_only: bool,
) -> Result<KeyPair> {
    let is_there = |pair: &KeyPair, provider: &ProviderName| {
        pair.placement(provider).is_some_and(|placement| placement.state == PlacementState::Active)
    };
    let missing = |pair: &KeyPair| {
        let wanted = places.wanted.iter().filter(|placing| !is_there(pair, &placing.provider)).cloned().collect();
        Places { wanted, keep: places.keep }
    };
    super::clouds::check_made(&pair)?;
    if validate_only || missing(&pair).wanted.is_empty() {
        ticket.settle(s, pair.id).await?;
        return Ok(pair);
    }
    let key = Key { project: pair.project.clone(), by: super::command::By::Id(pair.id) };
    let (_turn, pair) = turn(s, &key).await?;
    check_settled(&pair)?;
    add(s, &pair, &missing(&pair), ticket).await
}

/// The first call succeeded, or is not settled yet.
fn placed_again(pair: KeyPair, provider: &ProviderName) -> Result<KeyPair> {
    match pair.placement(provider) {
        Some(placement) if placement.state == PlacementState::Pending => Err(super::clouds::outcome_unknown(
            pair.id,
            "the outcome of this placement is not known yet: it is being found out",
        )),
        _ => Ok(pair),
    }
}

pub(super) async fn withdraw(s: &Inner, call: &Call, command: Withdraw) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "Withdraw", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await,
    };
    let (_turn, pair) = turn(s, &command.key).await?;
    check_settled(&pair)?;
    let provider = &command.provider;
    let Some(at) = pair.placements.iter().position(|placement| placement.provider == *provider) else {
        return Err(Error::new(Reason::PlacementNotFound, format!("the key pair has no placement at {provider}"))
            .with_resource("keypairs.v1.KeyPair", pair.id.to_string()));
    };
    let remember = ticket.remember(s, pair.id);
    let forget = Ticket::forget(remember.as_ref()).map(Change::Forget);
    let mut next = changed(s, &pair);
    let placement = &mut next.placements[at];
    let is_unknown = placement.open.as_ref().is_some_and(|open| open.is_unknown);
    if placement.remote_id.is_empty() && !is_unknown {
        // It never was there.
        next.placements.remove(at);
        next.journal = next.journal.filter(|_| next.placements.iter().any(|placement| placement.open.is_some()));
        commit(s, &next, remember).await?;
        return Ok(next);
    }
    begin_to_withdraw(placement);
    next.journal = Some(journal(s, Goal::Settle, None));
    commit(s, &next, remember).await?;
    let advanced = advance(s, next, For::Caller { sealing: None }).await?;
    let Some(after) = advanced.pair else { return Err(super::record::not_found()) };
    if after.placement(provider).is_none() {
        return Ok(after);
    }
    let error = failure(&advanced.faults, std::slice::from_ref(provider), after.id, true);
    if advanced.faults.get(provider).is_some_and(|fault| fault.kind != FaultKind::Unknown) {
        // Nothing happened there: it stays as it was.
        put_back(s, &after, &pair, provider, forget).await?;
    }
    Err(error)
}

async fn put_back(
    s: &Inner,
    after: &KeyPair,
    before: &KeyPair,
    provider: &ProviderName,
    forget: Option<Change>,
) -> Result<()> {
    let mut next = changed(s, after);
    for placement in next.placements.iter_mut().filter(|placement| placement.provider == *provider) {
        if let Some(old) = before.placement(provider) {
            placement.state = old.state;
            placement.open.clone_from(&old.open);
        }
    }
    let is_open = next.placements.iter().any(|placement| placement.open.is_some());
    next.journal = is_open.then(|| journal(s, Goal::Settle, None));
    commit(s, &next, forget).await
}

/// The pair, as nobody else can change it at clouds for as long as the turn is held.
async fn turn(s: &Inner, key: &Key) -> Result<(Turn, KeyPair)> {
    let id = read::pair(s, key).await?.id;
    let turn = s.pairs.take(&id).await;
    Ok((turn, read::live_row(s, key, false).await?.pair))
}
