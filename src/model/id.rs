//! Ids: of key pairs, of requests, and the short ids that the clouds' faces show.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Millis;

/// `kp-` and a UUIDv7 in 32 lower-case hex digits. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPairId([u8; 16]);

impl KeyPairId {
    /// Reads the text form; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("kp-")?;
        if digits.len() != 32 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let uuid = Uuid::try_parse(digits).ok()?;
        (uuid.get_version_num() == 7).then(|| Self(uuid.into_bytes()))
    }

    /// From stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes: ascending with time.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyPairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"kp-00000000000000000000000000000000";
        for (pair, byte) in text[3..].chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for KeyPairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes ids that ascend within this process, whatever the clock does.
#[derive(Default)]
pub struct IdMaker(Mutex<(u64, u16)>);

impl IdMaker {
    /// The next id: UUIDv7 (RFC 9562) of `now`, a 12-bit counter in rand_a, and `random` in rand_b.
    pub fn next(&self, now: Millis, random: [u8; 8]) -> KeyPairId {
        let now = u64::try_from(now).unwrap_or(0);
        let (millis, counter) = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *last = match *last {
                (millis, _) if now > millis => (now, 0),
                (millis, 0xfff) => (millis + 1, 0),
                (millis, counter) => (millis, counter + 1),
            };
            *last
        };
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&counter.to_be_bytes());
        bytes[2..].copy_from_slice(&random);
        KeyPairId(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().into_bytes())
    }
}

/// 8 characters `[a-z0-9]`, unique in the store; a cloud's face shows it as `k-...` or `skey-...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId([u8; 8]);

impl ShortId {
    /// From random bytes. The slight bias of 256 over 36 does not matter: it is a name, not a secret.
    pub fn from_random(random: [u8; 8]) -> Self {
        Self(random.map(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789"[usize::from(byte) % 36]))
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9')).then_some(Self(bytes))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // ASCII by construction
    }
}

/// A caller's UUID (any version of RFC 9562) that makes a call safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Reads the hyphenated form, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 36 {
            return None;
        }
        Some(Self(Uuid::try_parse(text).ok()?.into_bytes()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
