//! From the configuration to adapters: each is what its section says.

use std::fs;
use std::sync::Arc;

use keypairs::app::providers;
use keypairs::clock::SystemClock;
use keypairs::config::Flags;
use keypairs::model::ProviderKind;
use keypairs::provider::KeyRule;
use keypairs::sshkey::Algorithm;

use super::load;
use crate::server::Place;

#[test]
fn each_provider_becomes_an_adapter() {
    let text = "[providers.t-2]\nkind = \"tencent\"\nregion = \"ap-seoul\"\naccess_key = \"a\"\nsecret_key = \"s\"\n\
                key_types = [\"ed25519\", \"rsa\"]\n\
                [providers.t-1]\nkind = \"tencent\"\nregion = \"ap-guangzhou\"\naccess_key = \"a\"\nsecret_key = \"s\"\n";
    let config = load(text, &[], Flags::default()).unwrap();
    let adapters =
        providers::open(&config, &(Arc::new(SystemClock) as _)).unwrap_or_else(|failure| panic!("{failure}"));
    let specs: Vec<_> = adapters.iter().map(|adapter| adapter.spec()).collect();
    let told: Vec<_> = specs.iter().map(|spec| (spec.name.as_str(), spec.kind, spec.region.as_str())).collect();
    let tencent = ProviderKind::Tencent;
    assert_eq!(told, [("t-1", tencent, "ap-guangzhou"), ("t-2", tencent, "ap-seoul")]);
    // The cloud's page knows RSA alone; the configuration widens it, and keeps what the page says of sizes.
    let of_page = specs[0].can.keys.clone();
    assert_eq!(of_page.iter().map(|rule| rule.algorithm).collect::<Vec<_>>(), [Algorithm::Rsa]);
    assert_eq!(specs[1].can.keys, [KeyRule { algorithm: Algorithm::Ed25519, bits: Vec::new() }, of_page[0].clone()]);
}

/// A CA file that holds a block, but no certificate.
#[test]
fn config_check_tries_the_clients() {
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n").unwrap();
    place.configure(&format!(
        "[providers.t]\nkind = \"tencent\"\nregion = \"r\"\naccess_key = \"a\"\nsecret_key = \"s\"\nca_file = {ca:?}\n"
    ));
    let told = place.command(&["config", "check"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("[providers.t]: the CA file cannot be used"), "{stderr}");
}
