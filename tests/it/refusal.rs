//! A refusal, taken apart as its caller would.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;
use tonic_types::pb::{BadRequest, ErrorInfo};

/// What a caller learns from a refusal.
#[derive(Debug)]
pub struct Refusal {
    pub code: Code,
    pub reason: String,
    pub message: String,
    /// Facts of the ErrorInfo.
    pub facts: HashMap<String, String>,
    /// Paths and reasons of BadRequest.
    pub violations: Vec<(String, String)>,
    /// ResourceInfo: type and name.
    pub resource: Option<(String, String)>,
    /// Subject of QuotaFailure.
    pub quota_of: Option<String>,
    /// RetryInfo.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Takes a status apart; it must have the form that every refusal has: one ErrorInfo of our domain, a BadRequest
    /// with every invalid argument, and the first violation's reason as the reason.
    pub fn of(status: &Status) -> Self {
        let wire = tonic_types::Status::decode(status.details()).unwrap();
        assert_eq!((wire.code, wire.message.as_str()), (status.code() as i32, status.message()));
        let of_type = |name: &str| {
            let url = format!("type.googleapis.com/google.rpc.{name}");
            wire.details.iter().filter(|detail| detail.type_url == url).map(|detail| &*detail.value).collect::<Vec<_>>()
        };
        let infos = of_type("ErrorInfo");
        assert_eq!(infos.len(), 1, "exactly one ErrorInfo: {status:?}");
        let info = ErrorInfo::decode(infos[0]).unwrap();
        assert_eq!(info.domain, "keypairs.v1");
        let requests = of_type("BadRequest");
        let violations: Vec<_> =
            requests.iter().flat_map(|detail| BadRequest::decode(*detail).unwrap().field_violations).collect();
        if status.code() == Code::InvalidArgument {
            assert_eq!((requests.len(), violations.is_empty()), (1, false), "BadRequest: {status:?}");
        }
        if let Some(first) = violations.first() {
            assert_eq!(first.reason, info.reason, "the first violation's reason");
        }
        assert!(violations.iter().all(|violation| !violation.description.is_empty()));
        let details = status.get_error_details();
        Self {
            code: status.code(),
            reason: info.reason,
            message: status.message().to_owned(),
            facts: info.metadata,
            violations: violations.into_iter().map(|violation| (violation.field, violation.reason)).collect(),
            resource: details.resource_info().map(|told| (told.resource_type.clone(), told.resource_name.clone())),
            quota_of: details.quota_failure().map(|told| told.violations[0].subject.clone()),
            retry_after: details.retry_info().and_then(|told| told.retry_delay),
        }
    }

    /// The refusal of a call that must be refused.
    pub fn from<T>(outcome: Result<Response<T>, Status>) -> Self {
        match outcome {
            Ok(_) => panic!("was not refused"),
            Err(status) => Self::of(&status),
        }
    }

    /// The refusal of a call, when it is for this reason.
    pub fn expect<T>(outcome: Result<Response<T>, Status>, code: Code, reason: &str) -> Self {
        let refusal = Self::from(outcome);
        assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason), "{refusal:?}");
        refusal
    }

    /// Path of the first violation.
    pub fn field(&self) -> &str {
        self.violations.first().map(|(field, _)| field.as_str()).unwrap_or("(no violation)")
    }
}
