//! The DER of PKCS#1, the label forced.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    let text = keys::pem("RSA PRIVATE KEY", "", data);
    metered(|| keys::private(&text));
});
