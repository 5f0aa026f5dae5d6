//! Rows as bytes: the words of the domain to and from `storage.v1`, and the seal over a row and its place.
//!
//! Promise: what `RowMac` opens was sealed for exactly that place by a holder of its keys. A value is: format byte 1,
//! version of the MAC key (u32), HMAC-SHA-256 (32 bytes), body. Only this file knows prost. It knows no engine.
//! Not protected: that a row is there at all, or is the newest one.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use sha2::Sha256;

use super::{StoredRequest, placements};
use crate::error::{Error, Reason, Result};
use crate::model::{
    Deleted, Description, EncryptionMode, KeyPair, KeyPairId, KeyPairName, KeyPairState, Labels, Maker, Origin,
    PrivateKeyState, ProjectId, SealedBy, ShortId, UserId,
};
use crate::secret::SecretBytes;
use crate::sshkey::PublicKey;

/// The keys of the rows' MACs, each ready for use.
pub struct RowMac {
    current: u32,
    states: BTreeMap<u32, Hmac<Sha256>>,
}

/// What a row's MAC is bound to beside its bytes.
pub(super) struct Place<'a> {
    /// What the row is: a letter of `keys.rs`.
    pub kind: u8,
    /// The tenant; empty where rows have none.
    pub project: &'a str,
    /// Which row of them.
    pub key: &'a [u8],
}

/// The head row: which store this is and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Random, from the store's making.
    pub store: [u8; 16],
    /// Rises by one with every group of commits.
    pub sequence: u64,
}

impl RowMac {
    /// `keys` by version, each of 32 bytes or more; new rows are sealed with `current`. Fails with `INTERNAL` when
    /// `current` is not among them or a key is too short.
    pub fn new(current: u32, keys: BTreeMap<u32, SecretBytes>) -> Result<Self> {
        let mut states = BTreeMap::new();
        for (version, key) in keys {
            let state = Hmac::new_from_slice(key.expose()).ok().filter(|_| key.expose().len() >= 32);
            let short = || Error::internal(format!("row MAC key {version} has fewer than 32 bytes"));
            states.insert(version, state.ok_or_else(short)?);
        }
        if !states.contains_key(&current) {
            return Err(Error::internal(format!("row MAC key {current} is not in the keyring")));
        }
        Ok(Self { current, states })
    }

    /// Seals a body that `encode` appends.
    pub(super) fn seal(&self, place: &Place<'_>, room: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>> {
        let mut row = Vec::with_capacity(HEADER + room);
        row.push(FORMAT);
        row.extend_from_slice(&self.current.to_be_bytes());
        row.extend_from_slice(&[0; 32]);
        encode(&mut row);
        let mac = self.mac(place, self.current, &row[HEADER..]);
        let mac = mac.ok_or_else(|| Error::internal("the current row MAC key is gone"))?;
        row[5..HEADER].copy_from_slice(&mac.finalize().into_bytes());
        Ok(row)
    }

    /// The body of a row, when it is whole and in its place.
    pub(super) fn open<'r>(&self, place: &Place<'_>, row: &'r [u8]) -> Option<&'r [u8]> {
        let (header, body) = row.split_first_chunk::<HEADER>()?;
        let version = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        if header[0] != FORMAT {
            return None;
        }
        self.mac(place, version, body)?.verify_slice(&header[5..]).ok()?;
        Some(body)
    }

    fn mac(&self, place: &Place<'_>, version: u32, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = self.states.get(&version)?.clone();
        mac.update(DOMAIN);
        for part in [&[place.kind], place.project.as_bytes(), place.key] {
            mac.update(&u16::try_from(part.len()).ok()?.to_be_bytes());
            mac.update(part);
        }
        mac.update(&version.to_be_bytes());
        mac.update(body);
        Some(mac)
    }

    /// Seals a metadata row. `INTERNAL` when it is over [`PAIR_LIMIT`].
    pub(super) fn seal_pair(&self, pair: &KeyPair) -> Result<Vec<u8>> {
        let record = to_record(pair);
        let len = record.encoded_len();
        if HEADER + len > PAIR_LIMIT {
            return Err(Error::internal(format!("the metadata row of {} would have {len} bytes", pair.id)));
        }
        // A Vec grows: encoding into it cannot fail.
        self.seal(&pair_place(&pair.project, &pair.id), len, |row| record.encode_raw(row))
    }

    /// Opens a metadata row. `RECORD_CORRUPT` when it is damaged or not in its place.
    pub(super) fn open_pair(&self, project: &ProjectId, id: KeyPairId, row: &[u8]) -> Result<KeyPair> {
        let body = self.open(&pair_place(project, &id), row).ok_or_else(|| corrupt(id, "its MAC does not fit"))?;
        let record = pb::KeyPairRecord::decode(body).map_err(|e| corrupt(id, &format!("it does not decode: {e}")))?;
        from_record(project, id, record).map_err(|what| corrupt(id, &format!("its {what} does not fit")))
    }

    /// Seals a remembered request for its key of `keys.rs`.
    pub(super) fn seal_request(&self, key: &[u8], request: &StoredRequest) -> Result<Vec<u8>> {
        let record = pb::RequestRecord {
            digest: request.digest.to_vec(),
            key_pair_id: request.pair.as_bytes().to_vec(),
            expire_ms: request.expire,
        };
        self.seal(&request_place(key), record.encoded_len(), |row| record.encode_raw(row))
    }

    /// Opens a remembered request; `None` when it is damaged.
    pub(super) fn open_request(&self, key: &[u8], row: &[u8]) -> Option<StoredRequest> {
        let record = pb::RequestRecord::decode(self.open(&request_place(key), row)?).ok()?;
        Some(StoredRequest {
            digest: record.digest.try_into().ok()?,
            pair: KeyPairId::from_bytes(record.key_pair_id.try_into().ok()?),
            expire: record.expire_ms,
        })
    }

    /// Seals a project's number of live pairs.
    pub(super) fn seal_count(&self, project: &ProjectId, count: u64) -> Result<Vec<u8>> {
        self.seal(&count_place(project), 8, |row| row.extend_from_slice(&count.to_be_bytes()))
    }

    /// Opens a project's number of live pairs; `None` when it is damaged.
    pub(super) fn open_count(&self, project: &ProjectId, row: &[u8]) -> Option<u64> {
        Some(u64::from_be_bytes(self.open(&count_place(project), row)?.try_into().ok()?))
    }

    /// Seals the head row.
    pub(super) fn seal_head(&self, head: Head) -> Result<Vec<u8>> {
        self.seal(&HEAD_PLACE, 24, |row| {
            row.extend_from_slice(&head.store);
            row.extend_from_slice(&head.sequence.to_be_bytes());
        })
    }

    /// Opens the head row; `None` when it is damaged or was sealed under another keyring.
    pub(super) fn open_head(&self, row: &[u8]) -> Option<Head> {
        let (store, sequence) = self.open(&HEAD_PLACE, row)?.split_first_chunk::<16>()?;
        Some(Head { store: *store, sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
    }
}

/// The record of a pair without its MAC, for a backup, which has a seal of its own.
pub fn encode_row(pair: &KeyPair) -> Vec<u8> {
    to_record(pair).encode_to_vec()
}

/// Reads what [`encode_row`] wrote; `None` when it does not decode.
pub fn decode_row(project: &ProjectId, id: KeyPairId, record: &[u8]) -> Option<KeyPair> {
    from_record(project, id, pb::KeyPairRecord::decode(record).ok()?).ok()
}

/// The error of a damaged row.
pub(super) fn corrupt(id: KeyPairId, detail: &str) -> Error {
    Error::new(Reason::RecordCorrupt, format!("the record of {id} is damaged: restore it from a backup"))
        .with_detail(detail)
        .with_fact("key_pair_id", id.to_string())
}

fn pair_place<'a>(project: &'a ProjectId, id: &'a KeyPairId) -> Place<'a> {
    Place { kind: super::keys::PAIR, project: project.as_str(), key: id.as_bytes() }
}

fn request_place(key: &[u8]) -> Place<'_> {
    Place { kind: super::keys::REQUEST, project: "", key }
}

fn count_place(project: &ProjectId) -> Place<'_> {
    Place { kind: super::keys::COUNT, project: project.as_str(), key: &[] }
}

fn to_record(pair: &KeyPair) -> pb::KeyPairRecord {
    pb::KeyPairRecord {
        name: pair.name.as_str().to_owned(),
        description: pair.description.as_str().to_owned(),
        labels: pair.labels.as_map().clone(),
        user_id: pair.user_id.as_str().to_owned(),
        public_blob: pair.public.blob().to_vec(),
        comment: pair.comment.clone(),
        private_key_state: pair.private_key_state as u32,
        sealed_by: pair.sealed_by.as_ref().map(|by| pb::SealedBy {
            mode: match by.mode {
                EncryptionMode::Default => 1,
                EncryptionMode::Kms => 2,
            },
            backend: by.backend.clone(),
            key_name: by.key_name.clone(),
            key_id: by.key_id.clone(),
            key_version: by.key_version.clone(),
        }),
        origin: pair.origin as u32,
        state: pair.state as u32,
        create_ms: pair.create_time,
        update_ms: pair.update_time,
        delete_ms: pair.deleted.map_or(0, |d| d.at),
        purge_ms: pair.deleted.map_or(0, |d| d.purge_at),
        revision: pair.revision,
        short_id: pair.short_id.as_str().to_owned(),
        generation: pair.generation,
        maker: pair.maker as u32,
        placements: pair.placements.iter().map(placements::to_record).collect(),
        journal: pair.journal.as_ref().map(placements::to_journal),
        through: pair.through.as_ref().map(placements::to_through),
    }
}

/// `Err` names the field that does not fit.
fn from_record(project: &ProjectId, id: KeyPairId, record: pb::KeyPairRecord) -> Result<KeyPair, &'static str> {
    let state = numbered(&STATES, |state| state as u32, record.state).ok_or("state")?;
    let deleted = Deleted { at: record.delete_ms, purge_at: record.purge_ms };
    Ok(KeyPair {
        id,
        project: project.clone(),
        name: KeyPairName::stored(record.name),
        description: Description::stored(record.description),
        labels: Labels::stored(record.labels),
        user_id: UserId::stored(record.user_id),
        public: PublicKey::from_stored(record.public_blob).ok_or("public key")?,
        comment: record.comment,
        private_key_state: numbered(&KEY_STATES, |state| state as u32, record.private_key_state)
            .ok_or("private_key_state")?,
        sealed_by: record.sealed_by.map(sealed_by).transpose()?,
        origin: numbered(&ORIGINS, |origin| origin as u32, record.origin).ok_or("origin")?,
        maker: numbered(&MAKERS, |maker| maker as u32, record.maker).ok_or("maker")?,
        state,
        create_time: record.create_ms,
        update_time: record.update_ms,
        deleted: (state == KeyPairState::Deleted).then_some(deleted),
        revision: record.revision,
        short_id: ShortId::parse(&record.short_id).ok_or("short_id")?,
        generation: record.generation,
        placements: record.placements.into_iter().map(placements::from_record).collect::<Result<_, _>>()?,
        journal: record.journal.map(placements::from_journal).transpose()?,
        through: record.through.map(placements::from_through).transpose()?,
    })
}

fn sealed_by(by: pb::SealedBy) -> Result<SealedBy, &'static str> {
    let mode = match by.mode {
        1 => EncryptionMode::Default,
        2 => EncryptionMode::Kms,
        _ => return Err("sealed_by.mode"),
    };
    let pb::SealedBy { backend, key_name, key_id, key_version, .. } = by;
    Ok(SealedBy { mode, backend, key_name, key_id, key_version })
}

/// The one of `all` that has this number in records.
pub(super) fn numbered<T: Copy>(all: &[T], number: impl Fn(T) -> u32, wanted: u32) -> Option<T> {
    all.iter().copied().find(|one| number(*one) == wanted)
}

const STATES: [KeyPairState; 4] =
    [KeyPairState::Pending, KeyPairState::Active, KeyPairState::Deleting, KeyPairState::Deleted];
const KEY_STATES: [PrivateKeyState; 3] = [PrivateKeyState::None, PrivateKeyState::Stored, PrivateKeyState::Cleared];
const ORIGINS: [Origin; 4] =
    [Origin::Generated, Origin::GeneratedByProvider, Origin::ImportedPublic, Origin::ImportedPrivate];
const MAKERS: [Maker; 4] = [Maker::Here, Maker::Baidu, Maker::Tencent, Maker::Huawei];

const HEAD_PLACE: Place<'static> = Place { kind: super::keys::HEAD, project: "", key: &[] };
const DOMAIN: &[u8] = b"keypairs.storage.v1.row";
const FORMAT: u8 = 1;
const HEADER: usize = 1 + 4 + 32;

/// The largest metadata row. Labels alone may have 15 KiB (20 of 190 code points of 4 bytes). sled keeps a leaf of up
/// to 20 rows inline while it is below a quarter of a 2 MiB segment: 20 x 24 KiB fits.
pub(super) const PAIR_LIMIT: usize = 24 * 1024;
/// The largest sealed half.
pub(super) const ENVELOPE_LIMIT: usize = 16 * 1024;

/// The generated messages.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub(super) mod pb {
    include!(concat!(env!("OUT_DIR"), "/storage.v1.rs"));
}
