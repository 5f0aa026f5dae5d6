//! RSA keys that share a prime with a stored key.
//!
//! An import is held against the newest pairs of its project before it is stored, and refused. That is bounded, because
//! it is on the caller's time. After it is stored it is held against every pair of every project, away from any call;
//! what is found then is an alarm, never an answer: it would tell one project about another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::call::{Call, CallId};
use super::pool::Work;
use super::{Inner, Service};
use crate::clock::random;
use crate::error::{Error, Reason, Result, Violation};
use crate::model::{KeyPair, KeyPairId, ProjectId};
use crate::sshkey::{Algorithm, PublicKey, SharedPrimes};
use crate::store::{Item, Limit, Query};

/// Something that operators must hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Two stored RSA keys share a prime: whoever has both public keys has both private keys.
    SharedPrime {
        /// The pair that came last.
        new: (ProjectId, KeyPairId),
        /// The pair that was there.
        old: (ProjectId, KeyPairId),
    },
    /// More RSA keys came in than could be held against all others; so many were let go.
    Unsearched(usize),
}

/// Who hears alarms.
pub type OnAlarm = Arc<dyn Fn(Alarm) + Send + Sync>;

/// RSA keys that came in and were not yet held against all others.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<Suspect>>);

type Suspect = (ProjectId, KeyPairId, PublicKey);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Vec<Suspect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what there is room for; returns how many there was none for.
    fn put(&self, suspects: impl IntoIterator<Item = Suspect>) -> usize {
        let mut waiting = self.lock();
        waiting.extend(suspects);
        let over = waiting.len().saturating_sub(WAITING);
        waiting.truncate(WAITING);
        over
    }

    fn take(&self) -> Vec<Suspect> {
        let mut waiting = self.lock();
        let count = waiting.len().min(TOGETHER);
        waiting.drain(..count).collect()
    }
}

/// Refuses a key that shares a prime with one of the newest pairs of its project, deleted ones too: both are broken,
/// whatever became of the other. `field` is where the key came in.
pub(super) async fn refuse_shared(
    s: &Inner,
    call: &Call,
    project: &ProjectId,
    key: &PublicKey,
    field: &str,
) -> Result<()> {
    let Some(mut shared) = SharedPrimes::of(key) else { return Ok(()) };
    let others = newest(s, project, key).await?;
    if others.is_empty() {
        return Ok(());
    }
    let job = move || {
        others.iter().for_each(|other| shared.add(&other.public));
        (shared.found(), others)
    };
    let (found, others) = s.parts.pool.run(Work::Compare, call, job).await?;
    match found.then(|| culprit(key, &others)).flatten() {
        None => Ok(()),
        Some(other) => Err(shares_prime(field, other)),
    }
}

/// A new RSA pair is to be held against all others, later.
pub(super) fn remember_to_search(s: &Inner, pair: &KeyPair) {
    if pair.public.algorithm() == Algorithm::Rsa {
        let over = s.unsearched.put([(pair.project.clone(), pair.id, pair.public.clone())]);
        if over > 0 {
            (s.parts.alarm)(Alarm::Unsearched(over));
        }
    }
}

impl Service {
    /// Holds some of the RSA keys that came in against all that are stored, and raises an alarm for each pair that shares
    /// a prime. Returns how many keys that were; they wait on when it fails.
    pub async fn search_shared_primes(&self) -> Result<usize> {
        let s = &*self.0;
        let suspects = s.unsearched.take();
        if suspects.is_empty() {
            return Ok(0);
        }
        let searched = search(s, &suspects).await;
        if searched.is_err() {
            s.unsearched.put(suspects.iter().cloned());
        }
        searched.map(|()| suspects.len())
    }
}

async fn search(s: &Inner, suspects: &[Suspect]) -> Result<()> {
    let mut after = None;
    loop {
        let query = Query::All { after: after.as_ref() };
        let page = s.parts.store.scan(query, Limit { rows: PAGE, reads: PAGE }).await?;
        let others: Vec<KeyPair> = page.items.into_iter().filter_map(rsa).collect();
        compare(s, suspects.to_vec(), others).await?;
        match page.next_of_all {
            None => return Ok(()),
            next => after = next,
        }
    }
}

/// One page, on the pool: one piece of work that leaves room for calls.
async fn compare(s: &Inner, suspects: Vec<Suspect>, others: Vec<KeyPair>) -> Result<()> {
    let alarm = Arc::clone(&s.parts.alarm);
    let job = move || {
        for (project, id, key) in &suspects {
            // Of two the newer one tells; the same key in two projects is one key.
            let older: Vec<&KeyPair> = others.iter().filter(|other| other.id < *id && other.public != *key).collect();
            let Some(mut shared) = SharedPrimes::of(key) else { continue };
            older.iter().for_each(|other| shared.add(&other.public));
            if shared.found() {
                for other in older.iter().filter(|other| shares(key, &other.public)) {
                    let old = (other.project.clone(), other.id);
                    alarm(Alarm::SharedPrime { new: (project.clone(), *id), old });
                }
            }
        }
    };
    let call = Call {
        id: CallId(u128::from_be_bytes(random(&*s.parts.entropy))),
        caller: "".into(),
        deadline: Instant::now() + PATIENCE,
        gone: CancellationToken::new(),
    };
    s.parts.pool.run(Work::Compare, &call, job).await
}

/// The newest RSA pairs of a project, less those of the very same key.
async fn newest(s: &Inner, project: &ProjectId, key: &PublicKey) -> Result<Vec<KeyPair>> {
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..NEWEST / PAGE {
        let query = Query::Newest { project, before };
        let page = s.parts.store.scan(query, Limit { rows: PAGE, reads: PAGE }).await?;
        found.extend(page.items.into_iter().filter_map(rsa).filter(|other| other.public != *key));
        match page.next {
            None => break,
            next => before = next,
        }
    }
    Ok(found)
}

fn rsa(item: Item) -> Option<KeyPair> {
    match item {
        Item::Pair(pair) => (pair.public.algorithm() == Algorithm::Rsa).then_some(*pair),
        _ => None,
    }
}

fn culprit<'a>(key: &PublicKey, others: &'a [KeyPair]) -> Option<&'a KeyPair> {
    others.iter().find(|other| shares(key, &other.public))
}

fn shares(key: &PublicKey, other: &PublicKey) -> bool {
    SharedPrimes::of(key).is_some_and(|mut shared| {
        shared.add(other);
        shared.found()
    })
}

fn shares_prime(field: &str, other: &KeyPair) -> Error {
    let message = format!(
        "the RSA key shares a prime with that of {}: everybody who has both public keys can compute both private keys; \
         make new keys on another machine or with other software, and take both out of use",
        other.id
    );
    Error::violations(vec![Violation::new(field, Reason::RsaSharedFactor, message)])
        .with_fact("existing_id", other.id.to_string())
        .with_fact("existing_name", other.name.as_str())
}

/// How many of a project's newest pairs a new key is held against before it is stored. 8 ms for RSA keys of 4096 bits.
const NEWEST: usize = 1_000;
const PAGE: usize = 250;
/// How many new keys are held against all others together: the rows are read once for all of them.
const TOGETHER: usize = 16;
/// How many new keys may wait for that: half a MiB.
const WAITING: usize = 1_024;
/// How long one page may wait for the pool.
const PATIENCE: Duration = Duration::from_secs(60);
