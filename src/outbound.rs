//! The one HTTPS client: what every adapter sends through.
//!
//! Promise: bounded in time, size and number of requests under way; no redirect is followed; nothing of a body, and no
//! header, is logged. A failure says whether the request can have reached the other side. One [`Outbound`] is one
//! account at one endpoint: connections are kept and used again, and each action has its own rate. It knows no cloud.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::header::{CONTENT_LENGTH, DATE, HeaderMap};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::secret::SecretBytes;

/// How an [`Outbound`] behaves.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// The whole of one request, waiting for its turn included.
    pub timeout: Duration,
    /// Until the connection, TLS included, stands.
    pub connect_timeout: Duration,
    /// Requests a second and action; `None`: as many as come.
    pub rate: Option<NonZeroU32>,
    /// Requests under way at a time.
    pub in_flight: usize,
    /// A PEM file of certificate authorities to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// A proxy, such as `http://proxy:3128`; `None`: none. The environment's proxy variables are not read.
    pub proxy: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    /// Whether the other side can have got the request.
    pub was_sent: bool,
    /// In words. No secret, and nothing that the other side said.
    pub message: String,
    /// When to try again, where our own rate was the reason.
    pub retry_after: Option<Duration>,
}

/// A client for one account.
pub struct Outbound {
    client: reqwest::Client,
    settings: OutboundSettings,
    slots: Semaphore,
    rates: Mutex<BTreeMap<&'static str, Arc<DefaultDirectRateLimiter>>>,
    /// The `Date` of the last answer, in milliseconds since 1970, and when it came.
    told_time: Mutex<Option<(Millis, Instant)>>,
}

impl Outbound {
    /// Builds the client; reads the CA file. `INTERNAL` with the cause when it cannot.
    pub fn new(settings: OutboundSettings) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.in_flight)
            .no_proxy()
            .retry(reqwest::retry::never());
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|e| unusable("the proxy", e))?);
        }
        if let Some(file) = &settings.ca_file {
            let pem = std::fs::read(file).map_err(|e| unusable("the CA file", e))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable("the CA file", e))?;
            builder = builder.tls_certs_only(roots);
        }
        let client = builder.build().map_err(|e| unusable("the HTTPS client", e))?;
        let slots = Semaphore::new(settings.in_flight);
        Ok(Self { client, settings, slots, rates: Mutex::default(), told_time: Mutex::default() })
    }

    /// Sends a request and reads the whole answer, at most [`ANSWER_LIMIT`] bytes. Waits for its turn of `action`, and
    /// for one of the slots. The URI is absolute; `Host` is what the header says.
    pub async fn send(
        &self,
        action: &'static str,
        request: http::Request<SecretBytes>,
    ) -> Result<http::Response<SecretBytes>, Failure> {
        let deadline = Instant::now() + self.settings.timeout;
        let _slot = self.turn(action, deadline).await?;
        let (parts, body) = request.into_parts();
        let method = parts.method;
        let sending = self
            .client
            .request(method, parts.uri.to_string())
            .headers(parts.headers)
            .body(reqwest::Body::from(Bytes::from_owner(Wiped(body))))
            .send();
        let answer = match timeout_at(deadline.into(), sending).await {
            Err(_) => return Err(Failure::unknown("no answer in time")),
            Ok(Err(error)) => return Err(Failure::of(&error)),
            Ok(Ok(answer)) => answer,
        };
        self.note_time(answer.headers());
        match timeout_at(deadline.into(), read(answer)).await {
            Err(_) => Err(Failure::unknown("the answer took too long")),
            Ok(answer) => answer,
        }
    }

    /// What time it is over there, by the `Date` of the last answer; `None`: no answer told.
    pub fn told_time(&self) -> Option<Millis> {
        let told = *self.told_time.lock().unwrap_or_else(PoisonError::into_inner);
        let (date, came) = told?;
        Some(date.saturating_add(i64::try_from(came.elapsed().as_millis()).unwrap_or(i64::MAX)))
    }

    fn note_time(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let zoned = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        if let Some(date) = zoned {
            let told = Some((date.as_millisecond(), Instant::now()));
            *self.told_time.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
    }

    async fn turn(&self, action: &'static str, deadline: Instant) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        let slot = match timeout_at(deadline.into(), self.slots.acquire()).await {
            Ok(Ok(slot)) => slot,
            _ => return Err(Failure::not_sent("too many requests to this provider are under way")),
        };
        if let Some(rate) = self.settings.rate {
            let limiter = self.limiter(action, rate);
            if timeout_at(deadline.into(), limiter.until_ready()).await.is_err() {
                let message = "more requests are waiting than the provider's rate allows";
                return Err(Failure { retry_after: Some(Duration::from_secs(1)), ..Failure::not_sent(message) });
            }
        }
        Ok(slot)
    }

    fn limiter(&self, action: &'static str, rate: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rates.entry(action).or_insert_with(|| Arc::new(RateLimiter::direct(Quota::per_second(rate)))))
    }
}

/// A body that is wiped when the client lets go of it. What it was copied to on its way, TLS's and the kernel's buffers,
/// cannot be.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

async fn read(mut answer: reqwest::Response) -> Result<http::Response<SecretBytes>, Failure> {
    if declared(answer.headers()).is_some_and(|length| length > ANSWER_LIMIT) {
        return Err(Failure::unknown("the answer is too large"));
    }
    let mut body = zeroize::Zeroizing::new(Vec::with_capacity(8 * 1024));
    loop {
        match answer.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_LIMIT => {
                return Err(Failure::unknown("the answer is too large"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(_) => return Err(Failure::unknown("the answer broke off")),
        }
    }
    let mut response = http::Response::new(SecretBytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Failure {
    fn not_sent(message: &str) -> Self {
        Self { was_sent: false, message: message.into(), retry_after: None }
    }

    fn unknown(message: &str) -> Self {
        Self { was_sent: true, message: message.into(), retry_after: None }
    }

    fn of(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_connect() => Self::not_sent(&format!("no connection: {}", innermost(error))),
            error if error.is_builder() => Self::not_sent("the request cannot be sent"),
            _ => Self::unknown("the connection broke off"),
        }
    }
}

/// What was the matter in the end, such as "Connection refused" or "invalid peer certificate: Expired".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().filter(|c| !c.is_control()).take(160).collect()
}

fn unusable(what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Reason::Internal, format!("{what} cannot be used")).with_source(cause)
}

/// The largest answer that is read.
pub const ANSWER_LIMIT: usize = 1024 * 1024;
