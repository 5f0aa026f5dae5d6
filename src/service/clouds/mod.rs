//! Clouds: which providers there are, what may be placed at them, and the work there.
//!
//! A pair with work at clouds carries a journal (`model::Journal`), written before the first request goes out. One
//! function does the work, [`advance::advance`]: for the call that began it, and for the settler that comes later, after a
//! crash, a timeout or an outage. What it decides by are the row and the cloud, never what a process remembers.

pub(super) mod advance;
mod fault;
mod goal;
pub(super) mod making;
mod rules;
mod step;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use fault::placement_fault as fault_of;
pub(super) use goal::{withdraw, withdraw_all};
pub(super) use rules::check_description;
pub use rules::{Subject, check_placing, takes_key};

use super::command::Key;
use super::record::millis;
use super::turns::Turn;
use super::{Inner, read};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::model::{
    Goal, Journal, KeyPair, KeyPairId, KeyPairName, KeyPairState, Maker, Open, OpenWork, Placement, PlacementState,
    ProviderKind, ProviderName, Wishes,
};
pub use crate::provider::Spec;
use crate::provider::{NameRules, Provider};

/// The configured providers.
#[derive(Clone, Default)]
pub struct Providers(Arc<BTreeMap<String, Arc<dyn Provider>>>);

/// A placement that is asked for.
#[derive(Clone, Debug)]
pub struct Placing {
    /// Where; it is configured.
    pub provider: ProviderName,
    /// The name there; `None`: the pair's, or one derived from it.
    pub remote_name: Option<String>,
    /// What is asked beyond that.
    pub wishes: Wishes,
}

impl Providers {
    /// These; each under its own name.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let named = providers.into_iter().map(|provider| (provider.spec().name.as_str().to_owned(), provider));
        Self(Arc::new(named.collect()))
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.0.get(name)
    }

    /// What the provider of this name is and can do.
    pub fn spec(&self, name: &str) -> Option<&Spec> {
        self.get(name).map(|provider| provider.spec())
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Waits for the turn to work on a pair, when it has placements: what is at clouds is changed by one at a time. The pair
/// is to be read again afterwards.
pub(super) async fn hold(s: &Inner, key: &Key) -> Result<Option<Turn>> {
    let pair = read::pair(s, key).await?;
    match pair.placements.is_empty() {
        true => Ok(None),
        false => Ok(Some(s.pairs.take(&pair.id).await)),
    }
}

/// Refuses a pair that is still being made.
pub(super) fn check_made(pair: &KeyPair) -> Result<()> {
    match pair.state {
        KeyPairState::Pending => check_settled(pair),
        _ => Ok(()),
    }
}

/// Who makes the pairs of a cloud.
pub(super) fn maker(kind: ProviderKind) -> Maker {
    match kind {
        ProviderKind::Baidu => Maker::Baidu,
        ProviderKind::Tencent => Maker::Tencent,
        ProviderKind::Huawei => Maker::Huawei,
    }
}

/// Refuses a pair that is being made or deleted: what shall change it waits until that is settled.
pub(super) fn check_settled(pair: &KeyPair) -> Result<()> {
    match pair.state {
        KeyPairState::Pending => {
            Err(outcome_unknown(pair.id, "the key pair is still being made: its outcome at a cloud is not known yet"))
        }
        KeyPairState::Deleting => Err(Error::new(
            Reason::KeyPairDeleting,
            "the key pair is being deleted: Delete again goes on with it; Get and ExportPrivate still work",
        )
        .with_resource("keypairs.v1.KeyPair", pair.id.to_string())),
        KeyPairState::Active | KeyPairState::Deleted => Ok(()),
    }
}

/// What became of the work at a cloud is not known; it is being found out.
pub(super) fn outcome_unknown(id: KeyPairId, message: &str) -> Error {
    Error::new(Reason::ProviderOutcomeUnknown, message)
        .with_fact("key_pair_id", id.to_string())
        .with_resource("keypairs.v1.KeyPair", id.to_string())
        .with_retry_after(ASK_AGAIN)
}

/// A placement that nothing was done for yet.
pub(super) fn new_placement(s: &Inner, pair: &KeyPair, placing: &Placing, work: OpenWork) -> Result<Placement> {
    let spec = spec(s, &placing.provider)?;
    let remote_name = match &placing.remote_name {
        Some(name) => name.clone(),
        None => remote_name(&spec.can.name, &pair.name, pair.id),
    };
    let describes_later = spec.can.description.is_some() && !spec.can.describes_when_placing;
    Ok(Placement {
        provider: placing.provider.clone(),
        kind: spec.kind,
        region: spec.region.clone(),
        wishes: placing.wishes.clone(),
        remote_id: String::new(),
        remote_name,
        remote_fingerprint: String::new(),
        instance_count: None,
        is_escrowed: false,
        rename_to: String::new(),
        is_behind: describes_later && !pair.description.as_str().is_empty(),
        state: PlacementState::Pending,
        open: Some(Open::new(work)),
        error: None,
        request_id: String::new(),
        update_time: s.parts.clock.now(),
    })
}

/// A journal that is to be looked at soon, unless its writer has done the work by then.
pub(super) fn journal(s: &Inner, goal: Goal, request: Option<Vec<u8>>) -> Journal {
    Journal { goal, look_at: soon(s), looks: 0, owner: s.run, epoch: 0, request }
}

/// When the settler takes over from the call that began.
pub(super) fn soon(s: &Inner) -> Millis {
    s.parts.clock.now().saturating_add(millis(TAKE_OVER))
}

pub(super) fn provider<'s>(s: &'s Inner, name: &ProviderName) -> Result<&'s Arc<dyn Provider>> {
    let missing = || Error::internal(format!("provider {name} is not configured"));
    s.parts.providers.get(name.as_str()).ok_or_else(missing)
}

pub(super) fn spec<'s>(s: &'s Inner, name: &ProviderName) -> Result<&'s Spec> {
    provider(s, name).map(|provider| provider.spec())
}

/// The name of a pair at a cloud, where none was asked for: its own where that fits; else illegal characters become `_`,
/// it is cut, and `_` and 6 hex digits of the pair's id make it its own.
pub(super) fn remote_name(rules: &NameRules, name: &KeyPairName, id: KeyPairId) -> String {
    let name = name.as_str();
    if rules.fits(name) {
        return name.to_owned();
    }
    let mut kept: String = name.chars().map(|c| if (rules.rest)(c) { c } else { '_' }).collect();
    if !kept.starts_with(rules.first) {
        kept.insert(0, 'k'); // every cloud takes a letter first
    }
    let cut: String = kept.chars().take(rules.max.saturating_sub(SUFFIX + 1)).collect();
    let digits = id.to_string();
    format!("{cut}_{}", &digits[digits.len() - SUFFIX..])
}

/// Hex digits of the id in a derived name: its last ones, which are random.
const SUFFIX: usize = 6;
/// After so long without word from the call that began, the settler goes on. A call that is at work holds its turn.
const TAKE_OVER: std::time::Duration = std::time::Duration::from_secs(1);
/// What RetryInfo says while an outcome is not known.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);
