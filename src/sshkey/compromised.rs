//! Keys whose private halves are known: a table of truncated hashes, how it is built from published lists, and its
//! bytes (docs/FORMAT.md, KPC1).
//!
//! What is hashed is always the SSH wire blob, so that an entry fits a key in every format. A table holds the first 16
//! bytes of SHA-256, and the last 10 of MD5, which is all that Debian's openssh-blacklist has. By chance a sound key is
//! refused once in 2^80 / entries times at most.

use std::collections::BTreeSet;

use base64ct::{Base64, Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};

use super::fault::Side;
use super::public::PublicKey;
use super::wire::Reader;

/// A table of keys; the empty one holds none.
#[derive(Default)]
pub struct CompromisedKeys {
    /// Ascending.
    sha256: Vec<[u8; SHA256]>,
    /// Ascending.
    md5: Vec<[u8; MD5]>,
}

impl CompromisedKeys {
    /// Reads a table. `Err` says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let (body, sum) = bytes.split_last_chunk::<32>().ok_or("it is too short")?;
        let rest = body.strip_prefix(MAGIC).ok_or("it is no table of compromised keys (KPC1)")?;
        if <[u8; 32]>::from(Sha256::digest(body)) != *sum {
            return Err("its checksum does not fit: it was cut off or changed");
        }
        let (count, rest) = rest.split_first_chunk::<8>().ok_or("it is too short")?;
        let split = usize::try_from(u64::from_be_bytes(*count)).ok().and_then(|count| count.checked_mul(SHA256));
        let (sha256, md5) =
            split.and_then(|at| rest.split_at_checked(at)).ok_or("it has fewer entries than it says")?;
        Ok(Self { sha256: ascending(sha256)?, md5: ascending(md5)? })
    }

    /// The bytes of the table.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.sha256.len() as u64).to_be_bytes());
        bytes.extend(self.sha256.as_flattened());
        bytes.extend(self.md5.as_flattened());
        let sum = Sha256::digest(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// Whether this key is in the table. Microseconds.
    pub fn holds(&self, key: &PublicKey) -> bool {
        let sha256 = key.sha256().first_chunk().is_some_and(|print| self.sha256.binary_search(print).is_ok());
        sha256 || key.md5().last_chunk().is_some_and(|print| self.md5.binary_search(print).is_ok())
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.sha256.len() + self.md5.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Entries of one width; each must be above the one before it.
fn ascending<const N: usize>(bytes: &[u8]) -> Result<Vec<[u8; N]>, &'static str> {
    let (entries, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err("it ends inside an entry");
    }
    if !entries.is_sorted_by(|one, next| one < next) {
        return Err("its entries are not in order");
    }
    Ok(entries.to_vec())
}

/// A table on its way: lines of published lists are added to it.
#[derive(Default)]
pub struct CompromisedList {
    debian: bool,
    sha256: BTreeSet<[u8; SHA256]>,
    md5: BTreeSet<[u8; MD5]>,
}

impl CompromisedList {
    /// An empty one. With `debian`, lines of 20 hexadecimal digits are those of Debian's openssh-blacklist. The lists of
    /// openssl-blacklist look the same and are of another hash, so this must be said.
    pub fn new(debian: bool) -> Self {
        Self { debian, ..Self::default() }
    }

    /// Adds one line: a fingerprint (`SHA256:` and base64, as `ssh-keygen -l` prints it or alone; 64 hexadecimal digits;
    /// `MD5:` and 16 pairs), an OpenSSH public key of any type and size, or, with `debian`, 20 hexadecimal digits. Blank
    /// lines and comments after `#` are passed over. `Err` says what is wrong with the line.
    pub fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // `ssh-keygen -l` puts the size before the fingerprint.
        let print = words.iter().take(2).find_map(|word| word.split_once(':'));
        match (words.as_slice(), print) {
            (_, Some(("SHA256", print))) => self.add_sha256(base64_print(print)),
            (_, Some(("MD5", print))) => self.add_md5(hex(&print.replace(':', "")).filter(|md5| md5.len() == 16)),
            ([word], _) if word.len() == 64 => self.add_sha256(hex(word)),
            ([word], _) if word.len() == 20 && !self.debian => Err(AMBIGUOUS),
            ([word], _) if word.len() == 20 => self.add_md5(hex(word)),
            ([word, base64, ..], _) => self.add_sha256(blob(word, base64).map(|blob| Sha256::digest(blob).to_vec())),
            _ => Err(UNKNOWN),
        }
    }

    /// The table of all that was added.
    pub fn table(self) -> CompromisedKeys {
        CompromisedKeys { sha256: self.sha256.into_iter().collect(), md5: self.md5.into_iter().collect() }
    }

    fn add_sha256(&mut self, print: Option<Vec<u8>>) -> Result<(), &'static str> {
        self.sha256.insert(*print.as_deref().and_then(<[u8]>::first_chunk).ok_or(UNKNOWN)?);
        Ok(())
    }

    fn add_md5(&mut self, print: Option<Vec<u8>>) -> Result<(), &'static str> {
        self.md5.insert(*print.as_deref().and_then(<[u8]>::last_chunk).ok_or(UNKNOWN)?);
        Ok(())
    }
}

fn base64_print(print: &str) -> Option<Vec<u8>> {
    Base64Unpadded::decode_vec(print.trim_end_matches('=')).ok().filter(|print| print.len() == 32)
}

/// The blob of a public line, of whatever type: no more is known of it than that it names that type itself.
fn blob(word: &str, base64: &str) -> Option<Vec<u8>> {
    let blob = Base64::decode_vec(base64).ok()?;
    let inside = Reader::new(&blob, Side::Public).string().ok()?.to_vec();
    (inside == word.as_bytes()).then_some(blob)
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect();
    if rest.is_empty() { bytes } else { None }
}

const MAGIC: &[u8] = b"KPC1";
/// Bytes kept of a SHA-256, from its beginning.
const SHA256: usize = 16;
/// Bytes kept of an MD5, from its end.
const MD5: usize = 10;
const UNKNOWN: &str =
    "is no fingerprint and no public key: SHA256:..., 64 hexadecimal digits, MD5:..., or an OpenSSH line";
const AMBIGUOUS: &str =
    "has 20 hexadecimal digits: say --debian if the list is openssh-blacklist; openssl-blacklist is of another hash";
