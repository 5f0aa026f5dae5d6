//! The HTTP face: the clouds' own key-pair APIs, so that their SDKs work unchanged.
//!
//! Here is what all of them need: the listener (`listen.rs`), which cloud a request is for (`route.rs`), its body
//! (`body.rs`), who may call (`account.rs`), what an operator is told of a refused signature (`refusal.rs`), an account's
//! pairs (`pairs.rs`) and how many it may have (`room.rs`), and the service's refusals (`fault.rs`). What a
//! request means and how it is answered is each cloud's own file, a [`Cloud`]. Promise: a request reaches it as it came
//! over the wire; every request is answered in bounded time and memory, in the style of the cloud that it resembles; a
//! panic is one answer's, not the process's. It knows no store and no configuration.

#![forbid(unsafe_code)]

mod account;
mod baidu;
mod body;
mod fault;
mod huawei;
mod listen;
mod pairs;
mod refusal;
mod room;
mod route;
mod tencent;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::clock::Clock;
use crate::dialect::{Kind, Request, Response};
use crate::model::ProviderKind;
use crate::secret::SecretBytes;
use crate::service::Service;
use crate::service::call::{Call, CallId};

pub use account::{Account, Rate};
pub use baidu::Baidu;
pub use fault::kind_of;
pub use huawei::Huawei;
pub use listen::serve;
pub use refusal::log_refusal;
pub use route::cloud_of;
pub use tencent::Tencent;

/// One cloud's API.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Which cloud it is.
    fn kind(&self) -> ProviderKind;

    /// Answers a request: who asks ([`Face::account`], and [`log_refusal`] when the signature is not right), how often
    /// ([`Account::admits`]), what, and what comes of it. Everything that resembles the cloud comes here, unknown paths
    /// too. The request's target, `Host` and header values are as they were sent. `call` has no caller yet: it is
    /// [`Account::caller`], once that is known. The answer may tell what it was in a [`Told`] among its extensions.
    async fn answer(&self, face: &Face, request: Request, call: Call) -> Response;

    /// Refuses a request that did not come to be answered: [`Kind::Malformed`] for a body that is too large, broken or
    /// too slow, [`Kind::Internal`] for an answer that took too long or failed.
    fn refuse(&self, kind: Kind, id: CallId) -> Response;
}

/// What an answer was, for the metrics: words of closed lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The operation, such as `ImportKeyPair`.
    pub action: &'static str,
    /// The cloud's code of the refusal; empty: it went well.
    pub code: &'static str,
}

/// Told when a request was answered: by which cloud's file (`None`: it resembled none), what it was, and how long it
/// took.
pub type Observer = Arc<dyn Fn(Option<ProviderKind>, Told, Duration) + Send + Sync>;

/// What a face is made of.
pub struct Parts {
    /// The use cases.
    pub service: Service,
    /// Time, for signatures.
    pub clock: Arc<dyn Clock>,
    /// Who may call.
    pub accounts: Vec<Account>,
    /// The clouds that are served.
    pub clouds: Vec<Arc<dyn Cloud>>,
    /// How much one request or all may take.
    pub limits: Limits,
    /// Random: ids of two runs differ.
    pub seed: u64,
    /// The requests under way, until they have their answer; a stop waits for them.
    pub calls: TaskTracker,
    /// Hears of every answer.
    pub observer: Observer,
}

/// How much one request or all may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Until the whole head of a request is there; and how long a connection may rest between two requests.
    pub head: Duration,
    /// Until the whole body is there, after the head.
    pub body: Duration,
    /// Until it is answered, after the body; what the service had begun goes on.
    pub deadline: Duration,
    /// How long a client may leave what was sent to it unread.
    pub unread: Duration,
}

impl Limits {
    /// The usual ones, with the service's own deadline.
    pub const fn with_deadline(deadline: Duration) -> Self {
        let (head, body, unread) = (Duration::from_secs(30), Duration::from_secs(10), Duration::from_secs(30));
        Self { connections: 512, head, body, deadline, unread }
    }
}

/// The face, for all connections.
pub struct Face {
    parts: Parts,
    rooms: room::Rooms,
    next: AtomicU64,
    large: Semaphore,
}

impl Face {
    /// Puts a face together.
    pub fn new(parts: Parts) -> Arc<Self> {
        let rooms = room::Rooms::of(&parts.accounts);
        Arc::new(Self { parts, rooms, next: AtomicU64::new(1), large: Semaphore::new(LARGE_BODIES) })
    }

    /// The use cases.
    pub fn service(&self) -> &Service {
        &self.parts.service
    }

    /// Time, for signatures.
    pub fn clock(&self) -> &dyn Clock {
        &*self.parts.clock
    }

    /// The account of this access key at this cloud. That the request is its own, its signature says.
    pub fn account(&self, cloud: ProviderKind, access_key: &str) -> Option<&Account> {
        self.parts.accounts.iter().find(|account| account.cloud == cloud && account.access_key == access_key)
    }

    /// The account of this token at this cloud. It is compared with all of them, in constant time.
    pub fn account_of_token(&self, cloud: ProviderKind, token: &str) -> Option<&Account> {
        let of_cloud = self.parts.accounts.iter().filter(|account| account.cloud == cloud);
        of_cloud.fold(None, |found, account| if account.has_token(token) { Some(account) } else { found })
    }

    /// One request, to its answer.
    async fn handle(self: Arc<Self>, request: http::Request<Incoming>) -> http::Response<body::Answer> {
        let began = Instant::now();
        let id = CallId(u128::from(self.parts.seed) << 64 | u128::from(self.next.fetch_add(1, Ordering::Relaxed)));
        let under_way = self.parts.calls.token();
        let (head, incoming) = request.into_parts();
        let kind = cloud_of(&head);
        let cloud = kind.and_then(|kind| self.parts.clouds.iter().find(|cloud| cloud.kind() == kind).cloned());
        let response = match &cloud {
            Some(cloud) => self.answered(cloud, head, incoming, id).await,
            None => nowhere(id),
        };
        let told = response.extensions().get().copied().unwrap_or(Told { action: "_OTHER", code: "" });
        let (status, took) = (response.status().as_u16(), began.elapsed());
        let word = kind.map_or("", ProviderKind::as_str);
        tracing::debug!(call_id = %id, cloud = word, action = told.action, code = told.code, status, ?took, "answered");
        (self.parts.observer)(cloud.map(|cloud| cloud.kind()), told, took);
        drop(under_way);
        body::outgoing(response)
    }

    async fn answered(
        self: &Arc<Self>,
        cloud: &Arc<dyn Cloud>,
        head: http::request::Parts,
        incoming: Incoming,
        id: CallId,
    ) -> Response {
        let body = match timeout(self.parts.limits.body, body::read(incoming, &self.large)).await {
            Ok(Ok(body)) => body,
            Ok(Err(what)) => return self.unanswered(cloud, Kind::Malformed, id, what),
            Err(_) => return self.unanswered(cloud, Kind::Malformed, id, "the body came too slowly"),
        };
        let deadline = Instant::now() + self.parts.limits.deadline;
        let gone = CancellationToken::new();
        // Cancelled when this is dropped, because the client went away.
        let here = gone.clone().drop_guard();
        let call = Call { id, caller: Arc::from(""), deadline, gone };
        let (face, own, request) = (Arc::clone(self), Arc::clone(cloud), Request::from_parts(head, body));
        // A task of its own, so that a panic in it is an answer like any other.
        let answer = tokio::spawn(async move { own.answer(&face, request, call).await });
        let response = match timeout_at(deadline.into(), AbortOnDropHandle::new(answer)).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => self.unanswered(cloud, Kind::Internal, id, "the answer panicked"),
            Err(_) => self.unanswered(cloud, Kind::Internal, id, "the answer took too long"),
        };
        here.disarm();
        response
    }

    fn unanswered(&self, cloud: &Arc<dyn Cloud>, kind: Kind, id: CallId, what: &str) -> Response {
        let word = cloud.kind().as_str();
        match kind {
            Kind::Internal => tracing::warn!(call_id = %id, cloud = word, "{what}"),
            _ => tracing::debug!(call_id = %id, cloud = word, "{what}"),
        }
        cloud.refuse(kind, id)
    }
}

/// The id of a call as clouds write theirs: a UUID of the same 32 digits.
pub fn request_id(id: CallId) -> String {
    let digits = id.to_string();
    let mut text = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// The answer to what resembles no cloud.
fn nowhere(id: CallId) -> Response {
    let body = serde_json::json!({
        "code": "NotFound",
        "message": "there is no such API here: it speaks Baidu BCC /v2/keypair, Tencent CVM, and Huawei KPS /v3",
        "requestId": request_id(id),
    });
    let mut response = Response::new(SecretBytes::new(body.to_string().into_bytes()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(Told { action: "_OTHER", code: "NotFound" });
    response
}

/// How many bodies may be large at a time: 1 MiB for each is what the face can be made to hold.
const LARGE_BODIES: usize = 32;
