//! The HTTP face of a configuration: its accounts, its clouds, its listener.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::serve::listen;
use super::{Failure, Opened};
use crate::clock::{OsEntropy, SystemClock, random};
use crate::config::{self, Config, FaceAccount};
use crate::face::{Account, Baidu, Cloud, Face, Huawei, Limits, Observer, Parts, Rate, Tencent, serve};
use crate::model::ProviderKind;
use crate::secret::SecretText;
use crate::telemetry::Metrics;

/// Serves the face, if there is one, until `closing`. `calls`: the requests under way.
pub(super) async fn spawn(
    config: &Config,
    opened: &Opened,
    metrics: &Arc<Metrics>,
    calls: &TaskTracker,
    closing: CancellationToken,
) -> Result<JoinHandle<()>, Failure> {
    let Some(face) = &config.face else { return Ok(tokio::spawn(std::future::ready(()))) };
    let clouds = clouds();
    warn_of_absent(face, &clouds);
    let listener = listen(face.listen, "face").await?;
    let face = Face::new(Parts {
        service: opened.service.clone(),
        clock: Arc::new(SystemClock),
        accounts: face.accounts.iter().map(account).collect(),
        clouds,
        limits: Limits::with_deadline(config.limits.deadline),
        seed: u64::from_be_bytes(random(&OsEntropy)),
        calls: calls.clone(),
        observer: observer(Arc::clone(metrics)),
    });
    Ok(tokio::spawn(serve(face, listener, closing.cancelled_owned())))
}

/// The clouds that the face speaks as: a line for each.
fn clouds() -> Vec<Arc<dyn Cloud>> {
    vec![Arc::new(Baidu), Arc::new(Tencent), Arc::new(Huawei)]
}

fn warn_of_absent(face: &config::Face, clouds: &[Arc<dyn Cloud>]) {
    for cloud in ProviderKind::ALL {
        let used = face.accounts.iter().any(|account| account.cloud == cloud);
        if used && !clouds.iter().any(|there| there.kind() == cloud) {
            let cloud = cloud.as_str();
            tracing::warn!(cloud, "the face does not speak as this cloud yet: its requests are answered with 404");
        }
    }
}

fn account(own: &FaceAccount) -> Account {
    let secret = |secret: &config::Secret| SecretText::new(secret.expose().to_owned());
    let limit = |number: u32| Some(number).filter(|number| *number > 0);
    Account {
        cloud: own.cloud,
        access_key: own.access_key.clone(),
        secret_key: own.secret_key.as_ref().map(secret),
        token: own.auth_token.as_ref().map(secret),
        project: own.project.clone(),
        user_id: own.user_id.clone(),
        region: own.region.clone(),
        cloud_project_id: own.cloud_project_id.clone(),
        cloud_project_ids: own.cloud_project_ids.clone(),
        quota: limit(own.quota),
        resources_per_tag: limit(own.resources_per_tag),
        rate: Rate::per_second(own.rate),
    }
}

fn observer(metrics: Arc<Metrics>) -> Observer {
    Arc::new(move |cloud, told, took| {
        metrics.face_request(cloud.map_or("_OTHER", ProviderKind::as_str), told.action, told.code, took);
    })
}
