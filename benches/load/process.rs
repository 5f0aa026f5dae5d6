//! A server process under measurement: start, what it logged, CPU and memory, stop.
//!
//! It promises that the process is gone when the value is dropped. It does not know which program it is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

/// A child process whose output goes to a log file.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; everything it prints goes to `log`.
    pub(crate) fn start(command: &mut Command, log: PathBuf) -> Outcome<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().map_err(|fault| format!("cannot start {:?}: {fault}", command.get_program()))?;
        Ok(Self { child, log })
    }

    /// Fails, with the end of the log, when the program has ended.
    pub(crate) fn check_running(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the server ended with {status}:\n{}", self.log_end()).into()),
        }
    }

    /// All addresses on 127.0.0.1 that the log tells, in order, each once.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let mut found = Vec::new();
        for rest in text.split("127.0.0.1:").skip(1) {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let address = format!("127.0.0.1:{port}");
            // The last line may not be whole yet: then something must follow the digits later.
            if port.len() < rest.len() && !port.is_empty() && port != "0" && !found.contains(&address) {
                found.push(address);
            }
        }
        found
    }

    /// CPU seconds so far, of all its threads.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Resident memory, in MiB.
    pub(crate) fn rss_mib(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Asks it to end and waits for that.
    ///
    /// # Errors
    /// It did not end within 60 s, or not with code 0.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no such pid")?;
        kill_process(pid, Signal::TERM)?;
        let end = Instant::now() + STOP;
        while Instant::now() < end {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("stopped with {status}:\n{}", self.log_end()).into()),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Err(format!("it did not stop within {STOP:?} of SIGTERM:\n{}", self.log_end()).into())
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// CPU seconds so far of this process.
pub(crate) fn own_cpu_seconds() -> Outcome<f64> {
    cpu_seconds("self")
}

/// Bytes that a folder takes on its disk: blocks, not lengths.
pub(crate) fn disk_bytes(folder: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(sum)
}

fn cpu_seconds(process: &str) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything; after it come the state and then numbers: user and system time are the
    // 12th and 13th of what follows.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 =
        fields.get(11).ok_or("short stat")?.parse::<f64>()? + fields.get(12).ok_or("short stat")?.parse::<f64>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

const STOP: Duration = Duration::from_secs(60);
/// USER_HZ: what /proc counts in, 100 on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
