//! The one integration-test binary.

mod envelope;
mod keyring;
mod kpe1_vectors;
mod seeded;
