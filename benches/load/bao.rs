//! The rival: a real OpenBao with raft storage (durable), no audit device, no TLS on loopback, transit keys.
//!
//! It is set up to look good: HTTP/1.1 on 64 kept connections, its log off, answers read but not parsed, and fewer
//! keys than the service has pairs.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::Outcome;
use crate::drive::{Dice, Lane, Until, drive};
use crate::http::Http;
use crate::process::Process;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BaoCall {
    /// Creates an exportable ed25519 key.
    Create,
    /// Reads a random key's description.
    Read,
    /// Exports a random key.
    Export,
}

/// A running, unsealed OpenBao with a transit mount.
pub(crate) struct Bao {
    /// Its process.
    pub(crate) process: Process,
    address: String,
    token: String,
    /// How many keys it holds: key-0, key-1 ...
    keys: Arc<AtomicUsize>,
}

impl Bao {
    /// Starts it on an empty directory and fills it with keys.
    pub(crate) async fn start(program: &Path, folder: &Path, keys: u64) -> Outcome<Self> {
        let address = free_address()?;
        let config = folder.join("bao.hcl");
        fs::create_dir(folder.join("raft"))?;
        fs::write(&config, configuration(folder, &address, &free_address()?))?;
        let mut command = Command::new(program);
        command.arg("server").arg("-config").arg(&config).current_dir(folder);
        let mut process = Process::start(&mut command, folder.join("bao.log"))?;
        let token = unseal(&mut process, &address).await?;
        let mut http = Http::connect(&address, Some(&token)).await?;
        http.send(Method::POST, "/v1/sys/mounts/transit", r#"{"type":"transit"}"#.to_owned()).await?;
        let bao = Self { process, address, token, keys: Arc::new(AtomicUsize::new(0)) };
        drive(bao.lanes(BaoCall::Create, CONNECTIONS).await?, Until::calls(keys)).await?;
        Ok(bao)
    }

    /// Lanes with a connection each.
    pub(crate) async fn lanes(&self, call: BaoCall, connections: usize) -> Outcome<Vec<BaoLane>> {
        let mut lanes = Vec::new();
        for lane in 0..connections {
            let http = Http::connect(&self.address, Some(&self.token)).await?;
            lanes.push(BaoLane { http, call, keys: self.keys.clone(), dice: Dice(lane as u64) });
        }
        Ok(lanes)
    }

    /// How many keys it holds.
    pub(crate) fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }
}

/// One caller of OpenBao.
pub(crate) struct BaoLane {
    http: Http,
    call: BaoCall,
    keys: Arc<AtomicUsize>,
    dice: Dice,
}

impl Lane for BaoLane {
    async fn call(&mut self) -> Outcome<()> {
        let (method, path, body) = match self.call {
            BaoCall::Create => {
                let key = self.keys.fetch_add(1, Ordering::Relaxed);
                (
                    Method::POST,
                    format!("/v1/transit/keys/key-{key}"),
                    r#"{"type":"ed25519","exportable":true}"#.to_owned(),
                )
            }
            BaoCall::Read => (Method::GET, format!("/v1/transit/keys/key-{}", self.any_key()), String::new()),
            BaoCall::Export => {
                (Method::GET, format!("/v1/transit/export/signing-key/key-{}", self.any_key()), String::new())
            }
        };
        self.http.send(method, &path, body).await?;
        Ok(())
    }
}

impl BaoLane {
    fn any_key(&mut self) -> usize {
        self.dice.below(self.keys.load(Ordering::Relaxed))
    }
}

/// The program: as named, else the one that tests/run.sh installs.
pub(crate) fn program(named: Option<PathBuf>) -> Outcome<PathBuf> {
    let path = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin/bao"));
    if path.exists() {
        return Ok(path);
    }
    Err(format!(
        "no OpenBao at {}: `tests/run.sh tools` installs it, --bao names one, --no-bao leaves it out",
        path.display()
    )
    .into())
}

/// Initialises with one key share, unseals, waits until it leads; returns the root token.
async fn unseal(process: &mut Process, address: &str) -> Outcome<String> {
    wait_for(process, address, StatusCode::NOT_IMPLEMENTED).await?; // 501: not initialised
    let mut http = Http::connect(address, None).await?;
    let shares = r#"{"secret_shares":1,"secret_threshold":1}"#.to_owned();
    let answer: Value = serde_json::from_slice(&http.send(Method::PUT, "/v1/sys/init", shares).await?)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("init answered without key or token");
    let key = text(&answer["keys_base64"][0])?;
    let token = text(&answer["root_token"])?;
    http.send(Method::PUT, "/v1/sys/unseal", format!(r#"{{"key":"{key}"}}"#)).await?;
    wait_for(process, address, StatusCode::OK).await?;
    Ok(token)
}

async fn wait_for(process: &mut Process, address: &str, wanted: StatusCode) -> Outcome<()> {
    let end = Instant::now() + START;
    while Instant::now() < end {
        process.check_running()?;
        if let Ok(mut http) = Http::connect(address, None).await {
            let answer = http.ask(Method::GET, "/v1/sys/health", String::new()).await;
            if answer.is_ok_and(|(status, _)| status == wanted) {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("OpenBao did not answer its health page with {wanted} within {START:?}").into())
}

fn configuration(folder: &Path, address: &str, cluster: &str) -> String {
    let raft = folder.join("raft");
    let raft = raft.display();
    format!(
        r#"storage "raft" {{
  path = "{raft}"
  node_id = "one"
}}
listener "tcp" {{
  address = "{address}"
  tls_disable = true
}}
api_addr = "http://{address}"
cluster_addr = "http://{cluster}"
disable_mlock = true
log_level = "error"
"#
    )
}

/// A port that was free a moment ago: OpenBao cannot tell which one it picked.
fn free_address() -> Outcome<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Connections, and so calls in flight.
pub(crate) const CONNECTIONS: usize = 64;
const START: Duration = Duration::from_secs(60);
