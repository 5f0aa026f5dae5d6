//! One call that changes something, as data: it can be sent, sent again, and judged after a crash.
//!
//! It knows no model: only what a pair looks like before and after.

use std::collections::BTreeMap;

use keypairs::grpc::pb::key_pairs_client::KeyPairsClient;
use keypairs::grpc::pb::{self, KeyPair, KeyPairState, PrivateKeyState};
use tonic::Status;
use tonic::transport::Channel;

pub type Client = KeyPairsClient<Channel>;

/// A call with everything it sends.
#[allow(clippy::large_enum_variant)] // one at a time
pub enum Step {
    Create(pb::CreateRequest),
    ImportPublic {
        request: pb::ImportPublicRequest,
        file: String,
    },
    /// Makes a pair, or gives one that has none its private half.
    ImportPrivate {
        request: pb::ImportPrivateRequest,
        id: Option<String>,
    },
    Update {
        request: pb::UpdateRequest,
        id: String,
    },
    Clear {
        request: pb::ClearPrivateRequest,
        id: String,
    },
    Delete {
        request: pb::DeleteRequest,
        id: String,
    },
    Purge {
        request: pb::DeleteRequest,
        id: String,
    },
    Undelete(pb::UndeleteRequest),
}

/// What an `OK` said.
#[derive(Default)]
pub struct Answer {
    /// The pair; `None` when it is gone.
    pub pair: Option<KeyPair>,
    /// The private half, where the call gives one.
    pub file: Option<String>,
}

impl Step {
    /// Sends it. Sent twice it is the same request: its request_id is part of it.
    pub async fn send(&self, client: &mut Client) -> Result<Answer, Status> {
        let (pair, file) = match self {
            Self::Create(request) => {
                let mut made = client.create(request.clone()).await?.into_inner();
                (made.key_pair.take(), Some(std::mem::take(&mut made.private_key)))
            }
            Self::ImportPublic { request, file } => {
                (client.import_public(request.clone()).await?.into_inner().key_pair, Some(file.clone()))
            }
            Self::ImportPrivate { request, .. } => {
                let file = Some(request.private_key.clone());
                (client.import_private(request.clone()).await?.into_inner().key_pair, file)
            }
            Self::Update { request, .. } => (client.update(request.clone()).await?.into_inner().key_pair, None),
            Self::Clear { request, .. } => (client.clear_private(request.clone()).await?.into_inner().key_pair, None),
            Self::Delete { request, .. } | Self::Purge { request, .. } => {
                (client.delete(request.clone()).await?.into_inner().key_pair, None)
            }
            Self::Undelete(request) => (client.undelete(request.clone()).await?.into_inner().key_pair, None),
        };
        Ok(Answer { pair, file: file.filter(|file| !file.is_empty()) })
    }

    /// The pair it is about; `None` when it makes one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Create(_) | Self::ImportPublic { .. } => None,
            Self::ImportPrivate { id, .. } => id.as_deref(),
            Self::Update { id, .. } | Self::Clear { id, .. } | Self::Delete { id, .. } | Self::Purge { id, .. } => {
                Some(id)
            }
            Self::Undelete(request) => Some(&request.id),
        }
    }

    /// The name of the pair it makes.
    pub fn name(&self) -> &str {
        match self {
            Self::Create(request) => &request.name,
            Self::ImportPublic { request, .. } => &request.name,
            Self::ImportPrivate { request, .. } => &request.name,
            _ => unreachable!("it makes no pair"),
        }
    }

    /// The file of the pair it makes, where the caller has it already.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::ImportPublic { file, .. } => Some(file),
            Self::ImportPrivate { request, .. } => Some(&request.private_key),
            _ => None,
        }
    }

    /// What `before` becomes, given the parts that only the service knows, taken from `seen`: etag and times.
    pub fn after(&self, before: &KeyPair, seen: &KeyPair) -> KeyPair {
        let mut after = before.clone();
        match self {
            Self::Update { request, .. } => {
                let change = request.key_pair.as_ref().unwrap();
                match request.update_mask.as_ref().unwrap().paths[0].as_str() {
                    "name" => rename(&mut after, &change.name),
                    "labels" => after.labels.clone_from(&change.labels),
                    _ => after.description.clone_from(&change.description),
                }
            }
            Self::Clear { .. } => after.set_private_key_state(PrivateKeyState::Cleared),
            Self::Delete { .. } => after.set_state(KeyPairState::Deleted),
            Self::Undelete(_) => after.set_state(KeyPairState::Active),
            Self::ImportPrivate { .. } => after.set_private_key_state(PrivateKeyState::Stored),
            Self::Create(_) | Self::ImportPublic { .. } | Self::Purge { .. } => {
                unreachable!("no pair before and after")
            }
        }
        after.etag.clone_from(&seen.etag);
        after.update_time = seen.update_time;
        after.delete_time = seen.delete_time;
        after.purge_time = seen.purge_time;
        after.encryption.clone_from(&seen.encryption);
        if let [placement] = after.placements.as_mut_slice() {
            placement.remote_name.clone_from(&after.name);
            placement.update_time = seen.placements.first().and_then(|placement| placement.update_time);
        }
        after
    }
}

/// The public line of a pair that was made here names the pair.
fn rename(pair: &mut KeyPair, name: &str) {
    if let Some(line) = pair.public_key.strip_suffix(&pair.name) {
        pair.public_key = format!("{line}{name}");
    }
    pair.name = name.to_owned();
}

/// A request that changes one field.
pub fn update(id: &str, path: &str, value: &str, request_id: String) -> Step {
    let mut change = KeyPair::default();
    match path {
        "name" => change.name = value.to_owned(),
        "labels" => change.labels = BTreeMap::from([("of".to_owned(), value.to_owned())]),
        _ => change.description = value.to_owned(),
    }
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let key = Some(pb::update_request::Key::Id(id.to_owned()));
    let request = pb::UpdateRequest { key, key_pair: Some(change), update_mask, request_id, ..Default::default() };
    Step::Update { request, id: id.to_owned() }
}

pub fn delete(id: &str, purge: bool, request_id: String) -> Step {
    let key = Some(pb::delete_request::Key::Id(id.to_owned()));
    let request = pb::DeleteRequest { key, purge, request_id, ..Default::default() };
    let id = id.to_owned();
    if purge { Step::Purge { request, id } } else { Step::Delete { request, id } }
}

pub fn clear(id: &str, request_id: String) -> Step {
    let key = Some(pb::clear_private_request::Key::Id(id.to_owned()));
    let request = pb::ClearPrivateRequest { key, request_id, ..Default::default() };
    Step::Clear { request, id: id.to_owned() }
}

pub fn undelete(id: &str, request_id: String) -> Step {
    Step::Undelete(pb::UndeleteRequest { id: id.to_owned(), request_id, ..Default::default() })
}

pub fn create(name: &str, request_id: String) -> Step {
    let mut request = pb::CreateRequest::default();
    request.name = name.to_owned();
    request.request_id = request_id;
    request.set_key_type(pb::KeyType::Ed25519);
    Step::Create(request)
}

pub fn import_public(name: &str, line: String, file: String, request_id: String) -> Step {
    let request = pb::ImportPublicRequest { name: name.to_owned(), public_key: line, request_id, ..Default::default() };
    Step::ImportPublic { request, file }
}

pub fn import_private(name: &str, id: Option<&str>, file: String, request_id: String) -> Step {
    let mut request = pb::ImportPrivateRequest::default();
    request.name = name.to_owned();
    request.private_key = file;
    request.request_id = request_id;
    Step::ImportPrivate { request, id: id.map(str::to_owned) }
}
