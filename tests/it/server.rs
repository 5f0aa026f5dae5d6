//! A real server for tests: the built binary as a child process in a directory of its own, on a free port.
//!
//! It is stopped by its pid when dropped; what it logged is kept for the test to look at.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keypairs::grpc::pb::key_pairs_client::KeyPairsClient;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// A directory for one store, and the servers that run on it one after the other.
pub struct Place {
    folder: PathBuf,
    _own: Option<TempDir>,
}

impl Place {
    /// In a temporary directory.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { folder: dir.path().to_owned(), _own: Some(dir) }
    }

    /// In a directory that is somebody else's to remove.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _own: None }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Writes the configuration file that servers of this place read; `text` without listeners.
    pub fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("keypairs.toml")
    }

    /// A `keypairs` command with this place's data and configuration after `words`. $KEYPAIRS_BIN is another build.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).arg("--data-dir").arg(self.data());
        if self.config().exists() {
            command.arg("--config").arg(self.config());
        }
        command.env_remove("KEYPAIRS_SERVER").env("KEYPAIRS__METRICS__LISTEN", "127.0.0.1:0");
        command
    }

    /// Starts a server and waits until it serves.
    pub fn serve(&self) -> Server {
        self.serve_at_level("info")
    }

    pub fn serve_at_level(&self, level: &str) -> Server {
        Server::start(self.serve_command(level))
    }

    /// Starts a server that need not come to serve; `Err` is how it ended.
    pub fn try_serve(&self, bound: Duration) -> Result<Server, Ended> {
        Server::try_start(self.serve_command("info"), bound)
    }

    /// `keypairs store verify` of a place that no server holds: whether it is clean, and what it says.
    pub fn verify(&self) -> (bool, String) {
        let output = self.command(&["store", "verify"]).output().unwrap();
        let talk = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&talk).into_owned())
    }

    pub fn serve_command(&self, level: &str) -> Command {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("KEYPAIRS__LOG__LEVEL", level).env("KEYPAIRS__LOG__FORMAT", "json");
        command
    }
}

/// How a server ended that never served.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it said on stderr.
    pub log: String,
}

/// A running server.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: String,
    metrics: String,
}

impl Server {
    /// Starts `command` and waits until it says that it serves.
    pub fn start(command: Command) -> Self {
        Self::try_start(command, Duration::from_secs(60)).unwrap_or_else(|ended| panic!("the server ended: {ended:#?}"))
    }

    fn try_start(mut command: Command, bound: Duration) -> Result<Self, Ended> {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (log.clone(), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut server = Self { child, log, address: String::new(), metrics: String::new() };
        let end = Instant::now() + bound;
        while !server.log().iter().any(|line| line.contains("\"message\":\"serving\"")) {
            if let Some(status) = server.child.try_wait().unwrap() {
                reader.join().unwrap(); // until it has read all of it
                return Err(Ended { code: status.code(), log: server.log().join("\n") });
            }
            assert!(Instant::now() < end, "the server neither serves nor ends: {:#?}", server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        server.address = server.listener("grpc").unwrap();
        server.metrics = server.listener("metrics").unwrap_or_default();
        Ok(server)
    }

    /// `127.0.0.1:PORT` of a listener, if there is one of that name.
    pub fn listener(&self, name: &str) -> Option<String> {
        let line = self.log().into_iter().find(|line| line.contains(&format!("\"listener\":\"{name}\"")))?;
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        Some(value["address"].as_str().unwrap().to_owned())
    }

    /// `127.0.0.1:PORT` of the gRPC listener.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `127.0.0.1:PORT` of the metrics listener.
    pub fn metrics_address(&self) -> &str {
        &self.metrics
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// A client with a connection of its own.
    pub async fn client(&self) -> KeyPairsClient<Channel> {
        KeyPairsClient::new(self.channel().await)
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.timeout(Duration::from_secs(60)).connect().await.unwrap()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait(Duration::from_secs(30))
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), pid.as_str()]).status().unwrap().success());
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, bound: Duration) -> ExitStatus {
        let end = Instant::now() + bound;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the server did not end: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that is tested.
pub fn program() -> std::ffi::OsString {
    std::env::var_os("KEYPAIRS_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_keypairs").into())
}

/// Polls until `condition` holds, for at most 60 s.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Copies a directory.
pub fn copy_dir(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// The reason in a status's ErrorInfo.
pub fn reason(status: &tonic::Status) -> String {
    use tonic_types::StatusExt;
    status.get_error_details().error_info().map(|told| told.reason.clone()).unwrap_or_default()
}
