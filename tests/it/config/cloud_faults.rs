//! What is wrong with sections of clouds: each fault is named by its key, and says what to do.

use keypairs::config::Flags;

use super::clouds::LISTEN;
use super::{load, shown};

/// What is wrong with a provider, the key that is named, and a part of the message. `B`, `T`, `H` are a sound start.
const PROVIDER_FAULTS: [(&str, &str, &str); 38] = [
    ("", "kind", "is needed"),
    ("kind = \"aws\"", "kind", "one of baidu, tencent, huawei"),
    ("kind = \"baidu\"", "access_key", "is needed"),
    ("kind = \"baidu\"", "secret_key", "is needed in this section; set it, or secret_key_file"),
    ("kind = \"tencent\"\nregion = \"\"", "region", "is empty"),
    ("kind = \"tencent\"\naccess_key = \"a\"\nsecret_key = \"s\"", "region", "is needed"),
    ("B\nregion = \"bj.evil.example/\"", "region", "1 to 32 of a-z"),
    ("B\nendpoint = \"bcc.bj.baidubce.com\"", "endpoint", "must be https://HOST"),
    ("B\nendpoint = \"127.0.0.1:80\"", "endpoint", "must be https://HOST"),
    ("B\nendpoint = \"ftp://a\"", "endpoint", "must be https://HOST"),
    ("B\nendpoint = \"https://a/v2\"", "endpoint", "without user, path or query"),
    ("B\nendpoint = \"https://a/?b\"", "endpoint", "without user, path or query"),
    ("B\nendpoint = \"https://u:p@a\"", "endpoint", "without user, path or query"),
    ("B\nproxy = \"http://u:p@a\"", "proxy", "without user, path or query"),
    ("B\nproxy = \"socks5://a\"", "proxy", "must be http://HOST:PORT"),
    ("B\nsecret_key_file = \"/nowhere/s\"", "secret_key", "keep one of the two"),
    ("B\nsecurity_token_file = \"/nowhere/s\"", "security_token_file", "/nowhere/s cannot be read"),
    ("B\nsecurity_token_file = \"/\"", "security_token_file", "is not a file"),
    ("B\nsecurity_token_file = \"/dev/null\"", "security_token_file", "is not a file"),
    ("B\nsecurity_token = \"two words\"", "security_token", "holds a blank"),
    ("B\nsecurity_token = \"zwölf\"", "security_token", "not ASCII"),
    ("B\nauth_token = \"t\"", "auth_token", "is for huawei alone"),
    ("T\nauth_token = \"t\"", "auth_token", "is for huawei alone"),
    ("B\ncloud_project_id = \"0\"", "cloud_project_id", "is for huawei and tencent alone"),
    ("T\ncloud_project_id = \"main\"", "cloud_project_id", "must be a whole number"),
    ("T\ncloud_project_id = -1", "cloud_project_id", "must be a whole number"),
    ("H", "cloud_project_id", "is needed"),
    ("H\ncloud_project_id = \"a/b\"", "cloud_project_id", "letters, digits"),
    ("H\ncloud_project_id = \"p\"\nauth_token = \"t\"", "access_key", "takes its place"),
    ("H\ncloud_project_id = \"p\"\nauth_token = \"t\"", "secret_key", "takes its place"),
    ("B\nkey_types = [\"rsa\", \"rsa4096\"]", "key_types", "one of ed25519, ecdsa, rsa"),
    ("B\nkey_types = []", "key_types", "is empty"),
    ("B\nkey_types = [\"rsa\", \"rsa\"]", "key_types", "twice"),
    ("B\ntimeout_seconds = 0", "timeout_seconds", "from 1 to 300"),
    ("B\nconnect_timeout_seconds = 11", "connect_timeout_seconds", "above timeout_seconds, which is 8"),
    ("B\nin_flight = 0", "in_flight", "from 1 to 1024"),
    ("B\nca_file = \"/nowhere/ca\"", "ca_file", "cannot be read"),
    ("B\nsecret = \"x\"", "secret", "unknown key"),
];

#[test]
fn every_fault_of_a_provider_is_named() {
    for (text, key, words) in PROVIDER_FAULTS {
        let start = "access_key = \"a\"\nsecret_key = \"s\"";
        let text = text
            .replace("B\n", &format!("kind = \"baidu\"\n{start}\n"))
            .replace("T\n", &format!("kind = \"tencent\"\nregion = \"r\"\n{start}\n"))
            .replace("H\n", &format!("kind = \"huawei\"\nregion = \"r\"\n{start}\n"));
        let text = if text == "H" { format!("kind = \"huawei\"\nregion = \"r\"\n{start}\n") } else { text };
        expect(&format!("[providers.a]\n{text}"), &format!("providers.a.{key}"), words);
    }
    for (name, key, words) in [
        ("local", "providers.local", "this service itself"),
        ("Upper", "providers.\"Upper\"", "1 to 32 of a-z"),
        ("\"a.b\"", "providers.\"a.b\"", "1 to 32 of a-z"),
        ("a23456789b123456789c123456789d123", "providers.\"a23456789b123456789c123456789d123\"", "1 to 32"),
    ] {
        expect(&format!("[providers.{name}]\nkind = \"baidu\""), key, words);
    }
    let one = load("[[providers]]\nkind = \"baidu\"", &[], Flags::default()).unwrap_err();
    assert_eq!(one.len(), 1, "{}", shown(&one));
    expect("[[providers]]\nkind = \"baidu\"", "providers", "not a list of sections");
    expect("[[providers.a]]\nkind = \"baidu\"", "providers.a", "not a list of sections");
}

/// What is wrong with accounts of the face, the key that is named, and a part of the message.
const FACE_FAULTS: [(&str, &str, &str); 28] = [
    ("[face]", "face.listen", "is needed"),
    ("[face]\nlisten = \"127.0.0.1:8\"", "face.accounts", "there is none"),
    ("[face]\nlisten = \"127.0.0.1:8\"\naccounts = 3", "face.accounts", "[[face.accounts]]"),
    ("[face]\nlisten = \"127.0.0.1:8\"\naccounts = [1]", "face.accounts", "[[face.accounts]]"),
    ("[face]\naccounts = [{ cloud = \"baidu\" }, 1]", "face.accounts.1", "is a section, not a number"),
    ("[face.accounts]\ncloud = \"baidu\"", "face.accounts", "[[face.accounts]]"),
    ("[[face.accounts]]", "face.accounts.0.cloud", "is needed"),
    ("[[face.accounts]]\ncloud = \"baidu\"", "face.listen", "is needed"),
    ("[[face.accounts]]\ncloud = \"aws\"", "face.accounts.0.cloud", "one of baidu"),
    ("[[face.accounts]]\ncloud = \"baidu\"", "face.accounts.0.access_key", "is needed"),
    ("[[face.accounts]]\ncloud = \"baidu\"", "face.accounts.0.secret_key", "is needed"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nauth_token = \"t\"", "face.accounts.0.auth_token", "for huawei alone"),
    ("[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a/b\"", "face.accounts.0.access_key", "1 to 128"),
    ("[[face.accounts]]\ncloud = \"huawei\"", "face.accounts.0.cloud_project_id", "is needed"),
    ("[[face.accounts]]\ncloud = \"huawei\"\nsecret_key_file = \"/x\"", "face.accounts.0.secret_key_file", "/x"),
    ("[[face.accounts]]\ncloud = \"baidu\"\ncloud_project_id = \"p\"", "face.accounts.0.cloud_project_id", "huawei"),
    ("[[face.accounts]]\ncloud = \"huawei\"\ncloud_project_ids = [0]", "face.accounts.0.cloud_project_ids", "tencent"),
    ("[[face.accounts]]\ncloud = \"tencent\"\ncloud_project_ids = []", "face.accounts.0.cloud_project_ids", "at least"),
    ("[[face.accounts]]\ncloud = \"tencent\"\ncloud_project_ids = [-1]", "face.accounts.0.cloud_project_ids", "from 0"),
    (
        "[[face.accounts]]\ncloud = \"tencent\"\ncloud_project_ids = [\"0\"]",
        "face.accounts.0.cloud_project_ids",
        "whole",
    ),
    ("[[face.accounts]]\ncloud = \"baidu\"\nresources_per_tag = 1", "face.accounts.0.resources_per_tag", "tencent"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nproject_id = \"A\"", "face.accounts.0.project_id", "a-z"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nuser_id = \"a b\"", "face.accounts.0.user_id", "at most 64"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nquota = -1", "face.accounts.0.quota", "from 0"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nrate = 1.5", "face.accounts.0.rate", "not a float"),
    ("[[face.accounts]]\ncloud = \"baidu\"\nRate = 1", "face.accounts.0.Rate", "known here: cloud, access_key"),
    ("[face]\nlisten = \"0.0.0.0:8\"", "face.listen", "--insecure"),
    ("[face]\nlisten = \"127.0.0.1:50051\"", "face.listen", "the address of server.listen"),
];

#[test]
fn every_fault_of_the_face_is_named() {
    for (text, key, words) in FACE_FAULTS {
        expect(text, key, words);
    }
    for (section, key) in [("health", "health.listen"), ("metrics", "metrics.listen")] {
        let text = format!("[{section}]\nlisten = \"127.0.0.1:7\"\n[face]\nlisten = \"127.0.0.1:7\"\n");
        expect(&text, "face.listen", &format!("the address of {key}"));
    }
}

#[test]
fn two_accounts_are_never_one() {
    let account =
        |cloud: &str, rest: &str| format!("[[face.accounts]]\ncloud = \"{cloud}\"\naccess_key = \"a\"\n{rest}");
    let keys = "secret_key = \"s\"\n";
    let huawei = "cloud_project_id = \"p\"\n";
    let twice = [LISTEN, &account("baidu", keys), &account("tencent", keys), &account("baidu", keys)].concat();
    expect(&twice, "face.accounts.2.access_key", "another account of this cloud");
    let token = "auth_token = \"t\"\ncloud_project_id = \"p\"\n";
    let other = "[[face.accounts]]\ncloud = \"huawei\"\naccess_key = \"b\"\n";
    expect(
        &[LISTEN, &account("huawei", token), other, token].concat(),
        "face.accounts.1.auth_token",
        "another account",
    );
    let apart = [LISTEN, &account("baidu", keys), &account("tencent", keys), &account("huawei", keys), huawei].concat();
    assert_eq!(load(&apart, &[], Flags::default()).unwrap().face.unwrap().accounts.len(), 3);
}

/// Expects a fault of `key` whose message holds `words`.
#[track_caller]
fn expect(text: &str, key: &str, words: &str) {
    let faults = load(text, &[], Flags::default()).err().unwrap_or_default();
    let found = faults.iter().any(|fault| fault.key == key && fault.message.contains(words));
    assert!(found, "for {text:?} expected {key} {words:?} in {}", shown(&faults));
}
