//! The primitives as we use them, against Project Wycheproof's vectors: AES-256-GCM and HKDF-SHA-512 through `cipher`,
//! the verifications that prove imported keys through the algorithms of aws-lc-rs that `sshkey` names, and points of
//! curves through the reader of public keys.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey,
};
use keypairs::cipher;
use keypairs::secret::SecretBytes;
use keypairs::sshkey::PublicKey;
use wycheproof::{TestResult, aead, ecdh, ecdsa, eddsa, hkdf, rsa_pkcs1_verify};

use crate::sshkey::craft::{line, rsa_line, strings};

#[test]
fn aes_256_gcm() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let groups = set.test_groups.iter().filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128));
    let mut count = Count::default();
    for test in groups.flat_map(|group| &group.tests) {
        let key = SecretBytes::copied(&test.key);
        let nonce: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
        let sealed = [&test.ct[..], &test.tag].concat();
        let opened = cipher::open(&key, &nonce, &test.aad, &sealed);
        assert_eq!(opened.is_some(), test.result == TestResult::Valid, "test {}", test.tc_id);
        if let Some(opened) = opened {
            assert_eq!(opened.expose(), test.pt.as_slice(), "test {}", test.tc_id);
            assert_eq!(cipher::seal(&key, &nonce, &test.aad, &test.pt), sealed, "test {}", test.tc_id);
        }
        count.add(test.result);
    }
    count.at_least(35, 25);
}

/// We ask for 32 bytes; a vector's output begins with them, or, where it is shorter, they begin with it.
#[test]
fn hkdf_sha_512() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha512).unwrap();
    let mut count = Count::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests).filter(|test| test.result == TestResult::Valid) {
        let key = cipher::derive(&SecretBytes::copied(&test.ikm), &test.salt, &[&test.info]);
        let length = test.size.min(cipher::KEY);
        assert_eq!(key.expose()[..length], test.okm[..length], "test {}", test.tc_id);
        count.add(test.result);
    }
    count.at_least(60, 0);
}

#[test]
fn ecdsa_signatures() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    for (name, algorithm, curve) in [
        (EcdsaSecp256r1Sha256P1363, &ECDSA_P256_SHA256_FIXED, "nistp256"),
        (EcdsaSecp384r1Sha384P1363, &ECDSA_P384_SHA384_FIXED, "nistp384"),
        (EcdsaSecp521r1Sha512P1363, &ECDSA_P521_SHA512_FIXED, "nistp521"),
    ] {
        let mut count = Count::default();
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            assert!(ecdsa_key(curve, &group.key.key), "the key of a group of {curve} is taken");
            let key = UnparsedPublicKey::new(algorithm, &group.key.key[..]);
            for test in &group.tests {
                let verified = key.verify(&test.msg, &test.sig).is_ok();
                assert_eq!(
                    verified,
                    test.result == TestResult::Valid,
                    "{curve}, test {}: {}",
                    test.tc_id,
                    test.comment
                );
                count.add(test.result);
            }
        }
        count.at_least(80, 60);
    }
}

#[test]
fn ed25519_signatures() {
    let mut count = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let point = &group.key.pk[..];
        let text = line("ssh-ed25519", &strings(&[b"ssh-ed25519", point]));
        assert!(PublicKey::parse_line(&text).is_ok(), "the key of a group is taken");
        for test in &group.tests {
            let verified = UnparsedPublicKey::new(&ED25519, point).verify(&test.msg, &test.sig).is_ok();
            assert_eq!(verified, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
            count.add(test.result);
        }
    }
    count.at_least(60, 60);
}

#[test]
fn rsa_signatures() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    for name in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256] {
        let mut count = Count::default();
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let trim = |number: &[u8]| number[number.iter().take_while(|byte| **byte == 0).count()..].to_vec();
            let (n, e) = (trim(&group.key.n), trim(&group.key.e));
            // Some groups have e = 3, which the default policy refuses.
            let taken = PublicKey::parse_line(&rsa_line(&n, &e)).is_ok();
            assert_eq!(taken, e == [1, 0, 1], "the key of a group of {name:?}");
            for test in &group.tests {
                let key = PublicKeyComponents { n: &n[..], e: &e[..] };
                let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, &test.msg, &test.sig).is_ok();
                if test.result != TestResult::Acceptable {
                    assert_eq!(verified, test.result == TestResult::Valid, "{name:?}, test {}", test.tc_id);
                }
                count.add(test.result);
            }
        }
        count.at_least(5, 100);
    }
}

/// Points that are none, and compressed ones, which SSH has not.
#[test]
fn points_of_curves() {
    use ecdh::TestName::{EcdhSecp256r1Ecpoint, EcdhSecp384r1Ecpoint, EcdhSecp521r1Ecpoint};
    for (name, curve) in
        [(EcdhSecp256r1Ecpoint, "nistp256"), (EcdhSecp384r1Ecpoint, "nistp384"), (EcdhSecp521r1Ecpoint, "nistp521")]
    {
        let mut count = Count::default();
        for test in ecdh::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let uncompressed = test.public_key.first() == Some(&4);
            let taken = ecdsa_key(curve, &test.public_key);
            let sound = uncompressed && test.result != TestResult::Invalid;
            assert_eq!(taken, sound, "{curve}, test {}: {}", test.tc_id, test.comment);
            count.add(test.result);
        }
        count.at_least(50, 5);
    }
}

fn ecdsa_key(curve: &str, point: &[u8]) -> bool {
    let word = format!("ecdsa-sha2-{curve}");
    PublicKey::parse_line(&line(&word, &strings(&[word.as_bytes(), curve.as_bytes(), point]))).is_ok()
}

/// How many vectors there were: none would prove nothing.
#[derive(Default)]
struct Count {
    valid: usize,
    invalid: usize,
}

impl Count {
    fn add(&mut self, result: TestResult) {
        match result {
            TestResult::Valid => self.valid += 1,
            TestResult::Invalid => self.invalid += 1,
            TestResult::Acceptable => {}
        }
    }

    fn at_least(&self, valid: usize, invalid: usize) {
        println!("{} valid, {} invalid", self.valid, self.invalid);
        assert!(self.valid >= valid && self.invalid >= invalid, "{} valid, {} invalid", self.valid, self.invalid);
    }
}
