"""The private halves that the service gives out log into a real OpenSSH sshd; the fingerprints are ssh-keygen's.

For every key type made here, and for keys that ssh-keygen and openssl made and that went through ImportPrivate and
ExportPrivate. sshd runs on loopback as the current user with a configuration, host key, port and authorized_keys of
its own, and knows only the public_key that the service returned: a key that is not the right one gets no shell.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from harness import Server, run_script, ssh_keygen, stubs, tool

MADE = [
    ("ed25519", "ED25519", 0), ("ecdsa-256", "ECDSA", 256), ("ecdsa-384", "ECDSA", 384), ("ecdsa-521", "ECDSA", 521),
    ("rsa-2048", "RSA", 2048), ("rsa-3072", "RSA", 3072), ("rsa-4096", "RSA", 4096),
]  # fmt: skip
# What ExportPrivate can give of each type. OpenSSH reads Ed25519 in PKCS#8 only since 9.6, so that one is compared
# by its public half.
FORMATS = {"ED25519": ["OPENSSH"], "ECDSA": ["OPENSSH", "PKCS8", "SEC1"], "RSA": ["OPENSSH", "PKCS8", "PKCS1"]}
BEGINS = {
    "OPENSSH": "OPENSSH PRIVATE KEY", "PKCS8": "PRIVATE KEY", "PKCS1": "RSA PRIVATE KEY", "SEC1": "EC PRIVATE KEY",
}  # fmt: skip
CURVES = {256: "prime256v1", 384: "secp384r1", 521: "secp521r1"}
# Making RSA-4096 pairs waits for a bounded pool.
CALL_SECONDS = 120


def body(claims):
    pb, pb_grpc = stubs()
    folder = Path(tempfile.mkdtemp(prefix="keypairs-sshd-"))
    try:
        with Server() as server, server.channel() as channel, Sshd(folder) as sshd:
            service = pb_grpc.KeyPairsStub(channel)
            stranger_is_refused(claims, sshd, folder)
            made_here(claims, pb, service, sshd)
            made_elsewhere(claims, pb, service, sshd, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stranger_is_refused(claims, sshd, folder):
    for name in ("known", "stranger"):
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    sshd.authorize((folder / "known.pub").read_text())
    claims.same(sshd.login((folder / "known").read_text()), "in", "sshd lets in the key it knows")
    refused = sshd.login((folder / "stranger").read_text())
    claims.that("Permission denied" in refused, "and no other one", refused)


def made_here(claims, pb, service, sshd):
    for name, key_type, bits in MADE:
        request = pb.CreateRequest(name=name, key_type=pb.KeyType.Value(f"KEY_TYPE_{key_type}"), bits=bits)
        made = service.Create(request, timeout=CALL_SECONDS)
        sshd.authorize(made.key_pair.public_key)
        claims.same(sshd.login(made.private_key), "in", f"{name} made here: the returned file logs in")
        fingerprints(claims, made.key_pair, name)
        exports(claims, pb, service, sshd, made.key_pair, key_type)
    ed25519_in_pkcs8(claims, pb, service)
    passphrase(claims, pb, service, sshd)


def made_elsewhere(claims, pb, service, sshd, folder):
    for name, key_type, path in foreign_keys(folder):
        text = path.read_text()
        # A project takes one key once; the same key comes in several formats.
        request = pb.ImportPrivateRequest(project_id=name, name=name, private_key=text)
        pair = service.ImportPrivate(request, timeout=CALL_SECONDS).key_pair
        sshd.authorize(pair.public_key)
        claims.same(sshd.login(text), "in", f"{name}: the public half computed here fits the file that came in")
        theirs = ssh_keygen("-y", "-f", openssh_form(text, path.with_name(path.name + ".openssh")))
        claims.same(two_words(pair.public_key), two_words(theirs), f"{name}: and is ssh-keygen's")
        fingerprints(claims, pair, name)
        exports(claims, pb, service, sshd, pair, key_type)


def exports(claims, pb, service, sshd, pair, key_type):
    for form in FORMATS[key_type]:
        number = pb.PrivateKeyFormat.Value(f"PRIVATE_KEY_FORMAT_{form}")
        request = pb.ExportPrivateRequest(project_id=pair.project_id, id=pair.id, format=number)
        answer = service.ExportPrivate(request, timeout=CALL_SECONDS)
        framed = answer.format == number and answer.private_key.startswith(f"-----BEGIN {BEGINS[form]}-----\n")
        claims.that(framed, f"{pair.name} exported as {form} says so", answer.private_key[:40])
        claims.same(sshd.login(answer.private_key), "in", f"{pair.name} exported as {form} logs in")


def ed25519_in_pkcs8(claims, pb, service):
    request = pb.ExportPrivateRequest(name="ed25519", format=pb.PRIVATE_KEY_FORMAT_PKCS8)
    answer = service.ExportPrivate(request, timeout=CALL_SECONDS)
    key = serialization.load_pem_private_key(answer.private_key.encode(), None)
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    ours = two_words(answer.key_pair.public_key)
    claims.same(two_words(line), ours, "ed25519 exported as PKCS8 has the same public half")


def passphrase(claims, pb, service, sshd):
    for name in ("ed25519", "ecdsa-256", "rsa-2048"):
        request = pb.ExportPrivateRequest(name=name, passphrase="long enough words")
        answer = service.ExportPrivate(request, timeout=CALL_SECONDS)
        sshd.authorize(answer.key_pair.public_key)
        locked = sshd.login(answer.private_key)
        claims.that(locked != "in", f"{name} exported under a passphrase does not log in without it", locked)
        path = sshd.key_file(answer.private_key)
        ssh_keygen("-q", "-p", "-P", "long enough words", "-N", "", "-f", path)
        claims.same(sshd.login(path.read_text()), "in", f"{name}: and does with it")


def fingerprints(claims, pair, name):
    for kind, ours in (("sha256", pair.fingerprint_sha256), ("md5", f"MD5:{pair.fingerprint_md5}")):
        bits, theirs = ssh_keygen("-l", "-E", kind, "-f", "-", stdin=pair.public_key).split()[:2]
        claims.same((ours, pair.bits), (theirs, int(bits)), f"{name}: {kind} fingerprint and bits are ssh-keygen's")


def foreign_keys(folder):
    """(name, type, path) of the keys that other programs made, in every format that is taken in."""
    keygen = [("ed25519", "ED25519", 256)] + [("ecdsa", "ECDSA", bits) for bits in CURVES]
    keygen += [("rsa", "RSA", bits) for bits in (2048, 3072, 4096)]
    for kind, key_type, bits in keygen:
        path = folder / f"keygen-{kind}-{bits}-openssh"
        ssh_keygen("-q", "-t", kind, "-b", bits, "-N", "", "-C", "from elsewhere", "-f", path)
        yield path.name, key_type, path
        for form in [] if kind == "ed25519" else ["PEM", "PKCS8"]:
            copy = folder / f"keygen-{kind}-{bits}-{form.lower()}"
            shutil.copy(path, copy)  # with its mode; the same key, so that RSA is made once per size
            ssh_keygen("-q", "-p", "-m", form, "-P", "", "-N", "", "-f", copy)
            yield copy.name, key_type, copy
    for bits in (2048, 3072, 4096):
        size = f"rsa_keygen_bits:{bits}"
        yield openssl(folder, f"openssl-rsa-{bits}-pkcs8", "RSA", "genpkey", "-algorithm", "RSA", "-pkeyopt", size)
        yield openssl(folder, f"openssl-rsa-{bits}-pkcs1", "RSA", "genrsa", "-traditional", str(bits))
    for bits, curve in CURVES.items():
        name = f"openssl-ecdsa-{bits}"
        group = f"ec_paramgen_curve:{curve}"
        yield openssl(folder, f"{name}-sec1", "ECDSA", "ecparam", "-name", curve, "-genkey", "-noout")
        yield openssl(folder, f"{name}-pkcs8", "ECDSA", "genpkey", "-algorithm", "EC", "-pkeyopt", group)
    yield openssl(folder, "openssl-ed25519-pkcs8", "ED25519", "genpkey", "-algorithm", "ED25519")


def openssl(folder, name, key_type, *arguments):
    done = subprocess.run([tool("openssl"), *arguments], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr.strip()}")
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(done.stdout)
    return name, key_type, path


def openssh_form(text, path):
    """Writes a private key where OpenSSH can read it, turning only Ed25519 in PKCS#8 into OpenSSH's own format."""
    if text.startswith("-----BEGIN PRIVATE KEY-----"):
        key = serialization.load_pem_private_key(text.encode(), None)
        if type(key).__name__.endswith("Ed25519PrivateKey"):
            form = serialization.PrivateFormat.OpenSSH
            text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def two_words(line):
    return line.split()[:2]


class Sshd:
    """One sshd that knows one key at a time."""

    def __init__(self, folder):
        self.folder = folder / "sshd"
        self.folder.mkdir(mode=0o700)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.keys = 0
        self.port = None
        self.process = None

    def __enter__(self):
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)  # sshd as root wants it
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host")
        self.port = free_port()
        (self.folder / "config").write_text(self._config())
        program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            raise RuntimeError("sshd is not installed: tests/run.sh installs what the tests need")
        self._lift_penalties(program)
        with open(self.folder / "log", "wb") as log:
            # sshd starts itself again for every connection, so it must be called by its whole path.
            command = [program, "-D", "-e", "-f", str(self.folder / "config")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_listening()
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def authorize(self, public_key):
        """From now on this is the only key that gets in."""
        (self.folder / "authorized_keys").write_text(public_key.rstrip("\n") + "\n")

    def key_file(self, private_key):
        self.keys += 1
        path = self.folder / f"key-{self.keys}"
        path.touch(mode=0o600)
        path.write_text(private_key)
        return path

    def login(self, private_key):
        """"in" when the shell there answered, else what ssh said."""
        path = openssh_form(private_key, self.key_file(private_key))
        answer = secrets.token_hex(8)
        options = [
            "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey",
            "StrictHostKeyChecking=no", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "ConnectTimeout=20",
        ]  # fmt: skip
        command = [tool("ssh"), "-F", "none", "-T", "-i", str(path), "-p", str(self.port)]
        command += [word for option in options for word in ("-o", option)]
        command += [f"{self.user}@127.0.0.1", f"echo {answer}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        inside = done.returncode == 0 and answer in done.stdout
        return "in" if inside else f"{done.returncode}: {done.stderr.strip()[-300:]}"

    def _config(self):
        # StrictModes would refuse any authorized_keys under a world-writable /tmp; UsePAM needs root.
        return f"""Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host
PidFile none
AuthorizedKeysFile {self.folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin prohibit-password
LogLevel VERBOSE
"""

    def _lift_penalties(self, program):
        """Newer versions shut out an address after a few refusals; older ones do not know the word."""
        config = self.folder / "config"
        without = config.read_text()
        config.write_text(without + "PerSourcePenalties no\n")
        if subprocess.run([program, "-t", "-f", str(config)], capture_output=True, timeout=20).returncode != 0:
            config.write_text(without)

    def _wait_until_listening(self):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"sshd ended: {(self.folder / 'log').read_text()[-1000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("sshd was not listening after 15 s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    run_script("sshd_login", body)
