//! Tencent CVM's key-pair actions over the use cases.
//!
//! Here is who asks and what is answered at all; `act.rs` makes, changes and deletes, `find.rs` lists, `shown.rs` is a
//! pair and a refusal in the cloud's words. Promise: everything is answered with status 200 and `RequestId`, because the
//! SDKs take any other status for a broken network. What the pages state about values is checked by the dialect before
//! anything here runs.

mod act;
mod find;
mod shown;

use async_trait::async_trait;

use super::{Account, Cloud, Face, Told, log_refusal, request_id};
use crate::dialect::tencent::{self, Action, Answer, Asked, Claim, Code, Flaw};
use crate::dialect::{Kind, Refusal, Request, Response};
use crate::model::ProviderKind;
use crate::service::call::{Call, CallId};

/// Tencent CVM, version 2017-03-12.
pub struct Tencent;

#[async_trait]
impl Cloud for Tencent {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Tencent
    }

    async fn answer(&self, face: &Face, request: Request, mut call: Call) -> Response {
        let id = call.id;
        let account = match account(face, &request, &mut call) {
            Ok(account) => account,
            Err(code) => return answered(None, Err(code.into()), id),
        };
        let asked = match Asked::read(&request) {
            Ok(asked) => asked,
            Err(flaw) => return answered(None, Err(flaw), id),
        };
        let action = asked.action();
        if !account.admits(action.as_str()) {
            return answered(Some(action), Err(Code::RequestLimitExceeded.into()), id);
        }
        let done = match asked.call() {
            Ok(asked) => (Desk { face, account, call, action }).done(asked).await,
            Err(flaw) => Err(flaw),
        };
        answered(Some(action), done, id)
    }

    fn refuse(&self, kind: Kind, id: CallId) -> Response {
        let flaw = match kind {
            Kind::Malformed => {
                Flaw::because(Code::InvalidParameter, "The body is too large, came too slowly or broke off.")
            }
            _ => Code::InternalError.into(),
        };
        answered(None, Err(flaw), id)
    }
}

/// Whose request it is, by its signature. `call` has its caller then.
fn account<'f>(face: &'f Face, request: &Request, call: &mut Call) -> Result<&'f Account, Code> {
    let refused = |call: &Call, refusal: &Refusal| {
        log_refusal(call, ProviderKind::Tencent, refusal);
        Code::of_refusal(refusal)
    };
    let claim = Claim::read(request).map_err(|refusal| refused(call, &refusal))?;
    let found = face.account(ProviderKind::Tencent, claim.access_key());
    let Some((account, secret)) = found.and_then(|found| Some((found, found.secret_key.as_ref()?))) else {
        return Err(Code::AuthFailureSecretIdNotFound);
    };
    call.caller = account.caller();
    claim.check(request, secret, face.clock().now()).map_err(|refusal| refused(call, &refusal))?;
    // A token goes with temporary keys, and no account has those.
    if claim.token().is_some_and(|token| !token.expose().is_empty()) {
        return Err(Code::AuthFailureTokenFailure);
    }
    Ok(account)
}

fn answered(action: Option<Action>, done: Result<Answer, Flaw>, id: CallId) -> Response {
    let id = request_id(id);
    let mut response = match &done {
        Ok(answer) => answer.render(&id),
        Err(flaw) => flaw.render(&id),
    };
    let code = done.err().map_or("", |flaw| flaw.code.as_str());
    response.extensions_mut().insert(Told { action: action.map_or("_OTHER", Action::as_str), code });
    response
}

/// Where one admitted request is worked on.
struct Desk<'f> {
    face: &'f Face,
    account: &'f Account,
    call: Call,
    action: Action,
}

impl Desk<'_> {
    async fn done(&self, asked: tencent::Call) -> Result<Answer, Flaw> {
        use tencent::Call::*;
        match asked {
            CreateKeyPair { key_name, project_id, tags } => self.create((&key_name, project_id, tags)).await,
            ImportKeyPair { key_name, project_id, public_key, tags } => {
                self.import((&key_name, project_id, tags), &public_key).await
            }
            DescribeKeyPairs { wanted, offset, limit } => self.describe(&wanted, offset, limit).await,
            ModifyKeyPairAttribute { key_id, key_name, description } => {
                self.modify(&key_id, key_name.as_deref(), description.as_deref()).await
            }
            DeleteKeyPairs { key_ids } => self.delete(&key_ids).await,
            // Nothing here knows an instance.
            AssociateInstancesKeyPairs(_) | DisassociateInstancesKeyPairs(_) => {
                Err(Code::InvalidInstanceIdNotFound.into())
            }
        }
    }
}
