//! Wire messages into commands.
//!
//! Every field of a request is checked here, all faults at once, before anything else happens. Secrets are moved, not
//! copied, into types that wipe them. One function an RPC; the fields are in `fields.rs` and `key_fields.rs`.

use std::mem::take;

use super::digest::sent;
use super::faults::{Faults, part};
use super::fields::{RawKey, asked_before, id, key, labels, manner, new_pair, repeat, shown};
use super::key_fields::{encryption, format, new_passphrase, passphrase, rules, spec, spec_of_cloud};
use super::pb;
use super::placements::{all_take_ed25519, places, provider};
use crate::error::{Error, Reason, Result, Violation};
use crate::model::{Description, KeyPair, KeyPairName, ProjectId, ProviderName, UserId, Wishes};
use crate::plain::is_plain;
use crate::secret::SecretText;
use crate::service::call::Call;
use crate::service::clouds::{Placing, Providers, Subject};
use crate::service::command::{
    ClearPrivate, Create, Delete, ExportPrivate, ImportPrivate, ImportPublic, Key, Places, Undelete, Update,
};
use crate::service::{Service, unfit_format};
use crate::sshkey::check_format;

pub(super) fn create(mut request: pb::CreateRequest, service: &Service) -> Result<Create> {
    let (projects, providers) = (service.projects(), service.providers());
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let rules = rules(projects, &request.project_id);
    let least = rules.keys.min_rsa_bits;
    let spec = match request.generated_by.as_str() {
        "" => {
            let takes_ed25519 = all_take_ed25519(providers, &request.placements);
            spec(&mut faults, (request.key_type, request.bits), least, takes_ed25519)
        }
        _ => spec_of_cloud(&mut faults, request.key_type, request.bits, least),
    };
    let encryption = encryption(&mut faults, request.encryption.as_ref(), rules);
    let labels = new.as_ref().map(|new| new.labels.clone()).unwrap_or_default();
    let subject = Subject {
        description: &request.description,
        labels: &labels,
        key: spec.map(|spec| (spec.algorithm(), spec.bits())),
        has_private: true,
    };
    let asked = (request.placements.as_slice(), request.on_placement_failure);
    let mut places = places(&mut faults, providers, asked, &request.name, &subject);
    let format = format(&mut faults, "private_key_format", request.private_key_format);
    let passphrase = new_passphrase(&mut faults, take(&mut request.passphrase));
    if let (Some(spec), Some(format)) = (spec, format) {
        let checked = check_format(spec.algorithm(), format, passphrase.is_some());
        faults.take(checked.map_err(|fault| unfit_format("private_key_format", fault)));
    }
    let generated_by = generated_by(&mut faults, providers, &request.generated_by, &mut places);
    let manner = manner(&mut faults, request.ensure, sent, request.validate_only);
    faults.done()?;
    Ok(Create {
        new: part(new)?,
        spec: part(spec)?,
        encryption: part(encryption)?,
        format: part(format)?,
        passphrase,
        omit_private_key: request.omit_private_key,
        forget_private: false,
        places,
        generated_by,
        manner: part(manner)?,
    })
}

/// The cloud that shall make the pair; a placement there is implied.
fn generated_by(faults: &mut Faults, providers: &Providers, name: &str, places: &mut Places) -> Option<ProviderName> {
    if name.is_empty() {
        return None;
    }
    let maker = provider(faults, providers, "generated_by", name)?.name.clone();
    if !places.wanted.iter().any(|placing| placing.provider == maker) {
        places.wanted.push(Placing { provider: maker.clone(), remote_name: None, wishes: Wishes::default() });
    }
    Some(maker)
}

pub(super) async fn import_public(
    mut request: pb::ImportPublicRequest,
    service: &Service,
    call: &Call,
) -> Result<ImportPublic> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let line = SecretText::new(take(&mut request.public_key)); // it may turn out to be a private key
    let project = ProjectId::parse("project_id", &request.project_id).ok();
    let public = faults.key(service.read_public(call, project.as_ref(), line.expose()).await);
    let labels = new.as_ref().map(|new| new.labels.clone()).unwrap_or_default();
    let subject = Subject {
        description: &request.description,
        labels: &labels,
        key: public.as_ref().map(|(public, _)| (public.algorithm(), public.bits())),
        has_private: false,
    };
    let asked = (request.placements.as_slice(), request.on_placement_failure);
    let places = places(&mut faults, service.providers(), asked, &request.name, &subject);
    let manner = manner(&mut faults, request.ensure, sent, request.validate_only);
    faults.done()?;
    let (public, comment) = part(public)?;
    Ok(ImportPublic { new: part(new)?, public, comment, places, manner: part(manner)? })
}

/// What an ImportPrivate asks for.
pub(super) enum Asked {
    /// To take in this key.
    Now(Box<ImportPrivate>),
    /// What was done before, under the same request id: its key was not read again.
    Before(Box<KeyPair>),
}

pub(super) async fn import_private(
    mut request: pb::ImportPrivateRequest,
    service: &Service,
    call: &Call,
) -> Result<Asked> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let new = new_pair(
        &mut faults,
        (&request.project_id, &request.name, &request.description, &request.user_id),
        take(&mut request.labels),
    );
    let text = SecretText::new(take(&mut request.private_key));
    if let (Some(new), Some(repeat)) = (&new, &asked_before(&sent))
        && let Some(pair) = service.imported_before(call, new, repeat).await?
    {
        return Ok(Asked::Before(Box::new(pair)));
    }
    let passphrase = passphrase(take(&mut request.passphrase));
    let project = ProjectId::parse("project_id", &request.project_id).ok();
    let key = faults.key(service.read_private(call, project.as_ref(), &text, passphrase).await);
    drop(text); // wiped as soon as it is read
    let rules = service.projects().rules_or_default(project.as_ref());
    let encryption = encryption(&mut faults, request.encryption.as_ref(), rules);
    let labels = new.as_ref().map(|new| new.labels.clone()).unwrap_or_default();
    let subject = Subject {
        description: &request.description,
        labels: &labels,
        key: key.as_ref().map(|(key, _)| (key.public().algorithm(), key.public().bits())),
        has_private: true,
    };
    let asked = (request.placements.as_slice(), request.on_placement_failure);
    let places = places(&mut faults, service.providers(), asked, &request.name, &subject);
    let manner = manner(&mut faults, request.ensure, sent, request.validate_only);
    faults.done()?;
    let (key, comment) = part(key)?;
    Ok(Asked::Now(Box::new(ImportPrivate {
        new: part(new)?,
        key,
        comment,
        encryption: part(encryption)?,
        must_exist: request.must_exist,
        places,
        manner: part(manner)?,
    })))
}

pub(super) fn update(mut request: pb::UpdateRequest) -> Result<Update> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::update_request::Key::Name(name) => RawKey::Name(name),
        pb::update_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let new = request.key_pair.unwrap_or_default();
    let paths = match request.update_mask {
        Some(mask) if !mask.paths.is_empty() => mask.paths,
        _ => set_fields(&mut faults, &new),
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
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    Ok(Update { key: part(key)?, name, description, labels, user_id, etag: request.etag, repeat })
}

/// What an empty mask means. A request that sets nothing it could change is a mistake, not a wish for no change.
fn set_fields(faults: &mut Faults, new: &pb::KeyPair) -> Vec<String> {
    let set = [!new.name.is_empty(), !new.description.is_empty(), !new.labels.is_empty(), !new.user_id.is_empty()];
    let paths: Vec<String> =
        UPDATABLE.iter().zip(set).filter(|(_, set)| *set).map(|(path, _)| (*path).into()).collect();
    if paths.is_empty() {
        let message = format!(
            "key_pair sets nothing that can be changed: set one of {0}, or name in the mask what shall be emptied",
            UPDATABLE.join(", ")
        );
        faults.add(Violation::new("update_mask", Reason::UpdateMaskInvalid, message));
    }
    paths
}

const UPDATABLE: [&str; 4] = ["name", "description", "labels", "user_id"];

pub(super) fn delete(mut request: pb::DeleteRequest) -> Result<Delete> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::delete_request::Key::Name(name) => RawKey::Name(name),
        pb::delete_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    Ok(Delete {
        key: part(key)?,
        etag: request.etag,
        allow_missing: request.allow_missing,
        purge: request.purge,
        abandon_placements: request.abandon_placements,
        repeat: repeat.filter(|_| !request.validate_only),
        validate_only: request.validate_only,
    })
}

pub(super) fn undelete(mut request: pb::UndeleteRequest) -> Result<Undelete> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let project = faults.take(ProjectId::parse("project_id", &request.project_id));
    let id = faults.take(id("id", &request.id));
    let name = match request.name.as_str() {
        "" => None,
        name => faults.take(KeyPairName::parse("name", name)),
    };
    let repeat = repeat(&mut faults, sent);
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
    let passphrase = new_passphrase(&mut faults, take(&mut request.passphrase));
    let reason = take(&mut request.reason);
    if reason.chars().count() > 256 || !is_plain(&reason) {
        let message = "must have at most 256 code points, and no control characters and no invisible ones";
        faults.add(Violation::new("reason", Reason::ExportReasonInvalid, message));
    }
    faults.done()?;
    Ok(ExportPrivate { key: part(key)?, format: part(format)?, passphrase, reason })
}

pub(super) fn clear_private(mut request: pb::ClearPrivateRequest) -> Result<ClearPrivate> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::clear_private_request::Key::Name(name) => RawKey::Name(name),
        pb::clear_private_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    Ok(ClearPrivate { key: part(key)?, keep_escrow: request.keep_escrow, etag: request.etag, repeat })
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

pub(super) fn project(text: &str) -> Result<ProjectId> {
    ProjectId::parse("project_id", text).map_err(|violation| Error::violations(vec![violation]))
}
