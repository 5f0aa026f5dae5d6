//! Moduli that nobody draws by chance: they repeat themselves, or nearly all their bits are alike.

use super::modulus::Modulus;

/// Whether the modulus has a stretch that repeats itself, or far more bits of one kind than of the other.
pub(super) fn is_regular(modulus: &Modulus<'_>) -> bool {
    is_biased(modulus) || (1..=LONGEST_PERIOD).any(|period| repeats(modulus.bytes, period))
}

/// Whether a run of bytes is the same as the bytes `period` before it. By chance one in 2^110 moduli is like that.
fn repeats(bytes: &[u8], period: usize) -> bool {
    let mut run = 0;
    bytes.iter().zip(bytes.iter().skip(period)).any(|(before, here)| {
        run = if before == here { run + 1 } else { 0 };
        run == RUN
    })
}

/// Whether under two or over three bits in five are ones: at 2048 bits that is nine standard deviations from a half.
fn is_biased(modulus: &Modulus<'_>) -> bool {
    let ones: u32 = modulus.words.iter().map(|word| word.count_ones()).sum();
    let bits = modulus.bytes.len() as u32 * 8; // at most 8192
    !(bits * 2..=bits * 3).contains(&(ones * 5))
}

const LONGEST_PERIOD: usize = 64;
const RUN: usize = 16;
