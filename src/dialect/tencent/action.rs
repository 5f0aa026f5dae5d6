//! The actions on key pairs: their names, the codes that the cloud lists for each, and which of them tells what.

use super::code::Code;
use crate::dialect::Kind;

/// An action of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes a pair; the only answer that ever holds its private half.
    CreateKeyPair,
    /// Registers a public half.
    ImportKeyPair,
    /// Lists pairs.
    DescribeKeyPairs,
    /// Changes name or description.
    ModifyKeyPairAttribute,
    /// Deletes pairs.
    DeleteKeyPairs,
    /// Puts pairs on instances.
    AssociateInstancesKeyPairs,
    /// Takes pairs off instances.
    DisassociateInstancesKeyPairs,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CreateKeyPair,
        Self::ImportKeyPair,
        Self::DescribeKeyPairs,
        Self::ModifyKeyPairAttribute,
        Self::DeleteKeyPairs,
        Self::AssociateInstancesKeyPairs,
        Self::DisassociateInstancesKeyPairs,
    ];

    /// The action of a name; `None` when it is none of these.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// As it stands in `X-TC-Action`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateKeyPair => "CreateKeyPair",
            Self::ImportKeyPair => "ImportKeyPair",
            Self::DescribeKeyPairs => "DescribeKeyPairs",
            Self::ModifyKeyPairAttribute => "ModifyKeyPairAttribute",
            Self::DeleteKeyPairs => "DeleteKeyPairs",
            Self::AssociateInstancesKeyPairs => "AssociateInstancesKeyPairs",
            Self::DisassociateInstancesKeyPairs => "DisassociateInstancesKeyPairs",
        }
    }

    /// The codes that the cloud lists for this action; those that every action may answer come on top.
    pub const fn codes(self) -> &'static [Code] {
        match self {
            Self::CreateKeyPair => CREATE,
            Self::ImportKeyPair => IMPORT,
            Self::DescribeKeyPairs => DESCRIBE,
            Self::ModifyKeyPairAttribute => MODIFY,
            Self::DeleteKeyPairs => DELETE,
            Self::AssociateInstancesKeyPairs => ASSOCIATE,
            Self::DisassociateInstancesKeyPairs => DISASSOCIATE,
        }
    }

    /// Whether the cloud may answer this action with a code.
    pub fn answers(self, code: Code) -> bool {
        self.codes().contains(&code) || COMMON.contains(&code)
    }

    /// How this action tells what is wrong: the closest of the codes that it answers.
    pub fn code(self, kind: Kind) -> Code {
        let close = closest(kind);
        // What no code of this action names is a value that does not fit, such as a long name for
        // ModifyKeyPairAttribute.
        if self.answers(close) { close } else { Code::InvalidParameterValue }
    }
}

fn closest(kind: Kind) -> Code {
    match kind {
        Kind::NameInvalid => Code::InvalidKeyPairNameIncludeIllegalChar,
        Kind::NameEmpty => Code::InvalidKeyPairNameEmpty,
        Kind::NameTooLong => Code::InvalidKeyPairNameTooLong,
        Kind::NameTaken => Code::InvalidKeyPairNameDuplicate,
        Kind::KeyInvalid => Code::InvalidPublicKeyMalformed,
        Kind::KeyTaken => Code::InvalidPublicKeyDuplicate,
        Kind::QuotaFull => Code::InvalidKeyPairLimitExceeded,
        Kind::TagQuotaFull => Code::LimitExceededTagResourceQuota,
        Kind::ProjectUnknown => Code::InvalidProjectIdNotFound,
        Kind::NotFound => Code::InvalidKeyPairIdNotFound,
        Kind::InUse => Code::InvalidParameterValueKeyPairNotSupported,
        Kind::InstanceUnknown => Code::InvalidInstanceIdNotFound,
        Kind::RateLimited => Code::RequestLimitExceeded,
        Kind::Unauthenticated => Code::AuthFailureSignatureFailure,
        Kind::Expired => Code::AuthFailureSignatureExpire,
        Kind::Forbidden => Code::AuthFailureUnauthorizedOperation,
        Kind::ParameterMissing => Code::MissingParameter,
        Kind::Malformed => Code::InvalidParameter,
        Kind::Unsupported => Code::UnsupportedOperation,
        Kind::EncryptionFailed | Kind::Internal => Code::InternalServerError,
        // The cloud keeps no private halves and knows no users: it has no code of its own for these.
        Kind::DescriptionInvalid
        | Kind::KeyMismatch
        | Kind::NoPrivateKey
        | Kind::ParameterInvalid
        | Kind::UserUnknown => Code::InvalidParameterValue,
    }
}

/// The codes that every action may answer.
const COMMON: &[Code] = &[
    Code::ActionOffline,
    Code::AuthFailureInvalidAuthorization,
    Code::AuthFailureInvalidSecretId,
    Code::AuthFailureMfaFailure,
    Code::AuthFailureSecretIdNotFound,
    Code::AuthFailureSignatureExpire,
    Code::AuthFailureSignatureFailure,
    Code::AuthFailureTokenFailure,
    Code::AuthFailureUnauthorizedOperation,
    Code::DryRunOperation,
    Code::FailedOperation,
    Code::InternalError,
    Code::InvalidAction,
    Code::InvalidParameter,
    Code::InvalidParameterValue,
    Code::LimitExceeded,
    Code::MissingParameter,
    Code::NoSuchVersion,
    Code::RequestLimitExceeded,
    Code::RequestLimitExceededGlobalRegionUinLimitExceeded,
    Code::RequestLimitExceededIpLimitExceeded,
    Code::RequestLimitExceededUinLimitExceeded,
    Code::RequestSizeLimitExceeded,
    Code::ServiceUnavailable,
    Code::UnauthorizedOperation,
    Code::UnknownParameter,
    Code::UnsupportedOperation,
    Code::UnsupportedProtocol,
];

const CREATE: &[Code] = &[
    Code::FailedOperationTagKeyReserved,
    Code::InternalServerError,
    Code::InvalidKeyPairLimitExceeded,
    Code::InvalidKeyPairNameDuplicate,
    Code::InvalidKeyPairNameEmpty,
    Code::InvalidKeyPairNameIncludeIllegalChar,
    Code::InvalidKeyPairNameTooLong,
    Code::InvalidParameterValue,
    Code::InvalidProjectIdNotFound,
    Code::LimitExceededTagResourceQuota,
    Code::MissingParameter,
];

const IMPORT: &[Code] = &[
    Code::InternalServerError,
    Code::InvalidKeyPairLimitExceeded,
    Code::InvalidKeyPairNameDuplicate,
    Code::InvalidKeyPairNameEmpty,
    Code::InvalidKeyPairNameIncludeIllegalChar,
    Code::InvalidKeyPairNameTooLong,
    Code::InvalidParameterValue,
    Code::InvalidProjectIdNotFound,
    Code::InvalidPublicKeyDuplicate,
    Code::InvalidPublicKeyMalformed,
    Code::LimitExceededTagResourceQuota,
    Code::MissingParameter,
];

const DESCRIBE: &[Code] = &[
    Code::InternalServerError,
    Code::InvalidFilter,
    Code::InvalidFilterValueLimitExceeded,
    Code::InvalidKeyPairLimitExceeded,
    Code::InvalidKeyPairIdMalformed,
    Code::InvalidParameter,
    Code::InvalidParameterValue,
    Code::InvalidParameterValueLimitExceeded,
    Code::InvalidParameterValueLimit,
    Code::InvalidParameterValueOffset,
    Code::UnauthorizedOperationInvalidToken,
    Code::UnsupportedOperation,
];

const MODIFY: &[Code] = &[
    Code::InternalServerError,
    Code::InvalidKeyPairIdMalformed,
    Code::InvalidKeyPairIdNotFound,
    Code::InvalidKeyPairNameDuplicate,
    Code::InvalidParameter,
    Code::InvalidParameterValue,
    Code::MissingParameter,
];

const DELETE: &[Code] = &[
    Code::InternalServerError,
    Code::InvalidKeyPairLimitExceeded,
    Code::InvalidKeyPairIdMalformed,
    Code::InvalidKeyPairIdNotFound,
    Code::InvalidParameterValue,
    Code::InvalidParameterValueKeyPairNotSupported,
    Code::InvalidParameterValueLimitExceeded,
    Code::MissingParameter,
];

const ASSOCIATE: &[Code] = &[
    Code::InternalServerError,
    Code::InvalidInstanceNotSupported,
    Code::InvalidInstanceIdMalformed,
    Code::InvalidInstanceIdNotFound,
    Code::InvalidKeyPairIdMalformed,
    Code::InvalidKeyPairIdNotFound,
    Code::InvalidParameterValue,
    Code::InvalidParameterValueInstanceIdMalformed,
    Code::InvalidParameterValueKeyPairNotSupported,
    Code::InvalidParameterValueLimitExceeded,
    Code::MissingParameter,
    Code::MutexOperationTaskRunning,
    Code::OperationDeniedInstanceOperationInProgress,
    Code::UnauthorizedOperationMfaExpired,
    Code::UnauthorizedOperationMfaNotFound,
    Code::UnsupportedOperationInstanceOsWindows,
    Code::UnsupportedOperationInstanceStateEnterServiceLiveMigrate,
    Code::UnsupportedOperationInstanceStateExitRescueMode,
    Code::UnsupportedOperationInstanceStateFreezing,
    Code::UnsupportedOperationInstanceStateIsolating,
    Code::UnsupportedOperationInstanceStatePending,
    Code::UnsupportedOperationInstanceStateRebooting,
    Code::UnsupportedOperationInstanceStateRescueMode,
    Code::UnsupportedOperationInstanceStateRunning,
    Code::UnsupportedOperationInstanceStateShutdown,
    Code::UnsupportedOperationInstanceStateStarting,
    Code::UnsupportedOperationInstanceStateStopping,
    Code::UnsupportedOperationInstanceStateTerminating,
    Code::UnsupportedOperationStoppedModeStopCharging,
];

const DISASSOCIATE: &[Code] = &[
    Code::FailedOperationDisassociateKeyPairFailed,
    Code::InternalServerError,
    Code::InvalidInstanceNotSupported,
    Code::InvalidInstanceIdMalformed,
    Code::InvalidInstanceIdNotFound,
    Code::InvalidKeyPairIdMalformed,
    Code::InvalidKeyPairIdNotFound,
    Code::InvalidParameterValue,
    Code::InvalidParameterValueInstanceIdMalformed,
    Code::InvalidParameterValueLimitExceeded,
    Code::MissingParameter,
    Code::MutexOperationTaskRunning,
    Code::OperationDeniedInstanceOperationInProgress,
    Code::UnsupportedOperationInstanceOsWindows,
    Code::UnsupportedOperationInstanceStateBanning,
    Code::UnsupportedOperationInstanceStateEnterRescueMode,
    Code::UnsupportedOperationInstanceStateFreezing,
    Code::UnsupportedOperationInstanceStatePending,
    Code::UnsupportedOperationInstanceStateRebooting,
    Code::UnsupportedOperationInstanceStateRescueMode,
    Code::UnsupportedOperationInstanceStateRunning,
    Code::UnsupportedOperationInstanceStateShutdown,
    Code::UnsupportedOperationInstanceStateStarting,
    Code::UnsupportedOperationInstanceStateStopping,
    Code::UnsupportedOperationInstanceStateTerminating,
    Code::UnsupportedOperationStoppedModeStopCharging,
];
