//! The DER formats in and out: PKCS#1 (RFC 8017), PKCS#8 (RFC 5208, 5958, 8410) and SEC1 (RFC 5915).
//!
//! The decoders of the RustCrypto crates take DER only: no BER, no bytes after the end.

use pkcs1::RsaPrivateKeyRef;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Encode, Header, SliceReader, pem};
use pkcs8::spki::AlgorithmIdentifier;
use pkcs8::{LineEnding, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::curve::Curve;
use super::fault::{Fault, Side, weak_dsa};
use super::private::{PrivateKey, Secret, mismatch};
use super::rsa::{RsaNumbers, inconsistent};
use crate::error::Reason;
use crate::secret::SecretText;

/// Reads PKCS#8.
pub(super) fn read_pkcs8(bytes: &[u8]) -> Result<PrivateKey, Fault> {
    let file = PrivateKeyInfoRef::from_der(bytes).map_err(|_| malformed("PKCS#8"))?;
    let (inner, parameters) = (file.private_key.as_bytes(), file.algorithm.parameters);
    let key = match file.algorithm.oid {
        RSA if parameters.is_none_or(|p| p == AnyRef::NULL) => read_pkcs1(inner),
        EC => read_sec1_on(inner, Some(curve_of(parameters)?)),
        ED25519 if parameters.is_none() => read_seed(inner),
        DSA => return Err(weak_dsa()),
        RSA | ED25519 => return Err(malformed("PKCS#8")),
        _ => return Err(Side::Private.unsupported_type()),
    }?;
    match file.public_key {
        Some(_) if file.algorithm.oid == RSA => Err(malformed("PKCS#8")), // no RFC says what it would hold
        Some(point) => key.expect_point(point.as_bytes().ok_or_else(mismatch)?).map(|()| key),
        None => Ok(key),
    }
}

/// Reads PKCS#1.
pub(super) fn read_pkcs1(bytes: &[u8]) -> Result<PrivateKey, Fault> {
    if claims_more_primes(bytes) {
        let message = "RSA keys with more than two primes are not taken";
        return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
    }
    let file = RsaPrivateKeyRef::from_der(bytes).map_err(|_| malformed("PKCS#1"))?;
    let secret = |number: UintRef<'_>| Zeroizing::new(number.as_bytes().to_vec());
    let numbers = RsaNumbers {
        n: file.modulus.as_bytes().to_vec(),
        e: file.public_exponent.as_bytes().to_vec(),
        d: secret(file.private_exponent),
        iqmp: secret(file.coefficient),
        p: secret(file.prime1),
        q: secret(file.prime2),
    };
    if numbers.n == [0] {
        return Err(malformed("PKCS#1"));
    }
    let (exponent1, exponent2) = (secret(file.exponent1), secret(file.exponent2));
    let key = PrivateKey::of_rsa(numbers)?;
    let Secret::Rsa(numbers) = key.secret() else { return Err(malformed("PKCS#1")) };
    let exponents = numbers.exponents()?;
    if exponents.p != exponent1 || exponents.q != exponent2 {
        return Err(inconsistent("an exponent is not d modulo p - 1 or q - 1"));
    }
    Ok(key)
}

/// Reads SEC1.
pub(super) fn read_sec1(bytes: &[u8]) -> Result<PrivateKey, Fault> {
    read_sec1_on(bytes, None)
}

/// Version 1 in place of 0 (RFC 8017 appendix A.1.2).
fn claims_more_primes(bytes: &[u8]) -> bool {
    let version = || -> der::Result<u8> {
        let mut reader = SliceReader::new(bytes)?;
        Header::decode(&mut reader)?;
        u8::decode(&mut reader)
    };
    version() == Ok(1)
}

fn read_seed(bytes: &[u8]) -> Result<PrivateKey, Fault> {
    let seed = <&OctetStringRef>::from_der(bytes).map_err(|_| malformed("PKCS#8"))?;
    let mut copy = Zeroizing::new([0; 32]);
    if seed.as_bytes().len() != copy.len() {
        return Err(malformed("PKCS#8"));
    }
    copy.copy_from_slice(seed.as_bytes());
    PrivateKey::of_seed(copy)
}

/// `outer` is the curve that PKCS#8 names; SEC1 alone must name one itself.
fn read_sec1_on(bytes: &[u8], outer: Option<Curve>) -> Result<PrivateKey, Fault> {
    let file = EcPrivateKey::from_der(bytes).map_err(|_| malformed("SEC1"))?;
    let inner = match file.parameters {
        Some(EcParameters::NamedCurve(oid)) => Some(curve_named(oid)?),
        None => None,
    };
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => return Err(malformed("PKCS#8")),
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(Side::Private.malformed("the EC key names no curve")),
    };
    let key = PrivateKey::of_scalar(curve, file.private_key)?;
    match file.public_key {
        Some(point) => key.expect_point(point).map(|()| key),
        None => Ok(key),
    }
}

/// The curve in the parameters of PKCS#8; written-out parameters are no curve of ours.
fn curve_of(parameters: Option<AnyRef<'_>>) -> Result<Curve, Fault> {
    let parameters = parameters.ok_or_else(|| malformed("PKCS#8"))?;
    curve_named(parameters.decode_as().map_err(|_| Side::Private.unsupported_type())?)
}

fn curve_named(oid: ObjectIdentifier) -> Result<Curve, Fault> {
    Curve::ALL.into_iter().find(|&c| curve_oid(c) == oid).ok_or_else(|| Side::Private.unsupported_type())
}

fn malformed(format: &str) -> Fault {
    Side::Private.malformed(format!("the block is not well-formed {format} in DER"))
}

/// Writes PKCS#8 version 1 in PEM, which every OpenSSL reads.
pub(super) fn write_pkcs8(key: &PrivateKey) -> Result<SecretText, Fault> {
    let (oid, parameters, inner) = match key.secret() {
        Secret::Ed25519(seed) => (ED25519, None, encoded(OctetStringRef::new(&**seed))?),
        Secret::Ecdsa(curve, scalar) => {
            let parameters = curve_oid(*curve);
            let point = Some(point_of(key)?);
            // The curve is named outside, so not again inside.
            let file = EcPrivateKey { private_key: scalar, parameters: None, public_key: point };
            (EC, Some(parameters), encoded(Ok(file))?)
        }
        Secret::Rsa(numbers) => (RSA, None, pkcs1_document(numbers)?),
    };
    let parameters = match &parameters {
        Some(curve) => Some(AnyRef::from(curve)),
        None => (oid == RSA).then_some(AnyRef::NULL),
    };
    let algorithm = AlgorithmIdentifier { oid, parameters };
    let inner = OctetStringRef::new(&inner).map_err(|_| unwritable())?;
    text("PRIVATE KEY", &encoded(Ok(PrivateKeyInfoRef { algorithm, private_key: inner, public_key: None }))?)
}

/// Writes PKCS#1 in PEM.
pub(super) fn write_pkcs1(numbers: &RsaNumbers) -> Result<SecretText, Fault> {
    text("RSA PRIVATE KEY", &pkcs1_document(numbers)?)
}

/// Writes SEC1 in PEM.
pub(super) fn write_sec1(key: &PrivateKey, curve: Curve, scalar: &[u8]) -> Result<SecretText, Fault> {
    text("EC PRIVATE KEY", &sec1(curve, scalar, point_of(key)?)?)
}

/// SEC1 with its point, which OpenSSH needs. `scalar` is at the curve's width.
pub(super) fn sec1(curve: Curve, scalar: &[u8], point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let parameters = Some(EcParameters::NamedCurve(curve_oid(curve)));
    encoded(Ok(EcPrivateKey { private_key: scalar, parameters, public_key: Some(point) }))
}

fn pkcs1_document(numbers: &RsaNumbers) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let exponents = numbers.exponents()?;
    let uint = |bytes| UintRef::new(bytes).map_err(|_| unwritable());
    encoded(Ok(RsaPrivateKeyRef {
        modulus: uint(&numbers.n)?,
        public_exponent: uint(&numbers.e)?,
        private_exponent: uint(&numbers.d)?,
        prime1: uint(&numbers.p)?,
        prime2: uint(&numbers.q)?,
        exponent1: uint(&exponents.p)?,
        exponent2: uint(&exponents.q)?,
        coefficient: uint(&numbers.iqmp)?,
        other_prime_infos: None,
    }))
}

fn point_of(key: &PrivateKey) -> Result<&[u8], Fault> {
    match key.public().numbers()? {
        Numbers::Ecdsa(_, point) => Ok(point),
        _ => Err(unwritable()),
    }
}

fn encoded<T: Encode>(value: der::Result<T>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    value.and_then(|value| value.to_der()).map(Zeroizing::new).map_err(|_| unwritable())
}

fn text(label: &str, bytes: &[u8]) -> Result<SecretText, Fault> {
    pem::encode_string(label, LineEnding::LF, bytes).map(SecretText::new).map_err(|_| unwritable())
}

fn unwritable() -> Fault {
    Fault::internal("the key cannot be written in DER")
}

fn curve_oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        Curve::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        Curve::P521 => ObjectIdentifier::new_unwrap("1.3.132.0.35"),
    }
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
