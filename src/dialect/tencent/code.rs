//! The error codes of key pairs and those of every action, with their words, and what they mean.
//!
//! Sources: the page of ImportKeyPair, and for the other actions the comments of the SDK for Go (cvm/v20170312), the
//! list of common codes, and the codes' comments in the SDK for Python. Errors come with HTTP status 200 like
//! everything else.

use std::fmt;

use crate::dialect::{Kind, Refusal};

/// A request that is refused: with which code, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The code.
    pub code: Code,
    /// What is wrong. Nothing that was sent stands in it but names of parameters.
    pub message: String,
}

impl Flaw {
    /// With words of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A value that does not fit, and why: whole sentences.
    pub fn value(why: &str) -> Self {
        Self::because(Code::InvalidParameterValue, why)
    }

    /// The code's own words, and why: whole sentences.
    pub fn because(code: Code, why: &str) -> Self {
        Self::new(code, format!("{} {why}", code.message()))
    }
}

impl From<Code> for Flaw {
    fn from(code: Code) -> Self {
        Self::new(code, code.message())
    }
}

impl Code {
    /// The code of a text; `None` when it is none of these.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// What a text means that the cloud answered as a code: by its family, where it is none of ours
    /// (`UnauthorizedOperation.Anything` is `UnauthorizedOperation`); `None` when the family is none either.
    pub fn meaning(text: &str) -> Option<Kind> {
        let mut text = text;
        loop {
            if let Some(code) = Self::of(text) {
                return Some(code.kind());
            }
            text = text.rsplit_once('.')?.0;
        }
    }

    /// What a request gets whose signature was refused.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Missing | Refusal::Malformed(_) | Refusal::Unsupported(_) => Self::AuthFailureInvalidAuthorization,
            Refusal::Expired { .. } => Self::AuthFailureSignatureExpire,
            Refusal::Mismatch { .. } | Refusal::Digest => Self::AuthFailureSignatureFailure,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($name:ident $text:literal $kind:ident $message:literal)+) => {
        /// An error code of the cloud.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $message] $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it stands in an answer.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it means.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$name => Kind::$kind,)+
                }
            }

            /// What it says, where nothing closer is known.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)+
                }
            }
        }
    };
}

codes! {
    // The twelve of ImportKeyPair, in its page's words.
    InternalServerError "InternalServerError" Internal
        "Internal error."
    InvalidKeyPairLimitExceeded "InvalidKeyPair.LimitExceeded" QuotaFull
        "The number of key pairs exceeds the limit."
    InvalidKeyPairNameDuplicate "InvalidKeyPairName.Duplicate" NameTaken
        "Key pair name already exists."
    InvalidKeyPairNameEmpty "InvalidKeyPairNameEmpty" NameEmpty
        "The key name cannot be empty."
    InvalidKeyPairNameIncludeIllegalChar "InvalidKeyPairNameIncludeIllegalChar" NameInvalid
        "The key name contains invalid characters. Key names can only contain letters, numbers and underscores."
    InvalidKeyPairNameTooLong "InvalidKeyPairNameTooLong" NameTooLong
        "The key name cannot exceed 25 characters."
    InvalidParameterValue "InvalidParameterValue" ParameterInvalid
        "Incorrect parameter value."
    InvalidProjectIdNotFound "InvalidProjectId.NotFound" ProjectUnknown
        "Invalid project ID: the specified project ID does not exist."
    InvalidPublicKeyDuplicate "InvalidPublicKey.Duplicate" KeyTaken
        "Invalid public key: the specified key already exists."
    InvalidPublicKeyMalformed "InvalidPublicKey.Malformed" KeyInvalid
        "Invalid public key: the specified public key does not meet the OpenSSH RSA format requirements."
    LimitExceededTagResourceQuota "LimitExceeded.TagResourceQuota" TagQuotaFull
        "Exceeded the upper limit of resources bound to the tag."
    MissingParameter "MissingParameter" ParameterMissing
        "Missing parameter."

    // Those of the other actions on key pairs.
    FailedOperationTagKeyReserved "FailedOperation.TagKeyReserved" ParameterInvalid
        "A tag key of the request is reserved by the system."
    InvalidFilter "InvalidFilter" ParameterInvalid
        "The filter is invalid."
    InvalidFilterValueLimitExceeded "InvalidFilterValue.LimitExceeded" ParameterInvalid
        "A filter has too many values."
    InvalidKeyPairIdMalformed "InvalidKeyPairId.Malformed" ParameterInvalid
        "Invalid key pair ID: an ID is skey- and 8 characters, each a lowercase letter or a digit."
    InvalidKeyPairIdNotFound "InvalidKeyPairId.NotFound" NotFound
        "Invalid key pair ID: the specified key pair ID does not exist."
    InvalidParameter "InvalidParameter" Malformed
        "Incorrect parameter."
    InvalidParameterValueKeyPairNotFound "InvalidParameterValue.KeyPairNotFound" NotFound
        "The specified key pair does not exist."
    InvalidParameterValueKeyPairNotSupported "InvalidParameterValue.KeyPairNotSupported" InUse
        "The specified key pair does not support this operation."
    InvalidParameterValueLimitExceeded "InvalidParameterValue.LimitExceeded" ParameterInvalid
        "A parameter has too many values."
    InvalidParameterValueLimit "InvalidParameterValueLimit" ParameterInvalid
        "Limit must be between 1 and 100."
    InvalidParameterValueOffset "InvalidParameterValueOffset" ParameterInvalid
        "Offset must not be negative."
    UnauthorizedOperationInvalidToken "UnauthorizedOperation.InvalidToken" Unauthenticated
        "The token is invalid."
    UnsupportedOperation "UnsupportedOperation" Unsupported
        "The operation is not supported."

    // Those of binding key pairs to instances.
    FailedOperationDisassociateKeyPairFailed "FailedOperation.DisassociateKeyPairFailed" Internal
        "The key pair could not be unbound from the instance."
    InvalidInstanceNotSupported "InvalidInstance.NotSupported" Unsupported
        "The instance is not supported."
    InvalidInstanceIdMalformed "InvalidInstanceId.Malformed" ParameterInvalid
        "Invalid instance ID: an ID is ins- and 8 characters, each a lowercase letter or a digit."
    InvalidInstanceIdNotFound "InvalidInstanceId.NotFound" InstanceUnknown
        "Invalid instance ID: the specified instance does not exist."
    InvalidParameterValueInstanceIdMalformed "InvalidParameterValue.InstanceIdMalformed" ParameterInvalid
        "Invalid instance ID: an ID is ins- and 8 characters, each a lowercase letter or a digit."
    MutexOperationTaskRunning "MutexOperation.TaskRunning" InUse
        "The same task is running."
    OperationDeniedInstanceOperationInProgress "OperationDenied.InstanceOperationInProgress" InUse
        "Another operation on the instance is under way."
    UnauthorizedOperationMfaExpired "UnauthorizedOperation.MFAExpired" Forbidden
        "Multi-factor authentication has expired."
    UnauthorizedOperationMfaNotFound "UnauthorizedOperation.MFANotFound" Forbidden
        "Multi-factor authentication is needed."
    UnsupportedOperationInstanceOsWindows "UnsupportedOperation.InstanceOsWindows" Unsupported
        "Instances that run Windows are not supported."
    UnsupportedOperationInstanceStateBanning "UnsupportedOperation.InstanceStateBanning" InUse
        "The instance is blocked."
    UnsupportedOperationInstanceStateEnterRescueMode "UnsupportedOperation.InstanceStateEnterRescueMode" InUse
        "The instance is entering rescue mode."
    UnsupportedOperationInstanceStateEnterServiceLiveMigrate
        "UnsupportedOperation.InstanceStateEnterServiceLiveMigrate" InUse
        "The instance is being migrated."
    UnsupportedOperationInstanceStateExitRescueMode "UnsupportedOperation.InstanceStateExitRescueMode" InUse
        "The instance is leaving rescue mode."
    UnsupportedOperationInstanceStateFreezing "UnsupportedOperation.InstanceStateFreezing" InUse
        "The instance is frozen."
    UnsupportedOperationInstanceStateIsolating "UnsupportedOperation.InstanceStateIsolating" InUse
        "The instance is being isolated."
    UnsupportedOperationInstanceStatePending "UnsupportedOperation.InstanceStatePending" InUse
        "The instance is still being made."
    UnsupportedOperationInstanceStateRebooting "UnsupportedOperation.InstanceStateRebooting" InUse
        "The instance is restarting."
    UnsupportedOperationInstanceStateRescueMode "UnsupportedOperation.InstanceStateRescueMode" InUse
        "The instance is in rescue mode."
    UnsupportedOperationInstanceStateRunning "UnsupportedOperation.InstanceStateRunning" InUse
        "The instance is running."
    UnsupportedOperationInstanceStateShutdown "UnsupportedOperation.InstanceStateShutdown" InUse
        "The instance is isolated."
    UnsupportedOperationInstanceStateStarting "UnsupportedOperation.InstanceStateStarting" InUse
        "The instance is starting."
    UnsupportedOperationInstanceStateStopping "UnsupportedOperation.InstanceStateStopping" InUse
        "The instance is stopping."
    UnsupportedOperationInstanceStateTerminating "UnsupportedOperation.InstanceStateTerminating" InUse
        "The instance is being destroyed."
    UnsupportedOperationStoppedModeStopCharging "UnsupportedOperation.StoppedModeStopCharging" Unsupported
        "Instances that are not charged while stopped are not supported."

    // Those of every action.
    ActionOffline "ActionOffline" Unsupported
        "The action is no longer offered."
    AuthFailureInvalidAuthorization "AuthFailure.InvalidAuthorization" Unauthenticated
        "The signature of the request is missing or cannot be read."
    AuthFailureInvalidSecretId "AuthFailure.InvalidSecretId" Unauthenticated
        "The SecretId is not one of this API."
    AuthFailureMfaFailure "AuthFailure.MFAFailure" Forbidden
        "Multi-factor authentication failed."
    AuthFailureSecretIdNotFound "AuthFailure.SecretIdNotFound" Unauthenticated
        "The SecretId does not exist."
    AuthFailureSignatureExpire "AuthFailure.SignatureExpire" Expired
        "The signature has expired: the timestamp and the time of the server differ by more than five minutes."
    AuthFailureSignatureFailure "AuthFailure.SignatureFailure" Unauthenticated
        "The provided credentials could not be validated. Please check your signature is correct."
    AuthFailureTokenFailure "AuthFailure.TokenFailure" Unauthenticated
        "The token is wrong."
    AuthFailureUnauthorizedOperation "AuthFailure.UnauthorizedOperation" Forbidden
        "The request is not authorized."
    DryRunOperation "DryRunOperation" Unsupported
        "Nothing was done: the request asked for a dry run, and would have succeeded."
    FailedOperation "FailedOperation" Internal
        "The operation failed."
    InternalError "InternalError" Internal
        "Internal error."
    InvalidAction "InvalidAction" Unsupported
        "There is no such action."
    LimitExceeded "LimitExceeded" QuotaFull
        "The quota is exceeded."
    NoSuchVersion "NoSuchVersion" Unsupported
        "There is no such version of the API."
    RequestLimitExceeded "RequestLimitExceeded" RateLimited
        "The number of requests exceeds the frequency limit."
    RequestLimitExceededGlobalRegionUinLimitExceeded "RequestLimitExceeded.GlobalRegionUinLimitExceeded" RateLimited
        "The requests of the account in the region exceed the frequency limit."
    RequestLimitExceededIpLimitExceeded "RequestLimitExceeded.IPLimitExceeded" RateLimited
        "The requests of the address exceed the frequency limit."
    RequestLimitExceededUinLimitExceeded "RequestLimitExceeded.UinLimitExceeded" RateLimited
        "The requests of the account exceed the frequency limit."
    RequestSizeLimitExceeded "RequestSizeLimitExceeded" Malformed
        "The request is too large."
    ServiceUnavailable "ServiceUnavailable" Internal
        "The service is not available."
    UnauthorizedOperation "UnauthorizedOperation" Forbidden
        "The operation is not authorized."
    UnknownParameter "UnknownParameter" ParameterInvalid
        "There is no such parameter."
    UnsupportedProtocol "UnsupportedProtocol" Unsupported
        "Only GET and POST are taken."
}
