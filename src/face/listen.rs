//! The listener: connections, and their end.
//!
//! HTTP/1.1 in plaintext: the SDKs speak nothing newer. Promise: a client that is slow, silent or does not read holds
//! one of a bounded number of connections for a bounded time; a stop takes no new request and finishes those under way.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Face, Limits};

/// Serves until `stop`, then until every connection has had its last answer. A client that does not read can hold that
/// up: bound it.
pub async fn serve(face: Arc<Face>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = face.parts.limits;
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (stopping, connections) = (CancellationToken::new(), TaskTracker::new());
    let mut stop = pin!(stop);
    loop {
        let (stream, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut stop => break,
        };
        prepare(&stream, &limits);
        connections.spawn(connection(Arc::clone(&face), stream, stopping.clone(), slot));
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let slot = Arc::clone(slots).acquire_owned().await.ok(); // it is never closed
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // A connection that was reset while it waited, or no file left: neither mends by trying at once.
                tracing::warn!(%error, "the face cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// An answer is several small writes; what a client does not read must not be kept for ever. Neither can fail on a
/// connection that is there.
fn prepare(stream: &TcpStream, limits: &Limits) {
    let _ = stream.set_nodelay(true);
    let unread = u32::try_from(limits.unread.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, unread);
}

async fn connection(
    face: Arc<Face>,
    stream: TcpStream,
    stopping: CancellationToken,
    _slot: Option<OwnedSemaphorePermit>,
) {
    let head = face.parts.limits.head;
    let answer = service_fn(move |request| {
        let face = Arc::clone(&face);
        async move { Ok::<_, Infallible>(face.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // How it ends is the client's affair: what it was to hear, it was sent.
    tokio::select! {
        _ = &mut connection => return,
        () = stopping.cancelled() => {}
        () = tokio::time::sleep(AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The largest head of a request: tokens of Huawei have some 20 KiB.
const HEAD: usize = 64 * 1024;
/// How old a connection may become, so that clients spread anew.
const AGE: Duration = Duration::from_secs(30 * 60);
const PAUSE: Duration = Duration::from_millis(200);
