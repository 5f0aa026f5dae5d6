//! The one integration-test binary.

// clippy.toml lets test functions panic; this lets what they call do so too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test panics when it fails, helpers too

mod config;
mod envelope;
mod keyring;
mod kpe1_vectors;
mod seeded;
// clippy lets tests unwrap, but not the functions that they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sshkey;
mod telemetry;
