//! The table of compromised keys: read at start, built by the operator from published lists.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Failure;
use super::command::print;
use crate::cli::CompromisedCommand;
use crate::config::Config;
use crate::sshkey::{CompromisedKeys, CompromisedList};

/// The table that the configuration names, the empty one when it names none. A damaged one is refused: a service that
/// went on without it would take what it was told to refuse.
pub(super) fn table(config: &Config) -> Result<CompromisedKeys, Failure> {
    let Some(path) = &config.policy.compromised_keys_file else { return Ok(CompromisedKeys::default()) };
    let bytes = std::fs::read(path).map_err(|error| Failure::io(&format!("cannot read {}", path.display()), error))?;
    CompromisedKeys::read(&bytes).map_err(|what| {
        let message = "the table of compromised keys, policy.compromised_keys_file, cannot be used";
        Failure::Damaged(format!(
            "{message}: {}: {what}; build it anew with `keypairs compromised build --force`",
            path.display()
        ))
    })
}

/// `compromised build`.
pub fn compromised(command: &CompromisedCommand) -> Result<(), Failure> {
    let CompromisedCommand::Build { lists, out, force, debian } = command;
    let mut list = CompromisedList::new(*debian);
    for path in lists {
        read(&mut list, path)?;
    }
    let table = list.table();
    if table.is_empty() {
        return Err(Failure::config("the lists hold no key"));
    }
    match force {
        false => write(&table, out).map_err(|error| cannot_make(out, error))?,
        true => replace(&table, out)?,
    }
    let keys = if table.len() == 1 { "key" } else { "keys" };
    print(&format!("{} {keys} in {}; name it in policy.compromised_keys_file\n", table.len(), out.display()))
}

fn cannot_make(path: &Path, error: io::Error) -> Failure {
    let advice = if error.kind() == io::ErrorKind::AlreadyExists { ", --force takes its place" } else { "" };
    Failure::io(&format!("cannot make {}", path.display()), format!("{error}{advice}"))
}

/// It is no secret, and the service may run as another user than who builds it.
fn write(table: &CompromisedKeys, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(&table.to_bytes())?;
    file.sync_all()
}

/// Beside the old table, then in its place: a service that starts meanwhile finds the one or the other, whole.
fn replace(table: &CompromisedKeys, path: &Path) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = std::fs::remove_file(&beside); // what a build left that was cut off, if any
    let done = write(table, &beside).and_then(|()| std::fs::rename(&beside, path));
    done.map_err(|error| Failure::io(&format!("cannot write {} and put it in place", beside.display()), error))
}

fn read(list: &mut CompromisedList, path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::io(&format!("cannot read {}", path.display()), error as std::io::Error);
    let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
    for (at, line) in lines.enumerate() {
        let fault = |what| Failure::config(format!("{}:{}: the line {what}", path.display(), at + 1));
        list.add(&line.map_err(failed)?).map_err(fault)?;
    }
    Ok(())
}
