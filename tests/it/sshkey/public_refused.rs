//! Public texts that are refused, each for its own reason; and those that are taken in spite of their looks.

use super::craft::{Rsa, line, mpint, rsa_line, strings};
use super::{KeyFormat, encode, make};
use keypairs::error::Reason;
use keypairs::sshkey::{Curve, KeySpec, PublicKey};
use proptest::prelude::*;

#[test]
fn text_and_type() {
    let good = make(KeySpec::Ed25519).public().line("");
    let base64 = good.split(' ').nth(1).unwrap();
    let unpadded = make(KeySpec::Ecdsa(Curve::P256)).public().line("");
    assert!(unpadded.ends_with('='));
    let tail = format!("{}B=", &unpadded[..unpadded.len() - 2]);
    let with = |word: &str| format!("{word} {base64} c");
    let rows: &[(u16, String, Reason)] = &[
        (29, String::new(), Reason::PublicKeyMalformed),
        (29, " \n".into(), Reason::PublicKeyMalformed),
        (30, base64.into(), Reason::PublicKeyMalformed),
        (31, with("ssh-foo"), Reason::PublicKeyUnsupportedType),
        (32, with("foo@example.com"), Reason::PublicKeyUnsupportedType),
        (33, with("ssh-rsa"), Reason::PublicKeyTypeMismatch),
        (33, with("ecdsa-sha2-nistp256"), Reason::PublicKeyTypeMismatch),
        (34, with("SSH-ED25519"), Reason::PublicKeyUnsupportedType),
        (35, with("rsa-sha2-512"), Reason::PublicKeyUnsupportedType),
        (36, format!("command=\"echo a b\" {good}"), Reason::PublicKeyOptionsNotAllowed),
        (36, format!("no-pty {good}"), Reason::PublicKeyOptionsNotAllowed),
        (36, format!("restrict,pty {good}"), Reason::PublicKeyOptionsNotAllowed),
        (37, format!("{good}\n{good}\n"), Reason::PublicKeyMultipleKeys),
        (38, format!("{good} c\nssh-rsa AAAA evil"), Reason::PublicKeyMultipleKeys),
        (38, format!("{good} c\rssh-rsa AAAA evil"), Reason::PublicKeyCommentInvalid),
        (39, format!("{good} a\0b"), Reason::PublicKeyCommentInvalid),
        (40, format!("{good} \x1b[31mred"), Reason::PublicKeyCommentInvalid),
        (40, format!("{good} a\tb"), Reason::PublicKeyCommentInvalid),
        (40, format!("{good} a\u{202e}b"), Reason::PublicKeyCommentInvalid),
        (42, format!("{good} {}", "c".repeat(1025)), Reason::PublicKeyTooLarge),
        (42, format!("{good} {}", "c".repeat(64 << 10)), Reason::PublicKeyTooLarge),
        (45, unpadded.trim_end_matches('=').into(), Reason::PublicKeyMalformed),
        (46, with("ssh-ed25519").replacen("AAAA", "AA-_", 1), Reason::PublicKeyMalformed),
        (46, good.replacen("AAAA", "AAAA ", 1), Reason::PublicKeyMalformed),
        (47, tail, Reason::PublicKeyMalformed),
        (51, format!("ssh-rsa {}", "A".repeat(1 << 20)), Reason::PublicKeyTooLarge),
        (52, "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END".into(), Reason::PublicKeyUnsupportedFormat),
        (52, "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----".into(), Reason::PublicKeyUnsupportedFormat),
        (52, "-----BEGIN RSA PUBLIC KEY-----\nMFkw\n".into(), Reason::PublicKeyUnsupportedFormat),
        (53, encode(&make(KeySpec::Ed25519), KeyFormat::OpenSsh, None), Reason::PrivateKeyInPublicField),
        (
            53,
            format!("\n {}", encode(&make(KeySpec::Ed25519), KeyFormat::Pkcs8, None)),
            Reason::PrivateKeyInPublicField,
        ),
        (53, "PuTTY-User-Key-File-3: ssh-ed25519\n".into(), Reason::PrivateKeyInPublicField),
        (53, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=".into(), Reason::PrivateKeyInPublicField),
        (54, with("ssh-ed25519-cert-v01@openssh.com"), Reason::PublicKeyUnsupportedType),
        (55, with("sk-ssh-ed25519@openssh.com"), Reason::PublicKeyUnsupportedType),
        (56, with("ssh-dss"), Reason::WeakDsa),
        (77, with("ecdsa-sha2-1.3.132.0.10"), Reason::PublicKeyUnsupportedType),
        (77, with("ecdsa-sha2-nistp224"), Reason::PublicKeyUnsupportedType),
    ];
    assert_rows(rows);
}

#[test]
fn blobs() {
    let point = [9; 32];
    let good = strings(&[b"ssh-ed25519", &point]);
    let huge = |len: u32| [&strings(&[b"ssh-ed25519"])[..], &len.to_be_bytes(), &point].concat();
    let p256 = make(KeySpec::Ecdsa(Curve::P256));
    let xy = &p256.public().blob()[p256.public().blob().len() - 65..];
    let ecdsa = |curve: &str, point: &[u8]| {
        line("ecdsa-sha2-nistp256", &strings(&[b"ecdsa-sha2-nistp256", curve.as_bytes(), point]))
    };
    let off = [&xy[..64], &[xy[64] ^ 1]].concat();
    let beyond = [&[4][..], &[0xff; 64]].concat();
    let compressed = [&[2 + (xy[64] & 1)], &xy[1..33]].concat();
    assert_rows(&[
        (48, line("ssh-ed25519", &good[..40]), Reason::PublicKeyMalformed),
        (48, line("ssh-ed25519", &[]), Reason::PublicKeyMalformed),
        (49, line("ssh-ed25519", &[&good[..], &[0]].concat()), Reason::PublicKeyMalformed),
        (50, line("ssh-ed25519", &huge(0x7fff_ffff)), Reason::PublicKeyMalformed),
        (50, line("ssh-ed25519", &huge(0xffff_ffff)), Reason::PublicKeyMalformed),
        (74, ecdsa("nistp256", &off), Reason::EcPointInvalid),
        (74, ecdsa("nistp256", &[0]), Reason::EcPointInvalid),
        (74, ecdsa("nistp256", &[]), Reason::EcPointInvalid),
        (74, ecdsa("nistp256", &beyond), Reason::EcPointInvalid),
        (75, ecdsa("nistp256", &compressed), Reason::EcPointInvalid),
        (76, ecdsa("nistp384", xy), Reason::PublicKeyTypeMismatch),
        (78, line("ssh-ed25519", &strings(&[b"ssh-ed25519", &[9; 31]])), Reason::PublicKeyMalformed),
        (78, line("ssh-ed25519", &strings(&[b"ssh-ed25519", &[9; 33]])), Reason::PublicKeyMalformed),
    ]);
    PublicKey::parse_line(&ecdsa("nistp256", xy)).unwrap();
}

#[test]
fn rsa_numbers() {
    let Rsa([n, e, ..]) = Rsa::of(&make(KeySpec::Rsa(2048)));
    let sized = |bits: usize| {
        let mut n = vec![0xa5; bits.div_ceil(8)];
        n[0] = if bits.is_multiple_of(8) { 0x80 } else { 1 << (bits % 8 - 1) };
        rsa_line(&n, &[1, 0, 1])
    };
    let raw = |e: &[u8], n: &[u8]| line("ssh-rsa", &strings(&[b"ssh-rsa", e, n]));
    let mut rows: Vec<(u16, String, Reason)> = vec![
        (59, sized(2049), Reason::WeakRsaSize),
        (59, sized(3071), Reason::WeakRsaSize),
        (63, raw(&e, &[]), Reason::PublicKeyMalformed),
        (63, raw(&e, &n), Reason::PublicKeyMalformed),
        (64, raw(&e, &[&[0], &mpint(&n)[..]].concat()), Reason::PublicKeyMalformed),
        (64, raw(&[0, 1, 0, 1], &mpint(&n)), Reason::PublicKeyMalformed),
        (62, rsa_line(&n, &n), Reason::RsaBadExponent),
        (62, rsa_line(&n, &[1, 0, 0, 0, 1]), Reason::RsaBadExponent),
    ];
    rows.extend([512, 768, 1023, 1024, 2047].map(|bits| (57, sized(bits), Reason::WeakRsaSize)));
    rows.extend([8200, 16_384, 65_536].map(|bits| (58, sized(bits), Reason::RsaTooLarge)));
    let bad: [&[u8]; 7] = [&[], &[1], &[2], &[1, 0, 0], &[3], &[17], &[35]];
    rows.extend(bad.map(|e| (60, rsa_line(&n, e), Reason::RsaBadExponent)));
    assert_rows(&rows);
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

fn assert_rows(rows: &[(u16, String, Reason)]) {
    for (row, text, reason) in rows {
        let shown: String = text.chars().take(200).collect();
        match PublicKey::parse_line(text) {
            Err(fault) => assert_eq!(fault.reason, *reason, "row {row}: {shown:?}: {fault}"),
            Ok(_) => panic!("row {row} was taken: {shown:?}"),
        }
    }
}
