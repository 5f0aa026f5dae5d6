//! Makes sled fsync: the process forbids itself `sync_file_range`, and sled then falls back to `sync_all`.
//!
//! sled 0.34.7's flush is pwrite + sync_file_range, which makes neither the file's size nor the disk's cache durable:
//! a power cut loses the whole store. Promise: after `install`, every thread of this process, now and later, gets
//! ENOSYS from that one call; or `install` fails, and the store must not be opened.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Installs the filter, once per process, and looks whether every thread has it.
#[cfg(not(keypairs_without_filter))]
pub(super) fn install() -> Result<(), String> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| apply().and_then(|()| covers_all_threads())).clone()
}

/// tests/power_loss.py builds without it, to show what it is for. No feature, flag or setting does.
#[cfg(keypairs_without_filter)]
pub(super) fn install() -> Result<(), String> {
    Ok(())
}

fn apply() -> Result<(), String> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|e| format!("no filter for this machine: {e}"))?;
    let deny = SeccompAction::Errno(ENOSYS);
    let rules = BTreeMap::from([(SYNC_FILE_RANGE, Vec::new())]);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, deny, arch).map_err(|e| e.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|e| {
        format!("cannot install the seccomp filter that makes the store durable: {e}; allow the seccomp system call")
    })
}

/// Mode 2 is "filter". A thread that ended meanwhile has no file any more.
fn covers_all_threads() -> Result<(), String> {
    let tasks = std::fs::read_dir("/proc/self/task").map_err(|e| format!("/proc/self/task: {e}"))?;
    for task in tasks.flatten() {
        let Ok(status) = std::fs::read_to_string(task.path().join("status")) else { continue };
        let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
        if mode != Some("2") {
            let thread = task.file_name();
            return Err(format!("thread {thread:?} is not under the seccomp filter (Seccomp: {mode:?})"));
        }
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
const SYNC_FILE_RANGE: i64 = 277;
#[cfg(not(target_arch = "x86_64"))] // the generic table: aarch64, riscv64; `TargetArch` refuses all others
const SYNC_FILE_RANGE: i64 = 84;
const ENOSYS: u32 = 38;
