//! DescribeKeyPairs: which pairs, and how many there are.

use super::Desk;
use super::shown::{by_key_id, key_pair};
use crate::dialect::Kind;
use crate::dialect::tencent::{self, Answer, Filter, Flaw, Wanted};
use crate::face::fault::kind_of;
use crate::face::pairs::walk;
use crate::model::{self, KeyPair, KeyPairName, KeyPairState};
use crate::service::command::By;

impl Desk<'_> {
    pub(super) async fn describe(&self, wanted: &Wanted, offset: u64, limit: u64) -> Result<Answer, Flaw> {
        let (filters, named): (&[Filter], _) = match wanted {
            Wanted::All => (&[], None),
            Wanted::Ids(key_ids) => (&[], Some(self.those(key_ids.iter().filter_map(|id| by_key_id(id))).await?)),
            Wanted::Filters(filters) => match names(filters) {
                Some(names) => (filters, Some(self.those(names).await?)),
                None => (filters, None),
            },
        };
        let mut window = Window { filters, offset, limit, total: 0, page: Vec::new() };
        match named {
            Some(pairs) => pairs.iter().for_each(|pair| window.see(pair)),
            None => self.each(|pair| window.see(pair)).await?,
        }
        Ok(Answer::KeyPairs { total: window.total, page: window.page })
    }

    /// Those of these that are there, each once, in the order of [`Desk::each`].
    async fn those(&self, by: impl Iterator<Item = By>) -> Result<Vec<KeyPair>, Flaw> {
        let mut pairs = Vec::new();
        for by in by.collect::<Vec<_>>() {
            match self.face.one(self.account, by).await {
                Ok(pair) => pairs.push(pair),
                Err(error) if kind_of(&error) == Kind::NotFound => {}
                Err(error) => return Err(self.flaw(&error)),
            }
        }
        pairs.sort_by_key(|pair| pair.id);
        pairs.dedup_by_key(|pair| pair.id);
        Ok(pairs)
    }

    /// Every pair that is shown, oldest first, so that what is made meanwhile moves no page.
    pub(super) async fn each(&self, mut see: impl FnMut(&KeyPair) + Send) -> Result<(), Flaw> {
        let filter = model::Filter { state: Some(KeyPairState::Active), ..Default::default() };
        let walked = walk(self.face.service(), &self.account.project, filter, None, |pair| {
            see(&pair);
            true
        });
        self.told(walked.await)
    }
}

/// The names that a pair must have one of, where a filter says so: they need no search.
fn names(filters: &[Filter]) -> Option<impl Iterator<Item = By>> {
    let names = filters.iter().find_map(|filter| match filter {
        Filter::KeyName(names) => Some(names),
        _ => None,
    })?;
    Some(names.iter().filter_map(|name| KeyPairName::parse("", name).ok()).map(By::Name))
}

/// Counts what passes, and keeps those of one page.
struct Window<'a> {
    filters: &'a [Filter],
    offset: u64,
    limit: u64,
    total: u64,
    page: Vec<tencent::KeyPair>,
}

impl Window<'_> {
    fn see(&mut self, pair: &KeyPair) {
        let is_here = self.total.checked_sub(self.offset).is_some_and(|at| at < self.limit);
        if !is_here && self.filters.is_empty() {
            self.total += 1;
            return;
        }
        let shown = key_pair(pair);
        if self.filters.iter().all(|filter| filter.passes(&shown)) {
            self.total += 1;
            if is_here {
                self.page.push(shown);
            }
        }
    }
}
