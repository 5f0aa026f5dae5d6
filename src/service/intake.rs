//! Reading keys that come in: the step before the use cases ImportPublic and ImportPrivate, whose commands hold checked
//! keys.
//!
//! Promise: what is cheap is done here and now; number work, proofs and key derivations run on the pool, and not at all
//! when it is full or nobody waits any more. What is wrong with a key is a violation of its field, so that a face can
//! tell it beside all others; an error is what has nothing to do with the key.

use std::sync::Arc;

use super::audit::Action;
use super::call::Call;
use super::command::{NewPair, Repeat};
use super::pool::Work;
use super::{Inner, Service, read, request};
use crate::error::{Reason, Result, Violation};
use crate::model::{KeyPair, ProjectId};
use crate::secret::SecretText;
use crate::sshkey::{Algorithm, Effort, Fault, KeyFile, PrivateKey, PublicKey};

/// A checked key with its comment, or what is wrong with it.
pub type Read<Key> = Result<(Key, String), Violation>;

impl Service {
    /// Reads a public key by the rules of a project; `None`: by those of all.
    pub async fn read_public(&self, call: &Call, project: Option<&ProjectId>, text: &str) -> Result<Read<PublicKey>> {
        let rules = self.projects().rules_or_default(project).keys;
        let (public, comment) = match PublicKey::parse(text, rules) {
            Ok(read) => read,
            Err(fault) => return Ok(Err(violation("public_key", fault))),
        };
        let work = match public.algorithm() {
            Algorithm::Rsa | Algorithm::Dsa => Some(Work::Check(public.bits())),
            _ => None,
        };
        let inner = Arc::clone(&self.0);
        let job = move || {
            public.examine()?;
            refuse_compromised(&inner, &public)?;
            Ok((public, comment))
        };
        let checked: Result<_, Fault> = self.run(call, work, job).await?;
        Ok(checked.map_err(|fault| violation("public_key", fault)))
    }

    /// The answer to an ImportPrivate that was done before under its request id: asked before its key is read, so that
    /// sending it again derives nothing, and no wrong passphrase of others stands in its way.
    pub async fn imported_before(&self, call: &Call, new: &NewPair, repeat: &Repeat) -> Result<Option<KeyPair>> {
        let done = request::done_before(&self.0, call, "ImportPrivate", &new.project, repeat).await?;
        let Some(id) = done else { return Ok(None) };
        let (action, project) = (Action::new("ImportPrivate", &new.project, new.name.as_str()), new.project.clone());
        self.act(call.clone(), action, move |s, _| async move { read::again(&s, project, id).await }).await.map(Some)
    }

    /// Reads a private key file by the rules of a project, decrypts it, and proves that its halves belong together.
    /// Errors: `OVERLOADED`, `DEADLINE_EXCEEDED`, `PASSPHRASE_RATE_LIMITED`.
    pub async fn read_private(
        &self,
        call: &Call,
        project: Option<&ProjectId>,
        text: &SecretText,
        passphrase: Option<SecretText>,
    ) -> Result<Read<PrivateKey>> {
        let rules = self.projects().rules_or_default(project).keys;
        let file = match KeyFile::read(text.expose(), rules) {
            Ok(file) => file,
            Err(fault) => return Ok(Err(violation("private_key", fault))),
        };
        if !file.is_locked() && passphrase.is_some() {
            let message = "the private key is not encrypted, so the passphrase is not its own: send none";
            return Ok(Err(Violation::new("passphrase", Reason::PassphraseUnsupported, message)));
        }
        if file.is_locked() {
            // Neither answer is work: it must not wait, and the pool must not learn that derivations are quick.
            if passphrase.is_none() {
                return Ok(file.open(None, rules).map_err(|fault| violation("private_key", fault)));
            }
            self.0.guesses.check(project, self.0.parts.clock.now())?;
        }
        let work = match file.effort() {
            Effort::Little => None,
            Effort::Numbers(bits) => Some(Work::Prove(bits)),
            Effort::Derivation(cost) => Some(Work::Derive(cost)),
        };
        let guess = Guess { inner: Arc::clone(&self.0), project: project.cloned(), counts: file.is_locked() };
        let inner = Arc::clone(&self.0);
        let job = move || guess.run(|| prove(&inner, file.open(passphrase.as_ref(), rules)?));
        let read = self.run(call, work, job).await??;
        Ok(read.map_err(|fault| violation("private_key", fault)))
    }

    /// Here, or on the pool when it is work.
    async fn run<T: Send + 'static>(
        &self,
        call: &Call,
        work: Option<Work>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        match work {
            None => Ok(job()),
            Some(work) => self.0.parts.pool.run(work, call, job).await,
        }
    }
}

/// One try of a passphrase, which counts when it is wrong.
struct Guess {
    inner: Arc<Inner>,
    project: Option<ProjectId>,
    counts: bool,
}

impl Guess {
    /// Looks at the limit again when the work begins: other wrong ones may have waited in front.
    fn run<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<Result<T, Fault>> {
        let (guesses, project) = (&self.inner.guesses, self.project.as_ref());
        let now = || self.inner.parts.clock.now();
        if self.counts {
            guesses.check(project, now())?;
        }
        let done = work();
        if matches!(&done, Err(fault) if fault.reason == Reason::PassphraseWrong) {
            guesses.count(project, now())?;
        }
        Ok(done)
    }
}

/// A signature made and verified, then the checks that a public half goes through too.
fn prove(inner: &Inner, (key, comment): (PrivateKey, String)) -> Result<(PrivateKey, String), Fault> {
    key.prove()?;
    key.examine()?;
    refuse_compromised(inner, key.public())?;
    Ok((key, comment))
}

/// Refuses a key that the operator knows to be known.
fn refuse_compromised(inner: &Inner, public: &PublicKey) -> Result<(), Fault> {
    if !inner.parts.compromised.holds(public) {
        return Ok(());
    }
    let message = "the key is on this service's list of compromised keys: its private half is known to others; make a \
                   new one, and take this one out of use";
    Err(Fault { reason: Reason::CompromisedKey, message: message.into() })
}

/// What is wrong with a key that came in as `field`: the key, or the passphrase beside it.
fn violation(field: &str, fault: Fault) -> Violation {
    let field = match fault.reason {
        Reason::PassphraseRequired | Reason::PassphraseWrong => "passphrase",
        _ => field,
    };
    Violation::new(field, fault.reason, fault.message)
}
