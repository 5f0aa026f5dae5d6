//! Quota: row 26 of the table of bad inputs in earnest.

use keypairs::grpc::pb;
use tonic::Code::ResourceExhausted;

use super::{World, create, import_private, import_public, new_key};
use crate::refusal::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn the_501st_key_is_refused() {
    let mut world = World::new().await;
    world.fill(500, |number| create(&format!("n{number}"))).await;
    let (line, file) = new_key();
    let client = &mut world.client;
    let refusals = [
        Refusal::from(client.create(create("more")).await),
        Refusal::from(client.import_public(import_public("more", &line)).await),
        Refusal::from(client.import_private(import_private("more", &file)).await),
    ];
    for told in refusals {
        assert_eq!((told.code, told.reason.as_str()), (ResourceExhausted, "QUOTA_EXCEEDED"));
        assert_eq!(told.quota_of.as_deref(), Some("project:default"));
    }
    let holding = client.get_project(pb::GetProjectRequest::default()).await.unwrap().into_inner();
    assert_eq!((holding.project_id.as_str(), holding.key_pairs, holding.quota), ("default", 500, 500));
    // What is there can still be changed, and another project has room.
    let mut elsewhere = import_public("more", &line);
    elsewhere.project_id = "other".into();
    client.import_public(elsewhere).await.unwrap();
}
