//! The adapter for Huawei KPS: one project of one account.
//!
//! A pair's id there is its name. Besides public halves the cloud keeps private ones, which are sent as PKCS#8 because
//! its manual asks for that. It has no code for a taken name: after its "parameter error" for a new pair this looks
//! whether the name is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;

use super::account::{clean, outcome, outcome_of, public_key, retry_after, short, unreadable, unsendable};
use super::{
    Capabilities, Changes, Done, Endpoint, Fault, FaultKind, Find, KeyRule, KnownWishes, NameRules, New, Provider,
    Remote, RemotePage, Spec,
};
use crate::clock::{Clock, Millis};
use crate::dialect::huawei::{
    Call, Code, DESCRIPTION, Enclosed, Failure, Keypair, Listed, NAME, NewKeypair, Operation, Page, PrivateHalf,
    RSA_BITS, done, is_name_char, parse, request_id, sign, with_token,
};
use crate::dialect::{Credentials, Kind, Response};
use crate::model::{EncryptionChoice, ProviderKind, ProviderName, UserId};
use crate::outbound::Outbound;
use crate::secret::SecretText;
use crate::sshkey::{Algorithm, PublicKey};

/// The adapter.
pub struct Huawei {
    spec: Spec,
    account: ProjectAccount,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

/// One project of an account.
pub struct ProjectAccount {
    /// Where its requests go.
    pub endpoint: Endpoint,
    /// The region, in the cloud's words.
    pub region: String,
    /// The project, as it stands in paths.
    pub project_id: String,
    /// How its requests prove whose they are.
    pub access: Access,
}

/// How requests prove whose they are.
pub enum Access {
    /// They are signed.
    Keys(Credentials),
    /// They carry a token of IAM, which is of that project and ends after 24 hours.
    Token(SecretText),
}

/// What Huawei KPS takes and can do.
pub fn capabilities() -> Capabilities {
    let key = |algorithm, bits: &[u16]| KeyRule { algorithm, bits: bits.to_vec() };
    Capabilities {
        name: NameRules {
            max: NAME,
            first: is_name_char,
            rest: is_name_char,
            words: "1 to 64 letters, digits, '-' and '_'",
        },
        names_are_unique: true,
        renames: false,
        description: Some(DESCRIPTION),
        describes_when_placing: false,
        tags: false,
        keys: vec![
            key(Algorithm::Ed25519, &[]),
            key(Algorithm::Ecdsa, &[256, 384, 521]),
            key(Algorithm::Rsa, &RSA_BITS),
            key(Algorithm::Dsa, &[]),
        ],
        escrows: true,
        wishes: KnownWishes { cloud_project_id: false, owner: true },
        quota: None,
    }
}

impl Huawei {
    /// A project that is configured under `name`.
    pub fn new(name: ProviderName, account: ProjectAccount, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let region = account.region.clone();
        let spec = Spec { name, kind: ProviderKind::Huawei, region, can: capabilities() };
        Self { spec, account, outbound, clock }
    }

    /// Takes keys of these types only, where any are named.
    #[must_use]
    pub fn taking(mut self, types: Option<&[Algorithm]>) -> Self {
        self.spec.can.take_only(types);
        self
    }

    async fn send(&self, operation: Operation) -> Result<Response, Fault> {
        let action = operation.action().as_str();
        let call = Call { project_id: self.account.project_id.clone(), operation };
        let mut request = call.request().map_err(|_| unsendable())?;
        self.account.endpoint.address(&mut request)?;
        let proven = match &self.account.access {
            Access::Keys(credentials) => sign(&mut request, credentials, self.clock.now()),
            Access::Token(token) => with_token(&mut request, token),
        };
        proven.map_err(|_| unsendable())?;
        Ok(self.outbound.send(action, request).await?)
    }

    /// For operations that answer nothing that matters.
    async fn carry_out(&self, operation: Operation) -> Result<Done<()>, Fault> {
        let answer = self.send(operation).await?;
        done(&answer).map_err(|failure| self.fault(&answer, failure))?;
        Ok(finished((), &answer))
    }

    /// For operations that answer one pair.
    async fn keypair(&self, operation: Operation) -> Result<Done<Keypair>, Fault> {
        let answer = self.send(operation).await?;
        let read = parse::<Enclosed<Keypair>>(&answer).map_err(|failure| self.fault(&answer, failure))?;
        Ok(finished(read.keypair, &answer))
    }

    /// Makes or registers a pair.
    async fn place(&self, new: &New, key: Option<&PublicKey>) -> Result<Done<Keypair>, Fault> {
        let keypair = NewKeypair {
            name: new.name.clone(),
            public_key: key.map(|key| key.line("")),
            scope: new.wishes.scope,
            user_id: new.wishes.user_id.clone(),
            protection: None,
        };
        match self.keypair(Operation::Create(keypair)).await {
            Err(fault) if fault.code == Code::Parameter.as_str() && self.is_taken(&new.name).await => {
                Err(Fault { kind: FaultKind::Refused(Kind::NameTaken), ..fault })
            }
            placed => placed.map(|placed| named(placed, &new.name)),
        }
    }

    async fn is_taken(&self, name: &str) -> bool {
        self.find(Find::Name(name)).await.is_ok_and(|found| !found.value.is_empty())
    }

    fn fault(&self, answer: &Response, failure: Failure) -> Fault {
        let Failure::Refused { code, message, request_id } = failure else {
            return Fault { request_id: short(request_id(answer)), ..unreadable(answer) };
        };
        let status = answer.status();
        let kind = match Code::of(&code).map(|code| code.meaning(&message)) {
            // A code that says no under a status that says "I failed" is not believed.
            Some(kind) if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => outcome(kind),
            _ => outcome_of(status),
        };
        let wait = (kind == FaultKind::Unavailable).then_some(PAUSE);
        let secrets: [Option<&SecretText>; 2] = match &self.account.access {
            Access::Keys(credentials) => [Some(&credentials.secret_key), credentials.security_token.as_ref()],
            Access::Token(token) => [Some(token), None],
        };
        Fault {
            kind,
            message: clean(&message, secrets.into_iter().flatten()),
            code: short(&code),
            request_id: short(&request_id),
            retry_after: retry_after(answer).or(wait),
        }
    }
}

#[async_trait]
impl Provider for Huawei {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cloud_time(&self) -> Option<Millis> {
        self.outbound.told_time()
    }

    async fn create(&self, new: &New) -> Result<Done<(Remote, SecretText)>, Fault> {
        let Done { mut value, request_id } = self.place(new, None).await?;
        let Some(private) = value.private_key.take() else {
            let message = "the cloud made a pair and did not give its private half";
            return Err(Fault { request_id, ..Fault::new(FaultKind::Unknown, message) });
        };
        Ok(Done { value: (remote(value), private), request_id })
    }

    async fn import_public(&self, new: &New, key: &PublicKey) -> Result<Done<Remote>, Fault> {
        let Done { value, request_id } = self.place(new, Some(key)).await?;
        Ok(Done { value: remote(value), request_id })
    }

    async fn escrow(&self, id: &str, private: &SecretText, under: &EncryptionChoice) -> Result<Done<()>, Fault> {
        let half = PrivateHalf {
            name: id.to_owned(),
            user_id: UserId::default(),
            private_key: SecretText::new(private.expose().to_owned()),
            encryption: under.clone(),
        };
        self.carry_out(Operation::ImportPrivate(half)).await
    }

    async fn escrowed(&self, id: &str) -> Result<Done<SecretText>, Fault> {
        let Done { value, request_id } = self.keypair(Operation::ExportPrivate(id.to_owned())).await?;
        match value.private_key.filter(|private| !private.is_empty()) {
            Some(value) => Ok(Done { value, request_id }),
            None => Err(Fault { request_id, ..Fault::new(FaultKind::Unknown, "the answer holds no private half") }),
        }
    }

    async fn clear_escrow(&self, id: &str) -> Result<Done<()>, Fault> {
        let answer = self.send(Operation::ClearPrivate(in_path(id)?)).await?;
        match done(&answer) {
            Err(failure) if !was_not_there(&answer, &failure) => Err(self.fault(&answer, failure)),
            _ => Ok(finished((), &answer)),
        }
    }

    async fn find(&self, wanted: Find<'_>) -> Result<Done<Vec<Remote>>, Fault> {
        match wanted {
            // No pair has such a name, and in a path it might mean something else.
            Find::Name(name) | Find::Id(name) if in_path(name).is_err() => {
                Ok(Done { value: Vec::new(), request_id: String::new() })
            }
            Find::Name(name) | Find::Id(name) => match self.keypair(Operation::Detail(name.to_owned())).await {
                Ok(found) => {
                    let Done { value, request_id } = named(found, name);
                    let found = Some(value).filter(|pair| pair.name == name && !pair.deleted);
                    Ok(Done { value: found.map(remote).into_iter().collect(), request_id })
                }
                Err(Fault { kind: FaultKind::Refused(Kind::NotFound), request_id, .. }) => {
                    Ok(Done { value: Vec::new(), request_id })
                }
                Err(fault) => Err(fault),
            },
            Find::Key(key) => self.find_key(key).await,
        }
    }

    async fn page(&self, after: Option<&str>) -> Result<Done<RemotePage>, Fault> {
        let page = Page { limit: PER_PAGE, marker: after.map(str::to_owned) };
        let answer = self.send(Operation::List(page)).await?;
        let listed = parse::<Listed>(&answer).map_err(|failure| self.fault(&answer, failure))?;
        let next = listed.page_info.and_then(|info| info.next_marker);
        let next = next.filter(|next| !next.is_empty() && Some(next.as_str()) != after);
        let items = listed.keypairs.into_iter().map(|enclosed| remote(enclosed.keypair)).collect();
        Ok(finished(RemotePage { items, next, total: None }, &answer))
    }

    async fn update(&self, id: &str, changes: Changes<'_>) -> Result<Done<()>, Fault> {
        if changes.name.is_some() {
            return Err(Fault::refused(Kind::Unsupported, "Huawei KPS cannot rename a pair"));
        }
        match changes.description {
            Some(text) => {
                let (name, description) = (in_path(id)?, text.to_owned());
                self.carry_out(Operation::Describe { name, description }).await
            }
            None => Ok(Done { value: (), request_id: String::new() }),
        }
    }

    async fn delete(&self, id: &str) -> Result<Done<()>, Fault> {
        match self.carry_out(Operation::Delete(in_path(id)?)).await {
            Err(Fault { kind: FaultKind::Refused(Kind::NotFound), request_id, .. }) => {
                Ok(Done { value: (), request_id })
            }
            deleted => deleted,
        }
    }
}

impl Huawei {
    /// There is no search by key: all pages are looked through.
    async fn find_key(&self, key: &PublicKey) -> Result<Done<Vec<Remote>>, Fault> {
        let (mut found, mut after, mut seen) = (Vec::new(), None::<String>, BTreeSet::new());
        loop {
            let Done { value: page, request_id } = self.page(after.as_deref()).await?;
            found.extend(page.items.into_iter().filter(|pair| pair.public.as_ref() == Some(key)));
            match page.next {
                Some(_) if seen.len() == PAGES => {
                    return Err(Fault::new(FaultKind::Unknown, "the cloud's list of pairs does not end"));
                }
                // A marker that was there before leads round in a circle: what is there has been seen.
                Some(next) if seen.insert(next.clone()) => after = Some(next),
                _ => return Ok(Done { value: found, request_id }),
            }
        }
    }
}

fn finished<T>(value: T, answer: &Response) -> Done<T> {
    Done { value, request_id: short(request_id(answer)) }
}

/// Has the name that was asked for where the answer tells none.
fn named(mut done: Done<Keypair>, name: &str) -> Done<Keypair> {
    if done.value.name.is_empty() {
        done.value.name = name.to_owned();
    }
    done
}

/// A name as part of a path. Others are never sent: `a%2Fprivate-key` is read as two segments by those who decode first.
fn in_path(name: &str) -> Result<String, Fault> {
    if name.is_empty() || !name.chars().all(is_name_char) {
        return Err(Fault::refused(Kind::NameInvalid, "Huawei KPS has no pair of such a name"));
    }
    Ok(name.to_owned())
}

/// Whether there was no private half to clear. The page says 404 for that and names no code; a 404 of the gateway, or of
/// who knows whom, does not say it.
fn was_not_there(answer: &Response, failure: &Failure) -> bool {
    let is_404 = answer.status() == StatusCode::NOT_FOUND;
    match failure {
        Failure::Refused { code, .. } => match Code::of(code).map(Code::kind) {
            Some(kind) => matches!(kind, Kind::NotFound | Kind::NoPrivateKey),
            None => is_404 && code.starts_with("KPS."),
        },
        Failure::Unreadable => is_404 && answer.body().expose().is_empty(),
    }
}

fn remote(pair: Keypair) -> Remote {
    Remote {
        public: public_key(&pair.public_key),
        id: pair.name.clone(),
        name: pair.name,
        description: pair.description,
        fingerprint: pair.fingerprint,
        instance_count: None,
        is_escrowed: pair.is_key_protection,
    }
}

/// The default of the cloud, which names no maximum.
const PER_PAGE: u32 = 50;
/// More than any account has.
const PAGES: usize = 2000;
/// How long to wait when too much was asked and the cloud does not say: its manual says 2 to 5 seconds.
const PAUSE: Duration = Duration::from_secs(2);
