//! Seals a private half, and opens it again: one fresh data key (DEK) per seal, wrapped by a key-management back end.
//!
//! Promise: what opens is what was sealed, for this pair and no other; everything else is refused before any byte of
//! plaintext comes out. Not protected: an old envelope put back with the old row that goes with it, and the deletion
//! of both. It knows neither store nor wire, and not what a private half looks like: whoever opens one compares its
//! public half with the fingerprint.

#![forbid(unsafe_code)]

mod context;
mod header;

use std::sync::Arc;

pub use context::{Identity, KeyCode};
pub use header::{Header, Wrap};

use crate::cipher;
use crate::clock::{Entropy, random};
use crate::error::{Error, Reason, Result};
use crate::kms::{DEFAULT_KEY, KEYRING, KekRef, Kms, Wanted};
use crate::model::{EncryptionChoice, EncryptionMode, KeyChoice};
use crate::secret::SecretBytes;

use context::{Keys, wrap_context};
use header::{Parts, damaged};

/// Seals and opens.
pub struct Envelope {
    backends: Vec<(String, Arc<dyn Kms>)>,
    entropy: Arc<dyn Entropy>,
}

impl Envelope {
    /// Over these back ends, by their configured names; mode `default` needs the one named `keyring`.
    pub fn new(backends: Vec<(String, Arc<dyn Kms>)>, entropy: Arc<dyn Entropy>) -> Self {
        Self { backends, entropy }
    }

    /// The key that a choice means, in its active version. `Unsaid` must be decided by the caller before.
    pub async fn resolve(&self, choice: &EncryptionChoice) -> Result<KekRef> {
        match choice {
            EncryptionChoice::Unsaid => Err(Error::internal("the project's default encryption was not put in")),
            EncryptionChoice::Default => self.backend(KEYRING)?.resolve(Wanted::Default).await,
            EncryptionChoice::Kms(key) => {
                let (backend, id) = self.route(key)?;
                backend.resolve(Wanted::Named { name: key.name.as_deref(), id }).await
            }
        }
    }

    /// Seals 1 to 12,288 bytes for a pair under a key that `resolve` gave. The envelope has at most 16 KiB.
    pub async fn seal(&self, secret: &SecretBytes, identity: &Identity, kek: &KekRef) -> Result<Vec<u8>> {
        check_mode(identity.mode, kek)?;
        let dek = SecretBytes::filled(cipher::KEY, |key| self.entropy.fill(key));
        let (salt, nonce, call) = (random(&*self.entropy), random(&*self.entropy), random(&*self.entropy));
        let keys = Keys::of(&dek, &salt);
        let bound = wrap_context(identity, &keys.commitment, &kek.name).map_err(unwritable)?;
        let wrapped = self.backend(&kek.backend)?.wrap(kek, &dek, &bound, call).await?;
        let wraps = vec![Wrap { kek: kek.clone(), call, wrapped }];
        let header = Header { identity: identity.clone(), wraps, salt, commitment: keys.commitment, nonce };
        write(&header, secret, &keys).map_err(unwritable)
    }

    /// Opens an envelope that must be of this identity. Damage of any kind, and another identity: `RECORD_CORRUPT`;
    /// a newer format: `FORMAT_VERSION_UNKNOWN`; what the back end answers passes through.
    pub async fn open(&self, envelope: &[u8], identity: &Identity) -> Result<SecretBytes> {
        let parts = header::parse(envelope)?;
        if let Some(field) = parts.header.identity.difference(identity) {
            return Err(damaged(&format!("its {field} is not the record's")));
        }
        let dek = self.unwrap_any(&parts.header).await?;
        unseal(&parts, &dek)
    }

    /// The DEK, from the first wrap that opens. While an envelope is moved to another key, one of the two may be
    /// gone or out of reach already.
    async fn unwrap_any(&self, header: &Header) -> Result<SecretBytes> {
        let mut first = None;
        for wrap in &header.wraps {
            match self.unwrap_one(header, wrap).await {
                Ok(dek) => return Ok(dek),
                // Out of reach says more than the rest: trying again can help.
                Err(error) if error.reason == Reason::KmsUnavailable => first = Some(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| damaged("no wrap")))
    }

    async fn unwrap_one(&self, header: &Header, Wrap { kek, call, wrapped }: &Wrap) -> Result<SecretBytes> {
        let bound = wrap_context(&header.identity, &header.commitment, &kek.name).map_err(damaged)?;
        let dek = self.backend(&kek.backend)?.unwrap(kek, wrapped, &bound, *call).await?;
        if dek.expose().len() == cipher::KEY { Ok(dek) } else { Err(damaged("the DEK has not 32 bytes")) }
    }

    fn backend(&self, name: &str) -> Result<&dyn Kms> {
        let found = self.backends.iter().find(|(known, _)| known == name);
        found.map(|(_, kms)| &**kms).ok_or_else(|| {
            let message = format!("the key-management back end \"{name}\" is not configured: have an operator add it");
            Error::new(Reason::KmsKeyNotFound, message)
        })
    }

    /// The back end of a named key, and its id there without the back end's name.
    fn route<'a>(&self, key: &'a KeyChoice) -> Result<(&dyn Kms, Option<&'a str>)> {
        let id = key.id.as_deref();
        // An id may hold colons of its own, so only the name of a back end counts as one.
        if let Some((backend, id)) = id.and_then(|id| id.split_once(':'))
            && let Ok(kms) = self.backend(backend)
        {
            return Ok((kms, Some(id)));
        }
        match self.backends.as_slice() {
            [(_, only)] => Ok((&**only, id)),
            _ => {
                let message = "there are several key-management back ends: send kms_key_id as BACKEND:ID";
                Err(Error::new(Reason::KmsKeyAmbiguous, message))
            }
        }
    }
}

/// What an envelope says of itself, without a key: nothing of it is proven.
pub fn inspect(envelope: &[u8]) -> Result<Header> {
    Ok(header::parse(envelope)?.header)
}

/// The mode in the envelope must be what was done: a record that says `kms` is never under the key of `default`.
fn check_mode(mode: EncryptionMode, kek: &KekRef) -> Result<()> {
    let is_default = kek.backend == KEYRING && kek.name == DEFAULT_KEY;
    if is_default == (mode == EncryptionMode::Default) {
        return Ok(());
    }
    Err(Error::internal(format!("mode {} does not go with key {}:{}", mode.as_str(), kek.backend, kek.name)))
}

fn write(header: &Header, secret: &SecretBytes, keys: &Keys) -> Result<Vec<u8>, &'static str> {
    let mut out = header::write_fixed(header, secret.expose().len())?;
    let wraps = header::write_wraps(&header.wraps)?;
    // The nonce is random, and this key seals this one message only.
    let sealed = cipher::seal(&keys.enc, &header.nonce, header::payload_aad(&out), secret.expose());
    let mac = cipher::mac(&keys.mac, &[&out, &wraps]);
    out.extend(sealed);
    out.extend(wraps);
    out.extend_from_slice(&mac);
    if out.len() <= header::ENVELOPE_MAX { Ok(out) } else { Err("size") }
}

/// The commitment before anything else: it alone says that this DEK is the one that sealed.
fn unseal(parts: &Parts<'_>, dek: &SecretBytes) -> Result<SecretBytes> {
    let header = &parts.header;
    let keys = Keys::of(dek, &header.salt);
    if !cipher::same(&keys.commitment, &header.commitment) {
        return Err(damaged("the commitment is not the DEK's"));
    }
    if !cipher::same(&cipher::mac(&keys.mac, &[parts.fixed, parts.wraps]), parts.mac) {
        return Err(damaged("the header MAC differs"));
    }
    let aad = header::payload_aad(parts.fixed);
    cipher::open(&keys.enc, &header.nonce, aad, parts.sealed).ok_or_else(|| damaged("the payload does not open"))
}

/// A field too long or too short to be written: callers give only what fits.
fn unwritable(field: &'static str) -> Error {
    Error::internal(format!("cannot write an envelope: {field} does not fit"))
}

#[cfg(test)]
mod tests;
