"""What a double does wrong when it is told to, and where it stops to be looked at.

A fault is for one cloud, one account or all, one operation or all, and a number of requests. A gate tells when the next
such request arrived, was done, or was answered, and holds it there until it is released.
"""

import itertools
import threading
import time
from dataclasses import asdict, dataclass

from .account import Refusal
from .listener import Answer

# Without a bound of its own a held request would outlive its test.
HOLD_SECONDS = 120
GATE_SECONDS = 60
HUGE = 1 << 30
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def answered(_fault, do, wire, _cloud):
    wire.send(do())


def timeout_before(fault, _do, wire, _cloud):
    wire.hold(fault.seconds or HOLD_SECONDS)


def timeout_after(fault, do, wire, _cloud):
    do()
    wire.hold(fault.seconds or HOLD_SECONDS)


def broken_before(_fault, _do, wire, cloud):
    wire.send(cloud.broken())


def broken_after(_fault, do, wire, cloud):
    do()
    wire.send(cloud.broken())


def reset_before(_fault, _do, wire, _cloud):
    wire.reset()


def reset_after(_fault, do, wire, _cloud):
    do()
    wire.reset()


def slow(fault, do, wire, _cloud):
    # The work lands late, whether or not the client still waits: that is the worst a slow cloud can do.
    time.sleep(fault.seconds or 30)
    wire.send(do())


def slow_after(fault, do, wire, _cloud):
    answer = do()
    time.sleep(fault.seconds or 30)
    wire.send(answer)


def drip(fault, do, wire, cloud):
    wire.drip(do() if fault.done else cloud.broken(), fault.pause, fault.seconds or HOLD_SECONDS)


def huge(fault, do, wire, cloud):
    answer = do() if fault.done else cloud.broken()
    wire.flood(Answer(200, b'{"huge":"', answer.headers), fault.bytes or HUGE)


def broken_json(fault, do, wire, cloud):
    answer = do() if fault.done else cloud.broken()
    body = answer.body[: len(answer.body) * 2 // 3] if len(answer.body) > 2 else b'{"'
    wire.send(Answer(200, body, answer.headers))


def html(fault, do, wire, _cloud):
    if fault.done:
        do()
    wire.send(Answer(fault.status or 502, HTML, {"Content-Type": "text/html"}))


def redirect(fault, _do, wire, cloud):
    wire.send(Answer(fault.status or 302, b"", {"Location": f"http://127.0.0.1:{cloud.port}/trap"}))


def rate_limited(_fault, _do, _wire, cloud):
    raise cloud.over_rate()


def refuse(fault, do, _wire, _cloud):
    time.sleep(fault.seconds)
    if fault.done:
        do()
    raise Refusal(fault.code, fault.status or 400, fault.message or None)


PLAYS = {
    "answer": answered, "timeout_before": timeout_before, "timeout_after": timeout_after,
    "500_before": broken_before, "500_after": broken_after, "reset_before": reset_before, "reset_after": reset_after,
    "slow": slow, "slow_after": slow_after, "drip": drip, "huge": huge, "broken_json": broken_json, "html": html,
    "redirect": redirect, "rate_limited": rate_limited, "refuse": refuse,
}  # fmt: skip
# Of these the work is done unless `done` says no; `refuse` does it only where `done` says so.
DONE = ("drip", "huge", "broken_json", "html")


@dataclass
class Fault:
    """What goes wrong, where, and how often."""

    cloud: str
    kind: str
    account: str = "*"
    operation: str = "*"
    # Requests it is for; 0: all until it is cleared. `skip` of them go well first.
    count: int = 1
    skip: int = 0
    seconds: float = 0
    pause: float = 1
    bytes: int = 0
    status: int = 0
    code: str = ""
    message: str = ""
    done: bool | None = None
    id: int = 0
    taken: int = 0

    def __post_init__(self):
        if self.kind not in PLAYS:
            raise ValueError(f"no fault of kind {self.kind!r}; there are {', '.join(PLAYS)}")
        if self.kind == "refuse" and not self.code:
            raise ValueError("refuse needs the cloud's code")
        if self.done is None:
            self.done = self.kind in DONE

    def fits(self, cloud, account, operation):
        """Whether it is for this request."""
        return self.cloud in (cloud, "*") and self.account in (account, "*") and self.operation in (operation, "*")


@dataclass
class Gate:
    """Stops the next request of its kind at a point: "arrived", "done" or "answered" (which does not stop it)."""

    cloud: str
    account: str
    operation: str
    at: str
    id: int = 0

    def __post_init__(self):
        if self.at not in ("arrived", "done", "answered"):
            raise ValueError("a gate is at arrived, done or answered")
        self.reached, self.released = threading.Event(), threading.Event()

    fits = Fault.fits


class Plan:
    """All faults and gates that are set."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ids = itertools.count(1)
        self.faults = []
        self.gates = []

    def add(self, fault):
        """Sets a fault; the first that fits a request is the one that is taken."""
        with self.lock:
            fault.id = next(self.ids)
            self.faults.append(fault)
            return fault.id

    def take(self, cloud, account, operation):
        """The fault for this request, or None."""
        with self.lock:
            for fault in self.faults:
                if fault.fits(cloud, account, operation) and (
                    fault.count == 0 or fault.taken < fault.skip + fault.count
                ):
                    fault.taken += 1
                    return fault if fault.taken > fault.skip else None
        return None

    def clear(self, cloud="*", account="*"):
        """Takes faults away, and opens every gate."""
        with self.lock:
            gone = [gate for gate in self.gates if matches(gate, cloud, account)]
            self.faults = [fault for fault in self.faults if not matches(fault, cloud, account)]
            self.gates = [gate for gate in self.gates if gate not in gone]
        for gate in gone:
            gate.released.set()

    def seen(self):
        """All faults, for the admin port: `taken` tells how many requests each has met."""
        with self.lock:
            return [asdict(fault) for fault in self.faults]

    def gate(self, gate):
        """Sets a gate."""
        with self.lock:
            gate.id = next(self.ids)
            self.gates.append(gate)
            return gate.id

    def pass_gate(self, cloud, account, operation, at):
        """A request is at a point: tells the gate there, and waits until it opens."""
        with self.lock:
            gate = next((gate for gate in self.gates if gate.at == at and gate.fits(cloud, account, operation)), None)
            if gate is not None and at != "answered":
                self.gates.remove(gate)
                self.gates.append(Passed(gate))
        if gate is None:
            return
        gate.reached.set()
        if at != "answered":
            gate.released.wait(GATE_SECONDS)

    def gate_of(self, number):
        """The gate of this id, or None."""
        with self.lock:
            return next((gate for gate in self.gates if gate.id == number), None)


class Passed:
    """A gate that has stopped its request: it stops no other, but can still be asked and released."""

    def __init__(self, gate):
        self.id, self.cloud, self.account = gate.id, gate.cloud, gate.account
        self.at = "passed"
        self.reached, self.released = gate.reached, gate.released

    def fits(self, *_request):
        """No request any more."""
        return False


def matches(thing, cloud, account):
    return cloud in ("*", thing.cloud) and account in ("*", thing.account)
