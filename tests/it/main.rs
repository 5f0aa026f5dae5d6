//! The one integration-test binary.

// clippy.toml allows these inside test functions; here the functions beside them are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
