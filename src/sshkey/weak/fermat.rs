//! Fermat's way to factor, when the primes are close together: n = a^2 - b^2 with an a next to the root of n.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};

use super::modulus::{Modulus, rem};

/// Whether the modulus is a square, or one of the first thousand a above its root gives its factors.
pub(super) fn splits(modulus: &Modulus<'_>) -> bool {
    let root = modulus.int.floor_sqrt_vartime();
    if square(&root) == modulus.int {
        return true;
    }
    // What is left of a^2 - n by FILTER goes from round to round by additions; big numbers come in only when it looks
    // like that of a square, which is once in 20,000 rounds.
    let first = root.wrapping_add(BoxedUint::one());
    let a = rem(first.as_words(), FILTER);
    let square_of_a = (u128::from(a) * u128::from(a) % u128::from(FILTER)) as u64; // below FILTER
    let mut rest = (square_of_a + FILTER - modulus.rem(FILTER)) % FILTER;
    let mut step = (2 * a + 1) % FILTER;
    (0..ROUNDS).any(|round| {
        let found = may_be_square(rest) && is_square_beyond(&first, round, modulus);
        rest = (rest + step) % FILTER;
        step = (step + 2) % FILTER;
        found
    })
}

/// Whether what is left by FILTER is left of some square, as for one number in 20,000.
fn may_be_square(rest: u64) -> bool {
    FILTERS.iter().zip(&SQUARES).all(|(filter, squares)| squares >> (rest % filter) & 1 == 1)
}

/// Whether (first + round)^2 - n is a square.
fn is_square_beyond(first: &BoxedUint, round: u32, modulus: &Modulus<'_>) -> bool {
    let a = first.wrapping_add(BoxedUint::from(round).resize(first.bits_precision()));
    let a2 = square(&a);
    let rest = a2.wrapping_sub((&modulus.int).resize(a2.bits_precision())); // a is above the root of n
    square(&rest.floor_sqrt_vartime()) == rest
}

fn square(number: &BoxedUint) -> BoxedUint {
    number.concatenating_mul(number)
}

/// For each filter the numbers below it that are squares modulo it, as bits.
const fn squares() -> [u128; FILTERS.len()] {
    let mut squares = [0; FILTERS.len()];
    let mut at = 0;
    while at < FILTERS.len() {
        let mut number = 0;
        while number < FILTERS[at] {
            squares[at] |= 1 << (number * number % FILTERS[at]);
            number += 1;
        }
        at += 1;
    }
    squares
}

const fn product() -> u64 {
    let mut product = 1;
    let mut at = 0;
    while at < FILTERS.len() {
        product *= FILTERS[at];
        at += 1;
    }
    product
}

const ROUNDS: u32 = 1_000;
/// Without common factors.
const FILTERS: [u64; 12] = [64, 63, 65, 11, 17, 19, 23, 29, 31, 37, 41, 43];
const SQUARES: [u128; FILTERS.len()] = squares();
/// 1.3 * 10^18: two of them fit a word.
const FILTER: u64 = product();
