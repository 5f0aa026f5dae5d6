//! What the service's refusals are called here.
//!
//! Promise: what is the caller's to mend is told in words, what is not only in the log.

use super::{CLOUD, Desk};
use crate::dialect::huawei::{Code, Flaw};
use crate::error::{Class, Error, Reason, Violation};
use crate::face::fault::fault;

impl Desk<'_> {
    /// The answer to a call that the service refused. What its caller does not see goes to the log.
    pub(super) fn refused(&self, error: Error) -> Flaw {
        let kind = fault(&self.call, CLOUD, &error);
        let flaw = own_code(error.reason).map_or_else(|| self.action.refused(kind), Flaw::from);
        match (flaw.code, error.violations.into_iter().next()) {
            (Code::Parameter, Some(violation)) => violation.into(),
            (Code::Parameter, None) => Flaw { message: format!("{}: {}", flaw.message, error.message), ..flaw },
            _ => flaw,
        }
    }
}

/// Codes that are closer than the one of the reason's kind.
fn own_code(reason: Reason) -> Option<Code> {
    match reason {
        // The page of either asks to look whether the key of KMS is there and enabled. An unknown one cannot encrypt
        // (KPS.6008); one that is there and does not is told so.
        Reason::KmsKeyDisabled => Some(Code::SaveFailed),
        Reason::EncryptionNotAllowed => Some(Code::Forbidden),
        Reason::RecordCorrupt => Some(Code::QueryFailed),
        Reason::StorageFull => Some(Code::InsertFailed),
        Reason::Conflict => Some(Code::UpdateFailed),
        // It may have been done: the adapter of another instance takes this code so.
        Reason::ProviderOutcomeUnknown => None,
        reason if reason.class() == Class::Unavailable => Some(Code::DependencyUnavailable),
        _ => None,
    }
}

/// What is wrong with a key, at the place in the body where it stands.
pub(super) fn of_key(violation: Violation) -> Flaw {
    let field = match violation.field.as_str() {
        "public_key" => "keypair.public_key",
        _ => "keypair.key_protection.private_key",
    };
    if violation.reason == Reason::PassphraseRequired {
        return Flaw::parameter(field, "must not be encrypted with a passphrase");
    }
    Violation { field: field.to_owned(), ..violation }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::huawei::Action;
    use crate::face::kind_of;

    /// What no request in a test can bring about: keys that were destroyed, full disks, clouds that do not answer.
    #[test]
    fn each_refusal_has_the_code_that_its_page_gives_it() {
        let cases = [
            (Reason::KmsKeyNotFound, "KPS.6008"),
            (Reason::KmsKeyUnusable, "KPS.6008"),
            (Reason::KmsKeyDisabled, "KPS.6010"),
            (Reason::KmsUnavailable, "KPS.0003"),
            (Reason::StoreUnavailable, "KPS.0003"),
            (Reason::ProviderOutcomeUnknown, "KPS.0004"),
            (Reason::StorageFull, "KPS.5002"),
            (Reason::Conflict, "KPS.5004"),
            (Reason::RecordCorrupt, "KPS.5001"),
            (Reason::Internal, "KPS.0004"),
            (Reason::DeadlineExceeded, "KPS.0004"),
            (Reason::EncryptionNotAllowed, "KPS.9003"),
            (Reason::QuotaExceeded, "KPS.0002"),
            (Reason::PrivateKeyExists, "KPS.0002"),
            (Reason::ProviderRejected, "KPS.0002"),
            (Reason::KeyPairDeleting, "KPS.4016"),
            (Reason::RsaQueueFull, "APIGW.0308"),
        ];
        for (reason, code) in cases {
            let of_kind = || Action::DeleteKeypair.refused(kind_of(&Error::new(reason, ""))).code;
            assert_eq!(own_code(reason).unwrap_or_else(of_kind).as_str(), code, "{reason:?}");
        }
    }
}
