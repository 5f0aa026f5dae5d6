//! Baidu's error codes: the closed list, each with its HTTP status, its words, and what it means to us.
//!
//! The words are those of the "error description" column of the key-pair pages, and of the "error message" column of
//! BCC's page "Error response" (its slip of the pen at InvalidHTTPAuthHeader mended as on the pages of its siblings).

use http::StatusCode;

use crate::dialect::{Kind, Refusal};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal $status:literal $kind:ident $message:literal,)*) => {
        /// One of Baidu's codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it stands in an answer.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Baidu's words for it.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// What it means.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            const fn number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// create, import, rename.
    KeypairNameInvalid "Keypair.KeypairNameInvalid" 400 NameInvalid "Keypair name is invalid.",
    /// create, import, updateDesc.
    KeypairDescriptionInvalid "Keypair.KeypairDescriptionInvalid" 400 DescriptionInvalid
        "Keypair description is invalid.",
    /// create, import.
    KeypairQuotaExceedLimit "Keypair.KeypairQuotaExceedLimit" 413 QuotaFull "Keypair number exceeds the limit.",
    /// import.
    KeypairPublicKeyExist "Keypair.KeypairPublicKeyExist" 400 KeyTaken "Keypair already exist.",
    /// import.
    PublicKeyFormatInvalid "Keypair.PublicKeyFormatInvalid" 400 KeyInvalid "Public key format is invalid.",
    /// Everything that names a pair.
    KeypairNotExist "Keypair.KeypairNotExist" 404 NotFound "Keypair not exist.",
    /// delete.
    DeleteKeypairInUse "Keypair.DeleteKeypairInUse" 403 InUse "Keypair is in use.",
    /// attach, detach.
    UnsupportOsType "Keypair.UnsupportOsType" 403 ParameterInvalid "Unsupported os type, only linux supported.",
    /// attach, detach.
    InstanceStatusForbidden "Keypair.InstanceStatusForbidden" 409 ParameterInvalid
        "Instance not in running or stopped status.",
    /// attach.
    AttachAttachedKeypair "Keypair.AttachAttachedKeypair" 400 InUse "Can not attach to an attached keypair.",
    /// attach, detach.
    InstanceNotExist "Keypair.InstanceNotExist" 404 InstanceUnknown "Instance not exist.",
    /// The account may not do this.
    AccessDenied "AccessDenied" 403 Forbidden "Access denied.",
    /// JSON that lacks something, or has something of another type.
    InappropriateJson "InappropriateJSON" 400 ParameterInvalid
        "The JSON you provided was well-formed and valid, but not appropriate for this operation.",
    /// Whatever has no code.
    InternalError "InternalError" 500 Internal "We encountered an internal error. Please try again.",
    /// There is no such access key.
    InvalidAccessKeyId "InvalidAccessKeyId" 403 Unauthenticated
        "The Access Key ID you provided does not exist in our records.",
    /// The Authorization header is not there, or has not the scheme's form.
    InvalidHttpAuthHeader "InvalidHTTPAuthHeader" 400 Unauthenticated
        "The HTTP authorization header is invalid. Consult the service documentation for details.",
    /// The body is not what its headers say, or a parameter is not a number.
    InvalidHttpRequest "InvalidHTTPRequest" 400 Malformed "There was an error in the body of your HTTP request.",
    /// There is no such operation.
    InvalidUri "InvalidURI" 400 Unsupported "Could not parse the specified URI.",
    /// It is not JSON.
    MalformedJson "MalformedJSON" 400 Malformed "The JSON you provided was not well-formed.",
    /// Another version than v2.
    InvalidVersion "InvalidVersion" 404 Unsupported "The API version specified was invalid.",
    /// The service was not ordered.
    OptInRequired "OptInRequired" 403 Forbidden "A subscription for the service is required.",
    /// A condition of the request does not hold.
    PreconditionFailed "PreconditionFailed" 412 ParameterInvalid
        "The specified If-Match header doesn't match the ETag header.",
    /// The account's owner has not proven who they are.
    QualifyNotPass "QualifyNotPass" 403 Forbidden "The User has not pass qualify.",
    /// Too old, or from the future. Its status is the one that a program which copies Baidu's list gives.
    RequestExpired "RequestExpired" 400 Expired "Request has expired.",
    /// The signature is another one. Its status as at RequestExpired.
    SignatureDoesNotMatch "SignatureDoesNotMatch" 400 Unauthenticated
        "The request signature we calculated does not match the signature you provided. Check your Secret Access Key \
         and signing method. Consult the service documentation for details.",
    /// A client token was used before, for something else.
    IdempotentParameterMismatch "IdempotentParameterMismatch" 403 ParameterInvalid
        "The request uses the same client token as a previous, but non-identical request.",
    /// Too many requests. No page tells a code for it: this one is ours, and its status is HTTP's (RFC 6585).
    RequestLimitExceeded "RequestLimitExceeded" 429 RateLimited "Too many requests. Please try again later.",
}

impl Code {
    /// The code of an answer; `None`: one that we do not know.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.text() == text)
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// How Baidu says it; it has one word for each, whatever the operation.
    pub const fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::NameInvalid | Kind::NameEmpty | Kind::NameTooLong | Kind::NameTaken => Self::KeypairNameInvalid,
            Kind::DescriptionInvalid => Self::KeypairDescriptionInvalid,
            Kind::KeyInvalid | Kind::KeyMismatch => Self::PublicKeyFormatInvalid,
            Kind::KeyTaken => Self::KeypairPublicKeyExist,
            Kind::QuotaFull => Self::KeypairQuotaExceedLimit,
            Kind::NotFound => Self::KeypairNotExist,
            Kind::InUse => Self::DeleteKeypairInUse,
            Kind::InstanceUnknown => Self::InstanceNotExist,
            Kind::RateLimited => Self::RequestLimitExceeded,
            Kind::Unauthenticated => Self::SignatureDoesNotMatch,
            Kind::Expired => Self::RequestExpired,
            Kind::Forbidden | Kind::ProjectUnknown | Kind::UserUnknown => Self::AccessDenied,
            Kind::ParameterMissing | Kind::ParameterInvalid | Kind::TagQuotaFull => Self::InappropriateJson,
            Kind::Malformed => Self::InvalidHttpRequest,
            Kind::Unsupported => Self::InvalidUri,
            Kind::Internal | Kind::NoPrivateKey | Kind::EncryptionFailed => Self::InternalError,
        }
    }
    /// How Baidu says that a signature was not accepted.
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Missing | Refusal::Malformed(_) | Refusal::Unsupported(_) => Self::InvalidHttpAuthHeader,
            Refusal::Expired { .. } => Self::RequestExpired,
            Refusal::Mismatch { .. } => Self::SignatureDoesNotMatch,
            Refusal::Digest => Self::InvalidHttpRequest,
        }
    }
}
