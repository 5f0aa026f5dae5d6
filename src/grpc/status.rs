//! Errors as gRPC statuses: the only file that names a gRPC code.
//!
//! Every refusal is a google.rpc.Status with exactly one ErrorInfo and the details that fit. What is for the log goes
//! to the log here, under the call's id, and never to the caller.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::ERROR_DOMAIN;
use crate::error::{Class, Error, Reason, Violation};
use crate::service::call::CallId;

/// The gRPC code of a family of reasons.
pub const fn code(class: Class) -> Code {
    match class {
        Class::InvalidArgument => Code::InvalidArgument,
        Class::AlreadyExists => Code::AlreadyExists,
        Class::NotFound => Code::NotFound,
        Class::FailedPrecondition => Code::FailedPrecondition,
        Class::Aborted => Code::Aborted,
        Class::ResourceExhausted => Code::ResourceExhausted,
        Class::Unavailable => Code::Unavailable,
        Class::DataLoss => Code::DataLoss,
        Class::Unauthenticated => Code::Unauthenticated,
        Class::PermissionDenied => Code::PermissionDenied,
        Class::DeadlineExceeded => Code::DeadlineExceeded,
        Class::Unimplemented => Code::Unimplemented,
        Class::Internal => Code::Internal,
    }
}

/// An error as its caller sees it; logs what the caller does not see.
pub fn status(error: &Error, call: CallId) -> Status {
    log(error, call);
    let mut details = ErrorDetails::new();
    let facts = error.facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    details.set_error_info(error.reason.as_str(), ERROR_DOMAIN, facts.collect::<std::collections::HashMap<_, _>>());
    if !error.violations.is_empty() {
        details.set_bad_request(error.violations.iter().map(field_violation).collect::<Vec<_>>());
    }
    if let Some((kind, name)) = &error.resource {
        details.set_resource_info(*kind, name.clone(), "", error.message.clone());
    }
    if error.reason == Reason::QuotaExceeded {
        let subject = error.resource.as_ref().map_or(String::new(), |(_, name)| format!("project:{name}"));
        details.add_quota_failure_violation(subject, error.message.clone());
    }
    if let Some(after) = error.retry_after {
        details.set_retry_info(Some(after));
    }
    details.set_request_info(call.to_string(), "");
    Status::with_error_details(code(error.class()), error.message.clone(), details)
}

fn field_violation(violation: &Violation) -> FieldViolation {
    let (field, description) = (violation.field.clone(), violation.message.clone());
    let reason = violation.reason.as_str().to_owned();
    FieldViolation { field, description, reason, localized_message: None }
}

fn log(error: &Error, call: CallId) {
    let reason = error.reason.as_str();
    match error.class() {
        Class::Internal | Class::DataLoss => tracing::error!(call_id = %call, reason, %error, "call failed"),
        Class::Unavailable => tracing::warn!(call_id = %call, reason, %error, "call failed"),
        _ => tracing::debug!(call_id = %call, reason, %error, "call refused"),
    }
}
