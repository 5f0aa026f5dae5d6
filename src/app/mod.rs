//! The composition root: from a configuration to a service, and from a service to a server.
//!
//! The only place, beside `config`, that names concrete adapters.

#![forbid(unsafe_code)]

pub mod command;
pub mod compromised;
pub mod doctor;
pub mod failure;
pub mod operator;
pub mod providers;
pub mod serve;

mod face;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Entropy, OsEntropy, SystemClock};
use crate::config::{Config, KeyTypeAllowed, StoreKind};
use crate::envelope::Envelope;
use crate::kms::keyring::{KeyVersion, Keyring, KeyringError};
use crate::ready::Readiness;
use crate::secret::SecretBytes;
use crate::service::audit::LogAudit;
use crate::service::backup::BackupKeys;
use crate::service::clouds::Providers;
use crate::service::pool::{Event, Observer, Pool, PoolLimits, Work};
use crate::service::{Alarm, OnAlarm, Parts, ProjectRules, Projects, Service, ServiceKeys};
use crate::sshkey::{AwsLcKeyMaker, Cost, Kdf, KeyRules};
use crate::store::memory::MemoryStore;
use crate::store::sled::{Fatal, OnFatal, SledOptions, SledStore};
use crate::store::{RowMac, Store};
use crate::telemetry::{Heavy, Metrics};

pub use failure::Failure;

/// An open service.
pub struct Opened {
    /// The use cases.
    pub service: Service,
    /// The local keys.
    pub keyring: Arc<Keyring>,
    /// The store, for what is not a use case.
    pub store: Arc<dyn Store>,
    /// Work that outlives its caller.
    pub tasks: TaskTracker,
    sled: Option<Arc<SledStore>>,
}

impl Opened {
    /// Makes everything durable and lets go of the data. Blocks.
    pub fn close(&self) -> Result<(), Failure> {
        if let Some(sled) = &self.sled {
            sled.close();
        }
        Ok(())
    }
}

/// Opens keyring and store and puts the service together. A store that a restore did not finish is refused.
pub async fn open(config: &Config, metrics: Arc<Metrics>, readiness: Readiness) -> Result<Opened, Failure> {
    refuse_half_restored(&config.data_dir)?;
    open_any(config, metrics, readiness).await
}

async fn open_any(config: &Config, metrics: Arc<Metrics>, readiness: Readiness) -> Result<Opened, Failure> {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let compromised = compromised::table(config)?; // before anything is made
    let providers = Providers::new(providers::open(config, &clock)?);
    make_data_dir(&config.data_dir)?;
    let keyring = Arc::new(open_keyring(config, &clock, &entropy)?);
    let (store, sled) = open_store(config, &keyring, &entropy, &metrics, readiness).await?;
    let tasks = TaskTracker::new();
    let (rsa, pool) = pools(config, &metrics)?;
    let service = Service::new(Parts {
        store: Arc::clone(&store),
        envelope: Envelope::new(vec![("keyring".to_owned(), Arc::clone(&keyring) as _)], Arc::clone(&entropy)),
        maker: Arc::new(AwsLcKeyMaker::new(Arc::clone(&entropy))),
        rsa,
        pool,
        audit: Arc::new(LogAudit),
        clock,
        entropy,
        projects: projects(config),
        providers,
        compromised,
        alarm: on_alarm(Arc::clone(&metrics)),
        retention: Duration::from_secs(u64::from(config.deletion.retention_days) * 24 * 3600),
        keys: ServiceKeys { requests: current(&keyring, "request digests")?, pages: current(&keyring, "page tokens")? },
        tasks: tasks.clone(),
    });
    Ok(Opened { service, keyring, store, tasks, sled })
}

/// The keys that backups are sealed under.
pub fn backup_keys(keyring: &Keyring) -> BackupKeys {
    let (current, versions) = keyring.derive("backups");
    BackupKeys { keyring: keyring.id(), current, versions }
}

/// The keyring, made on the very first start: when there is no data yet.
pub fn open_keyring(config: &Config, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<Keyring, Failure> {
    let path = &config.keyring.file;
    match Keyring::open(path, Arc::clone(clock), Arc::clone(entropy)) {
        Err(KeyringError::Missing(_)) if has_data(&config.data_dir) => Err(Failure::Damaged(format!(
            "there is data in {} but no keyring at {}: put the keyring back; without it no private key can be opened",
            config.data_dir.display(),
            path.display()
        ))),
        Err(KeyringError::Missing(_)) => {
            let keyring = Keyring::create(path, Arc::clone(clock), Arc::clone(entropy)).map_err(keyring_failure)?;
            tracing::warn!(
                path = %path.display(),
                "made a new keyring; losing it is losing every private key: back it up apart from the data, \
                 and in production keep it elsewhere ([keyring] file)"
            );
            Ok(keyring)
        }
        opened => opened.map_err(keyring_failure),
    }
}

/// A keyring that cannot be used, with its exit code.
pub fn keyring_failure(error: KeyringError) -> Failure {
    match error {
        KeyringError::Io { .. } | KeyringError::Busy(_) => Failure::Io(error.to_string()),
        KeyringError::NameInvalid(_) | KeyringError::KeyExists(_) | KeyringError::KeyNotFound(_) => {
            Failure::Config(error.to_string())
        }
        _ => Failure::Damaged(error.to_string()),
    }
}

/// A key version as the operator's socket tells it.
fn wire_version(version: &KeyVersion) -> crate::grpc::pb::operator::KeyVersion {
    crate::grpc::pb::operator::KeyVersion {
        name: version.name.clone(),
        version: version.version,
        state: version.state.as_str().to_owned(),
        create_ms: version.created,
    }
}

/// The MAC keys of stored rows.
pub fn row_mac(keyring: &Keyring) -> Result<RowMac, Failure> {
    let (current, keys) = keyring.derive("store rows");
    RowMac::new(current, keys).map_err(|error| Failure::Damaged(error.to_string()))
}

/// Durable before anything in it is: a data directory that a power cut takes away takes the keyring along.
fn make_data_dir(path: &Path) -> Result<(), Failure> {
    let failed =
        |error| Failure::io(&format!("cannot make the data directory {}", path.display()), error as std::io::Error);
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    std::fs::File::open(path.join("..")).and_then(|parent| parent.sync_all()).map_err(failed)
}

/// A store that is filled from a backup looks like any other: while a restore runs, and after one that was cut off, a
/// file says so.
fn refuse_half_restored(data_dir: &Path) -> Result<(), Failure> {
    if !data_dir.join(RESTORING).exists() {
        return Ok(());
    }
    let message = format!(
        "a restore into {} was cut off, or runs still: when it does not, remove `store`, `epoch` and `{RESTORING}` \
         there and restore again",
        data_dir.display()
    );
    Err(Failure::Damaged(message))
}

fn has_data(data_dir: &Path) -> bool {
    data_dir.join("store").exists() || data_dir.join("epoch").exists()
}

async fn open_store(
    config: &Config,
    keyring: &Keyring,
    entropy: &Arc<dyn Entropy>,
    metrics: &Arc<Metrics>,
    readiness: Readiness,
) -> Result<(Arc<dyn Store>, Option<Arc<SledStore>>), Failure> {
    let mac = row_mac(keyring)?;
    if config.store.kind == StoreKind::Memory {
        tracing::warn!("the store is in memory: everything is gone when the service stops");
        return Ok((Arc::new(MemoryStore::new(mac)), None));
    }
    let options = sled_options(config);
    let (data, entropy) = (config.data_dir.clone(), Arc::clone(entropy));
    let open = move || SledStore::open(&data, options, mac, &*entropy, on_fatal(readiness));
    let opened = tokio::task::spawn_blocking(open).await;
    let sled = Arc::new(opened.map_err(|error| Failure::stuck(error.to_string()))?.map_err(fatal)?);
    let metrics = Arc::clone(metrics);
    sled.stats().observe(Box::new(move |commits, fsync| metrics.store_group(commits, fsync)));
    Ok((Arc::clone(&sled) as _, Some(sled)))
}

fn sled_options(config: &Config) -> SledOptions {
    SledOptions { cache_bytes: config.store.cache_mib << 20, ..SledOptions::default() }
}

/// The store cannot be trusted any more: NOT_SERVING at once, and the process ends, because a restart with a clear
/// exit code is better than a silent hang or a wrong answer.
fn on_fatal(readiness: Readiness) -> OnFatal {
    Arc::new(move |cause| {
        readiness.hold("store");
        tracing::error!(%cause, exit_code = cause.exit_code(), "the store failed: the service ends");
        let code = i32::from(cause.exit_code());
        // A thread of its own: the one that tells may be the one that everything waits for.
        let _ = std::thread::Builder::new().name("fatal".to_owned()).spawn(move || {
            std::thread::sleep(Duration::from_millis(500)); // health watchers hear of it
            std::process::exit(code);
        });
    })
}

fn fatal(cause: Fatal) -> Failure {
    let message = cause.to_string();
    match cause {
        Fatal::Damaged(_) => Failure::Damaged(message),
        Fatal::Stuck(_) => Failure::Stuck(message),
        Fatal::Io(_) => Failure::Io(message),
    }
}

/// Two pools, so that a flood of RSA keys to make does not shut out imports and passphrases.
fn pools(config: &Config, metrics: &Arc<Metrics>) -> Result<(Pool, Pool), Failure> {
    let limits = |workers| PoolLimits { workers, queue: QUEUE, longest_wait: config.limits.rsa_queue_wait };
    let start = |workers| {
        let pool = Pool::start(limits(workers), pool_observer(Arc::clone(metrics)));
        pool.map_err(|error| Failure::io("cannot start a pool for heavy work", error))
    };
    Ok((start(config.limits.rsa_workers)?, start(PROOFS)?))
}

fn pool_observer(metrics: Arc<Metrics>) -> Observer {
    Arc::new(move |work, event| match (heavy(work), event) {
        (None, Event::Waits) => metrics.rsa_waiting(1),
        (None, Event::Begun) => metrics.rsa_waiting(-1),
        (None, Event::Done(took)) => metrics.rsa_generated(took),
        (Some(_), Event::Waits) => metrics.heavy_waiting(1),
        (Some(_), Event::Begun) => metrics.heavy_waiting(-1),
        (Some(kind), Event::Done(took)) => metrics.heavy_done(kind, took),
    })
}

/// What the metrics call a kind of work; `None`: an RSA key is made, which has metrics of its own.
fn heavy(work: Work) -> Option<Heavy> {
    Some(match work {
        Work::Rsa(_) => return None,
        Work::Prove(_) => Heavy::Proof,
        Work::Check(_) => Heavy::Check,
        Work::Compare => Heavy::Compare,
        Work::Derive(Cost { kdf: Kdf::Hash, .. }) => Heavy::Hash,
        Work::Derive(Cost { kdf: Kdf::Bcrypt, .. }) => Heavy::Bcrypt,
        Work::Derive(Cost { kdf: Kdf::Pbkdf2, .. }) => Heavy::Pbkdf2,
        Work::Derive(Cost { kdf: Kdf::Scrypt, .. }) => Heavy::Scrypt,
        Work::Derive(Cost { kdf: Kdf::Argon2, .. }) => Heavy::Argon2,
    })
}

/// An alarm is a log line that says all, and a number that says when to look.
fn on_alarm(metrics: Arc<Metrics>) -> OnAlarm {
    Arc::new(move |alarm| match alarm {
        Alarm::SharedPrime { new: (project, id), old: (old_project, old_id) } => {
            metrics.shared_prime();
            tracing::error!(
                %project, %id, %old_project, %old_id,
                "two stored RSA keys share a prime: everybody who has both public keys can compute both private keys; \
                 have both replaced"
            );
        }
        Alarm::Unsearched(keys) => {
            metrics.shared_prime_unsearched(keys);
            tracing::warn!(keys, "RSA keys came in faster than they can be searched for shared primes: not searched");
        }
    })
}

fn projects(config: &Config) -> Projects {
    let policy = &config.policy;
    let keys = |bits: Option<u32>, exponent: Option<u32>, extra: Option<&[KeyTypeAllowed]>| KeyRules {
        min_rsa_bits: u16::try_from(bits.unwrap_or(policy.min_rsa_bits)).unwrap_or(u16::MAX),
        min_rsa_exponent: exponent.unwrap_or(policy.min_rsa_exponent),
        dsa: extra.unwrap_or(&policy.allow_key_types).contains(&KeyTypeAllowed::Dsa),
    };
    let default = ProjectRules {
        key_pairs: config.quota.key_pairs_per_project,
        encryption: vec![crate::model::EncryptionMode::Default, crate::model::EncryptionMode::Kms],
        keys: keys(None, None, None),
    };
    let own = config.projects.iter().map(|(id, project)| {
        let encryption = match project.encryption.is_empty() {
            true => default.encryption.clone(),
            false => project.encryption.clone(),
        };
        let key_pairs = project.key_pairs.unwrap_or(default.key_pairs);
        let keys = keys(project.min_rsa_bits, project.min_rsa_exponent, project.allow_key_types.as_deref());
        (id.as_str().to_owned(), ProjectRules { key_pairs, encryption, keys })
    });
    Projects { own: own.collect(), default }
}

fn current(keyring: &Keyring, purpose: &str) -> Result<SecretBytes, Failure> {
    let (current, mut versions) = keyring.derive(purpose);
    versions.remove(&current).ok_or_else(|| Failure::Damaged("the keyring has no active MAC root".to_owned()))
}

/// There while a restore is not finished.
const RESTORING: &str = "restoring";
const QUEUE: usize = 64;
/// Threads for proofs of imported RSA keys and for passphrases.
const PROOFS: usize = 2;
