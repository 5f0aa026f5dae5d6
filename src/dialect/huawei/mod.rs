//! Huawei KPS, version 3: the operations on key pairs, the signature SDK-HMAC-SHA256 and the token beside it.
//!
//! `sign.rs` signs and verifies; `route.rs` says which operation a request is for, `call.rs` has the
//! operations, `body.rs` what their bodies hold, which `check.rs` reads; `answer.rs` is what comes back, `render.rs` writes it, `zip.rs` the one answer that is no
//! JSON; `code.rs` and `action.rs` say what can go wrong, and in which operation.
//! What is read was checked: a [`Call`] keeps every rule that the cloud's pages state. A pair has no id there but its
//! name. It does not know which pairs, users or instances exist.

mod action;
mod answer;
mod body;
mod call;
mod check;
mod code;
mod render;
mod route;
mod sign;
mod zip;

pub use action::Action;
pub use answer::{
    Enclosed, Failed, FailedTask, Failure, Keypair, Listed, PageInfo, Project, Started, Task, Tasks, done, parse,
    request_id,
};
pub use body::{Association, Auth, AuthKind, NewKeypair, PrivateHalf, Protection, Server};
pub use call::{Call, Operation, Page, Window};
pub use code::{Code, Flaw};
pub use render::Answer;
pub use route::Route;
pub use sign::{Claim, Signature, Steps, sign, with_token};

/// Whether a name may hold it.
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The most characters of a name. The page of CreateKeypair says 255 since 2025, all others 64.
pub const NAME: usize = 64;
/// The most characters of a description, as the page of its version 2.1 says.
pub const DESCRIPTION: usize = 255;
/// The most pairs in one batch.
pub const BATCH: usize = 10;
/// The sizes of RSA keys that are taken.
pub const RSA_BITS: [u16; 3] = [2048, 3072, 4096];
