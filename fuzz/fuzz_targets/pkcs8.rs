//! The DER of PKCS#8, the label forced.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    let text = keys::pem("PRIVATE KEY", "", data);
    metered(|| keys::private(&text));
});
