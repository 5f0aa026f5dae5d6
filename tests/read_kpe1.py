#!/usr/bin/env python3
"""Reads the golden vectors of KPE1 and KPK1 from docs/FORMAT.md alone: no code of keypairs, only PyPI `cryptography`.

    read_kpe1.py DIR        DIR holds keyring.json, sealed.json and refused.json

Prints one line per vector; exit code 1 when one of them does not give what it should.
"""

import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refused(Exception):
    """The bytes are not what they should be; the argument is the reason of the contract."""


def corrupt(condition):
    if condition:
        raise Refused("RECORD_CORRUPT")


class Reader:
    """Walks over bytes; every field is big-endian."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        corrupt(self.at + size > len(self.data))
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "big", signed=signed)

    def text(self, least=1, most=255):
        data = self.take(self.number(1))
        corrupt(not least <= len(data) <= most)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Refused("RECORD_CORRUPT") from None

    def bytes16(self):
        return self.take(self.number(2))

    def end(self):
        corrupt(self.at != len(self.data))


def hkdf(secret, salt, info):
    """HKDF-SHA-512 (RFC 5869), 32 bytes: one block is enough."""
    prk = hmac.digest(salt, secret, "sha512")
    return hmac.digest(prk, info + b"\x01", "sha512")[:32]


def unseal(key, nonce, aad, sealed):
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise Refused("RECORD_CORRUPT") from None


def counted(text):
    data = text.encode()
    return bytes([len(data)]) + data


# --- the keyring file, KPK1


def read_keyring(data):
    reader = Reader(data)
    corrupt(reader.take(4) != b"KPK1" or reader.number(1) != 1)
    ring = {"id": reader.take(16), "serial": reader.number(8), "created": reader.number(8, signed=True)}
    corrupt(reader.number(1) != 1)
    ring["root"] = root = reader.bytes16()
    corrupt(len(root) != 32)
    file_key, seal_key = (hkdf(root, ring["id"], b"KPK1 " + label) for label in (b"file", b"seal"))
    corrupt(hmac.digest(file_key, data[:-32], "sha256") != data[-32:])
    ring["keks"], ring["mac_roots"], last = {}, {}, None
    for _ in range(reader.number(2)):
        start = reader.at
        kind, name, version = reader.number(1), reader.text(least=0), reader.number(4)
        created, state = reader.number(8, signed=True), reader.number(1)
        aad = b"KPK1 entry" + ring["id"] + data[start : reader.at]
        sealed = reader.bytes16()
        corrupt(kind not in (1, 2) or state not in (1, 2, 3) or version == 0 or (kind == 2) != (name == ""))
        corrupt(last is not None and (kind, name.encode(), version) <= last)
        last = (kind, name.encode(), version)
        key = None
        if state == 3:
            corrupt(sealed != b"")
        else:
            corrupt(len(sealed) != 12 + 32 + 16)
            key = unseal(seal_key, sealed[:12], aad, sealed[12:])
        if kind == 1:
            ring["keks"][name, version] = {"created": created, "state": state, "key": key}
        else:
            ring["mac_roots"][version] = {"created": created, "state": state, "key": key}
    reader.take(32)
    reader.end()
    return ring


def purpose_key(ring, version, purpose):
    return hkdf(ring["mac_roots"][version]["key"], ring["id"], b"KPK1 purpose " + purpose.encode())


# --- the envelope, KPE1


def read_envelope(data):
    corrupt(len(data) > 16384)
    reader = Reader(data)
    corrupt(reader.take(4) != b"KPE1")
    version = reader.number(1)
    if version > 1:
        raise Refused("FORMAT_VERSION_UNKNOWN")
    corrupt(version != 1 or reader.number(1) != 1 or reader.number(1) != 1)
    parts = {"maker": reader.number(1), "id": reader.take(16), "project": reader.text(most=64)}
    parts["mode"] = {1: "default", 2: "kms"}.get(reader.number(1))
    parts["key_code"], parts["fingerprint"] = reader.number(1), reader.take(32)
    parts["generation"], parts["created"] = reader.number(8), reader.number(8, signed=True)
    corrupt(parts["maker"] > 3 or parts["mode"] is None or not 1 <= parts["key_code"] <= 6)
    parts["salt"], parts["commitment"], parts["nonce"] = reader.take(32), reader.take(32), reader.take(12)
    parts["aad"] = data[: reader.at]
    size = reader.number(4)
    corrupt(not 1 <= size <= 12288)
    parts["A"] = data[: reader.at]
    parts["B"] = reader.take(size + 16)
    start, parts["wraps"] = reader.at, []
    count = reader.number(1)
    corrupt(not 1 <= count <= 3)
    for _ in range(count):
        backend = reader.number(1)
        corrupt(backend != 1)
        wrap = {"backend": "keyring", "name": reader.text(), "version": reader.text(most=64), "id": reader.text()}
        wrap["call"], wrap["wrapped"] = reader.take(16), reader.bytes16()
        corrupt(not 1 <= len(wrap["wrapped"]) <= 4096)
        parts["wraps"].append(wrap)
    parts["C"] = data[start : reader.at]
    parts["D"] = reader.take(32)
    reader.end()
    return parts


def wrap_context(parts, wrap):
    bound = b"KPE1 wrap" + counted(parts["project"]) + parts["id"] + bytes([parts["maker"]])
    bound += parts["fingerprint"] + parts["commitment"] + counted(wrap["name"])
    return hashlib.sha256(bound).digest()


def unwrap(ring, parts, wrap):
    number = wrap["version"]
    canonical = number.isascii() and number.isdigit() and str(int(number)) == number
    kek = ring["keks"].get((wrap["name"], int(number))) if canonical and wrap["id"] == wrap["name"] else None
    if kek is None:
        raise Refused("KMS_KEY_NOT_FOUND")
    if kek["key"] is None:
        raise Refused("KMS_KEY_DISABLED")
    wrapped = wrap["wrapped"]
    corrupt(len(wrapped) != 32 + 12 + 32 + 16)
    key = hkdf(kek["key"], wrapped[:32], b"KPK1 wrap")
    return unseal(key, wrapped[32:44], wrap_context(parts, wrap), wrapped[44:])


def open_envelope(ring, data, identity):
    """The DEK and the secret."""
    parts = read_envelope(data)
    for field, value in identity.items():
        found = parts[field]
        if isinstance(found, bytes):
            found = ("kp-" if field == "id" else "") + found.hex()
        corrupt(found != value)
    dek = unwrap(ring, parts, parts["wraps"][0])
    enc, commit, mac = (hkdf(dek, parts["salt"], b"KPE1\x01" + label) for label in (b"enc", b"commit", b"mac"))
    corrupt(not hmac.compare_digest(commit, parts["commitment"]))
    corrupt(not hmac.compare_digest(hmac.digest(mac, parts["A"] + parts["C"], "sha256"), parts["D"]))
    return dek, parts["wraps"][0], unseal(enc, parts["nonce"], parts["aad"], parts["B"])


# --- the vectors

STATES = {1: "active", 2: "decrypt-only", 3: "destroyed"}


def check_keyring(vector):
    ring = read_keyring(bytes.fromhex(vector["file"]))
    yield "keyring id", ring["id"].hex() == vector["id"]
    yield "keyring root", ring["root"].hex() == vector["root"]
    yield "number of KEKs", len(ring["keks"]) == len(vector["keks"])
    for want in vector["keks"]:
        kek = ring["keks"][want["name"], want["version"]]
        same = kek["key"].hex() == want["key"] and kek["created"] == want["created"]
        yield f"KEK {want['name']} {want['version']}", same and STATES[kek["state"]] == want["state"]
    for want in vector["mac_roots"]:
        yield f"MAC root {want['version']}", ring["mac_roots"][want["version"]]["key"].hex() == want["key"]
    for want in vector["purposes"]:
        key = purpose_key(ring, want["version"], want["purpose"])
        yield f"purpose {want['purpose']}", key.hex() == want["key"]


def check_sealed(ring, vector):
    dek, wrap, secret = open_envelope(ring, bytes.fromhex(vector["envelope"]), vector["identity"])
    same = dek.hex() == vector["dek"] and secret.hex() == vector["secret"]
    return same and all(wrap[field] == value for field, value in vector["kek"].items())


def check_refused(ring, vector):
    try:
        open_envelope(ring, bytes.fromhex(vector["envelope"]), vector["identity"])
    except Refused as refused:
        return refused.args[0] == vector["reason"]
    return False


def results(folder):
    def load(name):
        return json.loads((folder / name).read_text())

    ring = load("keyring.json")
    yield from check_keyring(ring)
    ring = read_keyring(bytes.fromhex(ring["file"]))
    for name, check in (("sealed.json", check_sealed), ("refused.json", check_refused)):
        for vector in load(name):
            try:
                yield f"{name}: {vector['name']}", check(ring, vector)
            except Refused as refused:
                yield f"{name}: {vector['name']}: {refused}", False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    count = wrong = 0
    for name, right in results(pathlib.Path(sys.argv[1])):
        count, wrong = count + 1, wrong + (not right)
        print("ok   " if right else "WRONG", name)
    print(f"{count} checks, {wrong} wrong")
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
