//! From configuration to adapters of clouds: one line a kind.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::{self, Cloud, Config, HuaweiAccess, Keys, Secret};
use crate::dialect::Credentials;
use crate::model::ProviderName;
use crate::outbound::{Outbound, OutboundSettings};
use crate::provider::baidu::{self, Baidu};
use crate::provider::huawei::{self, Access, Huawei, ProjectAccount};
use crate::provider::tencent::{self, Tencent};
use crate::provider::{Account, Capabilities, Endpoint, KeyRule, Provider, Spec};
use crate::secret::SecretText;

/// All providers of a configuration, in the order of their names. Nothing is sent; CA files are read.
pub fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<Arc<dyn Provider>>, Failure> {
    config.providers.iter().map(|(name, own)| adapter(name, own, Arc::clone(clock))).collect()
}

fn adapter(name: &ProviderName, own: &config::Provider, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, Failure> {
    let outbound = outbound(name, own)?;
    let spec = |can| spec(name, own, can);
    Ok(match &own.cloud {
        Cloud::Baidu(keys) => {
            Arc::new(Baidu::new(spec(baidu::capabilities()), account(name, own, keys)?, outbound, clock))
        }
        Cloud::Tencent { keys, project } => {
            let can = tencent::capabilities();
            Arc::new(Tencent::new(spec(can), account(name, own, keys)?, *project, outbound, clock))
        }
        Cloud::Huawei { access, project } => {
            let account = project_account(endpoint(name, own)?, access, project);
            Arc::new(Huawei::new(spec(huawei::capabilities()), account, outbound, clock))
        }
    })
}

/// What the configuration widens or narrows: a type that the cloud's page knows keeps the sizes of that page.
fn spec(name: &ProviderName, own: &config::Provider, mut can: Capabilities) -> Spec {
    if let Some(types) = &own.key_types {
        let of_page = |algorithm| can.keys.iter().find(|rule| rule.algorithm == algorithm).cloned();
        let rule = |algorithm| of_page(algorithm).unwrap_or(KeyRule { algorithm, bits: Vec::new() });
        can.keys = types.iter().map(|algorithm| rule(*algorithm)).collect();
    }
    Spec { name: name.clone(), kind: own.cloud.kind(), region: own.region.clone(), can }
}

fn account(name: &ProviderName, own: &config::Provider, keys: &Keys) -> Result<Account, Failure> {
    Ok(Account { endpoint: endpoint(name, own)?, region: own.region.clone(), credentials: credentials(keys) })
}

fn project_account(endpoint: Endpoint, access: &HuaweiAccess, project: &str) -> ProjectAccount {
    let access = match access {
        HuaweiAccess::Keys(keys) => Access::Keys(credentials(keys)),
        HuaweiAccess::Token(token) => Access::Token(secret(token)),
    };
    ProjectAccount { endpoint, project_id: project.to_owned(), access }
}

/// The configuration has checked it already, by another reader: where they differ is told, not trusted.
fn endpoint(name: &ProviderName, own: &config::Provider) -> Result<Endpoint, Failure> {
    Endpoint::parse(&own.endpoint).map_err(|what| Failure::config(format!("providers.{name}.endpoint: {what}")))
}

fn credentials(keys: &Keys) -> Credentials {
    Credentials {
        access_key: keys.access_key.clone(),
        secret_key: secret(&keys.secret_key),
        security_token: keys.security_token.as_ref().map(secret),
    }
}

fn secret(own: &Secret) -> SecretText {
    SecretText::new(own.expose().to_owned())
}

fn outbound(name: &ProviderName, own: &config::Provider) -> Result<Outbound, Failure> {
    let calls = &own.calls;
    let settings = OutboundSettings {
        timeout: calls.timeout,
        connect_timeout: calls.connect_timeout,
        rate: NonZeroU32::new(calls.rate),
        in_flight: calls.in_flight,
        ca_file: calls.ca_file.clone(),
        proxy: calls.proxy.clone(),
    };
    Outbound::new(settings).map_err(|error| {
        let mut why: Option<&dyn std::error::Error> = error.source.as_ref().map(|source| &**source as _);
        while let Some(deeper) = why.and_then(std::error::Error::source) {
            why = Some(deeper);
        }
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let with = calls.ca_file.as_ref().map(|file| format!(" with ca_file {}", file.display())).unwrap_or_default();
        Failure::config(format!("[providers.{name}]: {}{with}{why}", error.message))
    })
}
