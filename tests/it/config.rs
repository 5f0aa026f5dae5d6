//! The configuration: what wins, what is refused, and that a fault says where it is and what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keypairs::config::{ClientAuth, Config, ConfigFault, Flags, Origin, StoreKind, known_keys};
use keypairs::model::{EncryptionMode, ProjectId};
use keypairs::telemetry::LogFormat;
use tempfile::TempDir;

mod adapters;
mod cloud_faults;
mod clouds;

#[test]
fn with_nothing_set_it_runs_on_loopback() {
    let config = load("", &[], Flags::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:50051");
    assert!(config.server.reflection);
    assert_eq!(config.server.tls, None);
    assert_eq!(config.health.listen, None);
    assert_eq!(config.metrics.listen.to_string(), "127.0.0.1:9464");
    assert!(config.metrics.listen_is_default);
    assert_eq!(config.store.kind, StoreKind::Sled);
    assert_eq!(config.data_dir, Path::new("./data"));
    assert_eq!(config.keyring.file, Path::new("./data/keyring"));
    assert!(config.keyring.file_is_default);
    assert_eq!(config.quota.key_pairs_per_project, 500);
    assert_eq!(config.deletion.retention_days, 7);
    assert_eq!(config.policy.min_rsa_bits, 2048);
    assert_eq!(config.limits.deadline, Duration::from_secs(10));
    assert_eq!(config.limits.max_deadline, Duration::from_secs(60));
    assert_eq!(config.limits.rsa_queue_wait, Duration::from_secs(8));
    assert_eq!((config.log.level.as_str(), config.log.format), ("info", LogFormat::Auto));
    assert!(config.projects.is_empty() && config.providers.is_empty() && config.face.is_none());
}

#[test]
fn environment_wins_over_file_and_flags_over_both() {
    let file = "data_dir = \"f\"\n[server]\nlisten = \"127.0.0.1:1\"\n[quota]\nkey_pairs_per_project = 1\n";
    let env = [
        ("KEYPAIRS__SERVER__LISTEN", "127.0.0.1:2"),
        ("KEYPAIRS__QUOTA__KEY_PAIRS_PER_PROJECT", "2"),
        ("KEYPAIRS__DATA_DIR", "e"),
        ("KEYPAIRS_SERVER", "http://127.0.0.1:9"), // the client's, none of ours
        ("PATH", "/bin"),
    ];
    let config = load(file, &[], Flags::default()).unwrap();
    assert_eq!((config.server.listen.port(), config.quota.key_pairs_per_project), (1, 1));
    assert_eq!(config.keyring.file, Path::new("f/keyring"));
    let config = load(file, &env, Flags::default()).unwrap();
    assert_eq!((config.server.listen.port(), config.quota.key_pairs_per_project), (2, 2));
    assert_eq!(config.data_dir, Path::new("e"));
    let flags = Flags { listen: Some("127.0.0.1:3".into()), data_dir: Some("x".into()), ..Flags::default() };
    let config = load(file, &env, flags).unwrap();
    assert_eq!((config.server.listen.port(), config.quota.key_pairs_per_project), (3, 2));
    assert_eq!(config.keyring.file, Path::new("x/keyring"));
}

#[test]
fn environment_reaches_every_depth() {
    let dir = pem_files();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let env = [
        ("KEYPAIRS__SERVER__TLS__CERT_FILE", file("cert.pem")),
        ("KEYPAIRS__SERVER__TLS__KEY_FILE", file("key.pem")),
        ("KEYPAIRS__SERVER__TLS__CLIENT_CA_FILE", file("ca.pem")),
        ("KEYPAIRS__SERVER__LISTEN", "0.0.0.0:0".to_owned()),
        ("KEYPAIRS__SERVER__REFLECTION", "true".to_owned()),
        ("KEYPAIRS__PROJECTS__MY_TEAM__KEY_PAIRS", "9".to_owned()),
        ("KEYPAIRS__PROJECTS__MY_TEAM__ENCRYPTION", "kms, default".to_owned()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let text = "[projects.my-team]\nkey_pairs = 3\n";
    let config = load(text, &env, Flags::default()).unwrap();
    let tls = config.server.tls.as_ref().unwrap();
    assert_eq!(tls.client_auth, ClientAuth::Required);
    assert!(config.server.reflection);
    let project = &config.projects[&ProjectId::parse("", "my-team").unwrap()];
    assert_eq!(project.key_pairs, Some(9));
    assert_eq!(project.encryption, [EncryptionMode::Kms, EncryptionMode::Default]);
    assert_eq!(config.projects.len(), 1);
}

/// What is wrong, where it stands, which key it names, and a part of its message.
const FAULTS: [(&str, (usize, usize), &str, &str); 35] = [
    ("[server]\nlisten = \"here\"", (2, 1), "server.listen", "\"here\" is not IP:PORT"),
    ("[server]\nlisten = 50051", (2, 1), "server.listen", "must be text, not a number"),
    ("[server]\nlisten = \"\"", (2, 1), "server.listen", "is empty"),
    ("[server]\nlisten = \"0.0.0.0:1\"", (2, 1), "server.listen", "--insecure"),
    ("[server]\nlisten = \"0.0.0.0:1\"", (2, 1), "server.listen", "--insecure-no-auth"),
    ("[server]\nreflection = \"yes\"", (2, 1), "server.reflection", "must be true or false, not text"),
    ("[server]\n  colour = 1", (2, 3), "server.colour", "known here: listen, reflection, tls"),
    ("server = 3", (1, 1), "server", "is a section"),
    ("[server.listen]\nx = 1", (1, 9), "server.listen", "must be text, not a section"),
    ("[server.tls]\n", (1, 9), "server.tls.cert_file", "is needed"),
    ("[server.tls]\nclient_auth = \"required\"", (2, 1), "server.tls.client_auth", "client_ca_file"),
    ("[server.tls]\nclient_auth = \"maybe\"", (2, 1), "server.tls.client_auth", "off, optional, required"),
    ("[server.tls]\ncert_file = \"/nowhere/cert\"", (2, 1), "server.tls.cert_file", "/nowhere/cert cannot be read"),
    ("[server.tls]\nkey_file = \"/\"", (2, 1), "server.tls.key_file", "is not a file"),
    ("[health]\nlisten = \"127.0.0.1:50051\"", (2, 1), "health.listen", "address of gRPC"),
    ("[store]\nkind = \"postgres\"", (2, 1), "store.kind", "not built yet"),
    ("[store]\nkind = \"mysql\"", (2, 1), "store.kind", "one of sled, memory, postgres"),
    ("[store]\ncache_mib = 1", (2, 1), "store.cache_mib", "from 8 to 65536"),
    ("[store]\nurl = \"a\"\nurl_file = \"b\"", (2, 1), "store.url", "keep one of the two"),
    ("[quota]\nkey_pairs_per_project = -1", (2, 1), "quota.key_pairs_per_project", "from 0 to 10000000"),
    ("[quota]\nkey_pairs_per_project = 1.5", (2, 1), "quota.key_pairs_per_project", "not a float"),
    ("[projects.Team]\nkey_pairs = 1", (1, 11), "projects.\"Team\"", "a project id must be"),
    ("[projects.a]\nencryption = [\"aes\"]", (2, 1), "projects.a.encryption", "\"default\" or \"kms\""),
    ("[projects.a]\nencryption = []", (2, 1), "projects.a.encryption", "is empty"),
    ("[projects.a]\nencryption = [\"kms\", \"kms\"]", (2, 1), "projects.a.encryption", "twice"),
    ("[projects.a]\nencryption = [7]", (2, 1), "projects.a.encryption", "must be text"),
    ("[deletion]\nretention_days = 4000", (2, 1), "deletion.retention_days", "from 0 to 3650"),
    ("[policy]\nmin_rsa_bits = 1024", (2, 1), "policy.min_rsa_bits", "from 2048 to 8192"),
    ("[policy]\nallow_key_types = [\"rsa1\"]", (2, 1), "policy.allow_key_types", "that is not \"dsa\""),
    ("[projects.p]\nallow_key_types = [\"DSA\"]", (2, 1), "projects.p.allow_key_types", "that is not \"dsa\""),
    ("[limits]\ndeadline_seconds = 61", (2, 1), "limits.deadline_seconds", "which is 60"),
    ("[log]\nlevel = \"inof\"", (2, 1), "log.level", "\"inof\" is not a level"),
    ("[log]\nformat = \"xml\"", (2, 1), "log.format", "auto, json, pretty"),
    ("[[store]]\nkind = \"memory\"", (1, 3), "store", "is a section, not a list of sections"),
    ("[auth]", (1, 2), "auth", "not built yet"),
];

#[test]
fn every_fault_has_its_line_and_its_key() {
    for (text, (line, column), key, words) in FAULTS {
        let faults = load(text, &[], Flags::default()).unwrap_err();
        let found = faults.iter().any(|fault| {
            let at = matches!(&fault.origin, Origin::File { line: l, column: c, .. } if (*l, *c) == (line, column));
            at && fault.key == key && fault.message.contains(words)
        });
        assert!(found, "for {text:?} expected {line}:{column} {key} {words:?} in {}", shown(&faults));
    }
}

#[test]
fn all_faults_are_told_in_one_start() {
    let text: String = [
        "colour = \"red\"",
        "[server]\nlisten = \"nowhere\"\nreflection = 1\nlisten_too = true",
        "[server.tls]\ncert_file = \"/nowhere/cert\"",
        "[quota]\nkey_pairs_per_project = \"many\"",
        "[deletion]\nretention_days = -1",
        "[kms.main]\nkind = \"transit\"",
        "[log]\nlevel = \"loud\"\nformat = \"xml\"",
    ]
    .join("\n");
    let env = [("KEYPAIRS__QUOTA__KEY_PAIR", "1"), ("KEYPAIRS__STORE__CACHE_MIB", "big")];
    let faults = load(&text, &env, Flags { listen: Some("there".into()), ..Flags::default() }).unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    let expected = [
        "colour",
        "server.reflection",
        "server.listen_too",
        "server.tls.key_file",
        "server.tls.cert_file",
        "quota.key_pairs_per_project",
        "deletion.retention_days",
        "kms.main",
        "log.level",
        "log.format",
        "quota.key_pair",
        "store.cache_mib",
        "server.listen",
    ];
    assert_eq!(keys, expected, "{}", shown(&faults));
}

#[test]
fn broken_syntax_is_told_with_every_line_and_quotes_nothing() {
    let text = "[server]\nlisten = \n[store]\nurl = \"hunter2\n[quota]\nkey_pairs_per_project = 1\n";
    let faults = load(text, &[], Flags::default()).unwrap_err();
    let lines: Vec<usize> = faults.iter().filter(|f| f.message.contains("is not TOML")).map(line).collect();
    assert!(lines.contains(&2) && lines.contains(&4), "{}", shown(&faults));
    assert!(!shown(&faults).contains("hunter2"), "{}", shown(&faults));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let gone = Config::load(Some(Path::new("/nowhere/k.toml")), [], Flags::default()).unwrap_err();
    assert!(shown(&gone).contains("/nowhere/k.toml") && shown(&gone).contains("cannot be read"), "{}", shown(&gone));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("k.toml");
    fs::write(&file, b"[log]\nlevel = \"\xff\"\n").unwrap();
    let faults = Config::load(Some(&file), [], Flags::default()).unwrap_err();
    assert_eq!(line(&faults[0]), 2);
    assert!(faults[0].message.contains("UTF-8"));
}

#[test]
fn a_wrong_variable_is_named() {
    let env = [
        ("KEYPAIRS__SERVER__LISTNE", "127.0.0.1:1"),
        ("KEYPAIRS__LIMITS__RSA_WORKERS", "0"),
        ("KEYPAIRS__SERVER", "x"),
        ("KEYPAIRS__HEALTH__LISTEN", "127.0.0.1:4"),
        ("KEYPAIRS__health__listen", "127.0.0.1:5"),
        ("KEYPAIRS__PROVIDERS__TENCENT_GZ__SECRET_KEY", "hunter2"),
        ("KEYPAIRS__STORE__URL", "postgres://u:hunter2@db"),
        ("KEYPAIRS__", "hunter2"),
    ];
    let faults = load("", &env, Flags::default()).unwrap_err();
    for (name, _) in env.iter().filter(|(name, _)| *name != "KEYPAIRS__HEALTH__LISTEN") {
        let named = faults.iter().any(|fault| fault.origin == Origin::Env((*name).to_owned()));
        assert!(named, "{name} is not in {}", shown(&faults));
    }
    assert_eq!(faults.len(), env.len() - 1, "{}", shown(&faults));
    assert!(!shown(&faults).contains("hunter2"), "{}", shown(&faults));
}

#[test]
fn no_fault_shows_a_secret() {
    let canary = "hunter2-canary";
    for text in [
        format!("password = \"{canary}\""),
        format!("[store]\nurl = \"{canary}\"\nurl_file = \"/x\""),
        format!("[store]\nurl = [\"{canary}\"]"),
        format!("[store]\nurl = {{ a = \"{canary}\" }}"),
        format!("[keyring]\nroot = \"{canary}\""),
        format!("[keyring]\nfile = [\"{canary}\"]"),
        format!("[providers.a]\nsecret_key = \"{canary}\""),
        format!("[projects.a]\nencryption = [\"{canary}\"]"),
        format!("[quota]\nkey_pairs_per_project = \"{canary}\""),
        format!("[keyring]\nfile = \"{canary}\" \"{canary}\""),
    ] {
        let faults = load(&text, &[], Flags::default()).unwrap_err();
        assert!(!format!("{} {faults:?}", shown(&faults)).contains(canary), "{}", shown(&faults));
    }
}

#[test]
fn beyond_loopback_everything_must_be_meant() {
    let dir = pem_files();
    let pem = |name: &str| dir.path().join(name).display().to_string();
    let tls = format!("[server.tls]\ncert_file = {:?}\nkey_file = {:?}\n", pem("cert.pem"), pem("key.pem"));
    let mutual = format!("{tls}client_ca_file = {:?}\n", pem("ca.pem"));
    let optional = format!("{mutual}client_auth = \"optional\"\n");
    let cases = [
        ("", false, false, 2),
        ("", true, false, 1),
        ("", false, true, 1),
        ("", true, true, 0),
        (&tls, false, false, 1),
        (&tls, false, true, 0),
        (&optional, false, false, 1),
        (&mutual, false, false, 0),
    ];
    for (text, insecure, insecure_no_auth, wanted) in cases {
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:5"] {
            let flags = Flags { listen: Some(listen.into()), insecure, insecure_no_auth, ..Flags::default() };
            let faults = load(text, &[], flags).err().unwrap_or_default();
            assert_eq!(faults.len(), wanted, "{listen} {text} {}", shown(&faults));
            assert!(faults.iter().all(|fault| fault.origin == Origin::Flag("--listen")));
        }
    }
    for listen in ["127.0.0.1:0", "127.3.2.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        let flags = Flags { listen: Some(listen.into()), ..Flags::default() };
        assert!(load("", &[], flags).unwrap().server.reflection, "{listen}");
    }
}

#[test]
fn the_example_loads_and_shows_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/keypairs.example.toml");
    let config = Config::load(Some(&path), [], Flags::default()).unwrap();
    let mut plain = load("", &[], Flags::default()).unwrap();
    plain.metrics.listen_is_default = false;
    assert_eq!(config, plain, "the example shows the defaults");

    let shown = example_keys(&fs::read_to_string(path).unwrap());
    let known = known_keys();
    let missing: Vec<&String> = known.iter().filter(|key| !shown.contains(*key)).collect();
    assert!(missing.is_empty(), "not in the example: {missing:?}");
    let unknown: Vec<&String> = shown.iter().filter(|key| !known.contains(key)).collect();
    assert!(unknown.is_empty(), "in the example, but no key: {unknown:?}");
    assert!(known.len() >= 24, "{known:?}");
}

/// The files of its certificates are not here; nothing else may be wrong with it.
#[test]
fn the_config_for_kubernetes_loads() {
    let manifest = include_str!("../../deploy/kubernetes.yaml");
    let (_, text) = manifest.split_once("  keypairs.toml: |\n").unwrap();
    let text: Vec<&str> = text.lines().take_while(|line| *line != "---").map(str::trim_start).collect();
    let faults = load(&text.join("\n"), &[], Flags::default()).unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        ["server.tls.cert_file", "server.tls.key_file", "server.tls.client_ca_file"],
        "{}",
        shown(&faults)
    );
    assert!(faults.iter().all(|fault| fault.message.contains("cannot be read")), "{}", shown(&faults));
}

#[test]
fn the_unit_sets_known_variables() {
    let unit = include_str!("../../deploy/systemd/keypairs.service");
    let env: Vec<(&str, &str)> =
        unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('=')).collect();
    assert_eq!(env.len(), 2);
    let config = load("", &env, Flags::default()).unwrap();
    assert!(!config.keyring.file_is_default && !config.keyring.file.starts_with(&config.data_dir));
}

#[test]
fn what_is_printed_means_the_same() {
    let dir = pem_files();
    let pem = |name: &str| dir.path().join(name).display().to_string();
    let text = format!(
        "data_dir = \"d\"\n[server]\nlisten = \"[::1]:7\"\nreflection = false\n[server.tls]\ncert_file = {:?}\n\
         key_file = {:?}\nclient_ca_file = {:?}\nclient_auth = \"optional\"\n[health]\nlisten = \"0.0.0.0:8\"\n\
         [metrics]\nlisten = \"127.0.0.1:9\"\n[store]\nkind = \"memory\"\ncache_mib = 64\n[keyring]\nfile = \"k\"\n\
         [quota]\nkey_pairs_per_project = 0\n[projects.a]\nencryption = [\"kms\"]\n[projects.b]\nkey_pairs = 2\n\
         [deletion]\nretention_days = 0\n[policy]\nmin_rsa_bits = 3072\n[limits]\ndeadline_seconds = 1\n\
         max_deadline_seconds = 2\nrsa_workers = 3\nrsa_queue_wait_seconds = 4\n\
         [log]\nlevel = \"info,keypairs=debug\"\nformat = \"json\"\n",
        pem("cert.pem"),
        pem("key.pem"),
        pem("ca.pem")
    );
    let config = load(&text, &[], Flags::default()).unwrap();
    let printed = config.print_redacted();
    assert_eq!(load(&printed, &[], Flags::default()).unwrap(), config, "{printed}");

    let flags = Flags { insecure: true, insecure_no_auth: true, ..Flags::default() };
    let printed = load("", &[], flags.clone()).unwrap().print_redacted();
    assert!(printed.starts_with("# flags: --insecure --insecure-no-auth\n"), "{printed}");
    for key in ["metrics", "keyring"] {
        assert!(printed.contains(&format!("[{key}]")), "defaults are shown too: {printed}");
    }
    load(&printed, &[], flags).unwrap();
}

#[test]
fn two_listeners_cannot_share_an_address() {
    let env = |a, b| [("KEYPAIRS__HEALTH__LISTEN", a), ("KEYPAIRS__METRICS__LISTEN", b)];
    let faults = load("", &env("127.0.0.1:7", "127.0.0.1:7"), Flags::default()).unwrap_err();
    assert_eq!(faults[0].key, "health.listen");
    let faults = load("", &env("127.0.0.1:7", "127.0.0.1:50051"), Flags::default()).unwrap_err();
    assert_eq!(faults[0].key, "server.listen");
    load("", &env("127.0.0.1:0", "127.0.0.1:0"), Flags::default()).unwrap();
    // The default of the metrics gives way.
    let flags = Flags { listen: Some("127.0.0.1:9464".into()), ..Flags::default() };
    assert!(load("", &[], flags).unwrap().metrics.listen_is_default);
}

/// Loads `text` as a file.
fn load(text: &str, env: &[(&str, &str)], flags: Flags) -> Result<Config, Vec<ConfigFault>> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("keypairs.toml");
    fs::write(&file, text).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&file), env, flags)
}

fn pem_files() -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, label) in [("cert.pem", "CERTIFICATE"), ("key.pem", "PRIVATE KEY"), ("ca.pem", "CERTIFICATE")] {
        let text = format!("-----BEGIN {label}-----\nnot looked into here\n-----END {label}-----\n");
        fs::write(PathBuf::from(dir.path()).join(name), text).unwrap();
    }
    dir
}

fn shown(faults: &[ConfigFault]) -> String {
    faults.iter().map(|fault| format!("\n{fault}")).collect()
}

fn line(fault: &ConfigFault) -> usize {
    match fault.origin {
        Origin::File { line, .. } => line,
        _ => 0,
    }
}

/// The keys of the example file, those in comments too.
fn example_keys(text: &str) -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim_matches(['[', ']']); // of a list
            section = format!("{name}.").replace(".my-team.", ".NAME.").replace(".tencent-gz.", ".NAME.");
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            keys.push(format!("{section}{key}"));
        }
    }
    keys
}
