//! The numbers of a private key as a file gives them, before any of them is believed.

use zeroize::Zeroizing;

use super::blob::{Numbers, bits};
use super::curve::Curve;
use super::dsa::Group;
use super::fault::Fault;
use super::keyfile::Effort;
use super::private::{PrivateKey, mismatch};
use super::rsa::{Exponents, RsaNumbers, inconsistent};
use super::rules::KeyRules;

/// What a file says its key is.
pub(super) struct Draft {
    pub(super) given: Given,
    /// The public blob that came beside the private numbers.
    pub(super) public: Option<Vec<u8>>,
    pub(super) comment: String,
}

/// The private numbers, and those public ones that came among them.
pub(super) enum Given {
    Ed25519 { seed: Zeroizing<[u8; 32]>, points: Vec<Vec<u8>> },
    Ecdsa { curve: Curve, scalar: Zeroizing<Vec<u8>>, points: Vec<Vec<u8>> },
    Rsa { numbers: RsaNumbers, exponents: Option<Exponents> },
    Dsa { numbers: DsaNumbers, y: Option<Vec<u8>> },
}

/// A DSA group and the private number in it.
pub(super) struct DsaNumbers {
    pub(super) p: Vec<u8>,
    pub(super) q: Vec<u8>,
    pub(super) g: Vec<u8>,
    pub(super) x: Zeroizing<Vec<u8>>,
}

impl DsaNumbers {
    pub(super) fn group(&self) -> Group<'_> {
        Group { p: &self.p, q: &self.q, g: &self.g }
    }
}

impl From<Given> for Draft {
    /// Of a format that has neither comment nor public blob.
    fn from(given: Given) -> Self {
        Self { given, public: None, comment: String::new() }
    }
}

impl Draft {
    /// How much work `key` and the proof after it are.
    pub(super) fn effort(&self) -> Effort {
        let number = match &self.given {
            Given::Ed25519 { .. } | Given::Ecdsa { .. } => return Effort::Little,
            Given::Rsa { numbers, .. } => &numbers.n,
            Given::Dsa { numbers, .. } => &numbers.p,
        };
        Effort::Numbers(u16::try_from(bits(number)).unwrap_or(u16::MAX))
    }

    /// The key: sizes, then numbers, then whether all that came together belongs together. Returns it with its comment.
    pub(super) fn key(self, rules: KeyRules) -> Result<(PrivateKey, String), Fault> {
        let Self { given, public, comment } = self;
        let key = match given {
            Given::Ed25519 { seed, points } => with_points(PrivateKey::of_seed(seed)?, &points)?,
            Given::Ecdsa { curve, scalar, points } => with_points(PrivateKey::of_scalar(curve, &scalar)?, &points)?,
            Given::Rsa { numbers, exponents } => rsa(numbers, exponents, public.as_deref(), rules)?,
            Given::Dsa { numbers, y } => PrivateKey::of_dsa(&numbers, y.as_deref())?,
        };
        match public {
            Some(public) if public != key.public().blob() => Err(mismatch()),
            _ => Ok((key, comment)),
        }
    }
}

fn with_points(key: PrivateKey, points: &[Vec<u8>]) -> Result<PrivateKey, Fault> {
    points.iter().try_for_each(|point| key.expect_point(point))?;
    Ok(key)
}

/// The public blob is compared before any arithmetic.
fn rsa(
    numbers: RsaNumbers,
    exponents: Option<Exponents>,
    public: Option<&[u8]>,
    rules: KeyRules,
) -> Result<PrivateKey, Fault> {
    numbers.public().check(rules)?;
    if public.is_some_and(|public| public != numbers.public().write()) {
        return Err(mismatch());
    }
    numbers.check()?;
    if let Some(given) = exponents {
        let right = numbers.exponents()?;
        if right.p != given.p || right.q != given.q {
            return Err(inconsistent("an exponent is not d modulo p - 1 or q - 1"));
        }
    }
    PrivateKey::of_rsa(numbers)
}

/// The private numbers that stand beside a public blob in which the rest is (PPK).
pub(super) enum Beside {
    /// A seed, or a scalar.
    Scalar(Zeroizing<Vec<u8>>),
    /// d, p, q, iqmp.
    Rsa([Zeroizing<Vec<u8>>; 4]),
    /// x.
    Dsa(Zeroizing<Vec<u8>>),
}

impl Beside {
    /// All numbers of the key. `None` when blob and numbers are of different types.
    pub(super) fn given(self, public: &Numbers<'_>) -> Option<Given> {
        Some(match (self, public) {
            (Self::Scalar(bytes), Numbers::Ed25519(point)) => {
                let mut seed = Zeroizing::new([0; 32]);
                seed.get_mut(..bytes.len())?.copy_from_slice(&bytes);
                Given::Ed25519 { seed, points: vec![point.to_vec()] }
            }
            (Self::Scalar(scalar), Numbers::Ecdsa(curve, point)) => {
                Given::Ecdsa { curve: *curve, scalar, points: vec![point.to_vec()] }
            }
            (Self::Rsa([d, p, q, iqmp]), Numbers::Rsa { n, e }) => {
                let numbers = RsaNumbers { n: n.to_vec(), e: e.to_vec(), d, iqmp, p, q };
                Given::Rsa { numbers, exponents: None }
            }
            (Self::Dsa(x), Numbers::Dsa { group, y }) => {
                let numbers = DsaNumbers { p: group.p.to_vec(), q: group.q.to_vec(), g: group.g.to_vec(), x };
                Given::Dsa { numbers, y: Some(y.to_vec()) }
            }
            _ => return None,
        })
    }
}
