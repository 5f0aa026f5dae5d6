//! A cloud in memory behind the port `Provider`: it can be told what shall go wrong, and it outlives the service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use keypairs::clock::{Clock, ManualClock};
use keypairs::dialect::Kind;
use keypairs::model::{EncryptionChoice, ProviderKind, ProviderName};
use keypairs::provider::{
    Capabilities, Changes, Done, Fault, FaultKind, Find, KeyRule, KnownWishes, NameRules, New, Provider, Remote,
    RemotePage, Spec,
};
use keypairs::secret::SecretText;
use keypairs::sshkey::{Algorithm, PrivateKey, PublicKey};

/// What becomes of one request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// It is done and answered.
    Fine,
    /// The connection is refused.
    Down,
    /// It is not done, and nobody answers.
    LostBefore,
    /// It is done, and nobody answers.
    LostAfter,
    /// It is done half a minute later, and nobody answers.
    Late,
    /// The cloud says no.
    Refused(Kind),
}

pub struct Cloud {
    spec: Spec,
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Held>,
    late: Vec<(i64, Effect)>,
    weather: VecDeque<Weather>,
    is_down: bool,
    made: u64,
    requests: Vec<String>,
}

#[derive(Clone)]
pub struct Held {
    pub remote: Remote,
    pub private: Option<String>,
    pub under: Option<EncryptionChoice>,
    pub is_in_use: bool,
}

type Effect = Box<dyn FnOnce(&mut State) + Send>;

impl Cloud {
    pub fn new(name: &str, kind: ProviderKind, clock: Arc<ManualClock>) -> Arc<Self> {
        let name = ProviderName::parse("", name).unwrap();
        let spec = Spec { name, kind, region: "r1".into(), can: capabilities(kind) };
        Arc::new(Self { spec, clock, state: Mutex::default() })
    }

    /// What becomes of the next requests that change something; after these it is fine.
    pub fn forecast(&self, weather: impl IntoIterator<Item = Weather>) {
        self.state().weather = weather.into_iter().collect();
    }

    /// Not even looks are answered.
    pub fn down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    pub fn keys(&self) -> Vec<Held> {
        self.state().keys.values().cloned().collect()
    }

    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub fn plant(&self, name: &str, public: PublicKey) -> String {
        let mut state = self.state();
        let id = state.id(self.spec.kind, name);
        let held = Held { remote: remote(&id, name, "", public), private: None, under: None, is_in_use: false };
        state.keys.insert(id.clone(), held);
        id
    }

    pub fn change(&self, id: &str, change: impl FnOnce(&mut Held)) {
        change(self.state().keys.get_mut(id).unwrap());
    }

    pub fn remove(&self, id: &str) {
        self.state().keys.remove(id).unwrap();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        let now = self.clock.now();
        let (due, late) = std::mem::take(&mut state.late).into_iter().partition(|(at, _)| *at <= now);
        state.late = late;
        for (_, effect) in due {
            effect(&mut state);
        }
        state
    }

    /// A request that changes something, under the weather of the day.
    fn send<T>(
        &self,
        what: &str,
        work: impl Fn(&mut State) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Done<T>, Fault> {
        let mut state = self.state();
        state.requests.push(what.to_owned());
        if state.is_down {
            return Err(Fault::new(FaultKind::Unavailable, "connection refused"));
        }
        let lost = || Fault::new(FaultKind::Unknown, "no answer in time");
        match state.weather.pop_front().unwrap_or(Weather::Fine) {
            Weather::Fine => Ok(Done { value: work(&mut state)?, request_id: "req-1".into() }),
            Weather::Down => Err(Fault::new(FaultKind::Unavailable, "connection refused")),
            Weather::LostBefore => Err(lost()),
            Weather::LostAfter => {
                let _ = work(&mut state);
                Err(lost())
            }
            Weather::Late => {
                let at = self.clock.now() + 30_000; // half a minute
                state.late.push((at, Box::new(move |state| drop(work(state)))));
                Err(lost())
            }
            Weather::Refused(kind) => {
                let fault = Fault::refused(kind, "the cloud says no");
                Err(Fault { code: "Cloud.No".into(), request_id: "req-no".into(), ..fault })
            }
        }
    }

    fn look<T>(&self, what: &str, look: impl FnOnce(&State) -> T) -> Result<Done<T>, Fault> {
        let mut state = self.state();
        state.requests.push(what.to_owned());
        match state.is_down {
            true => Err(Fault::new(FaultKind::Unavailable, "connection refused")),
            false => Ok(Done { value: look(&state), request_id: "req-look".into() }),
        }
    }
}

impl State {
    fn id(&mut self, kind: ProviderKind, name: &str) -> String {
        self.made += 1;
        match kind {
            ProviderKind::Huawei => name.to_owned(),
            ProviderKind::Baidu => format!("k-{:07}", self.made),
            ProviderKind::Tencent => format!("skey-{:08}", self.made),
        }
    }

    fn add(&mut self, spec: &Spec, new: &New, public: PublicKey) -> Result<Remote, Fault> {
        let is_name_taken = self.keys.values().any(|held| held.remote.name == new.name);
        if spec.can.names_are_unique && is_name_taken {
            return Err(Fault::refused(Kind::NameTaken, "name taken"));
        }
        // Huawei's page knows no refusal of a key that is there.
        let is_key_taken = self.keys.values().any(|held| held.remote.public.as_ref() == Some(&public));
        if spec.kind != ProviderKind::Huawei && is_key_taken {
            return Err(Fault::refused(Kind::KeyTaken, "key taken"));
        }
        let id = self.id(spec.kind, &new.name);
        let description = if spec.can.describes_when_placing { new.description.as_str() } else { "" };
        let remote = remote(&id, &new.name, description, public);
        let held = Held { remote: remote.clone(), private: None, under: None, is_in_use: false };
        self.keys.insert(id, held);
        Ok(remote)
    }

    fn held(&mut self, id: &str) -> Result<&mut Held, Fault> {
        self.keys.get_mut(id).ok_or_else(|| Fault::refused(Kind::NotFound, "not there"))
    }
}

fn remote(id: &str, name: &str, description: &str, public: PublicKey) -> Remote {
    Remote {
        id: id.into(),
        name: name.into(),
        description: description.into(),
        fingerprint: public.fingerprint_md5(),
        public: Some(public),
        instance_count: None,
        is_escrowed: false,
    }
}

#[async_trait]
impl Provider for Cloud {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn cloud_time(&self) -> Option<i64> {
        None
    }

    async fn create(&self, new: &New) -> Result<Done<(Remote, SecretText)>, Fault> {
        let (spec, new) = (self.spec.clone(), new.clone());
        let text = std::fs::read_to_string("tests/vectors/keys/keygen-pem-rsa").unwrap();
        let public = PrivateKey::parse(&text).unwrap().0.public().clone();
        let made = self.send("create", move |state| state.add(&spec, &new, public.clone()))?;
        Ok(Done { value: (made.value, SecretText::new(text)), request_id: made.request_id })
    }

    async fn import_public(&self, new: &New, key: &PublicKey) -> Result<Done<Remote>, Fault> {
        let (spec, new, key) = (self.spec.clone(), new.clone(), key.clone());
        self.send("import_public", move |state| state.add(&spec, &new, key.clone()))
    }

    async fn escrow(&self, id: &str, private: &SecretText, under: &EncryptionChoice) -> Result<Done<()>, Fault> {
        let (id, private, under) = (id.to_owned(), private.expose().to_owned(), under.clone());
        self.send("escrow", move |state| {
            let held = state.held(&id)?;
            if held.private.is_some() {
                return Err(Fault::refused(Kind::ParameterInvalid, "there already"));
            }
            let key = PrivateKey::parse(&private).unwrap().0;
            if Some(key.public()) != held.remote.public.as_ref() {
                return Err(Fault::refused(Kind::KeyMismatch, "another key"));
            }
            (held.private, held.under) = (Some(private.clone()), Some(under.clone()));
            held.remote.is_escrowed = true;
            Ok(())
        })
    }

    async fn escrowed(&self, id: &str) -> Result<Done<SecretText>, Fault> {
        let private = self.look("escrowed", |state| state.keys.get(id).and_then(|held| held.private.clone()))?;
        let value = private.value.ok_or_else(|| Fault::refused(Kind::NoPrivateKey, "none"))?;
        Ok(Done { value: SecretText::new(value), request_id: private.request_id })
    }

    async fn clear_escrow(&self, id: &str) -> Result<Done<()>, Fault> {
        let id = id.to_owned();
        self.send("clear_escrow", move |state| {
            let held = state.held(&id)?;
            (held.private, held.remote.is_escrowed) = (None, false);
            Ok(())
        })
    }

    async fn find(&self, wanted: Find<'_>) -> Result<Done<Vec<Remote>>, Fault> {
        self.look("find", |state| {
            let fits = |remote: &&Remote| match wanted {
                Find::Name(name) => remote.name == name,
                Find::Key(key) => remote.public.as_ref() == Some(key),
                Find::Id(id) => remote.id == id,
            };
            state.keys.values().map(|held| &held.remote).filter(fits).cloned().collect()
        })
    }

    async fn page(&self, after: Option<&str>) -> Result<Done<RemotePage>, Fault> {
        let from: usize = after.map_or(0, |after| after.parse().unwrap());
        self.look("page", |state| {
            let items: Vec<Remote> = state.keys.values().skip(from).take(3).map(|held| held.remote.clone()).collect();
            let end = from + items.len();
            let next = (end < state.keys.len()).then(|| end.to_string());
            RemotePage { items, next, total: None }
        })
    }

    async fn update(&self, id: &str, changes: Changes<'_>) -> Result<Done<()>, Fault> {
        let (name, description) = (changes.name.map(str::to_owned), changes.description.map(str::to_owned));
        let id = id.to_owned();
        self.send("update", move |state| {
            let remote = &mut state.held(&id)?.remote;
            remote.name = name.clone().unwrap_or_else(|| remote.name.clone());
            remote.description = description.clone().unwrap_or_else(|| remote.description.clone());
            Ok(())
        })
    }

    async fn delete(&self, id: &str) -> Result<Done<()>, Fault> {
        let id = id.to_owned();
        self.send("delete", move |state| {
            if state.keys.get(&id).is_some_and(|held| held.is_in_use) {
                return Err(Fault::refused(Kind::InUse, "in use"));
            }
            state.keys.remove(&id);
            Ok(())
        })
    }
}

/// Each as different as the real ones are.
fn capabilities(kind: ProviderKind) -> Capabilities {
    let any = |algorithm| KeyRule { algorithm, bits: Vec::new() };
    let all = vec![any(Algorithm::Rsa), any(Algorithm::Ecdsa), any(Algorithm::Ed25519)];
    let word: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let base = Capabilities {
        name: NameRules { max: 64, first: word, rest: word, words: "letters" },
        names_are_unique: true,
        renames: true,
        description: Some(60),
        describes_when_placing: false,
        tags: false,
        keys: all,
        escrows: false,
        wishes: KnownWishes::default(),
        quota: Some(100),
    };
    match kind {
        ProviderKind::Baidu => Capabilities {
            name: NameRules { max: 65, first: |c| c.is_ascii_alphabetic(), ..base.name },
            names_are_unique: false,
            describes_when_placing: true,
            ..base
        },
        ProviderKind::Tencent => Capabilities {
            name: NameRules {
                max: 25,
                first: |c| c.is_ascii_alphanumeric() || c == '_',
                rest: |c| c.is_ascii_alphanumeric() || c == '_',
                words: "letters, digits and '_'",
            },
            tags: true,
            wishes: KnownWishes { cloud_project_id: true, owner: false },
            ..base
        },
        ProviderKind::Huawei => Capabilities {
            renames: false,
            escrows: true,
            wishes: KnownWishes { cloud_project_id: false, owner: true },
            quota: None,
            ..base
        },
    }
}
