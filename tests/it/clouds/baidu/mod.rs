//! Baidu: its dialect and its adapter.

mod adapter;
mod answers;
mod calls;
mod codes;
mod sign;

use keypairs::dialect::Request;
use keypairs::dialect::baidu::Call;
use keypairs::secret::SecretBytes;

/// A request of these parts, without headers.
pub fn request(method: &str, target: &str, body: &[u8]) -> Request {
    http::Request::builder().method(method).uri(target).body(SecretBytes::copied(body)).unwrap()
}

/// A call in words, to compare it.
pub fn tell(call: &Call) -> String {
    match call {
        Call::Create(new) => format!("create {new:?}"),
        Call::Import(new, key) => format!("import {new:?} {:?}", key.expose()),
        Call::List { marker, max_keys, name } => format!("list {marker:?} {max_keys:?} {name:?}"),
        Call::Get(id) => format!("get {id:?}"),
        Call::Attach(id, instances) => format!("attach {id:?} {instances:?}"),
        Call::Detach(id, instances) => format!("detach {id:?} {instances:?}"),
        Call::Rename(id, name) => format!("rename {id:?} {name:?}"),
        Call::Describe(id, text) => format!("describe {id:?} {text:?}"),
        Call::Delete(id) => format!("delete {id:?}"),
    }
}
