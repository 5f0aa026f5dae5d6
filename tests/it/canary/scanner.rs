//! Looks for pieces of secrets in bytes of any kind.
//!
//! A piece of 12 bytes of a secret is found raw, in hex, as a list of decimal numbers (how Rust prints bytes) and as
//! escaped text (how logs print bytes), also escaped twice; 12 characters of its base64 are found in each of the three
//! alignments. All of it in one pass, because a log at TRACE is long and tests are not optimised.

use std::collections::HashSet;

use base64ct::{Base64Unpadded, Encoding};

pub(super) struct Scanner {
    windows: HashSet<u128>,
    /// One bit for each hash of a window: almost every place in a file ends here.
    sieve: Vec<u64>,
    /// The value of each hex digit, or 16.
    digits: [u8; 256],
}

impl Scanner {
    pub(super) fn of(secrets: impl Iterator<Item = Vec<u8>>) -> Self {
        let digit = |byte| char::from_u32(byte).unwrap().to_digit(16).unwrap_or(16) as u8;
        let digits = std::array::from_fn(|byte| digit(byte as u32));
        let mut scanner = Self { windows: HashSet::new(), sieve: vec![0; SIEVE / 64], digits };
        for secret in secrets {
            scanner.add(&secret);
            for shift in 0..3 {
                scanner.add(&base64_of(&secret, shift));
            }
        }
        scanner
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The windows that are there: in which form, and what is around the first of each form.
    pub(super) fn scan(&self, bytes: &[u8]) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut views = Views::default();
        for (at, byte) in bytes.iter().enumerate() {
            views.push(*byte, self.digits[usize::from(*byte)]);
            for (view, form) in views.all.iter_mut().zip(FORMS) {
                if view.is_new && self.has(view) && !found.iter().any(|(known, _)| *known == form) {
                    let around = &bytes[at.saturating_sub(60)..(at + 20).min(bytes.len())];
                    found.push((form, around.escape_ascii().to_string()));
                }
                view.is_new = false;
            }
        }
        found
    }

    fn has(&self, view: &View) -> bool {
        let slot = slot(view.last);
        view.count >= WINDOW && self.sieve[slot / 64] >> (slot % 64) & 1 == 1 && self.windows.contains(&view.last)
    }

    fn add(&mut self, secret: &[u8]) {
        let mut view = View::default();
        for byte in secret {
            view.push(*byte);
            if view.count >= WINDOW {
                let slot = slot(view.last);
                self.sieve[slot / 64] |= 1 << (slot % 64);
                self.windows.insert(view.last);
            }
        }
    }
}

/// The last bytes that were seen in one form.
#[derive(Clone, Copy, Default)]
struct View {
    last: u128,
    count: usize,
    is_new: bool,
}

impl View {
    fn push(&mut self, byte: u8) {
        self.last = (self.last << 8 | u128::from(byte)) & (u128::MAX >> (128 - 8 * WINDOW));
        self.count += 1;
        self.is_new = true;
    }
}

/// Everything that a run of bytes can be read as.
#[derive(Default)]
struct Views {
    all: [View; 6],
    once: Escape,
    twice: Escape,
    nibble: Option<u8>,
    turn: usize,
    number: Option<u32>,
}

impl Views {
    fn push(&mut self, byte: u8, digit: u8) {
        self.all[0].push(byte);
        if let Some(byte) = self.once.push(byte, digit) {
            self.all[1].push(byte);
            let digit = (byte as char).to_digit(16).unwrap_or(16) as u8;
            if let Some(byte) = self.twice.push(byte, digit) {
                self.all[2].push(byte);
            }
        }
        self.push_hex(digit);
        self.push_number(byte);
    }

    /// Both alignments, in turns; a digit that is none ends the run.
    fn push_hex(&mut self, digit: u8) {
        if digit > 15 {
            (self.nibble, self.all[3].count, self.all[4].count) = (None, 0, 0);
        } else {
            if let Some(high) = self.nibble {
                self.all[3 + self.turn].push(high << 4 | digit);
                self.turn = 1 - self.turn;
            }
            self.nibble = Some(digit);
        }
    }

    fn push_number(&mut self, byte: u8) {
        match (byte, self.number) {
            (b'0'..=b'9', number) => {
                self.number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u32::from(byte - b'0')));
            }
            (_, Some(number)) => {
                self.all[5].push(number.min(255) as u8);
                self.number = None;
            }
            _ => {}
        }
        if !matches!(byte, b'0'..=b'9' | b',' | b' ' | b'\n' | b']') {
            self.all[5].count = 0;
        }
    }
}

/// Reads `\x1f`, `\u001f`, `\n`, `\"` and the like as the bytes they stand for.
#[derive(Default)]
struct Escape {
    /// Bytes of the escape under way, without the backslash; digits still to come, and their value.
    state: EscapeState,
}

#[derive(Default)]
enum EscapeState {
    #[default]
    Text,
    Begun,
    Digits(u8, u32),
}

impl Escape {
    fn push(&mut self, byte: u8, digit: u8) -> Option<u8> {
        let (state, out) = match (&self.state, byte) {
            (EscapeState::Text, b'\\') => (EscapeState::Begun, None),
            (EscapeState::Begun, b'x') => (EscapeState::Digits(2, 0), None),
            (EscapeState::Begun, b'u') => (EscapeState::Digits(4, 0), None),
            (EscapeState::Begun, b'n') => (EscapeState::Text, Some(b'\n')),
            (EscapeState::Begun, b'r') => (EscapeState::Text, Some(b'\r')),
            (EscapeState::Begun, b't') => (EscapeState::Text, Some(b'\t')),
            (EscapeState::Begun, b'0') => (EscapeState::Text, Some(0)),
            (EscapeState::Digits(1, value), _) if digit < 16 => {
                (EscapeState::Text, Some((value << 4 | u32::from(digit)) as u8))
            }
            (EscapeState::Digits(left, value), _) if digit < 16 => {
                (EscapeState::Digits(left - 1, value << 4 | u32::from(digit)), None)
            }
            (_, byte) => (EscapeState::Text, Some(byte)),
        };
        self.state = state;
        out
    }
}

/// The upper bits of a product by an odd number near the golden ratio.
fn slot(window: u128) -> usize {
    ((window as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - 24)) as usize
}

/// The base64 of a secret that begins `shift` bytes behind a multiple of three; only characters of the secret alone.
fn base64_of(secret: &[u8], shift: usize) -> Vec<u8> {
    let padded = [&vec![0; shift], secret].concat();
    let text = Base64Unpadded::encode_string(&padded);
    let (from, to) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes()[from..to].to_vec()
}

const FORMS: [&str; 6] = ["as it is", "escaped", "escaped twice", "hex", "hex, shifted", "numbers"];
const WINDOW: usize = 12;
/// Bits of the sieve.
const SIEVE: usize = 1 << 24;
