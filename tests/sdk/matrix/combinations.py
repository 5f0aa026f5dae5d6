"""Which combinations the matrix has: a call, a cloud, what the cloud does with the request, and where the service is
killed.

Promise: every combination is there that can happen, and each once; the order is the same each time.
"""

import random
from dataclasses import dataclass

# Calls, and how each reaches the cloud: the double's operation that changes something there.
MAKING = {
    "Create": {"baidu": "import", "tencent": "ImportKeyPair", "huawei": "create"},
    "Generate": {"baidu": "create", "tencent": "CreateKeyPair", "huawei": "create"},
    "ImportPublic": {"baidu": "import", "tencent": "ImportKeyPair", "huawei": "create"},
    # At Huawei with escrow: the fault meets the second request, after the public half is there.
    "ImportPrivate": {"baidu": "import", "tencent": "ImportKeyPair", "huawei": "import-private"},
}
DELETING = {"baidu": "delete", "tencent": "DeleteKeyPairs", "huawei": "delete"}
CLOUDS = ("baidu", "tencent", "huawei")
FAULTS = ("answered", "timeout_before", "timeout_after", "500_after", "reset_after", "slow")
# Where the service is killed with SIGKILL.
#   none      not at all: the cloud's fault is enough
#   early     some milliseconds after the call came: nothing, or the journal's first entry, is written
#   sent      the request is at the cloud, which has done nothing yet; it goes on at once
#   late      the same, and the cloud goes on only when the service runs again
#   done      the cloud has done it and has not answered
#   answered  the cloud's answer (or what it does instead of one) is out
#   settling  sent, and again when the settler's first request after the restart is at the cloud
#   undoing   a second cloud refuses; killed when the request that takes the first one back is at the cloud
STEPS = ("none", "early", "sent", "late", "done", "answered", "settling", "undoing")


@dataclass(frozen=True)
class Combination:
    """One cell of the matrix."""

    call: str
    cloud: str
    fault: str
    step: str

    def __str__(self):
        return f"{self.call}/{self.cloud}/{self.fault}/{self.step}"

    @property
    def operation(self):
        """The double's operation that the fault and the kill are about."""
        if self.call == "Delete" or self.step == "undoing":
            return DELETING[self.cloud]
        return MAKING[self.call][self.cloud]

    @property
    def can_happen(self):
        """A cloud that does nothing cannot have done it; a delete has nothing to take back."""
        if self.step == "done" and self.fault == "timeout_before":
            return False
        return not (self.step == "undoing" and self.call == "Delete")


def everything(failpoints=()):
    """All combinations; with `failpoints` also a kill at each of these points inside the service."""
    steps = [*STEPS, *(f"failpoint:{name}" for name in failpoints)]
    made = [
        Combination(call, cloud, fault, step)
        for call in (*MAKING, "Delete")
        for cloud in CLOUDS
        for fault in FAULTS
        for step in steps
    ]
    return [combination for combination in made if combination.can_happen]


def short(combinations, size, seed):
    """A part of them in which every call, cloud, fault and step is met."""
    rest = list(combinations)
    random.Random(seed).shuffle(rest)
    chosen, met = [], set()
    for combination in rest:
        words = {
            ("call", combination.call, combination.cloud),
            ("step", combination.step),
            ("fault", combination.fault),
        }
        if words - met:
            chosen.append(combination)
            met |= words
    for combination in rest:
        if len(chosen) >= size:
            break
        if combination not in chosen:
            chosen.append(combination)
    return chosen
