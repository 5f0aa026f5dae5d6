//! What an operator is told of a refused signature, in the log at level debug, and nobody else.
//!
//! Promise: values of tokens are left out. What else a canonical request holds is in the request, and a hash of its
//! body.

use crate::dialect::Refusal;
use crate::model::ProviderKind;
use crate::service::call::Call;

/// Logs why a signature was refused, with what often is the cause. `call` has its caller when the access key is known.
pub fn log_refusal(call: &Call, cloud: ProviderKind, refusal: &Refusal) {
    let (call_id, caller, cloud) = (call.id, &*call.caller, cloud.as_str());
    match refusal {
        Refusal::Mismatch { canonical, hint } => {
            let canonical = without_tokens(canonical);
            tracing::debug!(%call_id, caller, cloud, canonical, hint, "refused: the signature is not ours");
        }
        Refusal::Expired { ahead } => {
            let hint = "the clocks differ, or the request is a repeated one";
            tracing::debug!(%call_id, caller, cloud, ahead, hint, "refused: its time is outside the cloud's window");
        }
        Refusal::Malformed(what) | Refusal::Unsupported(what) => {
            tracing::debug!(%call_id, caller, cloud, what, "refused: the signature cannot be read");
        }
        Refusal::Missing => tracing::debug!(%call_id, caller, cloud, "refused: there is no signature"),
        Refusal::Digest => tracing::debug!(%call_id, caller, cloud, "refused: the digest of the body is another one"),
    }
}

/// Canonical requests are lines of `name:value`, or one line of `name=value&name=value`.
fn without_tokens(canonical: &str) -> String {
    canonical.split_inclusive(['\n', '&']).map(without_token).collect()
}

fn without_token(piece: &str) -> String {
    let (name, value) = piece.split_at(piece.find([':', '=']).map_or(piece.len(), |at| at + 1));
    if value.is_empty() || !name.to_ascii_lowercase().contains("token") {
        return piece.to_owned();
    }
    let end = if value.ends_with(['\n', '&']) { &value[value.len() - 1..] } else { "" };
    format!("{name}(left out){end}")
}

#[cfg(test)]
mod tests {
    use super::without_tokens;

    #[test]
    fn tokens_are_left_out() {
        let cases = [
            ("GET\n/\n\nhost:a\nx-auth-token:secret\n\nhost", "GET\n/\n\nhost:a\nx-auth-token:(left out)\n\nhost"),
            ("x-bce-security-token:secret", "x-bce-security-token:(left out)"),
            ("POSTa/?Action=A&Token=secret&Version=1", "POSTa/?Action=A&Token=(left out)&Version=1"),
            ("content-type;host;x-auth-token\n", "content-type;host;x-auth-token\n"),
        ];
        for (canonical, told) in cases {
            assert_eq!(without_tokens(canonical), told);
        }
    }
}
