//! A modulus under examination: the same number as bytes, as words, and for arithmetic.

use crypto_bigint::BoxedUint;

/// A modulus, which is public.
pub(super) struct Modulus<'a> {
    /// Big-endian without leading zeros.
    pub(super) bytes: &'a [u8],
    /// 64 bits each, the lowest first.
    pub(super) words: Vec<u64>,
    /// For arithmetic.
    pub(super) int: BoxedUint,
}

impl<'a> Modulus<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let word = |chunk: &[u8]| chunk.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        let words = bytes.rchunks(8).map(word).collect();
        Self { bytes, words, int: BoxedUint::from_be_slice_vartime(bytes) }
    }

    /// The remainder by a divisor that is not zero: one division for each word.
    pub(super) fn rem(&self, divisor: u64) -> u64 {
        rem(&self.words, divisor)
    }
}

/// The remainder of a number, its lowest word first, by a divisor that is not zero.
pub(super) fn rem(words: &[u64], divisor: u64) -> u64 {
    let divide = |high: u64, &low: &u64| (u128::from(high) << 64 | u128::from(low)) % u128::from(divisor);
    words.iter().rev().fold(0, |high, low| divide(high, low) as u64) // a remainder is below its divisor
}
