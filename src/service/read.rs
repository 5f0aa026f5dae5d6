//! Finding one key pair.

use super::Inner;
use super::command::{By, Key};
use super::record::not_found;
use crate::error::{Error, Reason, Result};
use crate::model::{KeyPair, KeyPairId, KeyPairState, ProjectId};
use crate::store::{Lookup, Row};

/// The pair, deleted ones (by id) too.
pub(super) async fn pair(s: &Inner, key: &Key) -> Result<KeyPair> {
    Ok(row(s, key, false).await?.pair)
}

/// The row of a pair, deleted ones (by id) too, until they are due to go.
pub(super) async fn row(s: &Inner, key: &Key, with_envelope: bool) -> Result<Row> {
    let lookup = match &key.by {
        By::Name(name) => Lookup::Name(&key.project, name),
        By::Id(id) => Lookup::Id(&key.project, *id),
        By::ShortId(id) => Lookup::ShortId(*id),
    };
    match s.parts.store.get(lookup, with_envelope).await? {
        // Short ids are the store's, not the project's.
        Some(row) if !is_due(s, &row.pair) && row.pair.project == key.project => Ok(row),
        _ => Err(not_found()),
    }
}

/// What a repeated call answers: the pair as it is now, as long as it is not deleted.
pub(super) async fn again(s: &Inner, project: ProjectId, id: KeyPairId) -> Result<KeyPair> {
    let pair = pair(s, &Key { project, by: By::Id(id) }).await?;
    super::clouds::check_made(&pair)?;
    if pair.is_live() { Ok(pair) } else { Err(not_found()) }
}

/// The row of a pair that is not deleted.
pub(super) async fn live_row(s: &Inner, key: &Key, with_envelope: bool) -> Result<Row> {
    let row = row(s, key, with_envelope).await?;
    if row.pair.state == KeyPairState::Deleted {
        let message = "the key pair is deleted: Undelete it first";
        return Err(
            Error::new(Reason::KeyPairDeleted, message).with_resource("keypairs.v1.KeyPair", row.pair.id.to_string())
        );
    }
    Ok(row)
}

/// The caller's etag, if any, must be the pair's.
pub(super) fn check_etag(pair: &KeyPair, etag: &str) -> Result<()> {
    if etag.is_empty() || etag == pair.etag() {
        return Ok(());
    }
    Err(Error::new(Reason::EtagMismatch, "the key pair has changed since that etag: read it again")
        .with_resource("keypairs.v1.KeyPair", pair.id.to_string()))
}

/// A deleted pair past its time is gone for callers, even if the sweeper has not come yet.
pub(super) fn is_due(s: &Inner, pair: &KeyPair) -> bool {
    pair.deleted.is_some_and(|deleted| deleted.purge_at <= s.parts.clock.now())
}
