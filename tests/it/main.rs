//! The one integration-test binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test panics when it fails, helpers too

mod config;
mod telemetry;
