//! The text frame of private key files (RFC 7468), strict: one block, nothing around it, one label at both ends.
//!
//! It knows labels and base64, not what the bytes mean.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::fault::{Fault, Side, weak_dsa};
use crate::error::Reason;

/// What a block says it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    OpenSsh,
    Pkcs8,
    Pkcs1,
    Sec1,
}

/// Reads the one block of a private key file. Encrypted forms are told here, but for OpenSSH's.
pub(super) fn read(text: &str) -> Result<(Label, Zeroizing<Vec<u8>>), Fault> {
    if text.len() > TEXT_MAX {
        return Err(Side::Private.too_large(format!("the private key file is over {TEXT_MAX} bytes")));
    }
    let text = text.trim_matches(['\r', '\n']);
    refuse_foreign(text)?;
    let (name, body) = frame(text)?;
    let label = match name {
        "OPENSSH PRIVATE KEY" => Label::OpenSsh,
        "PRIVATE KEY" => Label::Pkcs8,
        "RSA PRIVATE KEY" => Label::Pkcs1,
        "EC PRIVATE KEY" => Label::Sec1,
        "ENCRYPTED PRIVATE KEY" => return Err(passphrase_required()),
        "DSA PRIVATE KEY" => return Err(weak_dsa()),
        _ => return Err(Side::Private.malformed("the block does not hold a private key")),
    };
    Ok((label, decode(body)?))
}

/// An encrypted private key came without the means to open it.
pub(super) fn passphrase_required() -> Fault {
    let message = "the private key is encrypted, and passphrases are not taken yet: send it unencrypted";
    Fault::new(Reason::PassphraseRequired, message)
}

/// Files that are private keys, but of no kind that is taken.
fn refuse_foreign(text: &str) -> Result<(), Fault> {
    if text.starts_with("PuTTY-User-Key-File-") || text.starts_with("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY") {
        let message =
            "this file format is not taken yet: send OpenSSH, PKCS#1, PKCS#8 or SEC1 (puttygen -O private-openssh)";
        return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
    }
    if text.lines().filter(|line| line.starts_with("-----BEGIN ")).count() > 1 {
        let message = "there is more than one block: send only that of the private key";
        return Err(Fault::new(Reason::PrivateKeyMultipleKeys, message));
    }
    Ok(())
}

/// The label and the lines between the boundaries, which are the first and the last line.
fn frame(text: &str) -> Result<(&str, &str), Fault> {
    let malformed = |message: &str| Side::Private.malformed(message);
    let (first, rest) =
        text.split_once('\n').ok_or_else(|| malformed("the private key is no key file: no PEM block"))?;
    let (body, last) = rest.rsplit_once('\n').ok_or_else(|| malformed("the PEM block is empty or cut off"))?;
    let name = boundary(first, "-----BEGIN ").ok_or_else(|| malformed("the file does not start with a PEM block"))?;
    let end = boundary(last, "-----END ").ok_or_else(|| malformed("the file does not end with its PEM block"))?;
    if end != name {
        return Err(malformed("the labels of BEGIN and END differ"));
    }
    Ok((name, body))
}

fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_suffix('\r').unwrap_or(line).strip_prefix(start)?.strip_suffix("-----")
}

/// The bytes of the lines between the boundaries. The one header that is known says that they are encrypted.
fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if body.starts_with("Proc-Type:") && body.lines().next().is_some_and(|line| line.contains("ENCRYPTED")) {
        return Err(passphrase_required());
    }
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    for line in body.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if line.is_empty() || line.len() > LINE_MAX {
            return Err(Side::Private.malformed(format!("a line of the block is empty or over {LINE_MAX} characters")));
        }
        base64.push_str(line);
    }
    let bytes = Base64::decode_vec(&base64).map_err(|_| Side::Private.malformed("the base64 of the block is wrong"))?;
    Ok(Zeroizing::new(bytes))
}

const TEXT_MAX: usize = 32 * 1024;
const LINE_MAX: usize = 76; // the widest that any tool writes (MIME); OpenSSH writes 70, PEM 64
