//! The way to a running server for the operator commands: a unix socket in the data directory.
//!
//! Promise: works however long the directory's path is (a socket's own path ends at 107 bytes); tells "nobody listens
//! there" apart from everything else, because the operator commands then open the data themselves.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

use super::failure::Failure;
use crate::grpc::pb::operator::operator_service_client::OperatorServiceClient;

/// The socket's name in the data directory.
pub const SOCKET: &str = "admin.sock";

/// A client of the operator socket.
pub type OperatorClient = OperatorServiceClient<Channel>;

/// Connects to the server that holds `data_dir`. `None`: nobody listens there.
///
/// Errors: the socket is there and cannot be used, for instance because it belongs to another user.
pub async fn connect(data_dir: &Path) -> Option<Result<OperatorClient, Failure>> {
    let stream = match SocketPath::open(data_dir) {
        Ok(place) => UnixStream::connect(&place.path).await,
        Err(e) => Err(e),
    };
    match stream {
        Ok(stream) => Some(channel(stream).await.map(OperatorServiceClient::new)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => None,
        Err(e) => Some(Err(Failure::Local(format!("{}: {e}", data_dir.join(SOCKET).display())))),
    }
}

/// The path of the socket, short enough for the system. Valid as long as this lives.
pub struct SocketPath {
    path: PathBuf,
    /// The directory that `/proc/self/fd` names, where the plain path is too long.
    _folder: Option<File>,
}

impl SocketPath {
    /// Finds the path. Errors: the directory cannot be opened.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let plain = data_dir.join(SOCKET);
        if plain.as_os_str().len() <= MAX_PATH {
            return Ok(Self { path: plain, _folder: None });
        }
        let flags = rustix::fs::OFlags::DIRECTORY.bits();
        let folder = File::options().read(true).custom_flags(flags.cast_signed()).open(data_dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A channel over this one connection. When it breaks, the next call fails: a command makes one or two.
async fn channel(stream: UnixStream) -> Result<Channel, Failure> {
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream)
    });
    // The address is for HTTP's sake only.
    Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await
        .map_err(|e| Failure::Local(format!("the server's {SOCKET}: {e}")))
}

/// Linux takes 107 bytes; some room for others.
const MAX_PATH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        assert!(connect(folder.path()).await.is_none(), "no socket");
        assert!(connect(&folder.path().join("missing")).await.is_none(), "no directory");
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        assert!(connect(folder.path()).await.is_none(), "a socket that was left behind");
    }

    #[tokio::test]
    async fn long_paths_work() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
        std::fs::create_dir_all(&deep).unwrap();
        assert!(connect(&deep).await.is_none());
        let place = SocketPath::open(&deep).unwrap();
        let _listener = tokio::net::UnixListener::bind(place.path()).unwrap();
        assert!(connect(&deep).await.unwrap().is_ok());
    }
}
