//! Delete: frees name, key and quota at once; the sealed half stays until the purge time, or goes at once.

use super::call::Call;
use super::clouds::advance::{For, advance};
use super::clouds::making::{commit, failure};
use super::clouds::{hold, journal, withdraw_all};
use super::command::{By, Delete, Key};
use super::record::{changed, millis, until_settled};
use super::request::{Entered, Ticket, enter};
use super::turns::Turn;
use super::{Inner, read};
use crate::error::{Reason, Result};
use crate::model::{Deleted, Goal, KeyPair, KeyPairId, KeyPairState, PrivateKeyState, ProviderName};
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: Delete) -> Result<Option<KeyPair>> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "Delete", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        // The first call succeeded. What it deleted may be purged by now: that is no failure of this call.
        Entered::Again(id, _) => {
            let key = Key { project, by: By::Id(id) };
            let _turn = held(s, &key).await?;
            return match read::pair(s, &key).await {
                Err(error) if error.reason == Reason::KeyPairNotFound => Ok(None),
                Ok(pair) if pair.state == KeyPairState::Deleting => go_on(s, pair, command.purge).await.map(Some),
                found => found.map(Some),
            };
        }
    };
    let _turn = held(s, &command.key).await?;
    match delete(s, &command, &ticket).await {
        Err(error) if error.reason == Reason::KeyPairNotFound && command.allow_missing => {
            // Remembered too: sent again, it must not delete what took the name since.
            ticket.settle(s, NOBODY).await?;
            Ok(None)
        }
        done => done.map(Some),
    }
}

async fn held(s: &Inner, key: &Key) -> Result<Option<Turn>> {
    match hold(s, key).await {
        Err(error) if error.reason == Reason::KeyPairNotFound => Ok(None),
        held => held,
    }
}

async fn delete(s: &Inner, command: &Delete, ticket: &Ticket) -> Result<KeyPair> {
    let pair = until_settled(|| attempt(s, command, ticket)).await?;
    match pair.state {
        KeyPairState::Deleting if !command.validate_only => go_on(s, pair, command.purge).await,
        _ => Ok(pair),
    }
}

/// Takes the pair away from the clouds where it still is. What a cloud refuses leaves it DELETING.
async fn go_on(s: &Inner, pair: KeyPair, purge: bool) -> Result<KeyPair> {
    let order: Vec<ProviderName> = pair.placements.iter().map(|placement| placement.provider.clone()).collect();
    let (id, last) = (pair.id, deleted(s, &pair, purge));
    let advanced = advance(s, pair, For::Nobody).await?;
    match advanced.pair {
        None => Ok(last),
        Some(pair) if pair.state == KeyPairState::Deleted => Ok(pair),
        Some(_) => Err(failure(&advanced.faults, &order, id, true)),
    }
}

async fn attempt(s: &Inner, command: &Delete, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::row(s, &command.key, false).await?.pair;
    read::check_etag(&pair, &command.etag)?;
    let purge = command.purge || s.parts.retention.is_zero();
    let is_deleted = pair.state == KeyPairState::Deleted;
    if is_deleted && !purge {
        if command.allow_missing {
            ticket.settle(s, pair.id).await?;
            return Ok(pair);
        }
        // The same refusal as every other call gets.
        return Err(read::live_row(s, &command.key, false).await.err().unwrap_or_else(super::record::not_found));
    }
    if command.validate_only {
        return Ok(pair);
    }
    if !pair.placements.is_empty() && !command.abandon_placements {
        let mut next = changed(s, &pair);
        next.state = KeyPairState::Deleting;
        next.journal = Some(journal(s, Goal::Delete { purge }, None));
        withdraw_all(&mut next, Goal::Delete { purge });
        if !next.placements.is_empty() {
            commit(s, &next, ticket.remember(s, pair.id)).await?;
            return Ok(next);
        }
    }
    let next = deleted(s, &pair, purge);
    let change = match purge {
        true => Change::Remove { project: pair.project.clone(), id: pair.id, revision: pair.revision },
        false => Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Keep, quota: None },
    };
    let changes = std::iter::once(change).chain(ticket.remember(s, pair.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(next)
}

/// The pair as the answer shows it.
pub(super) fn deleted(s: &Inner, pair: &KeyPair, purge: bool) -> KeyPair {
    let mut next = changed(s, pair);
    let now = s.parts.clock.now();
    let at = pair.deleted.map_or(now, |deleted| deleted.at);
    let purge_at = if purge { now } else { now.saturating_add(millis(s.parts.retention)) };
    if purge && next.private_key_state == PrivateKeyState::Stored {
        next.private_key_state = PrivateKeyState::Cleared;
        next.sealed_by = None;
    }
    next.placements.clear();
    next.journal = None;
    next.state = KeyPairState::Deleted;
    next.deleted = Some(Deleted { at, purge_at });
    next
}

/// The pair of a remembered Delete that found none; never a real id.
const NOBODY: KeyPairId = KeyPairId::from_bytes([0; 16]);
