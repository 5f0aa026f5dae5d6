//! Key pairs into wire messages.

use super::{pb, placements};
use crate::clock::Millis;
use crate::model::{EncryptionMode, KeyPair, KeyPairState, Origin, PrivateKeyState, SealedBy};
use crate::sshkey::{Algorithm, KeyFormat};

/// How much of a pair is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Without public key and placements.
    Basic,
    /// Everything.
    Full,
}

/// A pair as callers see it. Its texts are moved, not copied: a page holds a thousand of them.
pub(super) fn key_pair(pair: KeyPair, view: View) -> pb::KeyPair {
    let (id, awaits_key) = (pair.id.to_string(), pair.awaits_key());
    let fingerprint_sha256 = pair.public.fingerprint_sha256();
    let (public_key, placements) = match view {
        View::Basic => (String::new(), Vec::new()),
        View::Full => {
            let placements = placements::shown(&pair, &id, &fingerprint_sha256);
            (pair.public.line(pair.line_comment()), placements)
        }
    };
    let mut shown = pb::KeyPair {
        id,
        etag: pair.etag(),
        key_type: key_type(pair.public.algorithm()).into(),
        bits: pair.public.bits().into(),
        public_key,
        fingerprint_sha256,
        fingerprint_md5: pair.public.fingerprint_md5(),
        private_key_state: private_key_state(pair.private_key_state).into(),
        encryption: pair.sealed_by.map(encryption),
        origin: origin(pair.origin).into(),
        placements,
        state: state(pair.state).into(),
        create_time: Some(timestamp(pair.create_time)),
        update_time: Some(timestamp(pair.update_time)),
        delete_time: pair.deleted.map(|deleted| timestamp(deleted.at)),
        purge_time: pair.deleted.map(|deleted| timestamp(deleted.purge_at)),
        project_id: pair.project.into(),
        name: pair.name.into(),
        description: pair.description.into(),
        labels: pair.labels.into(),
        user_id: pair.user_id.into(),
    };
    if awaits_key {
        hide_stand_in(&mut shown);
    }
    shown
}

/// What stands in for a key that a cloud has not made yet is nobody's key.
fn hide_stand_in(shown: &mut pb::KeyPair) {
    shown.public_key.clear();
    shown.fingerprint_sha256.clear();
    shown.fingerprint_md5.clear();
    (shown.key_type, shown.bits) = (pb::KeyType::Unspecified.into(), 0);
    shown.placements.iter_mut().for_each(|placement| placement.remote_fingerprint.clear());
}

pub(super) fn format(format: KeyFormat) -> pb::PrivateKeyFormat {
    match format {
        KeyFormat::OpenSsh => pb::PrivateKeyFormat::Openssh,
        KeyFormat::Pkcs8 => pb::PrivateKeyFormat::Pkcs8,
        KeyFormat::Pkcs1 => pb::PrivateKeyFormat::Pkcs1,
        KeyFormat::Sec1 => pb::PrivateKeyFormat::Sec1,
        KeyFormat::Ppk => pb::PrivateKeyFormat::Ppk,
    }
}

pub(super) fn encryption(by: SealedBy) -> pb::Encryption {
    let (r#type, kms_key_name, kms_key_id) = match by.mode {
        EncryptionMode::Default => (pb::EncryptionType::Default, String::new(), String::new()),
        EncryptionMode::Kms => (pb::EncryptionType::Kms, by.key_name, by.key_id),
    };
    pb::Encryption { r#type: r#type.into(), kms_key_name, kms_key_id, backend: by.backend, key_version: by.key_version }
}

fn key_type(algorithm: Algorithm) -> pb::KeyType {
    match algorithm {
        Algorithm::Ed25519 => pb::KeyType::Ed25519,
        Algorithm::Ecdsa => pb::KeyType::Ecdsa,
        Algorithm::Rsa => pb::KeyType::Rsa,
        Algorithm::Dsa => pb::KeyType::Dsa,
        Algorithm::SkEd25519 => pb::KeyType::SkEd25519,
        Algorithm::SkEcdsa => pb::KeyType::SkEcdsa,
    }
}

fn private_key_state(state: PrivateKeyState) -> pb::PrivateKeyState {
    match state {
        PrivateKeyState::None => pb::PrivateKeyState::None,
        PrivateKeyState::Stored => pb::PrivateKeyState::Stored,
        PrivateKeyState::Cleared => pb::PrivateKeyState::Cleared,
    }
}

fn origin(origin: Origin) -> pb::Origin {
    match origin {
        Origin::Generated => pb::Origin::Generated,
        Origin::GeneratedByProvider => pb::Origin::GeneratedByProvider,
        Origin::ImportedPublic => pb::Origin::ImportedPublic,
        Origin::ImportedPrivate => pb::Origin::ImportedPrivate,
    }
}

fn state(state: KeyPairState) -> pb::KeyPairState {
    match state {
        KeyPairState::Pending => pb::KeyPairState::Pending,
        KeyPairState::Active => pb::KeyPairState::Active,
        KeyPairState::Deleting => pb::KeyPairState::Deleting,
        KeyPairState::Deleted => pb::KeyPairState::Deleted,
    }
}

pub(super) fn timestamp(millis: Millis) -> prost_types::Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    prost_types::Timestamp { seconds: millis.div_euclid(1000), nanos }
}
