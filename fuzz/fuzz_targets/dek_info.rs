//! Old encrypted PEM: cipher, label, and the DER that is encrypted here.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, lock, meter::metered};

fuzz_target!(|data: &[u8]| {
    let [cipher, label, der @ ..] = data else { return };
    let text = lock::dek_info(*cipher, *label, der);
    metered(|| keys::private(&text));
});
