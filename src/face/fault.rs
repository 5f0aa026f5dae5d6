//! The service's refusals in words that no cloud owns; each cloud's `code.rs` has its own words for them.

use crate::dialect::Kind;
use crate::error::{Class, Error, Reason};
use crate::model::ProviderKind;
use crate::service::call::Call;

/// What a refusal of the service is to a cloud. It is logged: an answer tells less than it.
pub(super) fn fault(call: &Call, cloud: ProviderKind, error: &Error) -> Kind {
    let (call_id, cloud, reason) = (call.id, cloud.as_str(), error.reason.as_str());
    match error.class() {
        Class::Internal | Class::DataLoss => tracing::error!(%call_id, cloud, reason, %error, "call failed"),
        Class::Unavailable => tracing::warn!(%call_id, cloud, reason, %error, "call failed"),
        _ => tracing::debug!(%call_id, cloud, reason, %error, "call refused"),
    }
    kind_of(error)
}

/// What a refusal of the service is to a cloud.
pub fn kind_of(error: &Error) -> Kind {
    match error.reason {
        Reason::NameEmpty => Kind::NameEmpty,
        Reason::NameTooLong => Kind::NameTooLong,
        Reason::NameIllegalChar | Reason::NameBadStart | Reason::NameBadSegment | Reason::NameLooksLikeId => {
            Kind::NameInvalid
        }
        Reason::NameExists => Kind::NameTaken,
        Reason::DescriptionInvalid => Kind::DescriptionInvalid,
        Reason::PublicKeyExists | Reason::PrivateKeyExists => Kind::KeyTaken,
        Reason::PrivateKeyMismatch => Kind::KeyMismatch,
        Reason::QuotaExceeded => Kind::QuotaFull,
        Reason::NoPrivateKey => Kind::NoPrivateKey,
        // A pair that is not ACTIVE is not shown.
        Reason::KeyPairNotFound | Reason::KeyPairDeleted | Reason::KeyPairDeleting => Kind::NotFound,
        // Of what goes through a face only a Delete can be refused by a cloud: it has the pair in use.
        Reason::ProviderRejected if error.class() == Class::FailedPrecondition => Kind::InUse,
        Reason::ProviderRejected => Kind::Internal,
        Reason::MessageMalformed | Reason::MessageTooLarge => Kind::Malformed,
        Reason::StorageFull | Reason::RecordCorrupt => Kind::Internal,
        reason if is_of_a_key(reason) => Kind::KeyInvalid,
        reason if is_of_encryption(reason) => Kind::EncryptionFailed,
        reason => by_class(reason.class()),
    }
}

fn by_class(class: Class) -> Kind {
    match class {
        Class::InvalidArgument | Class::FailedPrecondition | Class::AlreadyExists => Kind::ParameterInvalid,
        Class::NotFound => Kind::NotFound,
        Class::ResourceExhausted => Kind::RateLimited,
        Class::Unauthenticated => Kind::Unauthenticated,
        Class::PermissionDenied => Kind::Forbidden,
        Class::Unimplemented => Kind::Unsupported,
        Class::Aborted | Class::Unavailable | Class::DataLoss | Class::DeadlineExceeded | Class::Internal => {
            Kind::Internal
        }
    }
}

/// The key that came in is not one that is taken.
fn is_of_a_key(reason: Reason) -> bool {
    const OF_KEYS: [&str; 8] =
        ["PUBLIC_KEY_", "PRIVATE_KEY_", "WEAK_", "RSA_", "EC_", "ED25519_", "PASSPHRASE_", "COMPROMISED_"];
    let asks = matches!(reason.class(), Class::InvalidArgument | Class::FailedPrecondition);
    let other = matches!(reason, Reason::KdfTooCostly | Reason::KeyTypeUnsupported | Reason::KeyBitsUnsupported);
    other || asks && OF_KEYS.iter().any(|start| reason.as_str().starts_with(start))
}

/// The key that is to protect a private half is not there, or not to be used.
fn is_of_encryption(reason: Reason) -> bool {
    let word = reason.as_str();
    reason.class() != Class::Unavailable && (word.starts_with("KMS_") || word.starts_with("ENCRYPTION_"))
}

#[cfg(test)]
mod tests {
    use super::kind_of;
    use crate::dialect::Kind;
    use crate::error::{Class, Error, Reason};

    #[test]
    fn each_reason_has_its_kind() {
        let cases = [
            (Reason::NameExists, Kind::NameTaken),
            (Reason::QuotaExceeded, Kind::QuotaFull),
            (Reason::PrivateKeyInPublicField, Kind::KeyInvalid),
            (Reason::PublicKeyMalformed, Kind::KeyInvalid),
            (Reason::PassphraseRequired, Kind::KeyInvalid),
            (Reason::RsaSharedFactor, Kind::KeyInvalid),
            (Reason::RsaQueueFull, Kind::RateLimited),
            (Reason::PassphraseRateLimited, Kind::RateLimited),
            (Reason::Overloaded, Kind::RateLimited),
            (Reason::KmsKeyNotFound, Kind::EncryptionFailed),
            (Reason::EncryptionNotAllowed, Kind::EncryptionFailed),
            (Reason::KmsUnavailable, Kind::Internal),
            (Reason::StorageFull, Kind::Internal),
            (Reason::RecordCorrupt, Kind::Internal),
            (Reason::KeyPairDeleting, Kind::NotFound),
            (Reason::LabelsInvalid, Kind::ParameterInvalid),
            (Reason::ProviderRejected, Kind::InUse),
            (Reason::PermissionDenied, Kind::Forbidden),
        ];
        for (reason, kind) in cases {
            assert_eq!(kind_of(&Error::new(reason, "")), kind, "{}", reason.as_str());
        }
        let elsewhere = Error::new(Reason::ProviderRejected, "").of_class(Class::NotFound);
        assert_eq!(kind_of(&elsewhere), Kind::Internal);
        // Whatever is a fault of ours is one of the cloud's, and nothing else is.
        for reason in Reason::ALL {
            let ours = matches!(reason.class(), Class::Internal | Class::DataLoss | Class::Unavailable);
            let kind = kind_of(&Error::new(*reason, ""));
            assert!(!ours || kind == Kind::Internal, "{} is {kind:?}", reason.as_str());
        }
    }
}
