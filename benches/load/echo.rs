//! The yardstick: a bare tonic unary echo in a process of its own. What it does per second is what the wire, HTTP/2 and
//! protobuf leave to any service on this machine.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use tonic::codegen::{Body, StdError, http};
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;

use crate::drive::Lane;
use crate::process::Process;
use crate::{Outcome, channels};

/// The argument that turns this program into the echo server.
pub(crate) const SERVER_ARGUMENT: &str = "--echo-server";

/// Request and answer sizes in bytes, as protobuf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Of the request.
    pub(crate) request: usize,
    /// Of the answer.
    pub(crate) answer: usize,
}

/// A running echo server.
pub(crate) struct Echo {
    /// Its process.
    pub(crate) process: Process,
    channels: Vec<Channel>,
}

impl Echo {
    /// Starts this very program again as the server, and connects.
    pub(crate) async fn start(folder: &std::path::Path) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = Process::start(command.arg(SERVER_ARGUMENT), folder.join("echo.log"))?;
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            process.check_running()?;
            if let Some(address) = process.addresses().first() {
                return Ok(Self { channels: channels(address).await?, process });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err("the echo server did not start within 10 s".into())
    }

    /// Lanes that echo messages of these sizes.
    pub(crate) fn lanes(&self, sizes: Sizes, in_flight: usize) -> Vec<EchoLane> {
        // Each bytes field costs a tag and its length; for a comparison of sizes that is near enough.
        let ask = Ask { reply: u32::try_from(sizes.answer).unwrap_or(u32::MAX), payload: vec![7; sizes.request] };
        let lanes = self.channels.iter().flat_map(|channel| std::iter::repeat_n(channel.clone(), in_flight));
        lanes.map(|channel| EchoLane { client: tonic::client::Grpc::new(channel), ask: ask.clone() }).collect()
    }
}

/// One caller of the echo.
pub(crate) struct EchoLane {
    client: tonic::client::Grpc<Channel>,
    ask: Ask,
}

impl Lane for EchoLane {
    async fn call(&mut self) -> Outcome<()> {
        self.client.ready().await?;
        let codec = ProstCodec::<Ask, Answer>::default();
        let path = PathAndQuery::from_static("/bench.Echo/Echo");
        let answer = self.client.unary(tonic::Request::new(self.ask.clone()), path, codec).await?;
        if answer.get_ref().payload.len() == self.ask.reply as usize { Ok(()) } else { Err("a short echo".into()) }
    }
}

/// Serves until it is killed.
pub(crate) async fn serve() -> Outcome<()> {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
    eprintln!("listening on {} ", incoming.local_addr()?);
    tonic::transport::Server::builder().add_service(EchoService).serve_with_incoming(incoming).await?;
    Ok(())
}

#[derive(Clone, PartialEq, prost::Message)]
struct Ask {
    #[prost(uint32, tag = "1")]
    reply: u32,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(bytes = "vec", tag = "1")]
    payload: Vec<u8>,
}

#[derive(Clone)]
struct EchoService;

impl tonic::server::NamedService for EchoService {
    const NAME: &'static str = "bench.Echo";
}

impl<B> tower::Service<http::Request<B>> for EchoService
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Answer, Ask>::default());
            Ok(grpc.unary(Reply, request).await)
        })
    }
}

struct Reply;

impl tonic::server::UnaryService<Ask> for Reply {
    type Response = Answer;
    type Future = Ready<Result<tonic::Response<Answer>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Ask>) -> Self::Future {
        ready(Ok(tonic::Response::new(Answer { payload: vec![7; request.get_ref().reply as usize] })))
    }
}
