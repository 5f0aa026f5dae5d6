//! The import benchmark: what reading and checking a key costs, by type and format, and the share of each step.
//!
//! ```text
//! cargo bench --bench import                100 runs of each
//! cargo bench --bench import -- --short     10 runs of each
//! ```
//!
//! It measures the work of `service/intake` on one thread, in the time of that thread's wall clock: no gRPC, no pool, no
//! store. Run it on a machine that does nothing else. With a target missed it says so and exits with 1.
#![allow(clippy::print_stdout, reason = "it prints its tables")]

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use clap::Parser;
use keypairs::clock::OsEntropy;
use keypairs::secret::SecretText;
use keypairs::sshkey::{
    AwsLcKeyMaker, CHECKS, Curve, KeyFile, KeyFormat, KeyMaker, KeyRules, KeySpec, PrivateKey, PublicKey, SharedPrimes,
    check_format,
};

/// Any failure ends the benchmark and is told.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures what reading and checking a key costs.
#[derive(Parser)]
struct Options {
    /// 10 runs of each.
    #[arg(long)]
    short: bool,
    /// Cargo gives this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let runs = if Options::parse().short { 10 } else { 100 };
    match bench(runs) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("import: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(runs: usize) -> Outcome<bool> {
    let maker = AwsLcKeyMaker::new(Arc::new(OsEntropy));
    let keys: Vec<(&str, PrivateKey)> =
        TYPES.iter().map(|&(name, spec)| Ok((name, maker.make(spec)?))).collect::<Outcome<_>>()?;
    println!("| key | format | p50 ms | p99 ms |\n|---|---|---:|---:|");
    let mut judged = Vec::new();
    for (name, key) in &keys {
        let public = public(name, key, runs)?;
        judged.push((format!("{name} public"), public));
        let private = private(name, key, runs)?;
        judged.push((format!("{name} private"), private));
    }
    with_passphrases(&keys, runs / 10)?;
    shares(&keys, runs)?;
    shared(&keys, runs)?;
    Ok(targets(&judged))
}

/// Public texts; returns the p50 of the OpenSSH line.
fn public(name: &str, key: &PrivateKey, runs: usize) -> Outcome<Duration> {
    let line = key.public().line("a comment");
    let block = format!(
        "---- BEGIN SSH2 PUBLIC KEY ----\n{}---- END SSH2 PUBLIC KEY ----\n",
        wrapped(&Base64::encode_string(key.public().blob()))
    );
    let mut first = Duration::ZERO;
    for (format, text) in [("OpenSSH line", line), ("RFC 4716", block)] {
        let (p50, p99) = measured(runs, || {
            let (key, _) = PublicKey::parse(&text, KeyRules::default())?;
            key.examine()
        })?;
        row(name, &format!("public, {format}"), p50, p99);
        first = if first.is_zero() { p50 } else { first };
    }
    Ok(first)
}

/// Private files without a passphrase; returns the p50 of the OpenSSH file.
fn private(name: &str, key: &PrivateKey, runs: usize) -> Outcome<Duration> {
    let mut first = Duration::ZERO;
    for (format, word) in FORMATS {
        if check_format(key.public().algorithm(), format, false).is_err() {
            continue;
        }
        let text = key.encode(format, None, "a comment", &OsEntropy)?;
        let (p50, p99) = measured(runs, || import(&text, None))?;
        row(name, &format!("private, {word}"), p50, p99);
        first = if first.is_zero() { p50 } else { first };
    }
    Ok(first)
}

/// What a passphrase costs hardly depends on the key: its derivation is slow by purpose.
fn with_passphrases(keys: &[(&str, PrivateKey)], runs: usize) -> Outcome<()> {
    let passphrase = SecretText::new("correct horse".into());
    for (name, key) in keys.iter().filter(|(name, _)| ["Ed25519", "RSA 4096"].contains(name)) {
        for (format, word) in FORMATS {
            if check_format(key.public().algorithm(), format, true).is_err() {
                continue;
            }
            let text = key.encode(format, Some(&passphrase), "a comment", &OsEntropy)?;
            let (p50, p99) = measured(runs.max(3), || import(&text, Some(&passphrase)))?;
            row(name, &format!("private, {word} with a passphrase"), p50, p99);
        }
    }
    Ok(())
}

/// The steps of an RSA import, each alone.
fn shares(keys: &[(&str, PrivateKey)], runs: usize) -> Outcome<()> {
    println!("\n| key | step | p50 ms | p99 ms |\n|---|---|---:|---:|");
    for (name, key) in keys.iter().filter(|(name, _)| name.starts_with("RSA")) {
        let line = key.public().line("");
        let (p50, p99) = measured(runs, || PublicKey::parse(&line, KeyRules::default()))?;
        row(name, "public: text, blob, sizes, exponent", p50, p99);
        for check in &CHECKS {
            let (p50, p99) = measured(runs, || check.run(key.public()))?;
            row(name, &format!("public: {}", check.name), p50, p99);
        }
        let text = key.encode(KeyFormat::OpenSsh, None, "", &OsEntropy)?;
        let (p50, p99) =
            measured(runs, || KeyFile::read(text.expose(), KeyRules::default())?.open(None, KeyRules::default()))?;
        row(name, "private: file, p * q = n, d and coefficient", p50, p99);
        let (p50, p99) = measured(runs, || key.prove())?;
        row(name, "private: signature, p and q prime", p50, p99);
        let (p50, p99) = measured(runs, || key.examine())?;
        row(name, "private: weak classes, factors known", p50, p99);
    }
    Ok(())
}

/// A new key against a thousand stored ones of its own size, as in a full project.
fn shared(keys: &[(&str, PrivateKey)], runs: usize) -> Outcome<()> {
    for (name, key) in keys.iter().filter(|(name, _)| name.starts_with("RSA")) {
        let other = AwsLcKeyMaker::new(Arc::new(OsEntropy)).make(KeySpec::Rsa(key.public().bits()))?;
        let (p50, p99) = measured(runs.min(20), || {
            let mut shared = SharedPrimes::of(key.public()).ok_or("no RSA key")?;
            (0..1_000).for_each(|_| shared.add(other.public()));
            if shared.found() { Err("two keys share a prime") } else { Ok(()) }
        })?;
        row(name, "shared prime, 1,000 stored keys", p50, p99);
    }
    Ok(())
}

fn import(text: &SecretText, passphrase: Option<&SecretText>) -> Result<(), keypairs::sshkey::Fault> {
    let (key, _) = KeyFile::read(text.expose(), KeyRules::default())?.open(passphrase, KeyRules::default())?;
    key.prove()?;
    key.examine()
}

/// p50 and p99 of so many runs, after one that does not count.
fn measured<T, E: Into<Box<dyn Error + Send + Sync>>>(
    runs: usize,
    mut work: impl FnMut() -> Result<T, E>,
) -> Outcome<(Duration, Duration)> {
    black_box(work().map_err(Into::into)?);
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        black_box(work().map_err(Into::into)?);
        times.push(start.elapsed());
    }
    times.sort();
    let at =
        |share: f64| times.get((share * times.len() as f64) as usize).or(times.last()).copied().unwrap_or_default();
    Ok((at(0.5), at(0.99)))
}

/// Whether all are met.
fn targets(judged: &[(String, Duration)]) -> bool {
    println!("\n| target | seen ms | at most ms | |\n|---|---:|---:|---|");
    let of = |wanted: &str| judged.iter().find(|(name, _)| name == wanted).map(|(_, p50)| *p50).unwrap_or_default();
    let mut met = true;
    for (name, most) in
        [("RSA 4096 public", 50), ("RSA 4096 private", 30), ("RSA 8192 public", 250), ("RSA 8192 private", 250)]
    {
        let holds = of(name) <= Duration::from_millis(most);
        met &= holds;
        println!("| {name}, p50 | {:.1} | {most} | {} |", millis(of(name)), if holds { "met" } else { "missed" });
    }
    met
}

fn row(name: &str, what: &str, p50: Duration, p99: Duration) {
    println!("| {name} | {what} | {:.2} | {:.2} |", millis(p50), millis(p99));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn wrapped(base64: &str) -> String {
    base64.as_bytes().chunks(70).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

const TYPES: [(&str, KeySpec); 8] = [
    ("Ed25519", KeySpec::Ed25519),
    ("ECDSA P-256", KeySpec::Ecdsa(Curve::P256)),
    ("ECDSA P-384", KeySpec::Ecdsa(Curve::P384)),
    ("ECDSA P-521", KeySpec::Ecdsa(Curve::P521)),
    ("RSA 2048", KeySpec::Rsa(2048)),
    ("RSA 3072", KeySpec::Rsa(3072)),
    ("RSA 4096", KeySpec::Rsa(4096)),
    ("RSA 8192", KeySpec::Rsa(8192)),
];
const FORMATS: [(KeyFormat, &str); 5] = [
    (KeyFormat::OpenSsh, "OpenSSH"),
    (KeyFormat::Pkcs8, "PKCS#8"),
    (KeyFormat::Pkcs1, "PKCS#1"),
    (KeyFormat::Sec1, "SEC1"),
    (KeyFormat::Ppk, "PPK"),
];
