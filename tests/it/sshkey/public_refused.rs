//! Public texts that are refused (public_table.rs), and those that are taken in spite of their looks.

use super::craft::{Rsa, line, rsa_line};
use super::make;
use super::public_table::{p256_line, rows};
use keypairs::sshkey::{Curve, KeySpec, PublicKey};
use proptest::prelude::*;

#[test]
fn every_row_is_refused() {
    for (row, what, text, reason) in rows() {
        match PublicKey::parse_line(&text) {
            Err(fault) => assert_eq!(fault.reason, reason, "row {row}, {what}: {fault}"),
            Ok(_) => panic!("row {row}, {what}: was taken"),
        }
    }
}

/// The builders of the refused rows build what is taken, too.
#[test]
fn crafted_lines_are_taken() {
    let p256 = make(KeySpec::Ecdsa(Curve::P256));
    PublicKey::parse_line(&p256_line("nistp256", &p256.public().blob()[p256.public().blob().len() - 65..])).unwrap();
    let Rsa([n, ..]) = Rsa::of(&make(KeySpec::Rsa(2048)));
    PublicKey::parse_line(&rsa_line(&n, &[1, 0, 3])).unwrap();
}

#[test]
fn untidy_text_is_taken_and_made_tidy() {
    let key = make(KeySpec::Ecdsa(Curve::P384));
    let good = key.public().line("a b");
    let base64 = good.split(' ').nth(1).unwrap();
    let word = "ecdsa-sha2-nistp384";
    for text in [
        format!("{good}\r\n"),
        format!("{good}\n"),
        format!("  \t{good}  "),
        format!("{word}\t{base64}\ta b\n"),
        format!("{word}  {base64}  a b \r\n"),
    ] {
        let (public, comment) = PublicKey::parse_line(&text).unwrap();
        assert_eq!(public.line(&comment), good, "{text:?}");
    }
    let (public, comment) = PublicKey::parse_line(&key.public().line("")).unwrap();
    assert_eq!((public.line(&comment), comment.as_str()), (key.public().line(""), ""));
    let (_, comment) = PublicKey::parse_line(&format!("{good} {}", "c".repeat(1020))).unwrap();
    assert_eq!(comment.len(), 1024);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_blob_panics(mut blob in prop::sample::select(blobs_of_each_type()), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let word = String::from_utf8_lossy(&blob[4..4 + usize::from(blob[3])]).into_owned();
        let at = at.index(blob.len());
        blob[at] = byte;
        blob.truncate(cut.index(2 * blob.len()));
        if let Ok((key, comment)) = PublicKey::parse_line(&line(&word, &blob)) {
            prop_assert_eq!(key.blob(), &blob[..]);
            prop_assert_eq!(PublicKey::parse_line(&key.line(&comment)).unwrap().0, key);
        }
        let _ = PublicKey::from_stored(blob);
    }

    #[test]
    fn no_text_panics(text in "(ssh-rsa |ssh-ed25519 |ecdsa-sha2-nistp256 |-----BEGIN )?.{0,200}") {
        let _ = PublicKey::parse_line(&text);
    }
}

fn blobs_of_each_type() -> Vec<Vec<u8>> {
    let specs = [KeySpec::Ed25519, KeySpec::Ecdsa(Curve::P256), KeySpec::Ecdsa(Curve::P521), KeySpec::Rsa(2048)];
    specs.map(|spec| make(spec).public().blob().to_vec()).to_vec()
}
