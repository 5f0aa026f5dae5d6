//! OpenSSH's own private key format, `openssh-key-v1` (PROTOCOL.key), in and out.
//!
//! Reading is done here, so that each flaw has its own reason; writing is left to the ssh-key crate.

use ssh_key::private::{
    EcdsaKeypair, EcdsaPrivateKey, Ed25519Keypair, Ed25519PrivateKey, KeypairData, RsaKeypair, RsaPrivateKey,
};
use ssh_key::public::{EcdsaPublicKey, Ed25519PublicKey, RsaPublicKey};
use ssh_key::{Cipher, Kdf, LineEnding, Mpint};
use zeroize::Zeroizing;

use super::blob::{KeyType, Numbers, sized};
use super::curve::Curve;
use super::fault::{Fault, Side, comment, weak_dsa};
use super::pem::passphrase_required;
use super::private::{PrivateKey, Secret, mismatch};
use super::rsa::RsaNumbers;
use super::wire::Reader;
use crate::clock::{Entropy, random};
use crate::error::Reason;
use crate::secret::SecretText;

/// Reads the bytes of an unencrypted file: the key and its comment.
pub(super) fn read(bytes: &[u8]) -> Result<(PrivateKey, String), Fault> {
    let (outer, section) = envelope(bytes)?;
    let mut reader = Reader::new(section, Side::Private);
    if reader.number()? != reader.number()? {
        let message = "the check numbers of the private key differ: the file is damaged";
        return Err(Fault::new(Reason::PrivateKeyCorrupt, message));
    }
    let parts = Parts::read(&mut reader)?;
    let comment_bytes = reader.string()?;
    check_padding(section, reader.rest())?;
    let comment = comment(comment_bytes, Side::Private)?;
    let key = parts.key(outer)?;
    if key.public().blob() != outer {
        return Err(mismatch());
    }
    Ok((key, comment))
}

/// The outer frame: the public blob and the private section.
fn envelope(bytes: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let malformed = |message: &str| Side::Private.malformed(message);
    let mut reader = Reader::new(bytes, Side::Private);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(malformed("the file is not of version openssh-key-v1"));
    }
    let (cipher, kdf, kdf_options) = (reader.string()?, reader.string()?, reader.string()?);
    if reader.number()? != 1 {
        return Err(malformed("the file must hold exactly one key"));
    }
    let (public, section) = (reader.string()?, reader.string()?);
    if cipher != b"none" {
        return Err(passphrase_required());
    }
    if kdf != b"none" || !kdf_options.is_empty() {
        return Err(malformed("the file names a key derivation but no cipher"));
    }
    reader.finish()?;
    Ok((public, section))
}

/// The section is filled with 1, 2, 3, ... up to the next multiple of eight.
fn check_padding(section: &[u8], padding: &[u8]) -> Result<(), Fault> {
    let counts = padding.iter().zip(1..).all(|(&byte, count)| byte == count);
    if section.len().is_multiple_of(BLOCK) && padding.len() < BLOCK && counts {
        return Ok(());
    }
    Err(Side::Private.malformed("the padding of the private section is wrong"))
}

/// The numbers of one key in the private section.
enum Parts<'a> {
    Ed25519 { point: &'a [u8], pair: &'a [u8] },
    Ecdsa { curve: Curve, point: &'a [u8], scalar: &'a [u8] },
    Rsa(RsaNumbers),
}

impl<'a> Parts<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        match KeyType::named(reader.string()?) {
            Some(KeyType::Ed25519) => {
                let point = sized(reader.string()?, 32, Side::Private)?;
                Ok(Self::Ed25519 { point, pair: sized(reader.string()?, 64, Side::Private)? })
            }
            Some(KeyType::Ecdsa(curve)) => {
                if reader.string()? != curve.name().as_bytes() {
                    return Err(Side::Private.type_mismatch("the curve inside the key is not that of its type"));
                }
                Ok(Self::Ecdsa { curve, point: reader.string()?, scalar: scalar(reader.string()?)? })
            }
            Some(KeyType::Rsa) => {
                let (n, e) = (reader.mpint()?.to_vec(), reader.mpint()?.to_vec());
                let mut secret = || reader.mpint().map(|number| Zeroizing::new(number.to_vec()));
                Ok(Self::Rsa(RsaNumbers { n, e, d: secret()?, iqmp: secret()?, p: secret()?, q: secret()? }))
            }
            Some(KeyType::Dsa) => Err(weak_dsa()),
            None => Err(Side::Private.unsupported_type()),
        }
    }

    /// The key. `outer` is the public blob of the frame, which for RSA is compared before any arithmetic.
    fn key(self, outer: &[u8]) -> Result<PrivateKey, Fault> {
        match self {
            Self::Ed25519 { point, pair } => {
                let (seed, copy) = pair.split_at(32); // pair has 64 bytes
                let mut bytes = Zeroizing::new([0; 32]);
                bytes.copy_from_slice(seed);
                let key = PrivateKey::of_seed(bytes)?;
                key.expect_point(point)?;
                key.expect_point(copy)?;
                Ok(key)
            }
            Self::Ecdsa { curve, point, scalar } => {
                let key = PrivateKey::of_scalar(curve, scalar)?;
                key.expect_point(point)?;
                Ok(key)
            }
            Self::Rsa(numbers) => {
                numbers.public().check()?;
                if numbers.public().write() != outer {
                    return Err(mismatch());
                }
                PrivateKey::of_rsa(numbers)
            }
        }
    }
}

/// A scalar as an mpint; needless leading zeros are taken, because the ssh-key crate writes them.
fn scalar(bytes: &[u8]) -> Result<&[u8], Fault> {
    match bytes {
        [0x80..=0xff, ..] => Err(Side::Private.malformed("a number in the key is negative")),
        bytes => Ok(bytes),
    }
}

/// Writes a key file, encrypted when there is a passphrase: bcrypt with 16 rounds and aes256-ctr, as ssh-keygen does.
pub(super) fn write(
    key: &PrivateKey,
    passphrase: Option<&SecretText>,
    comment: &str,
    entropy: &dyn Entropy,
) -> Result<SecretText, Fault> {
    let mut file = ssh_key::PrivateKey::new(pair(key)?, comment).map_err(|_| unwritable())?;
    if let Some(passphrase) = passphrase {
        let kdf = Kdf::Bcrypt { salt: random::<16>(entropy).to_vec(), rounds: BCRYPT_ROUNDS };
        let check = u32::from_be_bytes(random(entropy));
        file = file
            .encrypt_with(Cipher::Aes256Ctr, kdf, check, passphrase.expose())
            .map_err(|_| Fault::internal("the key cannot be encrypted"))?;
    }
    Ok(file.to_openssh(LineEnding::LF).map_err(|_| unwritable())?.into())
}

/// The same numbers in the types of the ssh-key crate, which wipes them too.
fn pair(key: &PrivateKey) -> Result<KeypairData, Fault> {
    match (key.secret(), key.public().numbers()?) {
        (Secret::Ed25519(seed), Numbers::Ed25519(point)) => Ok(KeypairData::Ed25519(Ed25519Keypair {
            public: Ed25519PublicKey(point.try_into().map_err(|_| unwritable())?),
            private: Ed25519PrivateKey::from_bytes(seed),
        })),
        (Secret::Ecdsa(_, scalar), Numbers::Ecdsa(_, point)) => Ok(KeypairData::Ecdsa(ecdsa_pair(scalar, point)?)),
        (Secret::Rsa(numbers), _) => Ok(KeypairData::Rsa(rsa_pair(numbers)?)),
        _ => Err(unwritable()),
    }
}

fn ecdsa_pair(scalar: &[u8], point: &[u8]) -> Result<EcdsaKeypair, Fault> {
    Ok(match EcdsaPublicKey::from_sec1_bytes(point).map_err(|_| unwritable())? {
        EcdsaPublicKey::NistP256(public) => EcdsaKeypair::NistP256 { public, private: fixed(scalar)? },
        EcdsaPublicKey::NistP384(public) => EcdsaKeypair::NistP384 { public, private: fixed(scalar)? },
        EcdsaPublicKey::NistP521(public) => EcdsaKeypair::NistP521 { public, private: fixed(scalar)? },
    })
}

fn fixed<const N: usize>(scalar: &[u8]) -> Result<EcdsaPrivateKey<N>, Fault> {
    let bytes: Zeroizing<[u8; N]> = Zeroizing::new(scalar.try_into().map_err(|_| unwritable())?);
    Ok(EcdsaPrivateKey::from(*bytes))
}

fn rsa_pair(numbers: &RsaNumbers) -> Result<RsaKeypair, Fault> {
    let mpint = |bytes: &[u8]| Mpint::from_positive_bytes(bytes);
    let public = RsaPublicKey::new(mpint(&numbers.e), mpint(&numbers.n)).map_err(|_| unwritable())?;
    let (d, iqmp, p, q) = (mpint(&numbers.d), mpint(&numbers.iqmp), mpint(&numbers.p), mpint(&numbers.q));
    let private = RsaPrivateKey::new(d, iqmp, p, q).map_err(|_| unwritable())?;
    RsaKeypair::new(public, private).map_err(|_| unwritable())
}

fn unwritable() -> Fault {
    Fault::internal("the key cannot be written in the OpenSSH format")
}

const MAGIC: &[u8] = b"openssh-key-v1\0";
const BLOCK: usize = 8; // what cipher `none` is padded to
const BCRYPT_ROUNDS: u32 = 16;
