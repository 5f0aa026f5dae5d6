//! From configuration to adapters of clouds: one line a kind.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::{self, Cloud, Config, HuaweiAccess, Keys, Secret};
use crate::dialect::Credentials;
use crate::model::ProviderName;
use crate::outbound::{Outbound, OutboundSettings};
use crate::provider::baidu::Baidu;
use crate::provider::huawei::{Access, Huawei, ProjectAccount};
use crate::provider::tencent::Tencent;
use crate::provider::{Account, Endpoint, Provider};
use crate::secret::SecretText;

/// All providers of a configuration, in the order of their names. Nothing is sent; CA files are read.
pub fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<Arc<dyn Provider>>, Failure> {
    config.providers.iter().map(|(name, own)| adapter(name.clone(), own, Arc::clone(clock))).collect()
}

fn adapter(name: ProviderName, own: &config::Provider, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, Failure> {
    let (at, outbound, types) = (endpoint(&name, own)?, outbound(&name, own)?, own.key_types.as_deref());
    let region = own.region.clone();
    Ok(match &own.cloud {
        Cloud::Baidu(keys) => {
            let account = Account { endpoint: at, region, credentials: credentials(keys) };
            Arc::new(Baidu::new(name, account, outbound, clock).taking(types))
        }
        Cloud::Tencent { keys, project } => {
            let account = Account { endpoint: at, region, credentials: credentials(keys) };
            Arc::new(Tencent::new(name, account, *project, outbound, clock).taking(types))
        }
        Cloud::Huawei { access, project } => {
            let (project_id, access) = (project.clone(), huawei_access(access));
            let account = ProjectAccount { endpoint: at, region, project_id, access };
            Arc::new(Huawei::new(name, account, outbound, clock).taking(types))
        }
    })
}

/// The configuration has checked it already, by another reader: where they differ is told, not trusted.
fn endpoint(name: &ProviderName, own: &config::Provider) -> Result<Endpoint, Failure> {
    Endpoint::parse(&own.endpoint).map_err(|what| Failure::config(format!("providers.{name}.endpoint: {what}")))
}

fn huawei_access(own: &HuaweiAccess) -> Access {
    match own {
        HuaweiAccess::Keys(keys) => Access::Keys(credentials(keys)),
        HuaweiAccess::Token(token) => Access::Token(secret(token)),
    }
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
