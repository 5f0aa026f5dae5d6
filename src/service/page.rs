//! List: one page of a project's pairs, and the tokens that lead to the next.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::Inner;
use super::command::List;
use super::read::is_due;
use crate::cipher;
use crate::error::{Error, Reason, Result};
use crate::model::{FingerprintFilter, KeyPair, KeyPairId};
use crate::store::{Item, Limit, Lookup, Query};

/// One page.
#[derive(Default)]
pub struct Listing {
    /// In ascending id: a pair, or the id of a row that is damaged.
    pub items: Vec<Result<Box<KeyPair>, KeyPairId>>,
    /// The last id that was looked at, when there may be more.
    pub next: Option<KeyPairId>,
}

pub(super) async fn run(s: &Inner, command: &List) -> Result<Listing> {
    let after = match command.page_token.as_str() {
        "" => None,
        token => Some(position(s, command, token)?),
    };
    if let (Some(FingerprintFilter::Sha256(print)), false) = (command.filter.fingerprint, command.filter.show_deleted) {
        match one(s, command, print, after).await {
            // The scan shows the damaged row as such; it must not fail the page.
            Err(error) if error.reason == Reason::RecordCorrupt => {}
            found => return found,
        }
    }
    let query = Query::Project { project: &command.project, after, filter: &command.filter };
    let page = s.parts.store.scan(query, Limit { rows: command.page_size, reads: READS }).await?;
    let items = page.items.into_iter().filter_map(|item| match item {
        // Get does not find it any more, even if the sweeper has not come yet.
        Item::Pair(pair) if is_due(s, &pair) => None,
        Item::Pair(pair) => Some(Ok(pair)),
        Item::Unreadable(id) => Some(Err(id)),
        Item::Request(_) => None,
    });
    Ok(Listing { items: items.collect(), next: page.next })
}

/// A fingerprint names at most one live pair: the index finds it.
async fn one(s: &Inner, command: &List, print: [u8; 32], after: Option<KeyPairId>) -> Result<Listing> {
    let found = s.parts.store.get(Lookup::Fingerprint(&command.project, print), false).await?;
    let wanted = found.filter(|row| command.filter.wants(&row.pair) && after.is_none_or(|after| row.pair.id > after));
    Ok(Listing { items: wanted.into_iter().map(|row| Ok(Box::new(row.pair))).collect(), next: None })
}

/// The token for the page after `last`: the position, and a MAC that binds it to the query (its digest covers the
/// project too).
pub(super) fn token(s: &Inner, command: &List, last: KeyPairId) -> String {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(last.as_bytes());
    bytes[16..].copy_from_slice(&mac(s, command, last));
    Base64UrlUnpadded::encode_string(&bytes)
}

fn position(s: &Inner, command: &List, token: &str) -> Result<KeyPairId> {
    let refused = || {
        let message = "must be next_page_token of the page before, with the rest of the query unchanged";
        Error::invalid("page_token", Reason::PageTokenInvalid, message)
    };
    let mut buffer = [0; 32];
    let bytes = Base64UrlUnpadded::decode(token, &mut buffer).map_err(|_| refused())?;
    let (id, tag) = bytes.split_first_chunk::<16>().ok_or_else(refused)?;
    let id = KeyPairId::from_bytes(*id);
    if cipher::same(tag, &mac(s, command, id)) { Ok(id) } else { Err(refused()) }
}

fn mac(s: &Inner, command: &List, last: KeyPairId) -> [u8; 16] {
    let full = cipher::mac(&s.parts.keys.pages, &[&command.digest, last.as_bytes()]);
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    half
}

/// A filter that fits few rows must not read a whole project in one call.
const READS: usize = 5_000;
