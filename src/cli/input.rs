//! Reading what may be secret: key files, passphrases, tokens.
//!
//! Promise: the bytes are read without a buffer in between, into one allocation that is wiped on drop. Whatever cannot
//! be read is a usage error, because nothing has been sent yet.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::failure::Failure;
use crate::secret::SecretText;
use crate::sshkey::holds_private_key;

/// Reads a whole file, or stdin for `-`. At most [`LIMIT`] bytes of UTF-8 text.
pub(super) fn secret_text(path: &Path) -> Result<SecretText, Failure> {
    let bytes = open(path).and_then(read_bounded).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))?;
    let advice = match bytes.starts_with(b"PuTTY-User-Key-File-") {
        true => {
            "not UTF-8 text: its comment is in another encoding; give it a new one (puttygen FILE -C COMMENT -o NEW)"
        }
        false => "not UTF-8 text; a key in binary form (DER) must first be turned into PEM",
    };
    utf8(bytes).ok_or_else(|| Failure::Usage(format!("{}: {advice}", path.display())))
}

/// Reads a file whose text is one line: the line's end is not part of it.
pub(super) fn secret_line(path: &Path) -> Result<SecretText, Failure> {
    let mut text = secret_text(path)?.into_exposed();
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let len = line.strip_suffix('\r').unwrap_or(line).len();
    text.truncate(len);
    Ok(SecretText::new(text))
}

/// Reads a public key. A private key in its place must not travel: it is refused here already.
pub(super) fn public_text(path: &Path) -> Result<String, Failure> {
    let text = secret_text(path)?;
    if holds_private_key(text.expose()) {
        let advice = "this is a private key, nothing was sent; give its public half, or use import-private";
        return Err(Failure::Usage(format!("{}: {advice}", path.display())));
    }
    Ok(text.into_exposed())
}

/// stdin is read through a handle of its own, past the buffer of `std::io::Stdin`, which nobody wipes.
fn open(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return io::stdin().as_fd().try_clone_to_owned().map(File::from);
    }
    File::open(path)
}

fn read_bounded(mut file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut len = 0;
    while let Some(room) = bytes.get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    if len > LIMIT {
        return Err(io::Error::other(format!("longer than {LIMIT} bytes, which no message can hold")));
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn utf8(mut bytes: Zeroizing<Vec<u8>>) -> Option<SecretText> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(SecretText::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            None
        }
    }
}

/// A message to the server is at most so long.
const LIMIT: usize = 256 * 1024;
