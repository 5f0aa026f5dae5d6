//! `serve`: listeners, readiness, and the graceful stop.
//!
//! Order of a stop: NOT_SERVING, health watches end, new calls are refused, connections close, calls and their detached
//! work are waited for (20 s), the store is flushed and closed; the process is gone within 25 s whatever happens.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::{Failure, Opened, face, operator, providers};
use crate::clock::{OsEntropy, SystemClock, random};
use crate::config::{ClientAuth, Config, Tls};
use crate::grpc::calls::{CallLayer, CallLimits, Stop};
use crate::grpc::key_pairs::KeyPairsFace;
use crate::grpc::pb::key_pairs_server::KeyPairsServer;
use crate::grpc::pb::{self};
use crate::ready::Readiness;
use crate::telemetry::{Method, Metrics, serve_metrics};

/// Serves until SIGTERM or SIGINT.
pub fn serve(config: Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the runtime does not start", error))?;
    let outcome = runtime.block_on(run(config));
    // Nothing that is still stuck may hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Whether `serve` can do what the configuration wants of files: certificate, key and CA, which only make sense together,
/// the table of compromised keys, and what the providers' clients are made of.
pub fn check(config: &Config) -> Result<(), Failure> {
    transport(config)?;
    providers::open(config, &(Arc::new(SystemClock) as _))?;
    super::compromised::table(config).map(drop)
}

async fn run(config: Config) -> Result<(), Failure> {
    let transport = transport(&config)?;
    let mut stop = signals()?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let readiness = Readiness::default();
    readiness.hold(STARTING);
    let (health, health_service) = tonic_health::server::health_reporter();
    let statuses = spawn_health(&config, health.clone(), health_service.clone(), &readiness).await?;
    let opened = super::open(&config, Arc::clone(&metrics), readiness.clone()).await?;
    // Only now: who cannot have the data must not take the ports.
    let listener = listen(config.server.listen, "grpc").await?;
    let (draining, closing) = (Stop::default(), CancellationToken::new());
    let face = face::spawn(&config, &opened, &metrics, &draining.calls, closing.clone()).await?;
    spawn_metrics(&config, &metrics).await?;
    warn_of_openness(&config, listener.local_addr().unwrap_or(config.server.listen));
    let admin = operator::spawn(&config.data_dir, &opened)?;
    let sweeper = spawn_sweeper(&opened);
    let counter = spawn_counter(&opened, &metrics);
    let search = spawn_search(&opened);
    let settler = spawn_settler(&opened);
    let server = server(transport, (&config, &opened), &metrics, draining.clone()).add_service(health_service);
    let server = match config.server.reflection {
        true => add_reflection(server)?,
        false => server,
    };
    let until = closing.clone().cancelled_owned();
    let serving = tokio::spawn(server.serve_with_incoming_shutdown(incoming(listener), until));
    readiness.clear(STARTING);
    tracing::info!("serving");

    let _ = stop.wait_for(|stopped| *stopped).await;
    let deadline = Instant::now() + DRAIN;
    tracing::info!("stopping: no new calls");
    draining.refusing.store(true, Ordering::Relaxed);
    readiness.hold(STOPPING);
    end_watches(&health, statuses).await;
    tokio::time::sleep(NOTICE).await;
    closing.cancel();
    draining.calls.close();
    if timeout_at(deadline, draining.calls.wait()).await.is_err() {
        tracing::warn!("calls were still under way at the end of the drain time");
    }
    // The last answers go out; a peer that only holds its connection open must not hold the stop.
    let ending = async { tokio::join!(serving, face) };
    let _ = timeout_at(deadline.min(Instant::now() + LINGER), ending).await;
    sweeper.abort();
    counter.abort();
    search.abort();
    settler.abort();
    admin.abort();
    close_store(opened, deadline).await
}

/// Says plainly who may do what, because nothing else would.
fn warn_of_openness(config: &Config, address: SocketAddr) {
    let proven = config.server.tls.as_ref().is_some_and(|tls| tls.client_auth == ClientAuth::Required);
    if !proven {
        tracing::warn!(%address, "no [auth]: everybody who reaches this address may do everything, in every project");
    }
    let plain = config.face.as_ref().map(|face| face.listen);
    let plain = plain.into_iter().chain(config.server.tls.is_none().then_some(config.server.listen));
    for address in plain.filter(|listen| !listen.ip().is_loopback()) {
        tracing::warn!(%address, "plaintext beyond loopback: private keys can be read on the way");
    }
    for (path, mode) in readable_secrets(config) {
        let path = path.display();
        tracing::warn!(%path, mode = %format!("{mode:04o}"), "everybody can read this secret: chmod 600 it");
    }
    if let Some(mode) = mode_of(&config.data_dir).filter(|mode| mode & 0o077 != 0) {
        let path = config.data_dir.display();
        tracing::warn!(%path, mode = %format!("{mode:04o}"), "others can enter the data directory: chmod 700 it");
    }
    let Some(tls) = &config.server.tls else { return };
    if let Some(mode) = mode_of(&tls.key_file).filter(|mode| mode & 0o007 != 0) {
        let path = tls.key_file.display();
        tracing::warn!(%path, mode = %format!("{mode:04o}"), "everybody can read the TLS key: chmod 600 it");
    }
}

/// The files of secrets that everybody on this machine can read, with their permission bits.
pub(super) fn readable_secrets(config: &Config) -> Vec<(&Path, u32)> {
    let open = |path: &Path| mode_of(path).filter(|mode| mode & 0o007 != 0);
    config.secret_files().into_iter().filter_map(|path| Some((path, open(path)?))).collect()
}

/// The permission bits; `None` when it cannot be told.
fn mode_of(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777)
}

/// Waits for work that outlives its callers, then makes sure that everything is on the disk.
async fn close_store(opened: Opened, deadline: Instant) -> Result<(), Failure> {
    opened.tasks.close();
    if timeout_at(deadline, opened.tasks.wait()).await.is_err() {
        tracing::warn!("work was still under way at the end of the drain time");
    }
    match timeout_at(Instant::now() + FLUSH, tokio::task::spawn_blocking(move || opened.close())).await {
        Ok(Ok(closed)) => closed?,
        _ => return Err(Failure::stuck("the store did not close in time")),
    }
    tracing::info!("stopped");
    Ok(())
}

type Router = tonic::transport::server::Router<tower::layer::util::Stack<CallLayer, tower::layer::util::Identity>>;

fn server(transport: Server, (config, opened): (&Config, &Opened), metrics: &Arc<Metrics>, stop: Stop) -> Router {
    let limits = CallLimits { default_deadline: config.limits.deadline, longest_deadline: config.limits.max_deadline };
    let metrics = Arc::clone(metrics);
    let observer = Arc::new(move |path: &str, code, took| metrics.call(Method::of(path), code, took));
    let layer = CallLayer::new(u64::from_be_bytes(random(&OsEntropy)), limits, stop, observer);
    let face = KeyPairsServer::new(KeyPairsFace::new(opened.service.clone())).max_decoding_message_size(MESSAGE);
    transport.layer(layer).add_service(face)
}

/// A server's connections; certificate, key and CA have been tried together.
fn transport(config: &Config) -> Result<Server, Failure> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(16 * 1024)
        .max_concurrent_streams(128);
    let Some(tls) = &config.server.tls else { return Ok(server) };
    server.tls_config(tls_config(tls)?).map_err(|error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Failure::config(format!(
            "[server.tls]: the certificate, its key and the client CA do not go together, or one is damaged: {why}"
        ))
    })
}

fn tls_config(tls: &Tls) -> Result<ServerTlsConfig, Failure> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| Failure::config(format!("{}: {error}", path.display())))
    };
    let identity = Identity::from_pem(read(&tls.cert_file)?, read(&tls.key_file)?);
    let config = ServerTlsConfig::new().identity(identity);
    Ok(match (&tls.client_ca_file, tls.client_auth) {
        (None, _) | (_, ClientAuth::Off) => config,
        (Some(ca), auth) => {
            config.client_ca_root(Certificate::from_pem(read(ca)?)).client_auth_optional(auth == ClientAuth::Optional)
        }
    })
}

/// Both versions, with the descriptors of google.rpc, so that any grpcurl prints error details as JSON.
fn add_reflection(router: Router) -> Result<Router, Failure> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let broken = |error| Failure::config(format!("reflection: {error}"));
    let v1 = builder().build_v1().map_err(broken)?;
    let v1alpha = builder().build_v1alpha().map_err(broken)?;
    Ok(router.add_service(v1).add_service(v1alpha))
}

pub(super) async fn listen(address: SocketAddr, what: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Failure::io(&format!("cannot listen on {address} ({what})"), error))?;
    let address = listener.local_addr().map_err(|error| Failure::io("the listener has no address", error))?;
    tracing::info!(%address, listener = what, "listening");
    Ok(listener)
}

/// Without Nagle's delay: an answer is several small writes, and the second would wait for the caller's delayed ACK,
/// 40 ms. The builder's own setting is not heeded for a listener that is handed in.
fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// The health service on a port of its own serves nothing else; it is there before the store is open.
async fn spawn_health(
    config: &Config,
    health: HealthReporter,
    service: tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health>,
    readiness: &Readiness,
) -> Result<JoinHandle<()>, Failure> {
    if let Some(address) = config.health.listen {
        let listener = listen(address, "health").await?;
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming(listener)));
    }
    let mut ready = readiness.watch();
    Ok(tokio::spawn(async move {
        loop {
            let status = if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status(SERVICE, status).await;
            // Alive: the process answers. Liveness must not hang on the store or a cloud.
            health.set_service_status("", ServingStatus::Serving).await;
            if ready.changed().await.is_err() {
                return;
            }
        }
    }))
}

/// Removing a status ends its watches, which otherwise would hold the drain up to its end. `statuses` ends first: it
/// would set them again.
async fn end_watches(health: &HealthReporter, statuses: JoinHandle<()>) {
    statuses.abort();
    let _ = statuses.await; // cancelled, as it should be
    for service in [SERVICE, ""] {
        health.set_service_status(service, ServingStatus::NotServing).await;
    }
    let mut health = health.clone();
    for service in [SERVICE, ""] {
        health.clear_service_status(service).await;
    }
}

async fn spawn_metrics(config: &Config, metrics: &Arc<Metrics>) -> Result<(), Failure> {
    let listener = match listen(config.metrics.listen, "metrics").await {
        Ok(listener) => listener,
        // Two services on one machine, both without a config: no reason not to start.
        Err(failure) if config.metrics.listen_is_default => {
            tracing::warn!("{failure}: going on without metrics");
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    // To the end of the process: what a stop looks like is worth seeing.
    tokio::spawn(serve_metrics(listener, Arc::clone(metrics), std::future::pending()));
    Ok(())
}

fn spawn_sweeper(opened: &Opened) -> JoinHandle<()> {
    let service = opened.service.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match service.sweep().await {
                Ok(0) => {}
                Ok(gone) => tracing::info!(gone, "swept"),
                Err(error) => tracing::warn!(%error, "the sweep failed; the next one tries again"),
            }
        }
    })
}

/// Finishes or undoes what is open at clouds, as soon as it is time.
fn spawn_settler(opened: &Opened) -> JoinHandle<()> {
    let service = opened.service.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(SETTLE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = service.settle().await {
                tracing::warn!(%error, "the look for open work at clouds failed; the next one tries again");
            }
        }
    })
}

/// Looks for shared primes among the RSA keys that came in, for at most a twentieth of the time.
fn spawn_search(opened: &Opened) -> JoinHandle<()> {
    let service = opened.service.clone();
    tokio::spawn(async move {
        loop {
            let start = Instant::now();
            if let Err(error) = service.search_shared_primes().await {
                tracing::warn!(%error, "the search for shared primes failed; the next one tries again");
            }
            tokio::time::sleep(SEARCH.max(start.elapsed() * 20)).await;
        }
    })
}

/// Keeps the gauge of key pairs near the truth.
fn spawn_counter(opened: &Opened, metrics: &Arc<Metrics>) -> JoinHandle<()> {
    let (service, metrics) = (opened.service.clone(), Arc::clone(metrics));
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(COUNT);
        loop {
            tick.tick().await;
            if let Ok(total) = service.total().await {
                metrics.key_pairs_stored(total);
            }
        }
    })
}

/// Turns true at the first SIGTERM or SIGINT.
fn signals() -> Result<watch::Receiver<bool>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Failure::io("cannot listen for signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (stopped, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.send_replace(true);
        // Kept, so that receivers see a value and not a closed channel.
        std::future::pending::<()>().await;
    });
    Ok(stop)
}

const SERVICE: &str = "keypairs.v1.KeyPairs";
const STARTING: &str = "starting";
const STOPPING: &str = "stopping";
/// How long connections stay open for new calls, which are refused: long enough for a balancer to hear NOT_SERVING, and
/// for callers under load to be told in our words and not by a closed connection.
const NOTICE: Duration = Duration::from_millis(200);
/// How long connections may take to send the last answers.
const LINGER: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_secs(20);
const FLUSH: Duration = Duration::from_secs(4);
const COUNT: Duration = Duration::from_secs(5);
/// The least time between two searches for shared primes.
const SEARCH: Duration = Duration::from_secs(1);
/// How often it is looked for work that is open at clouds; the look reads one range of the store.
const SETTLE: Duration = Duration::from_millis(500);
const SWEEP: Duration = Duration::from_secs(60);
const MESSAGE: usize = 256 * 1024;
