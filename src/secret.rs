//! Secrets: types that cannot be printed, cloned or serialised, and are wiped when dropped.
//!
//! `expose` is the only door, so that every reading of a secret greps. What these types cannot wipe: copies that the
//! allocator left behind when a buffer grew before it came here, and buffers of HTTP/2 and TLS.

#![forbid(unsafe_code)]

use zeroize::Zeroizing;

/// Secret bytes.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; they are not copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes `len` bytes and has them filled in place, so that no copy stays behind.
    pub fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len]);
        fill(&mut bytes);
        Self(bytes)
    }

    /// Copies from a borrowed secret.
    pub fn copied(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

/// Secret text.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over; it is not copied.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands the text on to a place that wipes it itself.
    pub fn into_exposed(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}
