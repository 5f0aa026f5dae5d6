//! The three clouds: their dialects against vectors of their own SDKs, and the adapters against a scripted server that
//! answers, breaks off, drips or says nothing, and remembers what it was sent.

pub mod scripted;

mod account;
mod baidu;
mod huawei;
mod json;
mod tencent;
