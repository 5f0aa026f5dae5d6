//! ImportPrivate: takes in a private key, as a new pair or as the private half of a pair that has none.

use super::call::Call;
use super::command::ImportPrivate;
use super::import_public::check_key_is_new;
use super::project::check_quota;
use super::record::{changed, new_pair, not_found, resolve, seal, until_settled};
use super::request::{Entered, Ticket, enter};
use super::shared::{refuse_shared, remember_to_search};
use super::{Inner, read};
use crate::error::{Error, Reason, Result, Violation};
use crate::kms::KekRef;
use crate::model::{EncryptionMode, KeyPair, Origin, PrivateKeyState};
use crate::sshkey::PrivateKey;
use crate::store::{Change, EnvelopeChange, Lookup};

pub(super) async fn run(s: &Inner, call: &Call, command: ImportPrivate) -> Result<Option<KeyPair>> {
    let project = command.new.project.clone();
    let (mode, choice) = s.parts.projects.rules(&project).encryption(command.encryption.clone())?;
    let ticket = match enter(s, call, "ImportPrivate", &project, command.manner.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await.map(Some),
    };
    let kek = resolve(s, &choice).await?;
    until_settled(|| attempt(s, call, &command, &ticket, (mode, &kek))).await
}

async fn attempt(
    s: &Inner,
    call: &Call,
    command: &ImportPrivate,
    ticket: &Ticket,
    sealing: (EncryptionMode, &KekRef),
) -> Result<Option<KeyPair>> {
    let found = s.parts.store.get(Lookup::Name(&command.new.project, &command.new.name), false).await?;
    match found {
        Some(row) => add(s, command, ticket, row.pair, sealing).await,
        None if command.must_exist => Err(not_found()),
        None => make(s, call, command, ticket, sealing).await,
    }
}

/// The name is free: a new pair.
async fn make(
    s: &Inner,
    call: &Call,
    command: &ImportPrivate,
    ticket: &Ticket,
    sealing: (EncryptionMode, &KekRef),
) -> Result<Option<KeyPair>> {
    refuse_shared(s, call, &command.new.project, command.key.public(), "private_key").await?;
    if command.manner.validate_only {
        // What the commit checks otherwise.
        check_key_is_new(s, &command.new.project, command.key.public()).await?;
        check_quota(s, &command.new.project).await?;
        return Ok(None);
    }
    let public = command.key.public().clone();
    let mut pair = new_pair(s, &command.new, public, &command.comment, Origin::ImportedPrivate);
    let envelope = seal(s, &mut pair, &command.key, sealing.0, sealing.1).await?;
    let quota = Some(s.parts.projects.rules(&pair.project).key_pairs);
    let insert = Change::Insert { pair: Box::new(pair.clone()), envelope: Some(envelope), quota };
    let changes = std::iter::once(insert).chain(ticket.remember(s, pair.id)).collect();
    match s.parts.store.commit(changes).await {
        // Another call took the name between the look and the commit: the next look finds its pair.
        Err(error) if error.reason == Reason::NameExists => Err(Error::new(Reason::Conflict, error.message)),
        Err(error) => Err(error),
        Ok(()) => {
            remember_to_search(s, &pair);
            Ok(Some(pair))
        }
    }
}

/// The name is taken: the private half joins that pair, if it is of the same key and has none.
async fn add(
    s: &Inner,
    command: &ImportPrivate,
    ticket: &Ticket,
    pair: KeyPair,
    sealing: (EncryptionMode, &KekRef),
) -> Result<Option<KeyPair>> {
    if !is_same_key(&command.key, &pair) {
        let message = "the private key does not belong to the public half of the key pair of that name";
        return Err(about(&pair, Error::new(Reason::PrivateKeyMismatch, message)));
    }
    if pair.private_key_state == PrivateKeyState::Stored {
        if command.manner.ensure {
            ticket.settle(s, pair.id).await?;
            return Ok(Some(pair));
        }
        let error = Error::new(Reason::PrivateKeyExists, "the key pair holds its private half already");
        let error = error.with_fact("existing_id", pair.id.to_string());
        return Err(about(&pair, error.with_fact("existing_name", pair.name.as_str())));
    }
    check_unchanged(command, &pair)?;
    if command.manner.validate_only {
        return Ok(None);
    }
    let mut next = changed(s, &pair);
    let envelope = seal(s, &mut next, &command.key, sealing.0, sealing.1).await?;
    let replace =
        Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Put(envelope), quota: None };
    let changes = std::iter::once(replace).chain(ticket.remember(s, next.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(Some(next))
}

fn is_same_key(key: &PrivateKey, pair: &KeyPair) -> bool {
    *key.public() == pair.public
}

/// What describes the pair must be empty or equal: this call adds a private half and changes nothing else.
fn check_unchanged(command: &ImportPrivate, pair: &KeyPair) -> Result<()> {
    let (new, mut faults) = (&command.new, Vec::new());
    let mut differs = |field: &str, reason, empty: bool, equal: bool| {
        if !empty && !equal {
            let message = "must be empty or equal to the existing pair's: change it with Update";
            faults.push(Violation::new(field, reason, message));
        }
    };
    let description = (new.description.as_str().is_empty(), new.description == pair.description);
    differs("description", Reason::DescriptionInvalid, description.0, description.1);
    differs("labels", Reason::LabelsInvalid, new.labels.as_map().is_empty(), new.labels == pair.labels);
    differs("user_id", Reason::UserIdInvalid, new.user_id.as_str().is_empty(), new.user_id == pair.user_id);
    if faults.is_empty() { Ok(()) } else { Err(Error::violations(faults)) }
}

fn about(pair: &KeyPair, error: Error) -> Error {
    error.with_resource("keypairs.v1.KeyPair", pair.name.as_str())
}
