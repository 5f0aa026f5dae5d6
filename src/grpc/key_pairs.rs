//! The service `keypairs.v1.KeyPairs`: each RPC converts, calls its use case, converts back.

use tonic::{Request, Response, Status};

use super::answer::{View, format, key_pair};
use super::calls::call_of;
use super::pb::{self, key_pairs_server::KeyPairs};
use super::{cloud_requests, listing, request, status};
use crate::error::Result;
use crate::model::KeyPair;
use crate::secret::SecretText;
use crate::service::{PrivateText, Service};

/// The face.
pub struct KeyPairsFace {
    service: Service,
}

impl KeyPairsFace {
    /// A face of this service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl KeyPairs for KeyPairsFace {
    async fn create(&self, incoming: Request<pb::CreateRequest>) -> Answer<pb::CreateResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let command = request::create(message, &self.service)?;
            let (pair, private) = self.service.create(call, command).await?;
            let (private_key, format) = given_out(private);
            Ok(pb::CreateResponse { key_pair: pair.map(full), private_key, format })
        };
        answer(id, work).await
    }

    async fn import_public(&self, incoming: Request<pb::ImportPublicRequest>) -> Answer<pb::ImportPublicResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let command = request::import_public(message, &self.service, &call).await?;
            let pair = self.service.import_public(call, command).await?;
            Ok(pb::ImportPublicResponse { key_pair: pair.map(full) })
        };
        answer(id, work).await
    }

    async fn import_private(&self, incoming: Request<pb::ImportPrivateRequest>) -> Answer<pb::ImportPrivateResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = match request::import_private(message, &self.service, &call).await? {
                request::Asked::Now(command) => self.service.import_private(call, *command).await?,
                request::Asked::Before(pair) => Some(*pair),
            };
            Ok(pb::ImportPrivateResponse { key_pair: pair.map(full) })
        };
        answer(id, work).await
    }

    async fn get(&self, incoming: Request<pb::GetRequest>) -> Answer<pb::GetResponse> {
        let (call, message) = call_of(incoming);
        let work = async {
            let pair = self.service.pair(&request::get(message)?).await?;
            Ok(pb::GetResponse { key_pair: Some(full(pair)) })
        };
        answer(call.id, work).await
    }

    async fn list(&self, incoming: Request<pb::ListRequest>) -> Answer<pb::ListResponse> {
        let (call, message) = call_of(incoming);
        let work = async {
            let (command, view) = listing::command(message)?;
            let found = self.service.list(&command).await?;
            Ok(listing::response(&self.service, &command, found, view))
        };
        answer(call.id, work).await
    }

    async fn update(&self, incoming: Request<pb::UpdateRequest>) -> Answer<pb::UpdateResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = self.service.update(call, request::update(message)?).await?;
            Ok(pb::UpdateResponse { key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn delete(&self, incoming: Request<pb::DeleteRequest>) -> Answer<pb::DeleteResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = self.service.delete(call, request::delete(message)?).await?;
            Ok(pb::DeleteResponse { key_pair: pair.map(full) })
        };
        answer(id, work).await
    }

    async fn undelete(&self, incoming: Request<pb::UndeleteRequest>) -> Answer<pb::UndeleteResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = self.service.undelete(call, request::undelete(message)?).await?;
            Ok(pb::UndeleteResponse { key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn export_private(&self, incoming: Request<pb::ExportPrivateRequest>) -> Answer<pb::ExportPrivateResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let (pair, private) = self.service.export_private(call, request::export_private(message)?).await?;
            let (private_key, format) = given_out(Some(private));
            Ok(pb::ExportPrivateResponse { private_key, format, key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn clear_private(&self, incoming: Request<pb::ClearPrivateRequest>) -> Answer<pb::ClearPrivateResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = self.service.clear_private(call, request::clear_private(message)?).await?;
            Ok(pb::ClearPrivateResponse { key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn place(&self, incoming: Request<pb::PlaceRequest>) -> Answer<pb::PlaceResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let command = cloud_requests::place(message, self.service.providers())?;
            let pair = self.service.place(call, command).await?;
            Ok(pb::PlaceResponse { key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn withdraw(&self, incoming: Request<pb::WithdrawRequest>) -> Answer<pb::WithdrawResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let pair = self.service.withdraw(call, cloud_requests::withdraw(message)?).await?;
            Ok(pb::WithdrawResponse { key_pair: Some(full(pair)) })
        };
        answer(id, work).await
    }

    async fn inspect(&self, incoming: Request<pb::InspectRequest>) -> Answer<pb::InspectResponse> {
        let (call, message) = call_of(incoming);
        let work = async {
            let command = cloud_requests::inspect(message, self.service.providers())?;
            Ok(cloud_requests::inspection_response(self.service.inspect(&command).await?))
        };
        answer(call.id, work).await
    }

    async fn adopt(&self, incoming: Request<pb::AdoptRequest>) -> Answer<pb::AdoptResponse> {
        let (call, message) = call_of(incoming);
        let id = call.id;
        let work = async {
            let command = cloud_requests::adopt(message, self.service.providers())?;
            let pair = self.service.adopt(call, command).await?;
            Ok(pb::AdoptResponse { key_pair: pair.map(full) })
        };
        answer(id, work).await
    }

    async fn get_project(&self, incoming: Request<pb::GetProjectRequest>) -> Answer<pb::GetProjectResponse> {
        let (call, message) = call_of(incoming);
        let work = async {
            let project = request::project(&message.project_id)?;
            let holding = self.service.project(&project).await?;
            let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            Ok(pb::GetProjectResponse {
                project_id: project.as_str().to_owned(),
                key_pairs: count(holding.key_pairs),
                quota: count(holding.quota),
            })
        };
        answer(call.id, work).await
    }
}

async fn answer<T>(id: crate::service::call::CallId, work: impl Future<Output = Result<T>>) -> Answer<T> {
    match work.await {
        Ok(message) => Ok(Response::new(message)),
        Err(error) => Err(status::status(&error, id)),
    }
}

fn full(pair: KeyPair) -> pb::KeyPair {
    key_pair(pair, View::Full)
}

/// The message wipes the text when it has been sent.
fn given_out(private: Option<PrivateText>) -> (String, i32) {
    match private {
        Some(PrivateText { text, format: given }) => (SecretText::into_exposed(text), format(given).into()),
        None => (String::new(), pb::PrivateKeyFormat::Unspecified.into()),
    }
}
