//! What is wrong with a key text. It never holds any of that text, which may be a secret sent by mistake.

use std::fmt;

use super::misplaced::holds_private_key;
use crate::error::Reason;
use crate::plain::is_plain;

/// Why a key was refused, or cannot be given out in the form asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why, from the closed list.
    pub reason: Reason,
    /// What was wrong and what to do, in words.
    pub message: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// A cryptographic primitive failed on numbers that were checked: our fault, not the key's.
    pub(super) fn internal(what: &str) -> Self {
        Self::new(Reason::Internal, format!("internal error: {what}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.message)
    }
}

impl std::error::Error for Fault {}

/// From which side a text came: the same flaw has one reason in a public key and another in a private one.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Public,
    Private,
}

impl Side {
    pub(super) fn malformed(self, message: impl Into<String>) -> Fault {
        Fault::new(self.pick(Reason::PublicKeyMalformed, Reason::PrivateKeyMalformed), message)
    }

    pub(super) fn unsupported_type(self) -> Fault {
        let reason = self.pick(Reason::PublicKeyUnsupportedType, Reason::PrivateKeyUnsupportedType);
        let message = match self {
            Self::Public => {
                "keys of this type are not taken: send Ed25519, ECDSA on P-256, P-384 or P-521, RSA, or sk-"
            }
            Self::Private => "keys of this type are not taken: send Ed25519, ECDSA on P-256, P-384 or P-521, or RSA",
        };
        Fault::new(reason, message)
    }

    /// An EC key that gives the numbers of its curve in place of its name. Whether they are those of a curve that we take
    /// is OpenSSL's to find out.
    pub(super) fn unnamed_curve(self) -> Fault {
        let reason = self.pick(Reason::PublicKeyUnsupportedType, Reason::PrivateKeyUnsupportedType);
        let advice = self.pick("-pubin -in FILE -pubout", "-in FILE");
        let message = "the key gives the numbers of its curve, not its name: name it";
        Fault::new(reason, format!("{message} (openssl ec {advice} -param_enc named_curve -out NEW)"))
    }

    /// Two places of one key name different types. A private key file that does so is simply broken.
    pub(super) fn type_mismatch(self, message: &str) -> Fault {
        Fault::new(self.pick(Reason::PublicKeyTypeMismatch, Reason::PrivateKeyMalformed), message)
    }

    pub(super) fn comment_invalid(self) -> Fault {
        let reason = self.pick(Reason::PublicKeyCommentInvalid, Reason::PrivateKeyCommentInvalid);
        Fault::new(reason, "the comment must be UTF-8 without control characters and invisible ones")
    }

    pub(super) fn too_large(self, message: impl Into<String>) -> Fault {
        Fault::new(self.pick(Reason::PublicKeyTooLarge, Reason::PrivateKeyTooLarge), message)
    }

    pub(super) fn pick<T>(self, public: T, private: T) -> T {
        match self {
            Self::Public => public,
            Self::Private => private,
        }
    }
}

/// The mark that some editors of Windows put before the first character; ssh-keygen and puttygen take no such file either.
pub(super) fn refuse_mark(text: &str, side: Side) -> Result<(), Fault> {
    match text.starts_with('\u{feff}') {
        true => Err(side.malformed("the text starts with a byte order mark (U+FEFF): save it as UTF-8 without one")),
        false => Ok(()),
    }
}

/// DSA, from either side, where no policy allows it.
pub(super) fn weak_dsa() -> Fault {
    let message = "DSA keys are not taken: make an Ed25519 key, or have policy.allow_key_types name \"dsa\"";
    Fault::new(Reason::WeakDsa, message)
}

/// An encrypted private key came without the means to open it.
pub(super) fn passphrase_required() -> Fault {
    Fault::new(Reason::PassphraseRequired, "the private key is encrypted: send its passphrase")
}

/// What came out under this passphrase is no key. A damaged file looks the same.
pub(super) fn passphrase_wrong() -> Fault {
    let message = "the passphrase does not open the private key: check it, and that the file is whole";
    Fault::new(Reason::PassphraseWrong, message)
}

/// The file names a cipher or a key derivation that is not taken.
pub(super) fn unsupported_cipher(message: impl Into<String>) -> Fault {
    Fault::new(Reason::PrivateKeyUnsupportedCipher, message)
}

/// Deriving the key of the file would take too long, or too much memory.
pub(super) fn kdf_too_costly(message: impl Into<String>) -> Fault {
    Fault::new(Reason::KdfTooCostly, message)
}

/// The comment of a key, from either side: UTF-8, one line, nothing that changes how a terminal shows it, at most
/// 1,024 bytes, and no private key, which can hide in lines that were joined; blanks at its ends are taken off.
pub(super) fn comment(bytes: &[u8], side: Side) -> Result<String, Fault> {
    if bytes.len() > COMMENT_MAX {
        return Err(side.too_large(format!("the comment is over {COMMENT_MAX} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| side.comment_invalid())?.trim_matches([' ', '\t']);
    if holds_private_key(text) {
        let reason = side.pick(Reason::PrivateKeyInPublicField, Reason::PrivateKeyCommentInvalid);
        return Err(Fault::new(reason, "the comment holds a private key, and comments are shown: treat it as exposed"));
    }
    match is_plain(text) {
        true => Ok(text.to_owned()),
        false => Err(side.comment_invalid()),
    }
}

const COMMENT_MAX: usize = 1024;
