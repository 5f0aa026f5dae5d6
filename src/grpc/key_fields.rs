//! Fields about a request's key: what is made, how its file looks, what protects it, and the project's rules for it.

use super::faults::Faults;
use super::pb;
use crate::error::{Reason, Violation};
use crate::model::{EncryptionChoice, KeyChoice, ProjectId};
use crate::secret::SecretText;
use crate::service::{ProjectRules, Projects};
use crate::sshkey::{Curve, KeyFormat, KeySpec};

/// The project's rules, whatever else is wrong; of a project id that does not parse, the rules of all.
pub(super) fn rules<'p>(projects: &'p Projects, project: &str) -> &'p ProjectRules {
    ProjectId::parse("project_id", project).map_or(&projects.default, |project| projects.rules(&project))
}

/// What a cloud makes: RSA 2048. Asking for anything else is refused, and so is a policy that wants more.
pub(super) fn spec_of_cloud(faults: &mut Faults, key_type: i32, bits: i32, least: u16) -> Option<KeySpec> {
    let spec = match (pb::KeyType::try_from(key_type), bits) {
        (Ok(pb::KeyType::Unspecified | pb::KeyType::Rsa), 0 | 2048) if least <= 2048 => Ok(KeySpec::Rsa(2048)),
        (Ok(pb::KeyType::Unspecified | pb::KeyType::Rsa), 0 | 2048) => {
            let message = format!("clouds make RSA 2048, and keys of this project must have at least {least} bits");
            Err(Violation::new("generated_by", Reason::KeyBitsUnsupported, message))
        }
        (Ok(pb::KeyType::Unspecified | pb::KeyType::Rsa), _) => {
            Err(Violation::new("bits", Reason::KeyBitsUnsupported, "clouds make RSA with bits 2048, or 0"))
        }
        _ => Err(Violation::new("key_type", Reason::KeyTypeUnsupported, "clouds make RSA")),
    };
    faults.take(spec)
}

/// What shall be made; without a type Ed25519, or RSA where not every cloud takes that. RSA below `least` bits is not
/// made, as it is not taken in.
pub(super) fn spec(faults: &mut Faults, asked: (i32, i32), least: u16, takes_ed25519: bool) -> Option<KeySpec> {
    let (mut key_type, bits) = asked;
    if key_type == i32::from(pb::KeyType::Unspecified) && !takes_ed25519 {
        key_type = pb::KeyType::Rsa.into();
    }
    let bad_bits = |allowed: &str| {
        Err(Violation::new("bits", Reason::KeyBitsUnsupported, format!("this type is made with bits {allowed}, or 0")))
    };
    let spec = match (pb::KeyType::try_from(key_type), bits) {
        (Ok(pb::KeyType::Unspecified | pb::KeyType::Ed25519), 0 | 256) => Ok(KeySpec::Ed25519),
        (Ok(pb::KeyType::Unspecified | pb::KeyType::Ed25519), _) => bad_bits("256"),
        (Ok(pb::KeyType::Ecdsa), 0 | 256) => Ok(KeySpec::Ecdsa(Curve::P256)),
        (Ok(pb::KeyType::Ecdsa), 384) => Ok(KeySpec::Ecdsa(Curve::P384)),
        (Ok(pb::KeyType::Ecdsa), 521) => Ok(KeySpec::Ecdsa(Curve::P521)),
        (Ok(pb::KeyType::Ecdsa), _) => bad_bits("256, 384 or 521"),
        (Ok(pb::KeyType::Rsa), 0) if least > 3072 => Ok(KeySpec::Rsa(4096)),
        (Ok(pb::KeyType::Rsa), 0) => Ok(KeySpec::Rsa(3072)),
        (Ok(pb::KeyType::Rsa), 2048) => Ok(KeySpec::Rsa(2048)),
        (Ok(pb::KeyType::Rsa), 3072) => Ok(KeySpec::Rsa(3072)),
        (Ok(pb::KeyType::Rsa), 4096) => Ok(KeySpec::Rsa(4096)),
        (Ok(pb::KeyType::Rsa), _) => bad_bits("2048, 3072 or 4096"),
        _ => {
            let message = "keys of this type are not made here: use ED25519, ECDSA or RSA";
            Err(Violation::new("key_type", Reason::KeyTypeUnsupported, message))
        }
    };
    faults.take(spec.and_then(|spec| match spec {
        KeySpec::Rsa(bits) if bits < least => {
            let message = format!("RSA keys of this project must have at least {least} bits");
            Err(Violation::new("bits", Reason::KeyBitsUnsupported, message))
        }
        spec => Ok(spec),
    }))
}

pub(super) fn encryption(
    faults: &mut Faults,
    asked: Option<&pb::Encryption>,
    rules: &ProjectRules,
) -> Option<EncryptionChoice> {
    let Some(asked) = asked else { return faults.take(rules.meant(EncryptionChoice::Unsaid)) };
    let has_key = !asked.kms_key_name.is_empty() || !asked.kms_key_id.is_empty();
    let choice = match pb::EncryptionType::try_from(asked.r#type) {
        Ok(pb::EncryptionType::Unspecified | pb::EncryptionType::Default) if has_key => {
            let message = "a key name or id goes with type KMS only";
            let which = if asked.kms_key_name.is_empty() { "kms_key_id" } else { "kms_key_name" };
            Err(Violation::new(format!("encryption.{which}"), Reason::EncryptionConflict, message))
        }
        Ok(pb::EncryptionType::Unspecified) => Ok(EncryptionChoice::Unsaid),
        Ok(pb::EncryptionType::Default) => Ok(EncryptionChoice::Default),
        Ok(pb::EncryptionType::Kms) => {
            KeyChoice::parse("encryption", &asked.kms_key_name, &asked.kms_key_id).map(EncryptionChoice::Kms)
        }
        Err(_) => {
            let message = "must be DEFAULT or KMS";
            Err(Violation::new("encryption.type", Reason::EncryptionTypeInvalid, message))
        }
    };
    faults.take(choice.and_then(|choice| rules.meant(choice)))
}

pub(super) fn format(faults: &mut Faults, field: &str, format: i32) -> Option<KeyFormat> {
    use pb::PrivateKeyFormat as Format;
    let format = match Format::try_from(format) {
        Ok(Format::Unspecified | Format::Openssh) => Ok(KeyFormat::OpenSsh),
        Ok(Format::Pkcs8) => Ok(KeyFormat::Pkcs8),
        Ok(Format::Pkcs1) => Ok(KeyFormat::Pkcs1),
        Ok(Format::Sec1) => Ok(KeyFormat::Sec1),
        Ok(Format::Ppk) => Ok(KeyFormat::Ppk),
        Err(_) => Err(Violation::new(field, Reason::FormatUnsupported, "must be OPENSSH, PKCS8, PKCS1, SEC1 or PPK")),
    };
    faults.take(format)
}

/// One that opens a file of the caller's: whatever it was locked with.
pub(super) fn passphrase(text: String) -> Option<SecretText> {
    (!text.is_empty()).then(|| SecretText::new(text))
}

/// One for a file that is given out. What the tools cannot be told would lock its owner out: ssh-keygen and openssl read
/// 1,023 bytes, and for every prompt a line end is the end, for puttygen NUL is too.
pub(super) fn new_passphrase(faults: &mut Faults, text: String) -> Option<SecretText> {
    let passphrase = passphrase(text)?;
    let text = passphrase.expose();
    let fault = match text.len() > PASSPHRASE_MAX {
        true => Some(format!("must have at most {PASSPHRASE_MAX} bytes: ssh-keygen and openssl read no more")),
        false if text.contains(['\0', '\n', '\r']) => {
            Some("must hold no NUL and no line end: no tool could be told it to open the file".to_owned())
        }
        false => None,
    };
    if let Some(message) = fault {
        faults.add(Violation::new("passphrase", Reason::PassphraseUnsupported, message));
    }
    Some(passphrase)
}

const PASSPHRASE_MAX: usize = 1023;
