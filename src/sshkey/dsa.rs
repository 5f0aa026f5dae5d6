//! DSA (FIPS 186-2) as SSH has it (RFC 4253 section 6.6): a group of 160 bits, whatever the size of p.
//!
//! That the halves belong together is the equation y = g^x mod p itself: no signature is needed to know.

use crypto_bigint::Resize;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use zeroize::Zeroizing;

use super::blob::bits;
use super::fault::Fault;
use super::prime;
use super::rsa::{Int, bytes, int, is_one, less_one, modulo};
use crate::error::Reason;

/// The domain parameters: p and q prime, q divides p - 1, g of order q. Big-endian without leading zeros.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    pub(super) g: &'a [u8],
}

impl Group<'_> {
    /// The cheap half of `check`: sizes and ranges.
    pub(super) fn check_sizes(&self, y: &[u8]) -> Result<(), Fault> {
        let (p, q) = (bits(self.p), bits(self.q));
        if !(P_BITS_MIN..=P_BITS_MAX).contains(&p) || !p.is_multiple_of(8) || q != Q_BITS {
            let message = format!(
                "the DSA key has p of {p} and q of {q} bits: SSH has p of {P_BITS_MIN} to {P_BITS_MAX} and q of {Q_BITS}"
            );
            return Err(Fault::new(Reason::WeakDsa, message));
        }
        let below_p = |number: &[u8]| bits(number) > 1 && *int(number) < *int(self.p);
        match below_p(self.g) && below_p(y) {
            true => Ok(()),
            false => Err(weak("g or y is not between 1 and p")),
        }
    }

    /// Whether this is a group, and y in it. Tens of milliseconds. Sizes were checked.
    pub(super) fn check(&self, y: &[u8]) -> Result<(), Fault> {
        let q = int(self.q);
        if !is_zero(&modulo(&less_one(self.p)?, &q)?) {
            return Err(weak("q does not divide p - 1"));
        }
        if !prime::is_probable(self.q, self.p) || !prime::is_probable(self.p, self.q) {
            return Err(weak("p or q is not prime"));
        }
        for (number, name) in [(self.g, "g"), (y, "y")] {
            if !is_one(&self.power(number, &q)?) {
                return Err(weak(&format!("{name} is not in the group of q")));
            }
        }
        Ok(())
    }

    /// y of a private x; `None` unless x is from 1 to q - 1. The time does not tell x.
    pub(super) fn public(&self, x: &[u8]) -> Option<Vec<u8>> {
        let x = int(x);
        if bool::from(x.is_zero()) || *x >= *int(self.q) {
            return None;
        }
        Some(bytes(&self.power(self.g, &x).ok()?).to_vec())
    }

    fn power(&self, base: &[u8], exponent: &Int) -> Result<Int, Fault> {
        let p = int(self.p);
        let odd = p.as_odd_vartime().ok_or_else(|| weak("p is even"))?;
        let params = BoxedMontyParams::new(odd.clone());
        let base = (*int(base)).clone().resize(p.bits_precision());
        Ok(Zeroizing::new(BoxedMontyForm::new(base, &params).pow(exponent).retrieve()))
    }
}

/// x at the width of q, as it is sealed; `None` when it does not fit.
pub(super) fn fixed(x: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let zeros = x.iter().take_while(|&&b| b == 0).count();
    let x = x.get(zeros..)?;
    let mut out = Zeroizing::new(vec![0; X_LEN]);
    out.get_mut(X_LEN.checked_sub(x.len())?..)?.copy_from_slice(x);
    Some(out)
}

fn weak(what: &str) -> Fault {
    Fault::new(Reason::WeakDsa, format!("the numbers of the DSA key make no sound group: {what}"))
}

fn is_zero(number: &Int) -> bool {
    number.is_zero().into()
}

/// Bytes of x.
pub(super) const X_LEN: usize = Q_BITS / 8;
const P_BITS_MIN: usize = 1024;
const P_BITS_MAX: usize = 3072;
const Q_BITS: usize = 160;
