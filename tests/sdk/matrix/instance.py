"""One `keypairs serve` with a data directory that outlives it: started, killed, started again.

Promise: it ends only what it started; its folder goes with it unless it is told to keep it.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import grpc
from place import binary

START_SECONDS = 60
STOP_SECONDS = 30


class Instance:
    """A service and its folder."""

    def __init__(self, config):
        self.folder = Path(tempfile.mkdtemp(prefix="keypairs-matrix-"))
        self.write("config.toml", config)
        self.process = None
        self.channel = None
        self.starts = 0

    def write(self, name, text):
        """A file in the folder, for its owner alone."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def start(self, failpoint=None):
        """Starts it and waits until it serves."""
        self.starts += 1
        log = self.folder / f"log.{self.starts}"
        command = [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.folder / "data")]
        command += ["--config", str(self.folder / "config.toml")]
        environment = {**os.environ, "KEYPAIRS__METRICS__LISTEN": "127.0.0.1:0"}
        environment.pop("KEYPAIRS_FAILPOINT", None)
        if failpoint:
            environment["KEYPAIRS_FAILPOINT"] = failpoint
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, cwd=self.folder
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            address = serving_address(log)
            if address:
                self.channel = grpc.insecure_channel(address)
                return self.channel
            if self.process.poll() is not None and not failpoint:
                raise RuntimeError(f"the service ended with code {self.process.returncode}:\n{tail(log)}")
            if self.process.poll() is not None:
                return None
            time.sleep(0.02)
        raise RuntimeError(f"the service did not serve within {START_SECONDS} s:\n{tail(log)}")

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.close_channel()

    def ended_by_itself(self, seconds):
        """Waits for a failpoint to end it; whether it did."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.close_channel()
        return True

    def stop(self):
        """Ends it in order; a RuntimeError when it does not."""
        self.close_channel()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = f"none within {STOP_SECONDS} s of SIGTERM"
        if code != 0:
            raise RuntimeError(f"the service's exit code after SIGTERM was {code}:\n{self.log()[-2000:]}")

    def log(self):
        """What it has logged, over all starts."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("log.*")))

    def remove(self, keep):
        """Makes sure that it does not run, and removes its folder."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.close_channel()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close_channel(self):
        if self.channel is not None:
            self.channel.close()
            self.channel = None


def serving_address(log):
    """The address of the gRPC port once the log says that it serves."""
    address, serves = None, False
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("message") == "listening" and entry.get("listener") == "grpc":
            address = entry["address"]
        serves = serves or entry.get("message") == "serving"
    return address if serves else None


def tail(log):
    return log.read_text(errors="replace")[-3000:]
