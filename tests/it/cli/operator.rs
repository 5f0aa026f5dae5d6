//! The way to a running server through the unix socket in its data directory.

use keypairs::cli::operator_client::{SocketPath, connect};
use keypairs::grpc::pb::operator::operator_service_server::{OperatorService, OperatorServiceServer};
use keypairs::grpc::pb::operator::*;
use tokio::net::UnixListener;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};

struct Keyring;

#[tonic::async_trait]
impl OperatorService for Keyring {
    type BackupStream = ReceiverStream<Result<BackupResponse, Status>>;

    async fn keyring_status(
        &self,
        _: Request<KeyringStatusRequest>,
    ) -> Result<Response<KeyringStatusResponse>, Status> {
        let version = KeyVersion { name: "default".into(), version: 3, state: "active".into(), create_ms: 0 };
        Ok(Response::new(KeyringStatusResponse { versions: vec![version] }))
    }

    async fn keyring_rotate(
        &self,
        _: Request<KeyringRotateRequest>,
    ) -> Result<Response<KeyringRotateResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn keyring_create(
        &self,
        _: Request<KeyringCreateRequest>,
    ) -> Result<Response<KeyringCreateResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn backup(&self, _: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let (pieces, stream) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for n in 0..20u8 {
                if pieces.send(Ok(BackupResponse { chunk: vec![n; 60_000] })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tokio::test]
async fn a_server_answers_through_the_socket_however_long_its_path() {
    let dir = tempfile::tempdir().unwrap();
    for data in [dir.path().to_owned(), dir.path().join("d".repeat(60)).join("e".repeat(60))] {
        std::fs::create_dir_all(&data).unwrap();
        let listener = UnixListener::bind(SocketPath::open(&data).unwrap().path()).unwrap();
        let server = tonic::transport::Server::builder().add_service(OperatorServiceServer::new(Keyring));
        let task = tokio::spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));

        let mut client = connect(&data).await.expect("somebody listens").unwrap();
        let status = client.keyring_status(KeyringStatusRequest {}).await.unwrap().into_inner();
        assert_eq!((status.versions[0].name.as_str(), status.versions[0].version), ("default", 3));
        let mut pieces = client.backup(BackupRequest {}).await.unwrap().into_inner();
        let mut bytes = 0;
        while let Some(piece) = pieces.message().await.unwrap() {
            bytes += piece.chunk.len();
        }
        assert_eq!(bytes, 20 * 60_000);

        task.abort();
        let _ = task.await;
        assert!(connect(&data).await.is_none(), "the server has gone, its socket is still there");
    }
}
