//! The gRPC face: the contract's generated types, and how its messages go over the wire.
//!
//! Promise: nothing in here prints a secret, and messages that carry one are wiped when they are dropped.

pub mod codec;
pub mod pb;

/// The domain of every `google.rpc.ErrorInfo` of the service.
pub const ERROR_DOMAIN: &str = "keypairs.v1";
