//! Baidu's codes: each with the status and the words that its pages give.

use std::collections::BTreeSet;

use keypairs::dialect::baidu::Code;
use keypairs::dialect::{Kind, Refusal};

/// Code, status, words. The first five stand on the pages on creating and importing a pair, the next six on the pages on
/// binding, deleting and renaming one, the rest on BCC's page "Error response".
const PAGES: [(&str, u16, &str); 23] = [
    ("Keypair.KeypairNameInvalid", 400, "Keypair name is invalid."),
    ("Keypair.KeypairDescriptionInvalid", 400, "Keypair description is invalid."),
    ("Keypair.KeypairQuotaExceedLimit", 413, "Keypair number exceeds the limit."),
    ("Keypair.KeypairPublicKeyExist", 400, "Keypair already exist."),
    ("Keypair.PublicKeyFormatInvalid", 400, "Public key format is invalid."),
    ("Keypair.KeypairNotExist", 404, "Keypair not exist."),
    ("Keypair.DeleteKeypairInUse", 403, "Keypair is in use."),
    ("Keypair.UnsupportOsType", 403, "Unsupported os type, only linux supported."),
    ("Keypair.InstanceStatusForbidden", 409, "Instance not in running or stopped status."),
    ("Keypair.AttachAttachedKeypair", 400, "Can not attach to an attached keypair."),
    ("Keypair.InstanceNotExist", 404, "Instance not exist."),
    ("AccessDenied", 403, "Access denied."),
    (
        "InappropriateJSON",
        400,
        "The JSON you provided was well-formed and valid, but not appropriate for this operation.",
    ),
    ("InternalError", 500, "We encountered an internal error. Please try again."),
    ("InvalidAccessKeyId", 403, "The Access Key ID you provided does not exist in our records."),
    ("InvalidHTTPRequest", 400, "There was an error in the body of your HTTP request."),
    ("InvalidURI", 400, "Could not parse the specified URI."),
    ("MalformedJSON", 400, "The JSON you provided was not well-formed."),
    ("InvalidVersion", 404, "The API version specified was invalid."),
    ("OptInRequired", 403, "A subscription for the service is required."),
    ("PreconditionFailed", 412, "The specified If-Match header doesn't match the ETag header."),
    (
        "InvalidHTTPAuthHeader",
        400,
        "The HTTP authorization header is invalid. Consult the service documentation for details.",
    ),
    (
        "IdempotentParameterMismatch",
        403,
        "The request uses the same client token as a previous, but non-identical request.",
    ),
];

#[test]
fn every_code_of_the_pages_has_their_status_and_words() {
    for (text, status, message) in PAGES {
        let code = Code::of(text).unwrap_or_else(|| panic!("{text} is not known"));
        assert_eq!((code.text(), code.status().as_u16(), code.message()), (text, status, message));
    }
    for text in ["QualifyNotPass", "RequestExpired", "SignatureDoesNotMatch"] {
        assert!(Code::of(text).is_some(), "{text}");
    }
    for unknown in ["", "keypair.keypairnotexist", "KeypairNotExist", "NoSuchKey"] {
        assert_eq!(Code::of(unknown), None);
    }
}

#[test]
fn codes_are_told_apart() {
    let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    assert_eq!(texts.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| Code::of(code.text()) == Some(*code) && code.status().as_u16() >= 400));
}

/// What an adapter understands when a face says it.
#[test]
fn what_we_mean_comes_back_as_the_same() {
    let exact = [
        (Kind::NameInvalid, Code::KeypairNameInvalid),
        (Kind::DescriptionInvalid, Code::KeypairDescriptionInvalid),
        (Kind::KeyInvalid, Code::PublicKeyFormatInvalid),
        (Kind::KeyTaken, Code::KeypairPublicKeyExist),
        (Kind::QuotaFull, Code::KeypairQuotaExceedLimit),
        (Kind::NotFound, Code::KeypairNotExist),
        (Kind::InUse, Code::DeleteKeypairInUse),
        (Kind::InstanceUnknown, Code::InstanceNotExist),
        (Kind::RateLimited, Code::RequestLimitExceeded),
        (Kind::Unauthenticated, Code::SignatureDoesNotMatch),
        (Kind::Expired, Code::RequestExpired),
        (Kind::Forbidden, Code::AccessDenied),
        (Kind::ParameterInvalid, Code::InappropriateJson),
        (Kind::Malformed, Code::InvalidHttpRequest),
        (Kind::Unsupported, Code::InvalidUri),
        (Kind::Internal, Code::InternalError),
    ];
    for (kind, code) in exact {
        assert_eq!((Code::of_kind(kind), code.kind()), (code, kind));
    }
    let merged = [
        (Kind::NameEmpty, Code::KeypairNameInvalid),
        (Kind::NameTooLong, Code::KeypairNameInvalid),
        (Kind::NameTaken, Code::KeypairNameInvalid),
        (Kind::KeyMismatch, Code::PublicKeyFormatInvalid),
        (Kind::ParameterMissing, Code::InappropriateJson),
        (Kind::TagQuotaFull, Code::InappropriateJson),
        (Kind::ProjectUnknown, Code::AccessDenied),
        (Kind::UserUnknown, Code::AccessDenied),
        (Kind::NoPrivateKey, Code::InternalError),
        (Kind::EncryptionFailed, Code::InternalError),
    ];
    for (kind, code) in merged {
        assert_eq!(Code::of_kind(kind), code, "{kind:?}");
    }
    let also = [
        (Code::InvalidAccessKeyId, Kind::Unauthenticated),
        (Code::InvalidHttpAuthHeader, Kind::Unauthenticated),
        (Code::MalformedJson, Kind::Malformed),
        (Code::InvalidVersion, Kind::Unsupported),
        (Code::OptInRequired, Kind::Forbidden),
        (Code::QualifyNotPass, Kind::Forbidden),
        (Code::PreconditionFailed, Kind::ParameterInvalid),
        (Code::IdempotentParameterMismatch, Kind::ParameterInvalid),
        (Code::UnsupportOsType, Kind::ParameterInvalid),
        (Code::InstanceStatusForbidden, Kind::ParameterInvalid),
        (Code::AttachAttachedKeypair, Kind::InUse),
    ];
    assert_eq!(exact.len() + also.len(), Code::ALL.len(), "every code is in one of the two tables");
    for (code, kind) in also {
        assert_eq!(code.kind(), kind, "{code:?}");
    }
}

#[test]
fn a_signature_that_is_not_accepted_has_a_code() {
    let mismatch = Refusal::Mismatch { canonical: String::new(), hint: "" };
    let cases = [
        (Refusal::Missing, Code::InvalidHttpAuthHeader),
        (Refusal::Malformed(""), Code::InvalidHttpAuthHeader),
        (Refusal::Unsupported(""), Code::InvalidHttpAuthHeader),
        (Refusal::Expired { ahead: -1 }, Code::RequestExpired),
        (mismatch, Code::SignatureDoesNotMatch),
        (Refusal::Digest, Code::InvalidHttpRequest),
    ];
    for (refusal, code) in cases {
        assert_eq!(Code::of_refusal(&refusal), code, "{refusal:?}");
    }
}
