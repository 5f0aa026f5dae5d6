//! The error codes of key pairs and of the gateway before them, with status and words, and what they mean.
//!
//! Source: the page "SSH key pair error codes" of the service's API reference, and for the gateway its FAQ. There is no
//! code for a taken name or a full quota; [`Code::Parameter`] stands for both, as the only one that fits.

use std::fmt;

use http::StatusCode;

use super::action::Action;
use crate::dialect::{Kind, Refusal};

/// A request that is refused: with which status, which code, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The status.
    pub status: StatusCode,
    /// The code.
    pub code: Code,
    /// What is wrong. Nothing that was sent stands in it but names of parameters.
    pub message: String,
}

impl Flaw {
    /// With words of its own, and the code's status.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { status: code.status(), code, message: message.into() }
    }

    /// A parameter does not fit: where it stands, and what it must be.
    pub fn parameter(field: &str, must: &str) -> Self {
        Self::new(Code::Parameter, format!("{}: {field} {must}", Code::Parameter.message()))
    }

    /// What a request gets whose signature was refused, or whose token (`by_token`).
    pub fn of_refusal(refusal: &Refusal, by_token: bool) -> Self {
        let words = match refusal {
            Refusal::Missing => return Code::TokenRefused.into(),
            Refusal::Mismatch { .. } if by_token => return Code::TokenRefused.into(),
            Refusal::Expired { .. } => "verify aksk signature fail, signature expired",
            Refusal::Unsupported(_) => "verify aksk signature fail, unsupported algorithm",
            Refusal::Malformed(_) => "verify aksk signature fail, Authorization or a signed header cannot be read",
            Refusal::Mismatch { .. } | Refusal::Digest => "verify aksk signature fail",
        };
        Self::new(Code::SignatureRefused, format!("{}: {words}", Code::SignatureRefused.message()))
    }

    /// What a request gets that was signed with temporary keys which nobody has.
    pub fn of_unknown_token() -> Self {
        Self::new(Code::SignatureRefused, format!("{}: decrypt token fail", Code::SignatureRefused.message()))
    }

    /// What a request gets whose access key nobody has.
    pub fn of_unknown_access_key() -> Self {
        Self::new(Code::SignatureRefused, format!("{}: Get secretKey failed", Code::SignatureRefused.message()))
    }
}

impl From<Code> for Flaw {
    fn from(code: Code) -> Self {
        Self::new(code, code.message())
    }
}

impl Action {
    /// The refusal of this action for this reason.
    pub fn refused(self, kind: Kind) -> Flaw {
        let mut flaw = Flaw::from(self.code(kind));
        if self == Self::ClearPrivateKey && matches!(kind, Kind::NotFound | Kind::NoPrivateKey) {
            flaw.status = StatusCode::NOT_FOUND;
        }
        flaw
    }

    fn code(self, kind: Kind) -> Code {
        match kind {
            Kind::NotFound if self.is_about_private_keys() => Code::KeypairNotFound,
            Kind::NotFound => match self {
                Self::ListKeypairTask => Code::TaskInvalid,
                Self::DeleteFailedTask => Code::FailedTaskUnknown,
                _ => Code::KeypairUnknown,
            },
            Kind::KeyMismatch => Code::KeyMismatch,
            Kind::UserUnknown => Code::UserUnknown,
            Kind::NoPrivateKey => Code::NoPrivateKey,
            Kind::EncryptionFailed => Code::EncryptionFailed,
            Kind::RateLimited => Code::Throttled,
            Kind::Unauthenticated | Kind::Expired => Code::SignatureRefused,
            Kind::Forbidden | Kind::ProjectUnknown => Code::Forbidden,
            Kind::Unsupported => Code::ApiUnknown,
            Kind::Internal => Code::ResponseError,
            Kind::NameInvalid
            | Kind::NameEmpty
            | Kind::NameTooLong
            | Kind::NameTaken
            | Kind::DescriptionInvalid
            | Kind::KeyInvalid
            | Kind::KeyTaken
            | Kind::QuotaFull
            | Kind::TagQuotaFull
            | Kind::InUse
            | Kind::InstanceUnknown
            | Kind::ParameterMissing
            | Kind::ParameterInvalid
            | Kind::Malformed => Code::Parameter,
        }
    }

    fn is_about_private_keys(self) -> bool {
        let actions =
            [Self::ImportPrivateKey, Self::ExportPrivateKey, Self::ClearPrivateKey, Self::BatchExportPrivateKey];
        actions.contains(&self)
    }
}

impl Code {
    /// The code of a text; `None` when it is none of these. The gateway spells its own in two ways.
    pub fn of(text: &str) -> Option<Self> {
        let number = text.strip_prefix("APIG.");
        Self::ALL.iter().copied().find(|code| match number {
            Some(number) => code.as_str().strip_prefix("APIGW.") == Some(number),
            None => code.as_str() == text,
        })
    }

    /// What it means together with the words beside it: only they tell a clock that is wrong from a key that is.
    pub fn meaning(self, words: &str) -> Kind {
        match self {
            Self::SignatureRefused if words.contains("signature expired") => Kind::Expired,
            code => code.kind(),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($name:ident $text:literal $status:ident $kind:ident $message:literal)+) => {
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

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
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
    TaskInvalid "KPS.0001" BAD_REQUEST ParameterInvalid
        "taskId is illegal"
    Parameter "KPS.0002" BAD_REQUEST ParameterInvalid
        "parameter error"
    DependencyUnavailable "KPS.0003" INTERNAL_SERVER_ERROR Internal
        "Dependency service unavailable"
    ResponseError "KPS.0004" INTERNAL_SERVER_ERROR Internal
        "Response error"
    FailedTaskUnknown "KPS.0005" BAD_REQUEST ParameterInvalid
        "Failed task is not found"
    UserUnknown "KPS.0006" BAD_REQUEST UserUnknown
        "User not found"
    KeypairUnknown "KPS.4016" BAD_REQUEST NotFound
        "The key pair is not exist"
    QueryFailed "KPS.5001" INTERNAL_SERVER_ERROR Internal
        "Query database record error"
    InsertFailed "KPS.5002" INTERNAL_SERVER_ERROR Internal
        "Insert database record error"
    DeleteFailed "KPS.5003" INTERNAL_SERVER_ERROR Internal
        "Delete database record error"
    UpdateFailed "KPS.5004" INTERNAL_SERVER_ERROR Internal
        "Update database record error"
    KeypairNotFound "KPS.6004" BAD_REQUEST NotFound
        "No Keypair find"
    NoPrivateKey "KPS.6005" BAD_REQUEST NoPrivateKey
        "No private key managed"
    KekFailed "KPS.6007" INTERNAL_SERVER_ERROR Internal
        "Create kek failed"
    EncryptionFailed "KPS.6008" BAD_REQUEST EncryptionFailed
        "Encrypt private key failed"
    VerificationFailed "KPS.6009" FORBIDDEN Forbidden
        "Keypair verify failed"
    SaveFailed "KPS.6010" BAD_REQUEST EncryptionFailed
        "Save privatekey failed"
    KeyMismatch "KPS.6011" BAD_REQUEST KeyMismatch
        "The imported private key not match public key"
    TokenRefused "KPS.9001" UNAUTHORIZED Unauthenticated
        "The token of the request is not or failed to be authenticated"
    PublicTestDenied "KPS.9002" UNAUTHORIZED Forbidden
        "Public test service denied"
    Forbidden "KPS.9003" FORBIDDEN Forbidden
        "No operation permission"
    AccountFrozen "KPS.9004" FORBIDDEN Forbidden
        "The account is frozen"
    AccountRestricted "KPS.9005" FORBIDDEN Forbidden
        "The account is restricted"
    UserTypeUnknown "KPS.9006" FORBIDDEN Forbidden
        "Unknown user type"

    // The gateway's.
    ApiUnknown "APIGW.0101" NOT_FOUND Unsupported
        "The API does not exist or has not been published in the environment"
    SignatureRefused "APIGW.0301" UNAUTHORIZED Unauthenticated
        "Incorrect IAM authentication information"
    Throttled "APIGW.0308" TOO_MANY_REQUESTS RateLimited
        "The throttling threshold has been reached"
}
