//! Room for new pairs: the quota of each cloud, project and region.
//!
//! Promise: however many make pairs at once, one is refused exactly when as many as the quota are there: those under
//! way are waited for where it depends on them, and fail or succeed before anybody is refused because of them. What is
//! counted are the project's live pairs that were made through this cloud's API in this region. It holds in this
//! process: a second one with the same accounts could make as many again at the same moment.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::Account;
use super::pairs::walk;
use crate::error::{Error, Reason, Result};
use crate::model::{Filter, KeyPair, ProjectId, ProviderKind};
use crate::service::Service;

/// All rooms. Accounts of one cloud, project and region share one.
pub(super) struct Rooms(HashMap<Place, Arc<Room>>);

type Place = (ProviderKind, ProjectId, String);

struct Room {
    /// Who has it may count and take a place.
    turn: Mutex<()>,
    /// How many pairs are being made.
    under_way: watch::Sender<u32>,
}

/// A place for one pair, while it is being made.
pub(super) struct Taken(Arc<Room>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Rooms {
    pub(super) fn of(accounts: &[Account]) -> Self {
        let limited = accounts.iter().filter(|account| account.quota.is_some());
        let room = || Arc::new(Room { turn: Mutex::new(()), under_way: watch::Sender::new(0) });
        Self(limited.map(|account| (place(account), room())).collect())
    }

    /// Takes a place for one more pair of this account; `None`: it has no quota. Give it back once the pair is there,
    /// or is known not to come.
    pub(super) async fn take(&self, service: &Service, account: &Account) -> Result<Option<Taken>> {
        let (Some(quota), Some(room)) = (account.quota, self.0.get(&place(account))) else { return Ok(None) };
        let _turn = room.turn.lock().await;
        let mut watching = room.under_way.subscribe();
        loop {
            // Before the pairs are counted: one that ends in between is then counted twice, not missed.
            let under_way = *watching.borrow_and_update();
            let there = count(service, account, quota, under_way).await?;
            if there >= quota {
                return Err(full(account, quota));
            }
            if there.saturating_add(under_way) < quota {
                room.under_way.send_modify(|count| *count += 1);
                return Ok(Some(Taken(Arc::clone(room))));
            }
            if watching.changed().await.is_err() {
                return Err(Error::internal("a room of the face is gone")); // it cannot be: `room` has its sender
            }
        }
    }
}

fn place(account: &Account) -> Place {
    (account.cloud, account.project.clone(), account.region.clone())
}

/// How many pairs count against the quota, but not further than that. Where all of the project's would leave room they
/// are the answer: the store knows their number, and a project's rows, deleted ones too, are many to look through.
async fn count(service: &Service, account: &Account, quota: u32, under_way: u32) -> Result<u32> {
    let all = u32::try_from(service.project(&account.project).await?.key_pairs).unwrap_or(u32::MAX);
    if all.saturating_add(under_way) < quota {
        return Ok(all);
    }
    let mut count = 0;
    let counts = |pair: &KeyPair| {
        let through = pair.through.as_ref();
        through.is_some_and(|through| through.cloud == account.cloud && through.region == account.region)
    };
    walk(service, &account.project, Filter::default(), None, |pair| {
        count += u32::from(counts(&pair));
        count < quota
    })
    .await?;
    Ok(count)
}

fn full(account: &Account, quota: u32) -> Error {
    let message = format!("{quota} key pairs were made through this API in this region: delete some");
    Error::new(Reason::QuotaExceeded, message).with_resource("keypairs.v1.Project", account.project.as_str())
}
