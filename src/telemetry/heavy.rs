//! How long heavy work took that is not making RSA keys: one histogram for each kind, made when it is first needed.
//!
//! Promise: the label comes from a closed list, and the series are always in its order.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;

/// A kind of heavy work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heavy {
    /// A private key was proven by a signature.
    Proof,
    /// The numbers of a public key were checked.
    Check,
    /// Moduli were held against each other.
    Compare,
    /// A passphrase under one hash: DEK-Info and PPK 2.
    Hash,
    /// A passphrase under bcrypt.
    Bcrypt,
    /// A passphrase under PBKDF2.
    Pbkdf2,
    /// A passphrase under scrypt.
    Scrypt,
    /// A passphrase under Argon2.
    Argon2,
}

/// All series, in the order of [`Heavy`].
#[derive(Default)]
pub(super) struct Heavies([OnceLock<Histogram>; LABELS.len()]);

impl Heavies {
    /// Work of this kind is done.
    pub(super) fn observe(&self, kind: Heavy, took: Duration) {
        if let Some(series) = self.0.get(kind as usize) {
            series.get_or_init(|| Histogram::new(BUCKETS)).observe(took.as_secs_f64());
        }
    }
}

impl Collector for Heavies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut series =
            LABELS.iter().zip(&self.0).filter_map(|(label, series)| Some((*label, series.get()?))).peekable();
        if series.peek().is_none() {
            return Ok(()); // a family without series is left out, as the registry does
        }
        let help = "How long proofs, checks and passphrases took, by kind of work.";
        let mut family = encoder.encode_descriptor("heavy_work_duration_seconds", help, None, MetricType::Histogram)?;
        series.try_for_each(|(label, histogram)| histogram.encode(family.encode_family(&[("work", label)])?))
    }
}

impl fmt::Debug for Heavies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heavies")
    }
}

const LABELS: [&str; 8] = ["proof", "check", "compare", "hash", "bcrypt", "pbkdf2", "scrypt", "argon2"];

/// In seconds: a proof takes some milliseconds, the dearest derivation half a second.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
