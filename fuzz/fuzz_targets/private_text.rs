//! A private key file of any format, as it comes: frames, labels, headers, base64, PPK's lines.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        metered(|| keys::private(text));
    }
});
