//! Encrypted PKCS#8: the frame as it comes (first byte even), or a PKCS#8 that is encrypted here (odd).
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, lock, meter::metered};

fuzz_target!(|data: &[u8]| {
    let Some((form, der)) = data.split_first() else { return };
    let text = if form % 2 == 0 { keys::pem("ENCRYPTED PRIVATE KEY", "", der) } else { lock::pbes2(der) };
    metered(|| keys::private(&text));
});
