//! The text of one public key, whatever its form: which form it is, and that it is not a private key.

use super::blob::Numbers;
use super::fault::{Fault, Side, refuse_mark};
use super::misplaced::holds_private_key;
use super::public::PublicKey;
use super::rules::KeyRules;
use super::{line, rfc4716, spki};
use crate::error::Reason;

/// Reads one public key: the key and its comment.
pub(super) fn parse(text: &str, rules: KeyRules) -> Result<(PublicKey, String), Fault> {
    refuse_private(text)?; // before the size: whoever sends a private key must hear that, whatever else is wrong
    if text.len() > TEXT_MAX {
        let message = format!("the public key text has {} bytes: at most {TEXT_MAX} are taken", text.len());
        return Err(Side::Public.too_large(message));
    }
    refuse_mark(text, Side::Public)?;
    // Wherever it stands: text around a block is refused by the block's own reader, in its own words.
    let is_block = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
    match (is_block("-----BEGIN "), is_block("---- BEGIN ")) {
        (true, _) => spki::parse(text, rules),
        (false, true) => rfc4716::parse(text, rules),
        (false, false) => line::parse(text, rules),
    }
}

/// The key of a blob whose numbers are checked here.
pub(super) fn of_blob(blob: &[u8], rules: KeyRules) -> Result<PublicKey, Fault> {
    of_numbers(&Numbers::read(blob, Side::Public, rules)?, rules)
}

/// The key of numbers that are checked here.
pub(super) fn of_numbers(numbers: &Numbers<'_>, rules: KeyRules) -> Result<PublicKey, Fault> {
    numbers.check(rules)?;
    PublicKey::of(numbers).ok_or_else(|| Fault::internal("a checked key has no size"))
}

/// A private key in the field of a public one must not go on to any place where public keys are shown.
fn refuse_private(text: &str) -> Result<(), Fault> {
    if !holds_private_key(text) {
        return Ok(());
    }
    let message = "this is a private key; it was not stored and not logged, but treat it as exposed";
    Err(Fault::new(Reason::PrivateKeyInPublicField, message))
}

const TEXT_MAX: usize = 16 * 1024;
