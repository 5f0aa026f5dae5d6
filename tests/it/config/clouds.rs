//! The sections of clouds: providers and the accounts of the face. What is good, what is refused, and that secrets stay
//! secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use keypairs::config::{Cloud, Flags, HuaweiAccess, Origin};
use keypairs::model::{ProviderKind, ProviderName};
use keypairs::sshkey::Algorithm;
use tempfile::TempDir;

use super::{load, shown};
use crate::server::Place;

#[test]
fn a_provider_of_each_cloud_with_its_defaults() {
    let text = "[providers.bd]\nkind = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s1\"\n\
                [providers.tc]\nkind = \"tencent\"\nregion = \"ap-guangzhou\"\naccess_key = \"b\"\nsecret_key = \"s2\"\n\
                [providers.hw]\nkind = \"huawei\"\nregion = \"cn-north-4\"\naccess_key = \"c\"\nsecret_key = \"s3\"\n\
                cloud_project_id = \"p\"\n";
    let config = load(text, &[], Flags::default()).unwrap();
    let provider = |name: &str| &config.providers[&ProviderName::parse("", name).unwrap()];
    let rows = [
        ("bd", ProviderKind::Baidu, "https://bcc.bj.baidubce.com", "bj", 0),
        ("tc", ProviderKind::Tencent, "https://cvm.tencentcloudapi.com", "ap-guangzhou", 10),
        ("hw", ProviderKind::Huawei, "https://kms.cn-north-4.myhuaweicloud.com", "cn-north-4", 20),
    ];
    for (name, kind, endpoint, region, rate) in rows {
        let own = provider(name);
        assert_eq!((own.cloud.kind(), own.endpoint.as_str(), own.region.as_str()), (kind, endpoint, region));
        assert_eq!((own.calls.rate, own.calls.in_flight), (rate, 32));
        assert_eq!(own.calls.timeout, Duration::from_secs(8));
        assert_eq!(own.calls.connect_timeout, Duration::from_secs(3));
        assert!(own.key_types.is_none() && !own.allow_insecure_endpoint);
        assert!(own.calls.ca_file.is_none() && own.calls.proxy.is_none());
    }
    let Cloud::Tencent { keys, project: 0 } = &provider("tc").cloud else { panic!() };
    assert_eq!((keys.access_key.as_str(), keys.secret_key.expose()), ("b", "s2"));
    let Cloud::Huawei { access: HuaweiAccess::Keys(keys), project } = &provider("hw").cloud else { panic!() };
    assert_eq!((keys.access_key.as_str(), keys.secret_key.expose(), project.as_str()), ("c", "s3", "p"));
}

#[test]
fn everything_of_a_provider_can_be_set() {
    let dir = secrets(&[("key", "s\n"), ("token", "t\r\n"), ("ca", CA)]);
    let file = |name: &str| dir.path().join(name);
    let text = format!(
        "[providers.tc-2]\nkind = \"tencent\"\nendpoint = \"https://cvm.intl.tencentcloudapi.com:8443/\"\n\
         region = \"na-ashburn\"\naccess_key = \"b\"\nsecret_key_file = {:?}\nsecurity_token_file = {:?}\n\
         cloud_project_id = 7\nkey_types = [\"rsa\", \"ed25519\"]\ntimeout_seconds = 2\nrate = 0\nin_flight = 1\n\
         ca_file = {:?}\nproxy = \"http://proxy:3128\"\n[providers.hw]\nkind = \"huawei\"\nregion = \"eu-west-101\"\n\
         auth_token_file = {:?}\ncloud_project_id = \"p\"\n",
        file("key"),
        file("token"),
        file("ca"),
        file("token")
    );
    let config = load(&text, &[], Flags::default()).unwrap();
    let [huawei, tencent] = &config.providers.values().collect::<Vec<_>>()[..] else { panic!() };
    let Cloud::Tencent { keys, project: 7 } = &tencent.cloud else { panic!() };
    assert_eq!(keys.secret_key.expose(), "s", "without its line end");
    assert_eq!(keys.security_token.as_ref().unwrap().expose(), "t");
    assert_eq!(tencent.endpoint, "https://cvm.intl.tencentcloudapi.com:8443");
    assert_eq!(tencent.key_types.as_deref(), Some(&[Algorithm::Rsa, Algorithm::Ed25519][..]));
    assert_eq!((tencent.calls.rate, tencent.calls.in_flight), (0, 1));
    assert_eq!(tencent.calls.connect_timeout, Duration::from_secs(2), "the default gives way to a short timeout");
    assert_eq!(tencent.calls.proxy.as_deref(), Some("http://proxy:3128"));
    let Cloud::Huawei { access: HuaweiAccess::Token(token), .. } = &huawei.cloud else { panic!() };
    assert_eq!(token.expose(), "t");
    let named: Vec<&Path> = config.secret_files();
    assert_eq!(named, [file("token"), file("key"), file("token")]);
}

#[test]
fn accounts_of_the_face_with_their_defaults() {
    let text = "[face]\nlisten = \"127.0.0.1:8080\"\n\
                [[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s1\"\n\
                [[face.accounts]]\ncloud = \"tencent\"\naccess_key = \"a\"\nsecret_key = \"s2\"\n\
                [[face.accounts]]\ncloud = \"huawei\"\naccess_key = \"a\"\nauth_token = \"t\"\ncloud_project_id = \"p\"\n\
                project_id = \"team\"\nuser_id = \"u\"\nregion = \"ap-1\"\nquota = 3\nrate = 4\n";
    let face = load(text, &[], Flags::default()).unwrap().face.unwrap();
    assert_eq!(face.listen.to_string(), "127.0.0.1:8080");
    let [baidu, tencent, huawei] = &face.accounts[..] else { panic!() };
    assert_eq!((baidu.region.as_str(), baidu.quota, baidu.rate), ("bj", 500, 0));
    assert_eq!((baidu.project.as_str(), baidu.user_id.as_str()), ("default", ""));
    assert!(baidu.cloud_project_ids.is_empty() && baidu.cloud_project_id.is_empty());
    assert_eq!((tencent.region.as_str(), tencent.quota, tencent.rate), ("ap-guangzhou", 100, 10));
    assert_eq!((&tencent.cloud_project_ids[..], tencent.resources_per_tag), (&[0][..], 0));
    assert_eq!((huawei.region.as_str(), huawei.quota, huawei.rate), ("ap-1", 3, 4));
    assert_eq!((huawei.project.as_str(), huawei.user_id.as_str()), ("team", "u"));
    assert!(huawei.secret_key.is_none());
    assert_eq!(huawei.auth_token.as_ref().unwrap().expose(), "t");
}

/// Where an endpoint may lead: plaintext, this machine and its link only when gRPC listens on loopback, or when said.
#[test]
fn endpoints_of_this_machine_must_be_meant() {
    let near = [
        "http://bcc.bj.baidubce.com",
        "https://localhost:1",
        "https://LOCALHOST.",
        "https://a.localhost",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://0.0.0.0",
        "https://169.254.169.254",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[fe80::1]",
        "https://[::]",
    ];
    let beyond =
        || Flags { listen: Some("0.0.0.0:1".into()), insecure: true, insecure_no_auth: true, ..Flags::default() };
    let text = |endpoint: &str, more: &str| {
        format!(
            "[providers.a]\nkind = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s\"\nendpoint = {endpoint:?}\n{more}"
        )
    };
    for endpoint in near {
        load(&text(endpoint, ""), &[], Flags::default()).unwrap();
        load(&text(endpoint, "allow_insecure_endpoint = true"), &[], beyond()).unwrap();
        let faults = load(&text(endpoint, ""), &[], beyond()).unwrap_err();
        assert_eq!(faults.len(), 1, "{}", shown(&faults));
        assert!(faults[0].key == "providers.a.endpoint" && faults[0].message.contains("allow_insecure_endpoint"));
    }
    for endpoint in ["https://10.0.0.1", "https://bcc.bj.baidubce.com", "https://[2001:db8::1]:8443"] {
        load(&text(endpoint, ""), &[], beyond()).unwrap();
    }
}

#[test]
fn a_face_beyond_loopback_must_be_meant() {
    let account = "[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s\"\n";
    let text = format!("[face]\nlisten = \"0.0.0.0:8\"\n{account}");
    let insecure = Flags { insecure: true, ..Flags::default() };
    assert_eq!(load(&text, &[], Flags::default()).unwrap_err().len(), 1);
    load(&text, &[], insecure).unwrap();
}

#[test]
fn the_environment_reaches_providers_and_accounts() {
    let file = [LISTEN, "[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"s\"\n"].concat();
    let env = [
        ("KEYPAIRS__FACE__ACCOUNTS__0__ACCESS_KEY", "of-env"),
        ("KEYPAIRS__FACE__ACCOUNTS__10__CLOUD", "tencent"),
        ("KEYPAIRS__FACE__ACCOUNTS__10__ACCESS_KEY", "third"),
        ("KEYPAIRS__FACE__ACCOUNTS__10__SECRET_KEY", "s"),
        ("KEYPAIRS__FACE__ACCOUNTS__10__CLOUD_PROJECT_IDS", "0, 7"),
        ("KEYPAIRS__FACE__ACCOUNTS__2__CLOUD", "tencent"),
        ("KEYPAIRS__FACE__ACCOUNTS__2__ACCESS_KEY", "second"),
        ("KEYPAIRS__FACE__ACCOUNTS__2__SECRET_KEY", "s"),
        ("KEYPAIRS__PROVIDERS__HW_CN4__KIND", "huawei"),
        ("KEYPAIRS__PROVIDERS__HW_CN4__REGION", "cn-north-4"),
        ("KEYPAIRS__PROVIDERS__HW_CN4__AUTH_TOKEN", "t"),
        ("KEYPAIRS__PROVIDERS__HW_CN4__CLOUD_PROJECT_ID", "7"),
        ("KEYPAIRS__PROVIDERS__HW_CN4__KEY_TYPES", "rsa,ecdsa"),
    ];
    let config = load(&file, &env, Flags::default()).unwrap();
    let keys: Vec<&str> = config.face.iter().flat_map(|face| &face.accounts).map(|a| a.access_key.as_str()).collect();
    assert_eq!(keys, ["of-env", "second", "third"], "in the order of their numbers");
    assert_eq!(config.face.unwrap().accounts[2].cloud_project_ids, [0, 7]);
    assert!(config.providers.contains_key(&ProviderName::parse("", "hw-cn4").unwrap()));
    let wrong = [("KEYPAIRS__FACE__ACCOUNTS__FIRST__CLOUD", "baidu"), ("KEYPAIRS__FACE__ACCOUNTS__01__CLOUD", "baidu")];
    let faults = load(&file, &wrong, Flags::default()).unwrap_err();
    assert_eq!(faults.len(), 2, "{}", shown(&faults));
    assert!(faults.iter().all(|fault| fault.message.contains("counted from 0")), "{}", shown(&faults));
}

#[test]
fn a_fault_of_an_account_has_its_line() {
    let text = "[face]\nlisten = \"127.0.0.1:8\"\n[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"a\"\n\
                secret_key = \"s\"\n\n[[face.accounts]]\ncloud = \"baidu\"\naccess_key = \"b\"\nquota = -1\n";
    let faults = load(text, &[], Flags::default()).unwrap_err();
    let lines: Vec<(usize, &str)> = faults
        .iter()
        .map(|fault| match &fault.origin {
            Origin::File { line, .. } => (*line, fault.key.as_str()),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(lines, [(8, "face.accounts.1.secret_key"), (11, "face.accounts.1.quota")], "{}", shown(&faults));
}

#[test]
fn secrets_of_clouds_are_printed_nowhere() {
    let dir = secrets(&[("key", "canary-file\n"), ("token", "canary-token\n")]);
    let text = format!(
        "[providers.a]\nkind = \"baidu\"\naccess_key = \"a\"\nsecret_key = \"canary-plain\"\nsecurity_token_file = {:?}\n\
         {LISTEN}[[face.accounts]]\ncloud = \"huawei\"\naccess_key = \"b\"\nsecret_key_file = {:?}\n\
         cloud_project_id = \"p\"\nauth_token = \"canary-plain-token\"\n",
        dir.path().join("token"),
        dir.path().join("key")
    );
    let config = load(&text, &[], Flags::default()).unwrap();
    let printed = config.print_redacted();
    for text in [&printed, &format!("{config:?}"), &format!("{config:#?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    let again = load(&printed, &[], Flags::default()).unwrap_or_else(|faults| panic!("{printed}{}", shown(&faults)));
    assert_eq!(again.print_redacted(), printed);
    // A secret in the wrong place, or unfit for its own, is not told.
    for bad in [
        "[providers.a]\nkind = \"canary\"",
        "[providers.a]\nkind = \"baidu\"\nendpoint = \"https://canary@x\"",
        "[providers.a]\nkind = \"baidu\"\nproxy = \"https://u:canary@x\"",
        "[providers.a]\nkind = \"baidu\"\nsecret_key = \"canary canary\"",
        "[providers.a]\nkind = \"baidu\"\naccess_key = \"canary/\"",
        "[providers.a]\nkind = \"baidu\"\nkey_types = [\"canary\"]",
        "[[face.accounts]]\nsecret_key = [\"canary\"]",
        "[[face.accounts]]\ncloud_project_id = \"canary\"\ncloud = \"baidu\"",
    ] {
        let faults = load(bad, &[], Flags::default()).unwrap_err();
        assert!(!format!("{} {faults:?}", shown(&faults)).contains("canary"), "{}", shown(&faults));
    }
}

#[test]
fn what_is_printed_of_clouds_means_the_same() {
    let dir = secrets(&[("key", "s"), ("token", "t"), ("ca", CA)]);
    let file = |name: &str| dir.path().join(name).display().to_string();
    let keys = format!("access_key = \"a\"\nsecret_key_file = {:?}\n", file("key"));
    let token = format!("auth_token_file = {:?}\n", file("token"));
    let text = format!(
        "[providers.b]\nkind = \"baidu\"\n{keys}security_token_file = {:?}\nproxy = \"http://p:1\"\nca_file = {:?}\n\
         [providers.t]\nkind = \"tencent\"\nregion = \"r\"\n{keys}cloud_project_id = 3\nkey_types = [\"rsa\", \"dsa\"]\n\
         allow_insecure_endpoint = true\nendpoint = \"http://127.0.0.1:1\"\ntimeout_seconds = 4\nin_flight = 5\n\
         [providers.h]\nkind = \"huawei\"\nregion = \"r\"\n{token}cloud_project_id = \"p\"\n\
         {LISTEN}[[face.accounts]]\ncloud = \"huawei\"\n{keys}{token}cloud_project_id = \"p\"\n\
         [[face.accounts]]\ncloud = \"tencent\"\n{keys}cloud_project_ids = [0, 9]\nresources_per_tag = 2\n\
         [[face.accounts]]\ncloud = \"baidu\"\n{keys}quota = 1\nrate = 2\nuser_id = \"u\"\nproject_id = \"p\"\n",
        file("token"),
        file("ca")
    );
    let config = load(&text, &[], Flags::default()).unwrap();
    let printed = config.print_redacted();
    let again = load(&printed, &[], Flags::default()).unwrap_or_else(|faults| panic!("{printed}{}", shown(&faults)));
    assert_eq!((again.providers, again.face), (config.providers, config.face), "{printed}");
}

#[test]
fn a_secret_file_holds_one_word() {
    let dir = secrets(&[("empty", ""), ("line", "\n"), ("two", "a\nb\n"), ("twice", "a\n\n"), ("blank", " a\n")]);
    fs::write(dir.path().join("bytes"), b"\xff\n").unwrap();
    fs::write(dir.path().join("large"), vec![b'a'; 64 * 1024 + 1]).unwrap();
    let text = |name: &str| {
        format!("[providers.a]\nkind = \"baidu\"\naccess_key = \"a\"\nsecret_key_file = {:?}\n", dir.path().join(name))
    };
    for (name, words) in [
        ("empty", "is empty"),
        ("line", "is empty"),
        ("two", "holds a blank"),
        ("twice", "holds a blank"),
        ("blank", "holds a blank"),
        ("bytes", "not ASCII"),
        ("large", "at most 65536 bytes"),
        ("gone", "cannot be read"),
    ] {
        let faults = load(&text(name), &[], Flags::default()).unwrap_err();
        assert_eq!(faults.len(), 1, "{name}: {}", shown(&faults));
        assert!(
            faults[0].key == "providers.a.secret_key_file" && faults[0].message.contains(words),
            "{name} {}",
            faults[0]
        );
    }
}

/// A file of a secret that everybody can read is no fault: it may be meant, in a container. It is warned of.
#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let place = Place::new();
    let dir = secrets(&[("key", "s\n")]);
    let file = dir.path().join("key");
    place.configure(&format!("[providers.a]\nkind = \"baidu\"\naccess_key = \"a\"\nsecret_key_file = {file:?}\n"));
    for (mode, warns) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let told = place.command(&["config", "check"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{stderr}");
        let warned = stderr.contains("everybody can read this secret") && stderr.contains(&file.display().to_string());
        assert_eq!(warned, warns, "{mode:o}: {stderr}");
    }
}

fn secrets(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// A start that is sound but for its accounts.
pub const LISTEN: &str = "[face]\nlisten = \"127.0.0.1:8\"\n";
const CA: &str = "-----BEGIN CERTIFICATE-----\nnot looked into here\n-----END CERTIFICATE-----\n";
