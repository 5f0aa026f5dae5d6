//! How long requests to the HTTP face took: a histogram for each cloud, action and code, made when it is first needed.
//!
//! Promise: all three labels come from closed lists, so no caller can make new series; their order is always the same.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;

use super::calls::BUCKETS;

/// All series of the face, by cloud, action and code.
#[derive(Default)]
pub(super) struct FaceRequests(Mutex<BTreeMap<[&'static str; 3], Histogram>>);

impl FaceRequests {
    /// One request was answered.
    pub(super) fn observe(&self, labels: [&'static str; 3], took: Duration) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = series.entry(labels).or_insert_with(|| Histogram::new(BUCKETS)).clone();
        drop(series);
        histogram.observe(took.as_secs_f64());
    }
}

impl Collector for FaceRequests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if series.is_empty() {
            return Ok(()); // a family without series is left out, as the registry does
        }
        let help = "How long requests to the HTTP face took, by cloud, action and the cloud's code.";
        let mut family =
            encoder.encode_descriptor("face_request_duration_seconds", help, None, MetricType::Histogram)?;
        series.into_iter().try_for_each(|([cloud, action, code], histogram)| {
            let labels = [("cloud", cloud), ("action", action), ("code", code)];
            histogram.encode(family.encode_family(&labels)?)
        })
    }
}

impl fmt::Debug for FaceRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceRequests")
    }
}
