//! The mark of a flawed key maker in chips (ROCA: Nemec and others, "The Return of Coppersmith's Attack", CCS 2017;
//! CVE-2017-15361).
//!
//! Its primes are k * M + (65537^a mod M), where M is the product of the first primes. So such a modulus is one power
//! of 65537 modulo all of those primes together. The smallest M, that of the smallest keys, takes the primes up to 167;
//! every larger one holds them too. A power modulo each of them is common enough by chance (2^-28); one and the same
//! power is not (2^-154).

use super::modulus::Modulus;

/// Whether the modulus is a power of 65537 modulo the product of the primes from 3 to 167.
pub(super) fn is_marked(modulus: &Modulus<'_>) -> bool {
    let logs: Option<Vec<Log>> = PRIMES.iter().map(|&prime| Log::of(modulus.rem(prime), prime)).collect();
    let agree = |logs: &[Log]| logs.iter().enumerate().all(|(at, one)| logs[..at].iter().all(|other| one.fits(other)));
    logs.is_some_and(|logs| agree(&logs))
}

/// 65537 to the power of `exponent` is the number modulo a prime; so it is for every exponent that differs by `order`.
struct Log {
    exponent: u64,
    order: u64,
}

impl Log {
    /// `None` when the number is no power of 65537 modulo the prime.
    fn of(number: u64, prime: u64) -> Option<Self> {
        let powers = || std::iter::successors(Some(1), move |power| Some(power * GENERATOR % prime));
        let order = 1 + powers().skip(1).take_while(|&power| power != 1).count();
        let exponent = powers().take(order).position(|power| power == number)?;
        Some(Self { exponent: exponent as u64, order: order as u64 })
    }

    /// Whether one exponent serves both (Chinese remainder theorem; pairwise is enough for all).
    fn fits(&self, other: &Self) -> bool {
        self.exponent.abs_diff(other.exponent).is_multiple_of(gcd(self.order, other.order))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const GENERATOR: u64 = 65_537;
const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
