//! What the service's refusals are called here.
//!
//! Promise: what is the caller's to mend is told in words, what is not only in the log.

use super::Turn;
use crate::dialect::Kind;
use crate::dialect::huawei::{Code, Flaw};
use crate::error::{Class, Error, Reason};

impl Turn<'_> {
    /// The answer to a call that the service refused. What its caller does not see goes to the log.
    pub(super) fn refused(&self, error: Error) -> Flaw {
        self.log(&error);
        if let Some(violation) = error.violations.into_iter().next() {
            return violation.into();
        }
        match meaning(error.reason, error.class.unwrap_or(error.reason.class())) {
            Meaning::Kind(kind) => self.action.refused(kind),
            Meaning::Code(Code::Parameter) => {
                Flaw::new(Code::Parameter, format!("{}: {}", Code::Parameter.message(), error.message))
            }
            Meaning::Code(code) => code.into(),
        }
    }

    fn log(&self, error: &Error) {
        let (call_id, caller, reason) = (self.call.id, &*self.call.caller, error.reason.as_str());
        match error.class() {
            Class::Internal | Class::DataLoss => tracing::error!(%call_id, caller, reason, %error, "call failed"),
            Class::Unavailable => tracing::warn!(%call_id, caller, reason, %error, "call failed"),
            _ => tracing::debug!(%call_id, caller, reason, %error, "call refused"),
        }
    }
}

/// What a reason is in the words of the dialect: a kind where the operation makes a difference.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Kind(Kind),
    Code(Code),
}

fn meaning(reason: Reason, class: Class) -> Meaning {
    match reason {
        // What is on its way is not to be seen here.
        Reason::KeyPairNotFound | Reason::KeyPairDeleted | Reason::KeyPairDeleting => Meaning::Kind(Kind::NotFound),
        Reason::PrivateKeyMismatch => Meaning::Kind(Kind::KeyMismatch),
        Reason::NoPrivateKey => Meaning::Kind(Kind::NoPrivateKey),
        // Both codes ask to look whether the key of KMS is there and enabled; this is the one, that the other.
        Reason::KmsKeyNotFound => Meaning::Code(Code::EncryptionFailed),
        Reason::KmsKeyDisabled | Reason::KmsKeyUnusable => Meaning::Code(Code::SaveFailed),
        Reason::EncryptionNotAllowed => Meaning::Code(Code::Forbidden),
        // There is no code for a full quota.
        Reason::QuotaExceeded => Meaning::Code(Code::Parameter),
        Reason::StorageFull => Meaning::Code(Code::InsertFailed),
        Reason::ProviderOutcomeUnknown => Meaning::Code(Code::ResponseError),
        _ => Meaning::Code(code(class)),
    }
}

/// Where the reason says no more.
fn code(class: Class) -> Code {
    match class {
        Class::InvalidArgument | Class::AlreadyExists | Class::FailedPrecondition | Class::NotFound => Code::Parameter,
        Class::ResourceExhausted => Code::Throttled,
        Class::Aborted => Code::UpdateFailed,
        Class::Unavailable => Code::DependencyUnavailable,
        Class::DataLoss => Code::QueryFailed,
        Class::Unauthenticated | Class::PermissionDenied => Code::Forbidden,
        Class::DeadlineExceeded | Class::Unimplemented | Class::Internal => Code::ResponseError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no request in a test can bring about: keys that were destroyed, full disks, clouds that do not answer.
    #[test]
    fn each_refusal_has_the_code_that_its_page_gives_it() {
        let cases = [
            (Reason::KmsKeyNotFound, "KPS.6008"),
            (Reason::KmsKeyDisabled, "KPS.6010"),
            (Reason::KmsUnavailable, "KPS.0003"),
            (Reason::StoreUnavailable, "KPS.0003"),
            (Reason::StorageFull, "KPS.5002"),
            (Reason::Conflict, "KPS.5004"),
            (Reason::RecordCorrupt, "KPS.5001"),
            (Reason::Internal, "KPS.0004"),
            (Reason::EncryptionNotAllowed, "KPS.9003"),
            (Reason::QuotaExceeded, "KPS.0002"),
            (Reason::ProviderRejected, "KPS.0002"),
            (Reason::RsaQueueFull, "APIGW.0308"),
        ];
        for (reason, code) in cases {
            let Meaning::Code(seen) = meaning(reason, reason.class()) else { panic!("{reason:?} is a kind") };
            assert_eq!(seen.as_str(), code, "{reason:?}");
        }
        assert_eq!(meaning(Reason::KeyPairDeleting, Class::FailedPrecondition), Meaning::Kind(Kind::NotFound));
    }
}
