//! The three NIST curves: their names (RFC 5656), sizes, and the arithmetic, which is aws-lc-rs's.

use aws_lc_rs::agreement;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};
use zeroize::Zeroizing;

/// A NIST curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    pub(super) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Its size in bits: 256, 384, 521.
    pub fn bits(self) -> u16 {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Its name inside a blob.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The type of its keys.
    pub(super) fn key_type(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Bytes of a coordinate and of a scalar: 32, 48, 66.
    pub(super) fn width(self) -> usize {
        usize::from(self.bits()).div_ceil(8)
    }

    /// The scalar at its fixed width; `None` when it does not fit.
    pub(super) fn scalar(self, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let zeros = bytes.iter().take_while(|&&b| b == 0).count();
        let bytes = &bytes[zeros..]; // a count of items is within the slice
        let missing = self.width().checked_sub(bytes.len())?;
        let mut scalar = Zeroizing::new(vec![0; self.width()]);
        scalar[missing..].copy_from_slice(bytes);
        Some(scalar)
    }

    /// The uncompressed point of a scalar of fixed width; `None` when the scalar is zero or not below the order.
    pub(super) fn point(self, scalar: &[u8]) -> Option<Vec<u8>> {
        let key = agreement::PrivateKey::from_private_key(self.agreement(), scalar).ok()?;
        Some(key.compute_public_key().ok()?.as_ref().to_vec())
    }

    /// Whether this is an uncompressed point of the curve other than infinity.
    pub(super) fn holds(self, point: &[u8]) -> bool {
        let shaped = point.len() == 1 + 2 * self.width() && point.first() == Some(&4);
        shaped && ParsedPublicKey::new(self.verification(), point).is_ok()
    }

    pub(super) fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    pub(super) fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }

    fn agreement(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::P521 => &agreement::ECDH_P521,
        }
    }
}
