//! Fields that several requests share: whose pair, which pair, what a new pair is called, where it goes, and whether the
//! request was sent before. What concerns its key is in `key_fields.rs`.

use std::collections::BTreeMap;

use super::digest::Sent;
use super::faults::Faults;
use crate::error::{Reason, Result, Violation};
use crate::model::{Description, KeyPairId, KeyPairName, LOCAL, Labels, ProjectId, RequestId, UserId};
use crate::service::clouds::Providers;
use crate::service::command::{By, Key, Manner, NewPair, Repeat};

/// The `oneof key` of a request: each has a generated type of its own.
pub(super) enum RawKey {
    Name(String),
    Id(String),
}

pub(super) fn key(faults: &mut Faults, project: &str, by: Option<RawKey>) -> Option<Key> {
    let project = faults.take(ProjectId::parse("project_id", project));
    let by = match by {
        Some(RawKey::Name(name)) => faults.take(KeyPairName::parse("name", &name)).map(By::Name),
        Some(RawKey::Id(text)) => faults.take(id("id", &text)).map(By::Id),
        None => faults.take(Err(Violation::new("key", Reason::KeyRequired, "set name or id"))),
    };
    Some(Key { project: project?, by: by? })
}

pub(super) fn id(field: &str, text: &str) -> Result<KeyPairId, Violation> {
    KeyPairId::parse(text).ok_or_else(|| {
        Violation::new(field, Reason::IdInvalid, "must be 'kp-' and a UUIDv7 in 32 lower-case hex digits")
    })
}

/// project_id, name, description and user_id as they came.
pub(super) type RawNew<'a> = (&'a str, &'a str, &'a str, &'a str);

pub(super) fn new_pair(
    faults: &mut Faults,
    (project, name, description, user_id): RawNew<'_>,
    raw_labels: BTreeMap<String, String>,
) -> Option<NewPair> {
    let project = faults.take(ProjectId::parse("project_id", project));
    let name = faults.take(KeyPairName::parse("name", name));
    let description = faults.take(Description::parse("description", description));
    let labels = labels(faults, "labels", raw_labels);
    let user_id = faults.take(UserId::parse("user_id", user_id));
    Some(NewPair {
        project: project?,
        name: name?,
        description: description?,
        labels: labels?,
        user_id: user_id?,
        through: None,
    })
}

pub(super) fn labels(faults: &mut Faults, field: &str, raw: BTreeMap<String, String>) -> Option<Labels> {
    match Labels::parse(field, raw) {
        Ok(labels) => Some(labels),
        Err(violations) => {
            violations.into_iter().for_each(|violation| faults.add(violation));
            None
        }
    }
}

/// A word that could have been meant is told back. Any other text may be anything, a private key in the wrong field too,
/// and what is told is logged.
pub(super) fn shown(word: &str) -> &str {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if word.len() <= 32 && word.bytes().all(is_word) { word } else { "(not shown)" }
}

pub(super) fn not_configured(field: &str, provider: &str, providers: &Providers) -> Violation {
    let there: Vec<&str> = std::iter::once(LOCAL).chain(providers.names()).collect();
    let message = format!("no provider '{}' is configured: there is {}", shown(provider), there.join(", "));
    Violation::new(field, Reason::ProviderNotConfigured, message)
}

pub(super) fn manner(faults: &mut Faults, ensure: bool, sent: Sent, validate_only: bool) -> Option<Manner> {
    let repeat = repeat(faults, sent);
    // A validation changes nothing: its request id is checked and not kept.
    Some(Manner { ensure, repeat: repeat.filter(|_| !validate_only), validate_only })
}

pub(super) fn repeat(faults: &mut Faults, sent: Sent) -> Option<Repeat> {
    if sent.digest.is_some() && asked_before(&sent).is_none() {
        let message = "must be a UUID such as 8b2a5c1e-6f0d-4b7a-9a53-0d2f4f3c1e77";
        faults.add(Violation::new("request_id", Reason::RequestIdInvalid, message));
    }
    asked_before(&sent)
}

/// What a request may have been sent under before; a request id that is none is `repeat`'s to tell.
pub(super) fn asked_before(sent: &Sent) -> Option<Repeat> {
    Some(Repeat { id: RequestId::parse(&sent.request_id)?, digest: sent.digest? })
}
