//! Three clouds, one store and a service that can die at any commit and come back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use keypairs::clock::ManualClock;
use keypairs::error::{Error, Reason, Result};
use keypairs::kms::keyring::Keyring;
use keypairs::model::{KeyPair, KeyPairState, PlacementState, PrivateKeyState, ProviderKind, ProviderName, Wishes};
use keypairs::provider::Provider;
use keypairs::service::Service;
use keypairs::service::clouds::{Placing, Providers};
use keypairs::service::command::{ExportPrivate, Places};
use keypairs::sshkey::KeyFormat;
use keypairs::store::memory::MemoryStore;
use keypairs::store::{Change, Depth, Entry, Finding, Item, Limit, Lookup, Note, Noted, Page, Query, Row, Store};
use tempfile::TempDir;

use super::cloud::Cloud;
use crate::house::{by_id, call, ground, mac, service};

pub struct Bed {
    pub clock: Arc<ManualClock>,
    pub clouds: Vec<Arc<Cloud>>,
    pub service: Service,
    store: Arc<Mortal>,
    keyring: Arc<Keyring>,
}

/// A store that stops at one commit, before or after it: what a kill leaves behind.
struct Mortal {
    inner: Arc<MemoryStore>,
    /// Commits to go; below zero: for ever.
    left: AtomicI64,
    dies_after: bool,
}

/// At which commit the service dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    Never,
    Before(i64),
    After(i64),
}

impl Bed {
    pub fn new() -> Self {
        // One keyring for all beds: making one takes an fsync.
        static GROUND: OnceLock<(TempDir, Arc<Keyring>)> = OnceLock::new();
        let (_, keyring) = GROUND.get_or_init(|| {
            let (dir, keyring, _) = ground();
            (dir, keyring)
        });
        let (keyring, clock) = (keyring.clone(), Arc::new(ManualClock::at(1_800_000_000_000)));
        let inner = Arc::new(MemoryStore::new(mac(&keyring)));
        let clouds = vec![
            Cloud::new("baidu-bj", ProviderKind::Baidu, clock.clone()),
            Cloud::new("huawei-n4", ProviderKind::Huawei, clock.clone()),
            Cloud::new("tencent-gz", ProviderKind::Tencent, clock.clone()),
        ];
        let store = Arc::new(Mortal { inner, left: AtomicI64::new(-1), dies_after: false });
        let service = service(store.clone(), keyring.clone(), clock.clone(), providers(&clouds));
        Self { clock, clouds, service, store, keyring }
    }

    /// A new run of the service on what the old one left.
    pub fn reborn(&mut self, death: Death) {
        let (left, dies_after) = match death {
            Death::Never => (-1, false),
            Death::Before(commit) => (commit, false),
            Death::After(commit) => (commit, true),
        };
        let inner = self.store.inner.clone();
        self.store = Arc::new(Mortal { inner, left: AtomicI64::new(left), dies_after });
        let providers = providers(&self.clouds);
        self.service = service(self.store.clone(), self.keyring.clone(), self.clock.clone(), providers);
    }

    pub fn cloud(&self, name: &str) -> &Cloud {
        self.clouds.iter().find(|cloud| cloud.spec().name.as_str() == name).unwrap()
    }

    /// Lets the settler work second by second until nothing is open; says how long that took.
    pub async fn settle(&self, most: u64) -> Result<u64, String> {
        for second in 0..=most {
            self.service.settle_now().await.map_err(|error| error.to_string())?;
            if self.open().await == 0 {
                return Ok(second);
            }
            self.clock.advance(Duration::from_secs(1));
        }
        Err(format!("{} pairs are open after {most} s", self.open().await))
    }

    pub async fn open(&self) -> usize {
        let page = self.store.inner.scan(Query::Open(i64::MAX - 1), Limit { rows: 100, reads: 100 }).await.unwrap();
        page.items.len()
    }

    pub async fn pairs(&self) -> Vec<KeyPair> {
        let page = self.store.inner.scan(Query::All { after: None }, Limit { rows: 1000, reads: 1000 }).await.unwrap();
        let pair = |item| match item {
            Item::Pair(pair) => Some(*pair),
            _ => None,
        };
        page.items.into_iter().filter_map(pair).collect()
    }

    /// What must hold when nothing is open: clouds and records tell the same, and every private half opens.
    pub async fn verify(&self) -> Result<(), String> {
        let pairs = self.pairs().await;
        for pair in &pairs {
            self.verify_pair(pair).await?;
        }
        for cloud in &self.clouds {
            for held in cloud.keys() {
                let is_ours = |pair: &KeyPair| {
                    let placement = pair.placement(&cloud.spec().name);
                    placement.is_some_and(|placement| placement.remote_id == held.remote.id)
                        && held.remote.public.as_ref() == Some(&pair.public)
                };
                match pairs.iter().filter(|pair| is_ours(pair)).count() {
                    1 => {}
                    count => return Err(format!("{} {} has {count} pairs", cloud.spec().name, held.remote.id)),
                }
            }
        }
        match self.store.inner.check(Depth::Full).await.unwrap().as_slice() {
            [] => Ok(()),
            findings => Err(format!("{findings:?}")),
        }
    }

    async fn verify_pair(&self, pair: &KeyPair) -> Result<(), String> {
        if !matches!(pair.state, KeyPairState::Active | KeyPairState::Deleted) || pair.journal.is_some() {
            return Err(format!("{} is {:?} with {:?}", pair.id, pair.state, pair.journal));
        }
        if pair.awaits_key() {
            return Err(format!("{} is a stand-in", pair.id));
        }
        for placement in pair.placements.iter().filter(|placement| placement.state == PlacementState::Active) {
            let cloud = self.cloud(placement.provider.as_str());
            if !cloud.keys().iter().any(|held| held.remote.id == placement.remote_id) {
                return Err(format!("{} is not at {}", pair.id, placement.provider));
            }
        }
        if pair.state == KeyPairState::Active && pair.private_key_state == PrivateKeyState::Stored {
            let (format, reason) = (KeyFormat::OpenSsh, String::new());
            let command = ExportPrivate { key: by_id(pair), format, passphrase: None, reason };
            self.service.export_private(call(), command).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// At all three.
pub fn everywhere() -> Places {
    at(&["baidu-bj", "huawei-n4", "tencent-gz"])
}

pub fn at(names: &[&str]) -> Places {
    Places { wanted: names.iter().map(|name| placing(name)).collect(), keep: false }
}

pub fn placing(name: &str) -> Placing {
    Placing { provider: provider(name), remote_name: None, wishes: Wishes::default() }
}

pub fn provider(name: &str) -> ProviderName {
    ProviderName::parse("", name).unwrap()
}

fn providers(clouds: &[Arc<Cloud>]) -> Providers {
    Providers::new(clouds.iter().map(|cloud| Arc::clone(cloud) as Arc<dyn Provider>))
}

impl Mortal {
    fn check(&self) -> Result<()> {
        match self.left.load(Ordering::SeqCst) {
            0 => Err(Error::new(Reason::StoreUnavailable, "the service is dead")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Mortal {
    async fn get(&self, lookup: Lookup<'_>, with_envelope: bool) -> Result<Option<Row>> {
        self.check()?;
        self.inner.get(lookup, with_envelope).await
    }

    async fn note(&self, note: Note<'_>) -> Result<Noted> {
        self.check()?;
        self.inner.note(note).await
    }

    async fn scan(&self, query: Query<'_>, limit: Limit) -> Result<Page> {
        self.check()?;
        self.inner.scan(query, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.check()?;
        match self.left.load(Ordering::SeqCst) {
            left if left < 0 => self.inner.commit(changes).await,
            left => {
                self.left.store(left - 1, Ordering::SeqCst);
                if left > 1 || self.dies_after {
                    self.inner.commit(changes).await?;
                }
                self.check()
            }
        }
    }

    async fn export(&self, sink: tokio::sync::mpsc::Sender<Result<Entry>>) -> Result<()> {
        self.inner.export(sink).await
    }

    async fn check(&self, depth: Depth) -> Result<Vec<Finding>> {
        self.inner.check(depth).await
    }
}
