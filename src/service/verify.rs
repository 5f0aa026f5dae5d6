//! `store verify`: walks everything and tells every broken invariant.

use tokio::sync::mpsc;

use super::Service;
use super::record::open;
use crate::error::Result;
use crate::store::{Depth, Entry, Finding};

/// What a verification saw.
#[derive(Debug, Default)]
pub struct Verified {
    /// Pairs, deleted ones too.
    pub pairs: u64,
    /// Private halves that were opened and fit their public halves.
    pub private_halves: u64,
    /// What is broken.
    pub findings: Vec<Finding>,
}

impl Service {
    /// Checks the store's own invariants, then opens every private half and compares it with its public half.
    pub async fn verify(&self) -> Result<Verified> {
        let mut verified = Verified { findings: self.0.parts.store.check(Depth::Full).await?, ..Verified::default() };
        let (sink, mut entries) = mpsc::channel(64);
        let store = std::sync::Arc::clone(&self.0.parts.store);
        let export = tokio::spawn(async move { store.export(sink).await });
        while let Some(entry) = entries.recv().await {
            // Damaged rows are among the findings of the check already.
            let Ok(Entry::Pair(row)) = entry else { continue };
            verified.pairs += 1;
            let Some(envelope) = &row.envelope else { continue };
            match open(&self.0, &row.pair, envelope).await {
                Ok(_) => verified.private_halves += 1,
                Err(error) => verified.findings.push(Finding {
                    place: format!("private half of {}/{}", row.pair.project, row.pair.id),
                    what: error.to_string(),
                }),
            }
        }
        export.await.map_err(|_| crate::error::Error::internal("the export panicked"))??;
        Ok(verified)
    }
}
