"""What the three doubles share: who asks, what goes wrong on purpose, what is written down.

Promise: no request does anything before its signature is right; a fault of ours is a 500 with the cloud's own body,
never a dead thread.
"""

import json
import threading
import time
import traceback
import uuid
from collections import deque

from . import faults
from .account import Refusal
from .listener import Answer

LOG_LENGTH = 20000


class Cloud:
    """One cloud: its accounts, and how it answers. Subclasses say what its operations are and do."""

    name = ""

    def __init__(self, plan):
        self.plan = plan
        self.accounts = {}
        self.offset = 0
        # "full": every field that any page or SDK knows. "page": only those of the page's example.
        self.manner = "full"
        self.port = 0
        self.log = deque(maxlen=LOG_LENGTH)
        self.counts = {}
        self.refused_signatures = 0
        self.lock = threading.Lock()

    def now(self):
        """This cloud's clock, in seconds."""
        return time.time() + self.offset

    def stamp(self, seconds=None):
        """RFC 3339 with whole seconds and Z."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now() if seconds is None else seconds))

    def serve(self, request, wire):
        """Answers one request."""
        wire.request_id = str(uuid.uuid4())
        entry = {"at": time.time(), "operation": "", "account": "", "fault": "", "code": "", "target": request.target}
        try:
            entry["operation"], parameters = self.read(request)
            account = self.admit(request, parameters, entry)
            self.play(request, wire, account, parameters, entry)
        except Refusal as refusal:
            entry["code"] = refusal.code
            wire.send(self.refusal(refusal, wire.request_id))
        except Exception:
            traceback.print_exc()
            entry["code"] = "a fault of the double"
            wire.send(self.broken())
        finally:
            entry.update(seconds=time.time() - entry["at"], sent=wire.sent, request_id=wire.request_id)
            with self.lock:
                self.log.append(entry)
                key = f"{entry['operation']} {entry['code'] or 'ok'}"
                self.counts[key] = self.counts.get(key, 0) + 1

    def admit(self, request, parameters, entry):
        """The account that signed the request."""
        try:
            account = self.verify(request, parameters)
        except Refusal:
            with self.lock:
                self.refused_signatures += 1
            raise
        entry["account"] = account.access_key
        return account

    def play(self, request, wire, account, parameters, entry):
        """Does what was asked, as the plan of faults has it."""
        here = (self.name, account.access_key, entry["operation"])
        if account.is_over_rate(entry["operation"]):
            raise self.over_rate()
        fault = self.plan.take(*here)
        entry["fault"] = fault.kind if fault else ""
        self.plan.pass_gate(*here, "arrived")

        def do():
            try:
                answer = self.perform(entry["operation"], account, parameters, request, wire.request_id)
            except Refusal as refusal:
                entry["code"] = refusal.code
                answer = self.refusal(refusal, wire.request_id)
            self.plan.pass_gate(*here, "done")
            return answer

        if fault is None:
            wire.send(do())
        else:
            faults.PLAYS[fault.kind](fault, do, wire, self)
        self.plan.pass_gate(*here, "answered")

    def plant(self, account, pair):
        """Puts a pair in from outside."""
        with account.lock:
            return account.add(pair)

    def read(self, request):
        """(operation, parameters) of a request; nothing of it is trusted yet."""
        raise NotImplementedError

    def verify(self, request, parameters):
        """The account that signed the request."""
        raise NotImplementedError

    def perform(self, operation, account, parameters, request, request_id):
        """Does it; an Answer, or a Refusal is raised."""
        raise NotImplementedError

    def refusal(self, refusal, request_id):
        """The Answer that tells a Refusal."""
        raise NotImplementedError

    def broken(self):
        """The Answer of a cloud that fails inside."""
        raise NotImplementedError

    def over_rate(self):
        """The Refusal of a request too many."""
        raise NotImplementedError


def json_answer(status, value, headers):
    """An answer with a JSON body."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), headers)


def json_body(request, otherwise):
    """The JSON in a request's body; `otherwise` is raised when there is none."""
    try:
        return json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise otherwise from fault


def is_text(value):
    """Whether a JSON value is a string that can be written down."""
    return isinstance(value, str) and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in value)
