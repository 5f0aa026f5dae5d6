//! Whether a number is prime, by Miller and Rabin's test.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Resize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::rsa::{Int, int};

/// Whether `number` passes. The bases come from `seed` by a hash, so that whoever builds a composite cannot choose them:
/// the best one passes once in 4^rounds times. One of 1024 bits that came about by chance or by mistake passes less often
/// than once in 2^60 times (Damgard, Landrock and Pomerance 1993).
pub(super) fn is_probable(number: &[u8], seed: &[u8]) -> bool {
    let number = int(number);
    let Some(odd) = number.as_odd_vartime().filter(|_| number.bits_vartime() > 64) else { return false };
    let params = BoxedMontyParams::new(odd.clone());
    let less_one: Int = Zeroizing::new(number.wrapping_sub(BoxedUint::one()));
    let twos = less_one.trailing_zeros_vartime();
    let exponent: Int = Zeroizing::new(less_one.shr(twos));
    (0..rounds(&number)).all(|round| {
        let base = BoxedMontyForm::new(base(round, seed, number.bits_precision()), &params);
        passes(&base, &exponent, twos)
    })
}

/// One round: base^exponent is 1 or -1, or becomes -1 by squaring it fewer than `twos` times.
fn passes(base: &BoxedMontyForm, exponent: &BoxedUint, twos: u32) -> bool {
    let one = BoxedMontyForm::one(base.params());
    let minus_one = one.neg();
    let mut power = base.pow(exponent);
    if power == one || power == minus_one {
        return true;
    }
    (1..twos).any(|_| {
        power = power.square();
        power == minus_one
    })
}

/// A base of 63 bits, so that it is below every number that is tested.
fn base(round: u8, seed: &[u8], precision: u32) -> BoxedUint {
    let hash = Sha256::new().chain_update([round]).chain_update(seed).finalize();
    let low = hash.iter().take(8).fold(0, |sum, &b| sum << 8 | u64::from(b));
    BoxedUint::from((low >> 1) | 2).resize(precision)
}

/// Each is an exponentiation of the size of the number: 5 ms for 2048 bits, 35 ms for 4096. The larger a number that came
/// about by chance is, the fewer it takes to be as sure.
fn rounds(number: &BoxedUint) -> u8 {
    match number.bits_vartime() {
        ..=1536 => 4,
        1537..=2048 => 2,
        _ => 1,
    }
}
