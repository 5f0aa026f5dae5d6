//! A pair, and a refusal of the service, in the cloud's words.

use super::Desk;
use crate::dialect::Kind;
use crate::dialect::tencent::{Code, Flaw, KeyPair, Tag, created_time};
use crate::error::{Error, Result, Violation};
use crate::face::fault::fault;
use crate::model::{self, ProviderKind, ShortId};
use crate::service::command::By;

/// A pair without its private half. Its name may be none that the cloud would take: it is shown as it is.
pub(super) fn key_pair(pair: &model::KeyPair) -> KeyPair {
    let through = pair.through.as_ref().filter(|through| through.cloud == ProviderKind::Tencent);
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    KeyPair {
        key_id: key_id(pair),
        key_name: pair.name.as_str().to_owned(),
        project_id: through.map_or(0, |through| through.cloud_project_id),
        description: pair.description.as_str().to_owned(),
        public_key: pair.public.line(pair.line_comment()),
        private_key: None,
        associated_instance_ids: Vec::new(), // nothing here knows an instance
        created_time: created_time(pair.create_time),
        tags: pair.labels.as_map().iter().map(tag).collect(),
    }
}

/// The id of a pair at the cloud.
pub(super) fn key_id(pair: &model::KeyPair) -> String {
    [PREFIX, pair.short_id.as_str()].concat()
}

/// How a pair of this id is found; `None`: it is no id.
pub(super) fn by_key_id(key_id: &str) -> Option<By> {
    key_id.strip_prefix(PREFIX).and_then(ShortId::parse).map(By::ShortId)
}

impl Desk<'_> {
    /// What a use case answered.
    pub(super) fn told<T>(&self, done: Result<T>) -> Result<T, Flaw> {
        done.map_err(|error| self.flaw(&error))
    }

    /// A refusal of a use case. What it says of a value that does not fit is told too: it names no value.
    pub(super) fn flaw(&self, error: &Error) -> Flaw {
        let kind = fault(&self.call, ProviderKind::Tencent, error);
        match error.violations.first() {
            Some(violation) => self.unfit(kind, violation),
            None => self.action.code(kind).into(),
        }
    }

    /// A value that does not fit, and why.
    pub(super) fn unfit(&self, kind: Kind, violation: &Violation) -> Flaw {
        let code = self.action.code(kind);
        let subject = if code == Code::InvalidParameterValue { &violation.field } else { "The reason" };
        Flaw::because(code, &format!("{subject}: {}.", violation.message))
    }

    pub(super) fn unfit_tags(&self, faults: &[Violation]) -> Flaw {
        faults
            .first()
            .map_or_else(|| Code::InvalidParameterValue.into(), |first| self.unfit(Kind::ParameterInvalid, first))
    }
}

const PREFIX: &str = "skey-";
