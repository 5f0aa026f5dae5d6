//! The one integration-test binary.

// clippy.toml lets test functions panic and print; this lets what they call do so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub)]

mod backup;
mod bad_input;
mod callers;
mod canary;
mod cli;
mod clouds;
mod config;
mod conformance_store;
mod contract;
#[path = "../crash.rs"]
mod crash;
mod envelope;
mod errors;
mod face;
mod flipped_bits;
mod frames;
mod house;
mod integrity;
mod key_corpus;
mod keyring;
mod kpe1_vectors;
mod layers;
mod lifecycle;
mod lifetime;
mod placements;
mod power_loss;
mod races;
mod refusal;
mod refused_starts;
mod seeded;
mod server;
mod service;
mod sshkey;
mod telemetry;
mod weak_keys;
mod wire;
mod wycheproof_vectors;
