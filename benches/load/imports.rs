//! Whether costly imports slow down everybody else: Get alone, then Get beside 64 callers that import the most expensive
//! key files that are allowed.
//!
//! An import that is refused because too many wait is what the service promises; the caller waits as it was told and
//! tries again. It does not judge how many imports get through.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use crate::drive::{Load, Until, drive};
use crate::keypairs::pb::{self, key_pairs_client::KeyPairsClient};
use crate::keypairs::{Rpc, Service};
use crate::{Options, Outcome};

/// Measures and prints; true when Get's p99 stays under three times its idle value.
pub(crate) async fn bench(options: &Options, program: &Path) -> Outcome<bool> {
    let folder = tempfile::tempdir()?;
    let (service, _) = Service::start(program, folder.path()).await?;
    service.fill(PAIRS).await?;
    let time = Until::time(Duration::from_secs_f64(options.seconds.max(5.0)));
    drive(service.lanes(Rpc::Get, GETS), Until::calls(5_000)).await?;
    let idle = drive(service.lanes(Rpc::Get, GETS), time).await?;
    let importers = Importers::start(&service)?;
    importers.wait_for_the_first().await?;
    let beside = drive(service.lanes(Rpc::Get, GETS), time).await?;
    let (taken, refused) = importers.stop().await?;
    println!("\n| Get, {} in flight | req/s | p50 us | p99 us |\n|---|---:|---:|---:|", 4 * GETS);
    row("idle", &idle);
    row("beside 64 importers", &beside);
    let ratio = p99(&beside) / p99(&idle);
    let met = ratio < 3.0;
    println!("\nimports meanwhile: {taken} taken, {refused} told to wait");
    println!("Get's p99 beside them / idle: {ratio:.2}, target < 3: {}", if met { "met" } else { "MISSED" });
    service.process.stop()?;
    Ok(met || !options.strict)
}

/// Callers that import without an end.
struct Importers {
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<Outcome<()>>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Importers {
    fn start(service: &Service) -> Outcome<Self> {
        let files = FILES.map(|file| fs::read_to_string(corpus().join(file)));
        let files = files.into_iter().collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared::default());
        let channels = service.channels();
        let spawn = |number: usize| {
            let (channel, file) = (channels[number % channels.len()].clone(), files[number % files.len()].clone());
            tokio::spawn(import(channel, file, number, shared.clone()))
        };
        let tasks = (0..IMPORTERS).map(spawn).collect();
        Ok(Self { shared, tasks })
    }

    /// Until then the load is not on.
    async fn wait_for_the_first(&self) -> Outcome<()> {
        let first = async {
            while self.shared.taken.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        Ok(tokio::time::timeout(Duration::from_secs(60), first).await.map_err(|_| "no import was taken in a minute")?)
    }

    async fn stop(self) -> Outcome<(u64, u64)> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok((self.shared.taken.load(Ordering::Relaxed), self.shared.refused.load(Ordering::Relaxed)))
    }
}

async fn import(channel: Channel, file: String, number: usize, shared: Arc<Shared>) -> Outcome<()> {
    let mut client = KeyPairsClient::new(channel);
    while !shared.stopping.load(Ordering::Relaxed) {
        let request = pb::ImportPrivateRequest {
            name: format!("import-{number}"),
            private_key: file.clone(),
            passphrase: PASSPHRASE.to_owned(),
            validate_only: true, // everything is done but the storing, and so it can be done again
            ..Default::default()
        };
        match client.import_private(request).await {
            Ok(_) => shared.taken.fetch_add(1, Ordering::Relaxed),
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::DeadlineExceeded) => {
                let told = status.get_details_retry_info().and_then(|info| info.retry_delay);
                tokio::time::sleep(told.unwrap_or(SHORT).clamp(SHORT, LONG)).await;
                shared.refused.fetch_add(1, Ordering::Relaxed)
            }
            Err(status) => return Err(format!("an import failed: {status}").into()),
        };
    }
    Ok(())
}

fn row(what: &str, load: &Load) {
    let rate = load.calls as f64 / load.seconds;
    println!("| {what} | {rate:.0} | {} | {} |", load.latency.value_at_quantile(0.5), p99(load));
}

fn p99(load: &Load) -> f64 {
    load.latency.value_at_quantile(0.99) as f64
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keys")
}

/// The corpus's files at the bounds of what a derivation may cost, half a second each.
const FILES: [&str; 3] = ["most-bcrypt-64-rounds", "most-argon2-64-mib-16-passes", "most-scrypt-p-2"];
const PASSPHRASE: &str = "correct horse";
const IMPORTERS: usize = 64;
const PAIRS: u64 = 5_000;
/// Gets in flight on each of the four connections: few, so that their latency is theirs and not that of a queue.
const GETS: usize = 1;
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(2);
