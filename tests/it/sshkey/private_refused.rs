//! Private texts that are refused (private_table.rs), and that no text panics.

use super::craft::{IQMP, P, Q, pem};
use super::private_table::{ed25519, inverse, rows, rows_for_the_proof, rsa_key, unpem};
use super::{encode, make};
use keypairs::error::Reason;
use keypairs::sshkey::{Algorithm, Curve, KeyFormat as Format, KeySpec, PrivateKey, PublicKey, check_format};
use proptest::prelude::*;

#[test]
fn every_row_is_refused() {
    for (row, what, text, reason) in rows() {
        match PrivateKey::parse(&text) {
            Err(fault) => assert_eq!(fault.reason, reason, "row {row}, {what}: {fault}"),
            Ok(_) => panic!("row {row}, {what}: was taken"),
        }
    }
}

#[test]
fn composite_primes_are_found_by_prove() {
    for (row, what, text, reason) in rows_for_the_proof() {
        let (key, _) = PrivateKey::parse(&text).map_err(|f| f.to_string()).unwrap();
        assert_eq!(key.prove().unwrap_err().reason, reason, "row {row}, {what}");
    }
}

/// The builders of the refused rows build what is taken, too.
#[test]
fn crafted_files_are_taken() {
    PrivateKey::parse(&ed25519().text()).map_err(|f| f.to_string()).unwrap();
    PrivateKey::parse(&rsa_key().file().text()).map_err(|f| f.to_string()).unwrap();
}

#[test]
fn primes_in_either_order_are_taken() {
    let rsa = rsa_key();
    let (p, q) = (rsa.0[P].clone(), rsa.0[Q].clone());
    let swapped = rsa.with(P, q.clone()).with(IQMP, inverse(&p, &q)).with(Q, p);
    let (key, _) = PrivateKey::parse(&swapped.file().text()).map_err(|f| f.to_string()).unwrap();
    key.prove().unwrap();
}

#[test]
fn formats_that_do_not_fit_are_refused() {
    use keypairs::sshkey::Algorithm::{Dsa, Ecdsa, Ed25519, Rsa};
    for (algorithm, format, passphrase, reason) in [
        (Ed25519, Format::Pkcs1, false, Reason::FormatUnsupported),
        (Ecdsa, Format::Pkcs1, false, Reason::FormatUnsupported),
        (Ed25519, Format::Sec1, false, Reason::FormatUnsupported),
        (Rsa, Format::Sec1, true, Reason::FormatUnsupported),
        (Dsa, Format::Pkcs1, false, Reason::FormatUnsupported),
        (Dsa, Format::Sec1, false, Reason::FormatUnsupported),
        (Rsa, Format::Pkcs1, true, Reason::PassphraseUnsupported),
        (Ecdsa, Format::Sec1, true, Reason::PassphraseUnsupported),
    ] {
        assert_eq!(check_format(algorithm, format, passphrase).unwrap_err().reason, reason, "{algorithm:?} {format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_panics(
        (label, mut bytes) in prop::sample::select(files_of_each_form()),
        at: prop::sample::Index,
        byte: u8,
        cut: prop::sample::Index,
    ) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(3 * bytes.len()));
        if let Ok((key, _)) = PrivateKey::parse(&pem(&label, &bytes)) {
            let compact = key.to_compact();
            prop_assert!(PrivateKey::from_compact(key.public(), compact.expose()).is_some());
        }
    }

    #[test]
    fn no_text_panics(text in "(-----BEGIN (OPENSSH |RSA |EC )?PRIVATE KEY-----\n)?.{0,200}(\n-----END PRIVATE KEY-----)?") {
        let _ = PrivateKey::parse(&text);
    }

    #[test]
    fn no_compact_form_panics(
        (public, mut bytes) in prop::sample::select(compact_forms()),
        at: prop::sample::Index,
        byte: u8,
        cut: prop::sample::Index,
    ) {
        let whole = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(3 * bytes.len()));
        let opened = PrivateKey::from_compact(&public, &bytes);
        // d and iqmp of RSA are not tied to the public half; every other number is.
        if let Some(key) = &opened && public.algorithm() != Algorithm::Rsa {
            prop_assert!(key.to_compact().expose() == whole);
        }
        prop_assert!(opened.is_some() || bytes != whole);
    }
}

fn compact_forms() -> Vec<(PublicKey, Vec<u8>)> {
    let specs = [KeySpec::Ed25519, KeySpec::Ecdsa(Curve::P256), KeySpec::Ecdsa(Curve::P521), KeySpec::Rsa(2048)];
    let form = |key: PrivateKey| (key.public().clone(), key.to_compact().expose().to_vec());
    specs.map(|spec| form(make(spec))).to_vec()
}

fn files_of_each_form() -> Vec<(String, Vec<u8>)> {
    let specs = [KeySpec::Ed25519, KeySpec::Ecdsa(Curve::P256), KeySpec::Ecdsa(Curve::P521), KeySpec::Rsa(2048)];
    let mut files = Vec::new();
    for spec in specs {
        let key = make(spec);
        for format in super::FORMATS {
            if check_format(spec.algorithm(), format, false).is_ok() {
                let text = encode(&key, format, None);
                let label = text.lines().next().unwrap().replace("-----", "").replace("BEGIN ", "");
                files.push((label, unpem(&text)));
            }
        }
    }
    files
}
