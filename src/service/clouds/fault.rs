//! A provider's fault in the words of the contract: as the error of a call, and as what a placement keeps of it.

use crate::dialect::Kind;
use crate::error::{Class, Error, Reason};
use crate::model::{PlacementError, ProviderName};
use crate::provider::{Fault, FaultKind};

/// The error of a call.
pub(in crate::service) fn placement_fault(provider: &ProviderName, fault: &Fault) -> Error {
    let words = match fault.kind {
        FaultKind::Refused(_) => "refused",
        FaultKind::Unavailable => "is not available",
        FaultKind::Unknown => "did not say what became of the request; it is being found out",
    };
    let error = Error::new(reason(fault), format!("{provider} {words}: {}", fault.message));
    let error = match fault.kind {
        FaultKind::Refused(kind) => error.of_class(class(kind)),
        FaultKind::Unavailable | FaultKind::Unknown => {
            error.with_retry_after(fault.retry_after.unwrap_or(std::time::Duration::from_secs(5)))
        }
    };
    let facts =
        [("provider", provider.as_str()), ("provider_code", &fault.code), ("provider_request_id", &fault.request_id)];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(error, |error, (key, value)| error.with_fact(key, value))
}

/// What a placement keeps.
pub(super) fn kept(fault: &Fault) -> PlacementError {
    let mut message = fault.message.clone();
    let end = (0..=MESSAGE.min(message.len())).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    message.truncate(end);
    PlacementError { reason: reason(fault), message, code: fault.code.clone() }
}

fn reason(fault: &Fault) -> Reason {
    match fault.kind {
        FaultKind::Refused(_) => Reason::ProviderRejected,
        FaultKind::Unavailable => Reason::ProviderUnavailable,
        FaultKind::Unknown => Reason::ProviderOutcomeUnknown,
    }
}

fn class(kind: Kind) -> Class {
    match kind {
        Kind::NameTaken | Kind::KeyTaken => Class::AlreadyExists,
        Kind::NotFound | Kind::ProjectUnknown | Kind::UserUnknown | Kind::InstanceUnknown => Class::NotFound,
        Kind::QuotaFull | Kind::TagQuotaFull | Kind::RateLimited => Class::ResourceExhausted,
        // Not the caller's arguments and not the caller's credentials: what the cloud holds against ours is a state that
        // has to be changed first.
        _ => Class::FailedPrecondition,
    }
}

/// api.md: at most 256 bytes.
const MESSAGE: usize = 256;
