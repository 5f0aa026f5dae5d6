//! Short words for requests over the wire.

use keypairs::grpc::pb;
use keypairs::grpc::pb::key_pairs_client::KeyPairsClient;
use tonic::transport::Channel;

use crate::crash::is_long;
use crate::server::Server;

pub type Client = KeyPairsClient<Channel>;

/// The number of rounds: full when that is wanted, else short.
pub fn rounds(short: usize, full: usize) -> usize {
    if is_long() { full } else { short }
}

/// Clients with a connection each.
pub async fn clients(server: &Server, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(server.client().await);
    }
    clients
}

pub fn create(name: &str) -> pb::CreateRequest {
    let mut request = pb::CreateRequest::default();
    request.name = name.into();
    request
}

/// A pair of the given type and size.
pub fn create_typed(name: &str, key_type: pb::KeyType, bits: i32) -> pb::CreateRequest {
    let mut request = create(name);
    request.set_key_type(key_type);
    request.bits = bits;
    request
}

pub fn import(name: &str, private_key: &str) -> pb::ImportPrivateRequest {
    let mut request = pb::ImportPrivateRequest::default();
    request.name = name.into();
    request.private_key = private_key.into();
    request
}

pub fn get(name: &str) -> pb::GetRequest {
    pb::GetRequest { project_id: String::new(), key: Some(pb::get_request::Key::Name(name.into())) }
}

pub fn get_id(id: &str) -> pb::GetRequest {
    pb::GetRequest { project_id: String::new(), key: Some(pb::get_request::Key::Id(id.into())) }
}

pub fn export(name: &str) -> pb::ExportPrivateRequest {
    let mut request = pb::ExportPrivateRequest::default();
    request.key = Some(pb::export_private_request::Key::Name(name.into()));
    request
}

pub fn export_id(id: &str) -> pb::ExportPrivateRequest {
    let mut request = pb::ExportPrivateRequest::default();
    request.key = Some(pb::export_private_request::Key::Id(id.into()));
    request
}

pub fn delete(name: &str) -> pb::DeleteRequest {
    pb::DeleteRequest { key: Some(pb::delete_request::Key::Name(name.into())), ..Default::default() }
}

pub fn purge(id: &str) -> pb::DeleteRequest {
    pb::DeleteRequest { key: Some(pb::delete_request::Key::Id(id.into())), purge: true, ..Default::default() }
}

pub fn undelete(id: &str) -> pb::UndeleteRequest {
    pb::UndeleteRequest { id: id.into(), ..Default::default() }
}

pub fn rename(id: &str, name: &str) -> pb::UpdateRequest {
    let key_pair = pb::KeyPair { name: name.into(), ..Default::default() };
    pb::UpdateRequest {
        key: Some(pb::update_request::Key::Id(id.into())),
        key_pair: Some(key_pair),
        ..Default::default()
    }
}

/// Makes a pair and takes it and its private half out of the answer.
pub async fn made(client: &mut Client, request: pb::CreateRequest) -> (pb::KeyPair, String) {
    let mut answer = client.create(request).await.unwrap().into_inner();
    (answer.key_pair.take().unwrap(), std::mem::take(&mut answer.private_key))
}

/// Every pair of the project, page by page; deleted ones too where they are asked for. No row may be damaged.
pub async fn list_all(client: &mut Client, show_deleted: bool) -> Vec<pb::KeyPair> {
    let (pairs, unreadable) = list_with_damaged(client, show_deleted).await;
    assert_eq!(unreadable, Vec::<String>::new());
    pairs
}

/// Every pair of the project, and the ids of those that are damaged.
pub async fn list_with_damaged(client: &mut Client, show_deleted: bool) -> (Vec<pb::KeyPair>, Vec<String>) {
    let (mut pairs, mut unreadable) = (Vec::new(), Vec::new());
    let mut request = pb::ListRequest { page_size: 1000, show_deleted, ..Default::default() };
    loop {
        let page = client.list(request.clone()).await.unwrap().into_inner();
        pairs.extend(page.key_pairs);
        unreadable.extend(page.unreadable_ids);
        if page.next_page_token.is_empty() {
            return (pairs, unreadable);
        }
        request.page_token = page.next_page_token;
    }
}

/// How many live pairs the project holds.
pub async fn held(client: &mut Client) -> i64 {
    client.get_project(pb::GetProjectRequest::default()).await.unwrap().into_inner().key_pairs
}
