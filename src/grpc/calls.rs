//! What happens around every call: its id, its deadline, its metrics, and tonic's own refusals in our words.
//!
//! Promise: every answer carries `x-call-id`; every refusal carries an ErrorInfo, even those that tonic makes before
//! our code runs; a deadline is answered shortly before the caller gives up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Request, Response};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Layer, Service};

use super::status::status;
use crate::error::{Error, Reason};
use crate::service::call::{Call, CallId};

/// How calls are limited.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Where the caller says nothing.
    pub default_deadline: Duration,
    /// Whatever the caller says.
    pub longest_deadline: Duration,
}

/// Told when a call ends: its path, its gRPC code, and how long it took.
pub type Observer = Arc<dyn Fn(&str, i32, Duration) + Send + Sync>;

/// Wraps every call of a server.
#[derive(Clone)]
pub struct CallLayer(Arc<Shared>);

struct Shared {
    ids: u64,
    next: AtomicU64,
    limits: CallLimits,
    stop: Stop,
    observer: Observer,
}

/// How a stop and the calls hear of each other.
#[derive(Clone, Default)]
pub struct Stop {
    /// While set, new calls are refused.
    pub refusing: Arc<AtomicBool>,
    /// The calls under way, until they have their answer.
    pub calls: TaskTracker,
}

impl CallLayer {
    /// `seed` is random: ids of two runs differ.
    pub fn new(seed: u64, limits: CallLimits, stop: Stop, observer: Observer) -> Self {
        Self(Arc::new(Shared { ids: seed, next: AtomicU64::new(1), limits, stop, observer }))
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, shared: Arc::clone(&self.0) }
    }
}

/// A server's calls.
#[derive(Clone)]
pub struct Calls<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        let shared = Arc::clone(&self.shared);
        let id = shared.next_id();
        let path = request.uri().clone();
        let deadline = started + shared.limits.of(request.headers());
        let gone = CancellationToken::new();
        request.extensions_mut().insert(Around { id, deadline, gone: gone.clone() });
        let answer =
            (!shared.stop.refusing.load(Ordering::Relaxed) || is_health(path.path())).then(|| self.inner.call(request));
        let under_way = self.shared.stop.calls.token();
        Box::pin(async move {
            let _under_way = under_way;
            let dropped = gone.drop_guard();
            let mut response = match answer {
                None => status(&stopping(), id).into_http(),
                Some(answer) => match tokio::time::timeout_at(deadline.into(), answer).await {
                    Ok(response) => in_our_words(response?, id),
                    Err(_) => status(&too_late(), id).into_http(),
                },
            };
            dropped.disarm();
            if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
                response.headers_mut().insert("x-call-id", value);
            }
            (shared.observer)(path.path(), code_of(response.headers()), started.elapsed());
            Ok(response)
        })
    }
}

/// What the layer tells the handlers.
#[derive(Clone)]
struct Around {
    id: CallId,
    deadline: Instant,
    gone: CancellationToken,
}

/// The call that a request belongs to, and its message.
pub(super) fn call_of<T>(request: tonic::Request<T>) -> (Call, T) {
    let caller = caller(&request);
    let around = request.extensions().get::<Around>().cloned().unwrap_or_else(|| Around {
        id: CallId(0),
        deadline: Instant::now() + Duration::from_secs(10),
        gone: CancellationToken::new(),
    });
    let call = Call { id: around.id, caller, deadline: around.deadline, gone: around.gone };
    (call, request.into_inner())
}

/// Who called: the start of the SHA-256 of the client certificate; empty without one.
fn caller<T>(request: &tonic::Request<T>) -> Arc<str> {
    let certificates = request.peer_certs();
    let Some(leaf) = certificates.as_ref().and_then(|all| all.first()) else { return Arc::from("") };
    let print = Sha256::digest(leaf.as_ref());
    let hex: String = print.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Arc::from(format!("cert:{hex}"))
}

impl Shared {
    fn next_id(&self) -> CallId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        CallId(u128::from(self.ids) << 64 | u128::from(number))
    }
}

impl CallLimits {
    /// The caller's time (header grpc-timeout) less a little for the answer, within the limits.
    fn of(&self, headers: &HeaderMap) -> Duration {
        let asked = headers.get("grpc-timeout").and_then(|value| parse_timeout(value.to_str().ok()?));
        let time = asked.unwrap_or(self.default_deadline).min(self.longest_deadline);
        time - (time / 2).min(Duration::from_millis(20))
    }
}

/// At most 8 digits and a unit (gRPC over HTTP/2).
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.saturating_mul(3600))),
        "M" => Some(Duration::from_secs(number.saturating_mul(60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Answers that tonic made itself have no details. Their codes do not fit the contract: these do.
fn in_our_words(response: Response<Body>, id: CallId) -> Response<Body> {
    let headers = response.headers();
    if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
        return response;
    }
    let message = headers.get("grpc-message").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let error = match code_of(headers) {
        CANCELLED => too_late(),
        OUT_OF_RANGE => Error::new(Reason::MessageTooLarge, "the message is over 256 KiB"),
        UNIMPLEMENTED if message.contains("ncoding") || message.contains("ompress") => {
            malformed("compressed messages are not taken: send identity")
        }
        UNIMPLEMENTED => {
            Error::new(Reason::MethodUnknown, "there is no such method: check its name and the client's version")
        }
        INTERNAL => malformed("the frame is not one whole gRPC message"),
        _ => return response,
    };
    status(&error, id).into_http()
}

fn code_of(headers: &HeaderMap) -> i32 {
    // A unary answer has its status in the headers only when it is a refusal.
    headers.get("grpc-status").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/")
}

fn stopping() -> Error {
    Error::new(Reason::StoreUnavailable, "the service is stopping: try again").with_retry_after(Duration::from_secs(1))
}

/// Like every invalid argument it carries a BadRequest; its path is empty: the message as a whole.
fn malformed(message: &str) -> Error {
    Error::invalid("", Reason::MessageMalformed, message)
}

fn too_late() -> Error {
    Error::new(Reason::DeadlineExceeded, "the deadline passed; what the call had begun goes on")
}

const CANCELLED: i32 = 1;
const OUT_OF_RANGE: i32 = 11;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
