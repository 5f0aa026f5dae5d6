//! Public keys in PEM: PKCS#8's sibling SubjectPublicKeyInfo (RFC 5280, 3279, 5480, 8410) and PKCS#1 (RFC 8017).

use pkcs1::RsaPublicKeyRef;
use pkcs8::der::Decode;
use pkcs8::der::asn1::{AnyRef, UintRef};
use pkcs8::spki::SubjectPublicKeyInfoRef;

use super::blob::{Numbers, sized};
use super::dsa::Group;
use super::fault::{Fault, Side, weak_dsa};
use super::oid::{self, DSA, EC, ED25519, RSA};
use super::pem;
use super::public::PublicKey;
use super::rules::KeyRules;
use super::text::of_numbers;
use crate::error::Reason;

/// Reads one block; neither form has a comment.
pub(super) fn parse(text: &str, rules: KeyRules) -> Result<(PublicKey, String), Fault> {
    let block = pem::read(text, Side::Public)?;
    if block.dek_info.is_some() {
        return Err(
            Side::Public.malformed("a public key is not encrypted: the headers of the block do not belong there")
        );
    }
    let key = match block.label {
        "PUBLIC KEY" => spki(&block.bytes, rules),
        "RSA PUBLIC KEY" => pkcs1(&block.bytes, rules),
        _ => {
            let message =
                "the block is neither a PUBLIC KEY nor an RSA PUBLIC KEY: send one OpenSSH line (ssh-keygen -i)";
            Err(Fault::new(Reason::PublicKeyUnsupportedFormat, message))
        }
    };
    Ok((key?, String::new()))
}

fn spki(bytes: &[u8], rules: KeyRules) -> Result<PublicKey, Fault> {
    let file = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| malformed("SubjectPublicKeyInfo"))?;
    let inner = file.subject_public_key.as_bytes().ok_or_else(|| malformed("SubjectPublicKeyInfo"))?;
    let parameters: Option<AnyRef<'_>> = file.algorithm.parameters;
    match file.algorithm.oid {
        RSA if parameters.is_none_or(|p| p == AnyRef::NULL) => pkcs1(inner, rules),
        EC => of_numbers(&Numbers::Ecdsa(oid::curve_of(parameters, Side::Public)?, inner), rules),
        ED25519 if parameters.is_none() => of_numbers(&Numbers::Ed25519(sized(inner, 32, Side::Public)?), rules),
        DSA if rules.dsa => dsa(inner, parameters, rules),
        DSA => Err(weak_dsa()),
        RSA | ED25519 => Err(malformed("SubjectPublicKeyInfo")),
        _ => Err(Side::Public.unsupported_type()),
    }
}

fn pkcs1(bytes: &[u8], rules: KeyRules) -> Result<PublicKey, Fault> {
    let file = RsaPublicKeyRef::from_der(bytes).map_err(|_| malformed("PKCS#1"))?;
    let (n, e) = (file.modulus.as_bytes(), file.public_exponent.as_bytes());
    if n == [0] {
        return Err(Side::Public.malformed("the RSA modulus is zero"));
    }
    of_numbers(&Numbers::Rsa { n, e }, rules)
}

fn dsa(bytes: &[u8], parameters: Option<AnyRef<'_>>, rules: KeyRules) -> Result<PublicKey, Fault> {
    let [p, q, g] = oid::dsa_group(parameters).ok_or_else(|| malformed("SubjectPublicKeyInfo"))?;
    let y = UintRef::from_der(bytes).map_err(|_| malformed("SubjectPublicKeyInfo"))?;
    of_numbers(&Numbers::Dsa { group: Group { p: &p, q: &q, g: &g }, y: y.as_bytes() }, rules)
}

fn malformed(format: &str) -> Fault {
    Side::Public.malformed(format!("the block is not a well-formed {format} in DER"))
}
