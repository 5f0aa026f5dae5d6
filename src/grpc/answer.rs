//! Key pairs into wire messages.

use super::pb;
use crate::clock::Millis;
use crate::model::{EncryptionMode, KeyPair, KeyPairState, LOCAL, Origin, PrivateKeyState};
use crate::sshkey::{Algorithm, KeyFormat};

/// How much of a pair is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Without public key and placements.
    Basic,
    /// Everything.
    Full,
}

/// A pair as callers see it.
pub(super) fn key_pair(pair: &KeyPair, view: View) -> pb::KeyPair {
    let id = pair.id.to_string();
    let fingerprint_sha256 = pair.public.fingerprint_sha256();
    let (public_key, placements) = match view {
        View::Basic => (String::new(), Vec::new()),
        View::Full => {
            let local = local(pair, id.clone(), fingerprint_sha256.clone());
            (pair.public.line(pair.line_comment()), vec![local])
        }
    };
    pb::KeyPair {
        id,
        project_id: pair.project.as_str().to_owned(),
        name: pair.name.as_str().to_owned(),
        description: pair.description.as_str().to_owned(),
        labels: pair.labels.as_map().clone(),
        user_id: pair.user_id.as_str().to_owned(),
        key_type: key_type(pair.public.algorithm()).into(),
        bits: pair.public.bits().into(),
        public_key,
        fingerprint_sha256,
        fingerprint_md5: pair.public.fingerprint_md5(),
        private_key_state: private_key_state(pair.private_key_state).into(),
        encryption: encryption(pair),
        origin: origin(pair.origin).into(),
        placements,
        state: state(pair.state).into(),
        create_time: Some(timestamp(pair.create_time)),
        update_time: Some(timestamp(pair.update_time)),
        delete_time: pair.deleted.map(|deleted| timestamp(deleted.at)),
        purge_time: pair.deleted.map(|deleted| timestamp(deleted.purge_at)),
        etag: pair.etag(),
    }
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

/// The placement that every pair has.
fn local(pair: &KeyPair, id: String, remote_fingerprint: String) -> pb::Placement {
    pb::Placement {
        provider: LOCAL.to_owned(),
        kind: pb::ProviderKind::Local.into(),
        remote_id: id,
        remote_name: pair.name.as_str().to_owned(),
        remote_fingerprint,
        state: pb::PlacementState::Active.into(),
        update_time: Some(timestamp(pair.update_time)),
        ..pb::Placement::default()
    }
}

fn encryption(pair: &KeyPair) -> Option<pb::Encryption> {
    let by = pair.sealed_by.as_ref()?;
    let (r#type, named) = match by.mode {
        EncryptionMode::Default => (pb::EncryptionType::Default, false),
        EncryptionMode::Kms => (pb::EncryptionType::Kms, true),
    };
    let shown = |text: &String| if named { text.clone() } else { String::new() };
    Some(pb::Encryption {
        r#type: r#type.into(),
        kms_key_name: shown(&by.key_name),
        kms_key_id: shown(&by.key_id),
        backend: by.backend.clone(),
        key_version: by.key_version.clone(),
    })
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

fn timestamp(millis: Millis) -> prost_types::Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    prost_types::Timestamp { seconds: millis.div_euclid(1000), nanos }
}
