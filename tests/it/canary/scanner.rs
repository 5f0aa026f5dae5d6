//! Looks for pieces of secrets in bytes of any kind.
//!
//! A piece of 12 bytes of a secret is found raw, in hex, as a list of decimal numbers (how Rust prints bytes) and as
//! escaped text (how logs print bytes), also escaped twice; 12 characters of its base64 are found in each of the three
//! alignments.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use base64ct::{Base64Unpadded, Encoding};
use regex::bytes::Regex;

pub(super) struct Scanner {
    windows: AhoCorasick,
    hex: Regex,
    numbers: Regex,
    escaped: Regex,
}

impl Scanner {
    pub(super) fn of(secrets: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut windows = HashSet::new();
        for secret in secrets {
            for form in [secret.clone(), base64_of(&secret, 0), base64_of(&secret, 1), base64_of(&secret, 2)] {
                windows.extend(form.windows(WINDOW).map(<[u8]>::to_vec));
            }
        }
        Self {
            windows: AhoCorasick::new(windows).unwrap(),
            hex: Regex::new("(?-u)[0-9A-Fa-f]{24,}").unwrap(),
            numbers: Regex::new(r"(?-u)(?:[0-9]{1,3},\s*){11,}[0-9]{1,3}").unwrap(),
            escaped: Regex::new(r"(?-u)[^\n]*\\(?:x|u00)[^\n]*").unwrap(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.windows.patterns_len()
    }

    /// The windows that are there: in which form, and what is around the first of each form.
    pub(super) fn scan(&self, bytes: &[u8]) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        found.extend(self.first("as it is", bytes));
        for run in self.hex.find_iter(bytes).map(|run| run.as_bytes()) {
            found.extend(self.first("hex", &from_hex(run)));
            found.extend(self.first("hex, shifted", &from_hex(&run[1..])));
        }
        for run in self.numbers.find_iter(bytes) {
            found.extend(self.first("numbers", &from_numbers(run.as_bytes())));
        }
        for line in self.escaped.find_iter(bytes) {
            let once = unescape(line.as_bytes());
            found.extend(self.first("escaped", &once));
            found.extend(self.first("escaped twice", &unescape(&once)));
        }
        found
    }

    fn first(&self, form: &'static str, bytes: &[u8]) -> Option<(&'static str, String)> {
        let hit = self.windows.find(bytes)?;
        let around = &bytes[hit.start().saturating_sub(60)..(hit.end() + 20).min(bytes.len())];
        Some((form, around.escape_ascii().to_string()))
    }
}

/// The base64 of a secret that begins `shift` bytes behind a multiple of three; only characters of the secret alone.
fn base64_of(secret: &[u8], shift: usize) -> Vec<u8> {
    let padded = [&vec![0; shift], secret].concat();
    let text = Base64Unpadded::encode_string(&padded);
    let (from, to) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes()[from..to].to_vec()
}

fn from_hex(run: &[u8]) -> Vec<u8> {
    run.chunks_exact(2).map(|pair| hex(pair[0], pair[1]).unwrap()).collect()
}

fn from_numbers(run: &[u8]) -> Vec<u8> {
    let words = run.split(|byte| !byte.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| std::str::from_utf8(word).unwrap().parse().unwrap_or(0)).collect()
}

/// `\x1f`, `\u001f`, `\n`, `\"` and the like as the bytes they stand for.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let (byte, taken) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => hex(*high, *low).map_or((b'\\', 1), |byte| (byte, 4)),
            (b'\\', [b'u', b'0', b'0', high, low, ..]) => hex(*high, *low).map_or((b'\\', 1), |byte| (byte, 6)),
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'0', ..]) => (0, 2),
            (b'\\', [other @ (b'\\' | b'"' | b'\''), ..]) => (*other, 2),
            _ => (*first, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    out
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

const WINDOW: usize = 12;
