//! DescribeKeyPairs: which pairs, and how many there are.

use super::Desk;
use super::shown::key_pair;
use crate::dialect::tencent::{Answer, Flaw, KeyPair, Wanted};
use crate::model::{self, Filter, KeyPairState};
use crate::service::command::List;

impl Desk<'_> {
    pub(super) async fn describe(&self, wanted: &Wanted, offset: u64, limit: u64) -> Result<Answer, Flaw> {
        let mut window = Window { offset, limit, total: 0, page: Vec::new() };
        match wanted {
            Wanted::All => self.each(|pair| window.add(|| key_pair(pair))).await?,
            Wanted::Filters(filters) => {
                self.each(|pair| {
                    let shown = key_pair(pair);
                    if filters.iter().all(|filter| filter.passes(&shown)) {
                        window.add(|| shown);
                    }
                })
                .await?;
            }
            Wanted::Ids(key_ids) => {
                let mut pairs = Vec::new();
                for key_id in key_ids {
                    pairs.extend(self.pair(key_id).await?);
                }
                pairs.sort_by_key(|pair| pair.id);
                pairs.dedup_by_key(|pair| pair.id);
                pairs.iter().for_each(|pair| window.add(|| key_pair(pair)));
            }
        }
        Ok(Answer::KeyPairs { total: window.total, page: window.page })
    }

    /// Every pair that is shown, oldest first, so that what is made meanwhile moves no page.
    pub(super) async fn each(&self, mut see: impl FnMut(&model::KeyPair) + Send) -> Result<(), Flaw> {
        let service = self.face.service();
        let filter = Filter { state: Some(KeyPairState::Active), ..Filter::default() };
        let mut command = List {
            project: self.account.project.clone(),
            filter,
            page_size: 1000,
            page_token: String::new(),
            digest: [0; 32],
        };
        loop {
            let listing = self.told(service.list(&command).await)?;
            // A row that is damaged fails nobody's listing.
            listing.items.iter().flatten().for_each(|pair| see(pair));
            let Some(last) = listing.next else { return Ok(()) };
            command.page_token = service.page_token(&command, last);
        }
    }
}

/// Counts all, and keeps those of one page.
struct Window {
    offset: u64,
    limit: u64,
    total: u64,
    page: Vec<KeyPair>,
}

impl Window {
    fn add(&mut self, pair: impl FnOnce() -> KeyPair) {
        if self.total >= self.offset && self.total - self.offset < self.limit {
            self.page.push(pair());
        }
        self.total += 1;
    }
}
