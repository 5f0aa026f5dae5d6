//! Update: changes name, description, labels or owner.

use super::call::Call;
use super::command::Update;
use super::record::{changed, until_settled};
use super::request::{Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::Result;
use crate::model::KeyPair;
use crate::store::{Change, EnvelopeChange};

pub(super) async fn run(s: &Inner, call: &Call, command: Update) -> Result<KeyPair> {
    let project = command.key.project.clone();
    let ticket = match enter(s, call, "Update", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await,
    };
    until_settled(|| attempt(s, &command, &ticket)).await
}

async fn attempt(s: &Inner, command: &Update, ticket: &Ticket) -> Result<KeyPair> {
    let pair = read::live_row(s, &command.key, false).await?.pair;
    read::check_etag(&pair, &command.etag)?;
    let next = apply(changed(s, &pair), command);
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

fn is_equal(one: &KeyPair, other: &KeyPair) -> bool {
    one.name == other.name
        && one.description == other.description
        && one.labels == other.labels
        && one.user_id == other.user_id
}
