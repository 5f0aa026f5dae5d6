//! Baidu BCC: a pair is known by its id, names need not be unique, and no private half is kept there.
//!
//! Promise: as `provider` says. What it does not know: how many requests an account may send (no page says), so 429
//! counts as "not now"; and the form of Baidu's fingerprints, which are passed on as they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::account::{Account, Said, is_id, outcome, outcome_of, public_key, retry_after, unreadable, unsendable};
use super::{
    Capabilities, Changes, Done, Fault, FaultKind, Find, KeyRule, KnownWishes, NameRules, New, Provider, Remote,
    RemotePage, Spec,
};
use crate::clock::{Clock, Millis};
use crate::dialect::baidu::{self, Call, Code, Keypair, NAME, is_in_a_name};
use crate::dialect::{Kind, Response};
use crate::model::{EncryptionChoice, ProviderKind, ProviderName};
use crate::outbound::Outbound;
use crate::secret::SecretText;
use crate::sshkey::{Algorithm, PublicKey};

/// One account of Baidu BCC in one region.
pub struct Baidu {
    spec: Spec,
    account: Account,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

/// What Baidu takes and can do: its pages on creating and importing a pair (2025-10-20), the lengths of descriptions from
/// its page on resource templates.
pub fn capabilities() -> Capabilities {
    let keys = [Algorithm::Rsa, Algorithm::Dsa, Algorithm::Ecdsa];
    Capabilities {
        name: NAMES,
        names_are_unique: false,
        renames: true,
        description: Some(140),
        describes_when_placing: true,
        tags: false,
        keys: keys.map(|algorithm| KeyRule { algorithm, bits: Vec::new() }).to_vec(),
        escrows: false,
        wishes: KnownWishes::default(),
        quota: Some(500),
    }
}

/// The grammar of a name that a pair is made with.
pub const NAMES: NameRules = NameRules {
    max: NAME,
    first: |c| c.is_ascii_alphabetic(),
    rest: is_in_a_name,
    words: "1 to 65 letters of ASCII, digits, Chinese characters, '-', '_' and '/', the first one a letter",
};

/// The grammar of a name that a pair is given later: the page on renaming has the dot, the others have not.
pub const NEW_NAMES: NameRules = NameRules {
    rest: |c| c == '.' || is_in_a_name(c),
    words: "1 to 65 letters of ASCII, digits, Chinese characters, '-', '_', '/' and '.', the first one a letter",
    ..NAMES
};

impl Baidu {
    /// An account that is configured under `name`.
    pub fn new(name: ProviderName, account: Account, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let region = account.region.clone();
        let spec = Spec { name, kind: ProviderKind::Baidu, region, can: capabilities() };
        Self { spec, account, outbound, clock }
    }

    /// Takes keys of these types only, where any are named.
    #[must_use]
    pub fn taking(mut self, types: Option<&[Algorithm]>) -> Self {
        self.spec.can.take_only(types);
        self
    }

    /// Sends a request; any status but 2xx is a fault.
    async fn send(&self, action: &'static str, call: &Call) -> Result<Response, Fault> {
        let mut request = call.request().map_err(|_| unsendable())?;
        self.account.endpoint.address(&mut request)?;
        baidu::sign(&mut request, &self.account.credentials, self.clock.now()).map_err(|_| unsendable())?;
        let answer = self.outbound.send(action, request).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    fn refusal(&self, answer: &Response) -> Fault {
        let Some(wrong) = baidu::wrong(answer) else { return unreadable(answer) };
        let kind = Code::of(&wrong.code).map_or_else(|| outcome_of(answer.status()), |code| outcome(code.kind()));
        let request_id = if wrong.request_id.is_empty() { baidu::request_id(answer) } else { &wrong.request_id };
        let retry_after = retry_after(answer);
        self.account.refused(kind, &Said { code: &wrong.code, message: &wrong.message, request_id, retry_after })
    }

    /// Sends what is answered with a pair.
    async fn pair(&self, action: &'static str, call: &Call) -> Result<Done<(Remote, Option<SecretText>)>, Fault> {
        let answer = self.send(action, call).await?;
        let pair = baidu::keypair(&answer).and_then(remote).ok_or_else(|| unreadable(&answer))?;
        Ok(done(pair, &answer))
    }

    /// Sends what is answered with nothing. An answer in another language (a proxy's page) is none.
    async fn change(&self, action: &'static str, call: &Call) -> Result<Done<()>, Fault> {
        let answer = self.send(action, call).await?;
        if baidu::is_nothing(&answer) { Ok(done((), &answer)) } else { Err(unreadable(&answer)) }
    }

    async fn list(&self, marker: Option<&str>) -> Result<Done<RemotePage>, Fault> {
        let call = Call::List { marker: marker.map(str::to_owned), max_keys: Some(PAGE), name: None };
        let answer = self.send("list", &call).await?;
        let page = baidu::page(&answer).and_then(|page| {
            let items = page.keypairs.into_iter().map(|pair| Some(remote(pair)?.0)).collect::<Option<_>>()?;
            let next = match page.is_truncated {
                true => Some(page.next_marker.filter(|next| !next.is_empty())?),
                false => None,
            };
            Some(RemotePage { items, next, total: None })
        });
        Ok(done(page.ok_or_else(|| unreadable(&answer))?, &answer))
    }

    /// All pairs that fit. A list that comes back to where it was has no end that could be believed.
    async fn all(&self, fits: impl Fn(&Remote) -> bool + Send) -> Result<Done<Vec<Remote>>, Fault> {
        let (mut found, mut markers) = (Vec::new(), BTreeSet::new());
        let mut page = self.list(None).await?;
        loop {
            found.extend(page.value.items.into_iter().filter(|pair| fits(pair)));
            let Some(next) = page.value.next else { return Ok(Done { value: found, request_id: page.request_id }) };
            if markers.len() == PAGES || !markers.insert(next.clone()) {
                return Err(Fault::new(FaultKind::Unknown, "the cloud's list of pairs does not come to an end"));
            }
            page = self.list(Some(&next)).await?;
        }
    }

    async fn one(&self, id: &str) -> Result<Done<Vec<Remote>>, Fault> {
        if !is_id(id) {
            return Ok(Done { value: Vec::new(), request_id: String::new() });
        }
        match self.pair("get", &Call::Get(id.to_owned())).await {
            Ok(Done { value: (pair, _), request_id }) => Ok(Done { value: vec![pair], request_id }),
            Err(Fault { kind: FaultKind::Refused(Kind::NotFound), request_id, .. }) => {
                Ok(Done { value: Vec::new(), request_id })
            }
            Err(fault) => Err(fault),
        }
    }
}

#[async_trait]
impl Provider for Baidu {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cloud_time(&self) -> Option<Millis> {
        self.outbound.told_time()
    }

    async fn create(&self, new: &New) -> Result<Done<(Remote, SecretText)>, Fault> {
        let Done { value: (pair, private), request_id } = self.pair("create", &Call::Create(asked(new))).await?;
        match private.filter(|private| !private.is_empty()) {
            Some(private) => Ok(Done { value: (pair, private), request_id }),
            None => {
                let fault = Fault::new(FaultKind::Unknown, "the cloud made a pair and did not give its private half");
                Err(Fault { request_id, ..fault })
            }
        }
    }

    async fn import_public(&self, new: &New, key: &PublicKey) -> Result<Done<Remote>, Fault> {
        let call = Call::Import(asked(new), SecretText::new(key.line("")));
        let Done { value: (pair, _), request_id } = self.pair("import", &call).await?;
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
            Find::Name(name) => self.all(|pair| pair.name == name).await,
            Find::Key(key) => self.all(|pair| pair.public.as_ref() == Some(key)).await,
            Find::Id(id) => self.one(id).await,
        }
    }

    async fn page(&self, after: Option<&str>) -> Result<Done<RemotePage>, Fault> {
        self.list(after).await
    }

    async fn update(&self, id: &str, changes: Changes<'_>) -> Result<Done<()>, Fault> {
        known(id)?;
        let mut last = Done { value: (), request_id: String::new() };
        if let Some(name) = changes.name {
            last = self.change("rename", &Call::Rename(id.to_owned(), name.to_owned())).await?;
        }
        if let Some(text) = changes.description {
            last = self.change("updateDesc", &Call::Describe(id.to_owned(), text.to_owned())).await?;
        }
        Ok(last)
    }

    async fn delete(&self, id: &str) -> Result<Done<()>, Fault> {
        known(id)?;
        match self.change("delete", &Call::Delete(id.to_owned())).await {
            Err(Fault { kind: FaultKind::Refused(Kind::NotFound), request_id, .. }) => {
                Ok(Done { value: (), request_id })
            }
            other => other,
        }
    }
}

fn asked(new: &New) -> baidu::New {
    baidu::New { name: new.name.clone(), description: new.description.clone(), client_token: None }
}

fn done<T>(value: T, answer: &Response) -> Done<T> {
    Done { value, request_id: super::account::short(baidu::request_id(answer)) }
}

/// The pair, and its private half where there is one; `None` when it has no id that could be used.
fn remote(pair: Keypair) -> Option<(Remote, Option<SecretText>)> {
    let remote = Remote {
        public: public_key(&pair.public_key),
        id: Some(pair.keypair_id).filter(|id| is_id(id))?,
        name: pair.name,
        description: pair.description,
        fingerprint: pair.finger_print,
        instance_count: pair.instance_count,
        is_escrowed: false,
    };
    Some((remote, pair.private_key))
}

fn known(id: &str) -> Result<(), Fault> {
    if is_id(id) { Ok(()) } else { Err(Fault::refused(Kind::ParameterInvalid, "this is no id of a pair at Baidu")) }
}

fn no_escrow() -> Fault {
    Fault::refused(Kind::Unsupported, "Baidu keeps no private keys")
}

/// Pairs in a page. Baidu would give 1000, but so many with large keys and long descriptions are more than an answer may
/// have (`outbound::ANSWER_LIMIT`): with 300 of them the largest page that there can be fits.
const PAGE: u32 = 300;
/// The most pages of a list.
const PAGES: usize = 100;
