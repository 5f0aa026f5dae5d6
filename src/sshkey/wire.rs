//! SSH wire encoding (RFC 4251 section 5), strict: one form for each value, no length trusted, nothing allocated.
//!
//! It knows no key types.

use super::fault::{Fault, Side};

/// Reads values off the front of borrowed bytes.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    side: Side,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], side: Side) -> Self {
        Self { rest: bytes, side }
    }

    /// Exactly `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.side.malformed(TRUNCATED))?;
        self.rest = rest;
        Ok(head)
    }

    /// A `uint32`.
    pub(super) fn number(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |sum, &b| sum << 8 | u32::from(b)))
    }

    /// A `string`.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Fault> {
        let len = usize::try_from(self.number()?).map_err(|_| self.side.malformed(TRUNCATED))?;
        self.take(len)
    }

    /// An `mpint` that is not negative: its big-endian bytes without leading zeros, empty for zero.
    pub(super) fn mpint(&mut self) -> Result<&'a [u8], Fault> {
        match self.string()? {
            [] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|&b| b >= 0x80) => Ok(rest),
            [0, ..] => Err(self.side.malformed("a number in the key has a needless leading zero")),
            [0x80..=0xff, ..] => Err(self.side.malformed("a number in the key is negative")),
            bytes => Ok(bytes),
        }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Fault> {
        match self.rest {
            [] => Ok(()),
            _ => Err(self.side.malformed("there are bytes after the end of the key")),
        }
    }
}

/// Appends a `string`. Ours are all far below 4 GiB.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends an `mpint` from big-endian bytes without leading zeros.
pub(super) fn put_mpint(out: &mut Vec<u8>, bytes: &[u8]) {
    let sign = bytes.first().is_some_and(|&b| b >= 0x80);
    put_length(out, bytes.len() + usize::from(sign));
    if sign {
        out.push(0);
    }
    out.extend_from_slice(bytes);
}

/// Appends the length of a `string` whose parts follow.
pub(super) fn put_length(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

/// A big-endian number without its leading zeros.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    number.get(number.iter().take_while(|&&b| b == 0).count()..).unwrap_or_default()
}

const TRUNCATED: &str = "the key is cut off, or a length in it is wrong";
