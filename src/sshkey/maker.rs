//! Making key pairs.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use zeroize::Zeroizing;

use super::curve::Curve;
use super::der;
use super::private::PrivateKey;
use super::public::Algorithm;
use super::rules::KeyRules;
use crate::clock::Entropy;
use crate::error::{Error, Reason, Result};

/// Which key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySpec {
    /// Ed25519.
    Ed25519,
    /// ECDSA on this curve.
    Ecdsa(Curve),
    /// RSA with a modulus of this many bits, and the public exponent 65537.
    Rsa(u16),
}

impl KeySpec {
    /// The algorithm.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519 => Algorithm::Ed25519,
            Self::Ecdsa(_) => Algorithm::Ecdsa,
            Self::Rsa(_) => Algorithm::Rsa,
        }
    }

    /// The size: 256; 256, 384, 521; size of the modulus.
    pub fn bits(self) -> u16 {
        match self {
            Self::Ed25519 => 256,
            Self::Ecdsa(curve) => curve.bits(),
            Self::Rsa(bits) => bits,
        }
    }
}

/// Makes key pairs. RSA takes from tens of milliseconds to seconds: not for a thread that others wait on.
pub trait KeyMaker: Send + Sync {
    /// Makes a key pair.
    fn make(&self, spec: KeySpec) -> Result<PrivateKey>;
}

/// Makes keys with aws-lc-rs: Ed25519 and ECDSA from the randomness that it is given, RSA from the library's own.
/// RSA sizes are 2048, 3072, 4096 and 8192.
pub struct AwsLcKeyMaker {
    entropy: Arc<dyn Entropy>,
}

impl AwsLcKeyMaker {
    /// Makes Ed25519 and ECDSA keys from this randomness.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    fn ed25519(&self) -> Result<PrivateKey> {
        let mut seed = Zeroizing::new([0; 32]);
        self.entropy.fill(&mut *seed);
        PrivateKey::of_seed(seed).map_err(|fault| Error::internal(fault.message))
    }

    /// Draws scalars until one is in range, which keeps them evenly spread (FIPS 186-5 A.2.2).
    fn ecdsa(&self, curve: Curve) -> Result<PrivateKey> {
        let mut scalar = Zeroizing::new(vec![0; curve.width()]);
        for _ in 0..DRAWS_MAX {
            self.entropy.fill(&mut scalar);
            if let (Curve::P521, Some(first)) = (curve, scalar.first_mut()) {
                *first &= 1; // 521 of 528 bits
            }
            if let Ok(key) = PrivateKey::of_scalar(curve, &scalar) {
                return Ok(key);
            }
        }
        Err(Error::internal("the randomness gives no scalar below the order of the curve"))
    }
}

impl KeyMaker for AwsLcKeyMaker {
    fn make(&self, spec: KeySpec) -> Result<PrivateKey> {
        match spec {
            KeySpec::Ed25519 => self.ed25519(),
            KeySpec::Ecdsa(curve) => self.ecdsa(curve),
            KeySpec::Rsa(bits) => rsa(bits),
        }
    }
}

fn rsa(bits: u16) -> Result<PrivateKey> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        _ => {
            return Err(Error::new(Reason::KeyBitsUnsupported, "RSA keys are made with 2048, 3072, 4096 or 8192 bits"));
        }
    };
    let pair = KeyPair::generate(size).map_err(|_| Error::internal("aws-lc-rs makes no RSA key"))?;
    let file = pair.as_der().map_err(|_| Error::internal("aws-lc-rs gives no PKCS#8"))?;
    let rules = KeyRules::default();
    let draft = der::read_pkcs8(file.as_ref(), rules).and_then(|draft| draft.key(rules));
    draft.map(|(key, _)| key).map_err(|fault| Error::internal(fault.message))
}

/// The chance to miss once is below 2^-32 for P-256 and less for the others; only a broken source misses this often.
const DRAWS_MAX: usize = 16;
