//! The use cases: what the service does, each a straight list of steps, one file each.
//!
//! Here the workers (sshkey, envelope, store) meet; they do not know each other. What changes state, and what opens a
//! private half, runs in a task of its own, which the caller's deadline does not end, between two audit points. It
//! knows no wire and no concrete adapter.

#![forbid(unsafe_code)]

pub mod audit;
pub mod backup;
pub mod call;
pub mod clouds;
pub mod command;
pub mod pool;
pub mod sweep;
pub mod verify;

mod adopt;
mod clear_private;
mod create;
mod delete;
mod export_private;
mod guesses;
mod import_private;
mod import_public;
mod inspect;
mod intake;
mod page;
mod place;
mod project;
mod read;
mod record;
mod request;
mod settle;
mod shared;
mod turns;
mod undelete;
mod update;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Entropy, random};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::model::{IdMaker, KeyPair, KeyPairId, ProjectId};
use crate::secret::SecretBytes;
use crate::sshkey::{CompromisedKeys, KeyMaker};
use crate::store::{RequestKey, Store};

use audit::{Action, Audit};
use call::Call;
pub use inspect::{Finding, Inspected, Inspection};
pub use intake::Read;
pub use page::Listing;
pub use project::{Holding, ProjectRules, Projects};
pub use record::{PrivateText, unfit_format};
pub use shared::{Alarm, OnAlarm};

/// The use cases. Cloning is cheap.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

/// What a service is made of.
pub struct Parts {
    /// Where rows are kept.
    pub store: Arc<dyn Store>,
    /// Seals and opens private halves.
    pub envelope: Envelope,
    /// Makes keys.
    pub maker: Arc<dyn KeyMaker>,
    /// Where RSA keys are made.
    pub rsa: pool::Pool,
    /// Where other heavy work runs.
    pub pool: pool::Pool,
    /// Writes down what is done.
    pub audit: Arc<dyn Audit>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What each project may do.
    pub projects: Projects,
    /// The clouds.
    pub providers: clouds::Providers,
    /// Keys that no project may bring.
    pub compromised: CompromisedKeys,
    /// Hears what operators must hear.
    pub alarm: OnAlarm,
    /// How long a deleted pair can come back; zero: not at all.
    pub retention: Duration,
    /// Keys that only this layer uses.
    pub keys: ServiceKeys,
    /// Work that outlives its caller; a stopping server waits for it.
    pub tasks: TaskTracker,
}

/// Keys that only this layer uses, derived from the keyring.
pub struct ServiceKeys {
    /// For the digests of remembered requests.
    pub requests: SecretBytes,
    /// For page tokens.
    pub pages: SecretBytes,
}

/// What the use cases see.
struct Inner {
    parts: Parts,
    ids: IdMaker,
    requests: turns::Turns<RequestKey>,
    /// Pairs with work at clouds: one works on each.
    pairs: turns::Turns<KeyPairId>,
    /// Tells this run of the service from others, in journals.
    run: u64,
    guesses: guesses::Guesses,
    unsearched: shared::Waiting,
}

impl Service {
    /// Puts a service together.
    pub fn new(parts: Parts) -> Self {
        let (ids, requests, pairs, guesses, unsearched) = Default::default();
        let run = u64::from_be_bytes(random(&*parts.entropy));
        Self(Arc::new(Inner { parts, ids, requests, pairs, run, guesses, unsearched }))
    }

    /// What faces check requests against before they come here.
    pub fn projects(&self) -> &Projects {
        &self.0.parts.projects
    }

    /// The clouds, which faces check placements against.
    pub fn providers(&self) -> &clouds::Providers {
        &self.0.parts.providers
    }

    /// Makes a key pair. The private half comes back unless it was not wanted, or the pair was there already.
    pub async fn create(&self, call: Call, command: command::Create) -> Result<(Option<KeyPair>, Option<PrivateText>)> {
        let action = Action::new("Create", &command.new.project, command.new.name.as_str());
        self.act(call, action, |s, call| async move { create::run(&s, &call, command).await }).await
    }

    /// Takes in a public key. `None` when only validated.
    pub async fn import_public(&self, call: Call, command: command::ImportPublic) -> Result<Option<KeyPair>> {
        let action = Action::new("ImportPublic", &command.new.project, command.new.name.as_str());
        self.act(call, action, |s, call| async move { import_public::run(&s, &call, command).await }).await
    }

    /// Takes in a private key. `None` when only validated.
    pub async fn import_private(&self, call: Call, command: command::ImportPrivate) -> Result<Option<KeyPair>> {
        let action = Action::new("ImportPrivate", &command.new.project, command.new.name.as_str());
        self.act(call, action, |s, call| async move { import_private::run(&s, &call, command).await }).await
    }

    /// One key pair.
    pub async fn pair(&self, key: &command::Key) -> Result<KeyPair> {
        read::pair(&self.0, key).await
    }

    /// One page of a project's key pairs.
    pub async fn list(&self, command: &command::List) -> Result<Listing> {
        page::run(&self.0, command).await
    }

    /// The token for the page after `last`.
    pub fn page_token(&self, command: &command::List, last: crate::model::KeyPairId) -> String {
        page::token(&self.0, command, last)
    }

    /// Changes name, description, labels or owner.
    pub async fn update(&self, call: Call, command: command::Update) -> Result<KeyPair> {
        let action = Action::new("Update", &command.key.project, command.key.subject());
        self.act(call, action, |s, call| async move { update::run(&s, &call, command).await }).await
    }

    /// Deletes a key pair. `None` when there was none and that was allowed.
    pub async fn delete(&self, call: Call, command: command::Delete) -> Result<Option<KeyPair>> {
        let action = Action::new("Delete", &command.key.project, command.key.subject());
        self.act(call, action, |s, call| async move { delete::run(&s, &call, command).await }).await
    }

    /// Brings a deleted key pair back.
    pub async fn undelete(&self, call: Call, command: command::Undelete) -> Result<KeyPair> {
        let action = Action::new("Undelete", &command.project, command.id.to_string());
        self.act(call, action, |s, call| async move { undelete::run(&s, &call, command).await }).await
    }

    /// Gives a private half.
    pub async fn export_private(&self, call: Call, command: command::ExportPrivate) -> Result<(KeyPair, PrivateText)> {
        let mut action = Action::new("ExportPrivate", &command.key.project, command.key.subject());
        action.reason.clone_from(&command.reason);
        self.act(call, action, |s, call| async move { export_private::run(&s, &call, command).await }).await
    }

    /// Forgets a private half.
    pub async fn clear_private(&self, call: Call, command: command::ClearPrivate) -> Result<KeyPair> {
        let action = Action::new("ClearPrivate", &command.key.project, command.key.subject());
        self.act(call, action, |s, call| async move { clear_private::run(&s, &call, command).await }).await
    }

    /// Registers a pair's public half at one more cloud.
    pub async fn place(&self, call: Call, command: command::Place) -> Result<KeyPair> {
        let action = Action::new("Place", &command.key.project, command.key.subject());
        self.act(call, action, |s, call| async move { place::run(&s, &call, command).await }).await
    }

    /// Takes a pair away from one cloud.
    pub async fn withdraw(&self, call: Call, command: command::Withdraw) -> Result<KeyPair> {
        let action = Action::new("Withdraw", &command.key.project, command.key.subject());
        self.act(call, action, |s, call| async move { place::withdraw(&s, &call, command).await }).await
    }

    /// Takes a pair of a cloud into the project. `None` when only validated and one would be made.
    pub async fn adopt(&self, call: Call, command: command::Adopt) -> Result<Option<KeyPair>> {
        let action = Action::new("Adopt", &command.project, command.remote_id.as_str());
        let service = self.clone();
        self.act(call, action, |_, call| async move { adopt::run(&service, &call, command).await }).await
    }

    /// What a project holds and may hold.
    pub async fn project(&self, project: &ProjectId) -> Result<Holding> {
        project::run(&self.0, project).await
    }

    /// How many live key pairs all projects hold, for the metrics.
    pub async fn total(&self) -> Result<u64> {
        project::total(&self.0).await
    }

    /// Runs a use case in a task of its own, between the two audit points: when the caller goes away the work goes on.
    async fn act<T, F, Fut>(&self, call: Call, action: Action, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>, Arc<Call>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send,
    {
        let inner = Arc::clone(&self.0);
        let call = Arc::new(call);
        let task = self.0.parts.tasks.spawn(async move {
            inner.parts.audit.begin(&call, &action)?;
            let outcome = work(Arc::clone(&inner), Arc::clone(&call)).await;
            inner.parts.audit.end(&call, &action, outcome.as_ref().err())?;
            outcome
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::internal("the task of the call panicked")),
        }
    }
}
