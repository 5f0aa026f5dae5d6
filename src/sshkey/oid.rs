//! The algorithms of keys in DER, by number: for private keys (PKCS#8) and public ones (X.509's SubjectPublicKeyInfo).

use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use pkcs8::der::{self, Decode, Tag, Tagged};

use super::curve::Curve;
use super::fault::{Fault, Side};

/// The curve in the parameters of an EC key; written-out parameters are no curve of ours.
pub(super) fn curve_of(parameters: Option<AnyRef<'_>>, side: Side) -> Result<Curve, Fault> {
    let parameters = parameters.ok_or_else(|| side.malformed("the EC key names no curve"))?;
    match parameters.decode_as() {
        Ok(named) => curve_named(named, side),
        Err(_) if parameters.tag() == Tag::Sequence => Err(side.unnamed_curve()),
        Err(_) => Err(side.unsupported_type()),
    }
}

/// The curve of this number.
pub(super) fn curve_named(oid: ObjectIdentifier, side: Side) -> Result<Curve, Fault> {
    Curve::ALL.into_iter().find(|&curve| of_curve(curve) == oid).ok_or_else(|| side.unsupported_type())
}

/// The number of this curve.
pub(super) fn of_curve(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        Curve::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        Curve::P521 => ObjectIdentifier::new_unwrap("1.3.132.0.35"),
    }
}

/// p, q and g in the parameters of a DSA key (RFC 3279 section 2.3.2).
pub(super) fn dsa_group(parameters: Option<AnyRef<'_>>) -> Option<[Vec<u8>; 3]> {
    let read = |any: AnyRef<'_>| {
        any.sequence(|reader| {
            let mut next = || UintRef::decode(reader).map(|number| number.as_bytes().to_vec());
            Ok::<_, der::Error>([next()?, next()?, next()?])
        })
    };
    read(parameters?).ok()
}

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(super) const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
