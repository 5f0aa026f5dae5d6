//! What the fuzz targets share: how an input is measured, what must hold of what was read, and how bytes that the
//! fuzzer made get behind a MAC or a cipher, where it would never come by chance.
//!
//! Promise: whatever is locked here is locked as docs/FORMAT.md and the foreign formats say, not by code of the service;
//! so each success is two implementations agreeing.

pub mod keys;
pub mod lock;
pub mod meter;
pub mod ppk;
pub mod stored;

pub use libfuzzer_sys::fuzz_target;

/// Takes bytes off the front of an input; an input that is too short gives nothing.
pub fn split(data: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    data.split_at_checked(len)
}

/// A piece behind its length in two bytes, and the rest.
pub fn piece(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
