//! The list of codes, and which of them the face answers.

use keypairs::dialect::huawei::{Action, Code, Flaw};
use keypairs::dialect::{Kind, Refusal};

/// Page "SSH key pair error codes": status, code, words; then the gateway's. The test's own copy.
const PAGE: &[(u16, &str, &str, Kind)] = &[
    (400, "KPS.0001", "taskId is illegal", Kind::ParameterInvalid),
    (400, "KPS.0002", "parameter error", Kind::ParameterInvalid),
    (400, "KPS.0005", "Failed task is not found", Kind::ParameterInvalid),
    (400, "KPS.0006", "User not found", Kind::UserUnknown),
    (400, "KPS.4016", "The key pair is not exist", Kind::NotFound),
    (400, "KPS.6004", "No Keypair find", Kind::NotFound),
    (400, "KPS.6005", "No private key managed", Kind::NoPrivateKey),
    (400, "KPS.6008", "Encrypt private key failed", Kind::EncryptionFailed),
    (400, "KPS.6010", "Save privatekey failed", Kind::EncryptionFailed),
    (400, "KPS.6011", "The imported private key not match public key", Kind::KeyMismatch),
    (401, "KPS.9001", "The token of the request is not or failed to be authenticated", Kind::Unauthenticated),
    (403, "KPS.6009", "Keypair verify failed", Kind::Forbidden),
    (401, "KPS.9002", "Public test service denied", Kind::Forbidden),
    (403, "KPS.9003", "No operation permission", Kind::Forbidden),
    (403, "KPS.9004", "The account is frozen", Kind::Forbidden),
    (403, "KPS.9005", "The account is restricted", Kind::Forbidden),
    (403, "KPS.9006", "Unknown user type", Kind::Forbidden),
    (500, "KPS.0003", "Dependency service unavailable", Kind::Internal),
    (500, "KPS.0004", "Response error", Kind::Internal),
    (500, "KPS.5001", "Query database record error", Kind::Internal),
    (500, "KPS.5002", "Insert database record error", Kind::Internal),
    (500, "KPS.5003", "Delete database record error", Kind::Internal),
    (500, "KPS.5004", "Update database record error", Kind::Internal),
    (500, "KPS.6007", "Create kek failed", Kind::Internal),
    (404, "APIGW.0101", "The API does not exist or has not been published in the environment", Kind::Unsupported),
    (401, "APIGW.0301", "Incorrect IAM authentication information", Kind::Unauthenticated),
    (429, "APIGW.0308", "The throttling threshold has been reached", Kind::RateLimited),
];

#[test]
fn the_codes_are_those_of_the_page() {
    assert_eq!(Code::ALL.len(), PAGE.len());
    for (status, text, message, kind) in PAGE {
        let code = Code::of(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert_eq!(
            (code.status().as_u16(), code.as_str(), code.message(), code.kind()),
            (*status, *text, *message, *kind)
        );
        assert_eq!(code.to_string(), *text);
    }
    assert_eq!(Code::of("APIG.0301"), Some(Code::SignatureRefused), "the gateway's other spelling");
    for text in ["", "KPS", "KPS.9999", "kps.0002", "APIG.", "APIG.KPS.0002", "0301"] {
        assert_eq!(Code::of(text), None, "{text}");
    }
}

/// Which code the face answers for which reason, where the operation matters.
#[test]
fn reasons_become_codes() {
    use Action::{
        ClearPrivateKey, CreateKeypair, DeleteKeypair, ExportPrivateKey, ImportPrivateKey, ListKeypairDetail,
    };
    let cases = [
        (ImportPrivateKey, Kind::NotFound, 400, "KPS.6004"),
        (ExportPrivateKey, Kind::NotFound, 400, "KPS.6004"),
        (Action::BatchExportPrivateKey, Kind::NotFound, 400, "KPS.6004"),
        (ListKeypairDetail, Kind::NotFound, 400, "KPS.4016"),
        (DeleteKeypair, Kind::NotFound, 400, "KPS.4016"),
        (Action::UpdateKeypairDescription, Kind::NotFound, 400, "KPS.4016"),
        (ClearPrivateKey, Kind::NotFound, 404, "KPS.6004"),
        (ClearPrivateKey, Kind::NoPrivateKey, 404, "KPS.6005"),
        (ExportPrivateKey, Kind::NoPrivateKey, 400, "KPS.6005"),
        (Action::ListKeypairTask, Kind::NotFound, 400, "KPS.0001"),
        (Action::DeleteFailedTask, Kind::NotFound, 400, "KPS.0005"),
        (Action::AssociateKeypair, Kind::InstanceUnknown, 400, "KPS.0002"),
        (CreateKeypair, Kind::NameTaken, 400, "KPS.0002"),
        (CreateKeypair, Kind::KeyTaken, 400, "KPS.0002"),
        (CreateKeypair, Kind::QuotaFull, 400, "KPS.0002"),
        (CreateKeypair, Kind::KeyInvalid, 400, "KPS.0002"),
        (CreateKeypair, Kind::UserUnknown, 400, "KPS.0006"),
        (ImportPrivateKey, Kind::KeyMismatch, 400, "KPS.6011"),
        (ImportPrivateKey, Kind::EncryptionFailed, 400, "KPS.6008"),
        (CreateKeypair, Kind::ProjectUnknown, 403, "KPS.9003"),
        (CreateKeypair, Kind::Forbidden, 403, "KPS.9003"),
        (CreateKeypair, Kind::Unauthenticated, 401, "APIGW.0301"),
        (CreateKeypair, Kind::RateLimited, 429, "APIGW.0308"),
        (CreateKeypair, Kind::Unsupported, 404, "APIGW.0101"),
        (CreateKeypair, Kind::Internal, 500, "KPS.0004"),
    ];
    for (action, kind, status, code) in cases {
        let flaw = action.refused(kind);
        assert_eq!((flaw.status.as_u16(), flaw.code.as_str()), (status, code), "{action:?} {kind:?}");
    }
}

#[test]
fn a_refused_signature_is_told_as_the_gateway_tells_it() {
    let mismatch = || Refusal::Mismatch { canonical: "secret".to_owned(), hint: "secret" };
    let told = |refusal: Refusal, by_token| {
        let flaw = Flaw::of_refusal(&refusal, by_token);
        assert_eq!(flaw.status.as_u16(), 401);
        assert!(!flaw.message.contains("secret"), "{}", flaw.message);
        flaw
    };
    assert_eq!(told(Refusal::Missing, false).code, Code::TokenRefused);
    assert_eq!(told(mismatch(), true).code, Code::TokenRefused);
    let signature = [
        Refusal::Malformed("secret"),
        Refusal::Unsupported("secret"),
        Refusal::Expired { ahead: 901 },
        mismatch(),
        Refusal::Digest,
    ];
    for refusal in signature {
        let flaw = told(refusal, false);
        assert_eq!(flaw.code, Code::SignatureRefused);
        assert!(flaw.message.starts_with("Incorrect IAM authentication information: verify aksk signature fail"));
    }
    let flaw = Flaw::of_unknown_access_key();
    assert_eq!(flaw.message, "Incorrect IAM authentication information: Get secretKey failed");
}
