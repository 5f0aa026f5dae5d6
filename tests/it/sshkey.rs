//! Keys against the tools that people use: ssh-keygen and openssl must agree with us both ways.
//! A missing tool fails the test.

pub mod craft;
mod hints;
mod private_refused;
pub mod private_table;
mod public_refused;
pub mod public_table;
mod weak;
pub mod weak_table;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use base64ct::{Base64, Encoding};
use keypairs::clock::OsEntropy;
use keypairs::error::Reason;
use keypairs::secret::SecretText;
use keypairs::sshkey::{
    Algorithm, AwsLcKeyMaker, Curve, KeyFormat, KeyMaker, KeySpec, PrivateKey, PublicKey, check_format,
};

const SPECS: [KeySpec; 6] = [
    KeySpec::Ed25519,
    KeySpec::Ecdsa(Curve::P256),
    KeySpec::Ecdsa(Curve::P384),
    KeySpec::Ecdsa(Curve::P521),
    KeySpec::Rsa(2048),
    KeySpec::Rsa(3072),
];
const FORMATS: [KeyFormat; 4] = [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::Sec1];

#[test]
fn made_keys_are_read_by_ssh_keygen_and_openssl() {
    for spec in SPECS {
        let key = make(spec);
        assert_eq!((key.public().algorithm(), key.public().bits()), (spec.algorithm(), spec.bits()));
        key.prove().unwrap();
        for format in FORMATS {
            if check_format(spec.algorithm(), format, false).is_err() {
                continue;
            }
            let file = encode(&key, format, None);
            assert_shape(&file);
            if !(spec == KeySpec::Ed25519 && format == KeyFormat::Pkcs8) {
                // ssh-keygen 9.2 does not read Ed25519 in PKCS#8
                assert_eq!(derived_line(&file, ""), key.public().line(""), "{spec:?} {format:?}");
            }
            if format != KeyFormat::OpenSsh {
                assert_openssl_agrees(&file, &key);
            }
            let (again, comment) = PrivateKey::parse(&file).map_err(|f| f.to_string()).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(again.to_compact().expose(), key.to_compact().expose(), "{spec:?} {format:?}");
            assert_eq!(comment, if format == KeyFormat::OpenSsh { "made here" } else { "" });
        }
    }
}

#[test]
fn encrypted_openssh_opens_with_its_passphrase_only() {
    for spec in SPECS {
        let key = make(spec);
        let file = encode(&key, KeyFormat::OpenSsh, Some("correct horse"));
        assert_shape(&file);
        assert_eq!(derived_line(&file, "correct horse"), key.public().line(""));
        let (ok, _) = ssh_keygen_y(&file, "wrong");
        assert!(!ok);
        assert_eq!(reason_of(&file), Reason::PassphraseRequired);
    }
}

#[test]
fn p521_scalars_with_leading_zeros_survive_every_form() {
    let mut short = 0;
    for _ in 0..60 {
        let key = make(KeySpec::Ecdsa(Curve::P521));
        short += usize::from(key.to_compact().expose()[0] == 0);
        for format in [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Sec1] {
            let file = encode(&key, format, None);
            assert_eq!(derived_line(&file, ""), key.public().line(""));
            assert_eq!(PrivateKey::parse(&file).map_err(|f| f.to_string()).unwrap().0.public(), key.public());
        }
    }
    assert!(short > 0, "no scalar had a leading zero: the test tested nothing");
}

#[test]
fn compact_form_opens_only_beside_its_own_public_half() {
    for spec in SPECS {
        let (key, other) = (make(spec), make(spec));
        let compact = key.to_compact();
        let again = PrivateKey::from_compact(key.public(), compact.expose()).unwrap();
        assert_eq!(again.to_compact().expose(), compact.expose());
        again.prove().unwrap();
        assert!(PrivateKey::from_compact(other.public(), compact.expose()).is_none());
        let stored = PublicKey::from_stored(key.public().blob().to_vec()).unwrap();
        assert_eq!(&stored, key.public());
        for cut in [0, 1, compact.expose().len() - 1] {
            assert!(PrivateKey::from_compact(key.public(), &compact.expose()[..cut]).is_none());
        }
        let longer = [compact.expose(), &[0]].concat();
        assert!(PrivateKey::from_compact(key.public(), &longer).is_none());
    }
}

/// PuTTY could not open one P-521 key in four: their scalars were written at full width, with zeros in front.
#[test]
fn scalars_are_written_without_needless_zeros() {
    fn string<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (string, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        *rest = after;
        string
    }
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        for _ in 0..64 {
            let text = encode(&make(KeySpec::Ecdsa(curve)), KeyFormat::OpenSsh, None);
            let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
            let file = Base64::decode_vec(&base64).unwrap();
            let mut rest = &file["openssh-key-v1\0".len()..];
            for _ in 0..3 {
                string(&mut rest);
            }
            rest = &rest[4..];
            string(&mut rest);
            let mut section = &string(&mut rest)[8..];
            for _ in 0..3 {
                string(&mut section);
            }
            let scalar = string(&mut section);
            assert!(scalar[0] != 0 || scalar[1] >= 0x80, "{curve:?}: {} bytes", scalar.len());
        }
    }
}

#[test]
fn keys_of_ssh_keygen_are_read() {
    for (args, forms) in [
        (&["-t", "ed25519"][..], &["RFC4716"][..]),
        (&["-t", "ecdsa", "-b", "256"], &["RFC4716", "PEM", "PKCS8"]),
        (&["-t", "ecdsa", "-b", "384"], &["RFC4716", "PEM", "PKCS8"]),
        (&["-t", "ecdsa", "-b", "521"], &["RFC4716", "PEM", "PKCS8"]),
        (&["-t", "rsa", "-b", "2048"], &["RFC4716", "PEM", "PKCS8"]),
        (&["-t", "rsa", "-b", "3072"], &["RFC4716", "PEM", "PKCS8"]),
        (&["-t", "rsa", "-b", "4096"], &["RFC4716"]),
    ] {
        for form in forms {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("key");
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-N", "", "-C", "a b@c", "-m", form]).args(args).arg("-f").arg(&path);
            assert!(command.status().expect("ssh-keygen must be installed").success());
            assert_reads(&path, if *form == "RFC4716" { "a b@c" } else { "" });
        }
    }
}

#[test]
fn keys_of_openssl_are_read() {
    for args in [
        &["genpkey", "-algorithm", "ED25519"][..],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        &["ecparam", "-genkey", "-noout", "-name", "prime256v1"],
        &["ecparam", "-genkey", "-noout", "-name", "secp521r1", "-conv_form", "compressed"],
        &["genrsa", "2048"],
        &["genrsa", "-traditional", "2048"],
        &["genrsa", "2056"],
    ] {
        let file = String::from_utf8(run("openssl", args, "")).unwrap();
        let (key, _) = PrivateKey::parse(&file).unwrap_or_else(|f| panic!("{args:?}: {f}"));
        key.prove().unwrap();
        assert_openssl_agrees(&file, &key);
    }
}

/// Reads a file of ssh-keygen and the `.pub` beside it, and compares with `ssh-keygen -l`.
fn assert_reads(path: &Path, comment: &str) {
    let file = fs::read_to_string(path).unwrap();
    let crlf = file.trim_end().replace('\n', "\r\n");
    for text in [&file, &crlf] {
        let (key, found) = PrivateKey::parse(text).map_err(|f| f.to_string()).unwrap();
        assert_eq!(found, comment);
        key.prove().unwrap();
        assert_eq!(key.public().fingerprint_sha256(), printed_fingerprint(path, "sha256"));
        assert_eq!(format!("MD5:{}", key.public().fingerprint_md5()), printed_fingerprint(path, "md5"));
        let line = fs::read_to_string(path.with_extension("pub")).unwrap();
        let (public, found) = PublicKey::parse_line(&line).unwrap();
        assert_eq!((&public, found.as_str()), (key.public(), "a b@c"));
        assert_eq!(public.line("a b@c"), line.trim_end());
    }
}

fn printed_fingerprint(path: &Path, hash: &str) -> String {
    let out =
        Command::new("ssh-keygen").args(["-l", "-E", hash, "-f"]).arg(path.with_extension("pub")).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn times_are_told() {
    for spec in SPECS.into_iter().chain([KeySpec::Rsa(4096)]) {
        let key = make(spec);
        let (file, compact) = (encode(&key, KeyFormat::OpenSsh, None), key.to_compact());
        let start = Instant::now();
        let parsed = PrivateKey::parse(&file).map_err(|f| f.to_string()).unwrap().0;
        let parse = start.elapsed();
        parsed.prove().unwrap();
        let both = start.elapsed();
        let start = Instant::now();
        for _ in 0..100 {
            assert!(PrivateKey::from_compact(key.public(), compact.expose()).is_some());
        }
        let open = start.elapsed() / 100;
        println!("{spec:?}: parse {parse:?}, parse and prove {both:?}, from_compact {open:?}");
    }
}

/// A new key.
pub fn make(spec: KeySpec) -> PrivateKey {
    AwsLcKeyMaker::new(Arc::new(OsEntropy)).make(spec).unwrap()
}

/// A key as a file.
pub fn encode(key: &PrivateKey, format: KeyFormat, passphrase: Option<&str>) -> String {
    let passphrase = passphrase.map(|p| SecretText::new(p.into()));
    let file = key.encode(format, passphrase.as_ref(), "made here", &OsEntropy).unwrap();
    file.expose().to_owned()
}

fn reason_of(file: &str) -> Reason {
    PrivateKey::parse(file).err().map(|fault| fault.reason).unwrap_or_else(|| panic!("was taken: {file}"))
}

fn assert_shape(file: &str) {
    assert!(file.ends_with("-----\n") && !file.ends_with("\n\n") && !file.contains('\r'), "{file}");
}

/// The public line that ssh-keygen derives, without its comment.
fn derived_line(file: &str, passphrase: &str) -> String {
    let (ok, out) = ssh_keygen_y(file, passphrase);
    assert!(ok, "ssh-keygen -y refused a file of ours: {out}");
    out.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn ssh_keygen_y(file: &str, passphrase: &str) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    write_private(&path, file);
    let out = Command::new("ssh-keygen").args(["-y", "-P", passphrase, "-f"]).arg(&path).output();
    let out = out.expect("ssh-keygen must be installed");
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

/// openssl finds the file sound and derives the same public half from it.
fn assert_openssl_agrees(file: &str, key: &PrivateKey) {
    run("openssl", &["pkey", "-check", "-noout"], file);
    if key.public().algorithm() == Algorithm::Ed25519 {
        let der = run("openssl", &["pkey", "-pubout", "-outform", "DER"], file);
        assert_eq!(der[der.len() - 32..], key.public().blob()[key.public().blob().len() - 32..]);
        return;
    }
    let pem = String::from_utf8(run("openssl", &["pkey", "-pubout"], file)).unwrap();
    let line = run("ssh-keygen", &["-i", "-m", "PKCS8", "-f", "/dev/stdin"], &pem);
    assert_eq!(String::from_utf8(line).unwrap().trim(), key.public().line(""));
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Runs a program with `input` on stdin; it must succeed.
pub fn run(program: &str, args: &[&str], input: &str) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} must be installed: {e}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}
