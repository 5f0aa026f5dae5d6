//! What the three clouds speak over HTTP, both ways: adapters (`provider/`) use it to speak, the face to listen.
//!
//! Each cloud is a folder: `sign.rs` signs a request and verifies one, `body.rs` turns operations and answers into
//! bytes and back, `code.rs` is its list of error codes. All of it is pure: no I/O, time is an argument. Promise: what
//! is signed is exactly what is sent, byte for byte; nothing here panics on foreign bytes. It knows no socket, no store
//! and no use case.

#![forbid(unsafe_code)]

pub mod baidu;
pub mod json;
pub mod tencent;
mod wire;

pub use wire::{Credentials, Refusal, Request, Response, decode_form, encode, header, hex};

/// What is wrong, in words that no cloud owns. Each cloud's `code.rs` maps its codes to these and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The name does not fit the cloud's grammar.
    NameInvalid,
    /// The name is empty.
    NameEmpty,
    /// The name is too long.
    NameTooLong,
    /// The name is taken.
    NameTaken,
    /// The description does not fit.
    DescriptionInvalid,
    /// The public key is not one that the cloud takes.
    KeyInvalid,
    /// The cloud has this public key already.
    KeyTaken,
    /// The private half does not belong to the public half that the cloud has.
    KeyMismatch,
    /// The account holds as many pairs as it may.
    QuotaFull,
    /// A tag is on as many things as it may be.
    TagQuotaFull,
    /// The cloud's own project does not exist.
    ProjectUnknown,
    /// The user does not exist.
    UserUnknown,
    /// There is no such pair.
    NotFound,
    /// The pair is in use by an instance.
    InUse,
    /// There is no such instance.
    InstanceUnknown,
    /// The cloud does not hold the private half.
    NoPrivateKey,
    /// The cloud could not encrypt the private half: its key is not there or disabled.
    EncryptionFailed,
    /// Too many requests.
    RateLimited,
    /// The signature, the token or the access key is not right.
    Unauthenticated,
    /// The request's time is outside the cloud's window.
    Expired,
    /// The account may not do this.
    Forbidden,
    /// A parameter is missing.
    ParameterMissing,
    /// A parameter does not fit.
    ParameterInvalid,
    /// The request is not one that the cloud can read.
    Malformed,
    /// The cloud has no such operation or version.
    Unsupported,
    /// The cloud failed; it may have done the work all the same.
    Internal,
}
