//! The settler: finishes or undoes what a crash, a timeout or an outage left open at clouds.

use super::Service;
use super::clouds::advance::{For, advance};
use crate::error::Result;
use crate::model::{KeyPair, KeyPairId, ProjectId};
use crate::store::{Item, Limit, Lookup, Query};

impl Service {
    /// Begins to work on every pair whose journal says that it is time, each in a task of its own; those that are worked
    /// on already are left to who does. Returns how many it began with.
    pub async fn settle(&self) -> Result<usize> {
        let now = self.0.parts.clock.now();
        let page = self.0.parts.store.scan(Query::Open(now), Limit { rows: ROWS, reads: ROWS }).await?;
        let mut begun = 0;
        for item in page.items {
            let Item::Pair(pair) = item else { continue };
            begun += usize::from(self.begin_to_settle(&pair));
        }
        Ok(begun)
    }

    /// Works on every pair that is due until all of it has been tried; for tests and for a stop.
    pub async fn settle_now(&self) -> Result<usize> {
        let now = self.0.parts.clock.now();
        let page = self.0.parts.store.scan(Query::Open(now), Limit { rows: ROWS, reads: ROWS }).await?;
        let mut done = 0;
        for item in page.items {
            let Item::Pair(pair) = item else { continue };
            done += usize::from(self.settle_one(pair.project.clone(), pair.id).await?);
        }
        Ok(done)
    }

    fn begin_to_settle(&self, pair: &KeyPair) -> bool {
        // Asked for twice: here, so that no task is made for nothing, and in the task.
        if self.0.pairs.try_take(&pair.id).is_none() {
            return false;
        }
        let (service, project, id) = (self.clone(), pair.project.clone(), pair.id);
        self.0.parts.tasks.spawn(async move {
            if let Err(error) = service.settle_one(project, id).await {
                tracing::warn!(%id, %error, "work at clouds could not go on; the next look tries again");
            }
        });
        true
    }

    async fn settle_one(&self, project: ProjectId, id: KeyPairId) -> Result<bool> {
        let s = &*self.0;
        let Some(_turn) = s.pairs.try_take(&id) else { return Ok(false) };
        let Some(row) = s.parts.store.get(Lookup::Id(&project, id), false).await? else { return Ok(false) };
        let due = row.pair.journal.as_ref().is_some_and(|journal| journal.look_at <= s.parts.clock.now());
        if !due {
            return Ok(false);
        }
        let goal = row.pair.goal();
        let advanced = advance(s, row.pair, For::Nobody).await?;
        let is_settled = advanced.pair.as_ref().is_none_or(|pair| pair.journal.is_none());
        if is_settled {
            tracing::info!(%id, ?goal, "settled");
        }
        Ok(true)
    }
}

/// How many pairs one look takes up. Those at work stay at the head of the index until they are done.
const ROWS: usize = 1_000;
