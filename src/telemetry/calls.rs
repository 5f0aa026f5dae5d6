//! How long calls took: one histogram for each method and outcome, made when it is first needed.
//!
//! Promise: observing allocates nothing and takes no lock but the histogram's own; both labels come from closed
//! lists, so no caller can make new series.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;

/// The methods that have series of their own, as OpenTelemetry's `rpc.method` writes them. Everything else counts as
/// the last one.
pub const METHODS: [&str; 17] = [
    "keypairs.v1.KeyPairs/Create",
    "keypairs.v1.KeyPairs/ImportPublic",
    "keypairs.v1.KeyPairs/ImportPrivate",
    "keypairs.v1.KeyPairs/Get",
    "keypairs.v1.KeyPairs/List",
    "keypairs.v1.KeyPairs/Update",
    "keypairs.v1.KeyPairs/Delete",
    "keypairs.v1.KeyPairs/Undelete",
    "keypairs.v1.KeyPairs/ExportPrivate",
    "keypairs.v1.KeyPairs/ClearPrivate",
    "keypairs.v1.KeyPairs/Place",
    "keypairs.v1.KeyPairs/Withdraw",
    "keypairs.v1.KeyPairs/Inspect",
    "keypairs.v1.KeyPairs/Adopt",
    "keypairs.v1.KeyPairs/GetProject",
    "grpc.health.v1.Health/Check",
    "_OTHER",
];

/// One of [`METHODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(usize);

impl Method {
    /// The method of an HTTP/2 path, such as `/keypairs.v1.KeyPairs/Get`.
    pub fn of(path: &str) -> Self {
        let name = path.strip_prefix('/').unwrap_or(path);
        Self(METHODS.iter().position(|known| *known == name).unwrap_or(METHODS.len() - 1))
    }
}

/// All series of calls.
#[derive(Default)]
pub(super) struct Calls([[OnceLock<Histogram>; CODES.len()]; METHODS.len()]);

impl Calls {
    /// One call is over. `code` is the number of its gRPC code; one that is not of the list counts as UNKNOWN.
    pub(super) fn observe(&self, method: Method, code: i32, took: Duration) {
        let code = usize::try_from(code).ok().filter(|code| *code < CODES.len()).unwrap_or(UNKNOWN);
        if let Some(series) = self.0.get(method.0).and_then(|codes| codes.get(code)) {
            series.get_or_init(|| Histogram::new(BUCKETS)).observe(took.as_secs_f64());
        }
    }

    fn series(&self) -> impl Iterator<Item = ([(&'static str, &'static str); 2], &Histogram)> {
        METHODS.iter().zip(&self.0).flat_map(|(method, row)| {
            CODES.iter().zip(row).filter_map(|(code, series)| {
                Some(([("rpc_method", *method), ("rpc_response_status_code", *code)], series.get()?))
            })
        })
    }
}

impl Collector for Calls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut series = self.series().peekable();
        if series.peek().is_none() {
            return Ok(()); // a family without series is left out, as the registry does
        }
        let help = "How long calls took, by method and gRPC code.";
        let mut family =
            encoder.encode_descriptor("rpc_server_call_duration_seconds", help, None, MetricType::Histogram)?;
        series.try_for_each(|(labels, histogram)| histogram.encode(family.encode_family(&labels)?))
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// The gRPC codes in the order of their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const UNKNOWN: usize = 2;

/// In seconds: reads take well under a millisecond, an RSA key several seconds, no call more than a minute.
pub(super) const BUCKETS: [f64; 16] =
    [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
