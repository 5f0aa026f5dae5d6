//! The rows.

use keypairs::error::Reason;
use keypairs::grpc::pb;
use keypairs::sshkey::{Curve, KeyFormat, KeySpec};
use prost::Message;
use tonic::Code::{self, AlreadyExists, FailedPrecondition, InvalidArgument, ResourceExhausted};

use super::Told::{self, Accepted, Line, Refused};
use super::{Ask, Row, corpus, placement};
use crate::frames::{field, frame, frame_saying};
use crate::sshkey::public_table::BadKey;
use crate::sshkey::{encode, make, private_table, public_table, weak_table};

/// All of them.
pub fn all() -> Vec<Row> {
    let parts =
        [names(), texts_and_places(), public_forms(), private_forms(), encryption(), wire_forms(), corpus::rows()];
    let mut rows: Vec<Row> = parts.into_iter().flatten().collect();
    rows.extend(public_table::rows().into_iter().map(public_row));
    rows.extend(weak_table::rows().into_iter().map(public_row));
    rows.extend(weak_table::private_rows().into_iter().map(private_row));
    rows.extend(private_table::rows().into_iter().chain(private_table::rows_for_the_proof()).map(private_row));
    rows.sort_by_key(|row| row.0);
    rows
}

#[rustfmt::skip] // one row, one line
fn names() -> Vec<Row> {
    let id = "kp-0190a1b2c3d470008000000000000001";
    vec![
        Row(1, "empty", named(""), invalid("NAME_EMPTY", "name")),
        Row(2, "only spaces", named("   "), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(10, "../x", named("../x"), invalid("NAME_BAD_START", "name")),
        Row(10, "a/../x", named("a/../x"), invalid("NAME_BAD_SEGMENT", "name")),
        Row(10, "a//x", named("a//x"), invalid("NAME_BAD_SEGMENT", "name")),
        Row(10, "a/./x", named("a/./x"), invalid("NAME_BAD_SEGMENT", "name")),
        Row(10, "slash at the end", named("a/"), invalid("NAME_BAD_SEGMENT", "name")),
        Row(10, "slash at the start", named("/a"), invalid("NAME_BAD_START", "name")),
        Row(10, "dot at the start", named(".a"), invalid("NAME_BAD_START", "name")),
        Row(11, "NUL inside", named("a\0b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(12, "newline", named("a\nb"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(12, "tab", named("a\tb"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(13, "trailing space", named("web "), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "RTL override", named("a\u{202e}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "zero-width joiner", named("a\u{200d}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "byte order mark", named("\u{feff}web"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "soft hyphen", named("a\u{ad}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "zero-width space", named("a\u{200b}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "joiner of a script that has it", named("می\u{200c}خواهم"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "word joiner", named("a\u{2060}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(14, "tags", named("a\u{e0061}b"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(15, "combining mark", named("e\u{301}"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(15, "NFD of a letter without marks", named("\u{212b}"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(16, "full-width letters", named("ｗｅｂ"), Accepted),
        Row(16, "Cyrillic a", named("w\u{430}b"), Accepted),
        Row(16, "Han, and a letter with its mark in one (NFC)", named("密钥/caf\u{e9}.1"), Accepted),
        Row(17, "emoji", named("a\u{1f600}"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(17, "unpaired surrogate (CESU)", raw("Create", field(2, b"a\xed\xa0\x80")), invalid("MESSAGE_MALFORMED", "")),
        Row(18, "not UTF-8", raw("Create", field(2, b"a\xff")), invalid("MESSAGE_MALFORMED", "")),
        Row(19, "255 letters", named(&"n".repeat(255)), Accepted),
        Row(19, "256 letters", named(&"n".repeat(256)), invalid("NAME_TOO_LONG", "name")),
        Row(19, "200 KiB", named(&"n".repeat(200 << 10)), invalid("NAME_TOO_LONG", "name")),
        Row(19, "1 MB", named(&"n".repeat(1 << 20)), refused(ResourceExhausted, "MESSAGE_TOO_LARGE")),
        Row(20, "%s%n", named("%s%n"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(20, "${jndi:}", named("${jndi:ldap://x}"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(20, "SQL quote", named("a'; DROP TABLE key_pairs; --"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(20, "shell", named("$(reboot)"), invalid("NAME_ILLEGAL_CHAR", "name")),
        Row(20, "form of an id", named(id), invalid("NAME_LOOKS_LIKE_ID", "name")),
        Row(21, "existing name", named("web"), refused(AlreadyExists, "NAME_EXISTS")),
        Row(22, "existing name, other case", named("Web"), Accepted),
        Row(23, "same name, other tenant", create(|r| (r.project_id, r.name) = ("other".into(), "web".into())), Accepted),
    ]
}

#[rustfmt::skip] // one row, one line
fn texts_and_places() -> Vec<Row> {
    vec![
        Row(24, "description of 140", described(&"ж".repeat(140)), Accepted),
        Row(24, "description of 141", described(&"d".repeat(141)), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "NUL in the description", described("a\0b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "newline in the description", described("a\nb"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "RTL override in the description", described("a\u{202e}b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "byte order mark in the description", described("\u{feff}a"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "soft hyphen in the description", described("a\u{ad}b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "zero-width space in the description", described("a\u{200b}b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "joiner that joins nothing in the description", described("a\u{200d}b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "invisible times in the description", described("a\u{2062}b"), invalid("DESCRIPTION_INVALID", "description")),
        Row(24, "tags in the description", described("a\u{e0061}"), invalid("DESCRIPTION_INVALID", "description")),
        Row(26, "no room", create(|r| r.project_id = "full".into()), refused(ResourceExhausted, "QUOTA_EXCEEDED")),
        Row(27, "provider not configured", at(&["tencent-gz"]), invalid("PROVIDER_NOT_CONFIGURED", "placements[0].provider")),
        Row(27, "no provider", at(&["local", ""]), invalid("PROVIDER_NOT_CONFIGURED", "placements[1].provider")),
        Row(27, "generated_by not configured", create(|r| r.generated_by = "x".into()), invalid("PROVIDER_NOT_CONFIGURED", "generated_by")),
        Row(27, "key type 99", create(|r| r.key_type = 99), invalid("KEY_TYPE_UNSUPPORTED", "key_type")),
        Row(27, "key type -1", create(|r| r.key_type = -1), invalid("KEY_TYPE_UNSUPPORTED", "key_type")),
        Row(27, "format 99", create(|r| r.private_key_format = 99), invalid("FORMAT_UNSUPPORTED", "private_key_format")),
        Row(27, "view 99", ask("List", &pb::ListRequest { view: 99, ..Default::default() }, None), invalid("FILTER_INVALID", "view")),
    ]
}

fn public_forms() -> Vec<Row> {
    let line = || make(KeySpec::Ecdsa(Curve::P256)).public().line("a b");
    let tidy = |number, what, untidy: fn(&str, &str, &str) -> String| {
        let line = line();
        let (word, rest) = line.split_once(' ').unwrap();
        let (base64, comment) = rest.split_once(' ').unwrap();
        Row(number, what, public(&untidy(word, base64, comment)), Line(line.clone()))
    };
    let not_utf8 = field(6, &[line().as_bytes(), b" \xff"].concat());
    let huge = format!("ssh-rsa {}", "A".repeat(1 << 20));
    vec![
        Row(41, "comment not UTF-8", raw("ImportPublic", not_utf8), invalid("MESSAGE_MALFORMED", "")),
        tidy(43, "CRLF at the end", |word, base64, comment| format!("{word} {base64} {comment}\r\n")),
        tidy(43, "one trailing newline", |word, base64, comment| format!("{word} {base64} {comment}\n")),
        tidy(44, "leading spaces", |word, base64, comment| format!("  {word} {base64} {comment}")),
        tidy(44, "tab as separator", |word, base64, comment| format!("{word}\t{base64}\t{comment}")),
        tidy(44, "double space as separator", |word, base64, comment| format!("{word}  {base64}  {comment}")),
        Row(51, "body of 1 MB", public(&huge), refused(ResourceExhausted, "MESSAGE_TOO_LARGE")),
    ]
}

fn private_forms() -> Vec<Row> {
    let taken = |number, what, spec, format, change: fn(String) -> String| {
        let key = make(spec);
        Row(number, what, private(&change(encode(&key, format, None))), Accepted)
    };
    let same = |file: String| file;
    let p256 = KeySpec::Ecdsa(Curve::P256);
    vec![
        taken(89, "CRLF", KeySpec::Ed25519, KeyFormat::OpenSsh, |file| file.replace('\n', "\r\n")),
        taken(89, "missing last newline", KeySpec::Ed25519, KeyFormat::OpenSsh, |file| file.trim_end().to_owned()),
        taken(110, "PKCS#1 of RSA", KeySpec::Rsa(2048), KeyFormat::Pkcs1, same),
        taken(110, "PKCS#8 of RSA", KeySpec::Rsa(2048), KeyFormat::Pkcs8, same),
        taken(110, "PKCS#8 of P-256", p256, KeyFormat::Pkcs8, same),
        taken(110, "SEC1 of P-256", p256, KeyFormat::Sec1, same),
        Row(114, "body of 1 MB", private(&"A".repeat(1 << 20)), refused(ResourceExhausted, "MESSAGE_TOO_LARGE")),
    ]
}

#[rustfmt::skip] // one row, one line
fn encryption() -> Vec<Row> {
    const NAME: &str = "encryption.kms_key_name";
    let (default, kms) = (1, 2);
    vec![
        Row(115, "KMS, neither name nor id", sealed(kms, "", ""), invalid("KMS_KEY_REQUIRED", NAME)),
        Row(117, "DEFAULT with a name", sealed(default, "kps/default", ""), invalid("ENCRYPTION_CONFLICT", NAME)),
        Row(117, "DEFAULT with an id", sealed(default, "", "keyring:x"), invalid("ENCRYPTION_CONFLICT", "encryption.kms_key_id")),
        Row(117, "unspecified with a name", sealed(0, "kps/default", ""), invalid("ENCRYPTION_CONFLICT", NAME)),
        Row(118, "type 99", sealed(99, "", ""), invalid("ENCRYPTION_TYPE_INVALID", "encryption.type")),
        Row(119, "name ../", sealed(kms, "../", ""), invalid("KMS_KEY_NAME_INVALID", NAME)),
        Row(119, "name of 300", sealed(kms, &"k".repeat(300), ""), invalid("KMS_KEY_NAME_INVALID", NAME)),
        Row(119, "no such key", sealed(kms, "kps/default", ""), refused(FailedPrecondition, "KMS_KEY_NOT_FOUND")),
    ]
}

/// Row 121, and sizes: what no client library sends. 250 KiB is what the message limit lets through.
#[rustfmt::skip] // one row, one line
pub fn wire_forms() -> Vec<Row> {
    let web = field(2, b"web"); // a taken name: what gets through is refused and changes nothing
    let groups = [[0xa3, 0x06].repeat(300), [0xa4, 0x06].repeat(300)].concat(); // field 100
    let nested = (0..300).fold(vec![], |inner, _| field(100, &inner));
    let both = [field(2, b"first"), web.clone()].concat();
    let unknown = [web.clone(), field(1000, &[7; 200_000])].concat();
    let two = [frame(&web), frame(&web)].concat();
    let huge = |bytes| raw("Create", field(2, &vec![b'n'; bytes]));
    let bomb = gzip_bomb();
    let bomb = frame_saying(1, bomb.len(), &bomb);
    let exists = || refused(AlreadyExists, "NAME_EXISTS");
    let malformed = || invalid("MESSAGE_MALFORMED", "");
    let too_large = || refused(ResourceExhausted, "MESSAGE_TOO_LARGE");
    vec![
        Row(121, "frame length over body", bytes(frame_saying(0, web.len() + 9, &web)), malformed()),
        Row(121, "frame header cut off", bytes(vec![0, 0]), malformed()),
        Row(121, "no frame", bytes(vec![]), malformed()),
        Row(121, "frame length 2^32 - 1", bytes(frame_saying(0, 0xffff_ffff, &web)), too_large()),
        Row(121, "compressed flag without encoding", bytes(frame_saying(1, web.len(), &web)), malformed()),
        Row(121, "flag 7", bytes(frame_saying(7, web.len(), &web)), malformed()),
        Row(121, "gzip bomb 1000:1", with_gzip(bomb.clone()), malformed()),
        Row(121, "gzip bomb without encoding", bytes(bomb), malformed()),
        Row(121, "300 nested groups", raw("Create", groups), malformed()),
        Row(121, "300 nested messages in an unknown field", raw("Create", [web.clone(), nested].concat()), exists()),
        Row(121, "duplicate field: the last counts", raw("Create", both), exists()),
        Row(121, "unknown fields are ignored", raw("Create", unknown), exists()),
        Row(121, "two messages", bytes(two), exists()),
        Row(121, "wrong wire type", raw("Create", vec![0x10, 1]), malformed()),
        Row(121, "field number 0", raw("Create", vec![0x02, 1, 1]), malformed()),
        Row(121, "field length over message", raw("Create", vec![0x12, 0x7f, b'x']), malformed()),
        Row(121, "varint without end", raw("Create", [&[0x30][..], &[0xff; 20]].concat()), malformed()),
        Row(121, "no protobuf at all", raw("ImportPrivate", b"-----BEGIN OPENSSH PRIVATE KEY-----".to_vec()), malformed()),
        Row(121, "250 KiB", huge(250 << 10), invalid("NAME_TOO_LONG", "name")),
        Row(121, "300 KiB", huge(300 << 10), too_large()),
        Row(121, "1 MB", huge(1 << 20), too_large()),
        Row(121, "20 MB", huge(20 << 20), too_large()),
    ]
}

fn public_row((number, what, text, reason): BadKey) -> Row {
    let told = Refused(InvalidArgument, reason.as_str(), Some("public_key"));
    let secret = (reason == Reason::PrivateKeyInPublicField).then(|| text.clone());
    let request = pb::ImportPublicRequest { name: "bad".into(), public_key: text, ..Default::default() };
    Row(number, what, ask("ImportPublic", &request, secret), told)
}

fn private_row((number, what, text, reason): BadKey) -> Row {
    let told = match reason {
        Reason::PassphraseRequired => Refused(FailedPrecondition, reason.as_str(), Some("passphrase")),
        reason => Refused(InvalidArgument, reason.as_str(), Some("private_key")),
    };
    Row(number, what, private(&text), told)
}

fn invalid(reason: &'static str, field: &'static str) -> Told {
    Refused(InvalidArgument, reason, Some(field))
}

fn refused(code: Code, reason: &'static str) -> Told {
    Refused(code, reason, None)
}

/// A Create with the name "new", a passphrase that must not be seen again, and what `change` does to it.
fn create(change: impl FnOnce(&mut pb::CreateRequest)) -> Ask {
    let mut request = pb::CreateRequest::default();
    (request.name, request.passphrase) = ("new".into(), PASSPHRASE.into());
    change(&mut request);
    let mut ask = ask("Create", &request, Some(PASSPHRASE.into()));
    if !request.project_id.is_empty() {
        ask.project.clone_from(&request.project_id);
    }
    ask
}

fn named(name: &str) -> Ask {
    create(|request| request.name = name.into())
}

fn described(text: &str) -> Ask {
    create(|request| (request.name, request.description) = ("described".into(), text.into()))
}

fn at(providers: &[&str]) -> Ask {
    create(|request| request.placements = providers.iter().map(|provider| placement(provider)).collect())
}

fn sealed(kind: i32, key_name: &str, key_id: &str) -> Ask {
    let (kms_key_name, kms_key_id) = (key_name.into(), key_id.into());
    let asked = pb::Encryption { r#type: kind, kms_key_name, kms_key_id, ..Default::default() };
    create(|request| request.encryption = Some(asked))
}

/// An ImportPublic under a name of its own.
fn public(line: &str) -> Ask {
    let name = format!("public-{}", unique());
    ask("ImportPublic", &pb::ImportPublicRequest { name, public_key: line.into(), ..Default::default() }, None)
}

/// An ImportPrivate under a name of its own.
fn private(file: &str) -> Ask {
    let mut request = pb::ImportPrivateRequest::default();
    (request.name, request.private_key) = (format!("private-{}", unique()), file.into());
    ask("ImportPrivate", &request, Some(file.into()))
}

pub fn ask(method: &'static str, request: &impl Message, secret: Option<String>) -> Ask {
    Ask { method, project: "default".into(), frames: frame(&request.encode_to_vec()), headers: &[], secret }
}

/// A whole frame around these bytes.
fn raw(method: &'static str, message: Vec<u8>) -> Ask {
    Ask { method, ..bytes(frame(&message)) }
}

/// These bytes as the whole body of a Create.
fn bytes(frames: Vec<u8>) -> Ask {
    Ask { method: "Create", project: "default".into(), frames, headers: &[], secret: None }
}

fn with_gzip(frames: Vec<u8>) -> Ask {
    Ask { headers: &[("grpc-encoding", "gzip")], ..bytes(frames) }
}

/// 10 MB of zeros in about 10 KB, made by the gzip program.
fn gzip_bomb() -> Vec<u8> {
    let zeros = "\0".repeat(10 << 20);
    let bomb = crate::sshkey::run("gzip", &["-9", "-c"], &zeros);
    assert!(bomb.len() < 11_000, "{}", bomb.len());
    bomb
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

const PASSPHRASE: &str = "QzYvS0qnB4tXwLk7RfUe2dJm";
