//! Undelete: brings a deleted key pair back, with the private half it had.

use super::call::Call;
use super::command::{By, Key, Undelete};
use super::record::{changed, until_settled};
use super::request::{Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, KeyPairState};
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: Undelete) -> Result<KeyPair> {
    let key = Key { project: command.project.clone(), by: By::Id(command.id) };
    let ticket = match enter(s, call, "Undelete", &command.project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, key.project, id).await,
    };
    until_settled(|| attempt(s, &key, &command, &ticket)).await
}

async fn attempt(s: &Inner, key: &Key, command: &Undelete, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::pair(s, key).await?;
    if pair.state != KeyPairState::Deleted {
        let message = "the key pair is not deleted: there is nothing to bring back";
        return Err(Error::new(Reason::KeyPairNotDeleted, message)
            .with_fact("existing_id", pair.id.to_string())
            .with_fact("existing_name", pair.name.as_str())
            .with_resource("keypairs.v1.KeyPair", pair.id.to_string()));
    }
    let mut next = changed(s, &pair);
    next.state = KeyPairState::Active;
    next.deleted = None;
    if let Some(name) = &command.name {
        next.name.clone_from(name);
    }
    let quota = Some(s.parts.projects.rules(&next.project).key_pairs);
    let replace = Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Keep, quota };
    let changes = std::iter::once(replace).chain(ticket.remember(s, next.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(next)
}
