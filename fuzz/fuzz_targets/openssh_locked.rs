//! The private section of an OpenSSH file, encrypted here: cipher, public blob behind its length, section.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, lock, meter::metered, piece};

fuzz_target!(|data: &[u8]| {
    let Some((cipher, rest)) = data.split_first() else { return };
    let Some((public, section)) = piece(rest) else { return };
    let text = lock::openssh(*cipher, public, section);
    metered(|| keys::private(&text));
});
