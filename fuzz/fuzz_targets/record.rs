//! The body of a metadata row, which its MAC would guard: what is read is written and read as the same.
#![no_main]

use keypairs::model::{KeyPairId, ProjectId};
use keypairs::store::{decode_row, encode_row};
use keypairs_fuzz::{
    fuzz_target,
    meter::{metered, taken},
};

fuzz_target!(|data: &[u8]| {
    let project = ProjectId::parse("project", "default").expect("a project");
    let id = KeyPairId::from_bytes([7; 16]);
    metered(|| {
        if let Some(pair) = decode_row(&project, id, data) {
            taken();
            let row = encode_row(&pair);
            let again = decode_row(&project, id, &row).expect("what was written is read");
            assert!(encode_row(&again) == row, "a row changes by being read");
            assert!(format!("{again:?}") == format!("{pair:?}"), "a pair changes by being written");
        }
    });
});
