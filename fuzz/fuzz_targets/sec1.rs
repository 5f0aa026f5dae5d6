//! The DER of SEC1 (first byte even) and of OpenSSL's DSA keys (odd), the label forced.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    let Some((form, der)) = data.split_first() else { return };
    let text = keys::pem(["EC PRIVATE KEY", "DSA PRIVATE KEY"][usize::from(form % 2)], "", der);
    metered(|| keys::private(&text));
});
