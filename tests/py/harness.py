"""What every script in tests/py shares: a server of its own, stubs, and a list of proved claims.

A script reads the binary from $KEYPAIRS_BIN, starts it on a port that the server picks, and stops it by its pid. It
prints one line for every claim and ends with "NAME: N proved, M failed"; its exit code is 0 only when M is 0 and N
is not.
"""

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICE = "keypairs.v1.KeyPairs"
START_SECONDS = 30
STOP_SECONDS = 30


class Claims:
    """Counts what was proved. A claim that fails does not stop the script; an exception does, and counts."""

    def __init__(self, script):
        self.script = script
        self.proved = 0
        self.failed = 0

    def that(self, holds, claim, otherwise=""):
        """Records one claim; `otherwise` tells what was seen when it does not hold."""
        if holds:
            self.proved += 1
            print(f"  ok      {claim}", flush=True)
        else:
            self.failed += 1
            print(f"  FAILED  {claim}" + (f": {otherwise}" if otherwise != "" else ""), flush=True)
        return bool(holds)

    def same(self, seen, wanted, claim):
        """Records that two values are equal."""
        return self.that(seen == wanted, claim, f"saw {seen!r}, wanted {wanted!r}")

    def end(self):
        """Prints the sum and exits."""
        print(f"{self.script}: {self.proved} proved, {self.failed} failed", flush=True)
        sys.exit(0 if self.failed == 0 and self.proved > 0 else 1)


def run_script(script, body):
    """Runs body(claims); whatever it raises is one failed claim more."""
    claims = Claims(script)
    try:
        body(claims)
    except Exception as fault:  # told below, with its place
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


class Server:
    """`keypairs serve` with a data directory of its own, from readiness to the end of the with block."""

    def __init__(self, config=None, environment=None, prefix=()):
        self.dir = Path(tempfile.mkdtemp(prefix="keypairs-test-"))
        self.config = config
        self.environment = environment or {}
        self.prefix = list(prefix)
        self.address = None
        self.process = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._end(check=False)
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        self._end(check=kind is None)

    def log(self):
        """Everything the server has logged so far."""
        return (self.dir / "log").read_text(errors="replace")

    def channel(self, **options):
        """A plaintext channel with gRPC's default limits."""
        return grpc.insecure_channel(self.address, options=list(options.items()))

    def _start(self):
        command = self.prefix + [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.dir / "data")]
        if self.config is not None:
            (self.dir / "config.toml").write_text(self.config)
            command += ["--config", str(self.dir / "config.toml")]
        environment = {**os.environ, "KEYPAIRS__METRICS__LISTEN": "127.0.0.1:0", **self.environment}
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.dir
            )
        self._wait_until_serving()

    def _wait_until_serving(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self.process.returncode}:\n{self.log()[-4000:]}")
            # Port 0: the log tells the ports. Only one of them answers a gRPC health check.
            for address in dict.fromkeys(re.findall(r"127\.0\.0\.1:[1-9]\d*(?=\D)", self.log())):
                if is_serving(address):
                    self.address = address
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the server was not SERVING after {START_SECONDS} s:\n{self.log()[-4000:]}")

    def _end(self, check):
        code = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                code = f"none within {STOP_SECONDS} s of SIGTERM"
        log = self.log()[-4000:] if self.process is not None else ""
        shutil.rmtree(self.dir, ignore_errors=True)
        if check and code != 0:
            raise RuntimeError(f"the server's exit code after SIGTERM was {code}:\n{log}")


def binary():
    """The program under test."""
    path = os.environ.get("KEYPAIRS_BIN")
    if not path:
        sys.exit("KEYPAIRS_BIN is not set: give the path of the built keypairs program")
    return path


def is_serving(address, service=SERVICE):
    """Whether grpc.health.v1 says SERVING there. The two messages are spelt by hand: they are one field each."""
    name = service.encode()
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return check(b"\x0a" + bytes([len(name)]) + name, timeout=2) == b"\x08\x01"
        except grpc.RpcError:
            return False


def stubs():
    """Makes Python stubs from proto/ in a temporary folder; returns (key_pairs_pb2, key_pairs_pb2_grpc)."""
    from grpc_tools import protoc

    out = tempfile.mkdtemp(prefix="keypairs-stubs-")
    wellknown = str(Path(protoc.__file__).parent / "_proto")
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"-I{wellknown}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(arguments + ["keypairs/v1/key_pairs.proto", "keypairs/v1/errors.proto"]) != 0:
        raise RuntimeError("grpcio-tools could not compile proto/keypairs/v1")
    sys.path.insert(0, out)
    try:
        return (
            importlib.import_module("keypairs.v1.key_pairs_pb2"),
            importlib.import_module("keypairs.v1.key_pairs_pb2_grpc"),
        )
    finally:
        sys.path.remove(out)
        shutil.rmtree(out, ignore_errors=True)


def tool(name):
    """The path of a program from the tests' venv or from PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed: tests/run.sh installs what the tests need")
    return found


def ssh_keygen(*arguments, stdin=None):
    """Runs ssh-keygen, returns its standard output."""
    command = [tool("ssh-keygen"), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"ssh-keygen {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout
