//! What the operator commands ask of a running server: a gRPC service on a unix socket in the data directory.
//!
//! Promise: the socket's mode is 0600 and its directory's 0700: who may open it may read the keyring anyway.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::{Failure, Opened, backup_keys, wire_version};
use crate::cli::operator_client::SocketPath;
use crate::grpc::pb::operator::operator_service_server::{OperatorService, OperatorServiceServer};
use crate::grpc::pb::operator::{
    BackupRequest, BackupResponse, KeyringCreateRequest, KeyringCreateResponse, KeyringRotateRequest,
    KeyringRotateResponse, KeyringStatusRequest, KeyringStatusResponse,
};
use crate::kms::keyring::{KeyVersion, Keyring, KeyringError};
use crate::service::Service;

/// Listens until aborted.
pub(super) fn spawn(data_dir: &Path, opened: &Opened) -> Result<JoinHandle<()>, Failure> {
    let listener = bind(data_dir).map_err(|error| Failure::io("cannot make the operator socket", error))?;
    let service =
        OperatorServiceServer::new(Operator { keyring: Arc::clone(&opened.keyring), service: opened.service.clone() });
    Ok(tokio::spawn(async move {
        let incoming = UnixListenerStream::new(listener);
        if let Err(error) = Server::builder().add_service(service).serve_with_incoming(incoming).await {
            tracing::warn!(%error, "the operator socket failed");
        }
    }))
}

/// Whoever holds the store's lock owns the socket: a file that is there is left from a crash.
fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    let place = SocketPath::open(data_dir)?;
    match std::fs::remove_file(place.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place.path())?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

struct Operator {
    keyring: Arc<Keyring>,
    service: Service,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OperatorService for Operator {
    async fn keyring_status(&self, _: Request<KeyringStatusRequest>) -> Answer<KeyringStatusResponse> {
        let versions = self.keyring.versions().iter().map(wire_version).collect();
        Ok(Response::new(KeyringStatusResponse { versions }))
    }

    async fn keyring_rotate(&self, request: Request<KeyringRotateRequest>) -> Answer<KeyringRotateResponse> {
        let (keyring, name) = (Arc::clone(&self.keyring), request.into_inner().name);
        let version = written(move || keyring.rotate(&name)).await?;
        tracing::info!(target: "audit", key = version.name, version = version.version, "keyring rotate");
        Ok(Response::new(KeyringRotateResponse { version: Some(wire_version(&version)) }))
    }

    async fn keyring_create(&self, request: Request<KeyringCreateRequest>) -> Answer<KeyringCreateResponse> {
        let (keyring, name) = (Arc::clone(&self.keyring), request.into_inner().name);
        let version = written(move || keyring.create_key(&name)).await?;
        tracing::info!(target: "audit", key = version.name, version = version.version, "keyring create");
        Ok(Response::new(KeyringCreateResponse { version: Some(wire_version(&version)) }))
    }

    type BackupStream = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

    async fn backup(&self, _: Request<BackupRequest>) -> Answer<Self::BackupStream> {
        let (pieces, out) = mpsc::channel(8);
        let (service, keys) = (self.service.clone(), backup_keys(&self.keyring));
        let work = tokio::spawn(async move { service.backup(&keys, pieces).await });
        let end = async move {
            match work.await {
                Ok(Ok(counted)) => {
                    tracing::info!(target: "audit", pairs = counted.pairs, unreadable = counted.unreadable, "backup");
                    None
                }
                Ok(Err(error)) => Some(Err(Status::internal(error.to_string()))),
                Err(_) => Some(Err(Status::internal("the backup panicked"))),
            }
        };
        let chunks = ReceiverStream::new(out).map(|chunk| Ok(BackupResponse { chunk }));
        let end = tokio_stream::once(end).then(|end| end).filter_map(|end| end);
        Ok(Response::new(Box::pin(chunks.chain(end))))
    }
}

/// The keyring's file is written with fsync: not on an async thread.
async fn written(
    change: impl FnOnce() -> Result<KeyVersion, KeyringError> + Send + 'static,
) -> Result<KeyVersion, Status> {
    match tokio::task::spawn_blocking(change).await {
        Ok(changed) => changed.map_err(|error| Status::failed_precondition(error.to_string())),
        Err(_) => Err(Status::internal("the keyring's change panicked")),
    }
}
