//! keypairs: one gRPC service that makes, takes in, keeps and gives back SSH key pairs.
//!
//! A request passes through once, top to bottom of this list, and nothing calls back (docs/ARCHITECTURE.md):
//!
//! ```text
//!  6 assembly   main  cli  app  config  telemetry     names concrete adapters
//!  5 faces      grpc  face                            wire <-> domain
//!  4 service    service                               the use cases
//!  3 envelope   envelope                              seals and opens a private key
//!  2 ports      provider  kms  store                  one trait each, blind to each other
//!  1 pure       dialect  sshkey  model  outbound      no I/O, no clock; but outbound, the one HTTPS client
//!  0 base       error  secret  plain  clock  ready  octets  cipher
//! ```

// Not forbid: one small module may opt out one day, with its reason; every other module root forbids it.
#![deny(unsafe_code)]

pub mod app;
pub mod cipher;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod envelope;
pub mod error;
pub mod face;
pub mod grpc;
pub mod kms;
pub mod model;
pub mod octets;
pub mod outbound;
pub mod plain;
pub mod provider;
pub mod ready;
pub mod secret;
pub mod service;
pub mod sshkey;
pub mod store;
pub mod telemetry;
