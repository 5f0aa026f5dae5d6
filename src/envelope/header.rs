//! The bytes of an envelope, `KPE1` (docs/FORMAT.md).
//!
//! Promise: exactly one byte form per envelope; reading is strict and bounded, and proves nothing: that is the
//! business of the keys. It knows no key.

use crate::cipher::{MAC, NONCE, TAG};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::kms::{CallId, KEYRING, KekRef};
use crate::model::{EncryptionMode, KeyPairId, Maker, ProjectId};
use crate::octets::{Read, Reader, put_bytes16, put_text8};

use super::context::{Identity, KeyCode, SUITE};

/// What an envelope says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose private half is in it.
    pub identity: Identity,
    /// Under which keys its DEK is wrapped: one, or more while it is moved to another. The first is the newest.
    pub wraps: Vec<Wrap>,
    pub(super) salt: [u8; 32],
    pub(super) commitment: [u8; 32],
    pub(super) nonce: [u8; NONCE],
}

/// The DEK under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The key.
    pub kek: KekRef,
    /// The call that wrapped it, as the back end logged it.
    pub call: CallId,
    /// What the back end gave back.
    pub wrapped: Vec<u8>,
}

/// An envelope in its parts.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    /// Part A: the header but for the wraps.
    pub(super) fixed: &'a [u8],
    /// Part B: the ciphertext and its tag.
    pub(super) sealed: &'a [u8],
    /// Part C: the wraps.
    pub(super) wraps: &'a [u8],
    /// Part D: the MAC over A and C.
    pub(super) mac: &'a [u8],
}

/// Why bytes are not an envelope.
pub(super) enum Fault {
    /// The part that does not fit.
    Damaged(&'static str),
    /// A format version that is not known here.
    Version(u8),
}

impl From<&'static str> for Fault {
    fn from(at: &'static str) -> Self {
        Self::Damaged(at)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(at) => damaged(at),
            Fault::Version(version) => {
                let message = "a newer version of the service sealed this private half: use that version";
                Self::new(Reason::FormatVersionUnknown, message).with_detail(format!("envelope version {version}"))
            }
        }
    }
}

/// The one answer to everything that does not fit; where it does not is only for the log.
pub(super) fn damaged(at: &str) -> Error {
    let message = "the sealed private half is damaged or not this key pair's: restore the store from a backup";
    Error::new(Reason::RecordCorrupt, message).with_detail(format!("envelope: {at}"))
}

/// Part A, for a ciphertext of `len` bytes without its tag. All but the last four bytes are the payload's AAD.
pub(super) fn write_fixed(header: &Header, len: usize) -> Read<Vec<u8>> {
    let identity = &header.identity;
    let mode = match identity.mode {
        EncryptionMode::Default => 1,
        EncryptionMode::Kms => 2,
    };
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[VERSION, SUITE, PRIVATE_KEY, identity.maker as u8]);
    out.extend_from_slice(identity.id.as_bytes());
    put_text8(&mut out, "project", identity.project.as_str())?;
    out.extend_from_slice(&[mode, identity.key_code as u8]);
    out.extend_from_slice(&identity.fingerprint);
    out.extend_from_slice(&identity.generation.to_be_bytes());
    out.extend_from_slice(&identity.created.to_be_bytes());
    out.extend_from_slice(&header.salt);
    out.extend_from_slice(&header.commitment);
    out.extend_from_slice(&header.nonce);
    let len = u32::try_from(len).ok().filter(|len| (1..=SECRET_MAX).contains(len)).ok_or("ciphertext length")?;
    out.extend_from_slice(&len.to_be_bytes());
    Ok(out)
}

/// Part C.
pub(super) fn write_wraps(wraps: &[Wrap]) -> Read<Vec<u8>> {
    let count = u8::try_from(wraps.len()).ok().filter(|count| (1..=WRAPS_MAX).contains(count)).ok_or("wrap count")?;
    let mut out = vec![count];
    for Wrap { kek, call, wrapped } in wraps {
        out.push(backend_code(&kek.backend).ok_or("back end")?);
        put_text8(&mut out, "KEK name", filled(&kek.name, 255, "KEK name")?)?;
        put_text8(&mut out, "KEK version", filled(&kek.version, 64, "KEK version")?)?;
        put_text8(&mut out, "KEK id", filled(&kek.id, 255, "KEK id")?)?;
        out.extend_from_slice(call);
        put_bytes16(&mut out, "wrapped DEK", bounded(wrapped)?)?;
    }
    Ok(out)
}

/// The payload's AAD: part A but for the ciphertext length.
pub(super) fn payload_aad(fixed: &[u8]) -> &[u8] {
    &fixed[..fixed.len().saturating_sub(4)]
}

/// Takes an envelope apart.
pub(super) fn parse(envelope: &[u8]) -> Result<Parts<'_>, Fault> {
    let mut reader = Reader::new(envelope);
    if envelope.len() > ENVELOPE_MAX {
        return Err(Fault::Damaged("size"));
    }
    if &reader.array::<4>("magic")? != MAGIC {
        return Err(Fault::Damaged("magic"));
    }
    match reader.u8("format version")? {
        VERSION => {}
        0 => return Err(Fault::Damaged("format version")),
        newer => return Err(Fault::Version(newer)),
    }
    Ok(parse_body(envelope, reader)?)
}

fn parse_body<'a>(envelope: &'a [u8], mut reader: Reader<'a>) -> Read<Parts<'a>> {
    require("suite", reader.u8("suite")? == SUITE)?;
    require("purpose", reader.u8("purpose")? == PRIVATE_KEY)?;
    let identity = read_identity(&mut reader)?;
    let (salt, commitment) = (reader.array("salt")?, reader.array("commitment")?);
    let nonce = reader.array("nonce")?;
    let len = reader.u32("ciphertext length")?;
    require("ciphertext length", (1..=SECRET_MAX).contains(&len))?;
    let fixed = reader.position();
    let len = usize::try_from(len).map_err(|_| "ciphertext length")?;
    let sealed = reader.take("ciphertext", len + TAG)?;
    let from = reader.position();
    let wraps = read_wraps(&mut reader)?;
    let to = reader.position();
    let mac = reader.take("header MAC", MAC)?;
    reader.end()?;
    let header = Header { identity, wraps, salt, commitment, nonce };
    Ok(Parts { header, fixed: &envelope[..fixed], sealed, wraps: &envelope[from..to], mac })
}

fn read_identity(reader: &mut Reader<'_>) -> Read<Identity> {
    let maker = reader.u8("maker")?;
    let maker = [Maker::Here, Maker::Baidu, Maker::Tencent, Maker::Huawei].into_iter().find(|m| *m as u8 == maker);
    let maker = maker.ok_or("maker")?;
    let id = KeyPairId::from_bytes(reader.array("id")?);
    let project = filled(reader.text8("project")?, 64, "project")?;
    let project = ProjectId::parse("project", project).map_err(|_| "project")?;
    let mode = match reader.u8("mode")? {
        1 => EncryptionMode::Default,
        2 => EncryptionMode::Kms,
        _ => return Err("mode"),
    };
    let code = reader.u8("key code")?;
    let key_code = KEY_CODES.into_iter().find(|known| *known as u8 == code).ok_or("key code")?;
    let fingerprint = reader.array("fingerprint")?;
    let generation = reader.u64("generation")?;
    let created: Millis = reader.i64("created")?;
    Ok(Identity { id, project, maker, mode, key_code, fingerprint, generation, created })
}

fn read_wraps(reader: &mut Reader<'_>) -> Read<Vec<Wrap>> {
    let count = reader.u8("wrap count")?;
    require("wrap count", (1..=WRAPS_MAX).contains(&count))?;
    (0..count).map(|_| read_wrap(reader)).collect()
}

fn read_wrap(reader: &mut Reader<'_>) -> Read<Wrap> {
    let code = reader.u8("back end")?;
    let backend = BACKENDS.iter().find(|(known, _)| *known == code).ok_or("back end")?.1.to_owned();
    let name = filled(reader.text8("KEK name")?, 255, "KEK name")?.to_owned();
    let version = filled(reader.text8("KEK version")?, 64, "KEK version")?.to_owned();
    let id = filled(reader.text8("KEK id")?, 255, "KEK id")?.to_owned();
    let call = reader.array("call id")?;
    let wrapped = bounded(reader.bytes16("wrapped DEK")?)?.to_vec();
    Ok(Wrap { kek: KekRef { backend, name, id, version }, call, wrapped })
}

/// The byte that stands for a back end; `None` when envelopes cannot name it.
fn backend_code(backend: &str) -> Option<u8> {
    BACKENDS.iter().find(|(_, name)| *name == backend).map(|(code, _)| *code)
}

fn filled<'a>(text: &'a str, most: usize, field: &'static str) -> Read<&'a str> {
    if (1..=most).contains(&text.len()) { Ok(text) } else { Err(field) }
}

fn bounded(wrapped: &[u8]) -> Read<&[u8]> {
    if (1..=WRAPPED_MAX).contains(&wrapped.len()) { Ok(wrapped) } else { Err("wrapped DEK") }
}

fn require(field: &'static str, holds: bool) -> Read<()> {
    if holds { Ok(()) } else { Err(field) }
}

/// What the store keeps inline; larger records would lose sled's durability (docs/FORMAT.md).
pub(super) const ENVELOPE_MAX: usize = 16 << 10;
/// The longest secret, bytes.
pub(super) const SECRET_MAX: u32 = 12 << 10;
const WRAPS_MAX: u8 = 3;
const WRAPPED_MAX: usize = 4096;
const MAGIC: &[u8; 4] = b"KPE1";
const VERSION: u8 = 1;
/// The purpose of an envelope; 2 (intent) and 3 (provider credential) are not used yet.
const PRIVATE_KEY: u8 = 1;
/// Each back end's byte. A number is never used again for another.
const BACKENDS: &[(u8, &str)] = &[(1, KEYRING)];
const KEY_CODES: [KeyCode; 6] =
    [KeyCode::Rsa, KeyCode::Ed25519, KeyCode::P256, KeyCode::P384, KeyCode::P521, KeyCode::Dsa];
