//! A secret of the configuration: set in place, or in a file of its own that is read once.
//!
//! Promise: it is never printed. It knows no key, and not what the secret is for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs};

use zeroize::Zeroizing;

use crate::cipher;
use crate::secret::SecretText;

/// A secret, and where it stands. Cloning shares it.
#[derive(Clone)]
pub struct Secret {
    text: Arc<SecretText>,
    file: Option<PathBuf>,
}

impl Secret {
    /// The secret.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The file that it was read from; `None`: it was set in place.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// One that was set in place.
    pub(super) fn of(text: String) -> Result<Self, String> {
        let text = SecretText::new(text);
        match is_sound(text.expose()) {
            true => Ok(Self { text: Arc::new(text), file: None }),
            false => Err(format!("holds {UNSOUND}")),
        }
    }

    /// Reads one from its file, without the line end at its end.
    pub(super) fn read(file: PathBuf) -> Result<Self, String> {
        let path = file.display();
        let read = fs::metadata(&file).and_then(|met| match met.is_file() && met.len() <= MAX_BYTES {
            true => fs::read(&file).map(|bytes| Some(Zeroizing::new(bytes))),
            false => Ok(None), // a pipe would never end
        });
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(format!("{path} is not a file of at most {MAX_BYTES} bytes")),
            Err(error) => return Err(format!("{path} cannot be read: {error}")),
        };
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok("") => Err(format!("{path} is empty")),
            Ok(text) if is_sound(text) => {
                Ok(Self { text: Arc::new(SecretText::new(text.to_owned())), file: Some(file) })
            }
            _ => Err(format!("{path} holds {UNSOUND}")),
        }
    }

    /// In place of one that did not fit: that a fault was kept is who asks's duty.
    pub(super) fn none() -> Self {
        Self { text: Arc::new(SecretText::new(String::new())), file: None }
    }
}

/// All secrets of clouds go into headers or are printed on pages to be copied: a blank or a second line is a slip.
fn is_sound(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("file", &self.file).finish_non_exhaustive()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && cipher::same(self.expose().as_bytes(), other.expose().as_bytes())
    }
}

impl Eq for Secret {}

const UNSOUND: &str = "a blank, a line end or a character that is not ASCII: a secret is one word of printable ASCII";
/// Tokens of clouds are the longest, with some 10 KiB.
const MAX_BYTES: u64 = 64 * 1024;
