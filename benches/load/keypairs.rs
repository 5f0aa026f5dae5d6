//! The service under measurement: the release binary on a data directory of its own, called as any client calls it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode};
use prost::Message;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::drive::{Dice, Lane, Until, drive};
use crate::echo::Sizes;
use crate::http::Http;
use crate::process::Process;
use crate::{Outcome, channels};

use pb::key_pairs_client::KeyPairsClient;

/// The client's code, made from the same proto as the server's, with the plain protobuf codec that callers have.
pub(crate) mod pb {
    #![allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::too_many_lines)]
    tonic::include_proto!("keypairs.v1");
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rpc {
    /// Get of a random pair, by name and by id in turn.
    Get,
    /// ExportPrivate of a random pair by id, in OpenSSH's format.
    Export,
    /// Create of an ed25519 pair that returns its private half.
    Create,
    /// A random page of 50.
    List,
    /// Create for the preload: the private half is kept, not returned.
    Fill,
    /// Delete with purge of a pair that Create made.
    Purge,
}

/// A running server with its pairs.
pub(crate) struct Service {
    /// Its process.
    pub(crate) process: Process,
    channels: Vec<Channel>,
    metrics: Option<String>,
    pairs: Arc<Pairs>,
}

/// What lanes know of the pairs there.
#[derive(Default)]
struct Pairs {
    /// (name, id) of those that stay.
    kept: Mutex<Vec<(String, String)>>,
    /// Ids of those that Create made.
    made: Mutex<Vec<String>>,
    /// Page tokens of all pages of 50.
    pages: Mutex<Vec<String>>,
    named: AtomicU64,
}

impl Service {
    /// Starts the program and waits until it says SERVING; also returns the seconds that took.
    pub(crate) async fn start(program: &Path, folder: &Path) -> Outcome<(Self, f64)> {
        let config = folder.join("keypairs.toml");
        fs::write(&config, "[quota]\nkey_pairs_per_project = 10000000\n")?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&config).arg("--data-dir").arg(data(folder));
        command.args(["--listen", "127.0.0.1:0"]).env("KEYPAIRS__METRICS__LISTEN", "127.0.0.1:0").current_dir(folder);
        let begin = Instant::now();
        let mut process = Process::start(&mut command, folder.join("keypairs.log"))?;
        let address = serving_address(&mut process).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let metrics = metrics_address(&process, &address).await;
        Ok((Self { channels: channels(&address).await?, metrics, process, pairs: Arc::default() }, seconds))
    }

    /// Stops it and starts it again on the same data; the pairs stay known.
    pub(crate) async fn restart(self, program: &Path, folder: &Path) -> Outcome<(Self, f64)> {
        let pairs = self.pairs.clone();
        self.process.stop()?;
        let (service, seconds) = Self::start(program, folder).await?;
        Ok((Self { pairs, ..service }, seconds))
    }

    /// Makes the pairs, and learns the pages they are on.
    pub(crate) async fn fill(&self, pairs: u64) -> Outcome<()> {
        drive(self.lanes(Rpc::Fill, 64), Until::calls(pairs)).await?;
        let mut client = self.client();
        let (mut token, mut seen) = (String::new(), 0);
        loop {
            lock(&self.pairs.pages).push(token.clone());
            let page = client.list(list_request(token)).await?.into_inner();
            seen += page.key_pairs.len() as u64;
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        if seen == pairs { Ok(()) } else { Err(format!("{pairs} pairs were made, List shows {seen}").into()) }
    }

    /// Purges what Create made, so that every run sees the same number of pairs.
    pub(crate) async fn purge_made(&self) -> Outcome<()> {
        let made = lock(&self.pairs.made).len() as u64;
        drive(self.lanes(Rpc::Purge, 16), Until::calls(made)).await?;
        Ok(())
    }

    /// Lanes on all connections.
    pub(crate) fn lanes(&self, rpc: Rpc, in_flight: usize) -> Vec<ServiceLane> {
        let channels = self.channels.iter().flat_map(|channel| std::iter::repeat_n(channel.clone(), in_flight));
        let lane = |(number, channel): (usize, Channel)| ServiceLane {
            client: KeyPairsClient::new(channel.clone()),
            raw: tonic::client::Grpc::new(channel),
            rpc,
            pairs: self.pairs.clone(),
            dice: Dice(number as u64),
        };
        channels.enumerate().map(lane).collect()
    }

    /// How large request and answer of one call are: the mean of a few.
    pub(crate) async fn sizes(&self, rpc: Rpc) -> Outcome<Sizes> {
        let mut lane = self.lanes(rpc, 1).swap_remove(0);
        let mut sum = Sizes { request: 0, answer: 0 };
        for _ in 0..SAMPLES {
            let sizes = lane.sized_call().await?;
            sum = Sizes { request: sum.request + sizes.request, answer: sum.answer + sizes.answer };
        }
        Ok(Sizes { request: sum.request / SAMPLES, answer: sum.answer / SAMPLES })
    }

    /// Commits and fsyncs of the store so far, from the metrics page; None when it does not tell them.
    pub(crate) async fn commits_and_fsyncs(&self) -> Outcome<Option<(f64, f64)>> {
        let Some(address) = &self.metrics else { return Ok(None) };
        let page = Http::connect(address, None).await?.send(Method::GET, "/metrics", String::new()).await?;
        let page = String::from_utf8_lossy(&page);
        let commits = sum_of(&page, |name| name.contains("store_commits") && name.ends_with("_total"));
        let fsyncs = sum_of(&page, |name| name.contains("fsync") && name.ends_with("_count"))
            .or_else(|| sum_of(&page, |name| name.contains("fsync") && name.ends_with("_total")));
        Ok(commits.zip(fsyncs))
    }

    /// Its connections.
    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn client(&self) -> KeyPairsClient<Channel> {
        KeyPairsClient::new(self.channels[0].clone())
    }
}

/// An answer to Get or ExportPrivate that is read and not parsed: neither does the echo's client parse its bytes, nor
/// OpenBao's its JSON, and it is the servers that are measured.
#[derive(Clone, PartialEq, Message)]
struct Unparsed {
    /// The pair, or the private half.
    #[prost(bytes = "vec", tag = "1")]
    first: Vec<u8>,
}

/// A List answer whose pairs are counted and not parsed either.
#[derive(Clone, PartialEq, Message)]
struct UnparsedPage {
    #[prost(bytes = "vec", repeated, tag = "1")]
    key_pairs: Vec<Vec<u8>>,
    #[prost(string, tag = "2")]
    next_page_token: String,
}

/// One caller of the service.
pub(crate) struct ServiceLane {
    client: KeyPairsClient<Channel>,
    raw: tonic::client::Grpc<Channel>,
    rpc: Rpc,
    pairs: Arc<Pairs>,
    dice: Dice,
}

impl Lane for ServiceLane {
    async fn call(&mut self) -> Outcome<()> {
        self.sized_call().await.map(drop)
    }
}

impl ServiceLane {
    /// Calls once. The sizes are only computed, in well under a microsecond, from messages that are there anyway.
    async fn sized_call(&mut self) -> Outcome<Sizes> {
        match self.rpc {
            Rpc::Get => self.get().await,
            Rpc::Export => self.export().await,
            Rpc::Create => self.create("run", false).await,
            Rpc::Fill => self.create("pair", true).await,
            Rpc::List => self.list().await,
            Rpc::Purge => self.purge().await,
        }
    }

    async fn get(&mut self) -> Outcome<Sizes> {
        let (name, id) = self.any_pair();
        let key = if self.dice.below(2) == 0 { pb::get_request::Key::Name(name) } else { pb::get_request::Key::Id(id) };
        let request = pb::GetRequest { project_id: String::new(), key: Some(key) };
        let (answer, sizes): (Unparsed, _) = self.unparsed("/keypairs.v1.KeyPairs/Get", request).await?;
        check(!answer.first.is_empty(), "Get without a pair")?;
        Ok(sizes)
    }

    async fn export(&mut self) -> Outcome<Sizes> {
        let (_, id) = self.any_pair();
        let key = Some(pb::export_private_request::Key::Id(id));
        let request = pb::ExportPrivateRequest { key, ..Default::default() };
        let (answer, sizes): (Unparsed, _) = self.unparsed("/keypairs.v1.KeyPairs/ExportPrivate", request).await?;
        check(!answer.first.is_empty(), "ExportPrivate without a private half")?;
        Ok(sizes)
    }

    async fn create(&mut self, prefix: &str, keep: bool) -> Outcome<Sizes> {
        let number = self.pairs.named.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{number:07}");
        let request = pb::CreateRequest {
            name: name.clone(),
            key_type: pb::KeyType::Ed25519 as i32,
            omit_private_key: keep,
            ..Default::default()
        };
        let sent = request.encoded_len();
        let answer = self.client.create(request).await?.into_inner();
        check(answer.private_key.is_empty() == keep, "Create with the wrong private half")?;
        let size = answer.encoded_len();
        let id = answer.key_pair.ok_or("Create without a pair")?.id;
        if keep {
            lock(&self.pairs.kept).push((name, id));
        } else {
            lock(&self.pairs.made).push(id);
        }
        Ok(Sizes { request: sent, answer: size })
    }

    async fn list(&mut self) -> Outcome<Sizes> {
        let token = {
            let pages = lock(&self.pairs.pages);
            // Not the last page: it may be short.
            pages[self.dice.below(pages.len().saturating_sub(1).max(1))].clone()
        };
        let (page, sizes): (UnparsedPage, _) = self.unparsed("/keypairs.v1.KeyPairs/List", list_request(token)).await?;
        check(page.key_pairs.len() == PAGE as usize, "a page that is not full")?;
        Ok(sizes)
    }

    /// Calls without the generated client, so that of the answer only `A` is parsed; what `A` leaves out does not count.
    async fn unparsed<R, A>(&mut self, path: &'static str, request: R) -> Outcome<(A, Sizes)>
    where
        R: Message + 'static,
        A: Message + Default + 'static,
    {
        let sent = request.encoded_len();
        self.raw.ready().await?;
        let codec = ProstCodec::<R, A>::default();
        let answer = self.raw.unary(tonic::Request::new(request), PathAndQuery::from_static(path), codec).await?;
        let answer = answer.into_inner();
        let sizes = Sizes { request: sent, answer: answer.encoded_len() };
        Ok((answer, sizes))
    }

    async fn purge(&mut self) -> Outcome<Sizes> {
        let id = lock(&self.pairs.made).pop().ok_or("nothing left to purge")?;
        let key = Some(pb::delete_request::Key::Id(id));
        self.client.delete(pb::DeleteRequest { key, purge: true, ..Default::default() }).await?;
        Ok(Sizes { request: 0, answer: 0 })
    }

    fn any_pair(&mut self) -> (String, String) {
        let kept = lock(&self.pairs.kept);
        kept[self.dice.below(kept.len())].clone()
    }
}

/// The program: as named, else the one that cargo built beside this one.
pub(crate) fn program(named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_keypairs")))
}

/// Its data directory.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Port 0: the log tells the ports, and one of them answers a health check.
async fn serving_address(process: &mut Process) -> Outcome<String> {
    let end = Instant::now() + START;
    while Instant::now() < end {
        process.check_running()?;
        for address in process.addresses() {
            if is_serving(&address).await {
                return Ok(address);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(format!("the server was not SERVING after {START:?}").into())
}

async fn is_serving(address: &str) -> bool {
    let ask = async {
        let channel = Channel::from_shared(format!("http://{address}")).ok()?.connect().await.ok()?;
        let request = HealthCheckRequest { service: "keypairs.v1.KeyPairs".to_owned() };
        let answer = HealthClient::new(channel).check(request).await.ok()?;
        Some(answer.get_ref().status() == ServingStatus::Serving)
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok().flatten().unwrap_or(false)
}

async fn metrics_address(process: &Process, grpc: &str) -> Option<String> {
    for address in process.addresses().into_iter().filter(|address| address != grpc) {
        let ask = async { Http::connect(&address, None).await?.ask(Method::GET, "/metrics", String::new()).await };
        let answer = tokio::time::timeout(Duration::from_secs(2), ask).await;
        if matches!(answer, Ok(Ok((StatusCode::OK, _)))) {
            return Some(address);
        }
    }
    None
}

/// The sum of all samples of a metrics page whose name is wanted; None when there is none.
fn sum_of(page: &str, wanted: impl Fn(&str) -> bool) -> Option<f64> {
    let samples = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        wanted(series.split('{').next()?).then(|| value.parse::<f64>().ok()).flatten()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn list_request(page_token: String) -> pb::ListRequest {
    pb::ListRequest { page_size: PAGE, page_token, ..Default::default() }
}

fn check(holds: bool, otherwise: &'static str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// A lane that panicked ends the measurement anyway.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const PAGE: i32 = 50;
const SAMPLES: usize = 20;
const START: Duration = Duration::from_secs(120);
