//! Keys that are well-formed and weak, one line each. The same table goes through the checks and over the wire.
//!
//! The numbers are built here, by nothing that the checks use. Keys as their flawed makers make them, primes and all,
//! come from tests/py/weak_keys.py.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};
use keypairs::error::Reason::*;
use keypairs::sshkey::KeySpec;

use super::craft::{E, N, P, Q, Rsa, line, rsa_line, strings};
use super::make;
use super::private_table::{inverse, less_one, product};
use super::public_table::BadKey;

/// Every public key that is weak.
pub fn rows() -> Vec<BadKey> {
    [factors(), close(), roca(), patterns(), edwards()].concat()
}

/// Private keys whose every equation holds, and whose public halves are weak.
pub fn private_rows() -> Vec<BadKey> {
    let key = Rsa::of(&make(KeySpec::Rsa(2048)));
    let row = |what, p: Vec<u8>, q: Vec<u8>, reason| {
        let d = inverse(&key.0[E], &product(&less_one(&p), &less_one(&q)));
        let iqmp = inverse(&q, &p);
        (103, what, Rsa([product(&p, &q), key.0[E].clone(), d, iqmp, p, q]).file().text(), reason)
    };
    let random = int(&Rsa::of(&make(KeySpec::Rsa(4096))).0[P]);
    let mut rows = Vec::new();
    // A cofactor need not be prime to be found. It is odd.
    for (what, p) in [("a factor of 3", 3_u64), ("a factor of 65521", 65_521)] {
        let mut q = of_bits(2048, &random, p).wrapping_div(BoxedUint::from(p).as_nz_vartime().unwrap());
        q = q.wrapping_sub(BoxedUint::from(1 - (q.as_words()[0] & 1)).resize(q.bits_precision()));
        if bool::from(q.rem_vartime(BoxedUint::from(p).as_nz_vartime().unwrap()).is_zero()) {
            q = q.wrapping_sub(BoxedUint::from(2_u64).resize(q.bits_precision())); // so that the coefficient exists
        }
        rows.push(row(what, p.to_be_bytes()[if p < 256 { 7 } else { 6 }..].to_vec(), bytes_of(&q), RsaSmallFactor));
    }
    let prime = random.to_be_bytes().into_vec();
    let whole = key.with(N, prime.clone()).with(P, vec![1]).with(Q, prime);
    rows.push((103, "a prime modulus", whole.file().text(), RsaNotComposite));
    rows
}

fn factors() -> Vec<BadKey> {
    let large = Rsa::of(&make(KeySpec::Rsa(4096)));
    let prime = int(&large.0[P]);
    let mut rows = vec![(66, "prime modulus", rsa(&prime), RsaNotComposite)];
    for (what, factor) in
        [("even", 2), ("factor 3", 3), ("factor 251", 251), ("factor 65521", 65_521), ("65537", 65_537)]
    {
        rows.push((65, what, rsa(&of_bits(2048, &prime, factor)), RsaSmallFactor));
    }
    rows
}

fn close() -> Vec<BadKey> {
    let rsa2048 = Rsa::of(&make(KeySpec::Rsa(2048)));
    let rsa4096 = Rsa::of(&make(KeySpec::Rsa(4096)));
    let mut rows = Vec::new();
    for key in [&rsa2048, &rsa4096] {
        let p = int(&key.0[P]);
        rows.push((67, "a square", rsa(&p.concatenating_mul(&p)), RsaClosePrimes));
        // With primes apart by d the number of rounds is d^2 / (8 p).
        for (what, apart) in [("2 apart", 1), ("2^64 apart", 64), ("2^(bits/2) apart", p.bits_vartime() / 2)] {
            let q = p.wrapping_add(power_of_two(apart, p.bits_precision()));
            rows.push((68, what, rsa(&p.concatenating_mul(&q)), RsaClosePrimes));
        }
        // In the last rounds: d^2 / (8 p) = 992, less what p is above 2^(bits-1).
        let half = p.bits_vartime() / 2;
        let apart = power_of_two(half + 5, p.bits_precision()).wrapping_add(power_of_two(half + 4, p.bits_precision()));
        rows.push((68, "in hundreds of rounds", rsa(&p.concatenating_mul(&p.wrapping_add(apart))), RsaClosePrimes));
    }
    rows
}

/// Two factors of the form k * M + (65537^a mod M), as the flawed chips made them; primes or not does not matter here.
fn roca() -> Vec<BadKey> {
    let key = Rsa::of(&make(KeySpec::Rsa(2048)));
    let row = |(what, primes): (&'static str, usize)| {
        let m =
            PRIMES[..primes].iter().fold(BoxedUint::one(), |m, &prime| m.concatenating_mul(&BoxedUint::from(prime)));
        let factor = |seed: &[u8], exponent: u32| {
            let above = int(seed).wrapping_sub(int(seed).rem_vartime(m.as_nz_vartime().unwrap()));
            let base = BoxedUint::from(65_537_u64);
            let power = (0..exponent).fold(BoxedUint::one(), |power, _| {
                power.concatenating_mul(&base).rem_vartime(m.as_nz_vartime().unwrap())
            });
            above.wrapping_add(power)
        };
        let n = factor(&key.0[P], 1234).concatenating_mul(&factor(&key.0[Q], 77));
        (69, what, rsa(&n), RsaRoca)
    };
    [("ROCA with the M of keys of 512 bits", 39), ("ROCA with a larger M", 60)].map(row).to_vec()
}

fn patterns() -> Vec<BadKey> {
    let Rsa([n, ..]) = Rsa::of(&make(KeySpec::Rsa(2048)));
    let with = |at: usize, bytes: Vec<u8>| [&n[..at], &bytes, &n[at + bytes.len()..]].concat();
    let mut sparse: Vec<u8> = n.iter().map(|byte| byte & 0x11).collect();
    (sparse[0], sparse[255]) = (0x81, 0x11);
    let dense = sparse.iter().map(|byte| !byte | 0x81).collect::<Vec<u8>>();
    [
        ("16 zero bytes", with(100, vec![0; 17])),
        ("one byte all over", [0xc5; 256].to_vec()),
        ("a word all over", n[..8].repeat(32)),
        ("64 bytes all over", n[..64].repeat(4)),
        ("a third of the modulus twice", with(100, n[40..100].to_vec())),
        ("few ones", sparse),
        ("few zeros", dense),
    ]
    .map(|(what, mut n)| {
        n[255] |= 1;
        (73, what, rsa_line(&n, &[1, 0, 1]), RsaPattern)
    })
    .to_vec()
}

/// RFC 8032 says which encodings there are; the points of small order are those of order 1, 2, 4 and 8.
fn edwards() -> Vec<BadKey> {
    let p = |low: u8, sign: u8| [&[low][..], &[0xff; 30], &[0x7f | sign]].concat(); // 2^255 - 256 + low
    let small = |low: u8, sign: u8| [&[low][..], &[0; 30], &[sign]].concat();
    let order8 = |hex: &str, sign: u8| {
        let mut point = bytes(hex);
        point[31] |= sign;
        point
    };
    let (one, other) = (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    );
    [
        (79, "all zero, which has order 4", small(0, 0)),
        (79, "order 4, the other", small(0, 0x80)),
        (79, "the identity", small(1, 0)),
        (79, "order 2", p(0xec, 0)),
        (79, "order 8", order8(one, 0)),
        (79, "order 8, the second", order8(one, 0x80)),
        (79, "order 8, the third", order8(other, 0)),
        (79, "order 8, the fourth", order8(other, 0x80)),
        (80, "the identity with a sign", small(1, 0x80)),
        (80, "order 2 with a sign", p(0xec, 0x80)),
        (80, "y = p, that is 0", p(0xed, 0)),
        (80, "y = p with a sign", p(0xed, 0x80)),
        (80, "y = p + 1, that is 1", p(0xee, 0)),
        (80, "y = p + 3, on the curve as 3", p(0xf0, 0)),
        (80, "y = 2^255 - 1", p(0xff, 0)),
        (80, "y = 2, which is off the curve", small(2, 0)),
        (80, "all ones", vec![0xff; 32]),
    ]
    .map(|(row, what, point)| {
        (row, what, line("ssh-ed25519", &strings(&[b"ssh-ed25519", &point])), Ed25519PointInvalid)
    })
    .to_vec()
}

fn bytes_of(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into_vec()
}

fn rsa(n: &BoxedUint) -> String {
    rsa_line(&n.to_be_bytes(), &[1, 0, 1])
}

/// A multiple of `factor`, of exactly so many bits; `random` has at least that many.
fn of_bits(bits: u32, random: &BoxedUint, factor: u64) -> BoxedUint {
    let top = power_of_two(bits - 1, random.bits_precision());
    let n = random.shr(random.bits_vartime() - bits + 1).wrapping_add(top);
    let over = n.rem_vartime(BoxedUint::from(factor).as_nz_vartime().unwrap());
    n.wrapping_sub(over.resize(n.bits_precision()))
}

fn power_of_two(exponent: u32, precision: u32) -> BoxedUint {
    BoxedUint::one().resize(precision).shl(exponent)
}

fn int(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

const PRIMES: [u64; 60] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239,
    241, 251, 257, 263, 269, 271, 277, 281,
];
