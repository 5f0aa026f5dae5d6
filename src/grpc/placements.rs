//! Placements on the wire: what is asked for, checked against what each cloud takes; and what is shown.

use super::answer::{encryption, timestamp};
use super::faults::Faults;
use super::fields::not_configured;
use super::pb;
use crate::error::{Reason, Violation};
use crate::model::{
    EncryptionChoice, EncryptionMode, KeyChoice, KeyPair, LOCAL, Placement, PlacementState, ProviderKind, ProviderName,
    Scope, SealedBy, UserId, Wishes,
};
use crate::service::clouds::{Placing, Providers, Spec, Subject, check_placing, takes_key};
use crate::service::command::Places;
use crate::sshkey::Algorithm;

/// Where a new pair of this name shall be. `local` is always there: naming it changes nothing.
pub(super) fn places(
    faults: &mut Faults,
    providers: &Providers,
    (specs, on_failure): (&[pb::PlacementSpec], i32),
    name: &str,
    subject: &Subject<'_>,
) -> Places {
    if specs.len() > LIMIT {
        faults.add(Violation::new("placements", Reason::PlacementLimit, "there may be at most 16 placements"));
    }
    let keep = match pb::OnPlacementFailure::try_from(on_failure) {
        Ok(on_failure) => on_failure == pb::OnPlacementFailure::Keep,
        Err(_) => {
            let message = "must be UNDO or KEEP";
            faults.add(Violation::new("on_placement_failure", Reason::FieldUnsupported, message));
            false
        }
    };
    let mut wanted = Vec::new();
    for (index, asked) in specs.iter().take(LIMIT).enumerate() {
        let field = format!("placements[{index}]");
        if specs.iter().take(index).any(|other| other.provider == asked.provider) {
            let message = "this provider is named twice: one placement per provider";
            faults.add(Violation::new(format!("{field}.provider"), Reason::PlacementDuplicate, message));
        }
        if asked.provider == LOCAL {
            local(faults, &field, asked, name);
            continue;
        }
        let Some((placing, spec)) = placing(faults, providers, &field, asked) else { continue };
        check_placing(spec, &field, &placing, subject).into_iter().for_each(|fault| faults.add_once(fault));
        wanted.push(placing);
    }
    Places { wanted, keep }
}

/// One placement that is asked for as `field`; its fields, not yet the cloud's rules. `None`: something of it is wrong.
pub(super) fn placing<'p>(
    faults: &mut Faults,
    providers: &'p Providers,
    field: &str,
    asked: &pb::PlacementSpec,
) -> Option<(Placing, &'p Spec)> {
    let spec = provider(faults, providers, &format!("{field}.provider"), &asked.provider)?;
    let others = [
        ("tencent", asked.tencent.is_some(), ProviderKind::Tencent),
        ("huawei", asked.huawei.is_some(), ProviderKind::Huawei),
        ("baidu", asked.baidu.is_some(), ProviderKind::Baidu),
    ];
    for (name, _, _) in others.into_iter().filter(|(_, is_set, kind)| *is_set && *kind != spec.kind) {
        let message = format!("{} is of kind {}: leave this out", spec.name, spec.kind.as_str());
        faults.add(Violation::new(format!("{field}.{name}"), Reason::FieldUnsupported, message));
    }
    let wishes = wishes(faults, field, asked)?;
    let remote_name = (!asked.remote_name.is_empty()).then(|| asked.remote_name.clone());
    Some((Placing { provider: spec.name.clone(), remote_name, wishes }, spec))
}

/// The configured provider that a field names.
pub(super) fn provider<'p>(faults: &mut Faults, providers: &'p Providers, field: &str, name: &str) -> Option<&'p Spec> {
    match providers.spec(name) {
        Some(spec) => Some(spec),
        None => {
            faults.add(not_configured(field, name, providers));
            None
        }
    }
}

/// Whether every cloud that is named takes Ed25519; those that are not configured are told of elsewhere.
pub(super) fn all_take_ed25519(providers: &Providers, specs: &[pb::PlacementSpec]) -> bool {
    let takes = |spec: &Spec| takes_key(spec, Algorithm::Ed25519, 256);
    specs.iter().all(|asked| providers.spec(&asked.provider).is_none_or(takes))
}

fn wishes(faults: &mut Faults, field: &str, asked: &pb::PlacementSpec) -> Option<Wishes> {
    let mut wishes =
        Wishes { cloud_project_id: asked.tencent.as_ref().and_then(|t| t.project_id), ..Wishes::default() };
    let Some(huawei) = &asked.huawei else { return Some(wishes) };
    let field = format!("{field}.huawei");
    wishes.scope = match huawei.scope.as_str() {
        "" => Scope::Unsaid,
        "user" => Scope::User,
        "domain" => Scope::Account,
        _ => {
            let message = "must be 'user', 'domain' or empty";
            faults.add(Violation::new(format!("{field}.scope"), Reason::FieldUnsupported, message));
            return None;
        }
    };
    wishes.user_id = faults.take(UserId::parse(&format!("{field}.user_id"), &huawei.user_id))?;
    if huawei.private_key_escrowed {
        let message = "says how it is, in answers: ask with escrow_private_key";
        faults.add(Violation::new(format!("{field}.private_key_escrowed"), Reason::FieldUnsupported, message));
    }
    wishes.escrow = match (huawei.escrow_private_key, &huawei.encryption) {
        (false, Some(_)) => {
            let message = "goes with escrow_private_key: set that, or leave this out";
            faults.add(Violation::new(format!("{field}.encryption"), Reason::FieldUnsupported, message));
            None
        }
        (false, None) => None,
        (true, None) => Some(EncryptionChoice::Default),
        (true, Some(encryption)) => Some(escrow(faults, &format!("{field}.encryption"), encryption)?),
    };
    Some(wishes)
}

/// Under what the cloud shall keep a private half: its own default, or a key of its own key management.
fn escrow(faults: &mut Faults, field: &str, asked: &pb::Encryption) -> Option<EncryptionChoice> {
    let has_key = !asked.kms_key_name.is_empty() || !asked.kms_key_id.is_empty();
    faults.take(match pb::EncryptionType::try_from(asked.r#type) {
        Ok(pb::EncryptionType::Kms) => {
            KeyChoice::parse(field, &asked.kms_key_name, &asked.kms_key_id).map(EncryptionChoice::Kms)
        }
        Ok(_) if has_key => {
            let message = "a key name or id goes with type KMS only";
            Err(Violation::new(format!("{field}.type"), Reason::EncryptionConflict, message))
        }
        Ok(_) => Ok(EncryptionChoice::Default),
        Err(_) => Err(Violation::new(format!("{field}.type"), Reason::EncryptionTypeInvalid, "must be DEFAULT or KMS")),
    })
}

fn local(faults: &mut Faults, field: &str, asked: &pb::PlacementSpec, name: &str) {
    let stray = [
        ("remote_name", !asked.remote_name.is_empty() && asked.remote_name != name),
        ("tencent", asked.tencent.is_some()),
        ("huawei", asked.huawei.is_some()),
        ("baidu", asked.baidu.is_some()),
    ];
    for (stray, _) in stray.into_iter().filter(|(_, is_set)| *is_set) {
        let message = format!("'{LOCAL}' takes no fields of its own, and the pair's own name: leave it out");
        faults.add(Violation::new(format!("{field}.{stray}"), Reason::FieldUnsupported, message));
    }
}

/// A pair's placements as callers see them: `local` first.
pub(super) fn shown(pair: &KeyPair, id: &str, fingerprint: &str) -> Vec<pb::Placement> {
    let local = pb::Placement {
        provider: LOCAL.to_owned(),
        kind: pb::ProviderKind::Local.into(),
        remote_id: id.to_owned(),
        remote_name: pair.name.as_str().to_owned(),
        remote_fingerprint: fingerprint.to_owned(),
        state: pb::PlacementState::Active.into(),
        update_time: Some(timestamp(pair.update_time)),
        ..pb::Placement::default()
    };
    std::iter::once(local).chain(pair.placements.iter().map(placement)).collect()
}

fn placement(placement: &Placement) -> pb::Placement {
    let (mut tencent, mut huawei, mut baidu) = (None, None, None);
    let kind = match placement.kind {
        ProviderKind::Baidu => {
            baidu = Some(pb::BaiduPlacement {});
            pb::ProviderKind::Baidu
        }
        ProviderKind::Tencent => {
            tencent = Some(pb::TencentPlacement { project_id: placement.wishes.cloud_project_id });
            pb::ProviderKind::Tencent
        }
        ProviderKind::Huawei => {
            huawei = Some(huawei_part(placement));
            pb::ProviderKind::Huawei
        }
    };
    let error = placement.error.as_ref();
    pb::Placement {
        provider: placement.provider.as_str().to_owned(),
        kind: kind.into(),
        region: placement.region.clone(),
        remote_id: placement.remote_id.clone(),
        remote_name: placement.remote_name.clone(),
        remote_fingerprint: placement.remote_fingerprint.clone(),
        instance_count: placement.instance_count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)),
        state: state(placement.state).into(),
        error_reason: error.map_or("", |error| error.reason.as_str()).to_owned(),
        error_message: error.map(|error| error.message.clone()).unwrap_or_default(),
        provider_request_id: placement.request_id.clone(),
        tencent,
        huawei,
        baidu,
        update_time: Some(timestamp(placement.update_time)),
    }
}

fn huawei_part(placement: &Placement) -> pb::HuaweiPlacement {
    let wishes = &placement.wishes;
    let scope = match wishes.scope {
        Scope::Unsaid => "",
        Scope::User => "user",
        Scope::Account => "domain",
    };
    let under = wishes.escrow.as_ref().map(|choice| {
        let (mode, key) = match choice {
            EncryptionChoice::Kms(key) => (EncryptionMode::Kms, Some(key)),
            _ => (EncryptionMode::Default, None),
        };
        let of = |part: fn(&KeyChoice) -> &Option<String>| key.and_then(|key| part(key).clone()).unwrap_or_default();
        let (key_name, key_id) = (of(|key| &key.name), of(|key| &key.id));
        encryption(SealedBy { mode, backend: String::new(), key_name, key_id, key_version: String::new() })
    });
    pb::HuaweiPlacement {
        scope: scope.to_owned(),
        user_id: wishes.user_id.as_str().to_owned(),
        escrow_private_key: wishes.escrow.is_some(),
        encryption: under,
        private_key_escrowed: placement.is_escrowed,
    }
}

fn state(state: PlacementState) -> pb::PlacementState {
    match state {
        PlacementState::Pending => pb::PlacementState::Pending,
        PlacementState::Active => pb::PlacementState::Active,
        PlacementState::Failed => pb::PlacementState::Failed,
        PlacementState::Removing => pb::PlacementState::Removing,
    }
}

/// The name of a provider that a placement may be withdrawn from.
pub(super) fn withdrawn_from(faults: &mut Faults, name: &str) -> Option<ProviderName> {
    if name == LOCAL {
        let message = "'local' is this service itself and cannot be withdrawn: use Delete";
        faults.add(Violation::new("provider", Reason::FieldUnsupported, message));
        return None;
    }
    faults.take(ProviderName::parse("provider", name))
}

const LIMIT: usize = 16;
