//! The operator commands: on the data themselves, or through the server that holds it.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Failure, backup_keys, keyring_failure, open, open_keyring, wire_version};
use crate::cli::operator_client::{OperatorClient, connect};
use crate::cli::{ConfigCommand, KeyringCommand, Output, Settings, StoreCommand};
use crate::clock::{Clock, Entropy, OsEntropy, SystemClock};
use crate::config::{Config, Flags, environment};
use crate::grpc::pb::operator::{
    BackupRequest, KeyVersion, KeyringCreateRequest, KeyringRotateRequest, KeyringStatusRequest,
};
use crate::kms::DEFAULT_KEY;
use crate::kms::keyring::Keyring;
use crate::ready::Readiness;
use crate::service::backup;
use crate::store::sled::compact as compact_store;
use crate::telemetry::Metrics;

/// The configuration of a command; all faults at once.
pub fn load(settings: &Settings, flags: Flags) -> Result<Config, Failure> {
    let flags = Flags { data_dir: settings.data_dir.clone(), ..flags };
    Config::load(settings.config.as_deref(), environment(), flags).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::config(format!("the configuration has {} fault(s):\n  {}", lines.len(), lines.join("\n  ")))
    })
}

/// `config check` and `config print --redacted`.
pub fn config(command: &ConfigCommand) -> Result<(), Failure> {
    let text = match command {
        ConfigCommand::Check(settings) => {
            let config = load(settings, Flags::default())?;
            super::serve::check(&config)?;
            for (path, mode) in super::serve::readable_secrets(&config) {
                eprintln!("warning: {}: mode {mode:04o}: everybody can read this secret: chmod 600 it", path.display());
            }
            "the configuration is sound\n".to_owned()
        }
        ConfigCommand::Print { settings, .. } => load(settings, Flags::default())?.print_redacted(),
    };
    print(&text)
}

/// `keyring ...`: through the server while one holds the data.
pub async fn keyring(command: &KeyringCommand, output: Output) -> Result<(), Failure> {
    let settings = match command {
        KeyringCommand::Init(settings) | KeyringCommand::Status(settings) => settings,
        KeyringCommand::Rotate { settings, .. } | KeyringCommand::Create { settings, .. } => settings,
    };
    let config = load(settings, Flags::default())?;
    let versions = match (command, server(&config.data_dir).await?) {
        (KeyringCommand::Init(_), _) => init_keyring(&config)?,
        (_, Some(client)) => ask(command, client).await?,
        (_, None) => change(command, &existing_keyring(&config)?)?,
    };
    output.key_versions(&versions).map_err(|failure| Failure::io("stdout", failure))
}

/// `store verify`, `store compact`, `store backup`, `store restore`.
pub async fn store(command: &StoreCommand) -> Result<(), Failure> {
    let settings = match command {
        StoreCommand::Verify(settings) | StoreCommand::Compact(settings) => settings,
        StoreCommand::Backup { settings, .. } | StoreCommand::Restore { settings, .. } => settings,
    };
    let config = load(settings, Flags::default())?;
    match (command, server(&config.data_dir).await?) {
        (StoreCommand::Backup { file, .. }, Some(client)) => back_up_through(client, file).await,
        (StoreCommand::Backup { file, .. }, None) => back_up(&config, file).await,
        (_, Some(_)) => Err(Failure::config(format!("a server holds {}: stop it first", config.data_dir.display()))),
        (StoreCommand::Verify(_), None) => verify(&config).await,
        (StoreCommand::Compact(_), None) => compact(&config).await,
        (StoreCommand::Restore { file, .. }, None) => restore(&config, file).await,
    }
}

async fn server(data_dir: &Path) -> Result<Option<OperatorClient>, Failure> {
    connect(data_dir).await.transpose().map_err(|failure| Failure::io("the running server", failure))
}

fn init_keyring(config: &Config) -> Result<Vec<KeyVersion>, Failure> {
    super::make_data_dir(&config.data_dir)?;
    let keyring = Keyring::create(&config.keyring.file, clock(), entropy()).map_err(keyring_failure)?;
    Ok(keyring.versions().iter().map(wire_version).collect())
}

async fn ask(command: &KeyringCommand, mut client: OperatorClient) -> Result<Vec<KeyVersion>, Failure> {
    let refused = |status: tonic::Status| Failure::config(status.message());
    match command {
        KeyringCommand::Init(_) | KeyringCommand::Status(_) => {
            let answer = client.keyring_status(KeyringStatusRequest {}).await.map_err(refused)?;
            Ok(answer.into_inner().versions)
        }
        KeyringCommand::Rotate { name, .. } => {
            let name = name.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned());
            let answer = client.keyring_rotate(KeyringRotateRequest { name }).await.map_err(refused)?;
            Ok(answer.into_inner().version.into_iter().collect())
        }
        KeyringCommand::Create { name, .. } => {
            let request = KeyringCreateRequest { name: name.clone() };
            let answer = client.keyring_create(request).await.map_err(refused)?;
            Ok(answer.into_inner().version.into_iter().collect())
        }
    }
}

fn change(command: &KeyringCommand, keyring: &Keyring) -> Result<Vec<KeyVersion>, Failure> {
    let changed = match command {
        KeyringCommand::Init(_) | KeyringCommand::Status(_) => keyring.versions(),
        KeyringCommand::Rotate { name, .. } => {
            vec![keyring.rotate(name.as_deref().unwrap_or(DEFAULT_KEY)).map_err(keyring_failure)?]
        }
        KeyringCommand::Create { name, .. } => vec![keyring.create_key(name).map_err(keyring_failure)?],
    };
    Ok(changed.iter().map(wire_version).collect())
}

fn existing_keyring(config: &Config) -> Result<Keyring, Failure> {
    Keyring::open(&config.keyring.file, clock(), entropy()).map_err(keyring_failure)
}

async fn verify(config: &Config) -> Result<(), Failure> {
    existing_data(config)?;
    let opened = quiet_open(config).await?;
    let verified = opened.service.verify().await.map_err(|error| Failure::io("store verify", error))?;
    opened.close()?;
    for finding in &verified.findings {
        print(&format!("{}: {}\n", finding.place, finding.what))?;
    }
    let (pairs, halves, faults) = (verified.pairs, verified.private_halves, verified.findings.len());
    print(&format!("{pairs} key pairs, {halves} private halves opened, {faults} fault(s)\n"))?;
    match faults {
        0 => Ok(()),
        _ => Err(Failure::Damaged(format!("the store has {faults} fault(s): restore it from a backup"))),
    }
}

async fn compact(config: &Config) -> Result<(), Failure> {
    existing_data(config)?;
    super::refuse_half_restored(&config.data_dir)?;
    let mac = super::row_mac(&existing_keyring(config)?)?;
    let (data, options) = (config.data_dir.clone(), super::sled_options(config));
    let work = tokio::task::spawn_blocking(move || compact_store(&data, options, &mac, &OsEntropy));
    let done = work.await.map_err(|error| Failure::stuck(error.to_string()))?.map_err(super::fatal)?;
    print(&format!("{} rows kept; {} bytes on the disk before, {} now\n", done.rows, done.before, done.after))
}

async fn back_up(config: &Config, file: &Path) -> Result<(), Failure> {
    existing_data(config)?;
    let mut target = new_file(file)?;
    let opened = quiet_open(config).await?;
    let (pieces, mut out) = mpsc::channel(8);
    let (service, keys) = (opened.service.clone(), backup_keys(&opened.keyring));
    let work = tokio::spawn(async move { service.backup(&keys, pieces).await });
    while let Some(piece) = out.recv().await {
        write(&mut target, file, &piece)?;
    }
    let counted = work.await.map_err(|_| Failure::stuck("the backup panicked"))?;
    let counted = counted.map_err(|error| Failure::io("store backup", error))?;
    finish(&target, file)?;
    opened.close()?;
    print(&format!("{} key pairs, {} unreadable rows left out\n", counted.pairs, counted.unreadable))
}

async fn back_up_through(mut client: OperatorClient, file: &Path) -> Result<(), Failure> {
    let mut target = new_file(file)?;
    let failed = |status: tonic::Status| Failure::io("store backup", status.message());
    let mut pieces = client.backup(BackupRequest {}).await.map_err(failed)?.into_inner();
    let mut bytes = 0;
    while let Some(piece) = pieces.message().await.map_err(failed)? {
        write(&mut target, file, &piece.chunk)?;
        bytes += piece.chunk.len();
    }
    finish(&target, file)?;
    print(&format!("{bytes} bytes written by the running server\n"))
}

async fn restore(config: &Config, file: &Path) -> Result<(), Failure> {
    if super::has_data(&config.data_dir) {
        let place = config.data_dir.display();
        return Err(Failure::config(format!("there is a store in {place} already: restore into an empty directory")));
    }
    let keyring = existing_keyring(config)?;
    // All of it is checked before anything is made.
    let open_file = || File::open(file).map(BufReader::new);
    let unusable = |error: crate::error::Error| Failure::Damaged(error.message);
    backup::check(&backup_keys(&keyring), open_file).map_err(unusable)?;
    drop(keyring);
    let mark = config.data_dir.join(super::RESTORING);
    let marked = |error| Failure::io(&format!("cannot make {}", mark.display()), error);
    File::create(&mark).and_then(|_| sync_dir(&config.data_dir)).map_err(marked)?;
    let opened = super::open_any(config, quiet(), Readiness::default()).await?;
    let counted = backup::restore(&backup_keys(&opened.keyring), open_file, &*opened.store).await.map_err(unusable)?;
    opened.close()?;
    std::fs::remove_file(&mark).and_then(|()| sync_dir(&config.data_dir)).map_err(marked)?;
    print(&format!("{} key pairs restored\n", counted.pairs))
}

async fn quiet_open(config: &Config) -> Result<super::Opened, Failure> {
    open(config, quiet(), Readiness::default()).await
}

/// Metrics that nobody reads.
fn quiet() -> Arc<Metrics> {
    Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")))
}

fn sync_dir(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// A command that looks must not make what it looks for.
fn existing_data(config: &Config) -> Result<(), Failure> {
    if super::has_data(&config.data_dir) {
        open_keyring(config, &clock(), &entropy()).map(drop)
    } else {
        Err(Failure::config(format!("there is no store in {}", config.data_dir.display())))
    }
}

fn new_file(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::io(&format!("cannot make {}", path.display()), error))
}

fn write(target: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    target.write_all(bytes).map_err(|error| Failure::io(&format!("cannot write {}", path.display()), error))
}

fn finish(target: &File, path: &Path) -> Result<(), Failure> {
    target.sync_all().map_err(|error| Failure::io(&format!("cannot write {}", path.display()), error))
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::io("stdout", error))
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(OsEntropy)
}
