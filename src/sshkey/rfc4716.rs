//! RFC 4716: `---- BEGIN SSH2 PUBLIC KEY ----`, as ssh.com, PuTTY and `ssh-keygen -e` write it.
//!
//! Of its headers only Comment is read; the others are passed over, as section 3.3 wants. A key has one line for each
//! header in our text of it, so a header that runs over several lines is joined.

use super::fault::{Fault, Side, comment};
use super::pem::Lines;
use super::public::PublicKey;
use super::rules::KeyRules;
use super::text::of_blob;
use crate::error::Reason;

/// Reads one block: the key and its comment.
pub(super) fn parse(text: &str, rules: KeyRules) -> Result<(PublicKey, String), Fault> {
    let malformed = |message: &str| Side::Public.malformed(message);
    if text.lines().filter(|line| line.starts_with("---- BEGIN ")).count() > 1 {
        let message = "there is more than one block: send one key";
        return Err(Fault::new(Reason::PublicKeyMultipleKeys, message));
    }
    let start = text.trim_start_matches(['\r', '\n']);
    let skipped = text[..text.len() - start.len()].matches('\n').count(); // a suffix of text
    let lines: Vec<&str> = start.trim_end_matches(['\r', '\n']).split('\n').map(trimmed).collect();
    let [BEGIN, inner @ .., END] = lines.as_slice() else {
        let message = "the block is not one from ---- BEGIN SSH2 PUBLIC KEY ---- to ---- END SSH2 PUBLIC KEY ----";
        return Err(malformed(message));
    };
    let headers = Headers::read(inner).ok_or_else(|| malformed("a header is cut off, or over 1,024 bytes long"))?;
    let body = inner.get(headers.lines..).unwrap_or_default().join("\n");
    let lines = Lines { text: &body, before: skipped + 1 + headers.lines, side: Side::Public };
    let key = of_blob(&lines.decode()?, rules)?;
    Ok((key, comment(headers.comment.as_bytes(), Side::Public)?))
}

struct Headers {
    comment: String,
    /// How many lines they take.
    lines: usize,
}

impl Headers {
    /// Header lines come first and have a colon, which base64 has not. A backslash at the end joins the next line.
    fn read(lines: &[&str]) -> Option<Self> {
        let mut headers = Self { comment: String::new(), lines: 0 };
        while let Some((tag, value)) = lines.get(headers.lines)?.split_once(':') {
            let mut value = value.to_owned();
            headers.lines += 1;
            while value.ends_with('\\') {
                value.pop();
                value.push_str(lines.get(headers.lines)?);
                headers.lines += 1;
            }
            if tag.len() > TAG_MAX || value.len() > VALUE_MAX {
                return None;
            }
            if tag.eq_ignore_ascii_case("comment") {
                headers.comment = unquoted(value.trim()).to_owned();
            }
        }
        Some(headers)
    }
}

/// The quotes of RFC 4716 section 3.3.2 are not part of the comment.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

fn trimmed(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

const BEGIN: &str = "---- BEGIN SSH2 PUBLIC KEY ----";
const END: &str = "---- END SSH2 PUBLIC KEY ----";
const TAG_MAX: usize = 64; // RFC 4716 section 3.3
const VALUE_MAX: usize = 1024;
