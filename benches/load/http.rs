//! HTTP/1.1 on one kept connection, as OpenBao and the metrics page speak it. It does not know what is asked.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;

/// One connection, kept open.
pub(crate) struct Http {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    token: Option<String>,
}

impl Http {
    /// Connects. `token` goes into every request as X-Vault-Token.
    pub(crate) async fn connect(address: &str, token: Option<&str>) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address: address.to_owned(), token: token.map(str::to_owned) })
    }

    /// Sends one request and reads the whole answer, whatever its status.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: String) -> Outcome<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.as_str());
        if let Some(token) = &self.token {
            request = request.header("x-vault-token", token.as_str());
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// The same, and a status other than 2xx is an error.
    pub(crate) async fn send(&mut self, method: Method, path: &str, body: String) -> Outcome<Bytes> {
        let (status, answer) = self.ask(method.clone(), path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(format!("{method} {path}: {status}: {}", String::from_utf8_lossy(&answer)).into())
    }
}
