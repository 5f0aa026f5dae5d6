//! Wire messages of the RPCs about clouds into commands: Place, Withdraw, Inspect, Adopt; and what Inspect answers.

use super::digest::{inspection, sent};
use super::faults::{Faults, part};
use super::fields::{RawKey, key, repeat};
use super::pb;
use super::placements::{placing, provider, withdrawn_from};
use crate::error::{Reason, Result, Violation};
use crate::model::{KeyPairName, LOCAL, ProjectId, Wishes};
use crate::service::clouds::{Placing, Providers};
use crate::service::command::{Adopt, Inspect, Place, Withdraw};
use crate::service::{Finding, Inspected, Inspection};

pub(super) fn place(mut request: pb::PlaceRequest, providers: &Providers) -> Result<Place> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::place_request::Key::Name(name) => RawKey::Name(name),
        pb::place_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let asked = request.placement.unwrap_or_default();
    let placing = if asked.provider == LOCAL {
        let message = "every key pair is at 'local': name a cloud";
        faults.add(Violation::new("placement.provider", Reason::FieldUnsupported, message));
        None
    } else {
        placing(&mut faults, providers, "placement", &asked).map(|(placing, _)| placing)
    };
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    Ok(Place {
        key: part(key)?,
        placing: part(placing)?,
        repeat: repeat.filter(|_| !request.validate_only),
        validate_only: request.validate_only,
    })
}

pub(super) fn withdraw(mut request: pb::WithdrawRequest) -> Result<Withdraw> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let by = request.key.map(|key| match key {
        pb::withdraw_request::Key::Name(name) => RawKey::Name(name),
        pb::withdraw_request::Key::Id(id) => RawKey::Id(id),
    });
    let key = key(&mut faults, &request.project_id, by);
    let provider = withdrawn_from(&mut faults, &request.provider);
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    Ok(Withdraw { key: part(key)?, provider: part(provider)?, repeat })
}

pub(super) fn inspect(request: pb::InspectRequest, providers: &Providers) -> Result<Inspect> {
    let mut faults = Faults::default();
    let project = faults.take(ProjectId::parse("project_id", &request.project_id));
    let provider = provider(&mut faults, providers, "provider", &request.provider).map(|spec| spec.name.clone());
    if request.page_size < 0 {
        faults.add(Violation::new("page_size", Reason::PageSizeInvalid, "must not be negative"));
    }
    let page_size = match usize::try_from(request.page_size).unwrap_or_default() {
        0 => 50,
        size => size.min(1000),
    };
    let digest = inspection(&request);
    faults.done()?;
    Ok(Inspect {
        project: part(project)?,
        provider: part(provider)?,
        page_size,
        page_token: request.page_token,
        digest,
    })
}

pub(super) fn adopt(mut request: pb::AdoptRequest, providers: &Providers) -> Result<Adopt> {
    let sent = sent(&mut request);
    let mut faults = Faults::default();
    let project = faults.take(ProjectId::parse("project_id", &request.project_id));
    let provider = provider(&mut faults, providers, "provider", &request.provider).map(|spec| spec.name.clone());
    if request.remote_id.is_empty() || request.remote_id.len() > 255 || request.remote_id.chars().any(char::is_control)
    {
        let message = "must be the cloud's id of the pair, as Inspect tells it";
        faults.add(Violation::new("remote_id", Reason::FieldUnsupported, message));
    }
    let name = match request.name.as_str() {
        "" => None,
        name => faults.take(KeyPairName::parse("name", name)),
    };
    let repeat = repeat(&mut faults, sent);
    faults.done()?;
    let placing = Placing { provider: part(provider)?, remote_name: None, wishes: Wishes::default() };
    Ok(Adopt {
        project: part(project)?,
        placing,
        remote_id: request.remote_id,
        name,
        repeat: repeat.filter(|_| !request.validate_only),
        validate_only: request.validate_only,
    })
}

pub(super) fn inspection_response(found: Inspection) -> pb::InspectResponse {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    pb::InspectResponse {
        items: found.items.into_iter().map(item).collect(),
        next_page_token: found.next_page_token,
        quota_used: count(found.used),
        quota_limit: count(found.limit.unwrap_or_default()),
    }
}

fn item(item: Inspected) -> pb::RemoteKeyPair {
    let finding = match item.finding {
        Finding::Known => pb::Finding::Known,
        Finding::Missing => pb::Finding::Missing,
        Finding::Drifted => pb::Finding::Drifted,
        Finding::Orphaned => pb::Finding::Orphaned,
    };
    pb::RemoteKeyPair {
        remote_id: item.remote_id,
        remote_name: item.remote_name,
        public_key: item.public.map(|public| public.line("")).unwrap_or_default(),
        key_pair_id: item.pair.map(|id| id.to_string()).unwrap_or_default(),
        finding: finding.into(),
    }
}
