//! The one error type of the service.
//!
//! The place that knows best makes an [`Error`]; nobody wraps it in text again; only a face turns it into a status.
//! It has two messages: `message` goes to the caller, `detail` only to the log. Neither ever holds a secret.
//! This file knows no wire: `grpc/status.rs` is the table to gRPC.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

/// A result of the service.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong, where, and what to do about it.
pub struct Error {
    /// Why, from the closed list.
    pub reason: Reason,
    /// The family, where it is not the reason's own: what a cloud refused can be of any.
    pub class: Option<Class>,
    /// For the caller: what was wrong and what to do. No secrets, no internals.
    pub message: String,
    /// For the log only.
    pub detail: Option<String>,
    /// Each invalid field; the first one's reason is `reason`.
    pub violations: Vec<Violation>,
    /// Facts for programs, such as `existing_id`.
    pub facts: Vec<(&'static str, String)>,
    /// The resource it is about: type and name.
    pub resource: Option<(&'static str, String)>,
    /// When to try again, where trying again can help.
    pub retry_after: Option<Duration>,
    /// What went wrong underneath; for the log only.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One invalid field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `placements[1].remote_name`; empty: the message as a whole.
    pub field: String,
    /// Why.
    pub reason: Reason,
    /// What was wrong, in words.
    pub message: String,
}

impl Violation {
    /// One invalid field.
    pub fn new(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self { field: field.into(), reason, message: message.into() }
    }
}

impl Error {
    /// An error with a message for the caller.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            class: None,
            message: message.into(),
            detail: None,
            violations: Vec::new(),
            facts: Vec::new(),
            resource: None,
            retry_after: None,
            source: None,
        }
    }

    /// One invalid field.
    pub fn invalid(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self::violations(vec![Violation::new(field, reason, message)])
    }

    /// All invalid fields of a request at once. `violations` is not empty; an empty one is an internal error.
    pub fn violations(violations: Vec<Violation>) -> Self {
        let Some(first) = violations.first() else { return Self::internal("no violation in an invalid argument") };
        let told = match first.field.as_str() {
            "" => first.message.clone(), // the message as a whole
            field => format!("{field}: {}", first.message),
        };
        let message = match violations.len() {
            1 => told,
            n => format!("{told} (and {} more, see BadRequest)", n - 1),
        };
        Self { violations: violations.clone(), ..Self::new(first.reason, message) }
    }

    /// A fault of the service. The caller hears only that; `detail` goes to the log.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(Reason::Internal, "internal error; the log has it under this call's id").with_detail(detail)
    }

    /// What a caller can do about it.
    pub fn class(&self) -> Class {
        self.class.unwrap_or(self.reason.class())
    }

    /// Says that it is of another family than its reason.
    #[must_use]
    pub fn of_class(mut self, class: Class) -> Self {
        self.class = Some(class);
        self
    }

    /// Adds words for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn with_fact(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((key, value.into()));
        self
    }

    /// Says which resource it is about.
    #[must_use]
    pub fn with_resource(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.resource = Some((kind, name.into()));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Keeps the cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " [{detail}]")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// The family of a reason: what a caller can do about it. One gRPC code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Change the request.
    InvalidArgument,
    /// It is there already.
    AlreadyExists,
    /// It is not there.
    NotFound,
    /// Change the state first.
    FailedPrecondition,
    /// Read again, then try again.
    Aborted,
    /// Free something, or wait.
    ResourceExhausted,
    /// Try again later.
    Unavailable,
    /// Stored data is damaged.
    DataLoss,
    /// Prove who you are.
    Unauthenticated,
    /// Ask for permission.
    PermissionDenied,
    /// Ask what became of it.
    DeadlineExceeded,
    /// Call something else.
    Unimplemented,
    /// Our fault.
    Internal,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $class:ident $variant:ident = $word:literal,)*) => {
        /// Why a call was refused: the closed list that callers see as `ErrorInfo.reason`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, in the order of `proto/keypairs/v1/errors.proto`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that callers see.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The family it belongs to.
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }
        }
    };
}

reasons! {
    /// The name is empty.
    InvalidArgument NameEmpty = "NAME_EMPTY",
    /// The name holds a character that is not allowed.
    InvalidArgument NameIllegalChar = "NAME_ILLEGAL_CHAR",
    /// The name is too long.
    InvalidArgument NameTooLong = "NAME_TOO_LONG",
    /// The name starts with a character that may not come first.
    InvalidArgument NameBadStart = "NAME_BAD_START",
    /// The name has an empty, "." or ".." segment between slashes.
    InvalidArgument NameBadSegment = "NAME_BAD_SEGMENT",
    /// The name has the form of an id.
    InvalidArgument NameLooksLikeId = "NAME_LOOKS_LIKE_ID",
    /// The project id does not fit its grammar.
    InvalidArgument ProjectIdInvalid = "PROJECT_ID_INVALID",
    /// The user id does not fit its grammar.
    InvalidArgument UserIdInvalid = "USER_ID_INVALID",
    /// The description is too long or holds control or invisible characters.
    InvalidArgument DescriptionInvalid = "DESCRIPTION_INVALID",
    /// There are too many labels, or one does not fit.
    InvalidArgument LabelsInvalid = "LABELS_INVALID",
    /// This type is not made here.
    InvalidArgument KeyTypeUnsupported = "KEY_TYPE_UNSUPPORTED",
    /// This type is not made in that size.
    InvalidArgument KeyBitsUnsupported = "KEY_BITS_UNSUPPORTED",
    /// This key cannot be given out in that format, or the format is not built yet.
    InvalidArgument FormatUnsupported = "FORMAT_UNSUPPORTED",
    /// A passphrase does not go with this format, or no tool could be told it.
    InvalidArgument PassphraseUnsupported = "PASSPHRASE_UNSUPPORTED",
    /// The page size is negative.
    InvalidArgument PageSizeInvalid = "PAGE_SIZE_INVALID",
    /// The page token is not ours, or belongs to another query.
    InvalidArgument PageTokenInvalid = "PAGE_TOKEN_INVALID",
    /// A filter field does not fit its grammar.
    InvalidArgument FilterInvalid = "FILTER_INVALID",
    /// The update mask names a field that cannot be changed, or nothing is set that can be.
    InvalidArgument UpdateMaskInvalid = "UPDATE_MASK_INVALID",
    /// The request id is not a UUID.
    InvalidArgument RequestIdInvalid = "REQUEST_ID_INVALID",
    /// The request names no key pair: neither name nor id.
    InvalidArgument KeyRequired = "KEY_REQUIRED",
    /// The id is not "kp-" and a UUIDv7 in 32 lower-case hex digits.
    InvalidArgument IdInvalid = "ID_INVALID",
    /// The reason of an export is too long or holds control or invisible characters.
    InvalidArgument ExportReasonInvalid = "EXPORT_REASON_INVALID",
    /// This field does not go with the rest of the request.
    InvalidArgument FieldUnsupported = "FIELD_UNSUPPORTED",
    /// Two placements name one provider.
    InvalidArgument PlacementDuplicate = "PLACEMENT_DUPLICATE",
    /// There are more than 16 placements.
    InvalidArgument PlacementLimit = "PLACEMENT_LIMIT",
    /// No provider of that name is configured.
    InvalidArgument ProviderNotConfigured = "PROVIDER_NOT_CONFIGURED",
    /// The message is not a valid protobuf message of this call.
    InvalidArgument MessageMalformed = "MESSAGE_MALFORMED",
    /// The encryption type is not one of the list.
    InvalidArgument EncryptionTypeInvalid = "ENCRYPTION_TYPE_INVALID",
    /// The encryption type DEFAULT goes with no key name or id.
    InvalidArgument EncryptionConflict = "ENCRYPTION_CONFLICT",
    /// The encryption type KMS needs a key name or id.
    InvalidArgument KmsKeyRequired = "KMS_KEY_REQUIRED",
    /// The key name and the key id are not of one key.
    InvalidArgument KmsKeyAmbiguous = "KMS_KEY_AMBIGUOUS",
    /// The key name does not fit its grammar.
    InvalidArgument KmsKeyNameInvalid = "KMS_KEY_NAME_INVALID",
    /// The public key is not one well-formed OpenSSH line.
    InvalidArgument PublicKeyMalformed = "PUBLIC_KEY_MALFORMED",
    /// Public keys of this type are not taken.
    InvalidArgument PublicKeyUnsupportedType = "PUBLIC_KEY_UNSUPPORTED_TYPE",
    /// Public keys in this file format are not taken yet.
    InvalidArgument PublicKeyUnsupportedFormat = "PUBLIC_KEY_UNSUPPORTED_FORMAT",
    /// The type in the text and the type in the blob differ.
    InvalidArgument PublicKeyTypeMismatch = "PUBLIC_KEY_TYPE_MISMATCH",
    /// Options before the key are not taken.
    InvalidArgument PublicKeyOptionsNotAllowed = "PUBLIC_KEY_OPTIONS_NOT_ALLOWED",
    /// There is more than one key.
    InvalidArgument PublicKeyMultipleKeys = "PUBLIC_KEY_MULTIPLE_KEYS",
    /// The comment holds control or invisible characters.
    InvalidArgument PublicKeyCommentInvalid = "PUBLIC_KEY_COMMENT_INVALID",
    /// The key or its comment is too large.
    InvalidArgument PublicKeyTooLarge = "PUBLIC_KEY_TOO_LARGE",
    /// A private key was sent in the field of a public one. It was not stored and not logged; treat it as exposed.
    InvalidArgument PrivateKeyInPublicField = "PRIVATE_KEY_IN_PUBLIC_FIELD",
    /// DSA keys are not taken.
    InvalidArgument WeakDsa = "WEAK_DSA",
    /// The RSA modulus is too small, or its size is not a multiple of 8.
    InvalidArgument WeakRsaSize = "WEAK_RSA_SIZE",
    /// The RSA modulus is over 8192 bits.
    InvalidArgument RsaTooLarge = "RSA_TOO_LARGE",
    /// The RSA public exponent is even, below 65537 (or what the policy says) or over 2^32.
    InvalidArgument RsaBadExponent = "RSA_BAD_EXPONENT",
    /// The point is not an uncompressed point of its curve.
    InvalidArgument EcPointInvalid = "EC_POINT_INVALID",
    /// The point is not a sound point of the curve.
    InvalidArgument Ed25519PointInvalid = "ED25519_POINT_INVALID",
    /// The private key is not one well-formed key file.
    InvalidArgument PrivateKeyMalformed = "PRIVATE_KEY_MALFORMED",
    /// There is more than one key.
    InvalidArgument PrivateKeyMultipleKeys = "PRIVATE_KEY_MULTIPLE_KEYS",
    /// The private key's check numbers differ: the file is damaged.
    InvalidArgument PrivateKeyCorrupt = "PRIVATE_KEY_CORRUPT",
    /// The private and the public numbers of the key do not belong together.
    InvalidArgument PrivateKeyPublicMismatch = "PRIVATE_KEY_PUBLIC_MISMATCH",
    /// The private key file is over 32 KiB.
    InvalidArgument PrivateKeyTooLarge = "PRIVATE_KEY_TOO_LARGE",
    /// Private keys of this type are not taken.
    InvalidArgument PrivateKeyUnsupportedType = "PRIVATE_KEY_UNSUPPORTED_TYPE",
    /// Private keys in this file format are not taken yet.
    InvalidArgument PrivateKeyUnsupportedFormat = "PRIVATE_KEY_UNSUPPORTED_FORMAT",
    /// The private scalar is zero or not below the order of the curve.
    InvalidArgument EcScalarInvalid = "EC_SCALAR_INVALID",
    /// The numbers of the RSA private key do not belong together.
    InvalidArgument RsaInconsistent = "RSA_INCONSISTENT",
    /// The name is taken by another key pair of the project.
    AlreadyExists NameExists = "NAME_EXISTS",
    /// The project has this key under another name.
    AlreadyExists PublicKeyExists = "PUBLIC_KEY_EXISTS",
    /// The key pair holds its private half already.
    AlreadyExists PrivateKeyExists = "PRIVATE_KEY_EXISTS",
    /// There is no such key pair, or it is not yours to see.
    NotFound KeyPairNotFound = "KEY_PAIR_NOT_FOUND",
    /// The key pair has no such placement.
    NotFound PlacementNotFound = "PLACEMENT_NOT_FOUND",
    /// The private key does not belong to the public half of the key pair of that name.
    FailedPrecondition PrivateKeyMismatch = "PRIVATE_KEY_MISMATCH",
    /// The service does not hold the private half of this key pair.
    FailedPrecondition NoPrivateKey = "NO_PRIVATE_KEY",
    /// The key pair is deleted: Undelete it first.
    FailedPrecondition KeyPairDeleted = "KEY_PAIR_DELETED",
    /// The private key is encrypted: send its passphrase, or the key without one.
    FailedPrecondition PassphraseRequired = "PASSPHRASE_REQUIRED",
    /// There is no protecting key of that name or id.
    FailedPrecondition KmsKeyNotFound = "KMS_KEY_NOT_FOUND",
    /// The protecting key is disabled.
    FailedPrecondition KmsKeyDisabled = "KMS_KEY_DISABLED",
    /// The protecting key is not one that can protect private keys.
    FailedPrecondition KmsKeyUnusable = "KMS_KEY_UNUSABLE",
    /// The project may not use that encryption.
    FailedPrecondition EncryptionNotAllowed = "ENCRYPTION_NOT_ALLOWED",
    /// The record was written by a newer version of the service.
    FailedPrecondition FormatVersionUnknown = "FORMAT_VERSION_UNKNOWN",
    /// The key pair has changed since that etag: read it again.
    Aborted EtagMismatch = "ETAG_MISMATCH",
    /// The request id was used for another request.
    Aborted RequestIdReused = "REQUEST_ID_REUSED",
    /// Another call changed the same key pair meanwhile: try again.
    Aborted Conflict = "CONFLICT",
    /// The project holds as many key pairs as it may.
    ResourceExhausted QuotaExceeded = "QUOTA_EXCEEDED",
    /// Too many RSA keys are being made: wait as RetryInfo says.
    ResourceExhausted RsaQueueFull = "RSA_QUEUE_FULL",
    /// Too many wrong passphrases.
    ResourceExhausted PassphraseRateLimited = "PASSPHRASE_RATE_LIMITED",
    /// Too many calls.
    ResourceExhausted RateLimited = "RATE_LIMITED",
    /// The service has too much to do: wait as RetryInfo says.
    ResourceExhausted Overloaded = "OVERLOADED",
    /// The message is over 256 KiB.
    ResourceExhausted MessageTooLarge = "MESSAGE_TOO_LARGE",
    /// The disk is full, or nearly.
    ResourceExhausted StorageFull = "STORAGE_FULL",
    /// The key-management service does not answer.
    Unavailable KmsUnavailable = "KMS_UNAVAILABLE",
    /// The store does not answer, or the service is stopping.
    Unavailable StoreUnavailable = "STORE_UNAVAILABLE",
    /// The audit record could not be written.
    Unavailable AuditUnavailable = "AUDIT_UNAVAILABLE",
    /// The cloud does not answer.
    Unavailable ProviderUnavailable = "PROVIDER_UNAVAILABLE",
    /// The cloud may or may not have done it: it is being found out.
    Unavailable ProviderOutcomeUnknown = "PROVIDER_OUTCOME_UNKNOWN",
    /// The record of this key pair is damaged: restore it from a backup.
    DataLoss RecordCorrupt = "RECORD_CORRUPT",
    /// The cloud refused; provider_code says why.
    FailedPrecondition ProviderRejected = "PROVIDER_REJECTED",
    /// The caller did not prove who it is.
    Unauthenticated Unauthenticated = "UNAUTHENTICATED",
    /// The caller may not do this.
    PermissionDenied PermissionDenied = "PERMISSION_DENIED",
    /// The deadline passed; what the call had begun goes on.
    DeadlineExceeded DeadlineExceeded = "DEADLINE_EXCEEDED",
    /// A fault of the service; the log has it under the call id.
    Internal Internal = "INTERNAL",
    /// The comment in the private key file is not UTF-8, or holds control or invisible characters, or a private key.
    InvalidArgument PrivateKeyCommentInvalid = "PRIVATE_KEY_COMMENT_INVALID",
    /// The RSA private exponent is so small that it can be found, or not below the modulus.
    InvalidArgument RsaWeakD = "RSA_WEAK_D",
    /// The passphrase does not open the private key, or the file is damaged.
    InvalidArgument PassphraseWrong = "PASSPHRASE_WRONG",
    /// Deriving the key of the file would take too long, or too much memory.
    InvalidArgument KdfTooCostly = "KDF_TOO_COSTLY",
    /// The private key is encrypted with a cipher or a key derivation that is not taken.
    InvalidArgument PrivateKeyUnsupportedCipher = "PRIVATE_KEY_UNSUPPORTED_CIPHER",
    /// The RSA modulus is even, or has a factor of at most 65537.
    InvalidArgument RsaSmallFactor = "RSA_SMALL_FACTOR",
    /// The RSA modulus is a prime.
    InvalidArgument RsaNotComposite = "RSA_NOT_COMPOSITE",
    /// The primes of the RSA key are equal, or so close that it can be factored in a moment.
    InvalidArgument RsaClosePrimes = "RSA_CLOSE_PRIMES",
    /// The RSA key was made by a flawed chip (ROCA, CVE-2017-15361) and can be factored.
    InvalidArgument RsaRoca = "RSA_ROCA",
    /// The RSA modulus repeats itself, or has far more bits of one kind than of the other.
    InvalidArgument RsaPattern = "RSA_PATTERN",
    /// The RSA key shares a prime with another key of the project: both can be factored.
    InvalidArgument RsaSharedFactor = "RSA_SHARED_FACTOR",
    /// The key is on the operator's list of keys whose private halves are known.
    InvalidArgument CompromisedKey = "COMPROMISED_KEY",
    /// The key pair is not deleted: there is nothing to bring back.
    AlreadyExists KeyPairNotDeleted = "KEY_PAIR_NOT_DELETED",
    /// The server has no such method.
    Unimplemented MethodUnknown = "METHOD_UNKNOWN",
    /// The cloud of a placement does not take keys of this type or size.
    InvalidArgument ProviderUnsupportedType = "PROVIDER_UNSUPPORTED_TYPE",
    /// The cloud's own project of a placement cannot be one.
    InvalidArgument CloudProjectInvalid = "CLOUD_PROJECT_INVALID",
    /// The key pair has a placement at this provider already.
    AlreadyExists PlacementExists = "PLACEMENT_EXISTS",
    /// The key pair is being deleted: only Get, ExportPrivate and Delete work on it.
    FailedPrecondition KeyPairDeleting = "KEY_PAIR_DELETING",
    /// The cloud has no key pair of that id.
    NotFound RemoteKeyNotFound = "REMOTE_KEY_NOT_FOUND",
}
