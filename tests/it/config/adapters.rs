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
    let keys = "access_key = \"a\"\nsecret_key = \"s\"\n";
    let text = format!(
        "[providers.t-2]\nkind = \"tencent\"\nregion = \"ap-seoul\"\n{keys}key_types = [\"ed25519\", \"rsa\"]\n\
         [providers.t-1]\nkind = \"tencent\"\nregion = \"ap-guangzhou\"\n{keys}\
         [providers.bd]\nkind = \"baidu\"\n{keys}\
         [providers.hw]\nkind = \"huawei\"\nregion = \"cn-north-4\"\n{keys}cloud_project_id = \"p\"\n\
         key_types = [\"rsa\"]\n\
         [providers.hw-token]\nkind = \"huawei\"\nregion = \"cn-north-4\"\nauth_token = \"t\"\ncloud_project_id = \"p\"\n"
    );
    let config = load(&text, &[], Flags::default()).unwrap();
    let adapters =
        providers::open(&config, &(Arc::new(SystemClock) as _)).unwrap_or_else(|failure| panic!("{failure}"));
    let specs: Vec<_> = adapters.iter().map(|adapter| adapter.spec()).collect();
    let told: Vec<_> = specs.iter().map(|spec| (spec.name.as_str(), spec.kind, spec.region.as_str())).collect();
    let wanted = [
        ("bd", ProviderKind::Baidu, "bj"),
        ("hw", ProviderKind::Huawei, "cn-north-4"),
        ("hw-token", ProviderKind::Huawei, "cn-north-4"),
        ("t-1", ProviderKind::Tencent, "ap-guangzhou"),
        ("t-2", ProviderKind::Tencent, "ap-seoul"),
    ];
    assert_eq!(told, wanted);
    // Tencent's page knows RSA alone, Huawei's more: the configuration widens and narrows, and keeps what the page says
    // of sizes.
    let keys: Vec<&[KeyRule]> = specs.iter().map(|spec| &spec.can.keys[..]).collect();
    let rsa = |rules: &[KeyRule]| rules.iter().find(|rule| rule.algorithm == Algorithm::Rsa).cloned().unwrap();
    assert_eq!(keys[3].len(), 1);
    assert_eq!(keys[4], [KeyRule { algorithm: Algorithm::Ed25519, bits: Vec::new() }, rsa(keys[3])]);
    assert!(keys[2].len() > 1 && !rsa(keys[2]).bits.is_empty());
    assert_eq!(keys[1], [rsa(keys[2])]);
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
    assert!(stderr.contains("[providers.t]: ") && stderr.contains(&format!("ca_file {}: ", ca.display())), "{stderr}");
}
