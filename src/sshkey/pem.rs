//! The text frame of key files (RFC 7468, and RFC 1421's headers of encrypted ones), strict: one block, nothing around
//! it, one label at both ends.
//!
//! It knows labels, headers and base64, not what the bytes mean. Faults tell the line, counted from 1 in the text as it
//! came, and nothing of what stands there.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::fault::{Fault, Side};
use crate::error::Reason;

/// One block.
pub(super) struct Block<'a> {
    /// Between `BEGIN` and the dashes.
    pub(super) label: &'a str,
    /// The headers of RFC 1421 that say how the bytes are encrypted.
    pub(super) dek_info: Option<&'a str>,
    /// What the base64 holds.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Reads a text that is one block. Line ends before and after it are taken.
pub(super) fn read(text: &str, side: Side) -> Result<Block<'_>, Fault> {
    refuse_more_blocks(text, side)?;
    let start = text.trim_start_matches(['\r', '\n']);
    // Lines that were cut off count.
    let skipped = text[..text.len() - start.len()].matches('\n').count(); // a suffix of text
    let (label, body) = frame(start.trim_end_matches(['\r', '\n']), side)?;
    let (dek_info, body, headers) = headers(body, side)?;
    let lines = Lines { text: body, before: skipped + 1 + headers, side };
    Ok(Block { label, dek_info, bytes: lines.decode()? })
}

fn refuse_more_blocks(text: &str, side: Side) -> Result<(), Fault> {
    let mut blocks = text.lines().filter_map(|line| line.strip_prefix("-----BEGIN "));
    let (Some(first), Some(_)) = (blocks.next(), blocks.next()) else { return Ok(()) };
    let reason = side.pick(Reason::PublicKeyMultipleKeys, Reason::PrivateKeyMultipleKeys);
    let message = match trimmed(first) {
        "EC PARAMETERS-----" | "DSA PARAMETERS-----" => {
            "there is a block of PARAMETERS before that of the key: take it out (openssl ecparam -noout writes none)"
        }
        _ => "there is more than one block: send only that of the key",
    };
    Err(Fault::new(reason, message))
}

/// The label and the lines between the boundaries, which are the first and the last line.
fn frame(text: &str, side: Side) -> Result<(&str, &str), Fault> {
    let malformed = |message: &str| side.malformed(message);
    let (first, rest) = text
        .split_once('\n')
        .ok_or_else(|| malformed("the text is no key file: it has no lines -----BEGIN ...-----"))?;
    let label = boundary(first, "-----BEGIN ")
        .ok_or_else(|| malformed("the first line is not -----BEGIN ...-----: send the key file as it is, alone"))?;
    let (body, last) = rest.rsplit_once('\n').ok_or_else(|| malformed("the block is empty or cut off"))?;
    let end = boundary(last, "-----END ")
        .ok_or_else(|| malformed("the last line is not -----END ...-----: it is cut off, or text follows the key"))?;
    if end != label {
        return Err(malformed("the labels of the BEGIN and the END line differ"));
    }
    Ok((label, body))
}

fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    trimmed(line).strip_prefix(start)?.strip_suffix("-----")
}

/// The value of DEK-Info, the lines after the headers, and how many lines the headers took. The two headers are the
/// only ones that any tool writes (OpenSSL, old ssh-keygen), in this order.
fn headers(body: &str, side: Side) -> Result<(Option<&str>, &str, usize), Fault> {
    if !body.starts_with("Proc-Type:") {
        return Ok((None, body, 0));
    }
    let malformed = || {
        let message =
            "the headers are not those of an encrypted key: Proc-Type: 4,ENCRYPTED, DEK-Info and an empty line";
        side.malformed(message)
    };
    let mut parts = body.splitn(4, '\n');
    let mut next = || parts.next().map(trimmed).ok_or_else(malformed);
    let (kind, info, empty) = (next()?, next()?, next()?);
    let rest = parts.next().ok_or_else(malformed)?;
    let info = info.strip_prefix("DEK-Info:").ok_or_else(malformed)?;
    if kind.strip_prefix("Proc-Type:").map(str::trim) != Some("4,ENCRYPTED") || !empty.is_empty() {
        return Err(malformed());
    }
    Ok((Some(info.trim()), rest, 3))
}

/// The base64 of a block, or of a part of a PPK file.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    /// How many lines of the file come before.
    pub(super) before: usize,
    pub(super) side: Side,
}

impl Lines<'_> {
    /// The bytes. Every line has something in it and is at most as long as any tool writes; the base64 is padded.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let fault = |line: usize, what: &str| self.side.malformed(format!("line {} {what}", self.before + line));
        let mut base64 = Zeroizing::new(String::with_capacity(self.text.len()));
        for (line, number) in self.text.split('\n').map(trimmed).zip(1..) {
            if line.is_empty() || line.len() > LINE_MAX {
                return Err(fault(number, &format!("is empty, or over {LINE_MAX} characters long")));
            }
            if !line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
                return Err(fault(number, "holds something else than base64"));
            }
            base64.push_str(line);
        }
        let message = "the base64 of the key is wrong: it is cut off, unpadded, or padded in the middle";
        let bytes = Base64::decode_vec(&base64).map_err(|_| self.side.malformed(message))?;
        Ok(Zeroizing::new(bytes))
    }
}

fn trimmed(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

const LINE_MAX: usize = 76; // the widest that any tool writes (MIME); OpenSSH writes 70, PEM 64
