//! The way to a server: address, TLS, token, deadline; and one call over it.
//!
//! Promise: a call that found the service UNAVAILABLE is sent once more, unchanged, so with the same request id. What
//! a call leaves open (a new key file) is given back when the user stops it.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use zeroize::Zeroizing;

use super::failure::{Failure, with_causes};
use super::input::{secret_line, secret_text};
use super::output::say;
use super::values::duration;
use crate::grpc::pb::key_pairs_client::KeyPairsClient;
use crate::secret::SecretText;

/// Where the server is and how to get there.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server (client commands)")]
pub struct Connection {
    // The variable is not read by clap: it would count as typed, and stand in every line of usage.
    /// The server's address: http://HOST:PORT or https://HOST:PORT [env: KEYPAIRS_SERVER] [default: http://127.0.0.1:50051]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// Certificates that vouch for the server (PEM) [default: the system's]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", requires = "key_file")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(id = "key_file", long = "key", global = true, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// File with the bearer token that says who we are
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long one call may take: seconds, or words such as 1m30s
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "60")]
    timeout: Duration,
}

/// The generated client over our channel.
pub(super) type Grpc = KeyPairsClient<InterceptedService<Channel, Bearer>>;

/// Calls one server.
pub(super) struct Client {
    grpc: Grpc,
    timeout: Duration,
}

impl Client {
    /// Makes ready; the first call connects. Errors: usage.
    pub(super) fn open(connection: &Connection) -> Result<Self, Failure> {
        let channel = endpoint(connection)?.connect_lazy();
        let bearer = Bearer::read(connection.token_file.as_deref())?;
        Ok(Self { grpc: KeyPairsClient::with_interceptor(channel, bearer), timeout: connection.timeout })
    }

    /// A call that reads.
    pub(super) async fn read<Q: Clone, A>(
        &self,
        request: Q,
        call: impl AsyncFn(Grpc, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let work = async {
            match self.attempt(request.clone(), &call).await {
                Err(status) if status.code() == Code::Unavailable => {
                    tokio::time::sleep(pause(&status)).await;
                    self.attempt(request, &call).await
                }
                done => done,
            }
        };
        tokio::select! {
            answer = work => answer.map_err(Failure::from),
            () = stop_signal() => Err(Failure::Interrupted(None)),
        }
    }

    /// A call that changes something.
    pub(super) async fn change<Q: Clone, A>(
        &self,
        request_id: &str,
        request: Q,
        call: impl AsyncFn(Grpc, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.read(request, call).await.map_err(|failure| failure.of_request(request_id))
    }

    async fn attempt<Q, A>(
        &self,
        message: Q,
        call: &impl AsyncFn(Grpc, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Status> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        let begun = Instant::now();
        let answer = call(self.grpc.clone(), request).await;
        answer.map(Response::into_inner).map_err(|status| {
            // tonic's own deadline says CANCELLED.
            let late = status.code() == Code::Cancelled && begun.elapsed() >= self.timeout;
            // A connection that broke is CANCELLED, UNKNOWN or INTERNAL, as it happens; a server's own words have no cause.
            let lost = matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Internal);
            if late {
                Status::deadline_exceeded("no answer within --timeout; what the call had begun may go on")
            } else if lost && status.source().is_some() {
                Status::unavailable(with_causes(&status))
            } else {
                status
            }
        })
    }
}

/// Adds the token to every call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self(None)) };
        let token = secret_line(file)?;
        let header = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut value = MetadataValue::try_from(header.as_str())
            .map_err(|_| Failure::Usage(format!("{}: not a token: it holds more than one line", file.display())))?;
        // Kept out of Debug and of the header tables of HTTP/2.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

fn endpoint(connection: &Connection) -> Result<Endpoint, Failure> {
    let named = connection.server.clone().or_else(|| std::env::var("KEYPAIRS_SERVER").ok());
    let server = named.unwrap_or_else(|| "http://127.0.0.1:50051".to_owned());
    let faulty = |e: &dyn std::fmt::Display| Failure::Usage(format!("--server {server}: {e}"));
    let endpoint = Endpoint::from_shared(server.clone()).map_err(|e| faulty(&e))?;
    let endpoint = endpoint.connect_timeout(connection.timeout.min(CONNECT_TIMEOUT));
    match endpoint.uri().scheme_str() {
        Some("https") => {
            let unfit = |_| {
                let message = "--cert and --key do not belong together, or one of --ca, --cert and --key is damaged";
                Failure::Usage(message.to_owned())
            };
            endpoint.tls_config(tls(connection)?).map_err(unfit)
        }
        Some("http") => {
            if connection.ca.is_some() || connection.cert.is_some() {
                return Err(faulty(&"--ca, --cert and --key need an address that begins with https://"));
            }
            if !endpoint.uri().host().is_some_and(is_loopback) {
                say("warning: http:// is not encrypted; keys and tokens can be read on the way");
            }
            Ok(endpoint)
        }
        _ => Err(faulty(&"must begin with http:// or https://")),
    }
}

fn tls(connection: &Connection) -> Result<ClientTlsConfig, Failure> {
    let roots = match &connection.ca {
        Some(file) => pem("--ca", file, "CERTIFICATE-----")?.into_exposed(),
        None => system_roots()?,
    };
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots));
    let (Some(cert), Some(key)) = (&connection.cert, &connection.key) else { return Ok(config) };
    let cert = pem("--cert", cert, "CERTIFICATE-----")?;
    let key = pem("--key", key, "PRIVATE KEY-----")?;
    Ok(config.identity(Identity::from_pem(cert.expose(), key.expose())))
}

/// A file that must hold a PEM block whose first line ends so: what is sound in it rustls finds out.
fn pem(flag: &str, file: &Path, first_line: &str) -> Result<SecretText, Failure> {
    let text = secret_text(file)?;
    let holds = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(first_line);
    if text.expose().lines().any(holds) {
        return Ok(text);
    }
    let wanted = first_line.trim_end_matches('-');
    Err(Failure::Usage(format!("{flag} {}: holds no \"{wanted}\" in PEM form", file.display())))
}

fn system_roots() -> Result<String, Failure> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named
        .into_iter()
        .chain(SYSTEM_ROOTS.map(PathBuf::from))
        .find_map(|file| std::fs::read_to_string(file).ok())
        .ok_or_else(|| Failure::Usage("this system has no bundle of certificates; give one with --ca".to_owned()))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

/// How long to wait before the second attempt: as long as the server says, within reason.
fn pause(status: &Status) -> Duration {
    let told = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    told.unwrap_or(Duration::from_millis(200)).min(Duration::from_secs(5))
}

/// Ctrl-C, or a polite request to end.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where Debian, Fedora, Alpine and openSUSE keep their bundle.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];
