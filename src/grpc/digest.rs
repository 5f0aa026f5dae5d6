//! Digests of requests: what a request id and a page token are bound to.
//!
//! Promise: two requests that mean the same by the contract's first words ("empty means `default`") have one digest, and
//! a request without a request id costs none. It knows no store; what is kept of a digest is the service's affair.

use std::mem::take;

use prost::Message;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::pb;
use crate::model::ProjectId;

/// SHA-256 of a whole request.
pub(super) type Digest = [u8; 32];

/// A request id as it came, and the digest of the request that it came with.
pub(super) struct Sent {
    /// Unchecked; empty: none.
    pub(super) request_id: String,
    /// Of the request without its id; `None` without a request id.
    pub(super) digest: Option<Digest>,
}

/// Takes the request id out of a request that changes something.
pub(super) fn sent(request: &mut impl Changing) -> Sent {
    let (project_id, request_id) = request.project_and_id();
    spell_project(project_id);
    let request_id = take(request_id);
    let digest = (!request_id.is_empty()).then(|| digest(request));
    Sent { request_id, digest }
}

/// What a page token is bound to: everything but the size of the page and the token.
pub(super) fn query(request: &pb::ListRequest) -> Digest {
    let mut query = pb::ListRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    spell_project(&mut query.project_id);
    if query.view() == pb::KeyPairView::Unspecified {
        query.set_view(pb::KeyPairView::Full);
    }
    digest(&query)
}

/// The same for Inspect.
pub(super) fn inspection(request: &pb::InspectRequest) -> Digest {
    let mut query = pb::InspectRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    spell_project(&mut query.project_id);
    digest(&query)
}

/// A request that may carry a request id.
pub(super) trait Changing: Message {
    /// `project_id` and `request_id`.
    fn project_and_id(&mut self) -> (&mut String, &mut String);
}

macro_rules! changing {
    ($($request:ident),* $(,)?) => {
        $(impl Changing for pb::$request {
            fn project_and_id(&mut self) -> (&mut String, &mut String) {
                (&mut self.project_id, &mut self.request_id)
            }
        })*
    };
}
changing!(
    CreateRequest,
    ImportPublicRequest,
    ImportPrivateRequest,
    UpdateRequest,
    DeleteRequest,
    UndeleteRequest,
    ClearPrivateRequest,
    PlaceRequest,
    WithdrawRequest,
    AdoptRequest,
);

/// Empty means `default`.
fn spell_project(project_id: &mut String) {
    if project_id.is_empty() {
        ProjectId::DEFAULT.clone_into(project_id);
    }
}

/// Maps are ordered, so that equal messages have equal bytes.
fn digest(message: &impl Message) -> Digest {
    let bytes = Zeroizing::new(message.encode_to_vec()); // it may hold a secret
    Sha256::digest(&*bytes).into()
}
