//! Request ids: a call sent again does not act twice.
//!
//! A second call with the same id waits for the first; only success is remembered, in the same commit as the change.

use std::time::Duration;

use super::Inner;
use super::call::Call;
use super::command::Repeat;
use super::record::millis;
use super::turns::Turn;
use crate::cipher;
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPairId, ProjectId};
use crate::store::{Change, Note, Noted, RequestKey, StoredRequest, forgets};

/// What a call with a request id finds.
pub(super) enum Entered {
    /// It is the first one: act, and commit `Ticket::remember` with the change.
    First(Ticket),
    /// It was done before: to this pair, and whether that call changed it (or found that nothing had to change).
    Again(KeyPairId, Did),
}

/// What the first call with a request id did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    /// It made or changed the pair.
    Change = 0,
    /// It found the pair as it was wanted.
    Nothing = 1,
}

/// Held while a call acts. Calls with the same request id wait for it.
pub(super) struct Ticket {
    entry: Option<(RequestKey, Repeat)>,
    _turn: Option<Turn>,
}

/// Takes its turn, and looks whether it was done before.
pub(super) async fn enter(
    s: &Inner,
    call: &Call,
    rpc: &'static str,
    project: &ProjectId,
    repeat: Option<Repeat>,
) -> Result<Entered> {
    let Some(repeat) = repeat else { return Ok(Entered::First(Ticket { entry: None, _turn: None })) };
    let key = key(call, rpc, project, &repeat);
    let turn = s.requests.take(&key).await;
    match stored(s, &key).await? {
        Some(stored) => match done(s, &stored, &repeat) {
            Some(did) => Ok(Entered::Again(stored.pair, did)),
            None => {
                let message = "request_id was used for another request: send a new UUID";
                Err(Error::new(Reason::RequestIdReused, message))
            }
        },
        None => Ok(Entered::First(Ticket { entry: Some((key, repeat)), _turn: Some(turn) })),
    }
}

/// Only looks whether this very request was done before, and to which pair: for what is too dear to be done before
/// `enter`. One that is under way is not waited for, and an id that was used for another request is `enter`'s to refuse.
pub(super) async fn done_before(
    s: &Inner,
    call: &Call,
    rpc: &'static str,
    project: &ProjectId,
    repeat: &Repeat,
) -> Result<Option<KeyPairId>> {
    let stored = stored(s, &key(call, rpc, project, repeat)).await?;
    Ok(stored.filter(|stored| done(s, stored, repeat).is_some()).map(|stored| stored.pair))
}

fn key(call: &Call, rpc: &'static str, project: &ProjectId, repeat: &Repeat) -> RequestKey {
    RequestKey { project: project.clone(), rpc, caller: call.caller.to_string(), id: repeat.id }
}

/// What is remembered under this key, and has not expired.
async fn stored(s: &Inner, key: &RequestKey) -> Result<Option<StoredRequest>> {
    match s.parts.store.note(Note::Request(key)).await? {
        Noted::Request(stored) => Ok(stored.filter(|stored| stored.expire > s.parts.clock.now())),
        _ => Err(Error::internal("the store answered a request note with something else")),
    }
}

/// What the remembered request did; `None` when it was another request.
fn done(s: &Inner, stored: &StoredRequest, repeat: &Repeat) -> Option<Did> {
    [Did::Change, Did::Nothing].into_iter().find(|did| cipher::same(&stored.digest, &keyed(s, repeat, *did)))
}

impl Ticket {
    /// The change that remembers the request; goes into the same commit as what the request did to `pair`.
    pub(super) fn remember(&self, s: &Inner, pair: KeyPairId) -> Option<Change> {
        self.stored(s, pair, Did::Change)
    }

    /// Remembers a success that changed nothing.
    pub(super) async fn settle(&self, s: &Inner, pair: KeyPairId) -> Result<()> {
        match self.stored(s, pair, Did::Nothing) {
            Some(change) => s.parts.store.commit(vec![change]).await,
            None => Ok(()),
        }
    }

    /// What forgets the request that [`Self::remember`] remembers, taken from that change.
    pub(super) fn forget(remembered: Option<&Change>) -> Option<Vec<u8>> {
        match remembered {
            Some(Change::Remember(key, stored)) => Some(forgets(key, stored.expire)),
            _ => None,
        }
    }

    fn stored(&self, s: &Inner, pair: KeyPairId, did: Did) -> Option<Change> {
        let (key, repeat) = self.entry.as_ref()?;
        let expire = s.parts.clock.now().saturating_add(millis(KEPT));
        let digest = keyed(s, repeat, did);
        Some(Change::Remember(key.clone(), StoredRequest { digest, pair, expire }))
    }
}

/// What is stored of a request: a keyed hash, so that the store does not tell what was asked.
fn keyed(s: &Inner, repeat: &Repeat, did: Did) -> [u8; 32] {
    cipher::mac(&s.parts.keys.requests, &[&repeat.digest, &[did as u8]])
}

const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
