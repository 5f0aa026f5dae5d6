//! A public key in any of its text forms, as it comes.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        metered(|| keys::public(text));
    }
});
