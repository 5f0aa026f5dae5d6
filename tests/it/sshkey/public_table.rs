//! Public keys that are refused, one line each. The same table goes through the parser and over the wire.

use base64ct::{Base64, Encoding};
use keypairs::error::Reason::{self, *};
use keypairs::sshkey::{Curve, KeySpec};

use super::craft::{Rsa, line, mpint, rsa_line, strings};
use super::{KeyFormat, encode, make, run};

/// The row of the table of bad inputs, what is wrong, the text, the reason.
pub type BadKey = (u16, &'static str, String, Reason);

/// Every public key that is refused.
pub fn rows() -> Vec<BadKey> {
    [texts(), types(), foreign_files(), private_keys_in_disguise(), blobs(), points(), rsa_numbers()].concat()
}

fn texts() -> Vec<BadKey> {
    let good = make(KeySpec::Ed25519).public().line("");
    let base64 = good.split(' ').nth(1).unwrap();
    let padded = make(KeySpec::Ecdsa(Curve::P256)).public().line("");
    assert!(padded.ends_with('='));
    let tail = format!("{}B=", &padded[..padded.len() - 2]);
    vec![
        (29, "empty", String::new(), PublicKeyMalformed),
        (29, "only blanks", " \n".into(), PublicKeyMalformed),
        (30, "base64 only, no type word", base64.into(), PublicKeyMalformed),
        (36, "options: command", format!("command=\"echo a b\" {good}"), PublicKeyOptionsNotAllowed),
        (36, "options: a flag", format!("no-pty {good}"), PublicKeyOptionsNotAllowed),
        (36, "options: two flags", format!("restrict,pty {good}"), PublicKeyOptionsNotAllowed),
        (37, "two keys, two lines", format!("{good}\n{good}\n"), PublicKeyMultipleKeys),
        (38, "newline, then another key in the comment", format!("{good} c\nssh-rsa AAAA evil"), PublicKeyMultipleKeys),
        (38, "carriage return in the comment", format!("{good} c\rssh-rsa AAAA evil"), PublicKeyCommentInvalid),
        (39, "NUL in the comment", format!("{good} a\0b"), PublicKeyCommentInvalid),
        (40, "escape sequence in the comment", format!("{good} \x1b[31mred"), PublicKeyCommentInvalid),
        (40, "tab in the comment", format!("{good} a\tb"), PublicKeyCommentInvalid),
        (40, "RTL override in the comment", format!("{good} a\u{202e}b"), PublicKeyCommentInvalid),
        (40, "zero-width space in the comment", format!("{good} a\u{200b}b"), PublicKeyCommentInvalid),
        (40, "tags in the comment", format!("{good} a\u{e0041}\u{e007f}b"), PublicKeyCommentInvalid),
        (42, "comment of 1,025 bytes", format!("{good} {}", "c".repeat(1025)), PublicKeyTooLarge),
        (42, "comment of 64 KiB", format!("{good} {}", "c".repeat(64 << 10)), PublicKeyTooLarge),
        (45, "base64 without padding", padded.trim_end_matches('=').into(), PublicKeyMalformed),
        (46, "url-safe base64", good.replacen("AAAA", "AA-_", 1), PublicKeyMalformed),
        (46, "blank inside the base64", good.replacen("AAAA", "AAAA ", 1), PublicKeyMalformed),
        (47, "non-zero tail bits", tail, PublicKeyMalformed),
        (51, "body of 200 KiB", format!("ssh-rsa {}", "A".repeat(200 << 10)), PublicKeyTooLarge),
    ]
}

fn types() -> Vec<BadKey> {
    let good = make(KeySpec::Ed25519).public().line("");
    let base64 = good.split(' ').nth(1).unwrap();
    let with = |word: &str| format!("{word} {base64} c");
    vec![
        (31, "unknown type", with("ssh-foo"), PublicKeyUnsupportedType),
        (32, "somebody's own type", with("foo@example.com"), PublicKeyUnsupportedType),
        (33, "the word says RSA", with("ssh-rsa"), PublicKeyTypeMismatch),
        (33, "the word says ECDSA", with("ecdsa-sha2-nistp256"), PublicKeyTypeMismatch),
        (34, "type in capitals", with("SSH-ED25519"), PublicKeyUnsupportedType),
        (35, "a signature algorithm as type", with("rsa-sha2-512"), PublicKeyUnsupportedType),
        (54, "certificate", with("ssh-ed25519-cert-v01@openssh.com"), PublicKeyUnsupportedType),
        (55, "the word says security key", with("sk-ssh-ed25519@openssh.com"), PublicKeyTypeMismatch),
        (56, "DSA", with("ssh-dss"), WeakDsa),
        (77, "secp256k1", with("ecdsa-sha2-1.3.132.0.10"), PublicKeyUnsupportedType),
        (77, "P-224", with("ecdsa-sha2-nistp224"), PublicKeyUnsupportedType),
    ]
}

fn foreign_files() -> Vec<BadKey> {
    let private = |format| encode(&make(KeySpec::Ed25519), format, None);
    let block = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----";
    let (openssh, pkcs8) = (private(KeyFormat::OpenSsh), format!("\n {}", private(KeyFormat::Pkcs8)));
    vec![
        (52, "RFC 4716, cut off", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END".into(), PublicKeyMalformed),
        (52, "PKCS#8, cut off", block.into(), PublicKeyMalformed),
        (52, "PKCS#1, cut off", "-----BEGIN RSA PUBLIC KEY-----\nMFkw\n".into(), PublicKeyMalformed),
        (52, "a certificate", block.replace("PUBLIC KEY", "CERTIFICATE"), PublicKeyUnsupportedFormat),
        (53, "private key: OpenSSH", openssh, PrivateKeyInPublicField),
        (53, "private key: PKCS#8", pkcs8, PrivateKeyInPublicField),
        (53, "private key: PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519\n".into(), PrivateKeyInPublicField),
        (53, "private key: bare base64", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=".into(), PrivateKeyInPublicField),
    ]
}

/// A private key, with something around it or without its first and last line: what people paste.
fn private_keys_in_disguise() -> Vec<BadKey> {
    let file = |spec, format| encode(&make(spec), format, None);
    let (openssh, pkcs8) = (file(KeySpec::Ed25519, KeyFormat::OpenSsh), file(KeySpec::Ed25519, KeyFormat::Pkcs8));
    let body = |file: &str| file.lines().filter(|line| !line.starts_with("-----")).collect::<Vec<_>>().join("\n");
    let quoted = |file: &str| file.lines().map(|line| format!("> {line}\n")).collect::<String>();
    let json = |text: &str| format!("{{\"key\":{}}}", serde_json::to_string(text).unwrap());
    let p256 = KeySpec::Ecdsa(Curve::P256);
    let locked = run("openssl", &["pkcs8", "-topk8", "-passout", "pass:x"], &pkcs8);
    let locked = String::from_utf8(locked).unwrap();
    let line = make(KeySpec::Ed25519).public().line("me");
    [
        ("quoted", quoted(&pkcs8)),
        ("quoted PPK", quoted(&file(KeySpec::Ed25519, KeyFormat::Ppk))),
        ("in JSON", json(&openssh)),
        ("in JSON, without its lines", json(&body(&pkcs8))),
        ("in JSON, after a line end", json(&format!("\n{}", body(&pkcs8)))),
        ("in a sentence", format!("my key is {} thanks", openssh.replace('\n', " "))),
        ("in a sentence, without its lines", format!("my key is {}, thanks", body(&pkcs8))),
        ("a setting", format!("SSH_KEY={}", body(&pkcs8))),
        ("behind a public line", format!("{line}\n{openssh}")),
        ("in the comment of a public line", format!("{line} {}", body(&pkcs8))),
        ("in lines that a comment joins", rfc4716_saying(&body(&pkcs8))),
        ("after a byte order mark", format!("\u{feff}{openssh}")),
        ("only its last line", "AAAA\n-----END OPENSSH PRIVATE KEY-----".to_owned()),
        ("base64 of PKCS#8", body(&pkcs8)),
        ("base64 of PKCS#8, RSA", body(&file(KeySpec::Rsa(2048), KeyFormat::Pkcs8))),
        ("base64 of PKCS#8, encrypted", body(&locked)),
        ("base64 of PKCS#1", body(&file(KeySpec::Rsa(2048), KeyFormat::Pkcs1))),
        ("base64 of SEC1", body(&file(p256, KeyFormat::Sec1))),
        ("base64 of a whole file", Base64::encode_string(pkcs8.as_bytes())),
        ("base64 of a whole OpenSSH file", Base64::encode_string(openssh.as_bytes())),
    ]
    .map(|(what, text)| (53, what, text, PrivateKeyInPublicField))
    .to_vec()
}

/// A sound RFC 4716 block whose comment runs over lines of two characters.
fn rfc4716_saying(comment: &str) -> String {
    let block = run("ssh-keygen", &["-e", "-f", "/dev/stdin"], &make(KeySpec::Ed25519).public().line(""));
    let block = String::from_utf8(block).unwrap();
    let (first, rest) = block.split_once('\n').unwrap();
    let base64 = rest.lines().filter(|line| !line.contains(':')).collect::<Vec<_>>().join("\n");
    let pieces: Vec<&str> = comment.as_bytes().chunks(2).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    format!("{first}\nComment: {}\n{base64}\n", pieces.join("\\\n"))
}

fn blobs() -> Vec<BadKey> {
    let point = [9; 32];
    let good = strings(&[b"ssh-ed25519", &point]);
    let huge = |len: u32| [&strings(&[b"ssh-ed25519"])[..], &len.to_be_bytes(), &point].concat();
    let ed25519 = |blob: &[u8]| line("ssh-ed25519", blob);
    let of = |point: &[u8]| ed25519(&strings(&[b"ssh-ed25519", point]));
    vec![
        (48, "truncated blob", ed25519(&good[..40]), PublicKeyMalformed),
        (48, "empty blob", ed25519(&[]), PublicKeyMalformed),
        (49, "trailing byte after the blob", ed25519(&[&good[..], &[0]].concat()), PublicKeyMalformed),
        (50, "length field 0x7fffffff", ed25519(&huge(0x7fff_ffff)), PublicKeyMalformed),
        (50, "length field 0xffffffff", ed25519(&huge(0xffff_ffff)), PublicKeyMalformed),
        (78, "Ed25519 of 31 bytes", of(&[9; 31]), PublicKeyMalformed),
        (78, "Ed25519 of 33 bytes", of(&[9; 33]), PublicKeyMalformed),
    ]
}

fn points() -> Vec<BadKey> {
    let p256 = make(KeySpec::Ecdsa(Curve::P256));
    let xy = &p256.public().blob()[p256.public().blob().len() - 65..];
    let off = [&xy[..64], &[xy[64] ^ 1]].concat();
    let beyond = [&[4][..], &[0xff; 64]].concat();
    let compressed = [&[2 + (xy[64] & 1)], &xy[1..33]].concat();
    vec![
        (74, "ECDSA off the curve", p256_line("nistp256", &off), EcPointInvalid),
        (74, "ECDSA at infinity", p256_line("nistp256", &[0]), EcPointInvalid),
        (74, "ECDSA without a point", p256_line("nistp256", &[]), EcPointInvalid),
        (74, "ECDSA with x >= p", p256_line("nistp256", &beyond), EcPointInvalid),
        (75, "ECDSA compressed", p256_line("nistp256", &compressed), EcPointInvalid),
        (76, "another curve's name inside", p256_line("nistp384", xy), PublicKeyTypeMismatch),
    ]
}

fn rsa_numbers() -> Vec<BadKey> {
    let Rsa([n, e, ..]) = Rsa::of(&make(KeySpec::Rsa(2048)));
    let raw = |e: &[u8], n: &[u8]| line("ssh-rsa", &strings(&[b"ssh-rsa", e, n]));
    let of = |e: &[u8]| rsa_line(&n, e);
    vec![
        (57, "RSA 512", sized(512), WeakRsaSize),
        (57, "RSA 768", sized(768), WeakRsaSize),
        (57, "RSA 1023", sized(1023), WeakRsaSize),
        (57, "RSA 1024", sized(1024), WeakRsaSize),
        (57, "RSA 2047", sized(2047), WeakRsaSize),
        (58, "RSA 8200", sized(8200), RsaTooLarge),
        (58, "RSA 16,384", sized(16_384), RsaTooLarge),
        (58, "RSA 65,536", sized(65_536), RsaTooLarge),
        (59, "RSA 2049", sized(2049), WeakRsaSize),
        (59, "RSA 3071", sized(3071), WeakRsaSize),
        (60, "e = 0", of(&[]), RsaBadExponent),
        (60, "e = 1", of(&[1]), RsaBadExponent),
        (60, "e = 2", of(&[2]), RsaBadExponent),
        (60, "e = 65,536", of(&[1, 0, 0]), RsaBadExponent),
        (61, "e = 3", of(&[3]), RsaBadExponent),
        (61, "e = 17", of(&[17]), RsaBadExponent),
        (61, "e = 35", of(&[35]), RsaBadExponent),
        (62, "e = n", of(&n), RsaBadExponent),
        (62, "e over 2^32", of(&[1, 0, 0, 0, 1]), RsaBadExponent),
        (63, "n = 0", raw(&e, &[]), PublicKeyMalformed),
        (63, "n negative", raw(&e, &n), PublicKeyMalformed),
        (64, "needless zero before n", raw(&e, &[&[0], &mpint(&n)[..]].concat()), PublicKeyMalformed),
        (64, "needless zero before e", raw(&[0, 1, 0, 1], &mpint(&n)), PublicKeyMalformed),
    ]
}

/// A P-256 line with this curve name and point inside.
pub fn p256_line(curve: &str, point: &[u8]) -> String {
    line("ecdsa-sha2-nistp256", &strings(&[b"ecdsa-sha2-nistp256", curve.as_bytes(), point]))
}

/// An RSA line whose modulus has so many bits.
fn sized(bits: usize) -> String {
    let mut n = vec![0xa5; bits.div_ceil(8)];
    n[0] = if bits.is_multiple_of(8) { 0x80 } else { 1 << (bits % 8 - 1) };
    rsa_line(&n, &[1, 0, 1])
}
