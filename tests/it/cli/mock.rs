//! A server whose answers a test gives, on a thread of its own; and the built program run against it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use keypairs::grpc::pb::key_pairs_server::{KeyPairs, KeyPairsServer};
use keypairs::grpc::pb::*;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

type Answer<Q, A> = Option<Box<dyn FnMut(Request<Q>) -> Result<A, Status> + Send>>;

macro_rules! mock {
    ($($method:ident: $request:ident => $response:ident,)*) => {
        /// What the server answers to each call; UNIMPLEMENTED to the rest.
        #[derive(Default)]
        pub(super) struct Mock { $(pub(super) $method: Answer<$request, $response>,)* }

        #[tonic::async_trait]
        impl KeyPairs for Locked {
            $(async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                match &mut self.0.lock().unwrap().$method {
                    Some(answer) => answer(request).map(Response::new),
                    None => Err(Status::unimplemented("not in this test")),
                }
            })*
        }
    };
}

mock! {
    create: CreateRequest => CreateResponse,
    import_public: ImportPublicRequest => ImportPublicResponse,
    import_private: ImportPrivateRequest => ImportPrivateResponse,
    place: PlaceRequest => PlaceResponse,
    withdraw: WithdrawRequest => WithdrawResponse,
    inspect: InspectRequest => InspectResponse,
    adopt: AdoptRequest => AdoptResponse,
    get: GetRequest => GetResponse,
    list: ListRequest => ListResponse,
    update: UpdateRequest => UpdateResponse,
    delete: DeleteRequest => DeleteResponse,
    undelete: UndeleteRequest => UndeleteResponse,
    export_private: ExportPrivateRequest => ExportPrivateResponse,
    clear_private: ClearPrivateRequest => ClearPrivateResponse,
    get_project: GetProjectRequest => GetProjectResponse,
}

struct Locked(Mutex<Mock>);

/// An answer from a plain function.
pub(super) fn answer<Q: 'static, A: 'static>(
    make: impl FnMut(Request<Q>) -> Result<A, Status> + Send + 'static,
) -> Answer<Q, A> {
    Some(Box::new(make))
}

/// A running server; it ends with this.
pub(super) struct Server {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(super) fn start(mock: Mock) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let service = KeyPairsServer::new(Locked(Mutex::new(mock)));
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, _runtime: runtime }
    }

    /// Runs the program in `dir` with `input` on stdin.
    pub(super) fn keypairs(&self, dir: &Path, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keypairs"))
            .args(args)
            .current_dir(dir)
            .env("KEYPAIRS_SERVER", format!("http://{}", self.address))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes the pipe: that is no fault of the test.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
        child.wait_with_output().unwrap()
    }
}

pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(super) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", stderr(output)))
}

/// The pair of that name.
pub(super) fn pair(name: &str) -> Option<KeyPair> {
    Some(KeyPair {
        id: format!("kp-of-{name}"),
        name: name.into(),
        key_type: KeyType::Ed25519.into(),
        bits: 256,
        state: KeyPairState::Active.into(),
        private_key_state: PrivateKeyState::Stored.into(),
        create_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..Default::default()
    })
}

/// What stands in for a private key.
pub(super) const SECRET: &str = "-----BEGIN TEST KEY-----\nhunter2\n-----END TEST KEY-----\n";
