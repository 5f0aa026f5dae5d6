//! The bytes of a keyring file, `KPK1` (docs/FORMAT.md): the root, and the keys that it seals.
//!
//! Promise: every byte is under a MAC keyed from the root, checked before any key is opened; there is one byte form
//! per content and nonces. It knows no disk.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::cipher;
use crate::clock::{Entropy, Millis, random};
use crate::octets::{Read, Reader, put_bytes16, put_text8};
use crate::secret::SecretBytes;

/// What a keyring holds.
pub(super) struct Content {
    pub(super) id: [u8; 16],
    /// Rises with each write.
    pub(super) serial: u64,
    pub(super) created: Millis,
    pub(super) root: SecretBytes,
    pub(super) entries: BTreeMap<Slot, Entry>,
}

/// Where a key is; the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// Empty for the MAC root.
    pub(super) name: String,
    pub(super) version: u32,
}

/// What a key is for. The numbers are those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Wraps DEKs.
    Kek = 1,
    /// Keys for MACs are derived from it.
    Mac = 2,
}

/// One version of one key.
pub(super) struct Entry {
    pub(super) created: Millis,
    pub(super) state: KeyState,
    /// `None` exactly when it is destroyed.
    pub(super) secret: Option<SecretBytes>,
}

/// What a version of a key may do. The numbers are those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Seals and opens.
    Active = 1,
    /// Opens what it sealed.
    DecryptOnly = 2,
    /// Is gone; only its number stays, so that it is never used again.
    Destroyed = 3,
}

impl KeyState {
    /// The word that operators see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DecryptOnly => "decrypt-only",
            Self::Destroyed => "destroyed",
        }
    }
}

/// Why bytes are not a keyring.
#[derive(Debug, PartialEq, Eq)]
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

/// The file of a content. Every key is sealed anew, so that its state is bound to it too.
pub(super) fn encode(content: &Content, entropy: &dyn Entropy) -> Read<Zeroizing<Vec<u8>>> {
    // It holds the root: room for all at once, so that growing leaves no copy behind.
    let mut out = Zeroizing::new(Vec::with_capacity(HEAD + content.entries.len() * ENTRY_MAX + cipher::MAC));
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&content.id);
    out.extend_from_slice(&content.serial.to_be_bytes());
    out.extend_from_slice(&content.created.to_be_bytes());
    out.push(ROOT_INLINE);
    put_bytes16(&mut out, "root", content.root.expose())?;
    let count = u16::try_from(content.entries.len()).map_err(|_| "key count")?;
    out.extend_from_slice(&count.to_be_bytes());
    let sealing = root_key(content, b"seal");
    for (slot, entry) in &content.entries {
        put_entry(&mut out, &content.id, (slot, entry), &sealing, entropy)?;
    }
    let mac = cipher::mac(&root_key(content, b"file"), &[&out]);
    out.extend_from_slice(&mac);
    Ok(out)
}

fn put_entry(
    out: &mut Vec<u8>,
    id: &[u8; 16],
    (slot, entry): (&Slot, &Entry),
    sealing: &SecretBytes,
    entropy: &dyn Entropy,
) -> Read<()> {
    let described = describe(slot, entry.created, entry.state)?;
    out.extend_from_slice(&described);
    let mut sealed = Vec::new();
    if let Some(secret) = &entry.secret {
        let nonce = random(entropy);
        sealed.extend_from_slice(&nonce);
        sealed.extend(cipher::seal(sealing, &nonce, &entry_aad(id, &described), secret.expose()));
    }
    put_bytes16(out, "sealed key", &sealed)
}

/// The content of a file.
pub(super) fn decode(file: &[u8]) -> Result<Content, Fault> {
    let mut reader = Reader::new(file);
    if &reader.array::<4>("magic")? != MAGIC {
        return Err(Fault::Damaged("magic"));
    }
    match reader.u8("format version")? {
        VERSION => {}
        0 => return Err(Fault::Damaged("format version")),
        newer => return Err(Fault::Version(newer)),
    }
    let mut content = Content {
        id: reader.array("keyring id")?,
        serial: reader.u64("serial")?,
        created: reader.i64("created")?,
        root: root(&mut reader)?,
        entries: BTreeMap::new(),
    };
    let (body, mac) = file.split_last_chunk::<{ cipher::MAC }>().ok_or("MAC")?;
    if !cipher::same(&cipher::mac(&root_key(&content, b"file"), &[body]), mac) {
        return Err(Fault::Damaged("MAC"));
    }
    content.entries = entries(&mut reader, &content)?;
    reader.take("MAC", cipher::MAC)?;
    reader.end()?;
    Ok(content)
}

fn root(reader: &mut Reader<'_>) -> Read<SecretBytes> {
    if reader.u8("root kind")? != ROOT_INLINE {
        return Err("root kind");
    }
    let root = reader.bytes16("root")?;
    if root.len() == cipher::KEY { Ok(SecretBytes::copied(root)) } else { Err("root") }
}

fn entries(reader: &mut Reader<'_>, content: &Content) -> Read<BTreeMap<Slot, Entry>> {
    let sealing = root_key(content, b"seal");
    let mut entries = BTreeMap::new();
    for _ in 0..reader.u16("key count")? {
        let (slot, entry) = entry(reader, &content.id, &sealing)?;
        // One canonical form: ascending, no slot twice.
        if entries.last_key_value().is_some_and(|(last, _)| *last >= slot) {
            return Err("order of keys");
        }
        entries.insert(slot, entry);
    }
    Ok(entries)
}

fn entry(reader: &mut Reader<'_>, id: &[u8; 16], sealing: &SecretBytes) -> Read<(Slot, Entry)> {
    let kind = match reader.u8("key kind")? {
        1 => Kind::Kek,
        2 => Kind::Mac,
        _ => return Err("key kind"),
    };
    let slot = Slot { kind, name: reader.text8("key name")?.to_owned(), version: reader.u32("key version")? };
    if slot.version == 0 || (kind == Kind::Mac) != slot.name.is_empty() {
        return Err("key name");
    }
    let created = reader.i64("key created")?;
    let state = match reader.u8("key state")? {
        1 => KeyState::Active,
        2 => KeyState::DecryptOnly,
        3 => KeyState::Destroyed,
        _ => return Err("key state"),
    };
    let aad = entry_aad(id, &describe(&slot, created, state)?);
    let secret = match (state, reader.bytes16("sealed key")?) {
        (KeyState::Destroyed, []) => None,
        (KeyState::Destroyed, _) => return Err("sealed key"),
        (_, sealed) => {
            let (nonce, sealed) = sealed.split_first_chunk().ok_or("sealed key")?;
            let secret = cipher::open(sealing, nonce, &aad, sealed).ok_or("sealed key")?;
            Some(secret).filter(|secret| secret.expose().len() == cipher::KEY).ok_or("sealed key").map(Some)?
        }
    };
    Ok((slot, Entry { created, state, secret }))
}

/// An entry but for its sealed key.
fn describe(slot: &Slot, created: Millis, state: KeyState) -> Read<Vec<u8>> {
    let mut out = vec![slot.kind as u8];
    put_text8(&mut out, "key name", &slot.name)?;
    out.extend_from_slice(&slot.version.to_be_bytes());
    out.extend_from_slice(&created.to_be_bytes());
    out.push(state as u8);
    Ok(out)
}

fn entry_aad(id: &[u8; 16], described: &[u8]) -> Vec<u8> {
    [b"KPK1 entry".as_slice(), id, described].concat()
}

fn root_key(content: &Content, label: &[u8]) -> SecretBytes {
    cipher::derive(&content.root, &content.id, &[b"KPK1 ", label])
}

const MAGIC: &[u8; 4] = b"KPK1";
const VERSION: u8 = 1;
const ROOT_INLINE: u8 = 1;
/// Everything before the entries.
const HEAD: usize = 4 + 1 + 16 + 8 + 8 + 1 + 2 + cipher::KEY + 2;
const ENTRY_MAX: usize = 1 + 256 + 4 + 8 + 1 + 2 + cipher::NONCE + cipher::KEY + cipher::TAG;
