//! A modulus that is a prime is no product of two: whoever reads it knows the private exponent.

use crypto_bigint::{BoxedUint, Resize};

use super::modulus::Modulus;
use super::square::Squares;

/// Whether 2^n = 2 modulo n, as for every odd prime n (Fermat). Products of two random primes are like that less often
/// than once in 2^100 times, so one base is enough; whoever builds one that is gets it refused, no more.
pub(super) fn seems_prime(modulus: &Modulus<'_>) -> bool {
    let is_odd = modulus.words.first().is_some_and(|word| word & 1 == 1);
    let Some(n) = modulus.int.as_nz_vartime().filter(|_| is_odd) else { return false };
    let mut squares = Squares::new(&modulus.words);
    let bits = 64 * squares.len() as u32; // at most 8192
    let one = BoxedUint::one().resize(bits + 64).shl(bits).rem_vartime(n);
    let mut power = one.as_words().to_vec();
    power.resize(squares.len(), 0);
    let mut two = power.clone();
    squares.double(&mut two);
    // Square and double: the bits of the exponent from the highest one down.
    let bits = modulus.words.iter().rev().flat_map(|word| (0..64).rev().map(move |bit| word >> bit & 1));
    for bit in bits.skip_while(|&bit| bit == 0) {
        squares.square(&mut power);
        if bit == 1 {
            squares.double(&mut power);
        }
    }
    squares.settle(&mut power);
    squares.settle(&mut two);
    power == two
}
