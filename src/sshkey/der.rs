//! The DER formats of private keys in and out: PKCS#1 (RFC 8017), PKCS#8 (RFC 5208, 5958, 8410), SEC1 (RFC 5915), and
//! OpenSSL's own of DSA.
//!
//! The decoders of the RustCrypto crates take DER only: no BER, no bytes after the end.

use pkcs1::RsaPrivateKeyRef;
use pkcs8::der::asn1::{AnyRef, OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Encode, Header, Reader, SliceReader, Tag, Tagged, pem};
use pkcs8::spki::AlgorithmIdentifier;
use pkcs8::{LineEnding, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::curve::Curve;
use super::draft::{Draft, DsaNumbers, Given};
use super::dsa::Group;
use super::fault::{Fault, Side, weak_dsa};
use super::oid::{self, DSA, EC, ED25519, RSA};
use super::pbes2;
use super::private::{PrivateKey, Secret, mismatch};
use super::rsa::{Exponents, RsaNumbers};
use super::rules::KeyRules;
use crate::clock::Entropy;
use crate::error::Reason;
use crate::secret::SecretText;

/// Reads PKCS#8.
pub(super) fn read_pkcs8(bytes: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
    let file = PrivateKeyInfoRef::from_der(bytes).map_err(|_| malformed("PKCS#8"))?;
    let (inner, parameters) = (file.private_key.as_bytes(), file.algorithm.parameters);
    let mut draft = match file.algorithm.oid {
        RSA if parameters.is_none_or(|p| p == AnyRef::NULL) => read_pkcs1(inner),
        EC => read_sec1_on(inner, Some(oid::curve_of(parameters, Side::Private)?)),
        ED25519 if parameters.is_none() => read_seed(inner),
        DSA if rules.dsa => read_dsa_on(inner, parameters),
        DSA => return Err(weak_dsa()),
        RSA | ED25519 => return Err(malformed("PKCS#8")),
        _ => return Err(Side::Private.unsupported_type()),
    }?;
    let Some(point) = file.public_key else { return Ok(draft) };
    match &mut draft.given {
        Given::Ed25519 { points, .. } | Given::Ecdsa { points, .. } => {
            points.push(point.as_bytes().ok_or_else(mismatch)?.to_vec());
            Ok(draft)
        }
        _ => Err(malformed("PKCS#8")), // no RFC says what it would hold
    }
}

/// Reads PKCS#1.
pub(super) fn read_pkcs1(bytes: &[u8]) -> Result<Draft, Fault> {
    if claims_more_primes(bytes) {
        let message = "RSA keys with more than two primes are not taken";
        return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
    }
    let file = RsaPrivateKeyRef::from_der(bytes).map_err(|_| malformed("PKCS#1"))?;
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
    let exponents = Exponents { p: secret(file.exponent1), q: secret(file.exponent2) };
    Ok(Given::Rsa { numbers, exponents: Some(exponents) }.into())
}

/// Reads SEC1.
pub(super) fn read_sec1(bytes: &[u8]) -> Result<Draft, Fault> {
    read_sec1_on(bytes, None)
}

/// Reads the DSA key of OpenSSL and old ssh-keygen: 0, p, q, g, y, x.
pub(super) fn read_dsa(bytes: &[u8]) -> Result<Draft, Fault> {
    let read = || -> der::Result<Draft> {
        let mut reader = SliceReader::new(bytes)?;
        let given = reader.sequence(|reader| {
            if u8::decode(reader)? != 0 {
                return Err(Tag::Integer.value_error().into());
            }
            let mut next = || UintRef::decode(reader).map(|number| number.as_bytes().to_vec());
            let (p, q, g, y) = (next()?, next()?, next()?, next()?);
            let x = secret(UintRef::decode(reader)?);
            Ok::<_, der::Error>(Given::Dsa { numbers: DsaNumbers { p, q, g, x }, y: Some(y) })
        })?;
        reader.finish()?;
        Ok(given.into())
    };
    read().map_err(|_| malformed("DSA"))
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

fn read_seed(bytes: &[u8]) -> Result<Draft, Fault> {
    let seed = <&OctetStringRef>::from_der(bytes).map_err(|_| malformed("PKCS#8"))?;
    let mut copy = Zeroizing::new([0; 32]);
    if seed.as_bytes().len() != copy.len() {
        return Err(malformed("PKCS#8"));
    }
    copy.copy_from_slice(seed.as_bytes());
    Ok(Given::Ed25519 { seed: copy, points: Vec::new() }.into())
}

/// PKCS#8 has p, q and g outside and x inside, and no y.
fn read_dsa_on(bytes: &[u8], parameters: Option<AnyRef<'_>>) -> Result<Draft, Fault> {
    let [p, q, g] = oid::dsa_group(parameters).ok_or_else(|| malformed("PKCS#8"))?;
    let x = secret(UintRef::from_der(bytes).map_err(|_| malformed("PKCS#8"))?);
    Ok(Given::Dsa { numbers: DsaNumbers { p, q, g, x }, y: None }.into())
}

/// `outer` is the curve that PKCS#8 names; SEC1 alone must name one itself.
fn read_sec1_on(bytes: &[u8], outer: Option<Curve>) -> Result<Draft, Fault> {
    let file = EcPrivateKey::from_der(bytes).map_err(|_| match gives_curve_in_numbers(bytes) {
        true => Side::Private.unnamed_curve(),
        false => malformed("SEC1"),
    })?;
    let inner = match file.parameters {
        Some(EcParameters::NamedCurve(named)) => Some(oid::curve_named(named, Side::Private)?),
        None => None,
    };
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => return Err(malformed("PKCS#8")),
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(Side::Private.malformed("the EC key names no curve")),
    };
    let scalar = Zeroizing::new(file.private_key.to_vec());
    let points = file.public_key.map(<[u8]>::to_vec).into_iter().collect();
    Ok(Given::Ecdsa { curve, scalar, points }.into())
}

/// Whether the parameters of a SEC1 key are a sequence, which the crate's reader takes for damage.
fn gives_curve_in_numbers(bytes: &[u8]) -> bool {
    let parameters = || -> der::Result<bool> {
        let mut reader = SliceReader::new(bytes)?;
        Header::decode(&mut reader)?;
        u8::decode(&mut reader)?;
        <&OctetStringRef>::decode(&mut reader)?;
        let parameters = AnyRef::decode(&mut reader)?;
        Ok(parameters.tag().is_context_specific() && parameters.value().first() == Some(&0x30))
    };
    parameters().unwrap_or(false)
}

fn secret(number: UintRef<'_>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(number.as_bytes().to_vec())
}

fn malformed(format: &str) -> Fault {
    Side::Private.malformed(format!("the block is not well-formed {format} in DER"))
}

/// Writes PKCS#8 version 1 in PEM, which every OpenSSL reads; under a passphrase as `pbes2` does.
pub(super) fn write_pkcs8(
    key: &PrivateKey,
    passphrase: Option<&SecretText>,
    entropy: &dyn Entropy,
) -> Result<SecretText, Fault> {
    let document = pkcs8_document(key)?;
    let Some(passphrase) = passphrase else { return text("PRIVATE KEY", &document) };
    text("ENCRYPTED PRIVATE KEY", &pbes2::write(&document, passphrase.expose().as_bytes(), entropy)?)
}

fn pkcs8_document(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (oid, parameters, inner) = match (key.secret(), key.public().numbers()?) {
        (Secret::Ed25519(seed), _) => (ED25519, None, encoded(OctetStringRef::new(&**seed))?),
        (Secret::Ecdsa(curve, scalar), Numbers::Ecdsa(_, point)) => {
            // The curve is named outside, so not again inside.
            let file = EcPrivateKey { private_key: scalar, parameters: None, public_key: Some(point) };
            (EC, Some(encoded(Ok(oid::of_curve(*curve)))?), encoded(Ok(file))?)
        }
        (Secret::Rsa(numbers), _) => (RSA, Some(encoded(Ok(AnyRef::NULL))?), pkcs1_document(numbers)?),
        (Secret::Dsa(x), Numbers::Dsa { group, .. }) => {
            (DSA, Some(encoded(dsa_parameters(&group))?), encoded(UintRef::new(x))?)
        }
        _ => return Err(unwritable()),
    };
    let parameters = parameters.as_deref().map(|bytes| AnyRef::from_der(bytes)).transpose();
    let algorithm = AlgorithmIdentifier { oid, parameters: parameters.map_err(|_| unwritable())? };
    let inner = OctetStringRef::new(&inner).map_err(|_| unwritable())?;
    encoded(Ok(PrivateKeyInfoRef { algorithm, private_key: inner, public_key: None }))
}

/// Dss-Parms of RFC 3279: p, q, g.
fn dsa_parameters(group: &Group<'_>) -> der::Result<der::Any> {
    let numbers = [group.p, group.q, group.g].map(|number| UintRef::new(number).and_then(|number| number.to_der()));
    let [p, q, g] = numbers;
    der::Any::new(Tag::Sequence, [p?, q?, g?].concat())
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
    let parameters = Some(EcParameters::NamedCurve(oid::of_curve(curve)));
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
