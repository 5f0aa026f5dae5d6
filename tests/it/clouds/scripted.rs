//! A server that follows a script: the first request gets the first reply, and so on. HTTP/1.1, written out by hand, so
//! that it can do what no real one would. It remembers each request byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use keypairs::dialect::Request;
use keypairs::outbound::{Outbound, OutboundSettings};
use keypairs::secret::SecretBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What one request gets.
pub enum Reply {
    /// An answer.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes as they are, then the end of the connection.
    Raw(Vec<u8>),
    /// The connection is reset, after the request was read.
    Reset,
    /// Nothing, as long as the client waits.
    Silence,
    /// The head of an answer, and then a byte now and then, as long as the client reads.
    Drip,
}

impl Reply {
    /// An answer with a body of JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self::Answer(status, vec![("content-type", "application/json".into())], body.as_bytes().to_vec())
    }

    /// The page that a gateway makes of its own trouble.
    pub fn html(status: u16) -> Self {
        let page = b"<html><body><h1>Bad Gateway</h1></body></html>";
        Self::Answer(status, vec![("content-type", "text/html".into())], page.to_vec())
    }

    /// An answer with a header more.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request as it came.
pub struct Seen {
    /// The request line, without its end.
    pub line: String,
    /// Names as they were written, and values, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The method.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap()
    }

    /// Path and query, raw.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    /// The value of a header; panics when it is there more than once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
        let value = found.next();
        assert_eq!(found.next(), None, "{name} is there twice");
        value
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// As a face gets it.
    pub fn request(&self) -> Request {
        let mut request = Request::new(SecretBytes::copied(&self.body));
        *request.method_mut() = Method::from_bytes(self.method().as_bytes()).unwrap();
        *request.uri_mut() = self.target().parse().unwrap();
        *request.headers_mut() = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        request
    }
}

/// A scripted cloud, listening on 127.0.0.1.
pub struct Scripted {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    script: std::collections::VecDeque<Reply>,
    seen: Vec<Seen>,
}

impl Scripted {
    /// Starts with a script. What comes after its end gets status 599 and is a fault of the test.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), seen: Vec::new() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What it was sent; the whole script must have been played.
    pub fn seen(self) -> Vec<Seen> {
        let mut state = self.state.lock().unwrap();
        assert_eq!(state.script.len(), 0, "replies that nobody asked for");
        std::mem::take(&mut state.seen)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, kept alive.
async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(seen) = request(&mut stream).await {
        let reply = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen);
            state.script.pop_front().unwrap_or_else(|| Reply::Answer(599, Vec::new(), b"the script is over".to_vec()))
        };
        match reply {
            Reply::Answer(status, headers, body) => {
                let _ = stream.write_all(&answer(status, &headers, &body)).await;
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Reset => return stream.set_zero_linger().unwrap(),
            Reply::Silence => drop(stream.read(&mut [0]).await),
            Reply::Drip => return drip(&mut stream).await,
        }
    }
}

async fn drip(stream: &mut TcpStream) {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".as_slice();
    while stream.write_all(bytes).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        bytes = b" ";
    }
}

fn answer(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let reason = StatusCode::from_u16(status).unwrap().canonical_reason().unwrap_or("Whatever");
    let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in headers {
        bytes += &format!("{name}: {value}\r\n");
    }
    bytes += &format!("content-length: {}\r\n\r\n", body.len());
    [bytes.as_bytes(), body].concat()
}

/// Reads one request; `None` when the client is gone.
async fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a request's head is ASCII here");
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let split = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Vec<_> = lines.map(|line| split(line).expect("NAME: VALUE")).collect();
    let mut seen = Seen { line, headers, body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body).await.ok()?;
    Some(seen)
}

/// An endpoint where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A client that gives up after `timeout`.
pub fn outbound(timeout: Duration) -> Outbound {
    Outbound::new(OutboundSettings {
        timeout,
        connect_timeout: timeout,
        rate: None,
        in_flight: 8,
        ca_file: None,
        proxy: None,
    })
    .unwrap()
}

/// Long enough for any answer that comes.
pub const PATIENT: Duration = Duration::from_secs(30);
