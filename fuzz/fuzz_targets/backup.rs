//! A backup file (KPB1): as it comes behind its header (first byte even), or entries that are sealed here into one frame
//! or two. One that checks and restores is backed up again, with as many pairs.
#![no_main]

use keypairs::cipher;
use keypairs::service::backup::{BackupKeys, check, restore};
use keypairs_fuzz::stored::{block_on, key, service, store};
use keypairs_fuzz::{
    fuzz_target,
    meter::{metered, taken},
    piece,
};
use tokio::sync::mpsc;

fuzz_target!(|data: &[u8]| {
    let Some((form, rest)) = data.split_first() else { return };
    let keys = BackupKeys { keyring: [b'k'; 16], current: 1, versions: [(1, key(b'b'))].into() };
    let file = match (form % 2, piece(rest)) {
        (0, _) => rest.to_vec(),
        (_, Some((first, last))) if form & 2 == 2 => sealed(&keys, &[first, last]),
        _ => sealed(&keys, &[rest]),
    };
    metered(|| {
        let Ok(counted) = check(&keys, || Ok(file.as_slice())) else { return };
        taken();
        let store = store();
        let Ok(restored) = block_on(restore(&keys, || Ok(file.as_slice()), &*store)) else { return };
        assert!(restored == counted, "a check counts {counted:?}, a restore {restored:?}");
        let (sink, mut pieces) = mpsc::channel(1024);
        let service = service(store);
        let backed = block_on(service.backup(&keys, sink)).expect("a store in memory is backed up");
        assert!(backed == restored, "restored {restored:?}, backed up {backed:?}");
        let again: Vec<u8> = std::iter::from_fn(|| pieces.try_recv().ok()).flatten().collect();
        assert!(check(&keys, || Ok(again.as_slice())).ok() == Some(backed));
    });
});

/// A file of these frames.
fn sealed(keys: &BackupKeys, frames: &[&[u8]]) -> Vec<u8> {
    let mut out = [b"KPB1\x01".as_slice(), &keys.keyring, &[0, 0, 0, 1], &[0; 8], &[b's'; 32]].concat();
    let hash = cipher::sha256(&[&out]);
    let key = cipher::derive(&keys.versions[&1], &hash, &[b"KPB1 frames"]);
    for (number, frame) in (0_u64..).zip(frames) {
        let last = u8::from(number + 1 == frames.len() as u64);
        let nonce = [[0; 4].as_slice(), &number.to_be_bytes()].concat();
        let nonce = nonce.try_into().expect("4 and 8 bytes");
        let sealed = cipher::seal(&key, &nonce, &[hash.as_slice(), &[last]].concat(), frame);
        out.push(last);
        out.extend_from_slice(&u32::try_from(sealed.len()).expect("an input is short").to_be_bytes());
        out.extend_from_slice(&sealed);
    }
    out
}
