//! ClearPrivate: forgets the private half, keeps the public one.

use super::call::Call;
use super::command::ClearPrivate;
use super::record::{changed, no_private_key, until_settled};
use super::request::{Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::Result;
use crate::model::{KeyPair, PrivateKeyState};
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: ClearPrivate) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "ClearPrivate", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await,
    };
    until_settled(|| attempt(s, &command, &ticket)).await
}

async fn attempt(s: &Inner, command: &ClearPrivate, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::live_row(s, &command.key, false).await?.pair;
    read::check_etag(&pair, &command.etag)?;
    if pair.private_key_state != PrivateKeyState::Stored {
        return Err(no_private_key(&pair));
    }
    let mut next = changed(s, &pair);
    next.private_key_state = PrivateKeyState::Cleared;
    next.sealed_by = None;
    let replace = Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Remove, quota: None };
    let changes = std::iter::once(replace).chain(ticket.remember(s, next.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(next)
}
