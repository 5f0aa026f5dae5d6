//! One step at one cloud: a look where the outcome of an earlier request is not known, then at most one request that
//! changes something.
//!
//! Promise: a remote key whose public half is not the pair's is never changed and never deleted. What a step returns says
//! whether something happened; the caller writes it down.

use super::super::Inner;
use super::super::record::open as open_private;
use super::goal::BELIEVED;
use crate::dialect::Kind;
use crate::error::Error;
use crate::model::{KeyPair, Open, OpenWork, Placement};
use crate::provider::{Changes, Done, Fault, FaultKind, Find, New, Provider, Remote};
use crate::secret::SecretText;
use crate::sshkey::KeyFormat;
use crate::store::Lookup;

/// What a step did.
pub(super) enum Outcome {
    /// The public half is there, as this.
    Placed(Remote),
    /// The cloud made the pair; this is its private half.
    Made(Remote, SecretText),
    /// The private half is in the cloud's keeping.
    Escrowed,
    /// Name and description are what they are here.
    Followed,
    /// Nothing of the pair is there.
    Gone,
    /// The private half is not in the cloud's keeping any more.
    EscrowCleared,
    /// An earlier request's outcome was looked for, and nothing was there.
    Absent,
}

type Stepped = Result<Done<Outcome>, Fault>;

/// A placement and its open work as they were before the step was written down.
pub(super) struct Work<'a> {
    pub(super) s: &'a Inner,
    pub(super) provider: &'a dyn Provider,
    pub(super) pair: &'a KeyPair,
    pub(super) placement: &'a Placement,
    pub(super) open: &'a Open,
}

impl Work<'_> {
    /// Does it.
    pub(super) async fn step(&self) -> Stepped {
        match self.open.work {
            OpenWork::Place => self.place().await,
            OpenWork::Make => self.make().await,
            OpenWork::Escrow => self.escrow().await,
            OpenWork::Follow => self.follow().await,
            OpenWork::Withdraw => self.withdraw().await,
            OpenWork::ClearEscrow => {
                let done = self.provider.clear_escrow(&self.placement.remote_id).await?;
                Ok(said(Outcome::EscrowCleared, done.request_id))
            }
        }
    }

    async fn place(&self) -> Stepped {
        if self.open.is_unknown {
            match self.look().await? {
                (Look::Ours(remote), id) => return Ok(said(Outcome::Placed(remote), id)),
                (Look::Others, id) if self.provider.spec().can.names_are_unique => {
                    let fault = Fault::refused(Kind::NameTaken, "the name is taken there by another key");
                    return Err(Fault { request_id: id, ..fault });
                }
                (_, id) if !self.is_believed_absent() => return Ok(said(Outcome::Absent, id)),
                _ => {}
            }
        }
        match self.provider.import_public(&self.wanted(), &self.pair.public).await {
            Ok(done) => Ok(said(Outcome::Placed(done.value), done.request_id)),
            // An earlier request may have done it, late: the next look tells.
            Err(fault) if self.open.attempts > 0 && is_taken(&fault) => {
                Err(Fault { kind: FaultKind::Unknown, ..fault })
            }
            Err(fault) => Err(fault),
        }
    }

    /// The name is free before the cloud is asked to make the pair: so a pair that is there after a crash was made by it.
    async fn make(&self) -> Stepped {
        let found = self.provider.find(Find::Name(&self.placement.remote_name)).await.map_err(not_sent)?;
        if !found.value.is_empty() {
            let fault = Fault::refused(Kind::NameTaken, "the name is taken there");
            return Err(Fault { request_id: found.request_id, ..fault });
        }
        let done = self.provider.create(&self.wanted()).await?;
        let (remote, private) = done.value;
        Ok(said(Outcome::Made(remote, private), done.request_id))
    }

    async fn escrow(&self) -> Stepped {
        let id = &self.placement.remote_id;
        if self.open.attempts > 0 {
            let found = self.provider.find(Find::Id(id)).await?;
            if found.value.iter().any(|remote| self.is_ours(remote) && remote.is_escrowed) {
                return Ok(said(Outcome::Escrowed, found.request_id));
            }
        }
        let private = self.private().await.map_err(|error| Fault::new(FaultKind::Unavailable, error.message))?;
        let under = self.placement.wishes.escrow.clone().unwrap_or(crate::model::EncryptionChoice::Default);
        let done = self.provider.escrow(id, &private, &under).await?;
        Ok(said(Outcome::Escrowed, done.request_id))
    }

    async fn private(&self) -> Result<SecretText, Error> {
        let row = self.s.parts.store.get(Lookup::Id(&self.pair.project, self.pair.id), true).await?;
        let envelope =
            row.and_then(|row| row.envelope).ok_or_else(|| super::super::record::no_private_key(self.pair))?;
        let key = open_private(self.s, self.pair, &envelope).await?;
        key.encode(KeyFormat::Pkcs8, None, "", &*self.s.parts.entropy)
            .map_err(|fault| Error::internal(format!("a stored key cannot be encoded: {}", fault.message)))
    }

    async fn follow(&self) -> Stepped {
        let placement = self.placement;
        let changes = Changes {
            name: (!placement.rename_to.is_empty()).then_some(placement.rename_to.as_str()),
            description: placement.is_behind.then(|| self.pair.description.as_str()),
        };
        let done = self.provider.update(&placement.remote_id, changes).await?;
        Ok(said(Outcome::Followed, done.request_id))
    }

    async fn withdraw(&self) -> Stepped {
        let (look, id) = self.look().await?;
        match look {
            Look::Ours(remote) => {
                let done = self.provider.delete(&remote.id).await?;
                Ok(said(Outcome::Gone, done.request_id))
            }
            // A request that was not answered may still be on its way.
            _ if self.open.is_unknown && !self.is_believed_absent() => Ok(said(Outcome::Absent, id)),
            Look::Others => {
                tracing::warn!(provider = %self.placement.provider, remote_name = self.placement.remote_name.as_str(),
                    id = %self.pair.id, "a key pair at a cloud is not ours any more: it is left alone");
                Ok(said(Outcome::Gone, id))
            }
            Look::Absent => Ok(said(Outcome::Gone, id)),
        }
    }

    /// What the cloud has where the pair should be; with the request's id.
    async fn look(&self) -> Result<(Look, String), Fault> {
        let placement = self.placement;
        let wanted = match placement.remote_id.as_str() {
            "" => Find::Name(&placement.remote_name),
            id => Find::Id(id),
        };
        let found = self.provider.find(wanted).await.map_err(looked)?;
        let is_any = !found.value.is_empty();
        let mut ours = found.value.into_iter().filter(|remote| self.is_ours(remote));
        let look = match (ours.next(), ours.next()) {
            // Several pairs of one name and no key to tell them by: which of them the cloud made for us, nobody can say.
            (Some(_), Some(_)) if self.pair.awaits_key() => Look::Others,
            (Some(remote), _) => Look::Ours(remote),
            (None, _) if is_any => Look::Others,
            (None, _) => Look::Absent,
        };
        Ok((look, found.request_id))
    }

    /// By the public half; where the answer holds none, by what the cloud tells of it. A pair that a cloud was making when
    /// we lost it has none yet: its name was free before.
    fn is_ours(&self, remote: &Remote) -> bool {
        if self.pair.awaits_key() {
            return remote.name == self.placement.remote_name;
        }
        match &remote.public {
            Some(public) => *public == self.pair.public,
            None => remote.fingerprint == self.pair.public.fingerprint_md5(),
        }
    }

    fn is_believed_absent(&self) -> bool {
        let now = self.s.parts.clock.now();
        self.open.absent_since.is_some_and(|since| now.saturating_sub(since) >= BELIEVED)
    }

    fn wanted(&self) -> New {
        New {
            name: self.placement.remote_name.clone(),
            description: self.pair.description.as_str().to_owned(),
            labels: self.pair.labels.clone(),
            wishes: self.placement.wishes.clone(),
        }
    }
}

enum Look {
    Ours(Remote),
    Others,
    Absent,
}

fn said(value: Outcome, request_id: String) -> Done<Outcome> {
    Done { value, request_id }
}

/// A look that failed leaves what is not known unknown.
fn looked(fault: Fault) -> Fault {
    Fault { kind: FaultKind::Unknown, ..fault }
}

/// A look before the first request that failed: nothing was done.
fn not_sent(fault: Fault) -> Fault {
    match fault.kind {
        FaultKind::Refused(_) => fault,
        _ => Fault { kind: FaultKind::Unavailable, ..fault },
    }
}

fn is_taken(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Refused(Kind::NameTaken | Kind::KeyTaken))
}
