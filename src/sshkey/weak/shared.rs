//! Two keys that share a prime: whoever has both moduli finds it as their greatest common divisor, and has both keys.
//!
//! Key makers that draw their first prime before they have any randomness make such keys (Heninger and others, "Mining
//! Your Ps and Qs", USENIX Security 2012).

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Gcd, Resize};

use super::super::blob::Numbers;
use super::super::public::PublicKey;

/// A modulus that others are held against, one after the other: all of them are multiplied, and the product has one
/// common divisor taken in the end.
pub struct SharedPrimes {
    n: BoxedUint,
    params: BoxedMontyParams,
    product: BoxedMontyForm,
}

impl SharedPrimes {
    /// Of an RSA key; others share nothing that way.
    pub fn of(key: &PublicKey) -> Option<Self> {
        let n = modulus(key)?;
        let params = BoxedMontyParams::new_vartime(n.as_odd_vartime()?.clone());
        Some(Self { product: BoxedMontyForm::one(&params), params, n })
    }

    /// Holds another key against it; one with the same modulus under another exponent has both primes in common.
    /// 8 us for two moduli of 4096 bits, 30 us for 8192.
    pub fn add(&mut self, other: &PublicKey) {
        let (Some(m), Some(n)) = (modulus(other), self.n.as_nz_vartime()) else { return };
        let m = m.rem_vartime(n).resize(self.n.bits_precision());
        // Read as Montgomery's form of another number: a factor without divisors of n makes no difference.
        self.product = self.product.mul(&BoxedMontyForm::from_montgomery(m, &self.params));
    }

    /// Whether one of those that were added shares a prime with it. 0.3 ms for 4096 bits, 1 ms for 8192.
    pub fn found(&self) -> bool {
        // A product of zero has every prime of n.
        !bool::from(self.n.gcd_vartime(self.product.as_montgomery()).is_one())
    }
}

fn modulus(key: &PublicKey) -> Option<BoxedUint> {
    match key.numbers().ok()? {
        Numbers::Rsa { n, .. } => Some(BoxedUint::from_be_slice_vartime(n)),
        _ => None,
    }
}
