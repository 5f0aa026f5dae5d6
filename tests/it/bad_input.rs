//! The table of bad inputs, over the real wire: one line per input, with its number in the table of the security notes.
//!
//! Every row of it: refused as the table says, with one ErrorInfo, nothing stored, nothing of a secret in the answer or
//! in the log (at level TRACE), and the connection serves the next row. The rows of keys stand in `sshkey/*_table.rs`.

mod check;
mod corpus;
mod rows;

use std::collections::BTreeSet;

use keypairs::grpc::pb;
use prost::Message;
use tonic::Code;

use crate::frames::{Wire, frame};
use crate::refusal::Refusal;
use crate::server::{Place, Server};
use check::Secrets;

/// One row: its number, what is sent, the call, and what is told.
pub struct Row(pub u16, pub &'static str, pub Ask, pub Told);

/// A call.
pub struct Ask {
    method: &'static str,
    project: String,
    frames: Vec<u8>,
    headers: &'static [(&'static str, &'static str)],
    /// What must not be seen again anywhere.
    secret: Option<String>,
}

/// What is told.
pub enum Told {
    /// It is taken, and stored.
    Accepted,
    /// It is taken, and this is its public line.
    Line(String),
    /// It is taken, and this is its fingerprint.
    Fingerprint(String),
    /// Code, reason, and for an invalid argument the path of the field.
    Refused(Code, &'static str, Option<&'static str>),
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_told_as_the_table_says() {
    let place = Place::new();
    place.configure(&format!("{CONFIG}{}", corpus::config()));
    let server = place.serve_at_level("trace");
    let wire = Wire::connect(&server).await;
    let rows = rows::all();
    prepare(&wire).await;
    let mut secrets = Secrets::default();
    let mut seen = BTreeSet::new();
    for row in &rows {
        check::row(&wire, row).await;
        secrets.watch(row);
        seen.insert(row.0);
    }
    let missing: Vec<u16> = REQUIRED.iter().flat_map(|rows| rows.clone()).filter(|row| !seen.contains(row)).collect();
    assert!(missing.is_empty(), "rows of the table that are not tested: {missing:?}");
    let log = server.log();
    assert!(log.len() > rows.len(), "the log is at level TRACE");
    assert!(log.iter().any(|line| line.contains("\"reason\":\"NAME_ILLEGAL_CHAR\"")), "refusals are logged");
    assert!(log.iter().all(|line| line.bytes().all(|b| b >= 0x20)), "a log line with control characters");
    secrets.assert_none_in(&log);
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_told_at_once() {
    let place = Place::new();
    let server = place.serve();
    let wire = Wire::connect(&server).await;
    let mut request = pb::CreateRequest::default();
    request.project_id = "No".into();
    request.name = "a b".into();
    request.description = "a\nb".into();
    request.labels = [(String::new(), "v".into()), ("k".into(), "x".repeat(128))].into();
    request.user_id = "a b".into();
    request.key_type = 99;
    request.encryption = Some(pb::Encryption { r#type: 99, ..Default::default() });
    request.placements = ["nowhere", "local", "local"].map(placement).to_vec();
    request.private_key_format = 99;
    request.generated_by = "nowhere".into();
    request.request_id = "1".into();
    let answer = wire.call("Create", frame(&request.encode_to_vec())).await;
    let told = Refusal::of(&answer.status);
    let all: Vec<(&str, &str)> = told.violations.iter().map(|(f, r)| (f.as_str(), r.as_str())).collect();
    let expected = [
        ("project_id", "PROJECT_ID_INVALID"),
        ("name", "NAME_ILLEGAL_CHAR"),
        ("description", "DESCRIPTION_INVALID"),
        ("labels[]", "LABELS_INVALID"),
        ("labels[k]", "LABELS_INVALID"),
        ("user_id", "USER_ID_INVALID"),
        ("key_type", "KEY_TYPE_UNSUPPORTED"),
        ("encryption.type", "ENCRYPTION_TYPE_INVALID"),
        ("placements[0].provider", "PROVIDER_NOT_CONFIGURED"),
        ("placements[2].provider", "PLACEMENT_DUPLICATE"),
        ("private_key_format", "FORMAT_UNSUPPORTED"),
        ("generated_by", "PROVIDER_NOT_CONFIGURED"),
        ("request_id", "REQUEST_ID_INVALID"),
    ];
    assert_eq!(all, expected);
    assert_eq!((told.code, told.reason.as_str()), (Code::InvalidArgument, "PROJECT_ID_INVALID"));
    assert!(told.message.contains("and 12 more"), "{}", told.message);
}

/// Row 121: whatever is sent, memory stays where it was.
#[tokio::test(flavor = "multi_thread")]
async fn broken_and_huge_messages_cost_no_memory() {
    let place = Place::new();
    let server = place.serve();
    let wire = Wire::connect(&server).await;
    prepare(&wire).await;
    let rows = rows::wire_forms();
    for row in &rows {
        check::row(&wire, row).await; // what a first time costs is paid here
    }
    let before = peak_kib(&server);
    for _ in 0..20 {
        for row in &rows {
            check::row(&wire, row).await;
        }
    }
    let more = peak_kib(&server) - before;
    assert!(more < 4096, "the peak grew by {more} KiB over {before} KiB");
}

fn peak_kib(server: &Server) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The pair that rows 21 to 23 run into, and a project with no room.
async fn prepare(wire: &Wire) {
    for (project, name) in [("default", "web"), ("full", "only")] {
        let mut request = pb::CreateRequest::default();
        (request.project_id, request.name) = (project.into(), name.into());
        let _: pb::CreateResponse = wire.ok("Create", &request).await;
    }
}

fn placement(provider: &str) -> pb::PlacementSpec {
    pb::PlacementSpec { provider: provider.into(), ..Default::default() }
}

/// Row 26 with a quota of 1; contract/quota.rs has the 501st key.
const CONFIG: &str = "[projects.full]\nkey_pairs = 1\n";

/// The rows that hold before there are clouds. weak_keys.rs has those that need other keys first: 70 to 72.
const REQUIRED: [std::ops::RangeInclusive<u16>; 8] =
    [1..=2, 10..=24, 26..=27, 29..=69, 73..=80, 83..=115, 117..=118, 121..=121];
