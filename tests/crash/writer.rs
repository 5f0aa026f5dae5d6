//! One caller of the storm: it chooses what to do, remembers what was acknowledged, and checks it after a crash.
//!
//! Each writer has pairs of its own, so that what it knows of them is exact; they share the project, its counter, the
//! committer and sled's pages.

use keypairs::clock::OsEntropy;
use keypairs::grpc::pb::{self, KeyPair, KeyPairState, PrivateKeyState};
use keypairs::sshkey::{AwsLcKeyMaker, KeyFormat, KeyMaker, KeySpec, PrivateKey};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use tonic::{Code, Status};

use super::step::{self, Answer, Client, Step};
use crate::server::reason;

/// A pair as the last acknowledged answer showed it.
struct Known {
    pair: KeyPair,
    /// Its private half, as this writer got or sent it.
    file: Option<String>,
}

impl Known {
    fn is_live(&self) -> bool {
        self.pair.state() != KeyPairState::Deleted
    }

    fn is_stored(&self) -> bool {
        self.pair.private_key_state() == PrivateKeyState::Stored
    }
}

/// What is wrong after a crash.
#[derive(Debug)]
pub enum Fault {
    /// An acknowledged change is not there.
    Lost(String),
    /// Something is there that no change made.
    Torn(String),
}

/// One caller.
pub struct Writer {
    number: usize,
    rng: StdRng,
    known: Vec<Known>,
    purged: Vec<String>,
    /// The call that was in flight when the server died.
    pending: Option<Step>,
    made: u64,
    /// Changes that were acknowledged.
    pub acks: u64,
    /// Calls in flight at a crash that had happened, and that had not.
    pub unknown: (u64, u64),
}

impl Writer {
    pub fn new(number: usize, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 32));
        Self { number, rng, known: vec![], purged: vec![], pending: None, made: 0, acks: 0, unknown: (0, 0) }
    }

    /// Changes things until the server is gone.
    pub async fn write(&mut self, mut client: Client) {
        loop {
            let step = self.choose();
            match step.send(&mut client).await {
                Ok(answer) => {
                    self.acks += 1;
                    self.settle(&step, answer);
                }
                Err(status) => {
                    assert!(is_connection_lost(&status), "a call was refused: {status:?}");
                    self.pending = Some(step);
                    return;
                }
            }
        }
    }

    /// After a restart: what became of the call in flight, and whether everything acknowledged is there.
    pub async fn check(&mut self, mut client: Client) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(step) = self.pending.take() {
            match self.rng.random_bool(0.5) {
                true => self.send_again(step, &mut client).await,
                false => faults.extend(self.find_out(step, &mut client).await),
            }
        }
        for known in &self.known {
            faults.extend(check_pair(&mut client, known).await);
        }
        for id in self.purged.iter().rev().take(64) {
            match get(&mut client, id).await {
                Err(status) if reason(&status) == "KEY_PAIR_NOT_FOUND" => {}
                other => faults.push(Fault::Lost(format!("the purge of {id}: {other:?}"))),
            }
        }
        faults
    }

    /// The ids of its pairs, deleted ones too.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.pair.id.as_str())
    }

    /// How many of its pairs count for the quota.
    pub fn live(&self) -> usize {
        self.known.iter().filter(|known| known.is_live()).count()
    }

    /// Its request_id makes it happen once, whether it had happened or not.
    async fn send_again(&mut self, step: Step, client: &mut Client) {
        let answer = step.send(client).await.unwrap_or_else(|status| panic!("sent again: {status:?}"));
        self.settle(&step, answer);
    }

    /// Without sending it again: it has happened wholly, or not at all.
    async fn find_out(&mut self, step: Step, client: &mut Client) -> Vec<Fault> {
        let seen = match step.id() {
            Some(id) => get(client, id).await,
            None => get_by_name(client, step.name()).await,
        };
        let seen = match seen {
            Ok(pair) => Some(pair),
            Err(status) if reason(&status) == "KEY_PAIR_NOT_FOUND" => None,
            Err(status) => return vec![Fault::Torn(format!("after a call in flight: {status:?}"))],
        };
        let before = step.id().map(|id| self.known.iter().find(|known| known.pair.id == id).unwrap().pair.clone());
        match (before, seen) {
            (before, seen) if before == seen => self.unknown.1 += 1,
            (None, Some(pair)) => {
                self.unknown.0 += 1;
                let file = match step.file() {
                    Some(file) => Some(file.to_owned()),
                    None => export(client, &pair.id).await.ok(),
                };
                self.settle(&step, Answer { pair: Some(pair), file });
            }
            (Some(_), None) if matches!(step, Step::Purge { .. }) => {
                self.unknown.0 += 1;
                self.settle(&step, Answer::default());
            }
            (Some(before), Some(seen)) if !matches!(step, Step::Purge { .. }) && step.after(&before, &seen) == seen => {
                self.unknown.0 += 1;
                self.settle(&step, Answer { pair: Some(seen), file: None });
            }
            (before, seen) => return vec![Fault::Torn(format!("neither before nor after: {before:?}, {seen:?}"))],
        }
        Vec::new()
    }

    fn settle(&mut self, step: &Step, answer: Answer) {
        match (step.id(), step) {
            (Some(id), Step::Purge { .. }) => {
                self.known.retain(|known| known.pair.id != id);
                self.purged.push(id.to_owned());
            }
            (Some(id), _) => {
                let known = self.known.iter_mut().find(|known| known.pair.id == id).unwrap();
                known.pair = answer.pair.unwrap();
            }
            (None, _) => self.known.push(Known { pair: answer.pair.unwrap(), file: answer.file }),
        }
    }

    fn choose(&mut self) -> Step {
        if self.known.len() < 3 || (self.known.len() < MOST && self.rng.random_bool(0.4)) {
            return self.choose_new();
        }
        let at = self.rng.random_range(0..self.known.len());
        let request_id = self.request_id();
        let (text, roll) = (self.text(), self.rng.random_range(0..100));
        let full = self.known.len() >= MOST;
        let known = &self.known[at];
        let id = known.pair.id.as_str();
        match (known.is_live(), known.is_stored(), roll) {
            _ if full => step::delete(id, true, request_id),
            (false, _, 0..60) => step::undelete(id, request_id),
            (_, _, 0..10) | (false, _, _) => step::delete(id, true, request_id),
            (true, _, 10..25) => step::delete(id, false, request_id),
            (true, true, 25..45) => step::clear(id, request_id),
            (true, false, 25..60) if known.file.is_some() => {
                step::import_private(&known.pair.name, Some(id), known.file.clone().unwrap(), request_id)
            }
            (true, _, 60..75) => step::update(id, "name", &format!("renamed-{text}"), request_id),
            (true, _, 75..90) => step::update(id, "labels", &text, request_id),
            (true, ..) => step::update(id, "description", &text.repeat(3), request_id),
        }
    }

    fn choose_new(&mut self) -> Step {
        self.made += 1;
        let name = format!("w{}-{}", self.number, self.made);
        let request_id = self.request_id();
        match self.rng.random_range(0..4) {
            0 => {
                let (line, file) = made_here();
                step::import_public(&name, line, file, request_id)
            }
            1 => step::import_private(&name, None, made_here().1, request_id),
            _ => step::create(&name, request_id),
        }
    }

    fn text(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn request_id(&mut self) -> String {
        request_id(&mut self.rng)
    }
}

/// A random UUID.
pub fn request_id(rng: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

async fn check_pair(client: &mut Client, known: &Known) -> Option<Fault> {
    let id = &known.pair.id;
    match get(client, id).await {
        Ok(pair) if pair == known.pair => {}
        Ok(pair) => return Some(Fault::Torn(format!("acknowledged {:?}, there is {pair:?}", known.pair))),
        Err(status) => return Some(Fault::Lost(format!("{id}: {status:?}"))),
    }
    if known.is_live() {
        match get_by_name(client, &known.pair.name).await {
            Ok(pair) if pair == known.pair => {}
            other => return Some(Fault::Torn(format!("the name of {id}: {other:?}"))),
        }
    }
    match (export(client, id).await, known.is_live(), known.is_stored()) {
        (Ok(file), true, true) => check_file(known, &file),
        (Err(status), true, false) if reason(&status) == "NO_PRIVATE_KEY" => None,
        (Err(status), false, _) if reason(&status) == "KEY_PAIR_DELETED" => None,
        (other, ..) => Some(Fault::Torn(format!("the private half of {id}: {other:?}"))),
    }
}

/// The exported file is the acknowledged key. After a rename its comment is another one.
fn check_file(known: &Known, file: &str) -> Option<Fault> {
    let Some(wanted) = &known.file else { return Some(Fault::Torn(format!("{}: it never had one", known.pair.id))) };
    let open = |file: &str| PrivateKey::parse(file).map(|(key, _)| key).ok();
    let same = match (open(file), open(wanted)) {
        (Some(key), Some(wanted)) => key.to_compact().expose() == wanted.to_compact().expose(),
        _ => false,
    };
    (!same).then(|| Fault::Torn(format!("{}: another private half", known.pair.id)))
}

pub async fn get(client: &mut Client, id: &str) -> Result<KeyPair, Status> {
    let key = Some(pb::get_request::Key::Id(id.to_owned()));
    let answer = client.get(pb::GetRequest { project_id: String::new(), key }).await?;
    Ok(answer.into_inner().key_pair.unwrap())
}

async fn get_by_name(client: &mut Client, name: &str) -> Result<KeyPair, Status> {
    let key = Some(pb::get_request::Key::Name(name.to_owned()));
    let answer = client.get(pb::GetRequest { project_id: String::new(), key }).await?;
    Ok(answer.into_inner().key_pair.unwrap())
}

pub async fn export(client: &mut Client, id: &str) -> Result<String, Status> {
    let mut request = pb::ExportPrivateRequest::default();
    request.key = Some(pb::export_private_request::Key::Id(id.to_owned()));
    let mut answer = client.export_private(request).await?.into_inner();
    Ok(std::mem::take(&mut answer.private_key))
}

/// A key of the caller's own: its public line and its file.
fn made_here() -> (String, String) {
    let maker = AwsLcKeyMaker::new(Arc::new(OsEntropy));
    let key = maker.make(KeySpec::Ed25519).unwrap();
    let file = key.encode(KeyFormat::OpenSsh, None, "mine", &OsEntropy).map_err(|fault| fault.to_string()).unwrap();
    (key.public().line("mine"), file.into_exposed())
}

/// What the service refuses has a reason; what the dying connection makes of a call has none.
pub fn is_connection_lost(status: &Status) -> bool {
    reason(status).is_empty()
        && matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}

/// Pairs of one writer: few enough to check all of them after every crash.
const MOST: usize = 24;
