//! The bytes of an OpenSSH private key file, the label forced.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    let text = keys::pem("OPENSSH PRIVATE KEY", "", data);
    metered(|| keys::private(&text));
});
