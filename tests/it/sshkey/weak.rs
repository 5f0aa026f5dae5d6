//! Weak keys are refused with the reason that says why (weak_table.rs), and sound ones are not.

use std::time::Instant;

use keypairs::sshkey::{CHECKS, Curve, Fault, KeySpec, PrivateKey, PublicKey, SharedPrimes};

use super::craft::{E, N, P, Q, Rsa, rsa_line};
use super::make;
use super::weak_table::{private_rows, rows};

#[test]
fn every_weak_key_is_refused() {
    for (row, what, text, reason) in rows() {
        match examined(&text) {
            Err(fault) => assert_eq!(fault.reason, reason, "row {row}, {what}: {fault}"),
            Ok(()) => panic!("row {row}, {what}: was taken"),
        }
    }
}

#[test]
fn every_weak_private_key_is_refused() {
    for (row, what, text, reason) in private_rows() {
        let done = PrivateKey::parse(&text).and_then(|(key, _)| key.prove().and_then(|()| key.examine()));
        match done {
            Err(fault) => assert_eq!(fault.reason, reason, "row {row}, {what}: {fault}"),
            Ok(()) => panic!("row {row}, {what}: was taken"),
        }
    }
}

#[test]
fn sound_keys_are_taken() {
    for spec in [KeySpec::Ed25519, KeySpec::Ecdsa(Curve::P256), KeySpec::Rsa(3072), KeySpec::Rsa(4096)] {
        let key = make(spec);
        examined(&key.public().line("")).unwrap();
        key.examine().unwrap();
    }
    for _ in 0..20 {
        examined(&make(KeySpec::Rsa(2048)).public().line("")).unwrap();
        examined(&make(KeySpec::Ed25519).public().line("")).unwrap();
    }
}

/// The limits are where the table says they are: one step beyond each of them is taken.
#[test]
fn what_is_just_not_weak_is_taken() {
    // 65539 is the first prime that is not small.
    let Rsa([n, ..]) = Rsa::of(&make(KeySpec::Rsa(2048)));
    let check = |name: &str, n: &[u8]| {
        let key = PublicKey::parse_line(&rsa_line(n, &[1, 0, 1])).unwrap().0;
        CHECKS.iter().find(|check| check.name == name).unwrap().run(&key)
    };
    let with = |at: usize, bytes: &[u8]| [&n[..at], bytes, &n[at + bytes.len()..]].concat();
    let mut fifteen = with(100, &[0; 16]);
    (fifteen[99], fifteen[116]) = (1, 1);
    check("pattern", &fifteen).unwrap();
    assert!(check("pattern", &with(100, &[0; 17])).is_err());
}

#[test]
fn a_shared_prime_is_found() {
    let keys: Vec<Rsa> = (0..3).map(|_| Rsa::of(&make(KeySpec::Rsa(2048)))).collect();
    let of = |n: &[u8], e: &[u8]| PublicKey::parse_line(&rsa_line(n, e)).unwrap().0;
    let product = |a: &[u8], b: &[u8]| {
        let int = crypto_bigint::BoxedUint::from_be_slice_vartime;
        let mut product = crypto_bigint::ConcatenatingMul::concatenating_mul(&int(a), &int(b)).to_be_bytes().into_vec();
        product.resize(256, 0);
        product
    };
    let [first, second, third] = [0, 1, 2].map(|at| of(&keys[at].0[N], &keys[at].0[E]));
    let found = |new: &PublicKey, others: &[&PublicKey]| {
        let mut shared = SharedPrimes::of(new).unwrap();
        others.iter().for_each(|other| shared.add(other));
        shared.found()
    };
    assert!(!found(&first, &[]) && !found(&first, &[&second, &third]));
    let mixed = of(&product(&keys[0].0[P], &keys[1].0[Q]), &[1, 0, 1]);
    assert!(found(&mixed, &[&third, &first]), "p of the first");
    assert!(found(&mixed, &[&second, &third]), "q of the second");
    assert!(found(&mixed, &[&first, &second]), "both of its primes");
    assert!(found(&first, &[&of(&keys[0].0[N], &[1, 0, 3])]), "the same modulus, another exponent");
    let large = Rsa::of(&make(KeySpec::Rsa(4096)));
    let large = of(&large.0[N], &large.0[E]);
    assert!(!found(&large, &[&first]) && !found(&first, &[&large, &second]), "of other sizes");
    assert!(SharedPrimes::of(make(KeySpec::Ed25519).public()).is_none());
}

/// Not a test of speed: the figures are in docs/PERFORMANCE.md. What is held is that no check takes out of all bounds.
#[test]
fn no_check_takes_long() {
    for bits in [2048, 4096] {
        let key = make(KeySpec::Rsa(bits));
        for check in &CHECKS {
            let start = Instant::now();
            check.run(key.public()).unwrap();
            let took = start.elapsed();
            println!("RSA {bits}, {}: {took:?}", check.name);
            assert!(took.as_secs() < 5, "{}: {took:?}", check.name);
        }
    }
}

fn examined(text: &str) -> Result<(), Fault> {
    PublicKey::parse_line(text).and_then(|(key, _)| key.examine())
}
