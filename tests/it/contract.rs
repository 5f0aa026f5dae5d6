//! The contract, rule by rule, over the wire: what callers may rely on.

mod calls;
mod costs;
mod deletion;
mod encryption;
mod ensure;
mod export;
mod fields;
mod import_private;
mod paging;
mod quota;
mod repeat;
mod update;
mod validate;

use std::collections::BTreeSet;

use keypairs::grpc::pb::{self, key_pairs_client::KeyPairsClient};
use keypairs::sshkey::KeySpec;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::server::{Place, Server};
use crate::sshkey::{encode, make};

/// A server and a client of it.
pub struct World {
    pub server: Server,
    pub client: KeyPairsClient<Channel>,
    pub place: Place,
}

impl World {
    pub async fn new() -> Self {
        Self::configured("").await
    }

    pub async fn configured(config: &str) -> Self {
        let place = Place::new();
        place.configure(config);
        let server = place.serve();
        let client = server.client().await;
        Self { server, client, place }
    }

    /// An Ed25519 pair of this name.
    pub async fn make(&mut self, name: &str) -> pb::KeyPair {
        pair(self.client.create(create(name)).await)
    }

    /// So many pairs, 32 calls at a time; their ids.
    pub async fn fill(&mut self, count: usize, request: fn(usize) -> pb::CreateRequest) -> BTreeSet<String> {
        let mut making = tokio::task::JoinSet::new();
        for lane in 0..32 {
            let mut client = self.client.clone();
            making.spawn(async move {
                let mut ids = Vec::new();
                for number in (lane..count).step_by(32) {
                    ids.push(pair(client.create(request(number)).await).id);
                }
                ids
            });
        }
        let ids: BTreeSet<String> = making.join_all().await.into_iter().flatten().collect();
        assert_eq!(ids.len(), count);
        ids
    }

    /// A pair without a private half.
    pub async fn import(&mut self, name: &str) -> pb::KeyPair {
        let line = make(KeySpec::Ed25519).public().line("of a test");
        self.client.import_public(import_public(name, &line)).await.unwrap().into_inner().key_pair.unwrap()
    }

    pub async fn get(&mut self, id: &str) -> Result<pb::KeyPair, Status> {
        let key = Some(pb::get_request::Key::Id(id.into()));
        let answer = self.client.get(pb::GetRequest { key, ..Default::default() }).await?;
        Ok(answer.into_inner().key_pair.unwrap())
    }

    pub async fn delete(&mut self, id: &str) -> pb::KeyPair {
        self.client.delete(delete(id)).await.unwrap().into_inner().key_pair.unwrap()
    }

    pub async fn list(&mut self, request: pb::ListRequest) -> pb::ListResponse {
        self.client.list(request).await.unwrap().into_inner()
    }

    /// Names of all pairs of the project `default`, deleted ones too.
    pub async fn names(&mut self) -> Vec<String> {
        let page = self.list(pb::ListRequest { show_deleted: true, ..Default::default() }).await;
        page.key_pairs.into_iter().map(|pair| pair.name).collect()
    }

    pub async fn count(&mut self) -> i64 {
        self.client.get_project(pb::GetProjectRequest::default()).await.unwrap().into_inner().key_pairs
    }
}

/// The pair of a Create.
pub fn pair(outcome: Result<Response<pb::CreateResponse>, Status>) -> pb::KeyPair {
    outcome.unwrap().into_inner().key_pair.take().unwrap()
}

pub fn create(name: &str) -> pb::CreateRequest {
    create_with(name, |_| {})
}

/// A Create of this name, and what `change` does to it.
pub fn create_with(name: &str, change: impl FnOnce(&mut pb::CreateRequest)) -> pb::CreateRequest {
    let mut request = pb::CreateRequest::default();
    request.name = name.into();
    change(&mut request);
    request
}

pub fn import_public(name: &str, line: &str) -> pb::ImportPublicRequest {
    pb::ImportPublicRequest { name: name.into(), public_key: line.into(), ..Default::default() }
}

pub fn import_private(name: &str, file: &str) -> pb::ImportPrivateRequest {
    let mut request = pb::ImportPrivateRequest::default();
    (request.name, request.private_key) = (name.into(), file.into());
    request
}

/// The public line and the OpenSSH file of a new Ed25519 key.
pub fn new_key() -> (String, String) {
    let key = make(KeySpec::Ed25519);
    (key.public().line("of a test"), encode(&key, keypairs::sshkey::KeyFormat::OpenSsh, None))
}

pub fn delete(id: &str) -> pb::DeleteRequest {
    pb::DeleteRequest { key: Some(pb::delete_request::Key::Id(id.into())), ..Default::default() }
}

pub fn undelete(id: &str) -> pb::UndeleteRequest {
    pb::UndeleteRequest { id: id.into(), ..Default::default() }
}

pub fn export(id: &str) -> pb::ExportPrivateRequest {
    let mut request = pb::ExportPrivateRequest::default();
    request.key = Some(pb::export_private_request::Key::Id(id.into()));
    request
}

pub fn clear(id: &str) -> pb::ClearPrivateRequest {
    pb::ClearPrivateRequest { key: Some(pb::clear_private_request::Key::Id(id.into())), ..Default::default() }
}

/// An Update of the description.
pub fn describe(id: &str, description: &str) -> pb::UpdateRequest {
    let key_pair = pb::KeyPair { description: description.into(), ..Default::default() };
    pb::UpdateRequest {
        key: Some(pb::update_request::Key::Id(id.into())),
        key_pair: Some(key_pair),
        ..Default::default()
    }
}

pub fn kms(name: &str) -> Option<pb::Encryption> {
    Some(pb::Encryption { r#type: pb::EncryptionType::Kms.into(), kms_key_name: name.into(), ..Default::default() })
}
