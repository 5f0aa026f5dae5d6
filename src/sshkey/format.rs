//! In which file formats a private key is given out.

use super::fault::Fault;
use super::private::{PrivateKey, Secret};
use super::public::Algorithm;
use super::{der, openssh};
use crate::clock::Entropy;
use crate::error::Reason;
use crate::secret::SecretText;

/// The format of a private key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// OpenSSH's own: every key, with or without a passphrase.
    OpenSsh,
    /// PKCS#8 in PEM: every key.
    Pkcs8,
    /// PKCS#1 in PEM: RSA only.
    Pkcs1,
    /// SEC1 in PEM: ECDSA only.
    Sec1,
    /// PuTTY's; not built yet.
    Ppk,
}

/// Whether a key of this algorithm can be given out so. Asked before a key is made.
pub fn check_format(algorithm: Algorithm, format: KeyFormat, has_passphrase: bool) -> Result<(), Fault> {
    let refused = |message| Err(Fault::new(Reason::FormatUnsupported, message));
    match (format, algorithm) {
        (KeyFormat::Ppk, _) => return refused("PPK is not built yet: use OPENSSH or PKCS8"),
        (KeyFormat::Pkcs1, Algorithm::Ed25519) => return refused("PKCS1 holds RSA keys only: use OPENSSH or PKCS8"),
        (KeyFormat::Pkcs1, Algorithm::Ecdsa) => {
            return refused("PKCS1 holds RSA keys only: use OPENSSH, PKCS8 or SEC1");
        }
        (KeyFormat::Sec1, Algorithm::Ed25519) => return refused("SEC1 holds ECDSA keys only: use OPENSSH or PKCS8"),
        (KeyFormat::Sec1, Algorithm::Rsa) => return refused("SEC1 holds ECDSA keys only: use OPENSSH, PKCS8 or PKCS1"),
        _ => {}
    }
    match (format, has_passphrase) {
        (KeyFormat::OpenSsh, _) | (_, false) => Ok(()),
        (KeyFormat::Pkcs8, true) => {
            let message = "a passphrase with PKCS8 is not built yet: use OPENSSH, or no passphrase";
            Err(Fault::new(Reason::PassphraseUnsupported, message))
        }
        (_, true) => {
            let message = "this format takes no passphrase: use OPENSSH, or no passphrase";
            Err(Fault::new(Reason::PassphraseUnsupported, message))
        }
    }
}

impl PrivateKey {
    /// The key as a file: LF line ends, one LF at the end. Only OPENSSH keeps the comment, which is one line. An empty
    /// passphrase is none.
    pub fn encode(
        &self,
        format: KeyFormat,
        passphrase: Option<&SecretText>,
        comment: &str,
        entropy: &dyn Entropy,
    ) -> Result<SecretText, Fault> {
        let passphrase = passphrase.filter(|p| !p.is_empty());
        check_format(self.public().algorithm(), format, passphrase.is_some())?;
        match (format, self.secret()) {
            (KeyFormat::OpenSsh, _) => openssh::write(self, passphrase, comment, entropy),
            (KeyFormat::Pkcs8, _) => der::write_pkcs8(self),
            (KeyFormat::Pkcs1, Secret::Rsa(numbers)) => der::write_pkcs1(numbers),
            (KeyFormat::Sec1, Secret::Ecdsa(curve, scalar)) => der::write_sec1(self, *curve, scalar),
            _ => Err(Fault::internal("a format was let through that does not fit")),
        }
    }
}
