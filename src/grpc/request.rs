//! Wire messages into commands.
//!
//! Every field of a request is checked here, all faults at once, before anything else happens. Secrets are moved, not
//! copied, into types that wipe them.

use std::mem::take;

use super::pb;
use crate::error::{Error, Reason, Result, Violation};
use crate::model::{
    Description, EncryptionChoice, KeyChoice, KeyPairId, KeyPairName, LOCAL, Labels, ProjectId, RequestId, UserId,
};
use crate::secret::SecretText;
use crate::service::call::Call;
use crate::service::command::{
    By, ClearPrivate, Create, Delete, ExportPrivate, ImportPrivate, ImportPublic, Key, Manner, NewPair, Repeat,
    Undelete, Update,
};
use crate::service::{ProjectRules, Projects, Read, Service, unfit_format};
use crate::sshkey::{Curve, KeyFormat, KeySpec, check_format};

/// SHA-256 of a whole request: what a request id stands for.
pub(super) type Digest = [u8; 32];

/// Gathers what is wrong with a request, and tells it all at once.
#[derive(Default)]
pub(super) struct Faults {
    invalid: Vec<Violation>,
    /// Wrong only after all arguments are right, such as a missing passphrase.
    later: Option<Error>,
}

impl Faults {
    pub(super) fn take<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|violation| self.add(violation)).ok()
    }

    pub(super) fn add(&mut self, violation: Violation) {
        match violation.reason.class() {
            crate::error::Class::InvalidArgument => self.invalid.push(violation),
            _ => self.later = Some(Error::violations(vec![violation])),
        }
    }

    /// A key that was read; an error that has nothing to do with it is told when nothing else is wrong.
    fn key<Key>(&mut self, read: Result<Read<Key>>) -> Option<(Key, String)> {
        read.map_err(|error| self.later = Some(error)).ok().and_then(|read| self.take(read))
    }

    /// All is well, or everything that is not.
    pub(super) fn done(self) -> Result<()> {
        match (self.invalid.is_empty(), self.later) {
            (false, _) => Err(Error::violations(self.invalid)),
            (true, Some(error)) => Err(error),
            (true, None) => Ok(()),
        }
    }
}

/// A part that a fault left out; `Faults::done` has refused by then.
fn part<T>(checked: Option<T>) -> Result<T> {
    checked.ok_or_else(|| Error::internal("a checked part is missing"))
}

pub(super) fn create(mut request: pb::CreateRequest, digest: Digest, projects: &Projects) -> Result<Create> {
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let rules = rules(projects, &request.project_id);
    let spec = spec(&mut faults, request.key_type, request.bits, rules.keys.min_rsa_bits);
    let encryption = encryption(&mut faults, request.encryption.as_ref(), rules);
    placements(&mut faults, &request.placements, projects);
    let format = format(&mut faults, "private_key_format", request.private_key_format);
    let passphrase = passphrase(take(&mut request.passphrase));
    if let (Some(spec), Some(format)) = (spec, format) {
        let checked = check_format(spec.algorithm(), format, passphrase.is_some());
        faults.take(checked.map_err(|fault| unfit_format("private_key_format", fault)));
    }
    if !request.generated_by.is_empty() {
        faults.add(not_configured("generated_by", &request.generated_by));
    }
    let manner = manner(&mut faults, request.ensure, &request.request_id, digest, request.validate_only);
    faults.done()?;
    Ok(Create {
        new: part(new)?,
        spec: part(spec)?,
        encryption: part(encryption)?,
        format: part(format)?,
        passphrase,
        omit_private_key: request.omit_private_key,
        manner: part(manner)?,
    })
}

pub(super) async fn import_public(
    mut request: pb::ImportPublicRequest,
    digest: Digest,
    service: &Service,
    call: &Call,
) -> Result<ImportPublic> {
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let line = SecretText::new(take(&mut request.public_key)); // it may turn out to be a private key
    let project = ProjectId::parse("project_id", &request.project_id).ok();
    let public = faults.key(service.read_public(call, project.as_ref(), line.expose()).await);
    placements(&mut faults, &request.placements, service.projects());
    let manner = manner(&mut faults, request.ensure, &request.request_id, digest, request.validate_only);
    faults.done()?;
    let (public, comment) = part(public)?;
    Ok(ImportPublic { new: part(new)?, public, comment, manner: part(manner)? })
}

pub(super) async fn import_private(
    mut request: pb::ImportPrivateRequest,
    digest: Digest,
    service: &Service,
    call: &Call,
) -> Result<ImportPrivate> {
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let text = SecretText::new(take(&mut request.private_key));
    let passphrase = passphrase(take(&mut request.passphrase));
    let project = ProjectId::parse("project_id", &request.project_id).ok();
    let key = faults.key(service.read_private(call, project.as_ref(), &text, passphrase).await);
    drop(text); // wiped as soon as it is read
    let rules = service.projects().rules_or_default(project.as_ref());
    let encryption = encryption(&mut faults, request.encryption.as_ref(), rules);
    placements(&mut faults, &request.placements, service.projects());
    let manner = manner(&mut faults, request.ensure, &request.request_id, digest, request.validate_only);
    faults.done()?;
    let (key, comment) = part(key)?;
    Ok(ImportPrivate {
        new: part(new)?,
        key,
        comment,
        encryption: part(encryption)?,
        must_exist: request.must_exist,
        manner: part(manner)?,
    })
}

pub(super) fn update(request: pb::UpdateRequest, digest: Digest) -> Result<Update> {
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::update_request::Key::Name(name) => RawKey::Name(name),
        pb::update_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let new = request.key_pair.unwrap_or_default();
    let paths = match request.update_mask {
        Some(mask) if !mask.paths.is_empty() => mask.paths,
        _ => set_fields(&new),
    };
    for path in paths.iter().filter(|path| !UPDATABLE.contains(&path.as_str())) {
        let message = format!("'{}' cannot be changed: use {}", shown(path), UPDATABLE.join(", "));
        faults.add(Violation::new("update_mask", Reason::UpdateMaskInvalid, message));
    }
    let wanted = |path: &str| paths.iter().any(|wanted| wanted == path);
    let name = wanted("name").then(|| faults.take(KeyPairName::parse("key_pair.name", &new.name))).flatten();
    let description = wanted("description")
        .then(|| faults.take(Description::parse("key_pair.description", &new.description)))
        .flatten();
    let labels = wanted("labels").then(|| labels(&mut faults, "key_pair.labels", new.labels)).flatten();
    let user_id = wanted("user_id").then(|| faults.take(UserId::parse("key_pair.user_id", &new.user_id))).flatten();
    let repeat = repeat(&mut faults, &request.request_id, digest);
    faults.done()?;
    Ok(Update { key: part(key)?, name, description, labels, user_id, etag: request.etag, repeat })
}

pub(super) fn delete(request: pb::DeleteRequest, digest: Digest) -> Result<Delete> {
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::delete_request::Key::Name(name) => RawKey::Name(name),
        pb::delete_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let repeat = repeat(&mut faults, &request.request_id, digest);
    faults.done()?;
    Ok(Delete {
        key: part(key)?,
        etag: request.etag,
        allow_missing: request.allow_missing,
        purge: request.purge,
        repeat: repeat.filter(|_| !request.validate_only),
        validate_only: request.validate_only,
    })
}

pub(super) fn undelete(request: pb::UndeleteRequest, digest: Digest) -> Result<Undelete> {
    let mut faults = Faults::default();
    let project = faults.take(ProjectId::parse("project_id", &request.project_id));
    let id = faults.take(id("id", &request.id));
    let name = match request.name.as_str() {
        "" => None,
        name => faults.take(KeyPairName::parse("name", name)),
    };
    let repeat = repeat(&mut faults, &request.request_id, digest);
    faults.done()?;
    Ok(Undelete { project: part(project)?, id: part(id)?, name, repeat })
}

pub(super) fn export_private(mut request: pb::ExportPrivateRequest) -> Result<ExportPrivate> {
    let mut faults = Faults::default();
    let by = take(&mut request.key).map(|key| match key {
        pb::export_private_request::Key::Name(name) => RawKey::Name(name),
        pb::export_private_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let format = format(&mut faults, "format", request.format);
    let passphrase = passphrase(take(&mut request.passphrase));
    let reason = take(&mut request.reason);
    if reason.chars().count() > 256 || reason.chars().any(char::is_control) {
        let message = "must have at most 256 code points and no control characters";
        faults.add(Violation::new("reason", Reason::ExportReasonInvalid, message));
    }
    faults.done()?;
    Ok(ExportPrivate { key: part(key)?, format: part(format)?, passphrase, reason })
}

pub(super) fn clear_private(request: pb::ClearPrivateRequest, digest: Digest) -> Result<ClearPrivate> {
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::clear_private_request::Key::Name(name) => RawKey::Name(name),
        pb::clear_private_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let repeat = repeat(&mut faults, &request.request_id, digest);
    faults.done()?;
    Ok(ClearPrivate { key: part(key)?, etag: request.etag, repeat })
}

pub(super) fn get(request: pb::GetRequest) -> Result<Key> {
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::get_request::Key::Name(name) => RawKey::Name(name),
        pb::get_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    faults.done()?;
    part(key)
}

/// The `oneof key` of a request: each has a generated type of its own.
enum RawKey {
    Name(String),
    Id(String),
}

fn key(faults: &mut Faults, project: &str, by: Option<RawKey>) -> Option<Key> {
    let project = faults.take(ProjectId::parse("project_id", project));
    let by = match by {
        Some(RawKey::Name(name)) => faults.take(KeyPairName::parse("name", &name)).map(By::Name),
        Some(RawKey::Id(text)) => faults.take(id("id", &text)).map(By::Id),
        None => faults.take(Err(Violation::new("key", Reason::KeyRequired, "set name or id"))),
    };
    Some(Key { project: project?, by: by? })
}

fn id(field: &str, text: &str) -> Result<KeyPairId, Violation> {
    KeyPairId::parse(text).ok_or_else(|| {
        Violation::new(field, Reason::IdInvalid, "must be 'kp-' and a UUIDv7 in 32 lower-case hex digits")
    })
}

/// project_id, name, description and user_id as they came.
type RawNew<'a> = (&'a str, &'a str, &'a str, &'a str);

fn new_pair(
    faults: &mut Faults,
    (project, name, description, user_id): RawNew<'_>,
    raw_labels: std::collections::BTreeMap<String, String>,
) -> Option<NewPair> {
    let project = faults.take(ProjectId::parse("project_id", project));
    let name = faults.take(KeyPairName::parse("name", name));
    let description = faults.take(Description::parse("description", description));
    let labels = labels(faults, "labels", raw_labels);
    let user_id = faults.take(UserId::parse("user_id", user_id));
    Some(NewPair { project: project?, name: name?, description: description?, labels: labels?, user_id: user_id? })
}

/// The project's rules, whatever else is wrong; of a project id that does not parse, the rules of all.
fn rules<'p>(projects: &'p Projects, project: &str) -> &'p ProjectRules {
    ProjectId::parse("project_id", project).map_or(&projects.default, |project| projects.rules(&project))
}

fn labels(faults: &mut Faults, field: &str, raw: std::collections::BTreeMap<String, String>) -> Option<Labels> {
    match Labels::parse(field, raw) {
        Ok(labels) => Some(labels),
        Err(violations) => {
            violations.into_iter().for_each(|violation| faults.add(violation));
            None
        }
    }
}

/// What shall be made. RSA below `least` bits is not made, as it is not taken in.
fn spec(faults: &mut Faults, key_type: i32, bits: i32, least: u16) -> Option<KeySpec> {
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

fn encryption(faults: &mut Faults, asked: Option<&pb::Encryption>, rules: &ProjectRules) -> Option<EncryptionChoice> {
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

/// Only `local` is there, and naming it changes nothing.
fn placements(faults: &mut Faults, specs: &[pb::PlacementSpec], projects: &Projects) {
    if specs.len() > 16 {
        faults.add(Violation::new("placements", Reason::PlacementLimit, "there may be at most 16 placements"));
    }
    for (index, spec) in specs.iter().take(16).enumerate() {
        let field = format!("placements[{index}].provider");
        if specs.iter().take(index).any(|other| other.provider == spec.provider) {
            let message = "this provider is named twice: one placement per provider";
            faults.add(Violation::new(&field, Reason::PlacementDuplicate, message));
        }
        if !projects.has_provider(&spec.provider) {
            faults.add(not_configured(&field, &spec.provider));
        }
    }
}

/// A word that could have been meant is told back. Any other text may be anything, a private key in the wrong field too,
/// and what is told is logged.
fn shown(word: &str) -> &str {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if word.len() <= 32 && word.bytes().all(is_word) { word } else { "(not shown)" }
}

fn not_configured(field: &str, provider: &str) -> Violation {
    let message = format!("no provider '{}' is configured: '{LOCAL}' is always there", shown(provider));
    Violation::new(field, Reason::ProviderNotConfigured, message)
}

fn format(faults: &mut Faults, field: &str, format: i32) -> Option<KeyFormat> {
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

fn manner(faults: &mut Faults, ensure: bool, request_id: &str, digest: Digest, validate_only: bool) -> Option<Manner> {
    let repeat = repeat(faults, request_id, digest);
    // A validation changes nothing: its request id is checked and not kept.
    Some(Manner { ensure, repeat: repeat.filter(|_| !validate_only), validate_only })
}

fn repeat(faults: &mut Faults, request_id: &str, digest: Digest) -> Option<Repeat> {
    if request_id.is_empty() {
        return None;
    }
    let message = "must be a UUID such as 8b2a5c1e-6f0d-4b7a-9a53-0d2f4f3c1e77";
    let id = RequestId::parse(request_id).ok_or(Violation::new("request_id", Reason::RequestIdInvalid, message));
    faults.take(id).map(|id| Repeat { id, digest })
}

fn passphrase(text: String) -> Option<SecretText> {
    (!text.is_empty()).then(|| SecretText::new(text))
}

fn set_fields(new: &pb::KeyPair) -> Vec<String> {
    let set = [!new.name.is_empty(), !new.description.is_empty(), !new.labels.is_empty(), !new.user_id.is_empty()];
    UPDATABLE.iter().zip(set).filter(|(_, set)| *set).map(|(path, _)| (*path).to_owned()).collect()
}

const UPDATABLE: [&str; 4] = ["name", "description", "labels", "user_id"];

pub(super) fn project(text: &str) -> Result<ProjectId> {
    ProjectId::parse("project_id", text).map_err(|violation| Error::violations(vec![violation]))
}
