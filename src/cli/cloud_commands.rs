//! The client commands about clouds: place, withdraw, inspect, adopt.

use super::client::Grpc;
use super::cloud_args::{Adopt, Inspect, Place, Withdraw};
use super::commands::Session;
use super::failure::Failure;
use super::output::say;
use crate::grpc::pb;

impl Session {
    pub(super) async fn place_at(&self, args: Place) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.place(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("PlaceResponse", &answer, answer.key_pair.as_ref())
    }

    pub(super) async fn withdraw(&self, args: Withdraw) -> Result<(), Failure> {
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.withdraw(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("WithdrawResponse", &answer, answer.key_pair.as_ref())
    }

    pub(super) async fn inspect(&self, args: Inspect) -> Result<(), Failure> {
        let is_page = args.page_token.is_some();
        let found = self.inspected(args.into_request(), is_page).await?;
        self.output.inspection(&found)?;
        let limit = if found.quota_limit > 0 { format!(" of {}", found.quota_limit) } else { String::new() };
        say(&format!("{}{limit} key pairs in this account", found.quota_used));
        if !found.next_page_token.is_empty() {
            say(&format!("there are more: --page-token {}", found.next_page_token));
        }
        Ok(())
    }

    /// Page after page as one answer, or one page.
    async fn inspected(&self, mut request: pb::InspectRequest, is_page: bool) -> Result<pb::InspectResponse, Failure> {
        let mut found = pb::InspectResponse::default();
        loop {
            let call = async |mut grpc: Grpc, request| grpc.inspect(request).await;
            let page = self.client.read(request.clone(), call).await?;
            found.items.extend(page.items);
            (found.quota_used, found.quota_limit) = (page.quota_used, page.quota_limit);
            found.next_page_token.clone_from(&page.next_page_token);
            if page.next_page_token.is_empty() || is_page {
                return Ok(found);
            }
            if page.next_page_token == request.page_token {
                return Err(Failure::Local("the server gives the same page again and again".to_owned()));
            }
            request.page_token = page.next_page_token;
        }
    }

    pub(super) async fn adopt(&self, args: Adopt) -> Result<(), Failure> {
        if args.all {
            return self.adopt_all(args).await;
        }
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.adopt(request).await;
        let answer = self.client.change(&id, request, call).await?;
        self.output.key_pair("AdoptResponse", &answer, answer.key_pair.as_ref())
    }

    /// First a table of what would happen to each orphan; then, unless it is a dry run, those that can be adopted are.
    async fn adopt_all(&self, args: Adopt) -> Result<(), Failure> {
        let (project_id, provider) = (args.tenant.project_id.clone(), args.provider.clone());
        let look = pb::InspectRequest { project_id, provider, page_size: 1000, page_token: String::new() };
        let found = self.inspected(look, false).await?;
        let orphans = found.items.into_iter().filter(|item| item.finding() == pb::Finding::Orphaned);
        let (mut rows, mut refused) = (Vec::new(), 0);
        for orphan in orphans {
            let outcome = self.adopt_one(&args, &orphan.remote_id).await;
            refused += usize::from(outcome.is_err());
            let told = match outcome {
                Ok(()) if args.dry_run => "can be adopted".to_owned(),
                Ok(()) => "adopted".to_owned(),
                Err(failure) => failure.to_string(),
            };
            rows.push([orphan.remote_id, orphan.remote_name, told]);
        }
        self.output.adoptions(&rows)?;
        match refused {
            0 => Ok(()),
            _ => Err(Failure::Local(format!("{refused} of {} cannot be adopted; the table says why", rows.len()))),
        }
    }

    async fn adopt_one(&self, args: &Adopt, remote_id: &str) -> Result<(), Failure> {
        let mut args = args.clone();
        args.remote_id = Some(remote_id.to_owned());
        args.change.request_id = super::args::new_request_id(); // one for each: they are calls of their own
        let request = args.into_request();
        let id = request.request_id.clone();
        let call = async |mut grpc: Grpc, request| grpc.adopt(request).await;
        self.client.change(&id, request, call).await.map(drop)
    }
}
