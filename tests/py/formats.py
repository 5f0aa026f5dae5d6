"""Every key file that people have comes in, and goes out in every format that fits, as the same key.

tests/vectors/make_keys.py makes the files anew with ssh-keygen, openssl and puttygen: each format, key type, and
passphrase or none. Each is imported over gRPC; what ExportPrivate gives of it, with and without a passphrase, is read
by the tool whose format it is, and must be the same key. Keys that went through the new formats log into a real sshd.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc

from harness import ROOT, Server, binary, run_script, ssh_keygen, stubs, tool
from sshd_login import Sshd, two_words

CONFIG = '[policy]\nallow_key_types = ["dsa"]\n'
PASSPHRASE = "another passphrase, with blanks and \u00fcmlauts"
FORMATS = {
    "ED25519": ["OPENSSH", "PKCS8", "PPK"], "ECDSA": ["OPENSSH", "PKCS8", "PPK", "SEC1"],
    "RSA": ["OPENSSH", "PKCS8", "PPK", "PKCS1"], "DSA": ["OPENSSH", "PKCS8", "PPK"],
}  # fmt: skip
LOCKABLE = ["OPENSSH", "PKCS8", "PPK"]
LEAST = 60
CALL_SECONDS = 60


def body(claims):
    pb, pb_grpc = stubs()
    folder = Path(tempfile.mkdtemp(prefix="keypairs-formats-"))
    try:
        files = folder / "files"
        subprocess.run([sys.executable, ROOT / "tests/vectors/make_keys.py", files], check=True, capture_output=True)
        cases = [line.split("\t") for line in (files / "cases.tsv").read_text().splitlines()[1:]]
        taken = [case for case in cases if case[5].startswith("SHA256:")]
        with Server(CONFIG) as server, server.channel() as channel:
            service = pb_grpc.KeyPairsStub(channel)
            reader = Reader(folder)
            private = [case for case in taken if case[1] == "private"]
            claims.that(len(private) >= LEAST, f"{len(private)} private key files of other tools were made")
            for number, case in enumerate(private):
                through_and_back(claims, pb, service, reader, files, f"file-{number}", case)
            for number, case in enumerate(taken):
                if case[1] == "public":
                    public(claims, pb, service, files, f"public-{number}", case)
            logins(claims, pb, service, reader, folder, private)
            command_line(claims, server, reader, files, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def through_and_back(claims, pb, service, reader, files, project, case):
    name, _, passphrase, _, _, fingerprint = case
    request = pb.ImportPrivateRequest(project_id=project, name=name, private_key=text_of(files / name))
    request.passphrase = "" if passphrase == "-" else passphrase
    try:
        pair = service.ImportPrivate(request, timeout=CALL_SECONDS).key_pair
    except grpc.RpcError as fault:
        claims.that(False, f"{name} is taken", fault.details())
        return
    claims.same(pair.fingerprint_sha256, fingerprint, f"{name} is taken, with ssh-keygen's fingerprint")
    for form in FORMATS[pb.KeyType.Name(pair.key_type).removeprefix("KEY_TYPE_")]:
        for lock in ["", PASSPHRASE] if form in LOCKABLE else [""]:
            text = export(pb, service, pair, form, lock)
            seen = reader.public_line(form, text, lock)
            claims.same(two_words(seen), two_words(pair.public_key), f"{name} as {form}{' locked' if lock else ''}")


def export(pb, service, pair, form, passphrase):
    number = pb.PrivateKeyFormat.Value(f"PRIVATE_KEY_FORMAT_{form}")
    request = pb.ExportPrivateRequest(project_id=pair.project_id, id=pair.id, format=number, passphrase=passphrase)
    return service.ExportPrivate(request, timeout=CALL_SECONDS).private_key


def public(claims, pb, service, files, project, case):
    name, fingerprint = case[0], case[5]
    request = pb.ImportPublicRequest(project_id=project, name=name, public_key=text_of(files / name))
    try:
        pair = service.ImportPublic(request, timeout=CALL_SECONDS).key_pair
    except grpc.RpcError as fault:
        claims.that(False, f"{name} is taken", fault.details())
        return
    claims.same(pair.fingerprint_sha256, fingerprint, f"{name} is taken, with ssh-keygen's fingerprint")
    theirs = ssh_keygen("-l", "-f", "-", stdin=pair.public_key).split()[1]
    claims.same(theirs, fingerprint, f"{name} is given as a line of the same key")


def logins(claims, pb, service, reader, folder, private):
    """What a tool makes of our files logs in: once for each key and each format that sshd_login.py has not."""
    first = {}
    for number, case in enumerate(private):
        first.setdefault(case[5], (f"file-{number}", case[0]))
    with Sshd(folder) as sshd:
        for project, name in first.values():
            key = pb.GetRequest(project_id=project, name=name)
            pair = service.Get(key, timeout=CALL_SECONDS).key_pair
            if pair.key_type == pb.KEY_TYPE_DSA:
                continue  # sshd does not let DSA in
            sshd.authorize(pair.public_key)
            for form, lock in [("PPK", ""), ("PPK", PASSPHRASE), ("PKCS8", PASSPHRASE), ("OPENSSH", PASSPHRASE)]:
                text = reader.plain(form, export(pb, service, pair, form, lock), lock)
                claims.same(sshd.login(text), "in", f"{name} as {form}{' locked' if lock else ''} logs in")


def command_line(claims, server, reader, files, folder):
    """A locked file in, a locked PPK out, and no passphrase in any argument."""
    lock, new = folder / "lock", folder / "new"
    lock.write_text("correct horse\n")
    new.write_text(PASSPHRASE + "\n")
    out = folder / "cli.ppk"

    def keypairs(*words):
        command = [binary(), *map(str, words), "--server", f"http://{server.address}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    file = files / "openssl-pem-rsa-aes256"
    wrong = keypairs("import-private", "cli", file, "--passphrase-file", new)
    refused = wrong.returncode != 0 and "PASSPHRASE_WRONG" in wrong.stderr
    claims.that(refused, "the command line tells that a passphrase is wrong", wrong.stderr)
    done = keypairs("import-private", "cli", file, "--passphrase-file", lock)
    claims.same(done.returncode, 0, "the command line imports a locked file" + done.stderr)
    done = keypairs("export", "cli", "--format", "ppk", "--passphrase-file", new, "--out", out)
    claims.same(done.returncode, 0, "and exports a locked PPK" + done.stderr)
    theirs = ssh_keygen("-y", "-P", "correct horse", "-f", reader.write(file.read_text()))
    seen = reader.public_line("PPK", out.read_text(), PASSPHRASE)
    claims.same(two_words(seen), two_words(theirs), "which puttygen reads as the same key")


class Reader:
    """Reads private keys with the tools whose formats they are."""

    def __init__(self, folder):
        self.file = folder / "read"
        self.lock = folder / "read.pass"
        self.out = folder / "read.out"

    def public_line(self, form, text, passphrase):
        """The OpenSSH line of a private key."""
        path = self.write(text)
        if form == "OPENSSH":
            return ssh_keygen("-y", "-P", passphrase, "-f", path)
        if form == "PPK":
            return self.puttygen(passphrase, "public-openssh")
        spki = self.openssl(passphrase, "pkey", "-pubout")
        der = self.openssl(passphrase, "pkey", "-pubout", "-outform", "DER")
        if der[:12] == bytes.fromhex("302a300506032b6570032100"):
            from base64 import b64encode
            from struct import pack

            blob = b"".join(pack(">I", len(part)) + part for part in (b"ssh-ed25519", der[12:]))
            return f"ssh-ed25519 {b64encode(blob).decode()}"  # ssh-keygen 9.2 reads no Ed25519 in PKCS#8
        return ssh_keygen("-i", "-m", "PKCS8", "-f", "/dev/stdin", stdin=spki.decode())

    def plain(self, form, text, passphrase):
        """The same private key without its passphrase, in a format that ssh reads."""
        path = self.write(text)
        if form == "OPENSSH":
            ssh_keygen("-q", "-p", "-P", passphrase, "-N", "", "-f", path)
            return path.read_text()
        if form == "PPK":
            return self.puttygen(passphrase, "private-openssh")
        return self.openssl(passphrase, "pkcs8", "-topk8", "-nocrypt").decode()

    def write(self, text):
        """The file, for the tools."""
        self.file.unlink(missing_ok=True)
        self.file.touch(mode=0o600)
        self.file.write_text(text)
        return self.file

    def puttygen(self, passphrase, form):
        self.lock.write_text(passphrase)
        self.out.unlink(missing_ok=True)
        command = [tool("puttygen"), self.file, "-O", form, "-o", self.out, "--old-passphrase", self.lock]
        if form.startswith("private"):
            none = self.lock.with_suffix(".none")
            none.write_text("")
            command += ["--new-passphrase", none]
        run(command)
        return self.out.read_text()

    def openssl(self, passphrase, *arguments):
        self.lock.write_text(passphrase)
        lock = ["-passin", f"file:{self.lock}"] if passphrase else []  # openssl takes no empty file
        return run([tool("openssl"), *arguments, "-in", self.file, *lock])


def run(command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.decode().strip()}")
    return done.stdout


def text_of(path):
    """As it is: Python would turn CRLF into LF."""
    return path.read_bytes().decode()


if __name__ == "__main__":
    run_script("formats", body)
