//! The bytes inside a public key text: an SSH blob as a line or an RFC 4716 block, DER in the two PEM blocks. The first
//! byte chooses.
#![no_main]

use keypairs_fuzz::{fuzz_target, keys, meter::metered};

fuzz_target!(|data: &[u8]| {
    let Some((form, bytes)) = data.split_first() else { return };
    let text = match form % 4 {
        0 => {
            let word = bytes.get(4..4 + usize::from(bytes.get(3).copied().unwrap_or(0)));
            let word = word.and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("ssh-rsa");
            format!("{word} {} comment", keys::base64(bytes, usize::MAX).trim_end())
        }
        1 => {
            let body = keys::base64(bytes, 70);
            format!("---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"c\"\n{body}---- END SSH2 PUBLIC KEY ----\n")
        }
        2 => keys::pem("PUBLIC KEY", "", bytes),
        _ => keys::pem("RSA PUBLIC KEY", "", bytes),
    };
    metered(|| keys::public(&text));
});
