"""No sound key is refused and no weak one let in, over gRPC on a real server, with badkeys as the oracle.

Sound: made by ssh-keygen, openssl and puttygen; badkeys must find nothing in them either. Weak: made by weak_numbers.py;
badkeys must find what it knows of. Set KEYPAIRS_KEYS=10 for ten times as many sound keys. badkeys' own blocklists have to
be fetched from the network, so they are left out; the operator's list is tested with keys of our own.
"""

import os
import random
import subprocess
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from badkeys import checks as badkeys
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import weak_numbers
from harness import Server, binary, run_script, ssh_keygen, stubs, tool

TIMES = int(os.environ.get("KEYPAIRS_KEYS", "1"))
CHECKS = [name for name in badkeys.allchecks if name not in ("blocklist", "sharedprimes")]
SEED = 20261124
# How many sound keys of each maker and kind: mostly of the cheap ones.
SSH_KEYGEN = {("ed25519", 256): 260, ("ecdsa", 256): 110, ("ecdsa", 384): 80, ("ecdsa", 521): 80,
              ("rsa", 2048): 50, ("rsa", 3072): 6, ("rsa", 4096): 3}  # fmt: skip
OPENSSL = {"ed25519": 140, "P-256": 70, "P-384": 50, "P-521": 50, "rsa:2048": 50, "rsa:3072": 5, "rsa:4096": 2}
PUTTYGEN = {("ed25519", 255): 40, ("ecdsa", 256): 20, ("ecdsa", 384): 12, ("ecdsa", 521): 12, ("rsa", 2048): 12}
# Calls under way at one time: the server's pool has two threads.
CALLS = 6


def body(claims):
    pb, pb_grpc = stubs()
    with tempfile.TemporaryDirectory(prefix="keypairs-badkeys-") as folder, ThreadPoolExecutor(CALLS) as threads:
        folder = Path(folder)
        listed = [ssh_key(folder, ("ed25519", 256), f"listed-{at}")[0] for at in range(20)]
        table = compromised(folder, listed)
        config = f'[quota]\nkey_pairs_per_project = 100000\n[policy]\ncompromised_keys_file = "{table}"\n'
        with Server(config) as server, server.channel() as channel:
            importer = Importer(pb, pb_grpc.KeyPairsStub(channel))
            sound(claims, importer, threads, folder)
            weak(claims, importer, threads)
            listed_keys(claims, importer, listed)
            shared_primes(claims, importer)
            held = importer.held("weak")
            claims.same(held, 0, "the project that was sent the weak keys holds nothing")


def sound(claims, importer, threads, folder):
    keys = {
        "ssh-keygen": made(threads, folder, SSH_KEYGEN, ssh_key),
        "openssl": made(threads, folder, OPENSSL, openssl_key),
        "puttygen": made(threads, folder, PUTTYGEN, putty_key),
    }
    total = 0
    for maker, texts in keys.items():
        found = [text for text, _ in texts if badkeys_finds(text)]
        claims.same(found, [], f"badkeys finds nothing in {len(texts)} keys of {maker}")
        # Every third one goes in whole.
        sends = [private if at % 3 == 0 else public for at, (public, private) in enumerate(texts)]
        refused = [answer for answer in threads.map(lambda text: importer.send("sound", text), sends) if answer]
        claims.same(refused, [], f"none of {len(texts)} keys of {maker} is refused")
        total += len(texts)
    claims.that(total >= 1000 * TIMES, f"there were {total} sound keys: at least {1000 * TIMES}")


def weak(claims, importer, threads):
    total = 0
    for name, keys in weak_numbers.all_weak(SEED).items():
        answers = threads.map(lambda key: importer.send("weak", key.text, key.private), keys)
        wrong = [(key.what, answer) for key, answer in zip(keys, answers) if answer != key.reason]
        claims.same(wrong, [], f"{name}: {len(keys)} weak keys are refused for what they are")
        missed = [key.what for key in keys if key.badkeys and not knows(key)]
        claims.same(missed, [], f"{name}: badkeys agrees where it knows the class")
        total += len(keys)
    claims.that(total >= 300, f"there were {total} weak keys: at least 300")


def listed_keys(claims, importer, listed):
    answers = [importer.send("weak", line) for line in listed]
    claims.same(answers, ["COMPROMISED_KEY"] * len(listed), f"{len(listed)} keys of the operator's list are refused")


def shared_primes(claims, importer):
    rng = random.Random(f"{SEED} shared")
    primes = [weak_numbers.prime(rng, 1024) for _ in range(24)]
    stored = [weak_numbers.public("stored", p * q, 65537, None, None) for p, q in zip(primes[:4], primes[4:8])]
    answers = [importer.send("shared", key.text) for key in stored]
    claims.same(answers, [None] * 4, "four sound RSA keys are taken")
    sharing = [weak_numbers.public("", primes[at % 8] * primes[8 + at], 65537, None, None) for at in range(16)]
    answers = [importer.send("shared", key.text) for key in sharing]
    claims.same(answers, ["RSA_SHARED_FACTOR"] * 16, "sixteen keys that share a prime with one of them are refused")
    claims.same(importer.held("shared"), 4, "and none of those is stored")


class Importer:
    """Sends keys, each under a name of its own."""

    def __init__(self, pb, service):
        self.pb, self.service, self.count = pb, service, 0

    def send(self, project, text, private=None):
        """Imports a key; None when it was taken, else the reason."""
        self.count += 1
        name = f"key-{self.count}-{random.getrandbits(64):x}"
        if private is None:
            private = "PRIVATE KEY" in text or text.startswith("PuTTY-User-Key-File")
        try:
            if private:
                request = self.pb.ImportPrivateRequest(project_id=project, name=name, private_key=text)
                self.service.ImportPrivate(request, timeout=60)
            else:
                request = self.pb.ImportPublicRequest(project_id=project, name=name, public_key=text)
                self.service.ImportPublic(request, timeout=60)
        except grpc.RpcError as refused:
            return reason(refused)
        return None

    def held(self, project):
        return self.service.GetProject(self.pb.GetProjectRequest(project_id=project), timeout=10).key_pairs


def reason(refused):
    for detail in rpc_status.from_call(refused).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return str(refused)


def made(threads, folder, kinds, maker):
    jobs = [(kind, f"{maker.__name__}-{at}-{number}") for at, kind in enumerate(kinds) for number in range(kinds[kind] * TIMES)]
    return list(threads.map(lambda job: maker(folder, *job), jobs))


def ssh_key(folder, kind, name):
    """A key of ssh-keygen: its public line and its file."""
    path = folder / name
    ssh_keygen("-q", "-t", kind[0], "-b", kind[1], "-N", "", "-C", "sound", "-f", path)
    return path.with_name(name + ".pub").read_text(), path.read_text()


def openssl_key(_folder, kind, _name):
    """A key of openssl: the public line of it, and its PKCS#8 file."""
    if kind.startswith("rsa:"):
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}"]
    elif kind == "ed25519":
        options = ["-algorithm", "ED25519"]
    else:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
    text = run("openssl", "genpkey", *options)
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(text.encode(), None).public_key()
    return key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode(), text


def putty_key(folder, kind, name):
    """A key of puttygen: its public line and its PPK file."""
    path, empty = folder / name, folder / "empty"
    empty.touch()
    run("puttygen", "-q", "-t", kind[0], "-b", str(kind[1]), "--new-passphrase", str(empty), "-o", str(path))
    return run("puttygen", str(path), "-O", "public-openssh", "-o", "/dev/stdout"), path.read_text()


def compromised(folder, lines):
    """The operator's list: half of it as fingerprints, half as keys."""
    prints = [weak_numbers.fingerprint(line) for line in lines[: len(lines) // 2]]
    (folder / "list").write_text("\n".join(prints) + "\n" + "".join(lines[len(lines) // 2 :]))
    table = folder / "compromised.kpc"
    subprocess.run([binary(), "compromised", "build", folder / "list", "--out", table], check=True, timeout=60)
    return table


def badkeys_finds(line):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = badkeys.checksshpubkey(line, CHECKS)
    return found["results"] or found["type"] in ("unparseable", "unsupported")


def knows(key):
    names = (key.badkeys,) if isinstance(key.badkeys, str) else key.badkeys
    return any(badkeys.checkrsa(key.n, e=key.e, checks=[name]) for name in names)


def run(program, *arguments):
    done = subprocess.run([tool(program), *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{program} {arguments}: {done.stderr.strip()}")
    return done.stdout


run_script("badkeys_oracle", body)
