//! The one integration-test binary.

// clippy.toml lets test functions panic and print; this lets what they call do so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub)]

mod callers;
mod cli;
mod config;
mod conformance_store;
#[path = "../crash.rs"]
mod crash;
mod envelope;
mod flipped_bits;
mod keyring;
mod kpe1_vectors;
mod power_loss;
mod refused_starts;
mod seeded;
mod server;
mod service;
mod sshkey;
mod telemetry;
