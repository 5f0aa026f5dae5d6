//! The picture of docs/ARCHITECTURE.md as tables: which module is in which layer, and who may name what. A new row is a
//! decision: its reason stands here and in that document.

/// Each module of the crate and its layer. A file imports lower layers only.
pub const LAYERS: &[(&str, u8)] = &[
    // 6 assembly: names concrete adapters; nobody below imports it.
    ("main", 6),
    ("lib", 6),
    ("app", 6),
    ("cli", 6),
    ("config", 6),
    ("telemetry", 6),
    // 5 faces: wire <-> domain.
    ("face", 5),
    ("grpc", 5),
    // 4 the use cases.
    ("service", 4),
    // 3 seals and opens private halves.
    ("envelope", 3),
    // 2 ports and their adapters, blind to each other.
    ("kms", 2),
    ("provider", 2),
    ("store", 2),
    // 1 pure: no I/O, no clock, no async. `outbound`, the one HTTPS client, is not: it is here because it knows no more.
    ("dialect", 1),
    ("model", 1),
    ("outbound", 1),
    ("sshkey", 1),
    // 0 base.
    ("cipher", 0),
    ("clock", 0),
    ("error", 0),
    ("octets", 0),
    ("plain", 0),
    ("ready", 0),
    ("secret", 0),
];

/// Imports within one layer: from, to, why.
pub const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("cipher", "secret", "keys live in SecretBytes"),
    ("model", "sshkey", "a pair holds its public half, a filter its algorithm; keys know nothing of pairs"),
    ("dialect", "model", "operations carry checked words"),
    ("config", "telemetry", "the log's format is a setting, and the log checks its own level"),
    ("app", "config", "builds from it"),
    ("app", "telemetry", "hands the metrics to those who count"),
    ("app", "cli", "acts on the operator commands, which are words of the command line"),
    ("main", "app", "hands over"),
    ("main", "cli", "hands over"),
    ("main", "config", "hands over"),
    ("main", "telemetry", "hands over"),
];

/// Downward imports that would be allowed by layer and are not: from, to, why.
pub const BLIND: &[(&str, &str, &str)] = &[
    ("grpc", "envelope", "a face converts and calls a use case"),
    ("grpc", "store", "a face converts and calls a use case"),
    ("grpc", "kms", "a face converts and calls a use case"),
    ("grpc", "provider", "a face converts and calls a use case"),
    ("grpc", "dialect", "clouds' words are for the face and the adapters"),
    ("face", "envelope", "a face converts and calls a use case"),
    ("face", "store", "a face converts and calls a use case"),
    ("face", "kms", "a face converts and calls a use case"),
    ("face", "provider", "a face converts and calls a use case"),
    ("cli", "service", "the client commands know the contract, not the server"),
    ("cli", "envelope", "the client commands know the contract, not the server"),
    ("cli", "store", "the client commands know the contract, not the server"),
    ("cli", "kms", "the client commands know the contract, not the server"),
    ("config", "grpc", "settings are checked words; app builds from them"),
    ("config", "service", "settings are checked words; app builds from them"),
    ("config", "store", "settings are checked words; app builds from them"),
    ("config", "kms", "settings are checked words; app builds from them"),
    ("telemetry", "grpc", "counts and times are handed in"),
    ("telemetry", "service", "counts and times are handed in"),
    ("telemetry", "store", "counts and times are handed in"),
];

/// What only some places may name: the word, the files (by how their path begins), why.
pub const NAMED: &[(&str, &[&str], &str)] = &[
    (
        "prost",
        &["grpc/", "cli/output.rs", "store/record.rs"],
        "wire types stay at the wire; the client prints messages",
    ),
    ("prost_types", &["grpc/", "cli/"], "wire types stay at the wire"),
    ("prost_reflect", &["cli/output.rs"], "only the client prints messages"),
    (
        "pb",
        &["grpc/", "cli/", "app/", "store/record.rs", "store/placements.rs"],
        "wire types stay at the wire; app serves the operator socket",
    ),
    ("tonic", &["grpc/", "cli/", "app/"], "gRPC: the face, the client, and the listeners"),
    ("tonic::transport::Server", &["app/"], "only the assembly listens"),
    ("tonic_types", &["grpc/", "cli/", "app/serve.rs"], "error details; reflection serves their descriptors"),
    ("tonic_health", &["app/"], "health is told by the assembly"),
    ("tonic_reflection", &["app/"], "reflection is added by the assembly"),
    ("http", &["grpc/", "face/", "dialect/", "outbound.rs", "provider/"], "requests and answers, headers of calls"),
    ("hyper", &["face/"], "HTTP/1.1, where it is listened for"),
    ("hyper_util", &["face/", "cli/operator_client.rs"], "hyper on tokio"),
    ("http_body_util", &["face/"], "bodies of requests and answers"),
    ("reqwest", &["outbound.rs"], "one HTTPS client"),
    ("governor", &["outbound.rs", "face/"], "the rate of each account and action"),
    ("percent_encoding", &["dialect/"], "requests as they are signed"),
    ("form_urlencoded", &["dialect/"], "requests as they are signed"),
    ("url", &["config/"], "endpoints of clouds are read as the client reads them"),
    ("crc32fast", &["dialect/huawei/zip.rs"], "the check sums of one answer"),
    ("tower", &["grpc/", "app/", "cli/operator_client.rs"], "the layer around calls; a channel over a unix socket"),
    ("axum", &["telemetry/serve.rs"], "GET /metrics, and nothing else over HTTP/1"),
    ("sled", &["store/sled/", "store/mod.rs", "app/mod.rs"], "one adapter knows its engine"),
    ("seccompiler", &["store/sled/"], "only sled needs the filter"),
    ("ssh_key", &["sshkey/"], "a release candidate, kept in one folder"),
    ("aws_lc_rs", &["sshkey/"], "arithmetic of keys"),
    ("aes_gcm", &["cipher.rs"], "each primitive is chosen once"),
    ("hkdf", &["cipher.rs"], "each primitive is chosen once"),
    (
        "hmac",
        &["cipher.rs", "store/record.rs", "sshkey/ppk/"],
        "each primitive is chosen once; rows clone a prepared state; what foreign key files are locked with is theirs",
    ),
    ("ssh_cipher", &["sshkey/"], "ciphers of foreign key files"),
    ("bcrypt_pbkdf", &["sshkey/"], "derivations of foreign key files"),
    ("pbkdf2", &["sshkey/"], "derivations of foreign key files"),
    ("scrypt", &["sshkey/"], "derivations of foreign key files"),
    ("argon2", &["sshkey/"], "derivations of foreign key files"),
    ("rand", &["clock.rs"], "randomness is handed in"),
    ("clap", &["cli/"], "only the command line is typed"),
    ("toml", &["config/"], "only the config is TOML"),
    // Adapters: the ports are named everywhere, what is behind them only where it is put together.
    ("Keyring::create", &["app/"], "an adapter is named where it is built"),
    ("Keyring::open", &["app/"], "an adapter is named where it is built"),
    ("SledStore", &["store/sled/", "app/"], "an adapter is named where it is built"),
    ("MemoryStore", &["store/memory.rs", "app/"], "an adapter is named where it is built"),
    ("Baidu::new", &["app/"], "an adapter is named where it is built"),
    ("Huawei::new", &["app/"], "an adapter is named where it is built"),
    ("Tencent::new", &["app/"], "an adapter is named where it is built"),
    ("AwsLcKeyMaker", &["sshkey/", "app/"], "an adapter is named where it is built"),
    ("SystemClock", &["clock.rs", "app/"], "time is handed in"),
    ("OsEntropy", &["clock.rs", "app/", "cli/"], "randomness is handed in; the client is a program of its own"),
    // Time and randomness of the machine.
    ("SystemTime", &["clock.rs"], "time is handed in"),
    ("SysRng", &["clock.rs"], "randomness is handed in"),
    (
        "SystemRandom",
        &["sshkey/private.rs", "sshkey/rsa.rs"],
        "aws-lc-rs signs its proofs with its own randomness only",
    ),
];

/// What the pure modules may not name: they are called with everything they need.
pub const IMPURE: &[&str] = &[
    "async",
    "tokio",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "Instant",
    "tracing",
];

/// Words that no code holds: unfinished work.
pub const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!", "FIXME", "XXX"];

/// Words that say nothing, as parts of names of types and modules.
pub const EMPTY_NAMES: &[&str] = &["Manager", "Helper", "Util", "utils", "helpers"];
