//! Huawei KPS, version 3: its API over this service's key pairs.
//!
//! Here: who asks, what, and which answer belongs to it; `pairs.rs` and `private.rs` are the operations, `refused.rs`
//! says what the service's refusals are called here. Promise: what a request asks for is not looked at before its
//! signature or token was; a name stands for an ACTIVE pair of the account's project, whoever made it.

mod pairs;
mod private;
mod refused;

use async_trait::async_trait;

use super::{Account, Cloud, Face, Told, log_refusal, request_id};
use crate::dialect::huawei::{Action, Answer, Claim, Code, Flaw, NAME, Operation, Project, Route, Tasks, is_name_char};
use crate::dialect::{Kind, Refusal, Request, Response, header};
use crate::model::{KeyPair, KeyPairName, ProviderKind, Scope};
use crate::service::call::{Call, CallId};
use crate::service::command::{By, Key};

/// Speaks as Huawei KPS.
pub struct Huawei;

#[async_trait]
impl Cloud for Huawei {
    fn kind(&self) -> ProviderKind {
        CLOUD
    }

    async fn answer(&self, face: &Face, request: Request, call: Call) -> Response {
        let id = call.id;
        let route = Route::of(&request);
        let action = route.as_ref().map_or(OTHER, |route| route.action.as_str());
        match outcome(face, request, route, call).await {
            Ok(answer) => told(answer.render(&request_id(id)), action, ""),
            Err(flaw) => told(flaw.render(&request_id(id)), action, flaw.code.as_str()),
        }
    }

    fn refuse(&self, kind: Kind, id: CallId) -> Response {
        let code = if kind == Kind::Internal { Code::ResponseError } else { Code::Parameter };
        told(Flaw::from(code).render(&request_id(id)), OTHER, code.as_str())
    }
}

fn told(mut response: Response, action: &'static str, code: &'static str) -> Response {
    response.extensions_mut().insert(Told { action, code });
    response
}

async fn outcome(face: &Face, request: Request, route: Option<Route>, mut call: Call) -> Result<Answer, Flaw> {
    let account = signed_by(face, &request, &mut call)?;
    let route = route.ok_or(Code::ApiUnknown)?;
    let action = route.action;
    permit(account, &route, &request)?;
    let asked = route.call(&request)?;
    drop(request); // what it held of secrets is in `asked` now
    let desk = Desk { face, account, call, action };
    desk.done(asked.operation).await
}

/// Whose request it is. From here on the call has its caller.
fn signed_by<'f>(face: &'f Face, request: &Request, call: &mut Call) -> Result<&'f Account, Flaw> {
    let refused = |call: &Call, refusal: Refusal, by_token| {
        log_refusal(call, CLOUD, &refusal);
        Flaw::of_refusal(&refusal, by_token)
    };
    let claim = Claim::read(request).map_err(|refusal| refused(call, refusal, false))?;
    let account = match &claim {
        Claim::Token(token) => face.account_of_token(CLOUD, token.expose()),
        Claim::Signed(_) => claim.access_key().and_then(|key| face.account(CLOUD, key)),
    };
    if let Some(account) = account {
        call.caller = account.caller();
    }
    match (claim, account) {
        (Claim::Token(_), Some(account)) => Ok(account),
        (Claim::Token(_), None) => Err(Code::TokenRefused.into()),
        (claim, Some(account)) if let Some(secret) = &account.secret_key => {
            claim.check(request, secret, face.clock().now()).map_err(|refusal| refused(call, refusal, false))?;
            // It goes with temporary keys, and no account has those.
            match claim.security_token() {
                Some(token) if !token.is_empty() => Err(Flaw::of_unknown_token()),
                _ => Ok(account),
            }
        }
        // Nobody has this access key, or whoever has it has a token instead.
        _ => Err(Flaw::of_unknown_access_key()),
    }
}

/// An account asks in its own project only, and not too often.
fn permit(account: &Account, route: &Route, request: &Request) -> Result<(), Flaw> {
    if !account.admits(route.action.as_str()) {
        return Err(Code::Throttled.into());
    }
    let in_path = Some(route.project_id.as_str()).filter(|_| route.action != Action::KeystoneListProjects);
    let in_header = header(request.headers(), "x-project-id");
    match [in_path, in_header].into_iter().flatten().all(|project| project == account.cloud_project_id) {
        true => Ok(()),
        false => Err(Code::Forbidden.into()),
    }
}

/// Where one admitted request is worked on.
struct Desk<'f> {
    face: &'f Face,
    account: &'f Account,
    call: Call,
    action: Action,
}

impl Desk<'_> {
    async fn done(&self, operation: Operation) -> Result<Answer, Flaw> {
        match operation {
            Operation::Create(new) => self.create(new).await,
            Operation::List(page) => self.list(page).await,
            Operation::Detail(name) => self.detail(&name).await,
            Operation::Describe { name, description } => self.describe(&name, &description).await,
            Operation::Delete(name) => self.delete(&name).await,
            Operation::ImportPrivate(half) => self.import_private(half).await,
            Operation::ExportPrivate(name) => self.export_private(name).await,
            Operation::ClearPrivate(name) => self.clear_private(&name).await,
            Operation::BatchImport(pairs) => Ok(self.batch_import(pairs).await),
            Operation::BatchExport(names) => self.batch_export(names).await,
            // This service knows no instance, and so no task.
            Operation::Associate(_) | Operation::BatchAssociate(_) | Operation::Disassociate(_) => {
                Err(Flaw::parameter("server.id", "names no server that is known here"))
            }
            Operation::Task(_) | Operation::DeleteFailedTask(_) => Err(self.action.refused(Kind::NotFound)),
            Operation::RunningTasks(_) | Operation::FailedTasks(_) => Ok(Answer::Tasks(Tasks::default())),
            Operation::ClearFailedTasks => Ok(Answer::Done),
            Operation::Projects(name) => Ok(self.projects(name.as_deref())),
        }
    }

    /// The one project of the account, which has the name of its region.
    fn projects(&self, name: Option<&str>) -> Answer {
        let (id, region) = (self.account.cloud_project_id.clone(), self.account.region.clone());
        let is_asked_for = name.is_none_or(|name| name == region);
        Answer::Projects(is_asked_for.then_some(Project { id, name: region }).into_iter().collect())
    }

    /// The pair of this name.
    async fn pair(&self, name: &str) -> Result<KeyPair, Flaw> {
        self.face.one(self.account, self.by_name(name)?).await.map_err(|error| self.refused(error))
    }

    /// A name that none of our pairs can have is one that no pair has.
    fn by_name(&self, name: &str) -> Result<By, Flaw> {
        KeyPairName::parse("", name).map(By::Name).map_err(|_| self.action.refused(Kind::NotFound))
    }
}

/// A pair that was looked at: whatever it is called by now, it is that one.
fn by_id(pair: KeyPair) -> Key {
    Key { project: pair.project, by: By::Id(pair.id) }
}

/// Who sees a pair; through other doors pairs are made for a user.
fn scope(pair: &KeyPair) -> Scope {
    match &pair.through {
        Some(through) if through.cloud == CLOUD && through.scope == Scope::Account => Scope::Account,
        _ => Scope::User,
    }
}

/// Whether a pair can be named here.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME && name.chars().all(is_name_char)
}

const CLOUD: ProviderKind = ProviderKind::Huawei;
/// What asks for no operation, in the metrics.
const OTHER: &str = "_OTHER";
