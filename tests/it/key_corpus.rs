//! The corpus of key files (tests/vectors/keys, made by make_keys.py with ssh-keygen, openssl and puttygen): each file
//! is answered as its line of cases.tsv says, and what is taken is written again in every format and read back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keypairs::clock::OsEntropy;
use keypairs::secret::SecretText;
use keypairs::sshkey::{Cost, Effort, Kdf, KeyFile, KeyFormat, KeyRules, PrivateKey, PublicKey, check_format};
use proptest::prelude::*;

/// One line of cases.tsv.
pub struct Case {
    pub file: String,
    pub text: String,
    pub is_public: bool,
    pub passphrase: Option<String>,
    pub rules: KeyRules,
    pub row: Option<u16>,
    /// A fingerprint, or a reason.
    pub answer: String,
}

#[test]
fn every_file_is_answered_as_its_line_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let begin = Instant::now();
        let answer = answer(&case);
        let took = begin.elapsed();
        if answer != case.answer {
            wrong.push(format!("{}: {answer}, not {}", case.file, case.answer));
        }
        if took > Duration::from_secs(5) {
            wrong.push(format!("{}: took {took:?}", case.file));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every file of the folder has a line, and every line a file.
#[test]
fn the_table_names_every_file() {
    let mut named: Vec<String> = cases().into_iter().map(|case| case.file).collect();
    let mut there: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    there.retain(|file| file != "cases.tsv");
    named.sort();
    there.sort();
    assert_eq!(named, there);
}

/// One file of each key: what we write of it, we read as the same key with the same comment.
#[test]
fn every_key_survives_every_format() {
    for case in cases().into_iter().filter(|case| case.file.starts_with("openssh-") && case.passphrase.is_none()) {
        let (key, comment) = open(&case).unwrap_or_else(|reason| panic!("{}: {reason}", case.file));
        for format in [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::Sec1, KeyFormat::Ppk] {
            for passphrase in [None, Some("correct horse")] {
                if check_format(key.public().algorithm(), format, passphrase.is_some()).is_err() {
                    continue;
                }
                let place = format!("{} as {format:?} with {passphrase:?}", case.file);
                let secret = passphrase.map(|text| SecretText::new(text.into()));
                let file = key.encode(format, secret.as_ref(), &comment, &OsEntropy).unwrap();
                assert!(file.expose().ends_with('\n') && !file.expose().ends_with("\n\n"), "{place}");
                let read = KeyFile::read(file.expose(), case.rules).unwrap_or_else(|fault| panic!("{place}: {fault}"));
                assert_eq!(read.is_locked(), passphrase.is_some(), "{place}");
                let opened = read.open(secret.as_ref(), case.rules);
                let (again, found) = opened.unwrap_or_else(|fault| panic!("{place}: {fault}"));
                assert_eq!(again.public(), key.public(), "{place}");
                assert_eq!(again.to_compact().expose(), key.to_compact().expose(), "{place}");
                let kept = matches!(format, KeyFormat::OpenSsh | KeyFormat::Ppk);
                assert_eq!(found, if kept { comment.as_str() } else { "" }, "{place}");
            }
        }
    }
}

/// Told by the frame, before anything is derived: the pool estimates each class for itself.
#[test]
fn what_a_passphrase_costs_is_told_by_the_frame() {
    for (file, kdf, millis) in [
        ("openssl-pem-p256-des3", Kdf::Hash, 1),
        ("keygen-pem-rsa-locked", Kdf::Hash, 8), // an RSA key is to be proven behind it
        ("ppk2-ed25519-locked", Kdf::Hash, 1),
        ("openssh-ed25519-aes128-ctr", Kdf::Bcrypt, 32),
        ("most-bcrypt-64-rounds", Kdf::Bcrypt, 1024),
        ("openssl-pkcs8-p256-pbkdf2-sha256-aes256", Kdf::Pbkdf2, 1),
        ("openssl-pkcs8-p256-pbkdf2-1000000", Kdf::Pbkdf2, 128),
        ("most-scrypt-64-mib", Kdf::Scrypt, 512),
        ("ppk3-ed25519-locked", Kdf::Argon2, 16),
        ("most-argon2-64-mib-16-passes", Kdf::Argon2, 512),
    ] {
        let case = cases().into_iter().find(|case| case.file == file).unwrap();
        let read = KeyFile::read(&case.text, case.rules).unwrap_or_else(|fault| panic!("{file}: {fault}"));
        assert_eq!(read.effort(), Effort::Derivation(Cost { kdf, millis }), "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A character changed, and the end cut off: nothing panics, and no frame costs more than it may.
    #[test]
    fn no_damaged_file_panics(case in prop::sample::select(small_files()), at: prop::sample::Index, c: char, cut: prop::sample::Index) {
        let (is_public, text) = case;
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        chars.truncate(cut.index(3 * chars.len()));
        let text: String = chars.into_iter().collect();
        let rules = KeyRules { dsa: true, ..KeyRules::default() };
        if is_public {
            let _ = PublicKey::parse(&text, rules);
        } else if let Ok(file) = KeyFile::read(&text, rules) && file.effort() == Effort::Little {
            let _ = file.open(None, rules);
        }
    }
}

fn small_files() -> Vec<(bool, String)> {
    let small = |case: &Case| (1..4096).contains(&case.text.len());
    cases().into_iter().filter(small).map(|case| (case.is_public, case.text)).collect()
}

/// All lines of the table.
pub fn cases() -> Vec<Case> {
    let table = fs::read_to_string(folder().join("cases.tsv")).unwrap();
    let case = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [file, field, passphrase, allowed, row, answer] = cells[..] else { panic!("not six cells: {line}") };
        assert!(matches!(field, "public" | "private") && matches!(allowed, "-" | "dsa"), "{line}");
        Case {
            text: fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}")),
            file: file.to_owned(),
            is_public: field == "public",
            passphrase: (passphrase != "-").then(|| passphrase.to_owned()),
            rules: KeyRules { dsa: allowed == "dsa", ..KeyRules::default() },
            row: row.parse().ok(),
            answer: answer.to_owned(),
        }
    };
    let cases: Vec<Case> = table.lines().filter(|line| !line.starts_with('#')).map(case).collect();
    assert!(cases.len() > 150, "the table was read: {}", cases.len());
    cases
}

fn answer(case: &Case) -> String {
    if case.is_public {
        return match PublicKey::parse(&case.text, case.rules) {
            Ok((key, _)) => {
                key.examine().unwrap();
                key.fingerprint_sha256()
            }
            Err(fault) => fault.reason.as_str().to_owned(),
        };
    }
    match open(case) {
        Ok((key, _)) => {
            key.prove().unwrap();
            key.public().examine().unwrap();
            key.public().fingerprint_sha256()
        }
        Err(reason) => reason,
    }
}

fn open(case: &Case) -> Result<(PrivateKey, String), String> {
    let told = |fault: keypairs::sshkey::Fault| fault.reason.as_str().to_owned();
    let file = KeyFile::read(&case.text, case.rules).map_err(told)?;
    if !file.is_locked() && case.passphrase.is_some() {
        return Err("PASSPHRASE_UNSUPPORTED".into()); // the service says so, who is not asked here
    }
    let passphrase = case.passphrase.clone().map(SecretText::new);
    file.open(passphrase.as_ref(), case.rules).map_err(told)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keys")
}
