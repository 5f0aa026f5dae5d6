//! Golden vectors of the formats KPE1 and KPK1: sealing with fixed randomness must give the stored bytes, and the
//! stored bytes must open. `tests/read_kpe1.py` reads the same files without any code of ours.
//!
//! `KEYPAIRS_WRITE_VECTORS=1 cargo test --test it golden_bytes` writes them anew. A released vector is never changed: a new format version gets new ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keypairs::clock::{ManualClock, OsEntropy};
use keypairs::envelope::{Envelope, Identity, KeyCode, inspect};
use keypairs::error::Error;
use keypairs::kms::keyring::Keyring;
use keypairs::model::{EncryptionChoice, EncryptionMode, KeyChoice, KeyPairId, Maker, ProjectId};
use keypairs::secret::SecretBytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::seeded::Seeded;

#[tokio::test]
async fn sealing_gives_the_golden_bytes() {
    for (name, vector) in make().await {
        let path = folder().join(name);
        if std::env::var_os("KEYPAIRS_WRITE_VECTORS").is_some() {
            std::fs::write(&path, serde_json::to_string_pretty(&vector).unwrap() + "\n").unwrap();
        }
        assert!(golden(name) == vector, "{} is not what the code makes now", path.display());
    }
}

#[tokio::test]
async fn the_golden_bytes_open() {
    let dir = TempDir::new().unwrap();
    let ring = golden("keyring.json");
    let envelope = Envelope::new(vec![("keyring".into(), Arc::new(open_keyring(&dir, &ring)))], Arc::new(OsEntropy));
    for vector in golden("sealed.json").as_array().unwrap() {
        let secret = envelope.open(&bytes(&vector["envelope"]), &identity_of(&vector["identity"])).await.unwrap();
        assert_eq!(hex(secret.expose()), vector["secret"].as_str().unwrap(), "{}", vector["name"]);
    }
    for vector in golden("refused.json").as_array().unwrap() {
        let opened = envelope.open(&bytes(&vector["envelope"]), &identity_of(&vector["identity"])).await;
        let reason = opened.err().expect("must be refused").reason;
        assert_eq!(reason.as_str(), vector["reason"].as_str().unwrap(), "{}", vector["name"]);
    }
}

#[test]
fn the_golden_purposes_are_derived() {
    let dir = TempDir::new().unwrap();
    let ring = golden("keyring.json");
    let keyring = open_keyring(&dir, &ring);
    for vector in ring["purposes"].as_array().unwrap() {
        let (current, keys) = keyring.derive(vector["purpose"].as_str().unwrap());
        assert_eq!(u64::from(current), vector["version"].as_u64().unwrap());
        assert_eq!(hex(keys[&current].expose()), vector["key"].as_str().unwrap());
    }
}

/// Every file, by name.
async fn make() -> Vec<(&'static str, Value)> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("keyring");
    let clock = Arc::new(ManualClock::at(1_760_000_000_000));
    let entropy = Arc::new(Seeded::new("kpe1 golden vectors"));
    let keyring = Arc::new(Keyring::create(&path, clock.clone(), entropy.clone()).unwrap());
    keyring.create_key("kps/default").unwrap();
    let envelope = Envelope::new(vec![("keyring".into(), keyring.clone())], entropy.clone());
    let mut keys = entropy.drawn();
    let mut sealed = vec![seal(&envelope, &entropy, CASES[0]).await];
    clock.advance(std::time::Duration::from_secs(86_400));
    keyring.rotate("default").unwrap();
    keys.extend(entropy.drawn());
    for case in &CASES[1..] {
        sealed.push(seal(&envelope, &entropy, *case).await);
    }
    let refused = refuse(&envelope, &sealed[0]).await;
    let ring = describe_keyring(&keyring, &std::fs::read(&path).unwrap(), &keys);
    vec![("keyring.json", ring), ("sealed.json", Value::Array(sealed)), ("refused.json", Value::Array(refused))]
}

/// The keys are the 32-byte draws of the keyring, in the order in which it makes them.
fn describe_keyring(keyring: &Keyring, file: &[u8], draws: &[Vec<u8>]) -> Value {
    let keys: Vec<_> = draws.iter().filter(|draw| draw.len() == 32).map(|key| hex(key)).collect();
    let [root, mac, default_1, kps_1, default_2] = keys.as_slice() else { panic!("{} keys", keys.len()) };
    let keks = [("default", 1, default_1), ("default", 2, default_2), ("kps/default", 1, kps_1)];
    let purposes = ["rows", "request digests"].map(|purpose| {
        let (version, keys) = keyring.derive(purpose);
        json!({ "purpose": purpose, "version": version, "key": hex(keys[&version].expose()) })
    });
    let versions = keyring.versions();
    assert_eq!(versions.len(), keks.len());
    let keks = versions.iter().zip(keks).map(|(version, (name, number, key))| {
        assert_eq!((version.name.as_str(), version.version), (name, number));
        json!({
            "name": name, "version": number, "state": version.state.as_str(), "created": version.created, "key": key,
        })
    });
    json!({
        "file": hex(file), "id": hex(&keyring.id()), "root": root, "mac_roots": [{ "version": 1, "key": mac }],
        "keks": keks.collect::<Vec<_>>(), "purposes": purposes,
    })
}

async fn seal(envelope: &Envelope, entropy: &Seeded, case: Case) -> Value {
    let identity = Identity {
        id: KeyPairId::from_bytes([case.len.to_be_bytes()[7]; 16]),
        project: ProjectId::parse("project_id", case.project).unwrap(),
        maker: case.maker,
        mode: case.mode,
        key_code: case.key_code,
        fingerprint: keypairs::cipher::sha256(&[case.name.as_bytes()]),
        generation: case.generation,
        created: case.created,
    };
    let choice = match case.mode {
        EncryptionMode::Default => EncryptionChoice::Default,
        EncryptionMode::Kms => {
            EncryptionChoice::Kms(KeyChoice::parse("encryption", "kps/default", "keyring:kps/default").unwrap())
        }
    };
    let secret: Vec<u8> = (0..case.len).map(|at| (at * 7 + case.len).to_le_bytes()[0]).collect();
    let kek = envelope.resolve(&choice).await.unwrap();
    entropy.drawn();
    let sealed = envelope.seal(&SecretBytes::copied(&secret), &identity, &kek).await.unwrap();
    json!({
        "name": case.name, "identity": describe(&identity), "dek": hex(&entropy.drawn()[0]), "secret": hex(&secret),
        "kek": { "backend": kek.backend, "name": kek.name, "version": kek.version, "id": kek.id },
        "envelope": hex(&sealed),
    })
}

/// Envelopes that must not open, made from one that does.
async fn refuse(envelope: &Envelope, good: &Value) -> Vec<Value> {
    let (whole, identity) = (bytes(&good["envelope"]), identity_of(&good["identity"]));
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let version = |version: u8| [&whole[..4], &[version], &whole[5..]].concat();
    let a = 4 + 4 + 16 + 1 + usize::from(whole[24]) + 2 + 32 + 8 + 8 + 32 + 32 + 12 + 4;
    let c = a + bytes(&good["secret"]).len() + 16;
    let stranger = Identity { project: ProjectId::parse("project_id", "somebody-else").unwrap(), ..identity.clone() };
    let later = Identity { generation: identity.generation + 1, ..identity.clone() };
    let cases = [
        ("another project asks", whole.clone(), &stranger),
        ("an older generation", whole.clone(), &later),
        ("salt", flipped(a - 50), &identity),
        ("commitment", flipped(a - 20), &identity),
        ("nonce", flipped(a - 5), &identity),
        ("ciphertext length", flipped(a - 1), &identity),
        ("ciphertext", flipped(a), &identity),
        ("tag", flipped(c - 1), &identity),
        ("wrap count", flipped(c), &identity),
        ("back end", flipped(c + 1), &identity),
        ("KEK name", flipped(c + 3), &identity),
        ("wrapped DEK", flipped(whole.len() - 33), &identity),
        ("header MAC", flipped(whole.len() - 1), &identity),
        ("version 0", version(0), &identity),
        ("version 2", version(2), &identity),
        ("cut by one byte", whole[..whole.len() - 1].to_vec(), &identity),
        ("one byte more", [whole.as_slice(), &[0]].concat(), &identity),
        ("empty", Vec::new(), &identity),
    ];
    let mut refused = Vec::new();
    for (name, bytes, identity) in cases {
        let error: Error = envelope.open(&bytes, identity).await.err().expect("must be refused");
        let reason = error.reason.as_str();
        refused
            .push(json!({ "name": name, "identity": describe(identity), "reason": reason, "envelope": hex(&bytes) }));
    }
    refused
}

fn describe(identity: &Identity) -> Value {
    json!({
        "id": identity.id.to_string(), "project": identity.project.as_str(), "maker": identity.maker as u8,
        "mode": identity.mode.as_str(), "key_code": identity.key_code as u8, "fingerprint": hex(&identity.fingerprint),
        "generation": identity.generation, "created": identity.created,
    })
}

fn identity_of(vector: &Value) -> Identity {
    let id: [u8; 16] = unhex(&vector["id"].as_str().unwrap()[3..]).try_into().unwrap();
    let code = |known: Vec<KeyCode>| known.into_iter().find(|code| u64::from(*code as u8) == vector["key_code"]);
    let makers = [Maker::Here, Maker::Baidu, Maker::Tencent, Maker::Huawei];
    let maker = usize::try_from(vector["maker"].as_u64().unwrap()).unwrap();
    Identity {
        id: KeyPairId::from_bytes(id),
        project: ProjectId::parse("project_id", vector["project"].as_str().unwrap()).unwrap(),
        maker: makers[maker],
        mode: if vector["mode"] == "kms" { EncryptionMode::Kms } else { EncryptionMode::Default },
        key_code: code(CASES.iter().map(|case| case.key_code).collect()).unwrap(),
        fingerprint: bytes(&vector["fingerprint"]).try_into().unwrap(),
        generation: vector["generation"].as_u64().unwrap(),
        created: vector["created"].as_i64().unwrap(),
    }
}

fn open_keyring(dir: &TempDir, vector: &Value) -> Keyring {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join("keyring");
    std::fs::write(&path, bytes(&vector["file"])).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Keyring::open(&path, Arc::new(ManualClock::at(0)), Arc::new(OsEntropy)).unwrap()
}

#[test]
fn the_golden_headers_say_what_they_are() {
    for vector in golden("sealed.json").as_array().unwrap() {
        let header = inspect(&bytes(&vector["envelope"])).unwrap();
        assert_eq!(describe(&header.identity), vector["identity"]);
        assert_eq!(header.wraps[0].kek.version, vector["kek"]["version"].as_str().unwrap());
    }
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join(name)).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/kpe1")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

/// What is sealed: a size, and an identity.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    len: usize,
    project: &'static str,
    maker: Maker,
    mode: EncryptionMode,
    key_code: KeyCode,
    generation: u64,
    created: i64,
}

/// An everyday pair; the cases differ from it.
const PLAIN: Case = Case {
    name: "ed25519",
    len: 32,
    project: "default",
    maker: Maker::Here,
    mode: EncryptionMode::Default,
    key_code: KeyCode::Ed25519,
    generation: 1,
    created: 1_760_000_000_123,
};

/// The first is sealed before the key of mode `default` is rotated.
const CASES: [Case; 8] = [
    PLAIN,
    Case { name: "ed25519 after the rotation", generation: 2, ..PLAIN },
    Case { name: "p256", key_code: KeyCode::P256, mode: EncryptionMode::Kms, ..PLAIN },
    Case { name: "p384", len: 48, key_code: KeyCode::P384, maker: Maker::Baidu, project: "a", ..PLAIN },
    Case { name: "p521", len: 66, key_code: KeyCode::P521, mode: EncryptionMode::Kms, project: LONG, ..PLAIN },
    Case { name: "rsa 3072", len: 1_359, key_code: KeyCode::Rsa, maker: Maker::Tencent, ..PLAIN },
    Case { name: "one byte", len: 1, key_code: KeyCode::Dsa, maker: Maker::Huawei, created: -1, ..PLAIN },
    Case { name: "the longest", len: 12 << 10, key_code: KeyCode::Rsa, generation: u64::MAX, ..PLAIN },
];

const LONG: &str = "0123456789-abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmn";
