"""One combination, run: a service of its own, accounts of its own at the doubles, a call, a fault, a kill, and the wait
until all has settled.

    open accounts -> start -> (Delete: make a pair) -> set fault and gate -> call -> kill at the step
    -> start again, faults gone: this is the recovery -> wait until the judge finds nothing wrong
    -> the same request again -> judge again
"""

import random
import time
import uuid
from dataclasses import dataclass, field

import grpc
from samples import ecdsa_key, ed25519_key, public_of, rsa_key, two_words

from . import judge
from .combinations import MAKING
from .instance import Instance

PROJECT = "matrix"
CALL_SECONDS = 60
GATE_SECONDS = 30
FAILPOINT_SECONDS = 30
POLL_SECONDS = 0.5
UNKNOWN = (
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
)  # fmt: skip
# What a cloud says of a pair too many: it ends the second placement of the step "undoing".
QUOTA = {
    "baidu": ("Keypair.KeypairQuotaExceedLimit", 413), "tencent": ("InvalidKeyPair.LimitExceeded", 200),
    "huawei": ("KPS.0002", 400),
}  # fmt: skip
OTHER = {"baidu": "huawei", "tencent": "baidu", "huawei": "baidu"}


@dataclass
class Result:
    """What came of a combination."""

    combination: object
    outcome: str = "not called"
    settled: float = 0
    wrong: list = field(default_factory=list)
    notes: list = field(default_factory=list)


class Scenario:
    """One run of one combination."""

    def __init__(self, combination, doubles, stubs, settings):
        self.it = combination
        self.doubles = doubles
        self.pb, self.pb_grpc = stubs
        self.settings = settings
        self.random = random.Random(f"{settings.seed}/{combination}")
        self.result = Result(combination)
        self.name = f"m{uuid.uuid4().hex[:12]}"
        self.request_id = str(uuid.uuid4())
        self.clouds = {"cloud": combination.cloud}
        if combination.step == "undoing":
            self.clouds["other"] = OTHER[combination.cloud]

    def run(self):
        """Runs it; a Result, whatever happens."""
        for provider, cloud in self.clouds.items():
            account = {"access_key": self.access_key(provider), "secret_key": "SKmatrix-not-a-secret"}
            self.doubles.ask("POST", "/accounts", cloud=cloud, rate=0, **account)
        self.service = Instance(self.config())
        try:
            self.play()
            self.service.stop()
        except Exception as fault:
            self.result.wrong.append(f"{type(fault).__name__}: {str(fault)[-1500:]}")
        finally:
            keep = bool(self.result.wrong) and self.settings.keep
            self.service.remove(keep)
            if keep:
                self.result.notes.append(f"its folder is {self.service.folder}")
            for provider, cloud in self.clouds.items():
                self.doubles.ask("DELETE", "/faults", account=self.access_key(provider))
                self.doubles.ask("DELETE", "/accounts", cloud=cloud, access_key=self.access_key(provider))
        return self.result

    def access_key(self, provider):
        return f"AK{self.name}{provider}"

    def config(self):
        lines = ["[server]", 'listen = "127.0.0.1:0"']
        for provider, cloud in self.clouds.items():
            told = next(iter(self.doubles.told["accounts"][cloud]))
            lines += [f"[providers.{provider}]", f'kind = "{cloud}"', f'region = "{told["region"]}"']
            lines.append(f'endpoint = "http://127.0.0.1:{self.doubles.port(cloud)}"')
            lines += [f'access_key = "{self.access_key(provider)}"', 'secret_key = "SKmatrix-not-a-secret"']
            lines += {
                "huawei": [f'cloud_project_id = "{told["project_id"]}"'],
                "tencent": ['cloud_project_id = "0"'],
            }.get(cloud, [])
            lines += self.settings.provider_lines
        return "\n".join(lines) + "\n"

    def play(self):
        is_failpoint = self.it.step.startswith("failpoint:")
        makes = self.it.call != "Delete"
        if is_failpoint and makes:
            self.service.start(self.it.step.partition(":")[2])
        else:
            self.service.start()
        if not makes:
            self.send(self.making("Create", str(uuid.uuid4()))).result(CALL_SECONDS)
            if is_failpoint:
                self.service.stop()
                self.service.start(self.it.step.partition(":")[2])
        self.request = self.making(self.it.call, self.request_id) if makes else self.deleting()
        gate = self.prepare()
        call = self.send(self.request)
        self.strike(call, gate)
        self.result.outcome = self.outcome(call)
        if self.result.outcome in ("refused", "missing") and self.it.step != "undoing":
            self.result.wrong.append("the call was refused, and no cloud had refused anything")
        began = self.recover()
        self.settle(began)
        self.result.wrong += judge.unkept(self.result.outcome, makes, self.pairs())
        if not self.result.wrong:
            self.again(makes)

    def prepare(self):
        """Sets the fault and the gate for the request that the combination is about."""
        where = {"account": self.access_key("cloud"), "operation": self.it.operation}
        if self.it.fault != "answered":
            seconds = {"slow": self.settings.slow}.get(self.it.fault, 0)
            self.doubles.fault(self.it.cloud, self.it.fault, seconds=seconds, **where)
        if self.it.step == "undoing":
            other = self.clouds["other"]
            code, status = QUOTA[other]
            # The refusal is slower than the first cloud's answer, so that there is something to take back.
            self.doubles.fault(
                other, "refuse", account=self.access_key("other"), operation=MAKING["ImportPublic"][other], code=code,
                status=status, count=0, seconds=0.5,
            )  # fmt: skip
        at = {"sent": "arrived", "late": "arrived", "settling": "arrived", "undoing": "arrived", "done": "done",
              "answered": "answered"}.get(self.it.step)  # fmt: skip
        return self.doubles.gate(self.it.cloud, where["account"], where["operation"], at) if at else None

    def strike(self, call, gate):
        """Kills the service where the combination says."""
        step = self.it.step
        self.held = None
        if step == "none":
            return
        if step.startswith("failpoint:"):
            if not self.service.ended_by_itself(FAILPOINT_SECONDS):
                self.result.notes.append("the failpoint was not reached")
                self.service.kill()
            return
        if step == "early":
            time.sleep(self.random.uniform(0, 0.03))
            self.service.kill()
            return
        if not self.reach(call, gate):
            self.result.notes.append(f"the request was never {step}")
        if step == "answered":
            time.sleep(self.random.uniform(0, 0.01))
        self.service.kill()
        if step == "late":
            self.held = gate
        else:
            self.doubles.ask("POST", "/gates", release=gate)
        if step == "settling":
            again = self.doubles.gate(self.it.cloud, self.access_key("cloud"), "*", "arrived")
            self.service.start()
            if not self.doubles.reached(again, GATE_SECONDS):
                self.result.notes.append("the settler sent nothing")
            self.service.kill()
            self.doubles.ask("POST", "/gates", release=again)

    def reach(self, call, gate):
        """Waits until the gate is reached; not longer than the call lasts."""
        end = time.monotonic() + GATE_SECONDS
        while time.monotonic() < end:
            if self.doubles.reached(gate, 1):
                return True
            if call.done():
                return self.doubles.reached(gate, 0.2)
        return False

    def recover(self):
        """The service runs and the clouds do what they should: from here on the clock counts."""
        if self.service.channel is None:
            self.service.start()
        if self.held is not None:
            time.sleep(self.random.uniform(0.5, 2))
            self.doubles.ask("POST", "/gates", release=self.held)
        if self.it.fault == "slow":
            self.wait_until_landed()
        if self.it.step != "undoing":
            self.doubles.ask("DELETE", "/faults", cloud=self.it.cloud, account=self.access_key("cloud"))
        return time.monotonic()

    def wait_until_landed(self):
        """A slow request is no recovery until it has landed."""
        account, end = self.access_key("cloud"), time.monotonic() + self.settings.slow + 5
        while time.monotonic() < end:
            faults = [fault for fault in self.doubles.ask("GET", "/faults") if fault["account"] == account]
            log = self.doubles.ask("GET", "/log", cloud=self.it.cloud, account=account)
            if any(entry["fault"] == "slow" for entry in log) or not any(fault["taken"] for fault in faults):
                return
            time.sleep(POLL_SECONDS)

    def settle(self, began):
        """Waits until nothing is wrong any more, for as long as is allowed."""
        while True:
            pairs = self.pairs()
            wrong = judge.wrong(pairs, self.keys())
            self.result.settled = max(self.result.settled, time.monotonic() - began)
            if not wrong:
                return
            if time.monotonic() - began > self.settings.settle:
                self.result.wrong += wrong
                return
            time.sleep(POLL_SECONDS)

    def again(self, makes):
        """The same request once more: it does not act twice."""
        call = self.send(self.request)
        outcome = self.outcome(call)
        allowed = ("ok",) if makes else ("ok", "missing")
        if self.it.step == "undoing":
            allowed = ("refused",)
        if outcome not in allowed:
            self.result.wrong.append(f"the request sent again was {outcome}: {call.details()}")
        self.settle(time.monotonic())
        if not self.result.wrong:
            self.result.wrong += judge.unkept("refused" if self.it.step == "undoing" else "ok", makes, self.pairs())

    def send(self, request):
        stub = self.pb_grpc.KeyPairsStub(self.service.channel)
        method = {"ImportPublicRequest": stub.ImportPublic, "ImportPrivateRequest": stub.ImportPrivate,
                  "CreateRequest": stub.Create, "DeleteRequest": stub.Delete}[type(request).__name__]  # fmt: skip
        return method.future(request, timeout=CALL_SECONDS)

    def outcome(self, call):
        """ "ok", "refused", "missing" or "unknown", as the caller sees it."""
        try:
            call.result(CALL_SECONDS + 5)
            return "ok"
        except grpc.FutureTimeoutError:
            return "unknown"
        except (grpc.RpcError, grpc.FutureCancelledError) as fault:
            code = fault.code() if isinstance(fault, grpc.RpcError) else grpc.StatusCode.CANCELLED
            self.result.notes.append(f"{code.name}: {call.details()}"[:300])
            if code == grpc.StatusCode.NOT_FOUND:
                return "missing"
            return "unknown" if code in UNKNOWN else "refused"

    def making(self, call, request_id):
        """The request of a call that makes a pair."""
        pb, fields = self.pb, {"project_id": PROJECT, "name": self.name, "request_id": request_id}
        placements = [pb.PlacementSpec(provider=provider) for provider in self.clouds]
        if call in ("Create", "Generate"):
            kind = {"baidu": pb.KEY_TYPE_ECDSA, "huawei": pb.KEY_TYPE_ED25519}.get(self.it.cloud, pb.KEY_TYPE_RSA)
            if call == "Generate":
                kind, fields["generated_by"] = pb.KEY_TYPE_RSA, "cloud"
            bits = 2048 if kind == pb.KEY_TYPE_RSA else 0
            if "other" in self.clouds and kind == pb.KEY_TYPE_ED25519:
                kind = pb.KEY_TYPE_ECDSA  # the second cloud takes no Ed25519
            return pb.CreateRequest(key_type=kind, bits=bits, placements=placements, **fields)
        key = (
            rsa_key()
            if self.it.cloud == "tencent"
            else ecdsa_key()
            if "other" in self.clouds
            else ed25519_or_ecdsa(self.it.cloud)
        )
        if call == "ImportPublic":
            return pb.ImportPublicRequest(public_key=key.line, placements=placements, **fields)
        if self.it.cloud == "huawei":
            placements[0].huawei.escrow_private_key = True
            placements[0].huawei.encryption.type = pb.ENCRYPTION_TYPE_DEFAULT
        return pb.ImportPrivateRequest(private_key=key.pem(), placements=placements, **fields)

    def deleting(self):
        return self.pb.DeleteRequest(project_id=PROJECT, name=self.name, request_id=self.request_id)

    def pairs(self):
        """What the service shows, with each private half opened."""
        pb, stub, token, pairs = self.pb, self.pb_grpc.KeyPairsStub(self.service.channel), "", []
        while True:
            page = stub.List(pb.ListRequest(project_id=PROJECT, page_token=token), timeout=CALL_SECONDS)
            pairs += page.key_pairs
            if page.unreadable_ids:
                raise RuntimeError(f"rows are damaged: {list(page.unreadable_ids)}")
            token = page.next_page_token
            if not token:
                return [self.seen(stub, pair) for pair in pairs]

    def seen(self, stub, pair):
        pb = self.pb
        is_stored, opens = pair.private_key_state == pb.PRIVATE_KEY_STATE_STORED, None
        state = pb.KeyPairState.Name(pair.state).removeprefix("KEY_PAIR_STATE_")
        if is_stored and state == "ACTIVE":
            ask = pb.ExportPrivateRequest(project_id=PROJECT, id=pair.id, reason="the crash matrix")
            given = stub.ExportPrivate(ask, timeout=CALL_SECONDS).private_key
            opens = public_of(given)[0] == two_words(pair.public_key)
        placements = tuple(
            judge.SeenPlacement(
                placement.provider, pb.PlacementState.Name(placement.state).removeprefix("PLACEMENT_STATE_"),
                placement.remote_id, placement.huawei.private_key_escrowed,
            )
            for placement in pair.placements
            if placement.kind != pb.PROVIDER_KIND_LOCAL
        )  # fmt: skip
        if self.it.call != "ImportPublic" and state == "ACTIVE" and not is_stored:
            opens, is_stored = False, True  # it was made with a private half: without one it is not whole
        return judge.SeenPair(pair.id, state, two_words(pair.public_key), is_stored, opens, placements)

    def keys(self):
        """What the clouds hold."""
        return {
            provider: [
                judge.SeenKey(pair["id"], two_words(pair["public"]), pair["private"] is not None)
                for pair in self.doubles.keys(cloud, self.access_key(provider))
            ]
            for provider, cloud in self.clouds.items()
        }


def ed25519_or_ecdsa(cloud):
    return ed25519_key() if cloud == "huawei" else ecdsa_key()
