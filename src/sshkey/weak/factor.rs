//! Factors that trial division finds: no prime of a sound key is below 2^1000.

use std::sync::LazyLock;

use super::modulus::Modulus;

/// Whether a prime up to 65537 divides the modulus.
pub(super) fn has_small(modulus: &Modulus<'_>) -> bool {
    CHUNKS.iter().any(|chunk| {
        let rest = modulus.rem(chunk.product);
        chunk.primes.iter().any(|&prime| rest.is_multiple_of(u64::from(prime)))
    })
}

/// Neighbouring primes whose product fits a word: the modulus is divided once for all of them.
struct Chunk {
    product: u64,
    primes: Vec<u32>,
}

static CHUNKS: LazyLock<Vec<Chunk>> = LazyLock::new(|| {
    let mut chunks: Vec<Chunk> = Vec::new();
    for prime in primes() {
        let wide = u64::from(prime);
        match chunks.last_mut() {
            Some(last) if last.product.checked_mul(wide).is_some() => {
                last.product *= wide;
                last.primes.push(prime);
            }
            _ => chunks.push(Chunk { product: wide, primes: vec![prime] }),
        }
    }
    chunks
});

/// The primes up to `LARGEST`, by Eratosthenes' sieve.
fn primes() -> Vec<u32> {
    let mut composite = vec![false; LARGEST + 1];
    let mut primes = Vec::new();
    for number in 2..=LARGEST {
        if composite[number] {
            continue;
        }
        primes.push(number as u32); // at most 65537
        (number * number..=LARGEST).step_by(number).for_each(|multiple| composite[multiple] = true);
    }
    primes
}

const LARGEST: usize = 65_537;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prime_is_in_exactly_one_chunk() {
        let all: Vec<u32> = CHUNKS.iter().flat_map(|chunk| chunk.primes.clone()).collect();
        assert_eq!((all.len(), all[0], all[6542]), (6543, 2, 65_537)); // pi(65536) = 6542
        for chunk in CHUNKS.iter() {
            assert_eq!(chunk.product, chunk.primes.iter().map(|&p| u64::from(p)).product::<u64>());
        }
    }
}
