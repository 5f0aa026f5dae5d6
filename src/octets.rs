//! Reading and writing the service's own binary formats: big-endian, length-prefixed, one canonical form.
//!
//! A reader never allocates and never panics, whatever the lengths in the bytes say; a fault names the field it was in.
//! It knows no format.

#![forbid(unsafe_code)]

/// What was read, or the name of the field that did not fit.
pub type Read<T> = Result<T, &'static str>;

/// Walks over bytes, field by field.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Stands before the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `len` bytes.
    pub fn take(&mut self, field: &'static str, len: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(field)?;
        let taken = self.bytes.get(self.at..end).ok_or(field)?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Read<[u8; N]> {
        self.take(field, N)?.try_into().map_err(|_| field)
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Read<u8> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self, field: &'static str) -> Read<u16> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self, field: &'static str) -> Read<u32> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self, field: &'static str) -> Read<u64> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Eight bytes, two's complement.
    pub fn i64(&mut self, field: &'static str) -> Read<i64> {
        self.array(field).map(i64::from_be_bytes)
    }

    /// One byte of length, then so much UTF-8.
    pub fn text8(&mut self, field: &'static str) -> Read<&'a str> {
        let len = usize::from(self.u8(field)?);
        std::str::from_utf8(self.take(field, len)?).map_err(|_| field)
    }

    /// Two bytes of length, then so many bytes.
    pub fn bytes16(&mut self, field: &'static str) -> Read<&'a [u8]> {
        let len = usize::from(self.u16(field)?);
        self.take(field, len)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Read<()> {
        if self.at == self.bytes.len() { Ok(()) } else { Err("trailing bytes") }
    }
}

/// Writes one byte of length and the text; `field` when it is longer than 255 bytes.
pub fn put_text8(out: &mut Vec<u8>, field: &'static str, text: &str) -> Read<()> {
    out.push(u8::try_from(text.len()).map_err(|_| field)?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Writes two bytes of length and the bytes; `field` when there are more than 65,535.
pub fn put_bytes16(out: &mut Vec<u8>, field: &'static str, bytes: &[u8]) -> Read<()> {
    out.extend_from_slice(&u16::try_from(bytes.len()).map_err(|_| field)?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
