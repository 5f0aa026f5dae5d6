//! A face in this process, with one cloud of the test's own behind it, and clients that speak HTTP/1.1 by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keypairs::clock::ManualClock;
use keypairs::dialect::{Kind, Request, Response};
use keypairs::face::{Cloud, Face, Parts, Told, request_id, serve};
use keypairs::model::ProviderKind;
use keypairs::secret::SecretBytes;
use keypairs::service::call::{Call, CallId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::house::House;

/// The face's own limits, generous where a test says nothing.
#[derive(Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    pub head: Duration,
    pub body: Duration,
    pub deadline: Duration,
    pub unread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let long = Duration::from_secs(30);
        Self { connections: 64, head: long, body: long, deadline: long, unread: long }
    }
}

pub struct Bed {
    pub face: Arc<Face>,
    pub cloud: Arc<Fake>,
    pub calls: TaskTracker,
    address: SocketAddr,
    stop: CancellationToken,
    serving: std::sync::Mutex<Option<JoinHandle<()>>>,
    _house: House,
}

impl Bed {
    pub async fn new(limits: Limits) -> Self {
        let house = House::in_memory();
        let (cloud, calls) = (Arc::new(Fake::default()), TaskTracker::new());
        let Limits { connections, head, body, deadline, unread } = limits;
        let face = Face::new(Parts {
            service: house.service.clone(),
            clock: Arc::new(ManualClock::at(0)),
            accounts: [ProviderKind::Baidu, ProviderKind::Huawei].map(|cloud| super::account(cloud, 0)).into(),
            clouds: vec![Arc::clone(&cloud) as _],
            limits: keypairs::face::Limits { connections, head, body, deadline, unread },
            seed: 7,
            calls: calls.clone(),
            observer: Arc::new(|_, _, _| ()),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(serve(Arc::clone(&face), listener, stop.clone().cancelled_owned()));
        Self { face, cloud, calls, address, stop, serving: std::sync::Mutex::new(Some(serving)), _house: house }
    }

    pub async fn connect(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.address).await.unwrap(), read: Vec::new() }
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub fn is_over(&self) -> bool {
        self.serving.lock().unwrap().as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until the face has ended.
    pub async fn over(&self) {
        let serving = self.serving.lock().unwrap().take().unwrap();
        timeout(BOUND, serving).await.expect("the face ends").unwrap();
    }

    /// Waits until no connection is taken any more.
    pub async fn until_refused(&self) {
        let end = Instant::now() + BOUND;
        while TcpStream::connect(self.address).await.is_ok() {
            assert!(Instant::now() < end, "connections are still taken");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A cloud that tells what it was asked. Some paths make it panic, wait, or answer at length.
#[derive(Default)]
pub struct Fake {
    seen: std::sync::Mutex<Vec<(String, CancellationToken)>>,
    released: Released,
}

struct Released(Semaphore);

impl Default for Released {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Fake {
    /// Lets one that waits go on.
    pub fn release(&self) {
        self.released.0.add_permits(1);
    }

    /// Waits until a request for this path came.
    pub async fn entered(&self, path: &str) {
        self.until(|seen| seen.iter().any(|(target, _)| target == path)).await;
    }

    /// Waits until it is known that a client went away.
    pub async fn gone(&self) {
        self.until(|seen| seen.iter().any(|(_, gone)| gone.is_cancelled())).await;
    }

    async fn until(&self, holds: impl Fn(&[(String, CancellationToken)]) -> bool) {
        let end = Instant::now() + BOUND;
        while !holds(&self.seen.lock().unwrap()) {
            assert!(Instant::now() < end, "waited in vain");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[async_trait]
impl Cloud for Fake {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Baidu
    }

    async fn answer(&self, _: &Face, request: Request, call: Call) -> Response {
        let target = request.uri().to_string();
        self.seen.lock().unwrap().push((target.clone(), call.gone.clone()));
        match target.rsplit('/').next() {
            Some("panic") => panic!("the test's own"),
            Some("wait") => drop(self.released.0.acquire().await.unwrap()),
            Some("large") => return Response::new(SecretBytes::new(vec![b'a'; 1 << 20])),
            Some("length") => {
                let mut response = Response::new(SecretBytes::new(Vec::new()));
                response.headers_mut().insert("x-length", request.body().expose().len().into());
                return response;
            }
            _ => {}
        }
        let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, value) in request.headers() {
            headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        let body = serde_json::json!({
            "method": request.method().as_str(),
            "target": target,
            "headers": headers,
            "body": String::from_utf8_lossy(request.body().expose()),
            "call": call.id.to_string(),
            "request": request_id(call.id),
        });
        let mut response = Response::new(SecretBytes::new(body.to_string().into_bytes()));
        response.extensions_mut().insert(Told { action: "Echo", code: "" });
        response
    }

    fn refuse(&self, kind: Kind, _: CallId) -> Response {
        let mut response = Response::new(SecretBytes::new(format!("{kind:?}").into_bytes()));
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    }
}

/// A client's connection.
pub struct Raw {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// One answer.
pub struct Answer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: String,
}

impl Raw {
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, bytes: &[u8]) -> Answer {
        self.send(bytes).await;
        self.answer().await
    }

    pub async fn answer(&mut self) -> Answer {
        answer(&mut self.stream, &mut self.read).await
    }

    /// Whether nothing has come that was not read.
    pub fn has_nothing(&self) -> bool {
        let nothing = self.stream.try_read(&mut [0]);
        self.read.is_empty() && nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Waits until the other side has closed.
    pub async fn until_closed(&mut self) {
        let mut rest = Vec::new();
        // Closed, or reset: both are its end.
        let _ = timeout(BOUND, self.stream.read_to_end(&mut rest)).await.expect("it is closed");
    }
}

/// Reads one answer with a Content-Length.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Answer {
    timeout(BOUND, async {
        loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&read[..end + 2]).to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |text| text.parse().unwrap());
                if read.len() >= end + 4 + length {
                    let body = String::from_utf8_lossy(&read[end + 4..end + 4 + length]).into_owned();
                    read.drain(..end + 4 + length);
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return Answer { status, head, body };
                }
            }
            let count = stream.read_buf(read).await.expect("an answer");
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(read));
        }
    })
    .await
    .expect("an answer in time")
}

/// A call without a caller.
pub fn call() -> Call {
    let deadline = Instant::now() + BOUND;
    Call { id: CallId(7), caller: Arc::from(""), deadline, gone: CancellationToken::new() }
}

const BOUND: Duration = Duration::from_secs(30);
