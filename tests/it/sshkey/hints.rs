//! What people send by mistake, and that the refusal says what to do: it names the flaw, not only that there is one.

use super::{encode, make, run};
use keypairs::error::Reason;
use keypairs::sshkey::{KeyFormat, KeySpec, PrivateKey, PublicKey};

/// What was sent, its text, the reason, and a word of the advice.
type Mistake = (&'static str, String, Reason, &'static str);

#[test]
fn a_private_key_that_is_none_is_told_what_it_is() {
    for (what, text, reason, advice) in private_mistakes() {
        let Err(fault) = PrivateKey::parse(&text) else { panic!("{what}: was taken") };
        assert_eq!(fault.reason, reason, "{what}: {fault}");
        assert!(fault.message.contains(advice), "{what}: {fault}");
    }
}

#[test]
fn a_public_key_that_is_none_is_told_what_it_is() {
    let line = make(KeySpec::Ed25519).public().line("me");
    let explicit = openssl("ecparam -genkey -noout -name prime256v1 -param_enc explicit", "");
    let explicit = openssl("ec -pubout -param_enc explicit", &explicit);
    for (what, text, reason, advice) in [
        ("a byte order mark", format!("\u{feff}{line}"), Reason::PublicKeyMalformed, "byte order mark"),
        ("a curve in numbers", explicit, Reason::PublicKeyUnsupportedType, "-pubin"),
    ] {
        let fault = PublicKey::parse_line(&text).map(drop).unwrap_err();
        assert_eq!(fault.reason, reason, "{what}: {fault}");
        assert!(fault.message.contains(advice), "{what}: {fault}");
    }
}

/// The advice about curves, followed.
#[test]
fn what_openssl_makes_as_advised_is_taken() {
    let sec1 = openssl("ecparam -genkey -noout -name secp384r1 -param_enc explicit", "");
    let pkcs8 = openssl("pkcs8 -topk8 -nocrypt", &sec1);
    for explicit in [sec1, pkcs8] {
        let named = openssl("ec -param_enc named_curve", &explicit);
        let (key, _) = PrivateKey::parse(&named).unwrap_or_else(|fault| panic!("{fault}"));
        let explicit = openssl("ec -pubout -param_enc explicit", &explicit);
        let named = openssl("ec -pubin -pubout -param_enc named_curve", &explicit);
        assert_eq!(&PublicKey::parse_line(&named).unwrap().0, key.public());
    }
}

fn private_mistakes() -> Vec<Mistake> {
    let key = make(KeySpec::Ed25519);
    let file = |format| encode(&key, format, None);
    let line = key.public().line("me");
    let spki = openssl("pkey -pubout", &file(KeyFormat::Pkcs8));
    let rfc4716 = String::from_utf8(run("ssh-keygen", &["-e", "-f", "/dev/stdin"], &line)).unwrap();
    let explicit = openssl("ecparam -genkey -noout -name prime256v1 -param_enc explicit", "");
    let explicit8 = openssl("pkcs8 -topk8 -nocrypt", &explicit);
    let parameters = openssl("ecparam -genkey -name prime256v1", "");
    let both = format!("{line}\n{}", file(KeyFormat::OpenSsh));
    let mark = |format| format!("\u{feff}{}", file(format));
    let malformed = Reason::PrivateKeyMalformed;
    vec![
        ("a line of a .pub", line, malformed, "use ImportPublic"),
        ("a public key of openssl", spki, malformed, "use ImportPublic"),
        ("RFC 4716", rfc4716, malformed, "use ImportPublic"),
        ("both halves", both, malformed, "the first line is not -----BEGIN"),
        ("a byte order mark", mark(KeyFormat::OpenSsh), malformed, "byte order mark"),
        ("a byte order mark before PPK", mark(KeyFormat::Ppk), malformed, "byte order mark"),
        ("parameters before the key", parameters, Reason::PrivateKeyMultipleKeys, "-noout"),
        ("a curve in numbers, SEC1", explicit, Reason::PrivateKeyUnsupportedType, "-param_enc named_curve"),
        ("a curve in numbers, PKCS#8", explicit8, Reason::PrivateKeyUnsupportedType, "-param_enc named_curve"),
    ]
}

fn openssl(args: &str, input: &str) -> String {
    let args: Vec<&str> = args.split(' ').collect();
    String::from_utf8(run("openssl", &args, input)).unwrap()
}
