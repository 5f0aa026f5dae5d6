//! The one integration-test binary.

// clippy.toml lets test functions panic; this lets what they call do so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod cli;
mod config;
mod conformance_store;
mod envelope;
mod keyring;
mod kpe1_vectors;
mod layers;
mod seeded;
mod server;
mod service;
mod sshkey;
mod telemetry;
