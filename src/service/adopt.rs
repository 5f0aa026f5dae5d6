//! Adopt: a pair that is at a cloud and not here becomes a pair of the project, where it is. Nothing changes at the cloud.

use super::call::Call;
use super::clouds::{check_settled, fault_of, new_placement};
use super::command::{Adopt, NewPair};
use super::inspect::is_known;
use super::record::{changed, new_pair, resolve, seal};
use super::request::{Entered, Ticket, enter};
use super::{Inner, Service, read};
use crate::error::{Error, Reason, Result, Violation};
use crate::model::{
    Description, EncryptionChoice, KeyPair, KeyPairName, Origin, Placement, PlacementState, PrivateKeyState,
};
use crate::provider::{Find, Provider, Remote};
use crate::sshkey::{PrivateKey, PublicKey};
use crate::store::{Change, EnvelopeChange, Lookup};

pub(super) async fn run(service: &Service, call: &Call, command: Adopt) -> Result<Option<KeyPair>> {
    let s = &*service.0;
    let project = command.project.clone();
    let ticket = match enter(s, call, "Adopt", &project, command.repeat).await? {
        Entered::First(ticket) => ticket,
        Entered::Again(id, _) => return read::again(s, project, id).await.map(Some),
    };
    let provider = super::clouds::provider(s, &command.placing.provider)?;
    let remote = find(&**provider, &command).await?;
    let public = public(service, call, &command, &remote).await?;
    if is_known(s, &command.placing.provider, &remote.id).await? {
        let message = "a key pair here has this placement already";
        return Err(Error::new(Reason::PlacementExists, message));
    }
    let found = s.parts.store.get(Lookup::Fingerprint(&project, public.sha256()), false).await?;
    let (base, is_new) = match found {
        Some(row) => (join(&command, row.pair)?, false),
        None => (new(s, &command, &remote, public)?, true),
    };
    if command.validate_only {
        return Ok((!is_new).then_some(base));
    }
    let private = match base.private_key_state {
        PrivateKeyState::Stored => None,
        _ => private(&**provider, &command, &remote, &base.public).await?,
    };
    store(s, base, is_new, (&command, &remote), private, &ticket).await.map(Some)
}

async fn find(provider: &dyn Provider, command: &Adopt) -> Result<Remote> {
    let found = provider.find(Find::Id(&command.remote_id)).await;
    let found = found.map_err(|fault| fault_of(&command.placing.provider, &fault))?;
    found.value.into_iter().next().ok_or_else(|| {
        let message = format!("{} has no key pair of that id", command.placing.provider);
        Error::new(Reason::RemoteKeyNotFound, message)
    })
}

/// The same rules hold as for a key that a caller brings.
async fn public(service: &Service, call: &Call, command: &Adopt, remote: &Remote) -> Result<PublicKey> {
    let Some(public) = &remote.public else {
        let message = format!("{} tells no public key of it that can be read", command.placing.provider);
        return Err(Error::invalid("remote_id", Reason::PublicKeyMalformed, message));
    };
    let read = service.read_public(call, Some(&command.project), &public.line("")).await?;
    read.map(|(public, _)| public)
        .map_err(|violation| Error::violations(vec![Violation { field: "remote_id".to_owned(), ..violation }]))
}

/// The project has the key: that pair gets the placement.
fn join(command: &Adopt, pair: KeyPair) -> Result<KeyPair> {
    check_settled(&pair)?;
    let fits = command.name.as_ref().is_none_or(|name| *name == pair.name);
    if !fits || pair.placement(&command.placing.provider).is_some() {
        let message = format!("the project has this key as {}: leave the name empty, or use that one", pair.id);
        return Err(Error::new(Reason::PublicKeyExists, message)
            .with_fact("existing_id", pair.id.to_string())
            .with_fact("existing_name", pair.name.as_str())
            .with_resource("keypairs.v1.KeyPair", pair.name.as_str()));
    }
    Ok(pair)
}

fn new(s: &Inner, command: &Adopt, remote: &Remote, public: PublicKey) -> Result<KeyPair> {
    let name = match &command.name {
        Some(name) => name.clone(),
        None => KeyPairName::parse("name", &remote.name).map_err(|fault| {
            let message = format!("the remote name does not do here, send another: {}", fault.message);
            Error::violations(vec![Violation { message, ..fault }])
        })?,
    };
    let description = Description::parse("", &remote.description).unwrap_or_default();
    let project = command.project.clone();
    let (labels, user_id) = Default::default();
    let new = NewPair { project, name, description, labels, user_id, through: None };
    Ok(new_pair(s, &new, public, "", Origin::ImportedPublic))
}

/// The private half, where the cloud keeps it.
async fn private(
    provider: &dyn Provider,
    command: &Adopt,
    remote: &Remote,
    public: &PublicKey,
) -> Result<Option<PrivateKey>> {
    if !remote.is_escrowed || !provider.spec().can.escrows {
        return Ok(None);
    }
    let name = &command.placing.provider;
    let text = provider.escrowed(&remote.id).await.map_err(|fault| fault_of(name, &fault))?.value;
    let parsed = tokio::task::spawn_blocking(move || {
        let (key, _) = PrivateKey::parse(text.expose())?;
        key.prove().map(|()| key)
    });
    let unusable =
        |why: &str| Error::new(Reason::PrivateKeyMismatch, format!("what {name} keeps as private half: {why}"));
    let key = parsed.await.map_err(|_| Error::internal("the proof of a key panicked"))?;
    let key = key.map_err(|fault| unusable(&fault.message))?;
    if key.public() != public {
        return Err(unusable("it does not belong to the public half"));
    }
    Ok(Some(key))
}

async fn store(
    s: &Inner,
    base: KeyPair,
    is_new: bool,
    (command, remote): (&Adopt, &Remote),
    private: Option<PrivateKey>,
    ticket: &Ticket,
) -> Result<KeyPair> {
    let mut pair = if is_new { base } else { changed(s, &base) };
    let placement = placement(s, &pair, command, remote)?;
    pair.placements.push(placement);
    let envelope = match private {
        None => None,
        Some(key) => {
            let rules = s.parts.projects.rules(&command.project);
            let (mode, choice) = rules.encryption(EncryptionChoice::Unsaid)?;
            let kek = resolve(s, &choice).await?;
            if is_new {
                pair.origin = Origin::ImportedPrivate;
            }
            Some(seal(s, &mut pair, &key, mode, &kek).await?)
        }
    };
    let quota = Some(s.parts.projects.rules(&pair.project).key_pairs);
    let change = match is_new {
        true => Change::Insert { pair: Box::new(pair.clone()), envelope, quota },
        false => {
            let envelope = envelope.map_or(EnvelopeChange::Keep, EnvelopeChange::Put);
            Change::Replace { pair: Box::new(pair.clone()), envelope, quota: None }
        }
    };
    let changes = std::iter::once(change).chain(ticket.remember(s, pair.id)).collect();
    s.parts.store.commit(changes).await?;
    Ok(pair)
}

fn placement(s: &Inner, pair: &KeyPair, command: &Adopt, remote: &Remote) -> Result<Placement> {
    let placement = new_placement(s, pair, &command.placing, crate::model::OpenWork::Place)?;
    let fingerprint = match remote.fingerprint.as_str() {
        "" => pair.public.fingerprint_md5(),
        told => told.to_owned(),
    };
    Ok(Placement {
        remote_id: remote.id.clone(),
        remote_name: remote.name.clone(),
        remote_fingerprint: fingerprint,
        instance_count: remote.instance_count,
        is_escrowed: remote.is_escrowed,
        is_behind: false,
        state: PlacementState::Active,
        open: None,
        ..placement
    })
}
