//! `[face]`: the HTTP face that speaks the clouds' own APIs, and the accounts that may call it.
//!
//! Promise: no two accounts of a cloud can be taken for each other.

use std::net::SocketAddr;

use super::secret::Secret;
use super::section::Section;
use super::settings::{Found, Settings};
use super::{Flags, check};
use crate::cipher;
use crate::model::{ProjectId, ProviderKind, UserId};

/// The HTTP face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Where it listens, plaintext; port 0 picks one.
    pub listen: SocketAddr,
    /// Who may call; at least one.
    pub accounts: Vec<FaceAccount>,
}

/// One that may call the face, as an account of one cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaceAccount {
    /// Whose API it calls.
    pub cloud: ProviderKind,
    /// Its access key; Tencent calls it SecretId.
    pub access_key: String,
    /// What its requests are signed with; absent only for a Huawei account that has a token.
    pub secret_key: Option<Secret>,
    /// Huawei: the X-Auth-Token that stands for it.
    pub auth_token: Option<Secret>,
    /// Huawei: the project that it may name; empty for the others.
    pub cloud_project_id: String,
    /// Tencent: the ProjectIds that exist; empty for the others.
    pub cloud_project_ids: Vec<i64>,
    /// Whose key pairs it sees.
    pub project: ProjectId,
    /// To whom pairs that it makes belong.
    pub user_id: UserId,
    /// The region that it is in.
    pub region: String,
    /// Pairs made through its cloud, project and region; 0 = as many as the project may hold.
    pub quota: u32,
    /// Requests a second and action; 0 = as many as come.
    pub rate: u32,
    /// Tencent: on how many pairs a tag may be; 0 = on all.
    pub resources_per_tag: u32,
}

impl FaceAccount {
    /// Everything secret that is set.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secret_key.iter().chain(&self.auth_token)
    }
}

/// The section; its origin is that of `listen`.
pub(super) fn read(settings: &mut Settings, flags: &Flags) -> Option<Found<Face>> {
    let section = settings.section("face");
    let listen = settings.address("face.listen");
    let items = settings.items("face.accounts");
    let mut accounts: Vec<FaceAccount> = Vec::new();
    for (path, origin) in items {
        let item = Section { path, origin };
        if let Some(account) = account(settings, &item) {
            differs(settings, &item, &account, &accounts);
            accounts.push(account);
        }
    }
    let section = section?;
    if listen.is_none() && !settings.is_set("face.listen") {
        settings.fault("face.listen", &section, "is needed in this section; set it, or remove the section");
    }
    if !settings.is_set("face.accounts") && accounts.is_empty() {
        let message = "there is none, so nobody could call the face; write [[face.accounts]]";
        settings.fault("face.accounts", &section, message);
    }
    let listen = listen?;
    check::face_exposure(settings, &listen, flags);
    Some(Found { value: Face { listen: listen.value, accounts }, origin: listen.origin })
}

/// One account; `None` when it is of no cloud.
fn account(settings: &mut Settings, section: &Section) -> Option<FaceAccount> {
    settings.section(&section.path);
    let words = ProviderKind::ALL.map(|kind| (kind.as_str(), kind));
    let cloud = settings.choice(&section.key("cloud"), &words);
    let cloud = section.needs(settings, "cloud", cloud);
    let (region, quota, rate) = defaults(cloud);
    let account = FaceAccount {
        access_key: access_key(settings, section),
        secret_key: secret_key(settings, section),
        auth_token: auth_token(settings, section, cloud),
        cloud_project_id: cloud_project_id(settings, section, cloud),
        cloud_project_ids: cloud_project_ids(settings, section, cloud),
        project: project(settings, &section.key("project_id")),
        user_id: user_id(settings, &section.key("user_id")),
        region: section.region(settings).map_or_else(|| region.to_owned(), |found| found.value),
        quota: settings.small(&section.key("quota"), 0..=10_000_000).unwrap_or(quota),
        rate: settings.small(&section.key("rate"), 0..=100_000).unwrap_or(rate),
        resources_per_tag: resources_per_tag(settings, section, cloud),
        cloud: cloud.unwrap_or(ProviderKind::Baidu),
    };
    cloud.map(|_| account)
}

/// Region, quota and rate, where nothing is set.
const fn defaults(cloud: Option<ProviderKind>) -> (&'static str, u32, u32) {
    match cloud {
        Some(ProviderKind::Tencent) => ("ap-guangzhou", 100, 10),
        Some(ProviderKind::Huawei) => ("cn-north-4", 0, 0),
        Some(ProviderKind::Baidu) | None => ("bj", 500, 0),
    }
}

fn access_key(settings: &mut Settings, section: &Section) -> String {
    let key = section.key("access_key");
    let found = settings.text(&key).and_then(|found| check::access_key(settings, &key, found));
    section.needs(settings, "access_key", found).unwrap_or_default()
}

fn secret_key(settings: &mut Settings, section: &Section) -> Option<Secret> {
    let found = settings.secret(&section.key("secret_key"));
    match found {
        None if section.has_secret(settings, "auth_token") => None,
        found => section.needs_secret(settings, "secret_key", found),
    }
}

fn auth_token(settings: &mut Settings, section: &Section, cloud: Option<ProviderKind>) -> Option<Secret> {
    let found = settings.secret(&section.key("auth_token"));
    section.only_for(settings, "auth_token", found, (ProviderKind::Huawei, cloud))
}

fn cloud_project_id(settings: &mut Settings, section: &Section, cloud: Option<ProviderKind>) -> String {
    let key = section.key("cloud_project_id");
    let found = settings.word(&key);
    if cloud != Some(ProviderKind::Huawei) {
        return section
            .only_for(settings, "cloud_project_id", found, (ProviderKind::Huawei, cloud))
            .unwrap_or_default();
    }
    let found = found.and_then(|found| check::huawei_project(settings, &key, found));
    section.needs(settings, "cloud_project_id", found).unwrap_or_default()
}

fn cloud_project_ids(settings: &mut Settings, section: &Section, cloud: Option<ProviderKind>) -> Vec<i64> {
    let key = section.key("cloud_project_ids");
    let found = settings.wholes(&key);
    if let Some(found) = found.as_ref().filter(|found| found.value.is_empty() || found.value.iter().any(|id| *id < 0)) {
        settings.fault(&key, &found.origin, "must name at least one project, each from 0 on");
    }
    let found = section.only_for(settings, "cloud_project_ids", found, (ProviderKind::Tencent, cloud));
    match cloud {
        Some(ProviderKind::Tencent) => found.unwrap_or_else(|| vec![0]),
        _ => Vec::new(),
    }
}

fn resources_per_tag(settings: &mut Settings, section: &Section, cloud: Option<ProviderKind>) -> u32 {
    let found = settings.whole(&section.key("resources_per_tag"), 0..=10_000_000);
    let found = section.only_for(settings, "resources_per_tag", found, (ProviderKind::Tencent, cloud));
    found.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(0)
}

fn project(settings: &mut Settings, key: &str) -> ProjectId {
    let parse = |text: &str| ProjectId::parse("", text).map_err(|violation| violation.message);
    let found = settings.text(key).and_then(|found| settings.fitting(key, found.origin, parse(&found.value)));
    found.map_or_else(ProjectId::default, |found| found.value)
}

fn user_id(settings: &mut Settings, key: &str) -> UserId {
    let parse = |text: &str| UserId::parse("", text).map_err(|violation| violation.message);
    // Empty is what holds by default; it may be said.
    let found = settings.any_text(key).and_then(|found| settings.fitting(key, found.origin, parse(&found.value)));
    found.map_or_else(UserId::default, |found| found.value)
}

/// Whether an account can be told from those above it.
fn differs(settings: &mut Settings, section: &Section, account: &FaceAccount, above: &[FaceAccount]) {
    for other in above.iter().filter(|other| other.cloud == account.cloud) {
        if other.access_key == account.access_key && !account.access_key.is_empty() {
            let message = "is the access key of another account of this cloud; each needs its own";
            settings.fault(&section.key("access_key"), &section.origin, message);
        }
        let same = |one: &Secret, two: &Secret| cipher::same(one.expose().as_bytes(), two.expose().as_bytes());
        if let (Some(one), Some(two)) = (&other.auth_token, &account.auth_token)
            && same(one, two)
        {
            let message = "is the token of another account; each needs its own";
            settings.fault(&section.key("auth_token"), &section.origin, message);
        }
    }
}
