//! ImportPrivate: takes in a private key, as a new pair or as the private half of a pair that has none.

use super::call::Call;
use super::clouds::advance::For;
use super::clouds::check_settled;
use super::clouds::making::make as make_there;
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
    let whom = For::Caller { sealing: None };
    match make_there(s, pair, Some(envelope), (&command.places, None), ticket, whom).await {
        // Another call took the name between the look and the commit: the next look finds its pair.
        Err(error) if error.reason == Reason::NameExists => Err(Error::new(Reason::Conflict, error.message)),
        Err(error) => Err(error),
        Ok(pair) => {
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
            let validate_only = command.manner.validate_only;
            return super::place::ensure(s, pair, &command.places, ticket, validate_only).await.map(Some);
        }
        let error = Error::new(Reason::PrivateKeyExists, "the key pair holds its private half already");
        let error = error.with_fact("existing_id", pair.id.to_string());
        return Err(about(&pair, error.with_fact("existing_name", pair.name.as_str())));
    }
    check_unchanged(command, &pair)?;
    check_settled(&pair)?;
    if command.manner.validate_only {
        return Ok(None);
    }
    let turn = s.pairs.take(&pair.id).await;
    let mut next = changed(s, &pair);
    let envelope = seal(s, &mut next, &command.key, sealing.0, sealing.1).await?;
    let replace =
        Change::Replace { pair: Box::new(next.clone()), envelope: EnvelopeChange::Put(envelope), quota: None };
    let remember = ticket.remember(s, next.id).filter(|_| command.places.wanted.is_empty());
    s.parts.store.commit(std::iter::once(replace).chain(remember).collect()).await?;
    if command.places.wanted.is_empty() {
        return Ok(Some(next));
    }
    let added = super::clouds::making::add(s, &next, &command.places, ticket).await;
    drop(turn);
    match added {
        // All or nothing: what a cloud refused leaves the pair as it was.
        Err(error) if error.reason != Reason::ProviderOutcomeUnknown => {
            take_back(s, &pair).await?;
            Err(error)
        }
        added => added.map(Some),
    }
}

/// The private half that this call brought goes again.
async fn take_back(s: &Inner, before: &KeyPair) -> Result<()> {
    until_settled(|| async {
        let Some(row) = s.parts.store.get(Lookup::Id(&before.project, before.id), false).await? else { return Ok(()) };
        let mut next = changed(s, &row.pair);
        next.private_key_state = before.private_key_state;
        next.sealed_by = None;
        let replace = Change::Replace { pair: Box::new(next), envelope: EnvelopeChange::Remove, quota: None };
        s.parts.store.commit(vec![replace]).await
    })
    .await
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
