//! The load benchmark: the service, a bare tonic echo and a real OpenBao, side by side in one run.
//!
//! ```text
//! cargo bench --bench load                  100,000 pairs, 5 interleaved runs: about 10 minutes
//! cargo bench --bench load -- --short       5,000 pairs, 1 run: about a minute, for CI
//! cargo bench --bench load -- --imports     Get beside 64 callers of costly imports, and nothing else
//! ```
//!
//! It promises that the figures of one run come from servers that stood under the same load on the same machine in the
//! same minute: machines differ, ratios much less. Four connections with 16 calls in flight each, OpenBao 64
//! connections. A call that fails ends it. It does not judge in the short form.
#![allow(clippy::print_stdout, reason = "it prints its table")]

mod bao;
mod drive;
mod echo;
mod http;
mod imports;
mod keypairs;
mod process;
mod report;

/// Where the generated code of the service looks for its codec. The benchmark is a caller like any other: plain prost.
mod grpc {
    pub(crate) mod codec {
        pub(crate) type Codec<Sent, Received> = tonic_prost::ProstCodec<Sent, Received>;
    }
}

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tonic::transport::{Channel, Endpoint};

use bao::{Bao, BaoCall};
use drive::{Lane, Until, drive};
use echo::{Echo, Sizes};
use keypairs::{Rpc, Service};
use process::{Process, disk_bytes, own_cpu_seconds};
use report::{BAO, ECHO, KEYPAIRS, Report, Sample, check_answered};

/// Any failure ends the benchmark and is told.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the service against a bare echo and OpenBao.
#[derive(Parser, Clone)]
struct Options {
    /// 5,000 pairs, one run of 2 s: shows that everything works, judges nothing.
    #[arg(long)]
    short: bool,
    /// Pairs that the service holds while it is measured.
    #[arg(long, default_value_t = 100_000)]
    pairs: u64,
    /// Keys that OpenBao holds while it is measured.
    #[arg(long, default_value_t = 10_000)]
    bao_keys: u64,
    /// Interleaved runs.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Creates per measurement, at most: they are taken away after each.
    #[arg(long, default_value_t = 10_000)]
    creates: u64,
    /// Only this: Get alone, and beside 64 callers that import the most expensive key files that are allowed.
    #[arg(long)]
    imports: bool,
    /// Leave OpenBao out.
    #[arg(long)]
    no_bao: bool,
    /// OpenBao's program; default: the one in .tools/venv.
    #[arg(long)]
    bao: Option<PathBuf>,
    /// The program to measure; default: the one that cargo built for this run.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Exit with 1 when a target is missed.
    #[arg(long)]
    strict: bool,
    /// Cargo gives this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = if std::env::args().nth(1).as_deref() == Some(echo::SERVER_ARGUMENT) {
        echo::serve().await.map(|()| true)
    } else {
        bench(Options::parse().completed()).await
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("load: {fault}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn completed(self) -> Self {
        if self.short {
            return Self { pairs: 5_000, bao_keys: 500, runs: 1, seconds: 2.0, creates: 2_000, strict: false, ..self };
        }
        self
    }

    fn time(&self) -> Until {
        Until::time(Duration::from_secs_f64(self.seconds))
    }
}

/// Everything that is measured.
struct Stage {
    service: Service,
    echo: Echo,
    bao: Option<Bao>,
    get: Sizes,
    list: Sizes,
}

/// Sets the stage, runs, prints. True unless --strict and a target was missed.
async fn bench(options: Options) -> Outcome<bool> {
    if cfg!(debug_assertions) {
        println!("WARNING: this is not an optimised build; its figures mean nothing");
    }
    if options.imports {
        return imports::bench(&options, &keypairs::program(options.program.clone())).await;
    }
    let folder = tempfile::tempdir()?;
    let mut report = Report::default();
    let stage = stage(&options, folder.path(), &mut report).await?;
    println!("Get: {:?}, List(50): {:?}", stage.get, stage.list);
    let warm = Options { seconds: 1.0, creates: 500, ..options.clone() };
    stage.run(&warm, &mut Report::default()).await?;
    for number in 1..=options.runs {
        println!("run {number} of {}", options.runs);
        stage.run(&options, &mut report).await?;
    }
    report.under("RSS after the run (MiB)", stage.service.process.rss_mib()?, 150.0);
    print_commits(&stage.service).await?;
    if let Some(bao) = &stage.bao {
        println!("OpenBao held {} keys at the end, RSS {:.0} MiB", bao.keys(), bao.process.rss_mib()?);
    }
    targets(&mut report);
    let met = report.print();
    if options.short {
        println!("\nshort form: it shows that everything works; MISSED says nothing at this size");
    }
    stage.service.process.stop()?;
    Ok(met || !options.strict)
}

/// Starts and fills all servers; start time and size on disk are measured on the way.
async fn stage(options: &Options, folder: &std::path::Path, report: &mut Report) -> Outcome<Stage> {
    let program = keypairs::program(options.program.clone());
    let bao_program = if options.no_bao { None } else { Some(bao::program(options.bao.clone())?) };
    println!("filling: {} pairs in {}", options.pairs, program.display());
    let (service, empty_start) = Service::start(&program, folder).await?;
    service.fill(options.pairs).await?;
    let (service, start) = service.restart(&program, folder).await?;
    println!("start to SERVING: {empty_start:.2} s empty, {start:.2} s with {} pairs", options.pairs);
    report.under("start to SERVING with all pairs (s)", start, 2.0);
    let bytes = disk_bytes(&keypairs::data(folder))?;
    report.under("bytes on disk per pair", bytes as f64 / options.pairs as f64, 4096.0);
    let bao = match bao_program {
        Some(program) => {
            println!("filling: {} keys in {}", options.bao_keys, program.display());
            Some(Bao::start(&program, folder, options.bao_keys).await?)
        }
        None => {
            println!("OpenBao is left out (--no-bao)");
            None
        }
    };
    let (get, list) = (service.sizes(Rpc::Get).await?, service.sizes(Rpc::List).await?);
    Ok(Stage { service, echo: Echo::start(folder).await?, bao, get, list })
}

impl Stage {
    /// One run: every call once, those that are compared next to each other.
    async fn run(&self, options: &Options, report: &mut Report) -> Outcome<()> {
        let time = options.time();
        self.service(GET, Rpc::Get, time, report).await?;
        self.echo(GET, self.get, time, report).await?;
        self.bao(GET, BaoCall::Read, time, report).await?;
        self.service(EXPORT, Rpc::Export, time, report).await?;
        self.bao(EXPORT, BaoCall::Export, time, report).await?;
        let creates = Until { calls: options.creates, ..time };
        self.service(CREATE, Rpc::Create, creates, report).await?;
        self.service.purge_made().await?;
        self.bao(CREATE, BaoCall::Create, creates, report).await?;
        self.service(LIST, Rpc::List, time, report).await?;
        self.echo(LIST, self.list, time, report).await
    }

    async fn service(&self, call: &'static str, rpc: Rpc, until: Until, report: &mut Report) -> Outcome<()> {
        let lanes = self.service.lanes(rpc, IN_FLIGHT);
        report.add(call, KEYPAIRS, measure(&self.service.process, lanes, until).await?);
        Ok(())
    }

    async fn echo(&self, call: &'static str, sizes: Sizes, until: Until, report: &mut Report) -> Outcome<()> {
        let lanes = self.echo.lanes(sizes, IN_FLIGHT);
        report.add(call, ECHO, measure(&self.echo.process, lanes, until).await?);
        Ok(())
    }

    async fn bao(&self, call: &'static str, what: BaoCall, until: Until, report: &mut Report) -> Outcome<()> {
        let Some(bao) = &self.bao else { return Ok(()) };
        let lanes = bao.lanes(what, bao::CONNECTIONS).await?;
        report.add(call, BAO, measure(&bao.process, lanes, until).await?);
        Ok(())
    }
}

async fn measure<L: Lane>(server: &Process, lanes: Vec<L>, until: Until) -> Outcome<Sample> {
    let before = (server.cpu_seconds()?, own_cpu_seconds()?);
    let load = drive(lanes, until).await?;
    check_answered(&load)?;
    let cpu = (server.cpu_seconds()? - before.0, own_cpu_seconds()? - before.1);
    Ok(Sample::of(&load, cpu, server.rss_mib()?))
}

/// Commits per fsync while Creates alone run: how many callers share one fsync.
async fn print_commits(service: &Service) -> Outcome<()> {
    let before = service.commits_and_fsyncs().await?;
    drive(service.lanes(Rpc::Create, IN_FLIGHT), Until::calls(2_000)).await?;
    match before.zip(service.commits_and_fsyncs().await?) {
        Some((before, after)) => {
            let (commits, fsyncs) = (after.0 - before.0, after.1 - before.1);
            println!("commits per fsync at 64 Creates in flight: {:.1} ({commits} / {fsyncs})", commits / fsyncs);
        }
        None => println!("commits per fsync: the metrics page does not tell store_commits_total and *fsync*_count"),
    }
    service.purge_made().await
}

fn targets(report: &mut Report) {
    report.ratio(GET, (GET, ECHO), 0.6);
    report.ratio(GET, (GET, BAO), 3.0);
    report.ratio(EXPORT, (EXPORT, BAO), 2.5);
    report.ratio(CREATE, (CREATE, BAO), 4.0);
    report.ratio(LIST, (LIST, ECHO), 0.5);
}

/// Four connections to a gRPC server.
async fn channels(address: &str) -> Outcome<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(Endpoint::from_shared(format!("http://{address}"))?.connect().await?);
    }
    Ok(channels)
}

const CONNECTIONS: usize = 4;
/// Per connection.
const IN_FLIGHT: usize = 16;
const GET: &str = "Get";
const EXPORT: &str = "ExportPrivate";
const CREATE: &str = "Create ed25519";
const LIST: &str = "List(50)";
