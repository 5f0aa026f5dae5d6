//! The sweeper: purges deleted pairs whose time has come, and forgets requests past theirs.

use super::Service;
use crate::error::{Reason, Result};
use crate::store::{Change, Item, Limit, Query};

impl Service {
    /// Sweeps until nothing is due; says how many things went.
    pub async fn sweep(&self) -> Result<usize> {
        let (store, mut gone) = (&self.0.parts.store, 0);
        loop {
            let due = Query::Due(self.0.parts.clock.now());
            let page = store.scan(due, Limit { rows: BATCH, reads: BATCH }).await?;
            let mut went = 0;
            for item in page.items {
                let Some(change) = removal(item) else { continue };
                match store.commit(vec![change]).await {
                    Ok(()) => went += 1,
                    // It came back (Undelete) between the look and the commit.
                    Err(error) if error.reason == Reason::Conflict => {}
                    Err(error) => return Err(error),
                }
            }
            gone += went;
            // A page on which nothing went holds only damaged rows and conflicts: the next sweep looks again.
            if went == 0 {
                return Ok(gone);
            }
        }
    }
}

fn removal(item: Item) -> Option<Change> {
    match item {
        Item::Pair(pair) => {
            Some(Change::Remove { project: pair.project.clone(), id: pair.id, revision: pair.revision })
        }
        Item::Request(key) => Some(Change::Forget(key)),
        Item::Unreadable(_) => None,
    }
}

const BATCH: usize = 200;
