//! `keypairs doctor`: whether everything that the service needs is well, on one screen. It changes nothing: each cloud is
//! asked to list, which proves the credentials, and its answer tells its clock.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, command, providers};
use crate::cli::{Checkup, Output, Settings};
use crate::clock::{Clock, Millis, SystemClock};
use crate::config::{Config, Flags};
use crate::provider::{FaultKind, Provider};

/// Looks at everything, tells everything, and fails when something is not well.
pub async fn doctor(settings: &Settings, output: Output) -> Result<(), Failure> {
    let config = command::load(settings, Flags::default())?;
    let mut told = vec![files(&config), disk(&config.data_dir)];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let looks = providers::open(&config, &clock)?.into_iter().map(|provider| {
        let clock = Arc::clone(&clock);
        async move { look(&*provider, &*clock).await }
    });
    told.extend(futures_util::future::join_all(looks).await.into_iter().flatten());
    output.checkups(&told).map_err(|failure| Failure::io("stdout", failure))?;
    match told.iter().filter(|checkup| !checkup.is_well).count() {
        0 => Ok(()),
        ill => Err(Failure::config(format!("{ill} of {} are not well; the table says what", told.len()))),
    }
}

fn files(config: &Config) -> Checkup {
    match super::serve::check(config) {
        Ok(()) => Checkup::well("config", "it is sound, and its files can be used"),
        Err(failure) => Checkup::ill("config", failure.to_string()),
    }
}

/// The store refuses to write with less than [`ROOM`] (`store/sled/disk.rs` has a floor of its own).
fn disk(data_dir: &Path) -> Checkup {
    let there = data_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Err(error) => Checkup::ill("disk", format!("{}: {error}", there.display())),
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let words = format!("{} MiB are free at {}", free >> 20, there.display());
            if free >= ROOM { Checkup::well("disk", words) } else { Checkup::ill("disk", words) }
        }
    }
}

/// Credentials, quota and clock of one cloud account.
async fn look(provider: &dyn Provider, clock: &dyn Clock) -> Vec<Checkup> {
    let name = provider.spec().name.to_string();
    let listed = count(provider).await;
    let account = match listed {
        Ok((used, None)) => Checkup::well(&name, format!("the credentials are good; {used} key pairs there")),
        Ok((used, Some(limit))) => {
            let words = format!(
                "the credentials are good; {used} of {limit} key pairs there, {} left",
                limit.saturating_sub(used)
            );
            if used < limit { Checkup::well(&name, words) } else { Checkup::ill(&name, words) }
        }
        Err(words) => Checkup::ill(&name, words),
    };
    let skew = provider.cloud_time().map(|theirs| clock_skew(&name, theirs - clock.now()));
    std::iter::once(account).chain(skew).collect()
}

/// How many pairs the account holds, and may hold.
async fn count(provider: &dyn Provider) -> Result<(u64, Option<u64>), String> {
    let (mut used, mut after) = (0, None::<String>);
    loop {
        let page = provider.page(after.as_deref()).await.map_err(|fault| match fault.kind {
            FaultKind::Refused(_) => format!("refused: {} {}", fault.code, fault.message),
            _ => format!("no answer: {}", fault.message),
        })?;
        used += page.value.items.len() as u64;
        match page.value.next {
            Some(next) if Some(&next) != after.as_ref() => after = Some(next),
            _ => return Ok((page.value.total.unwrap_or(used), provider.spec().can.quota)),
        }
    }
}

/// Signatures carry a time, and the narrowest window is Tencent's, five minutes.
fn clock_skew(name: &str, ahead: Millis) -> Checkup {
    let (what, seconds) = (format!("{name}: clock"), ahead / 1000);
    let words = match seconds {
        0 => "the cloud's and ours agree to a second".to_owned(),
        1.. => format!("ours is {seconds} s behind the cloud's"),
        _ => format!("ours is {} s ahead of the cloud's", -seconds),
    };
    if ahead.abs() < SKEW { Checkup::well(what, words) } else { Checkup::ill(what, format!("{words}: set the clock")) }
}

const ROOM: u64 = 256 << 20;
const SKEW: Millis = 60_000;
