//! Builds key texts by hand, sound and broken. It shares no code with what it tests.

use base64ct::{Base64, Encoding};
use keypairs::sshkey::PrivateKey;

/// SSH strings, one after the other.
pub fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend((part.len() as u32).to_be_bytes());
        out.extend(*part);
    }
    out
}

/// The content of an mpint of a positive number.
pub fn mpint(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&b| b == 0).count();
    let number = &number[zeros..];
    if number.first().is_some_and(|&b| b >= 0x80) { [&[0], number].concat() } else { number.to_vec() }
}

/// A public line.
pub fn line(word: &str, blob: &[u8]) -> String {
    format!("{word} {} c", Base64::encode_string(blob))
}

/// A public RSA line of these numbers.
pub fn rsa_line(n: &[u8], e: &[u8]) -> String {
    line("ssh-rsa", &strings(&[b"ssh-rsa", &mpint(e), &mpint(n)]))
}

/// A PEM block with lines of 70.
pub fn pem(label: &str, bytes: &[u8]) -> String {
    let base64 = Base64::encode_string(bytes);
    let lines: Vec<_> = base64.as_bytes().chunks(70).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// An openssh-key-v1 file; each part can be replaced before it is written.
pub struct File {
    pub magic: Vec<u8>,
    pub cipher: &'static [u8],
    pub kdf: &'static [u8],
    pub keys: u32,
    pub public: Vec<u8>,
    pub checks: (u32, u32),
    pub key: Vec<u8>,
    pub comment: Vec<u8>,
    pub padding: Option<Vec<u8>>,
    pub trailing: Vec<u8>,
}

impl File {
    pub fn new(public: Vec<u8>, key: Vec<u8>) -> Self {
        Self {
            magic: b"openssh-key-v1\0".to_vec(),
            cipher: b"none",
            kdf: b"none",
            keys: 1,
            public,
            checks: (7, 7),
            key,
            comment: b"c".to_vec(),
            padding: None,
            trailing: Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut section = [self.checks.0.to_be_bytes(), self.checks.1.to_be_bytes()].concat();
        section.extend(&self.key);
        section.extend(strings(&[&self.comment]));
        let missing = (8 - section.len() % 8) % 8;
        section.extend(self.padding.clone().unwrap_or_else(|| (1..=missing as u8).collect()));
        let mut out = self.magic.clone();
        out.extend(strings(&[self.cipher, self.kdf, b""]));
        out.extend(self.keys.to_be_bytes());
        out.extend(strings(&[&self.public, &section]));
        out.extend(&self.trailing);
        out
    }

    pub fn text(&self) -> String {
        pem("OPENSSH PRIVATE KEY", &self.bytes())
    }
}

/// The numbers of an RSA key: n, e, d, iqmp, p, q.
#[derive(Clone)]
pub struct Rsa(pub [Vec<u8>; 6]);

pub const N: usize = 0;
pub const E: usize = 1;
pub const D: usize = 2;
pub const IQMP: usize = 3;
pub const P: usize = 4;
pub const Q: usize = 5;

impl Rsa {
    pub fn of(key: &PrivateKey) -> Self {
        let compact = key.to_compact();
        let mut rest = compact.expose();
        Self(std::array::from_fn(|_| {
            let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            let number = rest[2..2 + len].to_vec();
            rest = &rest[2 + len..];
            number
        }))
    }

    /// The same numbers with one replaced.
    pub fn with(&self, which: usize, number: Vec<u8>) -> Self {
        let mut out = self.clone();
        out.0[which] = number;
        out
    }

    /// The same numbers with one bit of one of them flipped.
    pub fn flipped(&self, which: usize) -> Self {
        let mut number = self.0[which].clone();
        let middle = number.len() / 2;
        number[middle] ^= 4;
        self.with(which, number)
    }

    pub fn public(&self) -> Vec<u8> {
        strings(&[b"ssh-rsa", &mpint(&self.0[E]), &mpint(&self.0[N])])
    }

    pub fn file(&self) -> File {
        let numbers: Vec<_> = self.0.iter().map(|n| mpint(n)).collect();
        let mut parts: Vec<&[u8]> = vec![b"ssh-rsa"];
        parts.extend(numbers.iter().map(Vec::as_slice));
        File::new(self.public(), strings(&parts))
    }

    /// PKCS#1 with the CRT exponents given.
    pub fn pkcs1(&self, version: u8, exponents: [&[u8]; 2]) -> Vec<u8> {
        let [n, e, d, iqmp, p, q] = &self.0;
        let mut body = der(2, &[version]);
        for number in [n, e, d, p, q, exponents[0], exponents[1], iqmp] as [&[u8]; 8] {
            let number = mpint(number);
            body.extend(der(2, if number.is_empty() { &[0] } else { &number }));
        }
        der(0x30, &body)
    }
}

/// One DER value.
pub fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len @ 0x80..=0xff => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(body);
    out
}
