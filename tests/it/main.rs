//! The one integration-test binary.

// clippy.toml lets test functions panic; this lets what they call do so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod bad_input;
mod config;
mod contract;
mod envelope;
mod errors;
mod keyring;
mod kpe1_vectors;
mod refusal;
mod seeded;
mod server;
mod service;
mod sshkey;
mod telemetry;
mod wire;
