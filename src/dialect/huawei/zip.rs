//! A zip file with stored entries, which is what BatchExportPrivateKey answers.
//!
//! Written here and not by a crate: a dozen numbers an entry, and the private halves go straight into one buffer that is
//! wiped and does not grow. Format: PKWARE's APPNOTE 6.3.x, 4.3.7, 4.3.12 and 4.3.16.

use zeroize::Zeroizing;

use crate::secret::{SecretBytes, SecretText};

/// Pairs and their private halves, each as `NAME.pem`. At most ten of a few KiB: no number below is near its limit.
pub(super) fn write(halves: &[(String, SecretText)]) -> SecretBytes {
    let entries: Vec<_> =
        halves.iter().map(|(name, content)| (format!("{name}.pem"), content.expose().as_bytes())).collect();
    let room: usize = entries.iter().map(|(name, content)| HEADERS + 2 * name.len() + content.len()).sum();
    let mut file = Zeroizing::new(Vec::with_capacity(room + END));
    let mut directory = Vec::new();
    for (name, content) in &entries {
        let at = file.len();
        let common = common(name, content);
        file.extend(LOCAL);
        file.extend(&common);
        file.extend(name.bytes());
        file.extend_from_slice(content);
        directory.extend(CENTRAL);
        directory.extend(VERSION);
        directory.extend(&common);
        directory.extend([0; 2 + 2 + 2]); // no comment, disk 0, no internal attributes
        directory.extend(OWNER_ONLY);
        directory.extend(four(at));
        directory.extend(name.bytes());
    }
    let start = file.len();
    file.extend(&directory);
    file.extend(CLOSING);
    file.extend([0; 4]); // disks
    file.extend(two(entries.len()));
    file.extend(two(entries.len()));
    file.extend(four(directory.len()));
    file.extend(four(start));
    file.extend([0; 2]); // no comment
    SecretBytes::from(file)
}

/// What stands in both headers of an entry.
fn common(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(26);
    header.extend([10, 0]); // needs version 1.0
    header.extend([0; 2 + 2]); // no flags, stored
    header.extend(NO_TIME);
    header.extend(crc32fast::hash(content).to_le_bytes());
    header.extend(four(content.len()));
    header.extend(four(content.len()));
    header.extend(two(name.len()));
    header.extend([0; 2]); // no extra field
    header
}

fn two(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const CLOSING: [u8; 4] = *b"PK\x05\x06";
/// Made by version 3.0 on Unix.
const VERSION: [u8; 2] = [30, 3];
/// 1980-01-01 00:00: the format knows none earlier, and which time it was is nobody's business.
const NO_TIME: [u8; 4] = [0, 0, 0x21, 0];
/// A regular file of mode 0600, as `unzip` makes it.
const OWNER_ONLY: [u8; 4] = (0o100_600_u32 << 16).to_le_bytes();
/// Both headers of an entry without its name.
const HEADERS: usize = 30 + 46;
/// The end record.
const END: usize = 22;
