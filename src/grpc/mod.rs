//! The gRPC face: the contract's generated types, and how its messages go over the wire.
//!
//! Promise: nothing in here prints a secret, and messages that carry one are wiped when they are dropped. It knows no
//! store, no key-management and no file.

#![forbid(unsafe_code)]

pub mod calls;
pub mod codec;
pub mod key_pairs;
pub mod pb;
pub mod status;

mod answer;
mod cloud_requests;
mod digest;
mod faults;
mod fields;
mod key_fields;
mod listing;
mod placements;
mod request;

/// The domain of every `google.rpc.ErrorInfo` of the service.
pub const ERROR_DOMAIN: &str = "keypairs.v1";
