//! A keyring file (KPK1), sealed anew after the fuzzer changed it unless its first byte is odd. One that opens is
//! rotated, which writes it, and opens again with one version more.
#![no_main]

use keypairs_fuzz::stored::{Rings, reseal};
use keypairs_fuzz::{
    fuzz_target,
    meter::{metered, taken},
};

fuzz_target!(|data: &[u8]| {
    thread_local! { static RINGS: Rings = Rings::new(); }
    let Some((form, file)) = data.split_first() else { return };
    let mut file = file.to_vec();
    if form % 2 == 0 {
        reseal(&mut file);
    }
    RINGS.with(|rings| {
        metered(|| {
            let Ok(ring) = rings.open(&file) else { return };
            taken();
            let (id, before) = (ring.id(), ring.versions());
            let purpose = ring.derive("fuzz");
            assert!(before.iter().any(|version| version.name == "default"));
            // Refused where the newest version has the last number.
            let Ok(made) = ring.rotate("default") else { return };
            let again = rings.again().expect("what was written opens");
            assert!(again.id() == id && again.versions() == ring.versions());
            assert!(again.versions().len() == before.len() + 1 && again.versions().contains(&made));
            let derived = again.derive("fuzz");
            assert!(
                derived.0 == purpose.0 && derived.1.iter().zip(&purpose.1).all(|(a, b)| a.1.expose() == b.1.expose())
            );
        });
    });
});
