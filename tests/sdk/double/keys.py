"""SSH keys as the doubles see them: read, compared, fingerprinted, made. Truth comes from `cryptography`, not from us.

Promise: what is not wholly well-formed raises ValueError, whatever it is.
"""

import base64
import binascii
import hashlib
import secrets
import struct
from dataclasses import dataclass

import gmpy2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TYPES = ("ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
MAX_LINE = 16 * 1024


@dataclass(frozen=True)
class Public:
    """A public key: the two words that matter, and the modulus size of an RSA key."""

    type: str
    blob: bytes
    comment: str
    bits: int

    def line(self, comment=None):
        """The OpenSSH line, with its own comment or another."""
        words = [self.type, base64.b64encode(self.blob).decode(), self.comment if comment is None else comment]
        return " ".join(word for word in words if word)

    def md5(self):
        """16 hex pairs joined by colons."""
        return hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")

    def sha256(self):
        """As ssh-keygen prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def read_public(text):
    """Reads one OpenSSH line. ValueError when it is anything else."""
    if not isinstance(text, str) or len(text) > MAX_LINE or "\n" in text.strip():
        raise ValueError("not one line")
    words = text.strip().split(None, 2)
    if len(words) < 2 or words[0] not in TYPES:
        raise ValueError("not an OpenSSH public key of a known type")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as fault:
        raise ValueError("not base64") from fault
    fields = read_fields(blob)
    if fields[0] != words[0].encode():
        raise ValueError("the type within is another one")
    bits = int.from_bytes(fields[2], "big").bit_length() if words[0] == "ssh-rsa" and len(fields) == 3 else 0
    if words[0] == "ssh-dss":
        # `cryptography` gives DSA up; its numbers are p, q, g, y.
        if len(fields) != 5 or int.from_bytes(fields[1], "big").bit_length() not in (1024, 2048, 3072):
            raise ValueError("not a DSA key")
    else:
        check(" ".join(words[:2]))
    return Public(words[0], blob, words[2] if len(words) > 2 else "", bits)


def check(line):
    """Has `cryptography` read it: the point is on its curve, the modulus is one."""
    try:
        serialization.load_ssh_public_key(line.encode())
    except (UnsupportedAlgorithm, ValueError, TypeError, IndexError) as fault:
        raise ValueError("not a key") from fault


def read_fields(blob):
    """The length-prefixed fields of a blob, all of it."""
    fields = []
    while blob:
        if len(blob) < 4:
            raise ValueError("cut short")
        (length,) = struct.unpack(">I", blob[:4])
        if length > len(blob) - 4:
            raise ValueError("cut short")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if not fields:
        raise ValueError("empty")
    return fields


def public_of_private(text):
    """The public half of a PEM file (PKCS#1, PKCS#8, SEC1, OpenSSH) without a passphrase. ValueError otherwise."""
    if not isinstance(text, str) or len(text) > 4 * MAX_LINE:
        raise ValueError("not a private key")
    data = text.encode()
    load = serialization.load_ssh_private_key if b"OPENSSH PRIVATE" in data else serialization.load_pem_private_key
    try:
        private = load(data, password=None)
        line = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except (UnsupportedAlgorithm, ValueError, TypeError, AttributeError, IndexError) as fault:
        raise ValueError("not a private key, or one with a passphrase") from fault
    return read_public(line.decode())


def make_rsa(bits=2048):
    """Makes a pair: (PKCS#1 PEM, Public)."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    return pem, public_of_private(pem)


def quick_rsa():
    """An RSA public key without a private half, made in a hundredth of the time: a product of eight primes, which
    cannot be seen from outside."""
    modulus = 1
    for _ in range(8):
        # The four highest bits set, so that the product has all 2048.
        modulus *= int(gmpy2.next_prime(secrets.randbits(256) | 15 << 252))
    fields = (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + modulus.to_bytes(256, "big"))
    blob = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return Public("ssh-rsa", blob, "", 2048)
