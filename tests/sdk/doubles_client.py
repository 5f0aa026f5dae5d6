"""The doubles as a test has them: started, asked and told through their admin port, ended.

with Doubles() as doubles:
    doubles.fault("baidu", "timeout_after", operation="import")
    doubles.keys("baidu")
"""

import http.client
import json
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

PROGRAM = Path(__file__).resolve().parent / "doubles.py"
STOP_SECONDS = 20


class Doubles:
    """doubles.py as a process of its own, for the length of a with block."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.local = threading.local()

    def __enter__(self):
        # Its standard input is a pipe: should this process be killed, the doubles see the end of it and go too.
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *self.arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the doubles did not start: exit code {self.process.wait()}")
        self.told = json.loads(line)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def port(self, cloud):
        """The port of a cloud; also "CLOUD-tls" and "CLOUD-expired"."""
        return self.told["ports"][cloud]

    def ask(self, method, path, **fields):
        """One request to the admin port; RuntimeError when it is refused."""
        body = None
        if method == "GET":
            path = f"{path}?{urlencode(fields)}"
        else:
            body = json.dumps(fields)
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.told["admin"], timeout=90
                )
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                seen = json.loads(answer.read())
                break
            except (http.client.HTTPException, OSError):
                # The admin port closes connections that were idle for long.
                connection.close()
                self.local.connection = None
                if attempt == 2:
                    raise
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {seen}")
        return seen

    def keys(self, cloud, account=""):
        """The pairs that a cloud holds."""
        return self.ask("GET", "/keys", cloud=cloud, account=account)

    def fault(self, cloud, kind, **fields):
        """Sets a fault; its id."""
        return self.ask("POST", "/faults", cloud=cloud, kind=kind, **fields)["id"]

    def gate(self, cloud, account, operation, at):
        """Sets a gate; its id."""
        return self.ask("POST", "/gates", cloud=cloud, account=account, operation=operation, at=at)["id"]

    def reached(self, gate, seconds):
        """Waits until a gate is reached; whether it was."""
        return self.ask("GET", "/gates", id=gate, wait=seconds)["reached"]
