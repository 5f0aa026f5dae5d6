//! A private key file on its way in: its frame is read first, which is cheap; then it is opened, which may not be.

use super::cost::Cost;
use super::draft::Draft;
use super::fault::{Fault, Side, passphrase_required, refuse_mark, weak_dsa};
use super::lock::Locked;
use super::misplaced::holds_private_key;
use super::private::PrivateKey;
use super::rules::KeyRules;
use super::{dek_info, der, openssh, pbes2, pem, ppk};
use crate::error::Reason;
use crate::secret::SecretText;

/// A private key file whose frame was read: well-formed, of a kind that is taken, and not too costly to open.
pub struct KeyFile(pub(super) Form);

/// What a frame holds.
pub(super) enum Form {
    /// The numbers of a key, unchecked.
    Plain(Box<Draft>),
    /// An encrypted section.
    Locked(Box<Locked>),
}

/// How much work opening a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Microseconds, below one millisecond.
    Little,
    /// Number work on a modulus of so many bits: milliseconds.
    Numbers(u16),
    /// A key is derived from a passphrase: up to a second.
    Derivation(Cost),
}

impl KeyFile {
    /// Reads the frame: OpenSSH, PKCS#1, PKCS#8, SEC1 (PEM), PuTTY's PPK 2 and 3, at most 32 KiB; encrypted or not.
    /// CRLF and a missing last line end are taken. What it would cost to derive a key is known now, and bounded.
    pub fn read(text: &str, rules: KeyRules) -> Result<Self, Fault> {
        if text.len() > TEXT_MAX {
            let message = format!("the private key file has {} bytes: at most {TEXT_MAX} are taken", text.len());
            return Err(Side::Private.too_large(message));
        }
        refuse_mark(text, Side::Private)?;
        if text.trim_start_matches(['\r', '\n']).starts_with(ppk::START) {
            return ppk::read(text, rules).map(Self);
        }
        refuse_foreign(text)?;
        let block = pem::read(text, Side::Private)?;
        if let Some(info) = block.dek_info {
            return dek_info::read(block.label, info, &block.bytes, rules).map(|locked| Self(locked.into()));
        }
        let draft = match block.label {
            "OPENSSH PRIVATE KEY" => return openssh::read(&block.bytes, rules).map(Self),
            "ENCRYPTED PRIVATE KEY" => return pbes2::read(&block.bytes, rules).map(|locked| Self(locked.into())),
            label => of_label(label, &block.bytes, rules)?,
        };
        Ok(Self(draft.into()))
    }

    /// Whether it needs a passphrase.
    pub fn is_locked(&self) -> bool {
        matches!(self.0, Form::Locked(_))
    }

    /// How much work `open` and the proof after it are.
    pub fn effort(&self) -> Effort {
        match &self.0 {
            Form::Plain(draft) => draft.effort(),
            Form::Locked(locked) => Effort::Derivation(locked.cost()),
        }
    }

    /// Opens it, and checks that its numbers are in order and its halves belong together. Returns the key and its
    /// comment, which only OpenSSH and PPK files have. `PrivateKey::prove` and `PublicKey::examine` are left to the
    /// caller. A passphrase is not looked at when the file is not encrypted.
    pub fn open(self, passphrase: Option<&SecretText>, rules: KeyRules) -> Result<(PrivateKey, String), Fault> {
        match (self.0, passphrase.filter(|passphrase| !passphrase.is_empty())) {
            (Form::Plain(draft), _) => draft.key(rules),
            (Form::Locked(locked), Some(passphrase)) => locked.unlock(passphrase, rules)?.key(rules),
            (Form::Locked(_), None) => Err(passphrase_required()),
        }
    }
}

/// The numbers in a DER block with this label.
pub(super) fn of_label(label: &str, bytes: &[u8], rules: KeyRules) -> Result<Draft, Fault> {
    match label {
        "PRIVATE KEY" => der::read_pkcs8(bytes, rules),
        "RSA PRIVATE KEY" => der::read_pkcs1(bytes),
        "EC PRIVATE KEY" => der::read_sec1(bytes),
        "DSA PRIVATE KEY" if rules.dsa => der::read_dsa(bytes),
        "DSA PRIVATE KEY" => Err(weak_dsa()),
        _ => Err(Side::Private.malformed("the block does not hold a private key: its BEGIN line names something else")),
    }
}

impl From<Draft> for Form {
    fn from(draft: Draft) -> Self {
        Self::Plain(Box::new(draft))
    }
}

impl From<Locked> for Form {
    fn from(locked: Locked) -> Self {
        Self::Locked(Box::new(locked))
    }
}

/// A file that is no private key, or of no kind that is taken.
fn refuse_foreign(text: &str) -> Result<(), Fault> {
    if PUBLIC.iter().any(|start| text.trim_start().starts_with(start)) && !holds_private_key(text) {
        return Err(Side::Private.malformed("this is a public key: use ImportPublic, or send its private half"));
    }
    if text.starts_with("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY") {
        let message = "files of ssh.com are not taken: turn it into OpenSSH's format (puttygen -O private-openssh)";
        return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
    }
    Ok(())
}

/// How public keys start.
const PUBLIC: [&str; 7] = [
    "ssh-",
    "ecdsa-sha2-",
    "sk-ssh-",
    "sk-ecdsa-",
    "-----BEGIN PUBLIC KEY",
    "-----BEGIN RSA PUBLIC KEY",
    "---- BEGIN SSH2 PUBLIC KEY",
];
const TEXT_MAX: usize = 32 * 1024;
