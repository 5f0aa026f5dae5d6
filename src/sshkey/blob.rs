//! The SSH wire blob of a public key (RFC 4253, 5656, 8709, OpenSSH's PROTOCOL.u2f): its numbers, and which of them are
//! refused.

use super::curve::Curve;
use super::dsa::Group;
use super::fault::{Fault, Side, weak_dsa};
use super::rules::{KeyRules, RSA_BITS_MIN, RSA_EXPONENT_MIN};
use super::weak::edwards;
use super::wire::{Reader, put_mpint, put_string};
use crate::error::Reason;

/// The numbers of a public key. Those of RSA and DSA are big-endian without leading zeros.
pub(super) enum Numbers<'a> {
    Ed25519(&'a [u8]),
    Ecdsa(Curve, &'a [u8]),
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    Dsa {
        group: Group<'a>,
        y: &'a [u8],
    },
    /// Ed25519 on a security key: its point, and the application it is for.
    SkEd25519 {
        point: &'a [u8],
        application: &'a [u8],
    },
    /// ECDSA P-256 on a security key: its point, and the application it is for.
    SkEcdsa {
        point: &'a [u8],
        application: &'a [u8],
    },
}

impl<'a> Numbers<'a> {
    /// Reads a blob of a type that the rules allow; its form is checked, its numbers are not.
    pub(super) fn read(blob: &'a [u8], side: Side, rules: KeyRules) -> Result<Self, Fault> {
        let mut reader = Reader::new(blob, side);
        let numbers = match KeyType::named(reader.string()?) {
            Some(KeyType::Ed25519) => Self::Ed25519(sized(reader.string()?, 32, side)?),
            Some(KeyType::Ecdsa(curve)) => {
                curve_named(reader.string()?, curve, side)?;
                Self::Ecdsa(curve, reader.string()?)
            }
            Some(KeyType::Rsa) => {
                let e = reader.mpint()?;
                Self::Rsa { e, n: reader.mpint()? }
            }
            Some(KeyType::Dsa) if !rules.dsa => return Err(weak_dsa()),
            Some(KeyType::Dsa) => {
                let group = Group { p: reader.mpint()?, q: reader.mpint()?, g: reader.mpint()? };
                Self::Dsa { group, y: reader.mpint()? }
            }
            Some(KeyType::SkEd25519) => {
                let point = sized(reader.string()?, 32, side)?;
                Self::SkEd25519 { point, application: application(reader.string()?, side)? }
            }
            Some(KeyType::SkEcdsa) => {
                curve_named(reader.string()?, Curve::P256, side)?;
                let point = reader.string()?;
                Self::SkEcdsa { point, application: application(reader.string()?, side)? }
            }
            None => return Err(side.unsupported_type()),
        };
        reader.finish()?;
        match numbers {
            Self::Rsa { n: [], .. } => Err(side.malformed("the RSA modulus is zero")),
            numbers => Ok(numbers),
        }
    }

    /// Refuses numbers that make no sound key, as far as that is cheap; `PublicKey::examine` does the rest.
    pub(super) fn check(&self, rules: KeyRules) -> Result<(), Fault> {
        match *self {
            Self::Ed25519(point) | Self::SkEd25519 { point, .. } => check_edwards(point),
            Self::Ecdsa(curve, point) => check_point(curve, point),
            Self::SkEcdsa { point, .. } => check_point(Curve::P256, point),
            Self::Rsa { n, e } => check_modulus(n, rules).and_then(|()| check_exponent(e, rules)),
            Self::Dsa { group, y } => group.check_sizes(y),
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
            Self::Dsa { group: Group { p, q, g }, y } => {
                put_string(&mut out, DSA.as_bytes());
                [p, q, g, y].into_iter().for_each(|number| put_mpint(&mut out, number));
            }
            Self::SkEd25519 { point, application } => {
                let parts = [SK_ED25519.as_bytes(), point, application];
                parts.into_iter().for_each(|part| put_string(&mut out, part));
            }
            Self::SkEcdsa { point, application } => {
                let parts = [SK_ECDSA.as_bytes(), Curve::P256.name().as_bytes(), point, application];
                parts.into_iter().for_each(|part| put_string(&mut out, part));
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
            Self::Dsa { .. } => DSA,
            Self::SkEd25519 { .. } => SK_ED25519,
            Self::SkEcdsa { .. } => SK_ECDSA,
        }
    }

    /// The size in bits.
    pub(super) fn bits(&self) -> usize {
        match *self {
            Self::Ed25519(_) | Self::SkEd25519 { .. } | Self::SkEcdsa { .. } => 256,
            Self::Ecdsa(curve, _) => usize::from(curve.bits()),
            Self::Rsa { n, .. } => bits(n),
            Self::Dsa { group, .. } => bits(group.p),
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
    SkEd25519,
    SkEcdsa,
}

impl KeyType {
    pub(super) fn named(word: &[u8]) -> Option<Self> {
        match word {
            b"ssh-ed25519" => Some(Self::Ed25519),
            b"ssh-rsa" => Some(Self::Rsa),
            b"ssh-dss" => Some(Self::Dsa),
            b"sk-ssh-ed25519@openssh.com" => Some(Self::SkEd25519),
            b"sk-ecdsa-sha2-nistp256@openssh.com" => Some(Self::SkEcdsa),
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

/// The curve's name inside a key must be that of its type.
pub(super) fn curve_named(name: &[u8], curve: Curve, side: Side) -> Result<(), Fault> {
    if name == curve.name().as_bytes() {
        return Ok(());
    }
    Err(side.type_mismatch("the curve inside the key is not that of its type"))
}

/// What a security key signs for, such as `ssh:`.
fn application(bytes: &[u8], side: Side) -> Result<&[u8], Fault> {
    let text = std::str::from_utf8(bytes).unwrap_or("\0");
    if text.is_empty() || text.len() > APPLICATION_MAX || text.chars().any(char::is_control) {
        return Err(side.malformed("the application of the security key is not a short text"));
    }
    Ok(bytes)
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

fn check_modulus(n: &[u8], rules: KeyRules) -> Result<(), Fault> {
    let (bits, least) = (bits(n), usize::from(rules.min_rsa_bits.max(RSA_BITS_MIN)));
    if bits > RSA_BITS_MAX {
        return Err(Fault::new(Reason::RsaTooLarge, format!("the RSA key has {bits} bits: at most {RSA_BITS_MAX}")));
    }
    if bits < least {
        let whose = if least > usize::from(RSA_BITS_MIN) { "policy.min_rsa_bits asks for" } else { "needed are" };
        let message = format!("the RSA modulus has {bits} bits: {whose} {least} or more");
        return Err(Fault::new(Reason::WeakRsaSize, message));
    }
    if !bits.is_multiple_of(8) {
        let message = format!("the RSA modulus has {bits} bits, which is not a multiple of 8: make a new key");
        return Err(Fault::new(Reason::WeakRsaSize, message));
    }
    Ok(())
}

/// The upper bound is what SSH software agrees on; that e is below n follows from the size of n.
fn check_exponent(e: &[u8], rules: KeyRules) -> Result<(), Fault> {
    let value = if e.len() > 8 { u64::MAX } else { e.iter().fold(0, |sum, &b| sum << 8 | u64::from(b)) };
    let least = rules.min_rsa_exponent.max(RSA_EXPONENT_MIN);
    if (u64::from(least)..=1 << 32).contains(&value) && value % 2 == 1 {
        return Ok(());
    }
    let message = format!("the RSA public exponent must be odd, from {least} (policy.min_rsa_exponent) to 2^32");
    Err(Fault::new(Reason::RsaBadExponent, message))
}

const ED25519: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";
const DSA: &str = "ssh-dss";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
const APPLICATION_MAX: usize = 255;
const RSA_BITS_MAX: usize = 8192;
