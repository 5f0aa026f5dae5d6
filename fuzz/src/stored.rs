//! The formats of the service itself (docs/FORMAT.md): what they are written as, and the service they are given to.

use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keypairs::cipher;
use keypairs::clock::{ManualClock, OsEntropy};
use keypairs::envelope::{Envelope, Header};
use keypairs::kms::keyring::{Keyring, KeyringError};
use keypairs::model::EncryptionMode;
use keypairs::octets::{Read, Reader, put_bytes16, put_text8};
use keypairs::secret::SecretBytes;
use keypairs::service::audit::LogAudit;
use keypairs::service::pool::{Pool, PoolLimits};
use keypairs::service::{Parts, ProjectRules, Projects, Service, ServiceKeys};
use keypairs::sshkey::{AwsLcKeyMaker, CompromisedKeys, KeyRules};
use keypairs::store::RowMac;
use keypairs::store::memory::MemoryStore;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// Writes again what an envelope says of itself, around the bytes that only keys give a meaning.
pub fn rewritten(header: &Header, envelope: &[u8]) -> Read<Vec<u8>> {
    let identity = &header.identity;
    let mut out = b"KPE1\x01\x01\x01".to_vec();
    out.push(identity.maker as u8);
    out.extend_from_slice(identity.id.as_bytes());
    put_text8(&mut out, "project", identity.project.as_str())?;
    out.push(if identity.mode == EncryptionMode::Default { 1 } else { 2 });
    out.push(identity.key_code as u8);
    out.extend_from_slice(&identity.fingerprint);
    out.extend_from_slice(&identity.generation.to_be_bytes());
    out.extend_from_slice(&identity.created.to_be_bytes());
    let mut rest = Reader::new(envelope);
    rest.take("header", out.len())?;
    out.extend_from_slice(rest.take("salt, commitment, nonce", 32 + 32 + 12)?);
    let len = rest.u32("length")?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(rest.take("payload", usize::try_from(len).map_err(|_| "length")? + 16)?);
    out.push(u8::try_from(header.wraps.len()).map_err(|_| "wraps")?);
    for wrap in &header.wraps {
        out.push(1);
        [&wrap.kek.name, &wrap.kek.version, &wrap.kek.id]
            .iter()
            .try_for_each(|text| put_text8(&mut out, "KEK", text))?;
        out.extend_from_slice(&wrap.call);
        put_bytes16(&mut out, "wrapped DEK", &wrap.wrapped)?;
    }
    out.extend_from_slice(&envelope[envelope.len() - 32..]);
    Ok(out)
}

/// A place for keyring files. In memory where the machine has such a place, because a rotation waits for the disk.
pub struct Rings {
    dir: TempDir,
}

impl Rings {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        Self { dir }
    }

    /// Opens these bytes as a keyring.
    pub fn open(&self, bytes: &[u8]) -> Result<Keyring, KeyringError> {
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path());
        let file = file.expect("a file");
        file.set_len(bytes.len() as u64).and_then(|()| file.write_all_at(bytes, 0)).expect("room");
        self.again()
    }

    /// Opens the file as it is.
    pub fn again(&self) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.path(), Arc::new(ManualClock::at(0)), Arc::new(OsEntropy))
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("keyring")
    }
}

/// Seals the keys of a keyring file and its MAC anew, where the bytes have them: so a change of the fuzzer is told by the
/// reader and not by a seal.
pub fn reseal(file: &mut [u8]) {
    let mut reader = Reader::new(file);
    let Ok((id, root)) = ring_head(&mut reader) else { return };
    let sealing = cipher::derive(&root, &id, &[b"KPK1 ", b"seal"]);
    let mut sealed = Vec::new();
    while let Ok((from, described, to)) = ring_entry(&mut reader) {
        let (Some(described), Some(place)) = (file.get(from..described), file.get(to - 60..to)) else { break };
        let nonce: [u8; 12] = std::array::from_fn(|at| place[at]);
        let aad = [b"KPK1 entry".as_slice(), &id, described].concat();
        sealed.push((to - 48, cipher::seal(&sealing, &nonce, &aad, &place[12..44])));
    }
    for (at, bytes) in sealed {
        file[at..at + 48].copy_from_slice(&bytes);
    }
    let (body, mac) = file.split_at_mut(file.len() - 32);
    mac.copy_from_slice(&cipher::mac(&cipher::derive(&root, &id, &[b"KPK1 ", b"file"]), &[body]));
}

fn ring_head(reader: &mut Reader<'_>) -> Read<([u8; 16], SecretBytes)> {
    reader.take("magic, version", 5)?;
    let id = reader.array("id")?;
    reader.take("serial, created, kind, length", 8 + 8 + 1 + 2)?;
    let root = SecretBytes::copied(reader.take("root", 32)?);
    reader.take("count", 2)?;
    Ok((id, root))
}

/// Where an entry with a sealed key begins, where its description ends, and where it ends; others are passed over.
fn ring_entry(reader: &mut Reader<'_>) -> Read<(usize, usize, usize)> {
    loop {
        let from = reader.position();
        reader.u8("kind")?;
        reader.text8("name")?;
        reader.take("version, created, state", 4 + 8 + 1)?;
        let described = reader.position();
        if reader.bytes16("sealed")?.len() == 60 {
            return Ok((from, described, reader.position()));
        }
    }
}

/// An empty store.
pub fn store() -> Arc<MemoryStore> {
    let mac = RowMac::new(1, [(1, key(b'm'))].into()).expect("a MAC key");
    Arc::new(MemoryStore::new(mac))
}

/// A service over a store; it has no key-management back end.
pub fn service(store: Arc<MemoryStore>) -> Service {
    let entropy = Arc::new(OsEntropy);
    let limits = PoolLimits { workers: 1, queue: 1, longest_wait: Duration::from_secs(1) };
    let pool = || Pool::start(limits, Arc::new(|_, _| ())).expect("a thread");
    Service::new(Parts {
        store,
        envelope: Envelope::new(Vec::new(), entropy.clone()),
        maker: Arc::new(AwsLcKeyMaker::new(entropy.clone())),
        rsa: pool(),
        pool: pool(),
        audit: Arc::new(LogAudit),
        clock: Arc::new(ManualClock::at(1_800_000_000_000)),
        entropy,
        providers: Default::default(),
        projects: Projects {
            default: ProjectRules {
                key_pairs: 500,
                encryption: vec![EncryptionMode::Default],
                keys: KeyRules::default(),
            },
            own: Default::default(),
        },
        compromised: CompromisedKeys::default(),
        alarm: Arc::new(|_| ()),
        retention: Duration::ZERO,
        keys: ServiceKeys { requests: key(b'r'), pages: key(b'p') },
        tasks: TaskTracker::new(),
    })
}

/// A key of one letter.
pub fn key(letter: u8) -> SecretBytes {
    SecretBytes::new(vec![letter; 32])
}

/// Runs to the end what never waits for anything outside.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
