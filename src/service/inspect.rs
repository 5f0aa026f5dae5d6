//! Inspect: what a cloud account holds, beside what is known of it here.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::clouds::fault_of;
use super::command::Inspect;
use super::{Inner, Service};
use crate::cipher;
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, KeyPairId, PlacementState, ProjectId, ProviderName};
use crate::provider::{Provider, Remote};
use crate::sshkey::PublicKey;
use crate::store::{Item, Limit, Query};

/// One page.
pub struct Inspection {
    /// By remote id.
    pub items: Vec<Inspected>,
    /// For the next page; empty at the end.
    pub next_page_token: String,
    /// How many pairs the account holds.
    pub used: u64,
    /// How many it may hold, where the cloud says so.
    pub limit: Option<u64>,
}

/// A pair at a cloud, or one that should be there.
pub struct Inspected {
    /// The cloud's id.
    pub remote_id: String,
    /// The name there.
    pub remote_name: String,
    /// The public half there.
    pub public: Option<PublicKey>,
    /// The pair of the project that it belongs to.
    pub pair: Option<KeyPairId>,
    /// What is to be said of it.
    pub finding: Finding,
}

/// What is to be said of a pair at a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Known,
    /// Not there any more.
    Missing,
    /// There, with another key or another name.
    Drifted,
    /// Nobody's here.
    Orphaned,
}

impl Service {
    /// One page of what a cloud account holds. The whole account is read for it.
    pub async fn inspect(&self, command: &Inspect) -> Result<Inspection> {
        let s = &*self.0;
        let after = match command.page_token.as_str() {
            "" => String::new(),
            token => position(s, command, token)?,
        };
        let provider = super::clouds::provider(s, &command.provider)?;
        let remotes = everything(&**provider, &command.provider).await?;
        let mut known = known(s, &command.provider).await?;
        let used = remotes.len() as u64;
        let mut items: Vec<Inspected> =
            remotes.into_iter().map(|remote| inspected(remote, &mut known, &command.project)).collect();
        items.extend(known.into_values().filter_map(|ours| missing(ours, &command.project)));
        items.sort_by(|one, other| one.remote_id.cmp(&other.remote_id));
        items.retain(|item| item.remote_id > after);
        let next = (items.len() > command.page_size).then(|| {
            items.truncate(command.page_size);
            items.last().map(|item| token(s, command, &item.remote_id)).unwrap_or_default()
        });
        let limit = provider.spec().can.quota;
        Ok(Inspection { items, next_page_token: next.unwrap_or_default(), used, limit })
    }
}

/// A placement of ours that the cloud should have.
struct Ours {
    project: ProjectId,
    id: KeyPairId,
    public: PublicKey,
    remote_id: String,
    remote_name: String,
    is_active: bool,
}

fn inspected(remote: Remote, known: &mut BTreeMap<String, Ours>, project: &ProjectId) -> Inspected {
    let ours = known.remove(&remote.id);
    let finding = match &ours {
        None => Finding::Orphaned,
        Some(ours) => {
            let same_key = remote.public.as_ref().is_none_or(|public| *public == ours.public);
            let same_name = remote.name.is_empty() || remote.name == ours.remote_name;
            if same_key && same_name { Finding::Known } else { Finding::Drifted }
        }
    };
    // Of another project's pair nothing is told but that it is known.
    let pair = ours.filter(|ours| ours.project == *project).map(|ours| ours.id);
    Inspected { remote_id: remote.id, remote_name: remote.name, public: remote.public, pair, finding }
}

fn missing(ours: Ours, project: &ProjectId) -> Option<Inspected> {
    (ours.is_active && ours.project == *project).then_some(Inspected {
        remote_id: ours.remote_id,
        remote_name: ours.remote_name,
        public: None,
        pair: Some(ours.id),
        finding: Finding::Missing,
    })
}

/// Every pair of the account.
async fn everything(provider: &dyn Provider, name: &ProviderName) -> Result<Vec<Remote>> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let page = provider.page(after.as_deref()).await.map_err(|fault| fault_of(name, &fault))?.value;
        all.extend(page.items);
        match page.next {
            None => return Ok(all),
            // A cloud that sends us round in circles.
            next if next == after => break,
            next => after = next,
        }
    }
    Err(Error::new(Reason::ProviderUnavailable, format!("{name} does not come to the end of its list")))
}

/// What all projects have at this provider, by remote id.
async fn known(s: &Inner, provider: &ProviderName) -> Result<BTreeMap<String, Ours>> {
    let (mut known, mut after) = (BTreeMap::new(), None);
    loop {
        let query = Query::All { after: after.as_ref() };
        let page = s.parts.store.scan(query, Limit { rows: ROWS, reads: ROWS }).await?;
        for item in page.items {
            let Item::Pair(pair) = item else { continue };
            known.extend(ours(&pair, provider).map(|ours| (ours.remote_id.clone(), ours)));
        }
        match page.next_of_all {
            None => return Ok(known),
            next => after = next,
        }
    }
}

fn ours(pair: &KeyPair, provider: &ProviderName) -> Option<Ours> {
    let placement = pair.placement(provider).filter(|placement| !placement.remote_id.is_empty())?;
    Some(Ours {
        project: pair.project.clone(),
        id: pair.id,
        public: pair.public.clone(),
        remote_id: placement.remote_id.clone(),
        remote_name: placement.remote_name.clone(),
        is_active: placement.state == PlacementState::Active,
    })
}

/// Whether some pair of any project has this placement.
pub(super) async fn is_known(s: &Inner, provider: &ProviderName, remote_id: &str) -> Result<bool> {
    Ok(known(s, provider).await?.contains_key(remote_id))
}

/// The position, and a MAC that binds it to the query.
fn token(s: &Inner, command: &Inspect, last: &str) -> String {
    Base64UrlUnpadded::encode_string(&[&mac(s, command, last), last.as_bytes()].concat())
}

fn position(s: &Inner, command: &Inspect, token: &str) -> Result<String> {
    let read = || {
        let bytes = Base64UrlUnpadded::decode_vec(token).ok()?;
        let (tag, last) = bytes.split_first_chunk::<MAC>()?;
        let last = std::str::from_utf8(last).ok()?;
        cipher::same(tag, &mac(s, command, last)).then(|| last.to_owned())
    };
    read().ok_or_else(|| {
        let message = "must be next_page_token of the page before, with the rest of the query unchanged";
        Error::invalid("page_token", Reason::PageTokenInvalid, message)
    })
}

fn mac(s: &Inner, command: &Inspect, last: &str) -> [u8; MAC] {
    let full = cipher::mac(&s.parts.keys.pages, &[b"inspect", &command.digest, last.as_bytes()]);
    let mut half = [0; MAC];
    half.copy_from_slice(&full[..MAC]);
    half
}

const MAC: usize = 16;
const ROWS: usize = 1_000;
/// More pages than any account has.
const PAGES: usize = 10_000;
