//! The text of a PuTTY key file: its lines, and what its derivation may cost.

use argon2::Algorithm;
use zeroize::Zeroizing;

use super::super::blob::Numbers;
use super::super::fault::{Fault, Side, comment, kdf_too_costly, unsupported_cipher};
use super::super::keyfile::Form;
use super::super::lock;
use super::super::pem::Lines;
use super::super::rules::KeyRules;
use super::super::wire::Reader;
use super::{AES, BLOCK, Derivation, Frame, LINE, Locked, MacKey, NONE, START, Version};
use crate::error::Reason;

/// Reads a file. One that is not encrypted is checked against its MAC here.
pub(in crate::sshkey) fn read(text: &str, rules: KeyRules) -> Result<Form, Fault> {
    let mut lines = Walk::new(text);
    let first = lines.line()?;
    let (version, algorithm) =
        first.strip_prefix(START).and_then(|rest| rest.split_once(": ")).ok_or_else(malformed)?;
    let version = match version {
        "2" => Version::Two,
        "3" => Version::Three,
        _ => {
            let message = "only versions 2 and 3 of PuTTY's format are taken: save the key anew (puttygen)";
            return Err(Fault::new(Reason::PrivateKeyUnsupportedFormat, message));
        }
    };
    let encryption = match lines.header("Encryption")? {
        "none" => NONE,
        AES => AES,
        _ => return Err(unsupported_cipher("the file is encrypted with something else than aes256-cbc")),
    };
    let comment_text = lines.header("Comment")?.to_owned();
    comment(comment_text.as_bytes(), Side::Private)?;
    let public = lines.base64("Public-Lines")?.to_vec();
    let derivation = match (version, encryption) {
        (Version::Three, AES) => Some(Derivation::read(&mut lines)?),
        _ => None,
    };
    let private = lines.base64("Private-Lines")?;
    let mac = base16ct::mixed::decode_vec(lines.header("Private-MAC")?).map_err(|_| malformed())?;
    lines.finish()?;
    check_public(algorithm, &public, rules)?;
    let frame = Frame { algorithm: algorithm.to_owned(), encryption, comment: comment_text, public, private, mac };
    if encryption == NONE {
        frame.check_mac(version, &MacKey::of_nothing(version), &frame.private)?;
        return frame.draft(&frame.private, rules).map(Form::from);
    }
    if frame.private.is_empty() || !frame.private.len().is_multiple_of(BLOCK) {
        return Err(Side::Private.malformed("the encrypted part is not a number of whole cipher blocks"));
    }
    Ok(lock::Locked::Ppk(Locked { version, derivation, frame }).into())
}

/// The type in the first line is that of the blob, and one that is taken.
fn check_public(algorithm: &str, blob: &[u8], rules: KeyRules) -> Result<(), Fault> {
    let word = Reader::new(blob, Side::Private).string()?;
    if word != algorithm.as_bytes() {
        return Err(Side::Private.malformed("the type in the first line is not that of the public key in the file"));
    }
    match Numbers::read(blob, Side::Private, rules)? {
        Numbers::SkEd25519 { .. } | Numbers::SkEcdsa { .. } => Err(Side::Private.unsupported_type()),
        _ => Ok(()),
    }
}

impl Derivation {
    /// Its headers; what it costs is bounded here.
    fn read(lines: &mut Walk<'_>) -> Result<Self, Fault> {
        let flavour = match lines.header("Key-Derivation")? {
            "Argon2id" => Algorithm::Argon2id,
            "Argon2i" => Algorithm::Argon2i,
            "Argon2d" => Algorithm::Argon2d,
            _ => return Err(unsupported_cipher("the key derivation of the file is not Argon2")),
        };
        let mut number = |name| -> Result<u64, Fault> { lines.header(name)?.parse().map_err(|_| malformed()) };
        let (memory, passes) = (number("Argon2-Memory")?, number("Argon2-Passes")?);
        let parallelism = number("Argon2-Parallelism")?;
        let salt = base16ct::mixed::decode_vec(lines.header("Argon2-Salt")?).map_err(|_| malformed())?;
        // The work is memory times passes. puttygen measures how many passes of 8 MiB take a tenth of a second and
        // writes that number, so a bound of the passes alone would refuse what it writes on a quick machine.
        let work = memory.max(MEMORY_LEAST).saturating_mul(passes);
        if memory > MEMORY_MAX || work > WORK_MAX {
            let message = format!(
                "Argon2 of the file asks for {memory} KiB and {passes} passes: at most {MEMORY_MAX} KiB, and at most \
                 {PASSES_AT_MOST_MEMORY} passes of that or as much work with less, are taken; save it anew: \
                 puttygen FILE -O private --ppk-param memory=8192,passes=13 -o NEW"
            );
            return Err(kdf_too_costly(message));
        }
        // Argon2's own bounds (RFC 9106 section 3.1).
        if passes == 0 || parallelism == 0 || memory / 8 < parallelism || !(8..=64).contains(&salt.len()) {
            return Err(unsupported_cipher("the numbers of Argon2 in the file are out of its range"));
        }
        let small = |number: u64| u32::try_from(number).map_err(|_| malformed());
        Ok(Self { flavour, memory: small(memory)?, passes: small(passes)?, parallelism: small(parallelism)?, salt })
    }
}

/// Goes through the lines of a file.
struct Walk<'a> {
    lines: std::iter::Enumerate<std::str::Split<'a, char>>,
    /// Lines before the file's first.
    skipped: usize,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        let start = text.trim_start_matches(['\r', '\n']);
        let skipped = text[..text.len() - start.len()].matches('\n').count(); // a suffix of text
        Self { lines: start.trim_end_matches(['\r', '\n']).split('\n').enumerate(), skipped }
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let (_, line) = self.lines.next().ok_or_else(|| Side::Private.malformed("the PuTTY file is cut off"))?;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The value of the next line, which must be this header.
    fn header(&mut self, name: &str) -> Result<&'a str, Fault> {
        let number = self.number();
        let line = self.line()?;
        line.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'))
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .ok_or_else(|| Side::Private.malformed(format!("line {number} of the PuTTY file is not the header {name}")))
    }

    /// The bytes of a part: a header with the number of its lines, then so many of base64.
    fn base64(&mut self, name: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let count: usize = self.header(name)?.parse().map_err(|_| malformed())?;
        let before = self.number() - 1;
        let mut text = Zeroizing::new(String::new());
        text.reserve_exact(count.min(LINES_MAX) * (LINE + 1)); // no copy is left behind by growing
        for number in 0..count {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(self.line()?);
        }
        Lines { text: &text, before, side: Side::Private }.decode()
    }

    /// The number of the next line.
    fn number(&self) -> usize {
        self.skipped + 1 + self.lines.clone().next().map_or(0, |(index, _)| index)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match self.lines.next() {
            None => Ok(()),
            Some(_) => Err(Side::Private.malformed("there is text after the end of the PuTTY file")),
        }
    }
}

fn malformed() -> Fault {
    Side::Private.malformed("a header of the PuTTY file is not well-formed")
}

/// More lines do not fit in a file.
const LINES_MAX: usize = 512;
/// KiB.
const MEMORY_MAX: u64 = 64 * 1024;
/// So that very many passes of very little memory, each with a cost of its own, are bounded too.
const MEMORY_LEAST: u64 = 1024;
const PASSES_AT_MOST_MEMORY: u64 = 16;
/// KiB filled, over all passes: half a second on one core.
const WORK_MAX: u64 = MEMORY_MAX * PASSES_AT_MOST_MEMORY;
