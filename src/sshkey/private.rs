//! The private half of a key: its secret numbers, always together with the public half that follows from them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::curve::Curve;
use super::draft::DsaNumbers;
use super::fault::Fault;
use super::keyfile::KeyFile;
use super::public::{Algorithm, PublicKey};
use super::rsa::RsaNumbers;
use super::rules::KeyRules;
use super::{der, dsa};
use crate::error::Reason;
use crate::secret::SecretBytes;

/// A key pair. It cannot be printed or cloned, and is wiped when dropped.
pub struct PrivateKey {
    public: PublicKey,
    secret: Secret,
}

/// The secret numbers.
pub(super) enum Secret {
    /// The seed.
    Ed25519(Zeroizing<[u8; 32]>),
    /// The scalar, at the curve's fixed width.
    Ecdsa(Curve, Zeroizing<Vec<u8>>),
    Rsa(Box<RsaNumbers>),
    /// x, 20 bytes; the group is in the public half.
    Dsa(Zeroizing<Vec<u8>>),
}

impl PrivateKey {
    /// Reads a private key file that is not encrypted, by the rules that every project has: `KeyFile` in one step.
    /// Everything cheap is checked, also that the halves belong together; `prove` is left to the caller.
    pub fn parse(text: &str) -> Result<(Self, String), Fault> {
        KeyFile::read(text, KeyRules::default())?.open(None, KeyRules::default())
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The checks that the public half of a weak key does not pass (`PublicKey::examine`), cheaper here where the
    /// factors of an RSA modulus are known and `prove` has found them prime. Some milliseconds.
    pub fn examine(&self) -> Result<(), Fault> {
        match &self.secret {
            Secret::Rsa(numbers) => numbers.examine(),
            _ => self.public.examine(),
        }
    }

    /// Makes a signature and verifies it with the public half; for RSA also tests the primes. For RSA it takes tens
    /// of milliseconds to some hundred: not for a thread that others wait on.
    pub fn prove(&self) -> Result<(), Fault> {
        let proven = match &self.secret {
            Secret::Ed25519(seed) => self.prove_ed25519(seed),
            Secret::Ecdsa(curve, scalar) => self.prove_ecdsa(*curve, scalar),
            Secret::Rsa(numbers) => return numbers.prove(),
            // y is g^x: that was computed when the key was made of its numbers.
            Secret::Dsa(_) => Some(()),
        };
        proven.ok_or_else(mismatch)
    }

    /// The form that is sealed. Ed25519: the seed, 32 bytes. ECDSA: the scalar, 32, 48 or 66 bytes. RSA: n, e, d, iqmp,
    /// p, q, each as its length in two big-endian bytes and its big-endian bytes without leading zeros. DSA: x, 20 bytes.
    pub fn to_compact(&self) -> SecretBytes {
        match &self.secret {
            Secret::Ed25519(seed) => SecretBytes::copied(&**seed),
            Secret::Ecdsa(_, scalar) | Secret::Dsa(scalar) => SecretBytes::copied(scalar),
            Secret::Rsa(numbers) => numbers.to_compact(),
        }
    }

    /// Reads the compact form back. `None` unless the public half that follows from it is `public` exactly.
    pub fn from_compact(public: &PublicKey, bytes: &[u8]) -> Option<Self> {
        let key = match (public.algorithm(), public.numbers().ok()?) {
            (Algorithm::Ed25519, _) => Self::of_seed(Zeroizing::new(bytes.try_into().ok()?)).ok()?,
            (_, Numbers::Ecdsa(curve, point)) => Self::of_scalar_and_point(curve, bytes, point, public)?,
            (Algorithm::Rsa, _) => Self::of_rsa(RsaNumbers::from_compact(bytes)?).ok()?,
            (_, Numbers::Dsa { group, .. }) if bytes.len() == dsa::X_LEN => {
                let y = group.public(bytes)?;
                let public = public_of(&Numbers::Dsa { group, y: &y }).ok()?;
                Self { public, secret: Secret::Dsa(Zeroizing::new(bytes.to_vec())) }
            }
            _ => return None,
        };
        (key.public == *public).then_some(key)
    }

    /// The key of a seed.
    pub(super) fn of_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, Fault> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| Fault::internal("Ed25519 takes no seed"))?;
        let public = public_of(&Numbers::Ed25519(pair.public_key().as_ref()))?;
        Ok(Self { public, secret: Secret::Ed25519(seed) })
    }

    /// The key of a big-endian scalar of any length.
    pub(super) fn of_scalar(curve: Curve, scalar: &[u8]) -> Result<Self, Fault> {
        let invalid =
            || Fault::new(Reason::EcScalarInvalid, "the private scalar is zero, or not below the order of the curve");
        let scalar = curve.scalar(scalar).ok_or_else(invalid)?;
        let point = curve.point(&scalar).ok_or_else(invalid)?;
        Ok(Self { public: public_of(&Numbers::Ecdsa(curve, &point))?, secret: Secret::Ecdsa(curve, scalar) })
    }

    /// The key of a scalar whose point is known: half the work of finding the point anew.
    fn of_scalar_and_point(curve: Curve, scalar: &[u8], point: &[u8], public: &PublicKey) -> Option<Self> {
        if scalar.len() != curve.width() {
            return None;
        }
        let file = der::sec1(curve, scalar, point).ok()?;
        // aws-lc-rs multiplies the scalar and refuses a file with another point.
        let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), &file).ok()?;
        let secret = Secret::Ecdsa(curve, Zeroizing::new(scalar.to_vec()));
        (pair.public_key().as_ref() == point).then(|| Self { public: public.clone(), secret })
    }

    /// The key of RSA numbers that were checked.
    pub(super) fn of_rsa(numbers: RsaNumbers) -> Result<Self, Fault> {
        Ok(Self { public: public_of(&numbers.public())?, secret: Secret::Rsa(Box::new(numbers)) })
    }

    /// The key of DSA numbers; y, when it was given, must be that of x.
    pub(super) fn of_dsa(numbers: &DsaNumbers, y: Option<&[u8]>) -> Result<Self, Fault> {
        let group = numbers.group();
        // A y that holds where none was given, so that sizes are checked before the power is taken.
        group.check_sizes(y.unwrap_or(&[2]))?;
        let public = group.public(&numbers.x).ok_or_else(mismatch)?;
        if y.is_some_and(|y| y != public) {
            return Err(mismatch());
        }
        let secret = dsa::fixed(&numbers.x).ok_or_else(mismatch)?;
        Ok(Self { public: public_of(&Numbers::Dsa { group, y: &public })?, secret: Secret::Dsa(secret) })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Compares with the point that came beside the private numbers, uncompressed or (elliptic curves) compressed.
    pub(super) fn expect_point(&self, given: &[u8]) -> Result<(), Fault> {
        let fits = match self.public.numbers()? {
            Numbers::Ed25519(point) => given == point,
            Numbers::Ecdsa(curve, point) => given == point || given == compressed(curve, point),
            _ => false,
        };
        if fits { Ok(()) } else { Err(mismatch()) }
    }

    fn prove_ed25519(&self, seed: &[u8; 32]) -> Option<()> {
        let Numbers::Ed25519(point) = self.public.numbers().ok()? else { return None };
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, point).ok()?;
        UnparsedPublicKey::new(&ED25519, point).verify(PROOF, pair.sign(PROOF).as_ref()).ok()
    }

    fn prove_ecdsa(&self, curve: Curve, scalar: &[u8]) -> Option<()> {
        let Numbers::Ecdsa(_, point) = self.public.numbers().ok()? else { return None };
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), scalar, point).ok()?;
        let signature = pair.sign(&SystemRandom::new(), PROOF).ok()?;
        UnparsedPublicKey::new(curve.verification(), point).verify(PROOF, signature.as_ref()).ok()
    }
}

/// The halves of a key do not belong together.
pub(super) fn mismatch() -> Fault {
    let message = "the private and the public numbers of the key do not belong together";
    Fault::new(Reason::PrivateKeyPublicMismatch, message)
}

fn public_of(numbers: &Numbers<'_>) -> Result<PublicKey, Fault> {
    PublicKey::of(numbers).ok_or_else(|| Fault::internal("a checked key has no size"))
}

/// The compressed form of an uncompressed point (SEC 1 section 2.3.3).
fn compressed(curve: Curve, point: &[u8]) -> Vec<u8> {
    let sign = 2 + (point.last().copied().unwrap_or(0) & 1);
    let mut out = vec![sign];
    out.extend(point.iter().skip(1).take(curve.width()));
    out
}

const PROOF: &[u8] = b"keypairs: proof that both halves belong together";
