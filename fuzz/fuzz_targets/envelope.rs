//! The header of an envelope (KPE1): strict, and one byte form for each.
#![no_main]

use keypairs::envelope::inspect;
use keypairs::error::Reason;
use keypairs_fuzz::{
    fuzz_target,
    meter::{metered, taken},
    stored::rewritten,
};

fuzz_target!(|data: &[u8]| {
    metered(|| match inspect(data) {
        Ok(header) => {
            taken();
            assert!(rewritten(&header, data).as_deref() == Ok(data), "two byte forms of one header");
        }
        Err(error) => assert!(matches!(error.reason, Reason::RecordCorrupt | Reason::FormatVersionUnknown)),
    });
});
