//! In which file formats a private key is given out.

use super::cost::Cost;
use super::fault::Fault;
use super::private::{PrivateKey, Secret};
use super::public::Algorithm;
use super::{der, openssh, pbes2, ppk};
use crate::clock::Entropy;
use crate::error::Reason;
use crate::secret::SecretText;

/// The format of a private key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// OpenSSH's own: every key, with or without a passphrase.
    OpenSsh,
    /// PKCS#8 in PEM: every key, with or without a passphrase.
    Pkcs8,
    /// PKCS#1 in PEM: RSA only.
    Pkcs1,
    /// SEC1 in PEM: ECDSA only.
    Sec1,
    /// PuTTY's, version 3: every key, with or without a passphrase.
    Ppk,
}

impl KeyFormat {
    /// What it costs to write a file of this format under a passphrase.
    pub fn cost(self) -> Cost {
        match self {
            Self::OpenSsh => openssh::write_cost(),
            Self::Ppk => ppk::write_cost(),
            Self::Pkcs8 | Self::Pkcs1 | Self::Sec1 => pbes2::write_cost(), // the last two take no passphrase
        }
    }
}

/// Whether a key of this algorithm can be given out so. Asked before a key is made.
pub fn check_format(algorithm: Algorithm, format: KeyFormat, has_passphrase: bool) -> Result<(), Fault> {
    let refused = |message| Err(Fault::new(Reason::FormatUnsupported, message));
    match (format, algorithm) {
        (KeyFormat::Pkcs1, Algorithm::Ecdsa) => {
            return refused("PKCS1 holds RSA keys only: use OPENSSH, PKCS8, SEC1 or PPK");
        }
        (KeyFormat::Sec1, Algorithm::Rsa) => {
            return refused("SEC1 holds ECDSA keys only: use OPENSSH, PKCS8, PKCS1 or PPK");
        }
        (KeyFormat::Pkcs1, Algorithm::Rsa) | (KeyFormat::Sec1, Algorithm::Ecdsa) => {}
        (KeyFormat::Pkcs1, _) => return refused("PKCS1 holds RSA keys only: use OPENSSH, PKCS8 or PPK"),
        (KeyFormat::Sec1, _) => return refused("SEC1 holds ECDSA keys only: use OPENSSH, PKCS8 or PPK"),
        _ => {}
    }
    match (format, has_passphrase) {
        (KeyFormat::Pkcs1 | KeyFormat::Sec1, true) => {
            let message = "this format takes no passphrase: use OPENSSH, PKCS8 or PPK, or no passphrase";
            Err(Fault::new(Reason::PassphraseUnsupported, message))
        }
        _ => Ok(()),
    }
}

impl PrivateKey {
    /// The key as a file: LF line ends, one LF at the end. Only OPENSSH and PPK keep the comment, which is one line. An
    /// empty passphrase is none; with one it takes tenths of a second, by purpose.
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
            (KeyFormat::Pkcs8, _) => der::write_pkcs8(self, passphrase, entropy),
            (KeyFormat::Ppk, _) => ppk::write(self, passphrase, comment, entropy),
            (KeyFormat::Pkcs1, Secret::Rsa(numbers)) => der::write_pkcs1(numbers),
            (KeyFormat::Sec1, Secret::Ecdsa(curve, scalar)) => der::write_sec1(self, *curve, scalar),
            _ => Err(Fault::internal("a format was let through that does not fit")),
        }
    }
}
