//! What a cloud takes, checked before anything is sent: its `Capabilities` against what is asked for. Every violation at
//! once, each naming the cloud.

use super::Placing;
use crate::error::{Reason, Violation};
use crate::model::{Labels, Scope};
use crate::provider::{NameRules, Spec};
use crate::sshkey::Algorithm;

/// What shall be placed, as far as it is known.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The description.
    pub description: &'a str,
    /// The labels.
    pub labels: &'a Labels,
    /// Type and size of the key; `None`: not known, because it did not parse.
    pub key: Option<(Algorithm, u16)>,
    /// Whether its private half is here, or comes with the call.
    pub has_private: bool,
}

/// What is wrong with one placement, which came in as `field`.
pub fn check_placing(spec: &Spec, field: &str, placing: &Placing, subject: &Subject<'_>) -> Vec<Violation> {
    let mut faults = Vec::new();
    let cloud = cloud(spec);
    if let Some(name) = &placing.remote_name {
        faults.extend(name_fault(&spec.can.name, name).map(|(reason, what)| {
            Violation::new(format!("{field}.remote_name"), reason, format!("{cloud}: {what}: {}", spec.can.name.words))
        }));
    }
    if let Some((algorithm, bits)) = subject.key.filter(|(algorithm, bits)| !takes_key(spec, *algorithm, *bits)) {
        let message = format!("{cloud} does not take {} keys of {bits} bits; it takes {}", word(algorithm), keys(spec));
        faults.push(Violation::new(format!("{field}.provider"), Reason::ProviderUnsupportedType, message));
    }
    if let Some(fault) = check_description(spec, subject.description) {
        faults.push(fault);
    }
    faults.extend(wishes(spec, field, placing, subject));
    faults
}

/// A description that the cloud does not take; where it keeps none, none is sent.
pub(in crate::service) fn check_description(spec: &Spec, description: &str) -> Option<Violation> {
    let most = spec.can.description?;
    (description.chars().count() > most).then(|| {
        let message = format!("{}: must have at most {most} code points there", cloud(spec));
        Violation::new("description", Reason::DescriptionInvalid, message)
    })
}

/// Whether the cloud takes keys of this type and size.
pub fn takes_key(spec: &Spec, algorithm: Algorithm, bits: u16) -> bool {
    spec.can.keys.iter().any(|rule| rule.algorithm == algorithm && (rule.bits.is_empty() || rule.bits.contains(&bits)))
}

fn wishes(spec: &Spec, field: &str, placing: &Placing, subject: &Subject<'_>) -> Vec<Violation> {
    let (wishes, known) = (&placing.wishes, spec.can.wishes);
    let cloud = cloud(spec);
    let unknown = |name: &str| {
        let message = format!("{cloud} does not know this: leave it out");
        Violation::new(format!("{field}.{name}"), Reason::FieldUnsupported, message)
    };
    let mut faults = Vec::new();
    match wishes.cloud_project_id {
        Some(_) if !known.cloud_project_id => faults.push(unknown("tencent.project_id")),
        Some(id) if id < 0 => {
            let message = format!("{cloud}: a ProjectId is 0 or more");
            faults.push(Violation::new(format!("{field}.tencent.project_id"), Reason::CloudProjectInvalid, message));
        }
        _ => {}
    }
    if wishes.scope != Scope::Unsaid && !known.owner {
        faults.push(unknown("huawei.scope"));
    }
    if !wishes.user_id.as_str().is_empty() && !known.owner {
        faults.push(unknown("huawei.user_id"));
    }
    if wishes.escrow.is_some() && !spec.can.escrows {
        faults.push(unknown("huawei.escrow_private_key"));
    } else if wishes.escrow.is_some() && !subject.has_private {
        let message = "there is no private half to give into the cloud's keeping: use ImportPrivate or Create";
        faults.push(Violation::new(format!("{field}.huawei.escrow_private_key"), Reason::FieldUnsupported, message));
    }
    faults
}

fn name_fault(rules: &NameRules, name: &str) -> Option<(Reason, String)> {
    let count = name.chars().count();
    if count > rules.max {
        return Some((Reason::NameTooLong, format!("the name has {count} characters and may have {}", rules.max)));
    }
    let illegal = name.chars().position(|c| !(rules.rest)(c) && !(rules.first)(c));
    if let Some(at) = illegal {
        return Some((Reason::NameIllegalChar, format!("character {} of the name is not allowed", at + 1)));
    }
    match name.chars().next() {
        None => Some((Reason::NameEmpty, "the name is empty".to_owned())),
        Some(first) if !(rules.first)(first) => {
            Some((Reason::NameBadStart, "the name starts with a character that may not come first".to_owned()))
        }
        Some(_) => None,
    }
}

/// How messages name it: `tencent-gz (tencent)`.
fn cloud(spec: &Spec) -> String {
    format!("{} ({})", spec.name, spec.kind.as_str())
}

fn keys(spec: &Spec) -> String {
    let rule = |rule: &crate::provider::KeyRule| match rule.bits.as_slice() {
        [] => word(rule.algorithm).to_owned(),
        bits => {
            let bits: Vec<String> = bits.iter().map(ToString::to_string).collect();
            format!("{} {}", word(rule.algorithm), bits.join("/"))
        }
    };
    spec.can.keys.iter().map(rule).collect::<Vec<_>>().join(", ")
}

fn word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ED25519",
        Algorithm::Ecdsa => "ECDSA",
        Algorithm::Rsa => "RSA",
        Algorithm::Dsa => "DSA",
        Algorithm::SkEd25519 => "SK_ED25519",
        Algorithm::SkEcdsa => "SK_ECDSA",
    }
}
