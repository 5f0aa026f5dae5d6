//! A whole service in this process, put together as `app::open` does, over a store that a test can reach into and with
//! a clock that a test moves.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use keypairs::app::row_mac;
use keypairs::clock::{Clock, Entropy, ManualClock, OsEntropy};
use keypairs::envelope::Envelope;
use keypairs::error::Result;
use keypairs::kms::keyring::Keyring;
use keypairs::model::{
    Description, EncryptionChoice, EncryptionMode, Filter, KeyPair, KeyPairId, KeyPairName, Labels, ProjectId,
    RequestId, UserId,
};
use keypairs::service::audit::LogAudit;
use keypairs::service::call::{Call, CallId};
use keypairs::service::clouds::Providers;
use keypairs::service::command::{
    By, Create, Delete, ExportPrivate, Key, List, Manner, NewPair, Places, Repeat, Undelete,
};
use keypairs::service::pool::{Pool, PoolLimits};
use keypairs::service::{Listing, Parts, ProjectRules, Projects, Service, ServiceKeys};
use keypairs::sshkey::{AwsLcKeyMaker, CompromisedKeys, KeyFormat, KeyRules, KeySpec};
use keypairs::store::memory::{MemoryStore, Rows};
use keypairs::store::sled::{SledOptions, SledStore};
use keypairs::store::{RowMac, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct House {
    pub service: Service,
    pub clock: Arc<ManualClock>,
    memory: Option<Arc<MemoryStore>>,
    _dir: TempDir,
}

impl House {
    pub fn in_memory() -> Self {
        let (_dir, keyring, clock) = ground();
        let memory = Arc::new(MemoryStore::new(mac(&keyring)));
        let service = service(memory.clone(), keyring, clock.clone(), Providers::default());
        Self { service, clock, memory: Some(memory), _dir }
    }

    pub fn on_sled() -> Self {
        let (_dir, keyring, clock) = ground();
        let fatal = Arc::new(|fatal| panic!("{fatal}"));
        let sled = SledStore::open(_dir.path(), SledOptions::default(), mac(&keyring), &OsEntropy, fatal);
        let sled = Arc::new(sled.unwrap_or_else(|fatal| panic!("{fatal}")));
        let service = service(sled, keyring, clock.clone(), Providers::default());
        Self { service, clock, memory: None, _dir }
    }

    /// Changes rows behind the store's back; only in memory.
    pub fn tamper(&self, change: impl FnOnce(&mut Rows)) {
        self.memory.as_ref().unwrap().tamper(change);
    }

    pub async fn create(&self, project: &str, name: &str, spec: KeySpec) -> Result<(KeyPair, String)> {
        self.create_as(project, name, spec, None).await
    }

    /// A create that may be sent again under the same request id.
    pub async fn create_as(
        &self,
        project: &str,
        name: &str,
        spec: KeySpec,
        repeat: Option<u8>,
    ) -> Result<(KeyPair, String)> {
        let new = NewPair {
            project: self::project(project),
            name: KeyPairName::parse("name", name).unwrap(),
            description: Description::default(),
            labels: Labels::default(),
            user_id: UserId::default(),
            through: None,
        };
        let command = Create {
            new,
            spec,
            encryption: EncryptionChoice::Default,
            format: KeyFormat::OpenSsh,
            passphrase: None,
            omit_private_key: false,
            forget_private: false,
            places: Places::default(),
            generated_by: None,
            manner: Manner { ensure: false, repeat: repeat.map(self::repeat), validate_only: false },
        };
        let (pair, private) = self.service.create(call(), command).await?;
        Ok((pair.unwrap(), private.map(|private| private.text.into_exposed()).unwrap_or_default()))
    }

    pub async fn get(&self, key: &Key) -> Result<KeyPair> {
        self.service.pair(key).await
    }

    pub async fn export(&self, key: &Key) -> Result<String> {
        let command =
            ExportPrivate { key: key.clone(), format: KeyFormat::OpenSsh, passphrase: None, reason: String::new() };
        let (_, private) = self.service.export_private(call(), command).await?;
        Ok(private.text.into_exposed())
    }

    pub async fn delete(&self, key: &Key, purge: bool) -> Result<Option<KeyPair>> {
        let (key, etag) = (key.clone(), String::new());
        let command = Delete {
            key,
            etag,
            allow_missing: false,
            purge,
            abandon_placements: false,
            repeat: None,
            validate_only: false,
        };
        self.service.delete(call(), command).await
    }

    pub async fn undelete(&self, pair: &KeyPair, name: Option<&str>) -> Result<KeyPair> {
        let name = name.map(|name| KeyPairName::parse("name", name).unwrap());
        let command = Undelete { project: pair.project.clone(), id: pair.id, name, repeat: None };
        self.service.undelete(call(), command).await
    }

    /// The first thousand pairs of a project, deleted ones too.
    pub async fn list(&self, project: &str) -> Listing {
        let command = List {
            project: self::project(project),
            filter: Filter { show_deleted: true, ..Filter::default() },
            page_size: 1000,
            page_token: String::new(),
            digest: [0; 32],
        };
        self.service.list(&command).await.unwrap()
    }

    /// How many live pairs a project holds.
    pub async fn held(&self, project: &str) -> u64 {
        self.service.project(&self::project(project)).await.unwrap().key_pairs
    }
}

pub fn by_name(project: &str, name: &str) -> Key {
    Key { project: self::project(project), by: By::Name(KeyPairName::parse("name", name).unwrap()) }
}

pub fn by_id(pair: &KeyPair) -> Key {
    Key { project: pair.project.clone(), by: By::Id(pair.id) }
}

pub fn project(id: &str) -> ProjectId {
    ProjectId::parse("project_id", id).unwrap()
}

/// The key of a row: what it is (docs/FORMAT.md), project, 0, id.
pub fn row_key(kind: u8, project: &str, id: KeyPairId) -> Vec<u8> {
    [&[kind], project.as_bytes(), &[0], id.as_bytes()].concat()
}

pub fn repeat(number: u8) -> Repeat {
    let id = RequestId::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap();
    Repeat { id, digest: [number; 32] }
}

pub fn call() -> Call {
    let deadline = Instant::now() + Duration::from_secs(60);
    Call { id: CallId(0), caller: Arc::from(""), deadline, gone: CancellationToken::new() }
}

pub fn ground() -> (TempDir, Arc<Keyring>, Arc<ManualClock>) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_800_000_000_000));
    let keyring = Keyring::create(&dir.path().join("keyring"), clock.clone(), Arc::new(OsEntropy)).unwrap();
    (dir, Arc::new(keyring), clock)
}

pub fn mac(keyring: &Keyring) -> RowMac {
    row_mac(keyring).unwrap()
}

pub fn service(store: Arc<dyn Store>, keyring: Arc<Keyring>, clock: Arc<dyn Clock>, providers: Providers) -> Service {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let key = |purpose| {
        let (current, mut versions) = keyring.derive(purpose);
        versions.remove(&current).unwrap()
    };
    let encryption = vec![EncryptionMode::Default, EncryptionMode::Kms];
    let default = ProjectRules { key_pairs: 500, encryption, keys: KeyRules::default() };
    Service::new(Parts {
        compromised: CompromisedKeys::default(),
        alarm: Arc::new(|_| ()),
        store,
        envelope: Envelope::new(vec![("keyring".to_owned(), keyring.clone() as _)], entropy.clone()),
        maker: Arc::new(AwsLcKeyMaker::new(entropy.clone())),
        rsa: pool(),
        pool: pool(),
        audit: Arc::new(LogAudit),
        clock,
        entropy,
        projects: Projects { default, own: Default::default() },
        providers,
        retention: RETENTION,
        keys: ServiceKeys { requests: key("request digests"), pages: key("page tokens") },
        tasks: TaskTracker::new(),
    })
}

/// One for all houses: some tests put up thousands.
fn pool() -> Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let limits = PoolLimits { workers: 2, queue: 64, longest_wait: Duration::from_secs(60) };
    POOL.get_or_init(|| Pool::start(limits, Arc::new(|_, _| ())).unwrap()).clone()
}

/// How long deleted pairs can come back in a house.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
