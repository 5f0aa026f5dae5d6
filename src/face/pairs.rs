//! The pairs of an account, as every cloud's file asks for them: those that are there, and new ones.
//!
//! Promise: what is shown is ACTIVE, of the account's own project, however it was made; what is made is an ordinary
//! pair that bears the mark of the cloud's API, within the account's quota, and only here: at no cloud.

use crate::error::{Error, Reason, Result};
use crate::model::{
    Description, EncryptionChoice, Filter, KeyPair, KeyPairId, KeyPairName, KeyPairState, Labels, ProjectId, Scope,
    Through,
};
use crate::secret::SecretText;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::command::{By, Create, ImportPrivate, ImportPublic, Key, List, Manner, NewPair, Places};
use crate::sshkey::{KeyFormat, KeySpec, PrivateKey, PublicKey};

use super::{Account, Face};

/// What a cloud's create call makes. As usual: RSA 2048, given out as PKCS#1, kept under the project's default
/// encryption.
pub(super) struct Making {
    /// What the key shall be.
    pub spec: KeySpec,
    /// The format in which the private half is given out; fits `spec`.
    pub format: KeyFormat,
    /// What shall seal it.
    pub encryption: EncryptionChoice,
    /// Give the private half out and do not keep it.
    pub forget_private: bool,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            spec: KeySpec::Rsa(2048),
            format: KeyFormat::Pkcs1,
            encryption: EncryptionChoice::Unsaid,
            forget_private: false,
        }
    }
}

impl Account {
    /// What every pair that it makes has, beside the name; other fields are the caller's to set.
    pub(super) fn new_pair(&self, name: KeyPairName, description: Description) -> NewPair {
        let through =
            Through { cloud: self.cloud, region: self.region.clone(), cloud_project_id: 0, scope: Scope::default() };
        NewPair {
            project: self.project.clone(),
            name,
            description,
            labels: Labels::default(),
            user_id: self.user_id.clone(),
            through: Some(through),
        }
    }

    /// A pair of its project.
    pub(super) fn key(&self, by: By) -> Key {
        Key { project: self.project.clone(), by }
    }
}

impl Face {
    /// The ACTIVE pairs of the account's project that fit, in ascending id, after `after`: at most so many.
    pub(super) async fn active(
        &self,
        account: &Account,
        after: Option<KeyPairId>,
        most: usize,
        fits: impl Fn(&KeyPair) -> bool + Send + Sync,
    ) -> Result<Vec<KeyPair>> {
        let mut found = Vec::new();
        let filter = Filter { state: Some(KeyPairState::Active), ..Filter::default() };
        if most > 0 {
            walk(self.service(), &account.project, filter, after, |pair| {
                if fits(&pair) {
                    found.push(pair);
                }
                found.len() < most
            })
            .await?;
        }
        Ok(found)
    }

    /// The ACTIVE pair of the account's project of this name or (short) id; any other is not found.
    pub(super) async fn one(&self, account: &Account, by: By) -> Result<KeyPair> {
        let pair = self.service().pair(&account.key(by)).await?;
        if pair.state == KeyPairState::Active { Ok(pair) } else { Err(not_found()) }
    }

    /// Makes a pair, and gives its private half out.
    pub(super) async fn create(
        &self,
        call: &Call,
        account: &Account,
        new: NewPair,
        making: Making,
    ) -> Result<(KeyPair, SecretText)> {
        let Making { spec, format, encryption, forget_private } = making;
        let command = Create {
            new,
            spec,
            encryption,
            format,
            passphrase: None,
            omit_private_key: false,
            forget_private,
            places: Places::default(),
            generated_by: None,
            manner: ONCE,
        };
        let (service, call) = (self.service().clone(), call.clone());
        match self.within_quota(account, async move { service.create(call, command).await }).await? {
            (Some(pair), Some(private)) => Ok((pair, private.text)),
            _ => Err(Error::internal("Create came back without a pair or its private half")),
        }
    }

    /// Takes in a public key that was read.
    pub(super) async fn import_public(
        &self,
        call: &Call,
        account: &Account,
        new: NewPair,
        (public, comment): (PublicKey, String),
    ) -> Result<KeyPair> {
        let command = ImportPublic { new, public, comment, places: Places::default(), manner: ONCE };
        let (service, call) = (self.service().clone(), call.clone());
        let pair = self.within_quota(account, async move { service.import_public(call, command).await }).await?;
        pair.ok_or_else(|| Error::internal("ImportPublic came back without a pair"))
    }

    /// Takes in a private key that was read: as a new pair, or as the private half of the pair of that name.
    pub(super) async fn import_private(
        &self,
        call: &Call,
        account: &Account,
        new: NewPair,
        (key, comment): (PrivateKey, String),
        (encryption, must_exist): (EncryptionChoice, bool),
    ) -> Result<KeyPair> {
        let places = Places::default();
        let command = ImportPrivate { new, key, comment, encryption, must_exist, places, manner: ONCE };
        let (service, call) = (self.service().clone(), call.clone());
        let work = async move { service.import_private(call, command).await };
        let pair = if must_exist { work.await? } else { self.within_quota(account, work).await? };
        pair.ok_or_else(|| Error::internal("ImportPrivate came back without a pair"))
    }

    /// Makes a pair if there is room for it. What was begun is finished, and its place held, when the caller goes away.
    async fn within_quota<T: Send + 'static>(
        &self,
        account: &Account,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let Some(taken) = self.rooms.take(self.service(), account).await? else { return work.await };
        let held = async move {
            let done = work.await;
            drop(taken);
            done
        };
        self.parts.calls.spawn(held).await.unwrap_or_else(|_| Err(Error::internal("making a pair panicked")))
    }
}

/// Shows the pairs of a project that the filter wants, in ascending id, for as long as `see` says to go on. Damaged
/// rows are passed by: no cloud has a word for them.
pub(super) async fn walk(
    service: &Service,
    project: &ProjectId,
    filter: Filter,
    after: Option<KeyPairId>,
    mut see: impl FnMut(KeyPair) -> bool + Send,
) -> Result<()> {
    // The tokens go nowhere, so there is nothing to bind them to.
    let (page_token, digest) = (String::new(), [0; 32]);
    let mut command = List { project: project.clone(), filter, page_size: PAGE, page_token, digest };
    let mut after = after;
    loop {
        command.page_token = after.map(|id| service.page_token(&command, id)).unwrap_or_default();
        let listing = service.list(&command).await?;
        for pair in listing.items.into_iter().flatten() {
            if !see(*pair) {
                return Ok(());
            }
        }
        match listing.next {
            None => return Ok(()),
            next => after = next,
        }
    }
}

/// There is no such pair, or none that is shown.
fn not_found() -> Error {
    Error::new(Reason::KeyPairNotFound, "there is no such key pair in this project")
}

/// No cloud's call can be told from its repetition, and none only checks.
const ONCE: Manner = Manner { ensure: false, repeat: None, validate_only: false };
/// How many rows are read at a time.
const PAGE: usize = 256;
