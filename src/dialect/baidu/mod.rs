//! Baidu BCC's key pairs: REST under `/v2/keypair`, JSON in camelCase, signed with bce-auth-v1.
//!
//! What is promised and not known here is told in `dialect`. Where the pages and the SDKs contradict each other, every
//! form is read, and the one is written that both SDKs would take.

mod body;
mod code;
mod name;
mod sign;

pub use body::{
    Call, Keypair, New, Page, Wrong, is_nothing, keypair, nothing, page, render, render_page, request_id, wrong,
};
pub use code::Code;
pub use name::{NAME, is_in_a_name, is_name, is_new_name};
pub use sign::{Claim, sign, time};
