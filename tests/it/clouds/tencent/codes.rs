//! The codes: what the page of ImportKeyPair lists, word for word; both ways; and which action answers which.

use std::collections::HashSet;

use keypairs::dialect::tencent::{Action, Code, Flaw};
use keypairs::dialect::{Kind, Refusal};

/// Section 6 of the page of ImportKeyPair.
const PAGE: [(&str, &str); 12] = [
    ("InternalServerError", "Internal error."),
    ("InvalidKeyPair.LimitExceeded", "The number of key pairs exceeds the limit."),
    ("InvalidKeyPairName.Duplicate", "Key pair name already exists."),
    ("InvalidKeyPairNameEmpty", "The key name cannot be empty."),
    (
        "InvalidKeyPairNameIncludeIllegalChar",
        "The key name contains invalid characters. Key names can only contain letters, numbers and underscores.",
    ),
    ("InvalidKeyPairNameTooLong", "The key name cannot exceed 25 characters."),
    ("InvalidParameterValue", "Incorrect parameter value."),
    ("InvalidProjectId.NotFound", "Invalid project ID: the specified project ID does not exist."),
    ("InvalidPublicKey.Duplicate", "Invalid public key: the specified key already exists."),
    (
        "InvalidPublicKey.Malformed",
        "Invalid public key: the specified public key does not meet the OpenSSH RSA format requirements.",
    ),
    ("LimitExceeded.TagResourceQuota", "Exceeded the upper limit of resources bound to the tag."),
    ("MissingParameter", "Missing parameter."),
];

#[test]
fn the_page_of_import_is_known_word_for_word() {
    for (text, message) in PAGE {
        let code = Code::of(text).unwrap_or_else(|| panic!("{text} is not known"));
        assert_eq!((code.as_str(), code.message()), (text, message));
        assert_eq!(Flaw::from(code).message, message);
    }
    let listed: HashSet<_> = Action::ImportKeyPair.codes().iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, PAGE.iter().map(|(text, _)| *text).collect());
}

#[test]
fn codes_are_read_as_they_are_written() {
    let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), Code::ALL.len(), "two codes have one text");
    for code in Code::ALL {
        assert_eq!(Code::of(code.as_str()), Some(*code));
        assert_eq!(Code::meaning(code.as_str()), Some(code.kind()));
        assert!(code.message().ends_with('.') && code.message().len() < 256, "{code}");
        let answered = Action::ALL.iter().any(|action| action.answers(*code));
        assert!(answered || *code == Code::InvalidParameterValueKeyPairNotFound, "no action answers {code}");
    }
    assert_eq!(Code::of("Anything"), None);
}

#[test]
fn a_code_that_is_not_known_means_what_its_family_does() {
    assert_eq!(Code::meaning("RequestLimitExceeded.Anything"), Some(Kind::RateLimited));
    assert_eq!(Code::meaning("UnauthorizedOperation.PermissionDenied"), Some(Kind::Forbidden));
    assert_eq!(Code::meaning("InvalidParameterValue.A.B"), Some(Kind::ParameterInvalid));
    assert_eq!([Code::meaning(""), Code::meaning("."), Code::meaning("Anything.At.All")], [None; 3]);
}

/// Each action answers only what the cloud lists for it, and says the most that it can.
#[test]
fn each_action_tells_each_kind() {
    for action in Action::ALL {
        for kind in KINDS {
            let code = action.code(kind);
            assert!(action.answers(code), "{action:?} does not answer {code}");
        }
    }
    let told = |action: Action| KINDS.map(|kind| action.code(kind));
    let import = told(Action::ImportKeyPair);
    for (text, _) in PAGE {
        assert!(import.contains(&Code::of(text).unwrap()), "nothing makes ImportKeyPair answer {text}");
    }
    use Kind::*;
    let cases = [
        (Action::CreateKeyPair, NameTooLong, Code::InvalidKeyPairNameTooLong),
        (Action::ModifyKeyPairAttribute, NameTooLong, Code::InvalidParameterValue),
        (Action::ModifyKeyPairAttribute, NameTaken, Code::InvalidKeyPairNameDuplicate),
        (Action::ModifyKeyPairAttribute, DescriptionInvalid, Code::InvalidParameterValue),
        (Action::DeleteKeyPairs, NotFound, Code::InvalidKeyPairIdNotFound),
        (Action::DeleteKeyPairs, InUse, Code::InvalidParameterValueKeyPairNotSupported),
        (Action::AssociateInstancesKeyPairs, InstanceUnknown, Code::InvalidInstanceIdNotFound),
        (Action::CreateKeyPair, RateLimited, Code::RequestLimitExceeded),
        (Action::CreateKeyPair, EncryptionFailed, Code::InternalServerError),
    ];
    for (action, kind, code) in cases {
        assert_eq!(action.code(kind), code, "{action:?} {kind:?}");
    }
    for kind in KINDS {
        let back = Action::ImportKeyPair.code(kind).kind();
        let is_own = KINDS_OF_IMPORT.contains(&kind);
        assert!(!is_own || back == kind, "{kind:?} comes back as {back:?}");
    }
}

#[test]
fn a_refused_signature_has_its_code() {
    let of = |refusal: &Refusal| Code::of_refusal(refusal).as_str();
    assert_eq!(of(&Refusal::Missing), "AuthFailure.InvalidAuthorization");
    assert_eq!(of(&Refusal::Malformed("")), "AuthFailure.InvalidAuthorization");
    assert_eq!(of(&Refusal::Unsupported("")), "AuthFailure.InvalidAuthorization");
    assert_eq!(of(&Refusal::Expired { ahead: 301 }), "AuthFailure.SignatureExpire");
    assert_eq!(of(&Refusal::Mismatch { canonical: String::new(), hint: "" }), "AuthFailure.SignatureFailure");
}

const KINDS: [Kind; 26] = [
    Kind::NameInvalid,
    Kind::NameEmpty,
    Kind::NameTooLong,
    Kind::NameTaken,
    Kind::DescriptionInvalid,
    Kind::KeyInvalid,
    Kind::KeyTaken,
    Kind::KeyMismatch,
    Kind::QuotaFull,
    Kind::TagQuotaFull,
    Kind::ProjectUnknown,
    Kind::UserUnknown,
    Kind::NotFound,
    Kind::InUse,
    Kind::InstanceUnknown,
    Kind::NoPrivateKey,
    Kind::EncryptionFailed,
    Kind::RateLimited,
    Kind::Unauthenticated,
    Kind::Expired,
    Kind::Forbidden,
    Kind::ParameterMissing,
    Kind::ParameterInvalid,
    Kind::Malformed,
    Kind::Unsupported,
    Kind::Internal,
];

/// What ImportKeyPair tells apart.
const KINDS_OF_IMPORT: [Kind; 17] = [
    Kind::NameInvalid,
    Kind::NameEmpty,
    Kind::NameTooLong,
    Kind::NameTaken,
    Kind::KeyInvalid,
    Kind::KeyTaken,
    Kind::QuotaFull,
    Kind::TagQuotaFull,
    Kind::ProjectUnknown,
    Kind::RateLimited,
    Kind::Unauthenticated,
    Kind::Expired,
    Kind::Forbidden,
    Kind::ParameterMissing,
    Kind::ParameterInvalid,
    Kind::Malformed,
    Kind::Internal,
];
