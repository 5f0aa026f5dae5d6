//! A key as a canary: the numbers of it that nobody but its holder may see, and the forms they could be found in.

use std::sync::Arc;

use base64ct::{Base64Unpadded, Encoding};
use keypairs::clock::OsEntropy;
use keypairs::secret::SecretText;
use keypairs::sshkey::{Algorithm, AwsLcKeyMaker, KeyFormat, KeyMaker, KeySpec, PrivateKey};

/// One canary.
pub(super) struct Canary {
    pub(super) id: String,
    /// The private key file, without passphrase.
    pub(super) text: String,
    pub(super) passphrase: Option<String>,
    numbers: Vec<Vec<u8>>,
}

impl Canary {
    pub(super) fn of(id: &str, text: &str, passphrase: Option<String>) -> Self {
        Self { id: id.to_owned(), text: text.to_owned(), passphrase, numbers: numbers(text) }
    }

    /// What may be found nowhere.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Vec<u8>> {
        self.numbers.iter().cloned().chain(self.passphrase.iter().map(|text| text.clone().into_bytes()))
    }

    /// Pieces of it, each in a form that a leak could have.
    pub(super) fn forms(&self, number: usize) -> Vec<(&'static str, Vec<u8>)> {
        let secret = &self.numbers[number % self.numbers.len()];
        let from = number % (secret.len() - 16);
        let piece = &secret[from..from + 16];
        let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = piece.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let base64 = Base64Unpadded::encode_string(secret);
        let base64 = &base64[base64.len() / 2 - 8..base64.len() / 2 + 8];
        let shifted = Base64Unpadded::encode_string(&[b"x", secret.as_slice()].concat());
        let shifted = &shifted[shifted.len() / 2 - 8..shifted.len() / 2 + 8];
        let body = self.text.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
        let mut forms = vec![
            ("raw", piece.to_vec()),
            ("hex", hex.clone().into_bytes()),
            ("capital hex", hex.to_uppercase().into_bytes()),
            ("list of numbers", format!("[{list}]").into_bytes()),
            ("escaped bytes", piece.escape_ascii().to_string().into_bytes()),
            ("escaped bytes in JSON", piece.escape_ascii().to_string().replace('\\', "\\\\").into_bytes()),
            ("base64", base64.as_bytes().to_vec()),
            ("base64, shifted", shifted.as_bytes().to_vec()),
            ("PEM body", body.clone().into_bytes()),
            ("PEM body in JSON", body.escape_debug().to_string().into_bytes()),
        ];
        forms.extend(self.passphrase.as_ref().map(|text| ("passphrase", text.as_bytes()[..14].to_vec())));
        forms
    }
}

/// A key that the service has never seen.
pub(super) fn make(spec: KeySpec, format: KeyFormat) -> String {
    let key = AwsLcKeyMaker::new(Arc::new(OsEntropy)).make(spec).unwrap();
    key.encode(format, None, "a comment", &OsEntropy).unwrap().into_exposed()
}

/// The same key, encrypted.
pub(super) fn locked(text: &str, format: KeyFormat, passphrase: &str) -> String {
    let (key, comment) = PrivateKey::parse(text).unwrap();
    let passphrase = SecretText::new(passphrase.to_owned());
    key.encode(format, Some(&passphrase), &comment, &OsEntropy).unwrap().into_exposed()
}

/// Ed25519: the seed. ECDSA: the scalar. RSA: d, the inverse of q, p, q, and the exponents of the two primes.
fn numbers(text: &str) -> Vec<Vec<u8>> {
    let (key, _) = PrivateKey::parse(text).unwrap();
    let compact = key.to_compact();
    if key.public().algorithm() != Algorithm::Rsa {
        return vec![compact.expose().to_vec()];
    }
    let (mut rest, mut numbers) = (compact.expose(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (number, after) = after.split_at(u16::from_be_bytes(*length).into());
        numbers.push(number.to_vec());
        rest = after;
    }
    // n and e are public.
    let mut secret = numbers.split_off(2);
    secret.extend(exponents(&key));
    secret
}

/// d mod p-1 and d mod q-1, as the PKCS#1 file carries them: the longest integers behind p and q.
fn exponents(key: &PrivateKey) -> Vec<Vec<u8>> {
    let text = key.encode(KeyFormat::Pkcs1, None, "", &OsEntropy).unwrap().into_exposed();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = Base64Unpadded::decode_vec(body.trim_end_matches('=')).unwrap();
    let mut integers = Vec::new();
    // SEQUENCE with a two-byte length, then INTEGERs.
    let mut rest = &der[4..];
    while let [2, length, after @ ..] = rest {
        let (length, after) = match length {
            0x82 => (usize::from(u16::from_be_bytes([after[0], after[1]])), &after[2..]),
            0x81 => (usize::from(after[0]), &after[1..]),
            short => (usize::from(*short), after),
        };
        integers.push(after[..length].iter().copied().skip_while(|byte| *byte == 0).collect());
        rest = &after[length..];
    }
    // version, n, e, d, p, q, dp, dq, qinv
    assert_eq!(integers.len(), 9);
    integers.drain(6..8).collect()
}
