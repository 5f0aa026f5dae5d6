//! The one integration-test binary.

mod sshkey;
mod envelope;
mod keyring;
mod kpe1_vectors;
mod seeded;
mod config;
