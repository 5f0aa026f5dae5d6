//! gRPC by hand over one HTTP/2 connection: what no well-behaved client sends.
//!
//! Every call of a [`Wire`] goes over the same connection; that the next one works shows that the connection lives.

use std::time::Duration;

use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::Message;
use prost::bytes::Bytes;
use tonic::{Code, Status};

use crate::server::Server;

/// One connection.
pub struct Wire {
    requests: SendRequest<Bytes>,
    authority: String,
}

/// What came back.
pub struct Answer {
    /// Headers and trailers.
    pub headers: HeaderMap,
    /// The frames of the answer, as they came.
    pub body: Vec<u8>,
    /// The outcome.
    pub status: Status,
}

impl Wire {
    /// Connects to a server.
    pub async fn connect(server: &Server) -> Self {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { requests, authority: server.address().to_owned() }
    }

    /// Calls a method of the service with these frames as the whole body.
    pub async fn call(&self, method: &str, frames: Vec<u8>) -> Answer {
        self.call_with(&format!("/keypairs.v1.KeyPairs/{method}"), &[], frames).await
    }

    /// Calls a path with more headers.
    pub async fn call_with(&self, path: &str, headers: &[(&str, &str)], frames: Vec<u8>) -> Answer {
        let mut request = Request::post(format!("http://{}{path}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await.expect("the connection lives");
        let (response, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        let sending = async move {
            // Flow control: what the server does not read is not sent. It may answer before it has read all.
            let mut left = Bytes::from(frames);
            while !left.is_empty() {
                body.reserve_capacity(left.len());
                match std::future::poll_fn(|context| body.poll_capacity(context)).await {
                    Some(Ok(room)) => body.send_data(left.split_to(room.min(left.len())), false)?,
                    _ => return Ok(()),
                }
            }
            body.send_data(Bytes::new(), true)
        };
        let sending = tokio::spawn(sending);
        let answer = tokio::time::timeout(Duration::from_secs(60), receive(response)).await.expect("an answer");
        sending.abort();
        answer
    }

    /// A call that must succeed, and its answer.
    pub async fn ok<A: Message + Default>(&self, method: &str, request: &impl Message) -> A {
        let answer = self.call(method, frame(&request.encode_to_vec())).await;
        assert_eq!(answer.status.code(), Code::Ok, "{method}: {:?}", answer.status);
        A::decode(&answer.body[5..]).unwrap()
    }
}

impl Answer {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn receive(response: h2::client::ResponseFuture) -> Answer {
    let (parts, mut stream) = response.await.expect("an answer").into_parts();
    assert_eq!(parts.status, 200);
    let (mut headers, mut body) = (parts.headers, Vec::new());
    while let Some(data) = stream.data().await {
        let data = data.expect("the whole answer");
        stream.flow_control().release_capacity(data.len()).unwrap();
        body.extend_from_slice(&data);
    }
    if !headers.contains_key("grpc-status") {
        headers.extend(stream.trailers().await.unwrap().expect("trailers"));
    }
    let status = Status::from_header_map(&headers).expect("a status");
    Answer { headers, body, status }
}

/// A message as one gRPC frame.
pub fn frame(message: &[u8]) -> Vec<u8> {
    frame_saying(0, message.len(), message)
}

/// A frame that says what it likes of its compression and its length.
pub fn frame_saying(compressed: u8, length: usize, message: &[u8]) -> Vec<u8> {
    [&[compressed], &u32::try_from(length).unwrap().to_be_bytes()[..], message].concat()
}

/// A length-delimited protobuf field.
pub fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut out);
    prost::encoding::encode_varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}
