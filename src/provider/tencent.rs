//! Tencent CVM as a provider.
//!
//! The cloud has no fingerprints and keeps no private halves; it compares public keys itself, and so does this, by
//! their bytes. Its refusals come with status 200. It knows no store and no caller.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::account::{Account, Said, is_id, outcome, outcome_of, public_key, short, unreadable, unsendable};
use super::{
    Capabilities, Changes, Done, Fault, FaultKind, Find, KeyRule, KnownWishes, NameRules, New, Provider, Remote,
    RemotePage, Spec,
};
use crate::clock::{Clock, Millis};
use crate::dialect::Kind;
use crate::dialect::tencent::{
    self, Call, Code, DESCRIPTION, Failure, Filter, Imported, KeyPair, Listed, Made, NAME, Nothing, PAGE, QUOTA, Tag,
    Wanted,
};
use crate::model::{EncryptionChoice, Labels, ProviderKind, ProviderName};
use crate::outbound::Outbound;
use crate::secret::SecretText;
use crate::sshkey::{Algorithm, PublicKey};

/// What Tencent takes and can do: its pages on key pairs, and the one on SSH keys (213/6092) for the quota. It takes
/// RSA of any size, as far as its pages say.
pub fn capabilities() -> Capabilities {
    Capabilities {
        name: NameRules {
            max: NAME,
            first: tencent::is_name_char,
            rest: tencent::is_name_char,
            words: "1 to 25 of A-Z, a-z, 0-9 and '_'",
        },
        names_are_unique: true,
        renames: true,
        description: Some(DESCRIPTION),
        describes_when_placing: false,
        tags: true,
        keys: vec![KeyRule { algorithm: Algorithm::Rsa, bits: Vec::new() }],
        escrows: false,
        wishes: KnownWishes { cloud_project_id: true, owner: false },
        quota: Some(QUOTA),
    }
}

/// One account at Tencent, in one region.
pub struct Tencent {
    spec: Spec,
    account: Account,
    project_id: i64,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

impl Tencent {
    /// `project_id`: the project at the cloud of pairs for which none is asked; 0 is the cloud's default one.
    pub fn new(
        name: ProviderName,
        account: Account,
        project_id: i64,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (kind, region) = (ProviderKind::Tencent, account.region.clone());
        let spec = Spec { name, kind, region, can: capabilities() };
        Self { spec, account, project_id, outbound, clock }
    }

    /// Takes keys of these types only, where any are named.
    #[must_use]
    pub fn taking(mut self, types: Option<&[Algorithm]>) -> Self {
        self.spec.can.take_only(types);
        self
    }

    async fn send<T: DeserializeOwned>(&self, call: &Call) -> Result<Done<T>, Fault> {
        let mut request = call.request(&self.account.region).ok_or_else(unsendable)?;
        self.account.endpoint.address(&mut request)?;
        tencent::sign(&mut request, &self.account.credentials, self.clock.now()).map_err(|_| unsendable())?;
        let answer = self.outbound.send(call.action().as_str(), request).await?;
        match tencent::parse(&answer) {
            Ok((value, request_id)) if answer.status() == StatusCode::OK => {
                Ok(Done { value, request_id: short(&request_id) })
            }
            Err(Failure::Refused { code, message, request_id }) => {
                let kind = Code::meaning(&code).map_or_else(|| outcome_of(answer.status()), outcome);
                // The cloud counts requests by the second, and says no more than that there were too many.
                let retry_after = (kind == FaultKind::Unavailable).then_some(Duration::from_secs(1));
                let said = Said { code: &code, message: &message, request_id: &request_id, retry_after };
                Err(self.account.refused(kind, &said))
            }
            Ok(_) | Err(Failure::Unreadable) => Err(unreadable(&answer)),
        }
    }

    fn project_id(&self, new: &New) -> i64 {
        new.wishes.cloud_project_id.unwrap_or(self.project_id)
    }

    async fn some(&self, wanted: &Wanted, offset: u64) -> Result<Done<RemotePage>, Fault> {
        let call = Call::DescribeKeyPairs { wanted: wanted.clone(), offset, limit: PAGE };
        let Done { value: Listed { total_count, key_pair_set }, request_id } = self.send(&call).await?;
        let count = key_pair_set.len() as u64;
        let seen = offset.saturating_add(count);
        // No number, or none at all beside pairs: then a page that is not full is the last.
        let total = u64::try_from(total_count).ok().filter(|total| *total > 0 || count == 0);
        let is_last = count == 0 || total.map_or(count < PAGE, |total| seen >= total);
        let next = (!is_last).then(|| seen.to_string());
        match key_pair_set.into_iter().map(remote).collect() {
            Some(items) => Ok(Done { value: RemotePage { items, next, total }, request_id }),
            None => Err(incomplete(request_id, "the cloud's list holds a pair without an id")),
        }
    }

    /// All pages. A pair that moves to another page meanwhile can come twice: it is kept once.
    async fn all(&self, wanted: &Wanted, fits: impl Fn(&Remote) -> bool + Send) -> Result<Done<Vec<Remote>>, Fault> {
        let (mut found, mut offset): (Vec<Remote>, u64) = (Vec::new(), 0);
        for _ in 0..PAGES {
            let Done { value: page, request_id } = self.some(wanted, offset).await?;
            for pair in page.items.into_iter().filter(&fits) {
                if found.iter().all(|other| other.id != pair.id) {
                    found.push(pair);
                }
            }
            match page.next.map(|next| place(&next)).transpose()? {
                None => return Ok(Done { value: found, request_id }),
                Some(next) => offset = next,
            }
        }
        Err(Fault::new(FaultKind::Unknown, "the cloud's list of pairs does not come to an end"))
    }
}

#[async_trait]
impl Provider for Tencent {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cloud_time(&self) -> Option<Millis> {
        self.outbound.told_time()
    }

    async fn create(&self, new: &New) -> Result<Done<(Remote, SecretText)>, Fault> {
        let (key_name, project_id, tags) = (new.name.clone(), self.project_id(new), tags(&new.labels));
        let Done { value: Made { mut key_pair }, request_id } =
            self.send(&Call::CreateKeyPair { key_name, project_id, tags }).await?;
        let private = key_pair.private_key.take().filter(|private| !private.is_empty());
        match (remote(key_pair).filter(|pair| pair.public.is_some()), private) {
            (Some(pair), Some(private)) => Ok(Done { value: (pair, private), request_id }),
            _ => Err(incomplete(request_id, "the cloud made a pair and did not give all of it")),
        }
    }

    async fn import_public(&self, new: &New, key: &PublicKey) -> Result<Done<Remote>, Fault> {
        let (key_name, project_id, tags) = (new.name.clone(), self.project_id(new), tags(&new.labels));
        let call = Call::ImportKeyPair { key_name, project_id, public_key: key.line(""), tags };
        let Done { value: Imported { key_id: id }, request_id } = self.send(&call).await?;
        if !is_id(&id) {
            return Err(incomplete(request_id, "the cloud took the key and did not give its id"));
        }
        let pair = Remote {
            id,
            name: new.name.clone(),
            description: String::new(),
            public: Some(key.clone()),
            fingerprint: String::new(),
            instance_count: None,
            is_escrowed: false,
        };
        Ok(Done { value: pair, request_id })
    }

    async fn escrow(&self, _: &str, _: &SecretText, _: &EncryptionChoice) -> Result<Done<()>, Fault> {
        Err(no_escrow())
    }

    async fn escrowed(&self, _: &str) -> Result<Done<SecretText>, Fault> {
        Err(no_escrow())
    }

    async fn clear_escrow(&self, _: &str) -> Result<Done<()>, Fault> {
        Err(no_escrow())
    }

    async fn find(&self, wanted: Find<'_>) -> Result<Done<Vec<Remote>>, Fault> {
        match wanted {
            // Nothing says that the cloud's filter is exact; its sister product's is not.
            Find::Name(name) => {
                let filter = Wanted::Filters(vec![Filter::KeyName(vec![name.to_owned()])]);
                self.all(&filter, |pair| pair.name == name).await
            }
            Find::Key(key) => self.all(&Wanted::All, |pair| pair.public.as_ref() == Some(key)).await,
            Find::Id(id) if !is_id(id) => Ok(Done { value: Vec::new(), request_id: String::new() }),
            Find::Id(id) => match self.all(&Wanted::Ids(vec![id.to_owned()]), |pair| pair.id == id).await {
                // What has not the form of an id is no pair's either.
                Err(fault) if is_absent(&fault) || fault.code == Code::InvalidKeyPairIdMalformed.as_str() => {
                    Ok(Done { value: Vec::new(), request_id: fault.request_id })
                }
                done => done,
            },
        }
    }

    async fn page(&self, after: Option<&str>) -> Result<Done<RemotePage>, Fault> {
        self.some(&Wanted::All, after.map_or(Ok(0), place)?).await
    }

    async fn update(&self, id: &str, changes: Changes<'_>) -> Result<Done<()>, Fault> {
        let (key_name, description) = (changes.name.map(str::to_owned), changes.description.map(str::to_owned));
        if key_name.is_none() && description.is_none() {
            return Ok(Done { value: (), request_id: String::new() });
        }
        let call = Call::ModifyKeyPairAttribute { key_id: id.to_owned(), key_name, description };
        self.send(&call).await.map(nothing)
    }

    async fn delete(&self, id: &str) -> Result<Done<()>, Fault> {
        match self.send(&Call::DeleteKeyPairs { key_ids: vec![id.to_owned()] }).await {
            Err(fault) if is_absent(&fault) => Ok(Done { value: (), request_id: fault.request_id }),
            done => done.map(nothing),
        }
    }
}

fn tags(labels: &Labels) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    labels.as_map().iter().map(tag).collect()
}

/// The pair; `None` when it has no id that could be used.
fn remote(pair: KeyPair) -> Option<Remote> {
    Some(Remote {
        public: public_key(&pair.public_key),
        fingerprint: String::new(),
        instance_count: u32::try_from(pair.associated_instance_ids.len()).ok(),
        is_escrowed: false,
        id: Some(pair.key_id).filter(|id| is_id(id))?,
        name: pair.key_name,
        description: pair.description,
    })
}

/// There is no such pair, and the cloud says so in its own words.
fn is_absent(fault: &Fault) -> bool {
    fault.kind == FaultKind::Refused(Kind::NotFound)
}

fn place(after: &str) -> Result<u64, Fault> {
    after
        .parse()
        .map_err(|_| Fault::refused(Kind::ParameterInvalid, "this is not where a page of this provider begins"))
}

/// Done, and not told all of it: only a look can say what there is now.
fn incomplete(request_id: String, message: &str) -> Fault {
    Fault { request_id, ..Fault::new(FaultKind::Unknown, message) }
}

fn no_escrow() -> Fault {
    Fault::refused(Kind::Unsupported, "Tencent keeps no private keys")
}

fn nothing(done: Done<Nothing>) -> Done<()> {
    Done { value: (), request_id: done.request_id }
}

/// The most pages that are read: far more than any account has, so that a list without an end ends.
const PAGES: usize = 100;
