"""An account at a cloud and the pairs it holds: the double's memory.

Promise: pairs keep the order in which they came; an account's lock is held by whoever reads and then changes. It knows
no wire and no cloud's rules.
"""

import random
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from . import keys

ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class Pair:
    """A pair as its cloud has it."""

    id: str
    name: str
    public: keys.Public
    created: int
    description: str = ""
    origin: str = "imported"
    # What the cloud keeps of the private half (Huawei), and under what.
    private: str | None = None
    encryption: dict | None = None
    project_id: int = 0
    tags: list = field(default_factory=list)
    scope: str = "user"
    user_id: str = ""
    instances: list = field(default_factory=list)
    number: int = 0

    def as_json(self):
        """For the admin port and the state file."""
        seen = asdict(self)
        seen["public"] = self.public.line()
        seen["md5"], seen["sha256"] = self.public.md5(), self.public.sha256()
        return seen

    @classmethod
    def from_json(cls, seen):
        """What as_json gave."""
        rest = {name: value for name, value in seen.items() if name not in ("public", "md5", "sha256")}
        return cls(public=keys.read_public(seen["public"]), **rest)


@dataclass
class Account:
    """Whoever signs with one access key. Accounts do not see each other's pairs."""

    access_key: str
    secret_key: str
    # STS: the token that must come along.
    security_token: str = ""
    # Huawei: accepted instead of a signature.
    auth_token: str = ""
    # Huawei: the project in the path. Tencent: the projects that exist.
    project_id: str = ""
    project_ids: tuple = (0,)
    user_id: str = ""
    region: str = ""
    # Pairs it may hold; 0: any number.
    quota: int = 0
    # Requests a second and operation; 0: any number.
    rate: int = 0
    # Tencent: resources on one tag; 0: any number.
    resources_per_tag: int = 0
    # Huawei: the names and ids of its KMS keys.
    kms_keys: tuple = ("kps/default",)
    # Instances that pairs can be attached to: id -> {"os": "linux", "status": "running"}.
    instances: dict = field(default_factory=dict)

    def __post_init__(self):
        self.pairs = {}
        self.lock = threading.RLock()
        self.count = 0
        self.calls = {}

    def as_json(self):
        """For the admin port and the state file."""
        return asdict(self)

    def ordered(self):
        """All pairs, oldest first."""
        return list(self.pairs.values())

    def named(self, name):
        """The first pair of this name."""
        return next((pair for pair in self.pairs.values() if pair.name == name), None)

    def holding(self, public):
        """The first pair of this key, whatever its comment."""
        return next((pair for pair in self.pairs.values() if pair.public.blob == public.blob), None)

    def is_full(self):
        """Whether no further pair fits."""
        return 0 < self.quota <= len(self.pairs)

    def add(self, pair):
        """Takes a pair in."""
        self.count += 1
        pair.number = pair.number or self.count
        self.count = max(self.count, pair.number)
        self.pairs[pair.id] = pair
        return pair

    def new_id(self, prefix):
        """An id that was not here before."""
        while True:
            made = prefix + "".join(random.choices(ID_LETTERS, k=8))
            if made not in self.pairs:
                return made

    def is_over_rate(self, operation):
        """Counts a call in; whether it is one too many within a second."""
        if not self.rate:
            return False
        with self.lock:
            calls = self.calls.setdefault(operation, deque())
            now = time.monotonic()
            while calls and now - calls[0] >= 1:
                calls.popleft()
            if len(calls) >= self.rate:
                return True
            calls.append(now)
            return False


class Refusal(Exception):
    """A cloud says no, with its own code."""

    def __init__(self, code, status=400, message=None):
        super().__init__(code)
        self.code = code
        self.status = status
        self.message = message
