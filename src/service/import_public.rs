//! ImportPublic: takes in a public key.

use super::call::Call;
use super::clouds::advance::For;
use super::clouds::making::make;
use super::command::ImportPublic;
use super::create::name_exists;
use super::place::ensure;
use super::project::check_quota;
use super::record::new_pair;
use super::request::{Entered, Ticket, enter};
use super::shared::{refuse_shared, remember_to_search};
use super::{Inner, read};
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, Origin, ProjectId};
use crate::sshkey::PublicKey;
use crate::store::Lookup;

pub(super) async fn run(s: &Inner, call: &Call, command: ImportPublic) -> Result<Option<KeyPair>> {
    let project = &command.new.project;
    let ticket = match enter(s, call, "ImportPublic", project, command.manner.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project.clone(), id).await.map(Some),
    };
    if let Some(pair) = taken(s, &command).await? {
        return ensure(s, pair, &command.places, &ticket, command.manner.validate_only).await.map(Some);
    }
    refuse_shared(s, call, project, &command.public, "public_key").await?;
    if command.manner.validate_only {
        // What the commit checks otherwise.
        check_key_is_new(s, project, &command.public).await?;
        check_quota(s, project).await?;
        return Ok(None);
    }
    match store(s, &command, &ticket).await {
        // Another call took the name between the look and the commit.
        Err(error) if error.reason == Reason::NameExists && command.manner.ensure => {
            let pair = taken(s, &command).await?.ok_or(error)?;
            ensure(s, pair, &command.places, &ticket, false).await.map(Some)
        }
        stored => stored.map(Some),
    }
}

/// The pair that has the name: refused, unless `ensure` and it is of the same key.
async fn taken(s: &Inner, command: &ImportPublic) -> Result<Option<KeyPair>> {
    let Some(row) = s.parts.store.get(Lookup::Name(&command.new.project, &command.new.name), false).await? else {
        return Ok(None);
    };
    if command.manner.ensure && row.pair.public == command.public {
        return Ok(Some(row.pair));
    }
    Err(name_exists(&row.pair))
}

async fn store(s: &Inner, command: &ImportPublic, ticket: &Ticket) -> Result<KeyPair> {
    let pair = new_pair(s, &command.new, command.public.clone(), &command.comment, Origin::ImportedPublic);
    let pair = make(s, pair, None, (&command.places, None), ticket, For::Caller { sealing: None }).await?;
    remember_to_search(s, &pair);
    Ok(pair)
}

/// Refuses a key that the project has under another name, as the commit does.
pub(super) async fn check_key_is_new(s: &Inner, project: &ProjectId, public: &PublicKey) -> Result<()> {
    match s.parts.store.get(Lookup::Fingerprint(project, public.sha256()), false).await? {
        None => Ok(()),
        Some(row) => {
            let message = format!("the project has this key as {}: use that pair", row.pair.id);
            Err(Error::new(Reason::PublicKeyExists, message)
                .with_fact("existing_id", row.pair.id.to_string())
                .with_fact("existing_name", row.pair.name.as_str())
                .with_resource("keypairs.v1.KeyPair", row.pair.name.as_str()))
        }
    }
}
