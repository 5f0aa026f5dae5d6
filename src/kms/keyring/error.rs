//! What can be wrong with a keyring, told apart so that the program can choose its exit code, and in words that say
//! what to do.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Reason};

/// Why a keyring was not made, opened or changed.
#[derive(Debug)]
pub enum KeyringError {
    /// There is no file.
    Missing(PathBuf),
    /// There is a file already; it is never overwritten.
    Exists(PathBuf),
    /// It is a link, a directory, a pipe: anything but a regular file.
    NotRegular(PathBuf),
    /// Others than its owner may read or write it.
    OpenPermissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Its bytes are not those that were written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part that does not fit.
        at: &'static str,
    },
    /// A newer version of the service wrote it.
    VersionUnknown {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u8,
    },
    /// Another or an older keyring lies where the one in use was.
    Replaced(PathBuf),
    /// Another process has been changing it for too long.
    Busy(PathBuf),
    /// The disk failed.
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, such as "write".
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name does not fit the grammar of key names.
    NameInvalid(String),
    /// There is a key of that name.
    KeyExists(String),
    /// There is no key of that name.
    KeyNotFound(String),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => {
                let path = path.display();
                write!(
                    f,
                    "there is no keyring {path}: restore it from its backup; `keypairs keyring init` makes a new"
                )?;
                f.write_str(" one, which opens nothing that was sealed before")
            }
            Self::Exists(path) => write!(f, "{} exists: it is not overwritten; move it away first", path.display()),
            Self::NotRegular(path) => {
                write!(f, "{} is not a regular file: name the keyring file itself, not a link to it", path.display())
            }
            Self::OpenPermissions { path, mode } => {
                let path = path.display();
                write!(f, "{path} has mode {mode:04o}, open to others than its owner: run `chmod 600 {path}`, and")?;
                f.write_str(" rotate its keys if somebody may have read it")
            }
            Self::Damaged { path, at } => {
                let path = path.display();
                write!(
                    f,
                    "{path} is damaged ({at}): restore it from its backup, or from {path}.prev where there is one,"
                )?;
                f.write_str(" the copy before its last change")
            }
            Self::VersionUnknown { path, version } => {
                let path = path.display();
                write!(f, "{path} has format version {version}, which this version of keypairs does not know: use a")?;
                f.write_str(" newer one")
            }
            Self::Replaced(path) => {
                let path = path.display();
                write!(f, "{path} is not the keyring in use any more but another or an older one: put the right file")?;
                f.write_str(" back, or restart the server with this one")
            }
            Self::Busy(path) => {
                let path = path.display();
                write!(f, "another process is changing {path} (it holds the lock {path}.lock): try again")
            }
            Self::Io { path, doing, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::NameInvalid(message) => write!(f, "the key name {message}"),
            Self::KeyExists(name) => write!(f, "the keyring has a key \"{name}\": rotate it to give it a new version"),
            Self::KeyNotFound(name) => {
                write!(f, "the keyring has no key \"{name}\": `keypairs keyring status` lists its keys")
            }
        }
    }
}

impl std::error::Error for KeyringError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// For the operator's calls to a running server, which may hear everything.
impl From<KeyringError> for Error {
    fn from(error: KeyringError) -> Self {
        let reason = match &error {
            KeyringError::NameInvalid(_) => Reason::KmsKeyNameInvalid,
            KeyringError::KeyExists(_) => Reason::NameExists,
            KeyringError::KeyNotFound(_) => Reason::KmsKeyNotFound,
            KeyringError::Busy(_) => Reason::Conflict,
            _ => Reason::KmsUnavailable,
        };
        Self::new(reason, error.to_string())
    }
}
