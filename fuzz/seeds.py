"""Seeds of the fuzz targets, from tests/vectors: python3 fuzz/seeds.py FOLDER makes FOLDER/TARGET/... anew.

Text targets get the files as they are; the others get what is inside, in the order that the head of each target tells.
openssl locks a few keys at the smallest cost, because the corpus has real costs, which fuzzing refuses.
"""

import base64
import hashlib
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = ROOT / "tests/vectors/keys"
KPE1 = ROOT / "tests/vectors/kpe1"
PASSPHRASE = "correct horse"
SIZE_MAX = 12_000  # what is larger only shows that it is too large


class Seeds:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.count = 0

    def put(self, target, data):
        if len(data) > SIZE_MAX:
            return
        place = self.folder / target
        place.mkdir(parents=True, exist_ok=True)
        (place / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        self.count += 1


def piece(data):
    return struct.pack(">H", len(data)) + data


def string(data):
    return struct.pack(">I", len(data)) + data


def block(text):
    """Label, headers and bytes of a PEM block; None when it is none."""
    found = re.fullmatch(
        r"\s*-----BEGIN ([^\n-]+)-----\n((?:[^\n]*:[^\n]*\n)*)\n?([A-Za-z0-9+/=\n]+)-----END [^\n-]+-----\s*",
        text.replace("\r\n", "\n"),
    )
    if not found:
        return None
    try:
        return found[1], found[2], base64.b64decode(found[3])
    except ValueError:
        return None


def public_keys(seeds, text):
    words = text.split()
    if len(words) >= 2 and words[1].startswith("AAAA"):
        try:
            blob = base64.b64decode(words[1])
        except ValueError:
            return
        seeds.put("public_blob", b"\0" + blob)
        seeds.put("public_blob", b"\1" + blob)
    found = block(text)
    if found:
        seeds.put("public_blob", {"PUBLIC KEY": b"\2", "RSA PUBLIC KEY": b"\3"}.get(found[0], b"\2") + found[2])


def openssh(seeds, data):
    seeds.put("openssh", data)
    # magic, cipher, kdf, options, 1, public, section
    at, parts = 15, []
    try:
        for number in range(6):
            if number == 3:
                at += 4
            if number < 5 or at < len(data):
                (length,) = struct.unpack_from(">I", data, at)
                parts.append(data[at + 4 : at + 4 + length])
                at += 4 + length
    except struct.error:
        return
    if parts[0] != b"none" or len(parts) < 5:
        return
    public, section = parts[3], parts[4]
    # Every padding of a cipher with blocks of 16.
    bare = section.rstrip(bytes(range(1, 9)))
    bare += section[len(bare) :][: -(section[-1] if section[-1] < 9 else 0) or None]
    section = bare + bytes(range(1, 1 + (-len(bare)) % 16))
    for cipher in range(6):
        seeds.put("openssh_locked", bytes([cipher]) + piece(public) + section)


def der(seeds, label, data):
    if label == "RSA PRIVATE KEY":
        seeds.put("pkcs1", data)
        targets = {0}
    elif label == "EC PRIVATE KEY":
        seeds.put("sec1", b"\0" + data)
        targets = {1}
    elif label == "DSA PRIVATE KEY":
        seeds.put("sec1", b"\1" + data)
        targets = {2}
    elif label == "PRIVATE KEY":
        seeds.put("pkcs8", data)
        seeds.put("pbes2", b"\1" + data)
        return
    elif label == "ENCRYPTED PRIVATE KEY":
        seeds.put("pbes2", b"\0" + data)
        return
    else:
        return
    for kind in targets:
        for cipher in range(4):
            seeds.put("dek_info", bytes([cipher, kind]) + data)


def ppk(seeds, text):
    lines = text.replace("\r\n", "\n").split("\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    if headers.get("Encryption") != "none":
        return

    def body(name):
        start = next((n for n, line in enumerate(lines) if line.startswith(name + ": ")), None)
        count = int(headers[name]) if start is not None and headers[name].isdigit() else 0
        return base64.b64decode("".join(lines[start + 1 : start + 1 + min(count, 200)])) if start is not None else b""

    try:
        public, private = body("Public-Lines"), body("Private-Lines")
    except ValueError:
        return
    comment = headers.get("Comment", "").encode()
    for flags in range(4):
        seeds.put("ppk", bytes([flags]) + piece(comment) + piece(public) + private)


def cheap_locks(seeds):
    ways = [
        ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1", "-iter", "1"],
        ["-v2", "des3", "-v2prf", "hmacWithSHA512", "-iter", "2"],
        ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA224", "-iter", "16"],
        ["-v2", "aes-192-cbc", "-scrypt", "-scrypt_N", "2", "-scrypt_r", "1", "-scrypt_p", "1"],
        ["-v2", "aes-256-cbc", "-scrypt", "-scrypt_N", "16", "-scrypt_r", "2", "-scrypt_p", "2"],
    ]
    for key in ["openssl-pkcs8-p256", "openssl-pkcs8-ed25519"]:
        for way in ways:
            command = ["openssl", "pkcs8", "-topk8", "-in", KEYS / key, "-passout", f"pass:{PASSPHRASE}", *way]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seeds.put("private_text", text.encode())
            seeds.put("pbes2", b"\0" + block(text)[2])


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def record(name, blob, short, stored, deleted):
    """A KeyPairRecord (proto/storage/v1/record.proto)."""
    sealed = field(1, 1) + field(2, b"keyring") + field(3, b"default") + field(4, b"default") + field(5, b"1")
    parts = [
        field(1, name), field(2, b"a key"), field(3, field(1, b"env") + field(2, b"test")), field(4, b"me@example.com"),
        field(5, blob), field(6, b"a comment"), field(7, 2 if stored else 1), field(8, sealed) if stored else b"",
        field(9, 1 if stored else 3), field(10, 4 if deleted else 2), field(11, 1_760_000_000_000),
        field(12, 1_760_000_000_001), field(13, 1_760_000_000_002) if deleted else b"",
        field(14, 1_760_600_000_000) if deleted else b"", field(15, 3), field(16, short), field(17, 1 if stored else 0),
    ]
    return b"".join(parts)


def stored(seeds, blobs):
    ring = bytes.fromhex(json.loads((KPE1 / "keyring.json").read_text())["file"])
    seeds.put("keyring", b"\0" + ring)
    seeds.put("keyring", b"\1" + ring)
    envelopes = [
        bytes.fromhex(one["envelope"])
        for name in ["sealed.json", "refused.json"]
        for one in json.loads((KPE1 / name).read_text())
    ]
    for envelope in envelopes:
        seeds.put("envelope", envelope)
    entries = []
    for number, blob in enumerate(blobs):
        name, short = b"pair-%d" % number, b"short%03d" % number
        for kind in range(4):
            row = record(name, blob, short, kind & 1, kind & 2)
            seeds.put("record", row)
            entry = b"\1\x07default" + struct.pack(">QQ", kind, number) + piece(row)
            entries.append(entry + piece(envelopes[0] if kind & 1 else b""))
    entries.append(b"\2\x07default" + bytes(16) + piece(b"") + piece(b""))
    for entry in entries:
        seeds.put("backup", b"\1" + entry)
    few = entries[0] + entries[5] + entries[-1]
    seeds.put("backup", b"\1" + few)
    seeds.put("backup", b"\3" + piece(entries[0] + entries[5]) + entries[4] + entries[0])
    seeds.put("backup", b"\0KPB1\1" + b"k" * 16 + b"\0\0\0\1" + bytes(8) + b"s" * 32 + b"\1\0\0\0\x10" + bytes(16))
    seeds.put("page_token", b"\0\0")
    seeds.put("page_token", b"\0\0" + base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"="))
    for at in [0, 127, 128, 255]:
        seeds.put("page_token", b"\1\7" + bytes(range(16)) + bytes([at]))


def main():
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    seeds, blobs = Seeds(folder), {}
    for line in (KEYS / "cases.tsv").read_text().splitlines()[1:]:
        name, side = line.split("\t")[:2]
        raw = (KEYS / name).read_bytes()
        text = raw.decode("utf-8", "replace")
        seeds.put(f"{side}_text", raw)
        if side == "public":
            public_keys(seeds, text)
            words = text.split()
            if name.startswith("line-"):
                blobs[words[0]] = base64.b64decode(words[1])
        elif text.startswith("PuTTY"):
            ppk(seeds, text)
        elif found := block(text):
            label, headers, data = found
            if label == "OPENSSH PRIVATE KEY":
                openssh(seeds, data)
            elif not headers:
                der(seeds, label, data)
    cheap_locks(seeds)
    stored(seeds, list(blobs.values()))
    print(f"{seeds.count} seeds for {len(list(folder.iterdir()))} targets")


if __name__ == "__main__":
    main()
