//! Who may call the face, and how often.
//!
//! Promise: secrets are compared in constant time and printed nowhere.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::cipher;
use crate::model::{ProjectId, ProviderKind, UserId};
use crate::secret::SecretText;

/// One that may call the face, as an account of one cloud.
pub struct Account {
    /// Whose API it calls.
    pub cloud: ProviderKind,
    /// Its access key; Tencent calls it SecretId.
    pub access_key: String,
    /// What its requests are signed with; `None`: it has only a token.
    pub secret_key: Option<SecretText>,
    /// Huawei: the X-Auth-Token that stands for it.
    pub token: Option<SecretText>,
    /// Whose key pairs it sees.
    pub project: ProjectId,
    /// To whom pairs that it makes belong.
    pub user_id: UserId,
    /// The region that it is in.
    pub region: String,
    /// Huawei: the project that it may name; empty for the others.
    pub cloud_project_id: String,
    /// Tencent: the ProjectIds that exist; empty for the others.
    pub cloud_project_ids: Vec<i64>,
    /// The most pairs that are made through its cloud, project and region; `None`: as many as the project may hold.
    pub quota: Option<u32>,
    /// Tencent: the most pairs that a tag is on; `None`: all.
    pub resources_per_tag: Option<u32>,
    /// How often it may ask.
    pub rate: Rate,
}

impl Account {
    /// How the service is told who called: the cloud and the access key.
    pub fn caller(&self) -> Arc<str> {
        Arc::from(format!("{}:{}", self.cloud.as_str(), self.access_key))
    }

    /// Whether one more request of this action may be answered now; it is counted. To be asked after the signature was
    /// checked, or others could use up what is the account's.
    pub fn admits(&self, action: &'static str) -> bool {
        self.rate.0.as_ref().is_none_or(|limiter| limiter.check_key(&action).is_ok())
    }

    pub(super) fn has_token(&self, token: &str) -> bool {
        self.token.as_ref().is_some_and(|own| cipher::same(own.expose().as_bytes(), token.as_bytes()))
    }
}

/// How many requests of each action are answered in a second. So many may come at once, and then as many as the second
/// has room for.
pub struct Rate(Option<DefaultKeyedRateLimiter<&'static str>>);

impl Rate {
    /// So many a second and action; 0: as many as come.
    pub fn per_second(rate: u32) -> Self {
        Self(NonZeroU32::new(rate).map(|rate| RateLimiter::keyed(Quota::per_second(rate))))
    }
}
