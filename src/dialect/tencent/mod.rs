//! Tencent CVM, version 2017-03-12: the key-pair actions, the signature TC3-HMAC-SHA256 and the two before it.
//!
//! `sign.rs` signs and verifies, `legacy.rs` only verifies; `params.rs` reads parameters from JSON and from forms,
//! `call.rs` the actions from them, by the rules of `check.rs`; `answer.rs` is what comes back; `code.rs` and
//! `action.rs` say what can go wrong and in which action. What is read was checked: a [`Call`] keeps every rule that
//! the cloud's page states. It does not know which pairs, projects or instances exist.

mod action;
mod answer;
mod call;
mod check;
mod code;
mod legacy;
mod params;
mod sign;

pub use action::Action;
pub use answer::{Answer, Failure, Imported, KeyPair, Listed, Made, Nothing, created_time, parse};
pub use call::{Asked, Binding, Call, Filter, Tag, Wanted};
pub use check::{DESCRIPTION, NAME, PAGE, QUOTA, is_name_char};
pub use code::{Code, Flaw};
pub use sign::{Claim, Steps, sign};

/// The version of the API that is spoken here; there is no other with key pairs.
pub const VERSION: &str = "2017-03-12";
