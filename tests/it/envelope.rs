//! The envelope: everything that is not exactly what was sealed, for exactly this pair, is refused.

use std::sync::Arc;

use keypairs::clock::{Entropy as _, ManualClock, OsEntropy};
use keypairs::envelope::{Envelope, Identity, KeyCode, inspect};
use keypairs::error::{Reason, Result};
use keypairs::kms::KekRef;
use keypairs::kms::keyring::Keyring;
use keypairs::model::{EncryptionChoice, EncryptionMode, KeyChoice, KeyPairId, Maker, ProjectId};
use keypairs::secret::SecretBytes;
use tempfile::TempDir;

struct Fixture {
    _dir: TempDir,
    keyring: Arc<Keyring>,
    envelope: Envelope,
}

fn fixture() -> Fixture {
    let dir = TempDir::new().unwrap();
    let keyring = Keyring::create(&dir.path().join("keyring"), Arc::new(ManualClock::at(1)), Arc::new(OsEntropy));
    let keyring = Arc::new(keyring.unwrap());
    keyring.create_key("kps/default").unwrap();
    let envelope = Envelope::new(vec![("keyring".into(), keyring.clone())], Arc::new(OsEntropy));
    Fixture { _dir: dir, keyring, envelope }
}

impl Fixture {
    async fn kek(&self, mode: EncryptionMode) -> KekRef {
        let choice = match mode {
            EncryptionMode::Default => EncryptionChoice::Default,
            EncryptionMode::Kms => named("kps/default", ""),
        };
        self.envelope.resolve(&choice).await.unwrap()
    }

    async fn seal(&self, secret: &[u8], identity: &Identity) -> Vec<u8> {
        let kek = self.kek(identity.mode).await;
        self.envelope.seal(&SecretBytes::copied(secret), identity, &kek).await.unwrap()
    }

    async fn opened(&self, envelope: &[u8], identity: &Identity) -> Vec<u8> {
        self.envelope.open(envelope, identity).await.unwrap().expose().to_vec()
    }

    async fn refusal(&self, envelope: &[u8], identity: &Identity) -> Reason {
        reason(self.envelope.open(envelope, identity).await)
    }
}

fn reason<T>(result: Result<T>) -> Reason {
    result.err().expect("must be refused").reason
}

fn named(name: &str, id: &str) -> EncryptionChoice {
    EncryptionChoice::Kms(KeyChoice::parse("encryption", name, id).unwrap())
}

fn identity() -> Identity {
    Identity {
        id: KeyPairId::from_bytes([7; 16]),
        project: ProjectId::parse("project_id", "acme").unwrap(),
        maker: Maker::Here,
        mode: EncryptionMode::Default,
        key_code: KeyCode::Ed25519,
        fingerprint: [0xf1; 32],
        generation: 1,
        created: 1_700_000_000_000,
    }
}

/// Identities that differ from `identity()` in one field each.
fn strangers() -> Vec<Identity> {
    let base = identity();
    vec![
        Identity { id: KeyPairId::from_bytes([8; 16]), ..base.clone() },
        Identity { project: ProjectId::parse("project_id", "acme2").unwrap(), ..base.clone() },
        Identity { maker: Maker::Huawei, ..base.clone() },
        Identity { mode: EncryptionMode::Kms, ..base.clone() },
        Identity { key_code: KeyCode::P256, ..base.clone() },
        Identity { fingerprint: [0xf2; 32], ..base.clone() },
        Identity { generation: 2, ..base.clone() },
        Identity { created: base.created + 1, ..base },
    ]
}

#[tokio::test]
async fn every_size_comes_back() {
    let fixture = fixture();
    let identity = identity();
    let mut secret = vec![0; 12 << 10];
    OsEntropy.fill(&mut secret);
    // Every size of a real private half but the largest RSA, then in strides, then every size at the limit.
    let sizes = (1..=600).chain((601..secret.len() - 8).step_by(97)).chain(secret.len() - 8..=secret.len());
    for len in sizes {
        let envelope = fixture.seal(&secret[..len], &identity).await;
        assert!(envelope.len() <= 16 << 10);
        assert_eq!(fixture.opened(&envelope, &identity).await, secret[..len], "{len} bytes");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_not_sealed() {
    let fixture = fixture();
    let (identity, kek) = (identity(), fixture.kek(EncryptionMode::Default).await);
    for len in [0, (12 << 10) + 1, 1 << 20] {
        let secret = SecretBytes::new(vec![1; len]);
        assert_eq!(reason(fixture.envelope.seal(&secret, &identity, &kek).await), Reason::Internal, "{len} bytes");
    }
    let secret = SecretBytes::new(vec![1; 32]);
    let kms = fixture.kek(EncryptionMode::Kms).await;
    assert_eq!(reason(fixture.envelope.seal(&secret, &identity, &kms).await), Reason::Internal);
    let identity = Identity { mode: EncryptionMode::Kms, ..identity };
    assert_eq!(reason(fixture.envelope.seal(&secret, &identity, &kek).await), Reason::Internal);
}

#[tokio::test]
async fn no_two_seals_are_the_same_and_none_shows_the_secret() {
    let fixture = fixture();
    let secret = b"a private half that nobody sees!";
    let one = fixture.seal(secret, &identity()).await;
    let two = fixture.seal(secret, &identity()).await;
    assert_ne!(one[one.len() - 200..], two[two.len() - 200..]);
    assert!(!one.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
}

#[tokio::test]
async fn every_flipped_bit_is_refused() {
    let fixture = fixture();
    for round in 0..50_u8 {
        let mode = if round % 2 == 0 { EncryptionMode::Default } else { EncryptionMode::Kms };
        let identity = Identity { mode, generation: u64::from(round) + 1, ..identity() };
        let whole = fixture.seal(&vec![round; usize::from(round) + 1], &identity).await;
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reason = fixture.refusal(&flipped, &identity).await;
            // Only the version byte says "newer", and only the name, version or id of the key says "no such key".
            let expected = match reason {
                Reason::RecordCorrupt => true,
                Reason::FormatVersionUnknown => bit / 8 == 4,
                Reason::KmsKeyNotFound => {
                    inspect(&flipped).unwrap().wraps[0].kek != inspect(&whole).unwrap().wraps[0].kek
                }
                _ => false,
            };
            assert!(expected, "round {round}, bit {bit}: {reason:?}");
        }
        assert_eq!(fixture.opened(&whole, &identity).await, vec![round; usize::from(round) + 1]);
    }
}

#[tokio::test]
async fn every_cut_and_every_addition_is_refused() {
    let fixture = fixture();
    for len in [1, 32, 66, 300] {
        let whole = fixture.seal(&vec![9; len], &identity()).await;
        for cut in 0..whole.len() {
            assert_eq!(fixture.refusal(&whole[..cut], &identity()).await, Reason::RecordCorrupt, "cut to {cut}");
        }
        for more in [1, 32, 16 << 10] {
            let longer = [whole.as_slice(), &vec![0; more]].concat();
            assert_eq!(fixture.refusal(&longer, &identity()).await, Reason::RecordCorrupt);
        }
    }
}

#[tokio::test]
async fn every_other_version_is_refused() {
    let fixture = fixture();
    let mut envelope = fixture.seal(b"secret", &identity()).await;
    for version in 0..=255 {
        envelope[4] = version;
        let result = fixture.envelope.open(&envelope, &identity()).await;
        match version {
            0 => assert_eq!(reason(result), Reason::RecordCorrupt),
            1 => assert_eq!(result.unwrap().expose(), b"secret"),
            _ => assert_eq!(reason(result), Reason::FormatVersionUnknown),
        }
    }
}

#[tokio::test]
async fn an_envelope_opens_for_its_own_pair_only() {
    let fixture = fixture();
    let ours = fixture.seal(b"ours", &identity()).await;
    for stranger in strangers() {
        assert_eq!(fixture.refusal(&ours, &stranger).await, Reason::RecordCorrupt, "{stranger:?}");
        let theirs = fixture.seal(b"theirs", &stranger).await;
        assert_eq!(fixture.refusal(&theirs, &identity()).await, Reason::RecordCorrupt, "{stranger:?}");
        assert_eq!(fixture.opened(&theirs, &stranger).await, b"theirs");
    }
}

/// Parts A, B, C and D of an envelope with a secret of `len` bytes.
fn parts(envelope: &[u8], len: usize) -> [&[u8]; 4] {
    let a = 4 + 4 + 16 + 1 + usize::from(envelope[24]) + 2 + 32 + 8 + 8 + 32 + 32 + 12 + 4;
    let (b, d) = (a + len + 16, envelope.len() - 32);
    [&envelope[..a], &envelope[a..b], &envelope[b..d], &envelope[d..]]
}

#[tokio::test]
async fn parts_of_two_envelopes_do_not_mix() {
    let fixture = fixture();
    // The hardest case: the same pair, sealed twice.
    let mut others = vec![identity()];
    others.extend(strangers());
    let ours = fixture.seal(b"ours", &identity()).await;
    let ours = parts(&ours, 4);
    for other in others {
        let theirs = fixture.seal(b"them", &other).await;
        let theirs = parts(&theirs, 4);
        for mix in 1..15_usize {
            let choose = |part: usize| if mix >> part & 1 == 0 { ours[part] } else { theirs[part] };
            let mixed = [choose(0), choose(1), choose(2), choose(3)].concat();
            for identity in [&identity(), &other] {
                let reason = fixture.refusal(&mixed, identity).await;
                assert_eq!(reason, Reason::RecordCorrupt, "mix {mix:04b} with {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn rotation_keeps_old_envelopes_readable() {
    let fixture = fixture();
    for (name, mode) in [("default", EncryptionMode::Default), ("kps/default", EncryptionMode::Kms)] {
        let identity = Identity { mode, ..identity() };
        let stale = fixture.kek(mode).await;
        let mut sealed = vec![fixture.seal(b"version 1", &identity).await];
        for _ in 0..3 {
            fixture.keyring.rotate(name).unwrap();
            sealed.push(fixture.seal(b"version 1", &identity).await);
        }
        for (envelope, version) in sealed.iter().zip(1..) {
            let wrap = &inspect(envelope).unwrap().wraps[0];
            assert_eq!((wrap.kek.name.as_str(), wrap.kek.version.as_str()), (name, format!("{version}").as_str()));
            assert_eq!(fixture.opened(envelope, &identity).await, b"version 1");
        }
        // A seal that chose its key just before the rotation still ends well.
        let late = fixture.envelope.seal(&SecretBytes::copied(b"late"), &identity, &stale).await.unwrap();
        assert_eq!(fixture.opened(&late, &identity).await, b"late");
    }
}

#[tokio::test]
async fn another_keyring_opens_nothing() {
    let (ours, theirs) = (fixture(), fixture());
    let envelope = ours.seal(b"secret", &identity()).await;
    assert_eq!(theirs.refusal(&envelope, &identity()).await, Reason::RecordCorrupt);
}

#[tokio::test]
async fn an_envelope_says_what_it_is() {
    let fixture = fixture();
    let identity = Identity { mode: EncryptionMode::Kms, maker: Maker::Tencent, ..identity() };
    let envelope = fixture.seal(b"secret", &identity).await;
    let header = inspect(&envelope).unwrap();
    assert_eq!(header.identity, identity);
    assert_eq!(header.wraps.len(), 1);
    assert_eq!(header.wraps[0].kek, fixture.kek(EncryptionMode::Kms).await);
    assert_eq!(reason(inspect(b"KPE")), Reason::RecordCorrupt);
    assert_eq!(reason(inspect(b"KPE1\x02")), Reason::FormatVersionUnknown);
}

#[tokio::test]
async fn a_choice_finds_its_key() {
    let fixture = fixture();
    let ours = &fixture.envelope;
    let resolve = |choice| async move { ours.resolve(&choice).await };
    let kps = fixture.kek(EncryptionMode::Kms).await;
    for (name, id) in [("", "kps/default"), ("", "keyring:kps/default"), ("kps/default", "keyring:kps/default")] {
        assert_eq!(resolve(named(name, id)).await.unwrap(), kps);
    }
    assert_eq!(reason(resolve(EncryptionChoice::Unsaid).await), Reason::Internal);
    assert_eq!(reason(resolve(named("default", "")).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(resolve(named("", "keyring:default")).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(resolve(named("", "other:kps/default")).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(resolve(named("kps/default", "keyring:x")).await), Reason::KmsKeyAmbiguous);

    let keyring = || fixture.keyring.clone() as Arc<dyn keypairs::kms::Kms>;
    let backends = vec![("keyring".into(), keyring()), ("main".into(), keyring())];
    let two = Envelope::new(backends, Arc::new(OsEntropy));
    assert_eq!(two.resolve(&named("", "main:kps/default")).await.unwrap(), kps);
    assert_eq!(reason(two.resolve(&named("kps/default", "")).await), Reason::KmsKeyAmbiguous);
    assert_eq!(reason(two.resolve(&named("", "other:kps/default")).await), Reason::KmsKeyAmbiguous);
}

#[tokio::test]
async fn without_its_back_end_nothing_opens() {
    let fixture = fixture();
    let envelope = fixture.seal(b"secret", &identity()).await;
    let none = Envelope::new(Vec::new(), Arc::new(OsEntropy));
    assert_eq!(reason(none.open(&envelope, &identity()).await), Reason::KmsKeyNotFound);
    assert_eq!(reason(none.resolve(&EncryptionChoice::Default).await), Reason::KmsKeyNotFound);
}

#[tokio::test]
async fn noise_is_refused() {
    let fixture = fixture();
    let whole = fixture.seal(b"secret", &identity()).await;
    let mut noise = vec![0; 1024];
    for round in 0..20_000_usize {
        OsEntropy.fill(&mut noise);
        // A right beginning of any length, then noise of any length.
        let keep = round % whole.len();
        let bytes = [&whole[..keep], &noise[..usize::from(noise[599]) + keep]].concat();
        fixture.refusal(&bytes[..bytes.len().min(whole.len() + 100)], &identity()).await;
    }
}
