//! Why a command failed: what people read on stderr, and the exit code that scripts read.
//!
//! Promise: the text comes from the server's status and from paths; neither holds a secret. Control characters in it
//! cannot reach the terminal.

use std::error::Error as _;
use std::fmt;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::output::printable;
use super::transport_words::advice;

/// A command that did not do what it was told.
pub enum Failure {
    /// The command cannot be done as it was typed. Nothing was sent.
    Usage(String),
    /// The server, or the way to it, refused. The second is the request id of a call that changes something.
    Refused(Box<Status>, Option<String>),
    /// Something on this side failed after the call.
    Local(String),
    /// The user stopped it. The request id of a call that changes something.
    Interrupted(Option<String>),
}

impl Failure {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            // A gRPC code is at most 16.
            Self::Refused(status, _) => EXIT_REFUSED + u8::try_from(status.code() as i32).unwrap_or(2),
            Self::Local(_) => EXIT_LOCAL,
            Self::Interrupted(_) => EXIT_INTERRUPTED,
        }
    }

    /// Says with which request id the call can be repeated.
    #[must_use]
    pub(super) fn of_request(self, request_id: &str) -> Self {
        match self {
            Self::Refused(status, _) => Self::Refused(status, Some(request_id.to_owned())),
            Self::Interrupted(_) => Self::Interrupted(Some(request_id.to_owned())),
            other => other,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status), None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Local(message) => f.write_str(&printable(message)),
            Self::Refused(status, request_id) => write_refusal(f, status, request_id.as_deref()),
            Self::Interrupted(None) => f.write_str("interrupted"),
            Self::Interrupted(Some(id)) => {
                write!(
                    f,
                    "interrupted; the server may have done it: see, or repeat with --request-id {}",
                    printable(id)
                )
            }
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

fn write_refusal(f: &mut fmt::Formatter<'_>, status: &Status, request_id: Option<&str>) -> fmt::Result {
    let details = status.get_error_details();
    match details.error_info() {
        Some(told) => write!(f, "{} ({:?}): {}", printable(&told.reason), status.code(), printable(status.message()))?,
        None => {
            let said = with_causes(status);
            write!(f, "{:?}: {}", status.code(), printable(&said))?;
            if let Some(advice) = advice(&said) {
                write!(f, "\n  {advice}")?;
            }
        }
    }
    write_details(f, status.message(), &details)?;
    let call_id = status.metadata().get("x-call-id").and_then(|id| id.to_str().ok());
    if let Some(id) = call_id.or(details.request_info().map(|told| told.request_id.as_str())) {
        write!(f, "\n  call id: {}", printable(id))?;
    }
    if let Some(id) = request_id {
        write!(f, "\n  request id: {}", printable(id))?;
    }
    Ok(())
}

fn write_details(f: &mut fmt::Formatter<'_>, message: &str, details: &ErrorDetails) -> fmt::Result {
    if let Some(advice) = details.error_info().and_then(|told| typed(&told.reason)) {
        write!(f, "\n  {advice}")?;
    }
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    // A single one is the message already, and its reason the reason.
    let is_told = |description: &str| violations.len() == 1 && message.contains(description);
    for violation in violations.iter().filter(|violation| !is_told(&violation.description)) {
        let (field, reason) = (printable(&violation.field), printable(&violation.reason));
        write!(f, "\n  {field}: {}", printable(&violation.description))?;
        if !reason.is_empty() {
            write!(f, " ({reason})")?;
        }
    }
    if let Some(told) = details.resource_info() {
        write!(f, "\n  {}: {}", printable(&told.resource_type), printable(&told.resource_name))?;
    }
    for violation in details.quota_failure().iter().flat_map(|quota| &quota.violations) {
        write!(f, "\n  {}: {}", printable(&violation.subject), printable(&violation.description))?;
    }
    let mut facts: Vec<_> = details.error_info().iter().flat_map(|told| &told.metadata).collect();
    facts.sort();
    for (key, value) in facts {
        write!(f, "\n  {}: {}", printable(key), printable(value))?;
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        write!(f, "\n  try again in {:.1} s", delay.as_secs_f64())?;
    }
    Ok(())
}

/// How what the server asks for is typed; it does not know who asked.
fn typed(reason: &str) -> Option<&'static str> {
    match reason {
        "PASSPHRASE_REQUIRED" => Some("--passphrase-file FILE gives it; with - it comes from stdin"),
        "ID_INVALID" => Some("list tells ids; a deleted pair is found by its id only: list --show-deleted"),
        _ => None,
    }
}

/// The status of a connection that failed says why only in its causes.
pub(super) fn with_causes(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) && words != "transport error" {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Something here failed after the call.
pub const EXIT_LOCAL: u8 = 1;
/// Usage, or files that the command needs and cannot have.
pub const EXIT_USAGE: u8 = 2;
/// Plus the gRPC code: the call was refused.
pub const EXIT_REFUSED: u8 = 64;
/// Stopped by a signal.
pub const EXIT_INTERRUPTED: u8 = 130;
