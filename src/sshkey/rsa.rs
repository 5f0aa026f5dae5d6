//! The numbers of an RSA key pair, and whether they belong together.
//!
//! All numbers are big-endian without leading zeros, as they came: nothing is repaired.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use crypto_bigint::{BoxedUint, ConcatenatingMul};
use zeroize::Zeroizing;

use super::blob::{Numbers, bits};
use super::fault::Fault;
use super::{prime, weak};
use crate::error::Reason;
use crate::secret::SecretBytes;

/// A secret number.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// A number in arithmetic.
pub(super) type Int = Zeroizing<BoxedUint>;

/// An RSA key pair with two primes (RFC 8017 section 3.2); iqmp is the inverse of q modulo p.
pub(super) struct RsaNumbers {
    pub(super) n: Vec<u8>,
    pub(super) e: Vec<u8>,
    pub(super) d: Secret,
    pub(super) iqmp: Secret,
    pub(super) p: Secret,
    pub(super) q: Secret,
}

/// d modulo p - 1 and modulo q - 1.
pub(super) struct Exponents {
    pub(super) p: Secret,
    pub(super) q: Secret,
}

impl RsaNumbers {
    pub(super) fn public(&self) -> Numbers<'_> {
        Numbers::Rsa { n: &self.n, e: &self.e }
    }

    /// Refuses numbers that do not belong together. n and e were checked before. Where a factor is 1 or tiny the modulus
    /// itself is looked at first, because the equations mean little there. That p and q are prime is left to `prove`.
    pub(super) fn check(&self) -> Result<(), Fault> {
        // First: with e bounded no d below n^0.3 is an inverse, and whoever sends one must hear what is wrong with it.
        self.check_d()?;
        if self.p == self.q {
            return Err(inconsistent("p is q"));
        }
        if !self.has_factors() {
            return Err(inconsistent("p * q is not n"));
        }
        if *self.p == self.n || *self.q == self.n {
            weak::check(&self.n, false)?;
            return Err(inconsistent("p or q is 1"));
        }
        if bits(&self.p).min(bits(&self.q)) <= SMALL_BITS {
            weak::check(&self.n, true)?;
        }
        let (p1, q1) = (less_one(&self.p)?, less_one(&self.q)?);
        let ed = product(&self.e, &self.d);
        if !is_one(&modulo(&ed, &p1)?) || !is_one(&modulo(&ed, &q1)?) {
            return Err(inconsistent("d is not the inverse of e"));
        }
        let (iqmp, p) = (int(&self.iqmp), int(&self.p));
        if *iqmp >= *p || !is_one(&modulo(&product(&self.iqmp, &self.q), &p)?) {
            return Err(inconsistent("the coefficient is not the inverse of q modulo p"));
        }
        Ok(())
    }

    /// p * q == n.
    pub(super) fn has_factors(&self) -> bool {
        // The product of numbers of a and b bytes has a + b bytes or one less: bounds the work before it is done.
        let (factors, n) = (self.p.len() + self.q.len(), self.n.len());
        (n..=n + 1).contains(&factors) && *product(&self.p, &self.q) == *int(&self.n)
    }

    /// A d below n^0.3 can be found from n and e (Wiener; Boneh and Durfee), and one over n is no tool's work.
    fn check_d(&self) -> Result<(), Fault> {
        if *int(&self.d) >= *int(&self.n) || bits(&self.d) * 10 < bits(&self.n) * 3 {
            return Err(Fault::new(Reason::RsaWeakD, "the RSA private exponent is too small, or not below n"));
        }
        Ok(())
    }

    pub(super) fn exponents(&self) -> Result<Exponents, Fault> {
        let d = int(&self.d);
        Ok(Exponents { p: bytes(&modulo(&d, &less_one(&self.p)?)?), q: bytes(&modulo(&d, &less_one(&self.q)?)?) })
    }

    /// The checks of weak keys that public halves go through, less what the two factors have shown. Some milliseconds.
    pub(super) fn examine(&self) -> Result<(), Fault> {
        weak::check(&self.n, true)
    }

    /// Makes a signature, verifies it, and tests p and q for being prime. Tens of milliseconds to some hundred: not
    /// for a thread that others wait on.
    pub(super) fn prove(&self) -> Result<(), Fault> {
        let exponents = self.exponents()?;
        let public_key = PublicKeyComponents { n: self.n.as_slice(), e: self.e.as_slice() };
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key,
            d: self.d.as_slice(),
            p: self.p.as_slice(),
            q: self.q.as_slice(),
            dP: exponents.p.as_slice(),
            dQ: exponents.q.as_slice(),
            qInv: self.iqmp.as_slice(),
        })
        .map_err(|_| inconsistent("its numbers make no key"))?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), PROOF, &mut signature)
            .map_err(|_| inconsistent("it cannot sign"))?;
        public_key
            .verify(&RSA_PKCS1_2048_8192_SHA256, PROOF, &signature)
            .map_err(|_| inconsistent("its signature does not verify"))?;
        // A composite p with a d made to measure signs well enough, so the signature alone does not tell.
        if !prime::is_probable(&self.p, &self.n) || !prime::is_probable(&self.q, &self.n) {
            return Err(inconsistent("p or q is not prime"));
        }
        Ok(())
    }

    /// n, e, d, iqmp, p, q, each behind its length in two bytes.
    pub(super) fn to_compact(&self) -> SecretBytes {
        let numbers: [&[u8]; 6] = [&self.n, &self.e, &self.d, &self.iqmp, &self.p, &self.q];
        SecretBytes::filled(numbers.iter().map(|n| 2 + n.len()).sum(), |out| {
            let mut rest = out;
            for number in numbers {
                // A number has at most 1 KiB, and the lengths add up to that of `out`.
                let (length, tail) = rest.split_at_mut(2);
                length.copy_from_slice(&[(number.len() >> 8) as u8, number.len() as u8]);
                let (place, tail) = tail.split_at_mut(number.len());
                place.copy_from_slice(number);
                rest = tail;
            }
        })
    }

    /// Reads the compact form; the numbers are checked for their form and for p * q == n.
    pub(super) fn from_compact(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let (number, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            bytes = rest;
            (number.first()? != &0).then_some(number)
        };
        let (n, e) = (next()?.to_vec(), next()?.to_vec());
        let mut secret = || next().map(|number| Zeroizing::new(number.to_vec()));
        let numbers = Self { n, e, d: secret()?, iqmp: secret()?, p: secret()?, q: secret()? };
        (bytes.is_empty() && numbers.has_factors()).then_some(numbers)
    }
}

/// The numbers of a key do not belong together.
pub(super) fn inconsistent(what: &str) -> Fault {
    Fault::new(Reason::RsaInconsistent, format!("the numbers of the RSA key do not belong together: {what}"))
}

/// A big-endian number.
pub(super) fn int(bytes: &[u8]) -> Int {
    Zeroizing::new(BoxedUint::from_be_slice_vartime(bytes))
}

pub(super) fn bytes(number: &Int) -> Secret {
    let fixed = Zeroizing::new(number.to_be_bytes().into_vec());
    let zeros = fixed.iter().take_while(|&&b| b == 0).count();
    Zeroizing::new(fixed.get(zeros..).unwrap_or_default().to_vec())
}

fn product(a: &[u8], b: &[u8]) -> Int {
    Zeroizing::new(int(a).concatenating_mul(&*int(b)))
}

pub(super) fn less_one(prime: &[u8]) -> Result<Int, Fault> {
    let prime = int(prime);
    if bool::from(prime.is_zero()) {
        return Err(inconsistent("a prime is zero"));
    }
    Ok(Zeroizing::new(prime.wrapping_sub(BoxedUint::one())))
}

pub(super) fn modulo(number: &Int, modulus: &Int) -> Result<Int, Fault> {
    let modulus = modulus.as_nz_vartime().ok_or_else(|| inconsistent("a prime is too small"))?;
    Ok(Zeroizing::new(number.rem(modulus)))
}

pub(super) fn is_one(number: &Int) -> bool {
    number.is_one().into()
}

/// What trial division finds has no more bits: 65537.
const SMALL_BITS: usize = 17;
const PROOF: &[u8] = b"keypairs: proof that both halves belong together";
