//! What must hold after each row.

use std::collections::HashSet;

use keypairs::grpc::pb;
use tonic::{Code, Status};

use super::{Ask, Row, Told};
use crate::frames::Wire;
use crate::refusal::Refusal;

/// Sends a row and checks what is told, and that a refusal changes nothing.
pub async fn row(wire: &Wire, Row(number, what, ask, told): &Row) {
    let place = format!("row {number}, {what}");
    let before = stored(wire, &ask.project).await;
    let path = format!("/keypairs.v1.KeyPairs/{}", ask.method);
    let answer = wire.call_with(&path, ask.headers, ask.frames.clone()).await;
    assert_eq!(answer.header("x-call-id").len(), 32, "{place}: x-call-id");
    let after = stored(wire, &ask.project).await;
    match told {
        Told::Accepted | Told::Line(_) | Told::Fingerprint(_) => {
            assert_eq!(answer.status.code(), Code::Ok, "{place}: {:?}", answer.status);
            assert_eq!(after.0, before.0 + 1, "{place}: not stored");
            match (told, after.1.last().unwrap()) {
                (Told::Line(line), pair) => assert_eq!(pair.public_key, *line, "{place}"),
                (Told::Fingerprint(print), pair) => assert_eq!(pair.fingerprint_sha256, *print, "{place}"),
                _ => {}
            }
        }
        Told::Refused(code, reason, field) => {
            let refusal = Refusal::of(&answer.status);
            let place = format!("{place}: {} {:?}", refusal.message, refusal.violations);
            assert_eq!((refusal.code, refusal.reason.as_str()), (*code, *reason), "{place}");
            assert_eq!(refusal.violations.first().map(|(field, _)| field.as_str()), *field, "{place}");
            assert_eq!(after, before, "{place}: something changed");
            assert_eq!(answer.body, b"", "{place}");
            assert_no_secret(&place, ask, &answer.status);
        }
    }
}

/// What a project holds: GetProject's count, and all pairs with the deleted ones.
async fn stored(wire: &Wire, project: &str) -> (i64, Vec<pb::KeyPair>) {
    let project_id = project.to_owned();
    let holding: pb::GetProjectResponse = wire.ok("GetProject", &pb::GetProjectRequest { project_id }).await;
    let mut list = pb::ListRequest { project_id: project.into(), show_deleted: true, ..Default::default() };
    list.page_size = 1000;
    let page: pb::ListResponse = wire.ok("List", &list).await;
    assert_eq!((page.next_page_token.as_str(), page.unreadable_ids.len()), ("", 0));
    (holding.key_pairs, page.key_pairs)
}

fn assert_no_secret(place: &str, ask: &Ask, status: &Status) {
    let Some(secret) = &ask.secret else { return };
    let mut secrets = Secrets::default();
    secrets.add(secret);
    let answer = [status.message().as_bytes(), status.details()].concat();
    assert!(secrets.first_in(&answer, 1).is_none(), "{place}: the answer holds a part of the secret");
}

/// Pieces of all secrets that were sent.
#[derive(Default)]
pub struct Secrets(HashSet<Vec<u8>>);

impl Secrets {
    /// Watches for the secret of a row that was refused.
    pub fn watch(&mut self, Row(.., ask, told): &Row) {
        if let (Some(secret), Told::Refused(..)) = (&ask.secret, told) {
            self.add(secret);
        }
    }

    /// No line of a log holds a piece. Every 4th place is looked at: whoever leaks more than a window and 4 bytes is
    /// found.
    pub fn assert_none_in(&self, log: &[String]) {
        assert!(self.0.len() > 10_000, "secrets were watched for: {}", self.0.len());
        for line in log {
            assert!(self.first_in(line.as_bytes(), 4).is_none(), "the log holds a part of a secret: {line}");
        }
    }

    fn first_in<'t>(&self, text: &'t [u8], step: usize) -> Option<&'t [u8]> {
        text.windows(WINDOW).step_by(step).find(|window| is_telling(window) && self.0.contains(*window))
    }

    fn add(&mut self, secret: &str) {
        for line in secret.lines() {
            self.0.extend(line.as_bytes().windows(WINDOW).filter(|w| is_telling(w)).map(<[u8]>::to_vec));
        }
    }
}

/// Base64 of something, not a run of one letter and no sentence.
fn is_telling(window: &[u8]) -> bool {
    let mut seen = 0_u128;
    for byte in window {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
            return false;
        }
        seen |= 1 << byte;
    }
    seen.count_ones() as usize > WINDOW / 2
}

const WINDOW: usize = 16;

#[test]
fn a_leak_would_be_found() {
    let mut secrets = Secrets::default();
    secrets.add("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJq0yA3Zt5\n");
    let found = |text: &str| secrets.first_in(text.as_bytes(), 4).is_some();
    assert!(found("{\"message\":\"the key MC4CAQAwBQYDK2VwBCIEIJq0yA3 is bad\"}"));
    assert!(!found("{\"message\":\"-----BEGIN PRIVATE KEY----- is bad\"}"));
}
