//! Create: makes a key pair, keeps its private half sealed, gives it out once.

use super::call::Call;
use super::clouds::advance::For;
use super::clouds::making::make as make_there;
use super::command::{By, Create, Key};
use super::pool::Work;
use super::project::check_quota;
use super::record::{PrivateText, give_out, new_pair, open, resolve, seal};
use super::request::{Did, Entered, Ticket, enter};
use super::{Inner, read};
use crate::error::{Error, Reason, Result};
use crate::kms::KekRef;
use crate::model::{EncryptionMode, KeyPair, KeyPairId, Origin, PrivateKeyState};
use crate::sshkey::{KeySpec, PrivateKey};
use crate::store::Lookup;

type Created = (Option<KeyPair>, Option<PrivateText>);

pub(super) async fn run(s: &Inner, call: &Call, mut command: Create) -> Result<Created> {
    // What is not kept needs no key, not even in a project whose default is none that can be had without a name.
    let meant = match command.forget_private {
        true => None,
        false => Some(s.parts.projects.rules(&command.new.project).encryption(command.encryption.clone())?),
    };
    let ticket = match enter(s, call, "Create", &command.new.project, command.manner.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, did) => return again(s, call, command, id, did).await,
    };
    let sealing = match meant {
        None => None,
        Some((mode, choice)) => Some((mode, resolve(s, &choice).await?)),
    };
    if let Some(pair) = taken(s, &command).await? {
        let pair = super::place::ensure(s, pair, &command.places, &ticket, command.manner.validate_only).await?;
        return Ok((Some(pair), None));
    }
    // The commit checks the quota too: this look is for validations, and so that no costly key is made in vain.
    if command.manner.validate_only || matches!(command.spec, KeySpec::Rsa(_)) {
        check_quota(s, &command.new.project).await?;
    }
    if command.manner.validate_only {
        return Ok((None, None));
    }
    if command.generated_by.is_some() {
        return generated(s, call, command, &ticket, sealing).await;
    }
    let key = make(s, call, command.spec).await?;
    let passphrase = command.passphrase.take();
    let (key, text) = match command.omit_private_key {
        true => (key, None),
        false => {
            let comment = command.new.name.as_str();
            let (key, text) = give_out(s, call, key, comment, command.format, passphrase).await?;
            (key, Some(text))
        }
    };
    match store(s, &command, &ticket, &key, sealing).await {
        // Another call took the name between the look and the commit.
        Err(error) if error.reason == Reason::NameExists && command.manner.ensure => {
            let pair = taken(s, &command).await?.ok_or(error)?;
            let pair = super::place::ensure(s, pair, &command.places, &ticket, false).await?;
            Ok((Some(pair), None))
        }
        stored => Ok((Some(stored?), text)),
    }
}

/// The pair that has the name: refused, unless `ensure` and it is of the same type and size.
async fn taken(s: &Inner, command: &Create) -> Result<Option<KeyPair>> {
    let Some(row) = s.parts.store.get(Lookup::Name(&command.new.project, &command.new.name), false).await? else {
        return Ok(None);
    };
    let public = &row.pair.public;
    let same = public.algorithm() == command.spec.algorithm() && public.bits() == command.spec.bits();
    if command.manner.ensure && same {
        return Ok(Some(row.pair));
    }
    Err(name_exists(&row.pair))
}

/// RSA is a random search for primes: it runs on a pool of its own. The others take microseconds.
async fn make(s: &Inner, call: &Call, spec: KeySpec) -> Result<PrivateKey> {
    let KeySpec::Rsa(bits) = spec else { return s.parts.maker.make(spec) };
    let maker = std::sync::Arc::clone(&s.parts.maker);
    s.parts.rsa.run(Work::Rsa(bits), call, move || maker.make(spec)).await?
}

async fn store(
    s: &Inner,
    command: &Create,
    ticket: &Ticket,
    key: &PrivateKey,
    sealing: Option<(EncryptionMode, KekRef)>,
) -> Result<KeyPair> {
    let mut pair = new_pair(s, &command.new, key.public().clone(), "", Origin::Generated);
    let envelope = match sealing {
        None => None,
        Some((mode, kek)) => Some(seal(s, &mut pair, key, mode, &kek).await?),
    };
    make_there(s, pair, envelope, (&command.places, None), ticket, For::Caller { sealing: None }).await
}

/// A cloud makes the pair: until it has, the row holds a stand-in whose private half nobody has.
async fn generated(
    s: &Inner,
    call: &Call,
    mut command: Create,
    ticket: &Ticket,
    sealing: Option<(EncryptionMode, KekRef)>,
) -> Result<Created> {
    let Some(maker) = command.generated_by.take() else { return Err(Error::internal("no cloud to make the pair")) };
    let stand_in = s.parts.maker.make(KeySpec::Ed25519)?.public().clone();
    let mut pair = new_pair(s, &command.new, stand_in, "", Origin::GeneratedByProvider);
    pair.maker = super::clouds::maker(super::clouds::spec(s, &maker)?.kind);
    let whom = For::Caller { sealing };
    let pair = make_there(s, pair, None, (&command.places, Some(&maker)), ticket, whom).await?;
    again(s, call, command, pair.id, Did::Change).await
}

/// The answer to a repeated call: the pair as it is now, with its private half while that is stored.
async fn again(s: &Inner, call: &Call, command: Create, id: KeyPairId, did: Did) -> Result<Created> {
    let key = Key { project: command.new.project, by: By::Id(id) };
    let row = read::row(s, &key, true).await?;
    if !row.pair.is_live() {
        return Err(super::record::not_found());
    }
    let pair = row.pair;
    super::clouds::check_made(&pair)?;
    // What `ensure` found was not made by the first call: its private half was not in that answer either.
    let envelope = row.envelope.filter(|_| did == Did::Change && pair.private_key_state == PrivateKeyState::Stored);
    let (Some(envelope), false) = (envelope, command.omit_private_key) else { return Ok((Some(pair), None)) };
    let private = open(s, &pair, &envelope).await?;
    let comment = pair.line_comment().to_owned();
    let (_, text) = give_out(s, call, private, &comment, command.format, command.passphrase).await?;
    Ok((Some(pair), Some(text)))
}

/// The name is taken by this pair.
pub(super) fn name_exists(pair: &KeyPair) -> Error {
    Error::new(Reason::NameExists, format!("the name is taken by {}: choose another", pair.id))
        .with_fact("existing_id", pair.id.to_string())
        .with_fact("existing_name", pair.name.as_str())
        .with_resource("keypairs.v1.KeyPair", pair.name.as_str())
}
