//! Works on the open work of one pair: all clouds at the same time, each step written down before and after.
//!
//! Promise: what a request may have done at a cloud is in the store before the request is sent; what it did is there
//! before the next one. Whoever calls holds the pair's turn. Other changes of the pair in between are kept.

use std::collections::BTreeMap;
use std::sync::Mutex as Lock;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use super::super::Inner;
use super::super::delete::deleted;
use super::super::record::{changed, seal};
use super::fault::kept;
use super::goal::{conclude, next_look, withdraw_all};
use super::step::{Outcome, Work};
use super::written::{Written, apply, fail, fill, placed};
use crate::error::{Error, Reason, Result};
use crate::kms::KekRef;
use crate::model::{
    EncryptionMode, Goal, KeyPair, Open, OpenWork, Placement, PlacementState, PrivateKeyState, ProviderName,
};
use crate::provider::{Done, Fault, FaultKind, Remote};
use crate::secret::SecretText;
use crate::sshkey::PrivateKey;
use crate::store::{Change, EnvelopeChange, Lookup};

/// Who is waiting.
#[derive(Clone)]
pub(in crate::service) enum For {
    /// The call that began: a cloud that is not available is a failure, not a reason to wait.
    Caller {
        /// What seals a private half that a cloud makes.
        sealing: Option<(EncryptionMode, KekRef)>,
    },
    /// Nobody: the settler.
    Nobody,
}

/// How far the pair came.
pub(in crate::service) struct Advanced {
    /// The pair as it is now; `None`: it is gone.
    pub(in crate::service) pair: Option<KeyPair>,
    /// What went wrong on the way, by provider.
    pub(in crate::service) faults: BTreeMap<ProviderName, Fault>,
}

/// Does what can be done now.
pub(in crate::service) async fn advance(s: &Inner, pair: KeyPair, whom: For) -> Result<Advanced> {
    let awaits_key = pair.awaits_key();
    let providers: Vec<ProviderName> = pair.placements.iter().map(|placement| placement.provider.clone()).collect();
    let visit = Visit {
        s,
        place: (pair.project.clone(), pair.id),
        pen: Mutex::new(Some(pair)),
        whom,
        faults: Lock::default(),
        stopped: Lock::default(),
        went_on: AtomicBool::new(false),
    };
    if awaits_key {
        visit.make().await?;
    }
    // Again, as long as something goes on: what one cloud refuses makes new work at another, which had done its own.
    loop {
        let walks = providers.iter().map(|provider| visit.walk(provider, false));
        let walked = futures_util::future::join_all(walks).await;
        if !walked.into_iter().collect::<Result<Vec<bool>>>()?.contains(&true) {
            return visit.end().await;
        }
    }
}

struct Visit<'a> {
    s: &'a Inner,
    place: (crate::model::ProjectId, crate::model::KeyPairId),
    /// The pair as it was last written down.
    pen: Mutex<Option<KeyPair>>,
    whom: For,
    faults: Lock<BTreeMap<ProviderName, Fault>>,
    /// What did not go well, or has to wait: it is not tried twice.
    stopped: Lock<Vec<(ProviderName, OpenWork)>>,
    went_on: AtomicBool,
}

impl Visit<'_> {
    /// The cloud that makes the pair comes first: the others need the key. Without the caller the private half cannot come
    /// back any more: then everything goes.
    async fn make(&self) -> Result<()> {
        let Some(pair) = self.pen.lock().await.clone() else { return Ok(()) };
        let makes = |placement: &&Placement| placement.open.as_ref().is_some_and(|open| open.work == OpenWork::Make);
        let maker = pair.placements.iter().find(makes).map(|placement| placement.provider.clone());
        match (&self.whom, maker) {
            (For::Caller { .. }, Some(provider)) => self.walk(&provider, true).await.map(drop),
            (For::Nobody, Some(_)) => self.write(|pair| withdraw_all(pair, Goal::Unmake)).await,
            (_, None) => Ok(()),
        }
    }

    /// Step by step, as long as it goes on; says whether it went on at all. A pair is asked for once (`makes`): what became
    /// of that, looks find out.
    async fn walk(&self, provider: &ProviderName, makes: bool) -> Result<bool> {
        let mut went_on = false;
        loop {
            let Some(pair) = self.pen.lock().await.clone() else { return Ok(went_on) };
            let Some(placement) = pair.placement(provider) else { return Ok(went_on) };
            let Some(open) = placement.open.clone() else { return Ok(went_on) };
            let waits = match open.work {
                OpenWork::Make => !makes,
                OpenWork::Place => pair.awaits_key(),
                _ => false,
            };
            if waits || self.has_stopped(provider, open.work) {
                return Ok(went_on);
            }
            if !self.begin(provider, &open).await? {
                continue; // it is not to be done any more
            }
            let stepped = match self.s.parts.providers.get(provider.as_str()) {
                Some(adapter) => {
                    let work = Work { s: self.s, provider: &**adapter, pair: &pair, placement, open: &open };
                    work.step().await
                }
                None => Err(Fault::new(FaultKind::Unavailable, "the provider is not configured any more")),
            };
            let goes_on = match stepped {
                Ok(done) => self.done(provider, done).await?,
                Err(fault) => self.failed(provider, open.work, fault).await?,
            };
            if goes_on {
                self.went_on.store(true, Ordering::Relaxed);
            } else {
                self.stopped.lock().unwrap_or_else(PoisonError::into_inner).push((provider.clone(), open.work));
            }
            went_on = true;
        }
    }

    fn has_stopped(&self, provider: &ProviderName, work: OpenWork) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.iter().any(|(at, what)| at == provider && *what == work)
    }

    /// Before a request that must not happen twice is sent: from here on its outcome is not known. False when the work is
    /// another by now.
    async fn begin(&self, provider: &ProviderName, open: &Open) -> Result<bool> {
        if !matches!(open.work, OpenWork::Place | OpenWork::Make) {
            return Ok(true); // may be repeated
        }
        let work = open.work;
        self.record(provider, |pair, at| {
            if let Some(open) = pair.placements[at].open.as_mut().filter(|open| open.work == work) {
                open.attempts += 1;
                open.is_unknown = true;
            }
            Written::Stays
        })
        .await?;
        let pen = self.pen.lock().await;
        let open = pen.as_ref().and_then(|pair| pair.placement(provider)?.open.as_ref());
        Ok(open.is_some_and(|open| open.work == work && open.is_unknown))
    }

    /// Writes down what a step did; says whether another one can follow now.
    async fn done(&self, provider: &ProviderName, done: Done<Outcome>) -> Result<bool> {
        let Done { value, request_id } = done;
        if let Outcome::Made(remote, private) = value {
            return self.made(provider, remote, private.expose(), request_id).await;
        }
        let now = self.s.parts.clock.now();
        self.record(provider, |pair, at| {
            let placement = &mut pair.placements[at];
            placement.request_id.clone_from(&request_id);
            placement.error = None;
            apply(placement, &value, now)
        })
        .await?;
        Ok(!matches!(value, Outcome::Absent))
    }

    /// The cloud's private half is sealed at once: nobody else has it. What cannot be sealed goes back.
    async fn made(&self, provider: &ProviderName, remote: Remote, private: &str, request_id: String) -> Result<bool> {
        let sealed = self.seal(&remote, private).await;
        let failed = sealed.as_ref().err().map(|error| {
            let message = format!("what the cloud made cannot be kept: {}", error.message);
            Fault { request_id: request_id.clone(), ..Fault::new(FaultKind::Unavailable, message) }
        });
        let write = |pair: &mut KeyPair, at: usize| {
            let placement = &mut pair.placements[at];
            placement.request_id.clone_from(&request_id);
            fill(placement, &remote);
            match &failed {
                None => placed(placement),
                Some(fault) => {
                    placement.state = PlacementState::Failed;
                    placement.error = Some(kept(fault));
                }
            }
        };
        match sealed {
            Ok((key, envelope)) => self.take_over(provider, &key, envelope, write).await?,
            Err(_) => {
                self.record(provider, |pair, at| {
                    write(pair, at);
                    Written::Stays
                })
                .await?;
            }
        }
        if let Some(fault) = failed {
            self.fault(provider, fault);
        }
        Ok(true)
    }

    async fn seal(&self, remote: &Remote, private: &str) -> Result<(KeyPair, Vec<u8>)> {
        let For::Caller { sealing: Some((mode, kek)) } = &self.whom else {
            return Err(Error::internal("nothing to seal with"));
        };
        let text = SecretText::new(private.to_owned());
        let proven = tokio::task::spawn_blocking(move || read_private(text.expose())).await;
        let key = proven.map_err(|_| Error::internal("the proof of a key panicked"))??;
        if remote.public.as_ref().is_some_and(|public| public != key.public()) {
            return Err(Error::new(Reason::PrivateKeyMismatch, "its two halves do not belong together"));
        }
        let Some(mut pair) = self.pen.lock().await.clone() else { return Err(Error::internal("the pair is gone")) };
        pair.public = key.public().clone();
        let envelope = seal(self.s, &mut pair, &key, *mode, kek).await?;
        Ok((pair, envelope))
    }

    /// The stand-in becomes the pair.
    async fn take_over(
        &self,
        provider: &ProviderName,
        sealed: &KeyPair,
        envelope: Vec<u8>,
        write: impl Fn(&mut KeyPair, usize),
    ) -> Result<()> {
        self.write_with(|pair| {
            let Some(at) = position(pair, provider) else { return EnvelopeChange::Keep };
            pair.public.clone_from(&sealed.public);
            pair.private_key_state = PrivateKeyState::Stored;
            pair.sealed_by.clone_from(&sealed.sealed_by);
            pair.generation = sealed.generation;
            write(pair, at);
            conclude(pair, false);
            EnvelopeChange::Put(envelope.clone())
        })
        .await
    }

    /// Writes down that a step failed; says whether that was the end of that work.
    async fn failed(&self, provider: &ProviderName, sent: OpenWork, fault: Fault) -> Result<bool> {
        let gives_up = matches!(self.whom, For::Caller { .. });
        self.record(provider, |pair, at| fail(&mut pair.placements[at], sent, &fault, gives_up)).await?;
        // A refusal while everything is being taken back: what is left of this placement goes now.
        let goes_on =
            self.pen.lock().await.as_ref().and_then(|pair| pair.placement(provider)).is_some_and(|placement| {
                sent != OpenWork::Withdraw
                    && placement.open.as_ref().is_some_and(|open| open.work == OpenWork::Withdraw)
            });
        self.fault(provider, fault);
        Ok(goes_on)
    }

    fn fault(&self, provider: &ProviderName, fault: Fault) {
        tracing::debug!(%provider, id = %self.place.1, code = fault.code.as_str(), message = fault.message.as_str(), "a step failed");
        // The first one is what the caller hears of: later ones come of taking things back.
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(provider.clone()).or_insert(fault);
    }

    /// Everything has been tried: the last conclusions, and when to look again.
    async fn end(self) -> Result<Advanced> {
        let went_on = self.went_on.load(Ordering::Relaxed);
        let is_open = self.pen.lock().await.as_ref().is_some_and(|pair| pair.journal.is_some());
        if is_open {
            let (now, run) = (self.s.parts.clock.now(), self.s.run);
            self.write(|pair| {
                conclude(pair, true);
                let looks = pair.journal.as_ref().map_or(0, |journal| if went_on { 0 } else { journal.looks });
                let look_at = next_look(pair, looks, now);
                if let Some(journal) = &mut pair.journal {
                    (journal.look_at, journal.looks, journal.owner) = (look_at, looks + 1, run);
                }
            })
            .await?;
        }
        let faults = self.faults.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Advanced { pair: self.pen.into_inner(), faults })
    }

    /// Changes one placement, and draws the conclusions.
    async fn record(&self, provider: &ProviderName, write: impl Fn(&mut KeyPair, usize) -> Written) -> Result<()> {
        let now = self.s.parts.clock.now();
        self.write(|pair| {
            let Some(at) = position(pair, provider) else { return };
            match write(pair, at) {
                Written::Stays => pair.placements[at].update_time = now,
                Written::Goes => drop(pair.placements.remove(at)),
            }
            conclude(pair, false);
        })
        .await
    }

    async fn write(&self, write: impl Fn(&mut KeyPair)) -> Result<()> {
        self.write_with(|pair| {
            write(pair);
            EnvelopeChange::Keep
        })
        .await
    }

    /// Commits a change of the pair; again, on the row as it is then, when somebody else changed it in between.
    async fn write_with(&self, write: impl Fn(&mut KeyPair) -> EnvelopeChange) -> Result<()> {
        let mut pen = self.pen.lock().await;
        for _ in 0..TRIES {
            let Some(pair) = &*pen else { return Ok(()) };
            let mut next = changed(self.s, pair);
            let envelope = write(&mut next);
            match self.commit(pair, next, envelope).await {
                Ok(after) => {
                    *pen = after;
                    return Ok(());
                }
                Err(error) if error.reason == Reason::Conflict => {
                    let row = self.s.parts.store.get(Lookup::Id(&self.place.0, self.place.1), false).await?;
                    *pen = row.map(|row| row.pair);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(Reason::Conflict, "the key pair keeps changing: try again"))
    }

    /// A pair that is unmade or deleted ends with its last placement.
    async fn commit(&self, before: &KeyPair, next: KeyPair, envelope: EnvelopeChange) -> Result<Option<KeyPair>> {
        let is_over = next.placements.is_empty();
        let (change, after) = match next.goal() {
            Some(Goal::Unmake) if is_over => (remove(before), None),
            Some(Goal::Delete { purge: true }) if is_over => (remove(before), None),
            Some(Goal::Delete { purge: false }) if is_over => {
                let gone = deleted(self.s, before, false);
                (Change::Replace { pair: Box::new(gone.clone()), envelope, quota: None }, Some(gone))
            }
            _ => (Change::Replace { pair: Box::new(next.clone()), envelope, quota: None }, Some(next.clone())),
        };
        let forget = next.journal.as_ref().filter(|journal| after.is_none() && journal.goal == Goal::Unmake);
        let forget = forget.and_then(|journal| journal.request.clone()).map(Change::Forget);
        self.s.parts.store.commit(std::iter::once(change).chain(forget).collect()).await?;
        Ok(after)
    }
}

fn remove(pair: &KeyPair) -> Change {
    Change::Remove { project: pair.project.clone(), id: pair.id, revision: pair.revision }
}

fn position(pair: &KeyPair, provider: &ProviderName) -> Option<usize> {
    pair.placements.iter().position(|placement| placement.provider == *provider)
}

fn read_private(text: &str) -> Result<PrivateKey> {
    let unreadable = |fault: crate::sshkey::Fault| Error::new(fault.reason, fault.message);
    let (key, _) = PrivateKey::parse(text).map_err(unreadable)?;
    key.prove().and_then(|()| key.examine()).map_err(unreadable)?;
    Ok(key)
}

/// Every try that fails means that another call changed the pair.
const TRIES: usize = 8;
