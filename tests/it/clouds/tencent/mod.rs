//! Tencent CVM: its signatures against those of its SDK, its actions against its pages, the adapter against a script.

mod adapter;
mod answers;
mod calls;
mod codes;
mod signatures;

use http::{HeaderName, HeaderValue, Method};
use keypairs::dialect::Request;
use keypairs::secret::SecretBytes;
use serde_json::Value;

/// A request for `/` with a query.
fn request(method: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut request = Request::new(SecretBytes::copied(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }.parse().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    request
}

/// A request of an action as the SDK for Python sends it, without its signature.
fn asked(action: &str, body: &str) -> Request {
    let headers = [("Content-Type", "application/json"), ("X-TC-Action", action), ("X-TC-Version", "2017-03-12")];
    request("POST", "", &headers, body.as_bytes())
}

/// Names and values as the SDK for Python flattens them for a query or a form.
fn flattened(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let below = |part: &str| if prefix.is_empty() { part.to_owned() } else { format!("{prefix}.{part}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| flattened(&below(name), value, into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, value)| flattened(&below(&place.to_string()), value, into));
        }
        Value::Null => {}
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        Value::Bool(flag) => into.push((prefix.to_owned(), if *flag { "True" } else { "False" }.to_owned())),
        Value::Number(number) => into.push((prefix.to_owned(), number.to_string())),
    }
}

/// As a query: what the SDK for Python makes of parameters.
fn urlencoded(params: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}
