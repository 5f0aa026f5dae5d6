//! The SSH wire blob of a public key (RFC 4253, 5656, 8709): its numbers, and which of them are refused.

use super::curve::Curve;
use super::fault::{Fault, Side, weak_dsa};
use super::weak::edwards;
use super::wire::{Reader, put_mpint, put_string};
use crate::error::Reason;

/// The numbers of a public key. Those of RSA are big-endian without leading zeros.
pub(super) enum Numbers<'a> {
    Ed25519(&'a [u8]),
    Ecdsa(Curve, &'a [u8]),
    Rsa { n: &'a [u8], e: &'a [u8] },
}

impl<'a> Numbers<'a> {
    /// Reads a blob; its form is checked, its numbers are not.
    pub(super) fn read(blob: &'a [u8], side: Side) -> Result<Self, Fault> {
        let mut reader = Reader::new(blob, side);
        let numbers = match KeyType::named(reader.string()?) {
            Some(KeyType::Ed25519) => Self::Ed25519(sized(reader.string()?, 32, side)?),
            Some(KeyType::Ecdsa(curve)) => {
                if reader.string()? != curve.name().as_bytes() {
                    return Err(side.type_mismatch("the curve inside the key is not that of its type"));
                }
                Self::Ecdsa(curve, reader.string()?)
            }
            Some(KeyType::Rsa) => {
                let e = reader.mpint()?;
                Self::Rsa { e, n: reader.mpint()? }
            }
            Some(KeyType::Dsa) => return Err(weak_dsa()),
            None => return Err(side.unsupported_type()),
        };
        reader.finish()?;
        match numbers {
            Self::Rsa { n: [], .. } => Err(side.malformed("the RSA modulus is zero")),
            numbers => Ok(numbers),
        }
    }

    /// Refuses numbers that make no sound key.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match *self {
            Self::Ed25519(point) => check_edwards(point),
            Self::Ecdsa(curve, point) => check_point(curve, point),
            Self::Rsa { n, e } => check_modulus(n).and_then(|()| check_exponent(e)),
        }
    }

    /// The blob of these numbers.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match *self {
            Self::Ed25519(point) => {
                put_string(&mut out, ED25519.as_bytes());
                put_string(&mut out, point);
            }
            Self::Ecdsa(curve, point) => {
                put_string(&mut out, curve.key_type().as_bytes());
                put_string(&mut out, curve.name().as_bytes());
                put_string(&mut out, point);
            }
            Self::Rsa { n, e } => {
                put_string(&mut out, RSA.as_bytes());
                put_mpint(&mut out, e);
                put_mpint(&mut out, n);
            }
        }
        out
    }

    /// Its type word.
    pub(super) fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::Ecdsa(curve, _) => curve.key_type(),
            Self::Rsa { .. } => RSA,
        }
    }

    /// The size in bits.
    pub(super) fn bits(&self) -> usize {
        match *self {
            Self::Ed25519(_) => 256,
            Self::Ecdsa(curve, _) => usize::from(curve.bits()),
            Self::Rsa { n, .. } => bits(n),
        }
    }
}

/// A type word that means something here.
#[derive(Clone, Copy)]
pub(super) enum KeyType {
    Ed25519,
    Ecdsa(Curve),
    Rsa,
    Dsa,
}

impl KeyType {
    pub(super) fn named(word: &[u8]) -> Option<Self> {
        match word {
            b"ssh-ed25519" => Some(Self::Ed25519),
            b"ssh-rsa" => Some(Self::Rsa),
            b"ssh-dss" => Some(Self::Dsa),
            _ => Curve::ALL.into_iter().find(|c| c.key_type().as_bytes() == word).map(Self::Ecdsa),
        }
    }
}

/// Exactly `len` bytes, or the key is malformed.
pub(super) fn sized(bytes: &[u8], len: usize, side: Side) -> Result<&[u8], Fault> {
    if bytes.len() == len { Ok(bytes) } else { Err(side.malformed(format!("a part of the key must have {len} bytes"))) }
}

/// Significant bits of a big-endian number without leading zeros.
pub(super) fn bits(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |b| b.leading_zeros() as usize)
}

fn check_point(curve: Curve, point: &[u8]) -> Result<(), Fault> {
    if curve.holds(point) {
        return Ok(());
    }
    Err(Fault::new(Reason::EcPointInvalid, "the point of the key is not an uncompressed point of its curve"))
}

fn check_edwards(point: &[u8]) -> Result<(), Fault> {
    if edwards::is_sound(point) {
        return Ok(());
    }
    let message = "the point of the key is not one that a private key has: it is off the curve, of small order, or \
                   not in its one form";
    Err(Fault::new(Reason::Ed25519PointInvalid, message))
}

fn check_modulus(n: &[u8]) -> Result<(), Fault> {
    let bits = bits(n);
    if bits > RSA_BITS_MAX {
        return Err(Fault::new(Reason::RsaTooLarge, format!("the RSA key has {bits} bits: at most {RSA_BITS_MAX}")));
    }
    if bits < RSA_BITS_MIN || !bits.is_multiple_of(8) {
        let message = format!("the RSA key has {bits} bits: {RSA_BITS_MIN} or more, a multiple of 8, are needed");
        return Err(Fault::new(Reason::WeakRsaSize, message));
    }
    Ok(())
}

/// The bounds that SSH software agrees on; that e is below n follows from the size of n.
fn check_exponent(e: &[u8]) -> Result<(), Fault> {
    let value = if e.len() > 8 { u64::MAX } else { e.iter().fold(0, |sum, &b| sum << 8 | u64::from(b)) };
    if (65_537..=1 << 32).contains(&value) && value % 2 == 1 {
        return Ok(());
    }
    Err(Fault::new(Reason::RsaBadExponent, "the RSA public exponent must be odd, from 65537 to 2^32"))
}

const ED25519: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 8192;
