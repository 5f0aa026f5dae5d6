//! Private texts that are refused, each for its own reason.

use super::craft::{D, E, File, IQMP, N, P, Q, Rsa, der, mpint, pem, strings};
use super::{KeyFormat, encode, make, run};
use crypto_bigint::{BoxedUint, ConcatenatingMul};
use keypairs::error::Reason;
use keypairs::sshkey::{Algorithm, Curve, KeyFormat as Format, KeySpec, PrivateKey, PublicKey, check_format};
use proptest::prelude::*;

#[test]
fn frames() {
    let key = make(KeySpec::Ed25519);
    let good = encode(&key, KeyFormat::OpenSsh, None);
    let body: Vec<&str> = good.lines().collect();
    let joined = |lines: &[&str], by: &str| lines.join(by);
    let oneline_body = joined(&[body[0], &body[1..body.len() - 1].concat(), body[body.len() - 1]], "\n");
    assert_rows(&[
        (83, String::new(), Reason::PrivateKeyMalformed),
        (83, "hello".into(), Reason::PrivateKeyMalformed),
        (83, body[1..body.len() - 1].join("\n"), Reason::PrivateKeyMalformed),
        (84, key.public().line("c"), Reason::PrivateKeyMalformed),
        (84, good.replace("OPENSSH PRIVATE", "PUBLIC"), Reason::PrivateKeyMalformed),
        (85, good.replace("END OPENSSH", "END RSA"), Reason::PrivateKeyMalformed),
        (85, body[..body.len() - 1].join("\n"), Reason::PrivateKeyMalformed),
        (86, format!("hello\n{good}"), Reason::PrivateKeyMalformed),
        (86, format!("{good}hello\n"), Reason::PrivateKeyMalformed),
        (87, format!("{good}{good}"), Reason::PrivateKeyMultipleKeys),
        (88, joined(&body, " "), Reason::PrivateKeyMalformed),
        (88, joined(&body, ""), Reason::PrivateKeyMalformed),
        (88, oneline_body, Reason::PrivateKeyMalformed),
        (88, joined(&body, "\n    "), Reason::PrivateKeyMalformed),
        (88, format!(" {good}"), Reason::PrivateKeyMalformed),
        (88, good.replacen('\n', "\nComment: x\n\n", 1), Reason::PrivateKeyMalformed),
        (104, good.replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n", 1), Reason::PassphraseRequired),
        (104, good.replace("OPENSSH", "ENCRYPTED"), Reason::PassphraseRequired),
        (104, encode(&key, KeyFormat::OpenSsh, Some("x")), Reason::PassphraseRequired),
        (103, good.replace("OPENSSH", "DSA"), Reason::WeakDsa),
        (113, "PuTTY-User-Key-File-3: ssh-ed25519\n".into(), Reason::PrivateKeyUnsupportedFormat),
        (114, "A".repeat(1 << 20), Reason::PrivateKeyTooLarge),
        (114, format!("{good}{}", "\n".repeat(32 << 10)), Reason::PrivateKeyTooLarge),
    ]);
}

#[test]
fn openssh_files() {
    let seed = ed25519();
    let change = |change: fn(&mut File)| {
        let mut file = ed25519();
        change(&mut file);
        file.text()
    };
    PrivateKey::parse(&seed.text()).map_err(|f| f.to_string()).unwrap();
    let padded = |count: u8| {
        let mut file = ed25519();
        let missing = (1..=8).rev().find(|n| (file_len(&file) + n).is_multiple_of(8)).unwrap() as u8;
        file.padding = Some((1..=missing + count).collect());
        file.text()
    };
    let mut rows = vec![
        (90, change(|f| f.magic = b"openssh-key-v2\0".to_vec()), Reason::PrivateKeyMalformed),
        (90, pem("OPENSSH PRIVATE KEY", b"openssh"), Reason::PrivateKeyMalformed),
        (92, change(|f| f.checks = (7, 8)), Reason::PrivateKeyCorrupt),
        (93, change(|f| f.padding = Some(vec![])), Reason::PrivateKeyMalformed),
        (93, change(|f| f.padding.as_mut().unwrap()[0] = 9), Reason::PrivateKeyMalformed),
        (93, padded(8), Reason::PrivateKeyMalformed),
        (93, padded(240), Reason::PrivateKeyMalformed),
        (94, change(|f| f.trailing = vec![0]), Reason::PrivateKeyMalformed),
        (104, change(|f| f.cipher = b"aes256-ctr"), Reason::PassphraseRequired),
        (107, change(|f| f.kdf = b"bcrypt"), Reason::PrivateKeyMalformed),
        (111, change(|f| f.key = strings(&[b"sk-ssh-ed25519@openssh.com"])), Reason::PrivateKeyUnsupportedType),
        (103, change(|f| f.key = strings(&[b"ssh-dss", b"1"])), Reason::WeakDsa),
        (40, change(|f| (f.comment, f.padding) = (b"a\nb".to_vec(), None)), Reason::PrivateKeyCommentInvalid),
        (41, change(|f| (f.comment, f.padding) = (vec![0xff], None)), Reason::PrivateKeyCommentInvalid),
    ];
    for keys in [0, 2, u32::MAX] {
        let mut file = ed25519();
        file.keys = keys;
        rows.push((91, file.text(), Reason::PrivateKeyMalformed));
    }
    assert_rows(&rows);
}

#[test]
fn halves_that_do_not_match() {
    let (file, other) = (ed25519(), ed25519());
    let mut swapped = ed25519();
    swapped.public = other.public.clone();
    let mut false_seed = ed25519();
    let place = false_seed.key.len() - 64;
    false_seed.key[place] ^= 1;
    let mut rows = vec![
        (95, swapped.text(), Reason::PrivateKeyPublicMismatch),
        (96, false_seed.text(), Reason::PrivateKeyPublicMismatch),
    ];
    assert_ne!(file.public, other.public);
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let scalars = [vec![], order, vec![0x7f; 33], vec![0xff; 32]];
    for scalar in scalars {
        rows.push((97, ecdsa(&mpint(&scalar)).text(), Reason::EcScalarInvalid));
    }
    rows.push((97, ecdsa(&[5]).text(), Reason::PrivateKeyPublicMismatch));
    let rsa = Rsa::of(&make(KeySpec::Rsa(2048)));
    let mut swapped = rsa.file();
    swapped.public = Rsa::of(&make(KeySpec::Rsa(2048))).public();
    rows.push((95, swapped.text(), Reason::PrivateKeyPublicMismatch));
    assert_rows(&rows);
}

#[test]
fn rsa_numbers() {
    let key = make(KeySpec::Rsa(2048));
    let rsa = Rsa::of(&key);
    PrivateKey::parse(&rsa.file().text()).map_err(|f| f.to_string()).unwrap();
    let square = Rsa::of(&key).with(Q, rsa.0[P].clone()).with(N, product(&rsa.0[P], &rsa.0[P]));
    let one = rsa.with(P, vec![1]).with(Q, rsa.0[N].clone());
    let d_over_n = rsa.with(D, sum(&rsa.0[D], &product(&less_one(&rsa.0[P]), &less_one(&rsa.0[Q]))));
    let iqmp_over_p = rsa.with(IQMP, sum(&rsa.0[IQMP], &rsa.0[P]));
    let mut rows = vec![
        (99, square.file().text(), Reason::RsaInconsistent),
        (99, one.file().text(), Reason::RsaInconsistent),
        (99, rsa.with(P, vec![]).file().text(), Reason::RsaInconsistent),
        (99, rsa.with(N, rsa.flipped(N).0[N].clone()).file().text(), Reason::RsaInconsistent),
        (100, iqmp_over_p.file().text(), Reason::RsaInconsistent),
        (101, d_over_n.file().text(), Reason::RsaWeakD),
        (103, rsa.with(E, vec![3]).file().text(), Reason::RsaBadExponent),
        (103, rsa.with(N, vec![0xff; 128]).file().text(), Reason::WeakRsaSize),
        (103, rsa.with(N, vec![0xff; 2048]).file().text(), Reason::RsaTooLarge),
    ];
    rows.extend([(98, D), (99, P), (99, Q), (100, IQMP)].map(|(row, which)| {
        let text = rsa.flipped(which).file().text();
        (row, text, Reason::RsaInconsistent)
    }));
    assert_rows(&rows);
}

/// Every cheap equation holds, yet p is composite; the second p is a Carmichael number, which passes Fermat's test to
/// every base, so that signatures made with it verify.
#[test]
fn composite_primes_are_found_by_prove() {
    let rsa = Rsa::of(&make(KeySpec::Rsa(2048)));
    for p in [hex(COMPOSITE), hex(CARMICHAEL)] {
        let n = product(&p, &rsa.0[Q]);
        let d = inverse(&rsa.0[E], &product(&less_one(&p), &less_one(&rsa.0[Q])));
        let forged = rsa.with(N, n).with(D, d).with(IQMP, inverse(&rsa.0[Q], &p)).with(P, p);
        let (key, _) = PrivateKey::parse(&forged.file().text()).map_err(|f| f.to_string()).unwrap();
        assert_eq!(key.prove().unwrap_err().reason, Reason::RsaInconsistent);
    }
}

#[test]
fn primes_in_either_order_are_taken() {
    let rsa = Rsa::of(&make(KeySpec::Rsa(2048)));
    let (p, q) = (rsa.0[P].clone(), rsa.0[Q].clone());
    let swapped = rsa.with(P, q.clone()).with(IQMP, inverse(&p, &q)).with(Q, p);
    let (key, _) = PrivateKey::parse(&swapped.file().text()).map_err(|f| f.to_string()).unwrap();
    key.prove().unwrap();
}

#[test]
fn der_files() {
    let rsa = Rsa::of(&make(KeySpec::Rsa(2048)));
    let good = make(KeySpec::Rsa(2048));
    let file = encode(&good, KeyFormat::Pkcs1, None);
    let bytes = unpem(&file);
    let p256 = unpem(&encode(&make(KeySpec::Ecdsa(Curve::P256)), KeyFormat::Sec1, None));
    let mut false_point = p256.clone();
    *false_point.last_mut().unwrap() ^= 1;
    let mut indefinite = vec![0x30, 0x80];
    indefinite.extend(&bytes[4..]);
    indefinite.extend([0, 0]);
    let deep = (0..100).fold(vec![], |inner, _| der(0x30, &inner));
    let zeros: [&[u8]; 2] = [&[0], &[0]];
    let mut rows = vec![
        (99, pem("RSA PRIVATE KEY", &rsa.pkcs1(0, zeros)), Reason::RsaInconsistent),
        (102, pem("RSA PRIVATE KEY", &rsa.pkcs1(1, zeros)), Reason::PrivateKeyUnsupportedFormat),
        (112, pem("RSA PRIVATE KEY", &rsa.pkcs1(2, zeros)), Reason::PrivateKeyMalformed),
        (112, pem("RSA PRIVATE KEY", &[&bytes[..], &[0]].concat()), Reason::PrivateKeyMalformed),
        (112, pem("RSA PRIVATE KEY", &bytes[..bytes.len() - 1]), Reason::PrivateKeyMalformed),
        (112, pem("RSA PRIVATE KEY", &indefinite), Reason::PrivateKeyMalformed),
        (97, pem("EC PRIVATE KEY", &false_point), Reason::PrivateKeyPublicMismatch),
        (112, pem("EC PRIVATE KEY", &[&p256[..], &[0]].concat()), Reason::PrivateKeyMalformed),
    ];
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        rows.push((112, pem(label, &deep), Reason::PrivateKeyMalformed));
        rows.push((112, pem(label, &[]), Reason::PrivateKeyMalformed));
    }
    assert_rows(&rows);
}

#[test]
fn foreign_keys_of_openssl() {
    let rows = [
        (111, &["genpkey", "-algorithm", "X25519"][..], Reason::PrivateKeyUnsupportedType),
        (111, &["genpkey", "-algorithm", "ED448"], Reason::PrivateKeyUnsupportedType),
        (111, &["genpkey", "-algorithm", "RSA-PSS"], Reason::PrivateKeyUnsupportedType),
        (111, &["genpkey", "-algorithm", "EC", "-pkeyopt", "group:secp256k1"], Reason::PrivateKeyUnsupportedType),
        (111, &["ecparam", "-genkey", "-noout", "-name", "secp256k1"], Reason::PrivateKeyUnsupportedType),
        (111, &["ecparam", "-genkey", "-noout", "-name", "brainpoolP256r1"], Reason::PrivateKeyUnsupportedType),
        (87, &["ecparam", "-genkey", "-name", "prime256v1"], Reason::PrivateKeyMultipleKeys),
        (103, &["genrsa", "1024"], Reason::WeakRsaSize),
        (103, &["genrsa", "-3", "2048"], Reason::RsaBadExponent),
        (104, &["genrsa", "-aes128", "-passout", "pass:secret", "2048"], Reason::PassphraseRequired),
        (104, &["genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "2048"], Reason::PassphraseRequired),
        (102, &["genrsa", "-primes", "3", "2048"], Reason::PrivateKeyUnsupportedFormat),
    ];
    let rows = rows.map(|(row, args, reason)| (row, String::from_utf8(run("openssl", args, "")).unwrap(), reason));
    assert_rows(&rows);
}

#[test]
fn foreign_keys_of_ssh_keygen() {
    for (args, reason) in [
        (&["-t", "dsa", "-N", ""][..], Reason::WeakDsa),
        (&["-t", "dsa", "-N", "", "-m", "PEM"], Reason::WeakDsa),
        (&["-t", "dsa", "-N", "", "-m", "PKCS8"], Reason::WeakDsa),
        (&["-t", "ed25519", "-N", "secret"], Reason::PassphraseRequired),
        (&["-t", "ed25519", "-N", "secret", "-Z", "chacha20-poly1305@openssh.com"], Reason::PassphraseRequired),
        (&["-t", "ed25519", "-N", "secret", "-Z", "aes256-gcm@openssh.com"], Reason::PassphraseRequired),
        (&["-t", "ecdsa", "-N", "secret", "-m", "PEM"], Reason::PassphraseRequired),
        (&["-t", "ecdsa", "-N", "secret", "-m", "PKCS8"], Reason::PassphraseRequired),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let mut command = std::process::Command::new("ssh-keygen");
        assert!(command.arg("-q").args(args).arg("-f").arg(&path).status().unwrap().success(), "{args:?}");
        assert_rows(&[(104, std::fs::read_to_string(&path).unwrap(), reason)]);
        if reason == Reason::WeakDsa {
            let line = std::fs::read_to_string(path.with_extension("pub")).unwrap();
            assert_eq!(PublicKey::parse_line(&line).unwrap_err().reason, reason);
        }
    }
}

#[test]
fn formats_that_do_not_fit_are_refused() {
    use keypairs::sshkey::Algorithm::{Ecdsa, Ed25519, Rsa};
    for (algorithm, format, passphrase, reason) in [
        (Ed25519, Format::Pkcs1, false, Reason::FormatUnsupported),
        (Ecdsa, Format::Pkcs1, false, Reason::FormatUnsupported),
        (Ed25519, Format::Sec1, false, Reason::FormatUnsupported),
        (Rsa, Format::Sec1, true, Reason::FormatUnsupported),
        (Rsa, Format::Ppk, false, Reason::FormatUnsupported),
        (Rsa, Format::Pkcs1, true, Reason::PassphraseUnsupported),
        (Ecdsa, Format::Sec1, true, Reason::PassphraseUnsupported),
        (Ed25519, Format::Pkcs8, true, Reason::PassphraseUnsupported),
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

fn ed25519() -> File {
    let key = make(KeySpec::Ed25519);
    let (blob, seed) = (key.public().blob().to_vec(), key.to_compact());
    let point = &blob[blob.len() - 32..];
    let pair = [seed.expose(), point].concat();
    let mut file = File::new(blob.clone(), strings(&[b"ssh-ed25519", point, &pair]));
    file.padding = Some((1..=((8 - file_len(&file) % 8) % 8) as u8).collect());
    assert!(!file.padding.as_ref().unwrap().is_empty());
    file
}

/// Bytes of the private section before the padding.
fn file_len(file: &File) -> usize {
    8 + file.key.len() + 4 + file.comment.len()
}

/// A P-256 file with this content of the scalar's mpint beside the point of another one.
fn ecdsa(scalar: &[u8]) -> File {
    let key = make(KeySpec::Ecdsa(Curve::P256));
    let blob = key.public().blob().to_vec();
    let point = blob[blob.len() - 65..].to_vec();
    File::new(blob, strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &point, scalar]))
}

fn unpem(text: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    Base64::decode_vec(&body).unwrap()
}

fn assert_rows(rows: &[(u16, String, Reason)]) {
    for (row, text, reason) in rows {
        let shown: String = text.chars().take(300).collect();
        match PrivateKey::parse(text) {
            Err(fault) => assert_eq!(fault.reason, *reason, "row {row}: {shown:?}: {fault}"),
            Ok(_) => panic!("row {row} was taken: {shown:?}"),
        }
    }
}

fn int(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

fn bytes(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into_vec()
}

fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    bytes(&int(a).concatenating_mul(&int(b)))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    bytes(&int(a).concatenating_add(int(b)))
}

fn less_one(a: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    *out.last_mut().unwrap() -= 1; // odd numbers only
    out
}

/// a^-1 modulo m.
fn inverse(a: &[u8], m: &[u8]) -> Vec<u8> {
    use crypto_bigint::Resize;
    let m = int(m);
    let a = int(a).rem(m.as_nz_vartime().unwrap()).resize(m.bits_precision());
    bytes(&a.invert_mod(m.as_nz_vartime().unwrap()).unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// 1,024 bits, a multiple of three.
const COMPOSITE: &str = "daffb2297631a992f0ce583505c6af0758d5563dab2cd31ee315128862c33a4fb774eb5248db40af72158370d269a9a5ae65\
    8f33fe3b890b93f448b3a5aa3c814f426dcbb394fb36bb2d420f0f88080b10a3d6b2aa05e11ab2715945795e8229451abd81\
    f1d69ed617f5e837d70820fe119a72d174c9df6acc011cdd9474031b";

/// 1,024 bits: (6k + 1)(12k + 1)(18k + 1), each of the three a prime.
const CARMICHAEL: &str = "e3a1fc75afff7b59ea901875d8a0dc4c1d9437848ccd628658b92b849bcd2a3b533cdfb5acb732f3a0062a27a9d626e1c8f1\
    055d27648e54fd2e3cb8334d4332f623b09b4ca8ae7010f8c441b7e4212a4f43b8743e5f3cdeb58cd69b7248bdc4e5d0dabf\
    ea36894272b203115fd5ea57a3789bd9e5a7d10b2cef301eff3a1391";
