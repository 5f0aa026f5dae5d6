"""README's shell blocks do what README says, as they stand, in an empty folder, against a server that README starts.

Blocks marked `sh` run in the order of the page, in one shell that stops at the first failure. The one difference: the
line that builds and serves is run with the program that was built already ($KEYPAIRS_BIN), and where another program
has the default port, the blocks get a free one.
"""

import base64
import json
import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from harness import ROOT, START_SECONDS, STOP_SECONDS, binary, is_serving, run_script, tool

SERVE = "cargo run --release -- serve"
ADDRESS = "127.0.0.1:50051"
MAX_LINES = 200


def body(claims):
    page = (ROOT / "README.md").read_text()
    claims.that(page.count("\n") < MAX_LINES, f"README has fewer than {MAX_LINES} lines", page.count("\n"))
    links(claims, page)
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    claims.same(blocks[0].strip(), SERVE, "the first block starts the server")
    with tempfile.TemporaryDirectory(prefix="keypairs-readme-") as folder:
        run_blocks(claims, Path(folder), blocks[1:])


def links(claims, page):
    for target in re.findall(r"\]\(([^)]+)\)", page):
        claims.that((ROOT / target).exists(), f"the link to {target} leads somewhere")


def run_blocks(claims, folder, blocks):
    address = ADDRESS if is_free(ADDRESS) else free_address()
    # The key files go to a place of ours, so that they can be looked at; the last block removes them.
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KEYPAIRS_")},
        "TMPDIR": str(keys),
        "PATH": os.pathsep.join([str(Path(binary()).parent), str(Path(tool("grpcurl")).parent), os.environ["PATH"]]),
        "KEYPAIRS_SERVER": f"http://{address}",
    }
    with open(folder / "log", "wb") as log:
        command = [binary(), "serve"] + ([] if address == ADDRESS else ["--listen", address])
        server = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=log)
    try:
        wait_until_serving(server, address, folder)
        blocks = [block.replace(ADDRESS, address) for block in blocks]
        outputs = run_shell(claims, folder, environment, blocks)
        results(claims, folder, outputs)
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(STOP_SECONDS)
    claims.same(code, 0, "the server ends well on SIGTERM")


def run_shell(claims, folder, environment, blocks):
    """Runs all blocks in one shell; returns what each printed. A copy of the keys is made before they are removed."""
    script = "".join(f"echo '@@ {number}'\n{keep(block)}" for number, block in enumerate(blocks)) + "echo '@@ end'\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )
    parts = dict(re.findall(r"^@@ (\w+)\n(.*?)(?=^@@ |\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    for number, block in enumerate(blocks):
        following = str(number + 1) if number + 1 < len(blocks) else "end"
        first = next(line for line in block.splitlines() if line.strip())
        claims.that(following in parts, f"the block that begins with `{first.strip()}` runs", done.stderr[-2000:])
    return [parts.get(str(number), "") for number in range(len(blocks))]


def keep(block):
    return re.sub(r'^rm -r "\$dir"$', 'cp -a "$dir" kept\nrm -r "$dir"', block, flags=re.MULTILINE)


def results(claims, folder, outputs):
    kept = folder / "kept"
    claims.that(kept.is_dir(), "the blocks came to their end")
    files = {file.name: file for file in kept.iterdir()}
    claims.same(
        sorted(files), ["api", "api.json", "backup.kpb", "old", "old.pub", "ops", "ops.pub", "payroll", "web", "web.pem"],
        "the blocks left these files",
    )  # fmt: skip
    for name in ["api", "api.json", "backup.kpb", "payroll", "web", "web.pem"]:
        claims.same(stat.S_IMODE(files[name].stat().st_mode), 0o600, f"{name} is for its owner alone")
    for name in ["web", "api", "payroll"]:
        claims.that(is_key(files[name]), f"ssh-keygen reads {name}")
    # ssh-keygen does not read Ed25519 in PKCS#8; in both encodings the point is the last 32 bytes.
    spki = subprocess.run(
        [tool("openssl"), "pkey", "-in", files["web.pem"], "-pubout", "-outform", "DER"], capture_output=True, timeout=60
    ).stdout
    blob = base64.b64decode(public(files["web"]).split()[1])
    claims.same(spki[-32:], blob[-32:], "create and export gave one key")
    created = json.loads(files["api.json"].read_text())["keyPair"]["publicKey"]
    claims.that(created.startswith(public(files["api"])), "grpcurl's Create and ExportPrivate gave one key")
    claims.that("laptop" in outputs[0] and "ssh-ed25519" in outputs[0], "the first block shows the pairs")
    got = json.loads(outputs[0][outputs[0].rindex('{\n  "keyPair"') :])["keyPair"]
    claims.same(got["privateKeyState"], "PRIVATE_KEY_STATE_STORED", "the imported private half joined its pair")
    claims.that("keypairs.v1.KeyPairs" in outputs[1], "grpcurl lists the service")
    claims.that("kps/default" in outputs[2], "the named key is shown")
    secret = any("-----BEGIN" in output for output in outputs)
    claims.that(not secret, "no private key went to the screen")


def public(file):
    """The public half as ssh-keygen computes it: type and blob."""
    done = subprocess.run([tool("ssh-keygen"), "-y", "-f", file], capture_output=True, text=True, timeout=60)
    return " ".join(done.stdout.split()[:2])


def is_key(file):
    return public(file).startswith(("ssh-", "ecdsa-"))


def wait_until_serving(server, address, folder):
    end = time.monotonic() + START_SECONDS
    while not is_serving(address):
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server does not serve:\n{(folder / 'log').read_text()[-4000:]}")
        time.sleep(0.05)


def is_free(address):
    host, port = address.split(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
    return True


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


if __name__ == "__main__":
    run_script("readme", body)
