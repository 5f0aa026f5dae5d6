//! What the service tells about itself: logs to stderr, metrics over HTTP.
//!
//! Promise: no secret and no name of a tenant or key becomes a label or a line of its own making. Nothing here is
//! global but what `tracing` and panics need. It knows no store and no wire: they hand in counts and times.

#![forbid(unsafe_code)]

mod calls;
mod face;
mod heavy;
mod logs;
mod metrics;
mod process;
mod serve;

pub use calls::{METHODS, Method};
pub use heavy::Heavy;
pub use logs::{LogFormat, check_level, logs, panic_hook, subscriber};
pub use metrics::{Exposition, Metrics};
pub use serve::{metrics_router, serve_metrics};
