//! The use cases over the wire, on a real server.

use keypairs::grpc::pb;

use crate::server::{Place, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_lives_its_life() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let mut request = pb::CreateRequest::default();
    request.name = "web".into();
    let mut made = client.create(request).await.unwrap().into_inner();
    let pair = made.key_pair.take().unwrap();
    assert!(made.private_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));

    let key = Some(pb::get_request::Key::Id(pair.id.clone()));
    let got = client.get(pb::GetRequest { project_id: String::new(), key }).await.unwrap().into_inner();
    assert_eq!(got.key_pair.unwrap(), pair);

    let key = Some(pb::delete_request::Key::Name("web".into()));
    let request = pb::DeleteRequest { key, ..Default::default() };
    let deleted = client.delete(request).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!(deleted.state(), pb::KeyPairState::Deleted);
    let key = Some(pb::get_request::Key::Name("web".into()));
    let status = client.get(pb::GetRequest { project_id: String::new(), key }).await.unwrap_err();
    assert_eq!(reason(&status), "KEY_PAIR_NOT_FOUND");

    let request = pb::UndeleteRequest { id: pair.id.clone(), ..Default::default() };
    let back = client.undelete(request).await.unwrap().into_inner().key_pair.unwrap();
    assert_eq!((back.name.as_str(), back.state()), ("web", pb::KeyPairState::Active));
    let mut request = pb::ExportPrivateRequest::default();
    request.key = Some(pb::export_private_request::Key::Name("web".into()));
    let exported = client.export_private(request).await.unwrap().into_inner();
    assert_eq!(exported.private_key, made.private_key);
    assert!(server.stop().success());
}
