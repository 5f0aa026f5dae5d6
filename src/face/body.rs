//! Bodies: read into memory that is wiped, and sent from it.
//!
//! Promise: at most 1 MiB of one body is held, and of few bodies at a time more than 64 KiB, so that those who send
//! without an account cannot fill the memory.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::dialect::Response;
use crate::secret::SecretBytes;

/// The body of an answer.
pub(super) type Answer = Full<Bytes>;

/// Reads the whole of a body; `Err` says why it cannot be. `large` is who may hold more than a little.
pub(super) async fn read(mut body: Incoming, large: &Semaphore) -> Result<SecretBytes, &'static str> {
    if body.size_hint().lower() > LIMIT as u64 {
        return Err(TOO_LARGE);
    }
    let mut read = Zeroizing::new(Vec::new());
    let mut may_be_large = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err("the body broke off") };
        let Ok(piece) = frame.into_data() else { continue }; // trailers
        let length = read.len() + piece.len();
        if length > LIMIT {
            return Err(TOO_LARGE);
        }
        if length > SMALL && may_be_large.is_none() {
            may_be_large = Some(large.acquire().await.map_err(|_| "the face is gone")?);
        }
        extend(&mut read, &piece);
    }
    Ok(SecretBytes::from(read))
}

/// Grows by moving, so that what is left behind is wiped.
fn extend(read: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    let length = read.len() + piece.len();
    if length > read.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(length.next_power_of_two().max(4096)));
        grown.extend_from_slice(read);
        *read = grown;
    }
    read.extend_from_slice(piece);
}

/// An answer as the listener sends it; it is wiped once it was handed over.
pub(super) fn outgoing(response: Response) -> http::Response<Answer> {
    response.map(|body| Full::new(Bytes::from_owner(Wiped(body))))
}

/// A body that is wiped when the connection lets go of it. What it was copied to on its way cannot be.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

const TOO_LARGE: &str = "the body is over 1 MiB";
/// The largest body that is read.
const LIMIT: usize = 1024 * 1024;
/// What every request may hold. The largest of the documented ones is some 170 KiB: ten private keys in one batch.
const SMALL: usize = 64 * 1024;
