//! Private keys that are refused, one line each. The same table goes through the parser and over the wire.

use crypto_bigint::{BoxedUint, ConcatenatingMul};
use keypairs::error::Reason::*;
use keypairs::sshkey::{Curve, KeySpec};

use super::craft::{D, E, File, IQMP, N, P, Q, Rsa, der, mpint, pem, strings};
use super::public_table::BadKey;
use super::{KeyFormat, encode, make, run};

/// Every private key that the parser refuses.
pub fn rows() -> Vec<BadKey> {
    let parts =
        [frames(), openssh_files(), halves(), rsa_numbers(), sec1_and_pkcs1(), deep(), of_openssl(), of_ssh_keygen()];
    parts.concat()
}

/// Keys whose every cheap equation holds, so that only their proof refuses them: p is composite; the second p is a
/// Carmichael number, which passes Fermat's test to every base, so that signatures made with it verify.
pub fn rows_for_the_proof() -> Vec<BadKey> {
    let rsa = rsa_key();
    // The bases of the proof follow from n: with a fixed q they are the same in every run.
    let rsa = rsa.with(Q, hex(PRIME));
    let forged = |p: &str| {
        let p = hex(p);
        let n = product(&p, &rsa.0[Q]);
        let d = inverse(&rsa.0[E], &product(&less_one(&p), &less_one(&rsa.0[Q])));
        rsa.with(N, n).with(D, d).with(IQMP, inverse(&rsa.0[Q], &p)).with(P, p).file().text()
    };
    vec![
        (99, "p composite", forged(COMPOSITE), RsaInconsistent),
        (99, "p a Carmichael number", forged(CARMICHAEL), RsaInconsistent),
    ]
}

fn frames() -> Vec<BadKey> {
    let key = make(KeySpec::Ed25519);
    let good = encode(&key, KeyFormat::OpenSsh, None);
    let body: Vec<&str> = good.lines().collect();
    let joined = |lines: &[&str], by: &str| lines.join(by);
    let last = body.len() - 1;
    let one_line = joined(&[body[0], &body[1..last].concat(), body[last]], "\n");
    let legacy = good.replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n", 1);
    let locked = |format| encode(&key, format, Some("x"));
    vec![
        (83, "empty", String::new(), PrivateKeyMalformed),
        (83, "no PEM", "hello".into(), PrivateKeyMalformed),
        (83, "base64 without its frame", body[1..last].join("\n"), PrivateKeyMalformed),
        (84, "public line", key.public().line("c"), PrivateKeyMalformed),
        (84, "public label", good.replace("OPENSSH PRIVATE", "PUBLIC"), PrivateKeyMalformed),
        (85, "BEGIN and END differ", good.replace("END OPENSSH", "END RSA"), PrivateKeyMalformed),
        (85, "no END", joined(&body[..last], "\n"), PrivateKeyMalformed),
        (86, "text before", format!("hello\n{good}"), PrivateKeyMalformed),
        (86, "text after", format!("{good}hello\n"), PrivateKeyMalformed),
        (87, "two blocks", format!("{good}{good}"), PrivateKeyMultipleKeys),
        (88, "one line, joined by blanks", joined(&body, " "), PrivateKeyMalformed),
        (88, "one line, joined", joined(&body, ""), PrivateKeyMalformed),
        (88, "body on one line", one_line, PrivateKeyMalformed),
        (88, "indented", joined(&body, "\n    "), PrivateKeyMalformed),
        (88, "blank before", format!(" {good}"), PrivateKeyMalformed),
        (88, "Comment: header", good.replacen('\n', "\nComment: x\n\n", 1), PrivateKeyMalformed),
        (103, "DSA label", good.replace("OPENSSH", "DSA"), WeakDsa),
        (104, "PKCS#8, encrypted", locked(KeyFormat::Pkcs8), PassphraseRequired),
        (104, "OpenSSH, encrypted", locked(KeyFormat::OpenSsh), PassphraseRequired),
        (104, "PPK, encrypted", locked(KeyFormat::Ppk), PassphraseRequired),
        (108, "headers of old PEM in a block of OpenSSH", legacy, PrivateKeyMalformed),
        (112, "PKCS#8, encrypted, of something else", good.replace("OPENSSH", "ENCRYPTED"), PrivateKeyMalformed),
        (113, "PuTTY, cut off", "PuTTY-User-Key-File-3: ssh-ed25519\n".into(), PrivateKeyMalformed),
        (113, "PuTTY, version 1", "PuTTY-User-Key-File-1: ssh-rsa\n".into(), PrivateKeyUnsupportedFormat),
        (114, "body of 200 KiB", "A".repeat(200 << 10), PrivateKeyTooLarge),
        (114, "line ends of 32 KiB", format!("{good}{}", "\n".repeat(32 << 10)), PrivateKeyTooLarge),
    ]
}

fn openssh_files() -> Vec<BadKey> {
    let with = |change: fn(&mut File)| {
        let mut file = ed25519();
        change(&mut file);
        file.text()
    };
    let padded = |count: u8| {
        let mut file = ed25519();
        let missing = (1..=8).rev().find(|n| (file_len(&file) + n).is_multiple_of(8)).unwrap() as u8;
        file.padding = Some((1..=missing + count).collect());
        file.text()
    };
    let sk = |f: &mut File| f.key = strings(&[b"sk-ssh-ed25519@openssh.com"]);
    vec![
        (
            40,
            "newline in the comment",
            with(|f| (f.comment, f.padding) = (b"a\nb".to_vec(), None)),
            PrivateKeyCommentInvalid,
        ),
        (
            40,
            "a private key in the comment, which is shown with the public half",
            with(|f| (f.comment, f.padding) = (b"MC4CAQAwBQYDK2VwBCIEIJq0yA3Zt5".to_vec(), None)),
            PrivateKeyCommentInvalid,
        ),
        (41, "comment not UTF-8", with(|f| (f.comment, f.padding) = (vec![0xff], None)), PrivateKeyCommentInvalid),
        (90, "magic of version 2", with(|f| f.magic = b"openssh-key-v2\0".to_vec()), PrivateKeyMalformed),
        (90, "magic cut off", pem("OPENSSH PRIVATE KEY", b"openssh"), PrivateKeyMalformed),
        (91, "nkeys 0", with(|f| f.keys = 0), PrivateKeyMalformed),
        (91, "nkeys 2", with(|f| f.keys = 2), PrivateKeyMalformed),
        (91, "nkeys 2^32 - 1", with(|f| f.keys = u32::MAX), PrivateKeyMalformed),
        (92, "check numbers differ", with(|f| f.checks = (7, 8)), PrivateKeyCorrupt),
        (93, "no padding", with(|f| f.padding = Some(vec![])), PrivateKeyMalformed),
        (93, "wrong padding bytes", with(|f| f.padding.as_mut().unwrap()[0] = 9), PrivateKeyMalformed),
        (93, "a block of padding too many", padded(8), PrivateKeyMalformed),
        (93, "some 250 bytes of padding", padded(240), PrivateKeyMalformed),
        (94, "trailing byte", with(|f| f.trailing = vec![0]), PrivateKeyMalformed),
        (103, "DSA inside", with(|f| f.key = strings(&[b"ssh-dss", b"1"])), WeakDsa),
        (107, "cipher named, no KDF", with(|f| f.cipher = b"aes256-ctr"), PrivateKeyUnsupportedCipher),
        (107, "KDF named, no cipher", with(|f| f.kdf = b"bcrypt"), PrivateKeyMalformed),
        (111, "security key inside", with(sk), PrivateKeyUnsupportedType),
    ]
}

fn halves() -> Vec<BadKey> {
    let (file, other) = (ed25519(), ed25519());
    assert_ne!(file.public, other.public);
    let mut swapped = ed25519();
    swapped.public = other.public;
    let mut false_seed = ed25519();
    let place = false_seed.key.len() - 64;
    false_seed.key[place] ^= 1;
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let mut swapped_rsa = rsa_key().file();
    swapped_rsa.public = rsa_key().public();
    vec![
        (95, "Ed25519: outer public half of another", swapped.text(), PrivateKeyPublicMismatch),
        (95, "RSA: outer public half of another", swapped_rsa.text(), PrivateKeyPublicMismatch),
        (96, "Ed25519 seed does not give the public half", false_seed.text(), PrivateKeyPublicMismatch),
        (97, "ECDSA scalar 0", ecdsa(&[]).text(), EcScalarInvalid),
        (97, "ECDSA scalar is the order", ecdsa(&mpint(&order)).text(), EcScalarInvalid),
        (97, "ECDSA scalar over the order", ecdsa(&mpint(&[0xff; 32])).text(), EcScalarInvalid),
        (97, "ECDSA scalar too long", ecdsa(&[0x7f; 33]).text(), EcScalarInvalid),
        (97, "ECDSA scalar of another point", ecdsa(&[5]).text(), PrivateKeyPublicMismatch),
    ]
}

fn rsa_numbers() -> Vec<BadKey> {
    let rsa = rsa_key();
    let square = rsa.with(Q, rsa.0[P].clone()).with(N, product(&rsa.0[P], &rsa.0[P]));
    let one = rsa.with(P, vec![1]).with(Q, rsa.0[N].clone());
    let d_over_n = rsa.with(D, sum(&rsa.0[D], &product(&less_one(&rsa.0[P]), &less_one(&rsa.0[Q]))));
    let iqmp_over_p = rsa.with(IQMP, sum(&rsa.0[IQMP], &rsa.0[P]));
    let flipped = |which| rsa.flipped(which).file().text();
    let with = |which, number: &[u8]| rsa.with(which, number.to_vec()).file().text();
    vec![
        (98, "RSA d altered", flipped(D), RsaInconsistent),
        (99, "RSA p altered", flipped(P), RsaInconsistent),
        (99, "RSA q altered", flipped(Q), RsaInconsistent),
        (99, "RSA n altered", flipped(N), RsaInconsistent),
        (99, "RSA p = q", square.file().text(), RsaInconsistent),
        (99, "RSA p = 1", one.file().text(), RsaInconsistent),
        (99, "RSA p = 0", with(P, &[]), RsaInconsistent),
        (100, "RSA iqmp altered", flipped(IQMP), RsaInconsistent),
        (100, "RSA iqmp over p", iqmp_over_p.file().text(), RsaInconsistent),
        (101, "RSA d over n", d_over_n.file().text(), RsaWeakD),
        (101, "RSA d tiny", with(D, &[1, 0, 1]), RsaWeakD),
        (103, "RSA e = 3", with(E, &[3]), RsaBadExponent),
        (103, "RSA 1024", with(N, &[0xff; 128]), WeakRsaSize),
        (103, "RSA 16,384", with(N, &[0xff; 2048]), RsaTooLarge),
    ]
}

fn sec1_and_pkcs1() -> Vec<BadKey> {
    let rsa = rsa_key();
    let bytes = unpem(&encode(&make(KeySpec::Rsa(2048)), KeyFormat::Pkcs1, None));
    let p256 = unpem(&encode(&make(KeySpec::Ecdsa(Curve::P256)), KeyFormat::Sec1, None));
    let mut false_point = p256.clone();
    *false_point.last_mut().unwrap() ^= 1;
    let indefinite = [&[0x30, 0x80], &bytes[4..], &[0, 0]].concat();
    let zeros: [&[u8]; 2] = [&[0], &[0]];
    let pkcs1 = |bytes: &[u8]| pem("RSA PRIVATE KEY", bytes);
    let sec1 = |bytes: &[u8]| pem("EC PRIVATE KEY", bytes);
    vec![
        (97, "SEC1: point of another scalar", sec1(&false_point), PrivateKeyPublicMismatch),
        (99, "PKCS#1: exponents 0", pkcs1(&rsa.pkcs1(0, zeros)), RsaInconsistent),
        (102, "PKCS#1 version 1 (multi-prime)", pkcs1(&rsa.pkcs1(1, zeros)), PrivateKeyUnsupportedFormat),
        (112, "PKCS#1 version 2", pkcs1(&rsa.pkcs1(2, zeros)), PrivateKeyMalformed),
        (112, "PKCS#1: trailing byte", pkcs1(&[&bytes[..], &[0]].concat()), PrivateKeyMalformed),
        (112, "PKCS#1: cut off", pkcs1(&bytes[..bytes.len() - 1]), PrivateKeyMalformed),
        (112, "PKCS#1: indefinite length", pkcs1(&indefinite), PrivateKeyMalformed),
        (112, "SEC1: trailing byte", sec1(&[&p256[..], &[0]].concat()), PrivateKeyMalformed),
    ]
}

fn deep() -> Vec<BadKey> {
    let deep = (0..100).fold(vec![], |inner, _| der(0x30, &inner));
    let labels = ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"];
    let row = |what, bytes: &[u8]| labels.map(|label| (112, what, pem(label, bytes), PrivateKeyMalformed));
    [row("100 nested SEQUENCEs", &deep), row("empty block", &[])].concat()
}

fn of_openssl() -> Vec<BadKey> {
    let of = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        String::from_utf8(run("openssl", &args, "")).unwrap()
    };
    let aes = "-aes128 -passout pass:secret 2048";
    let brainpool = "ecparam -genkey -noout -name brainpoolP256r1";
    vec![
        (87, "EC parameters before the key", of("ecparam -genkey -name prime256v1"), PrivateKeyMultipleKeys),
        (102, "three primes", of("genrsa -primes 3 2048"), PrivateKeyUnsupportedFormat),
        (103, "RSA 1024 of openssl", of("genrsa 1024"), WeakRsaSize),
        (103, "RSA with e = 3 of openssl", of("genrsa -3 2048"), RsaBadExponent),
        (104, "PKCS#8 of openssl, encrypted", of(&format!("genrsa {aes}")), PassphraseRequired),
        (104, "PKCS#1 of openssl, encrypted", of(&format!("genrsa -traditional {aes}")), PassphraseRequired),
        (111, "X25519", of("genpkey -algorithm X25519"), PrivateKeyUnsupportedType),
        (111, "Ed448", of("genpkey -algorithm ED448"), PrivateKeyUnsupportedType),
        (111, "RSA-PSS", of("genpkey -algorithm RSA-PSS"), PrivateKeyUnsupportedType),
        (111, "PKCS#8 of secp256k1", of("genpkey -algorithm EC -pkeyopt group:secp256k1"), PrivateKeyUnsupportedType),
        (111, "SEC1 of secp256k1", of("ecparam -genkey -noout -name secp256k1"), PrivateKeyUnsupportedType),
        (111, "SEC1 of brainpool", of(brainpool), PrivateKeyUnsupportedType),
    ]
}

fn of_ssh_keygen() -> Vec<BadKey> {
    let of = |args: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let mut command = std::process::Command::new("ssh-keygen");
        command.arg("-q").args(args.split(' ')).arg("-f").arg(&path);
        if !args.contains("-N") {
            command.args(["-N", ""]);
        }
        assert!(command.status().expect("ssh-keygen must be installed").success(), "{args}");
        std::fs::read_to_string(&path).unwrap()
    };
    vec![
        (103, "DSA of ssh-keygen", of("-t dsa"), WeakDsa),
        (103, "DSA of ssh-keygen, PEM", of("-t dsa -m PEM"), WeakDsa),
        (103, "DSA of ssh-keygen, PKCS#8", of("-t dsa -m PKCS8"), WeakDsa),
        (104, "bcrypt, AES", of("-t ed25519 -N secret"), PassphraseRequired),
        (104, "bcrypt, ChaCha20", of("-t ed25519 -N secret -Z chacha20-poly1305@openssh.com"), PassphraseRequired),
        (104, "bcrypt, AES-GCM", of("-t ed25519 -N secret -Z aes256-gcm@openssh.com"), PassphraseRequired),
        (104, "PEM of ssh-keygen, encrypted", of("-t ecdsa -N secret -m PEM"), PassphraseRequired),
        (104, "PKCS#8 of ssh-keygen, encrypted", of("-t ecdsa -N secret -m PKCS8"), PassphraseRequired),
    ]
}

/// A sound file of a new Ed25519 key.
pub fn ed25519() -> File {
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

/// The numbers of a new RSA key.
pub fn rsa_key() -> Rsa {
    Rsa::of(&make(KeySpec::Rsa(2048)))
}

/// A P-256 file with this content of the scalar's mpint beside the point of another one.
fn ecdsa(scalar: &[u8]) -> File {
    let key = make(KeySpec::Ecdsa(Curve::P256));
    let blob = key.public().blob().to_vec();
    let point = blob[blob.len() - 65..].to_vec();
    File::new(blob, strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &point, scalar]))
}

/// The bytes of a PEM block.
pub fn unpem(text: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    Base64::decode_vec(&body).unwrap()
}

fn int(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

fn bytes(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into_vec()
}

pub fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    bytes(&int(a).concatenating_mul(&int(b)))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    bytes(&int(a).concatenating_add(int(b)))
}

pub fn less_one(a: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    *out.last_mut().unwrap() -= 1; // odd numbers only
    out
}

/// a^-1 modulo m.
pub fn inverse(a: &[u8], m: &[u8]) -> Vec<u8> {
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

/// 1,024 bits.
const PRIME: &str = "d0b8599c39263059f28c105d1fb17c2390c192cfd3ac94af0f21ddb66cad4a268d116ece1738f7d93d9c172411e20b8f6b0d\
    549b6f03675a1600a35a099950d836f675cc81e74ef5e8e25d940ed904759531985d5d9dc9f81818e811892f902bd23f0824\
    128b2f330c5c7fd0a6a3a4506513270e269e0d37f2a74de452e6ba5f";
