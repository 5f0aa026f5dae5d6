//! Where a private key goes: a new file of mode 0600, or stdout.
//!
//! Promise: the place is there before the call, so that no key is made that nobody can take; a file that did not get
//! its key is removed again; a key is never seen half-written under its name with `--force`; nothing but a plain file
//! is overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::output::say;
use crate::clock::{OsEntropy, random};
use crate::secret::SecretText;

/// Where the private key shall go.
#[derive(Clone, Debug, Args)]
pub(super) struct KeyOut {
    /// File for the private key, made with mode 0600; "-" is stdout [default: the name, with "_" for what is not a letter, digit, "-" or "_"]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    /// Allow the private key on a terminal; without --out it goes to stdout
    #[arg(long)]
    reveal: bool,
}

impl KeyOut {
    /// The private key goes to stdout, and nothing else then may.
    pub(super) fn is_stdout(&self) -> bool {
        match &self.out {
            Some(path) => path == Path::new("-"),
            None => self.reveal,
        }
    }

    /// Opens the place; `name` is the pair's name or id.
    pub(super) fn open(&self, name: &str) -> Result<KeyPlace, Failure> {
        if self.is_stdout() {
            return stdout(self.reveal, io::stdout().is_terminal());
        }
        let path = self.out.clone().unwrap_or_else(|| PathBuf::from(file_name(name)));
        NewFile::open(&path, self.force).map(KeyPlace::File).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::Usage(format!("{} exists; choose another --out, or --force to overwrite it", path.display()))
            }
            _ => Failure::Usage(format!("{}: {e}", path.display())),
        })
    }
}

/// An open place for one private key.
pub(super) enum KeyPlace {
    Stdout,
    File(NewFile),
}

impl KeyPlace {
    /// Writes the key. A file has it for good when this returns Ok.
    pub(super) fn keep(self, key: &SecretText) -> Result<(), Failure> {
        match self {
            Self::Stdout => write_stdout(key).map_err(|e| Failure::Local(format!("stdout: {e}"))),
            Self::File(file) => {
                let path = file.target.display().to_string();
                file.keep(key).map_err(|e| Failure::Local(format!("{path}: {e}")))?;
                say(&format!("private key written to {path}"));
                Ok(())
            }
        }
    }
}

/// A file that is removed again unless it is kept.
pub(super) struct NewFile {
    file: File,
    target: PathBuf,
    /// Where the bytes are until they are complete; the target itself when that is new.
    written: PathBuf,
    kept: bool,
}

impl NewFile {
    fn open(target: &Path, force: bool) -> io::Result<Self> {
        let written = match target.symlink_metadata() {
            Ok(_) if !force => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(found) if !found.is_file() => return Err(io::Error::other("not a plain file, it is left as it is")),
            Ok(_) => target.with_file_name(format!(".keypairs-{:016x}", u64::from_ne_bytes(random(&OsEntropy)))),
            Err(_) => target.to_owned(),
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written)?;
        Ok(Self { file, target: target.to_owned(), written, kept: false })
    }

    fn keep(mut self, key: &SecretText) -> io::Result<()> {
        self.file.write_all(key.expose().as_bytes())?;
        self.file.sync_all()?;
        if self.written != self.target {
            fs::rename(&self.written, &self.target)?;
        }
        self.kept = true;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // It was made here and holds nothing whole; that it stays behind harms nobody.
            let _ = fs::remove_file(&self.written);
        }
    }
}

fn stdout(reveal: bool, terminal: bool) -> Result<KeyPlace, Failure> {
    if terminal && !reveal {
        return Err(Failure::Usage("stdout is a terminal: --reveal allows the private key on it".to_owned()));
    }
    Ok(KeyPlace::Stdout)
}

/// Past the buffer of `std::io::Stdout`, which nobody wipes.
fn write_stdout(key: &SecretText) -> io::Result<()> {
    let mut stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from)?;
    stdout.write_all(key.expose().as_bytes())
}

/// Names are at most 255 code points, so this is at most 255 bytes, which every file system takes.
fn file_name(name: &str) -> String {
    let kept = |(at, c): (usize, char)| match c {
        '-' if at == 0 => '_',
        c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => c,
        _ => '_',
    };
    name.chars().enumerate().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_name("web/eu.1"), "web_eu_1");
        assert_eq!(file_name("-rf-x"), "_rf-x");
        assert_eq!(file_name("schlüssel"), "schl_ssel");
    }

    #[test]
    fn a_terminal_needs_reveal() {
        assert!(stdout(false, true).is_err());
        assert!(stdout(true, true).is_ok());
        assert!(stdout(false, false).is_ok());
    }

    #[test]
    fn only_plain_files_are_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(NewFile::open(&link, true).is_err());
        assert!(NewFile::open(folder.path(), true).is_err());
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/dev/null"));
    }
}
