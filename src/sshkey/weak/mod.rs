//! RSA keys that are well-formed and can be broken all the same: which numbers are refused, and why.
//!
//! Pure, over public numbers only, so nothing here needs constant time. The checks run in the order of their costs;
//! all but the last one together take about a millisecond. Costs are those of one core of a small machine.
//!
//! What a public key cannot tell is not looked for: whether its primes were drawn from too few, or its private
//! exponent is small (the bound on e leaves no room for one below n^0.3).

#![forbid(unsafe_code)]

pub(super) mod edwards;
mod factor;
mod fermat;
mod modulus;
mod pattern;
mod prime_modulus;
mod roca;
mod shared;
mod square;

use modulus::Modulus;
pub use shared::SharedPrimes;

use super::blob::Numbers;
use super::fault::Fault;
use super::public::PublicKey;
use crate::error::Reason;

/// One check of an RSA modulus.
pub struct Check {
    /// What it looks for, in a word.
    pub name: &'static str,
    /// Whether it still has something to say when two proper factors of the modulus are known.
    of_factored: bool,
    finds: fn(&Modulus<'_>) -> bool,
    reason: Reason,
    told: &'static str,
}

/// All checks, cheap first; with their costs for a modulus of 4096 and one of 8192 bits.
pub static CHECKS: [Check; 5] = [
    // 0.02 ms, 0.04 ms
    Check {
        name: "pattern",
        of_factored: true,
        finds: pattern::is_regular,
        reason: Reason::RsaPattern,
        told: "the RSA modulus repeats itself or has far more bits of one kind: it was not made by chance",
    },
    // 0.01 ms; most keys fail it at the first primes
    Check {
        name: "ROCA",
        of_factored: true,
        finds: roca::is_marked,
        reason: Reason::RsaRoca,
        told: "the RSA key was made by a flawed chip (ROCA, CVE-2017-15361) and can be factored",
    },
    // 0.01 ms, 0.03 ms
    Check {
        name: "close primes",
        of_factored: true,
        finds: fermat::splits,
        reason: Reason::RsaClosePrimes,
        told: "the primes of the RSA key are equal or so close that it can be factored in a moment",
    },
    // 0.5 ms, 1 ms
    Check {
        name: "small factors",
        of_factored: true,
        finds: factor::has_small,
        reason: Reason::RsaSmallFactor,
        told: "the RSA modulus has a factor of at most 65537: it is damaged, or was made to be broken",
    },
    // 20 ms, 150 ms: the only one for the pool
    Check {
        name: "prime modulus",
        of_factored: false,
        finds: prime_modulus::seems_prime,
        reason: Reason::RsaNotComposite,
        told: "the RSA modulus is a prime, so everybody can find the private key",
    },
];

impl Check {
    /// Runs this check alone; what is no RSA key passes.
    pub fn run(&self, key: &PublicKey) -> Result<(), Fault> {
        match key.numbers()? {
            Numbers::Rsa { n, .. } => self.judge(&Modulus::new(n)),
            _ => Ok(()),
        }
    }

    fn judge(&self, modulus: &Modulus<'_>) -> Result<(), Fault> {
        if !(self.finds)(modulus) {
            return Ok(());
        }
        Err(Fault::new(self.reason, format!("{}; make a new key, and take this one out of use", self.told)))
    }
}

/// All checks of a modulus whose size was checked. With `factored` two proper factors of it are known.
pub(super) fn check(n: &[u8], factored: bool) -> Result<(), Fault> {
    if cfg!(fuzzing) {
        return Ok(()); // a hundred milliseconds here would leave the readers a few runs a second
    }
    let modulus = Modulus::new(n);
    CHECKS.iter().filter(|check| check.of_factored || !factored).try_for_each(|check| check.judge(&modulus))
}
