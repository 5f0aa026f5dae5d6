//! PuTTY's files: the parts are the fuzzer's, lines and MAC are right. First byte: bit 0 version 3, bit 1 encrypted.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered, piece, ppk::Ppk};

fuzz_target!(|data: &[u8]| {
    let Some((flags, rest)) = data.split_first() else { return };
    let Some((comment, rest)) = piece(rest) else { return };
    let (Some((public, private)), Ok(comment)) = (piece(rest), std::str::from_utf8(comment)) else { return };
    let (is_three, is_locked) = (flags & 1 == 1, flags & 2 == 2);
    let text = Ppk { is_three, is_locked, comment, public, private }.text();
    metered(|| keys::private(&text));
});
