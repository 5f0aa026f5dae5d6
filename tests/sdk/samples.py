"""Fresh keys for a script: made by `cryptography`, read and compared by it."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

OPENSSH = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


class Key:
    """A key pair of a test."""

    def __init__(self, private):
        self.private = private
        self.line = private.public_key().public_bytes(*OPENSSH).decode()

    def commented(self, comment):
        """The OpenSSH line with a comment."""
        return f"{self.line} {comment}"

    def pem(self, form="pkcs8"):
        """The private half as pkcs1, pkcs8 or openssh."""
        formats = {
            "pkcs1": serialization.PrivateFormat.TraditionalOpenSSL, "pkcs8": serialization.PrivateFormat.PKCS8,
            "openssh": serialization.PrivateFormat.OpenSSH,
        }  # fmt: skip
        pem = self.private.private_bytes(serialization.Encoding.PEM, formats[form], serialization.NoEncryption())
        return pem.decode()

    def locked(self):
        """The private half as PKCS#8 with a passphrase."""
        lock = serialization.BestAvailableEncryption(b"a passphrase")
        return self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


def rsa_key(bits=2048):
    """A fresh RSA key."""
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def ecdsa_key():
    """A fresh P-256 key."""
    return Key(ec.generate_private_key(ec.SECP256R1()))


def ed25519_key():
    """A fresh Ed25519 key."""
    return Key(ed25519.Ed25519PrivateKey.generate())


def two_words(line):
    """Type and base64 of a line: what makes a key the same key."""
    return " ".join(line.split()[:2]) if isinstance(line, str) else line


def md5(line):
    """The fingerprint that the clouds print."""
    return hashlib.md5(base64.b64decode(line.split()[1]), usedforsecurity=False).digest().hex(":")


def public_of(pem):
    """The two words of a private key's public half, and its size."""
    data = pem.encode()
    load = serialization.load_ssh_private_key if b"OPENSSH" in data else serialization.load_pem_private_key
    private = load(data, password=None)
    return private.public_key().public_bytes(*OPENSSH).decode(), getattr(private, "key_size", 256)
