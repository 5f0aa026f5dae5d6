#!/usr/bin/env python3
"""A service with three providers, at the doubles: what it finds there, how long it takes, and what bad weather does.

    python tests/sdk/clouds.py [--pairs 250]

Inspect sees every pair of accounts that hold more than one page, and names orphans and drifted ones and nothing else.
A Create at three clouds takes as long as the slowest. Each kind of bad weather ends in bounded time with the right
error, calls without clouds do not feel it, and the journal settles afterwards. `doctor` says what is not well. Needs
$KEYPAIRS_BIN.
"""

import argparse
import json
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from doubles_client import Doubles
from place import Claims, binary
from harness import stubs  # its folder is on the path since `place`
from double.keys import quick_rsa
from matrix.instance import Instance
from samples import ecdsa_key, two_words

CLOUDS = ("baidu", "tencent", "huawei")
SECONDS = 60
SECRET = "SKclouds-not-a-secret"
# What a cloud can do, and what the caller then hears of a Create.
WEATHER = {
    "timeout_before": "PROVIDER_OUTCOME_UNKNOWN", "drip": "PROVIDER_OUTCOME_UNKNOWN", "huge": "PROVIDER_OUTCOME_UNKNOWN",
    "broken_json": "PROVIDER_OUTCOME_UNKNOWN", "html": "PROVIDER_OUTCOME_UNKNOWN",
    "500_after": "PROVIDER_OUTCOME_UNKNOWN", "reset_after": "PROVIDER_OUTCOME_UNKNOWN",
    "rate_limited": "PROVIDER_UNAVAILABLE", "redirect": "PROVIDER_REJECTED",
}  # fmt: skip
TIMEOUT = 3


def access_key(cloud):
    return f"AKclouds{cloud}"


def config(doubles, **extra):
    lines = ["[server]", 'listen = "127.0.0.1:0"', "[quota]", "key_pairs_per_project = 2000"]
    for cloud in CLOUDS:
        told = next(iter(doubles.told["accounts"][cloud]))
        port = extra.get(cloud, doubles.port(cloud))
        lines += [
            f"[providers.{cloud}]", f'kind = "{cloud}"', f'region = "{told["region"]}"',
            f'endpoint = "http://127.0.0.1:{port}"', f'access_key = "{access_key(cloud)}"',
            f'secret_key = "{extra.get("secret", SECRET)}"', f"timeout_seconds = {TIMEOUT}",
            "connect_timeout_seconds = 1", "rate = 0",
        ]  # fmt: skip
        if cloud == "huawei":
            lines.append(f'cloud_project_id = "{told["project_id"]}"')
    return "\n".join(lines) + "\n"


class Clouds:
    def __init__(self, claims, doubles, instance, pairs):
        self.claims, self.doubles, self.instance, self.pairs = claims, doubles, instance, pairs
        self.pb, pb_grpc = stubs()
        self.stub = pb_grpc.KeyPairsStub(instance.channel)

    def placed(self, name, *clouds):
        placements = [self.pb.PlacementSpec(provider=cloud) for cloud in clouds]
        return {"name": name, "placements": placements, "request_id": str(uuid.uuid4())}

    def outcome(self, call, request):
        """OK, or the reason of the refusal."""
        try:
            call(request, timeout=SECONDS)
            return "OK"
        except grpc.RpcError as fault:
            from grpc_status import rpc_status  # noqa: PLC0415

            for detail in rpc_status.from_call(fault).details:
                if detail.type_url.endswith("ErrorInfo"):
                    from google.rpc import error_details_pb2  # noqa: PLC0415

                    told = error_details_pb2.ErrorInfo()
                    detail.Unpack(told)
                    return told.reason
            return fault.code().name

    def inspect(self, cloud, page_size=100):
        items, token = [], ""
        while True:
            request = self.pb.InspectRequest(provider=cloud, page_size=page_size, page_token=token)
            page = self.stub.Inspect(request, timeout=SECONDS)
            items += page.items
            token = page.next_page_token
            if not token:
                return items, page

    def many(self):
        """More pairs than a page of any cloud holds."""
        pb, claims = self.pb, self.claims

        def place(number):
            request = pb.ImportPublicRequest(public_key=quick_rsa().line(), **self.placed(f"many_{number:04d}", *CLOUDS))
            return self.outcome(self.stub.ImportPublic, request)

        with ThreadPoolExecutor(8) as pool:
            outcomes = set(pool.map(place, range(self.pairs)))
        claims.same(outcomes, {"OK"}, f"{self.pairs} pairs are placed at all three clouds")
        for cloud in CLOUDS:
            self.drift(cloud)

    def drift(self, cloud):
        pb, claims, account = self.pb, self.claims, access_key(cloud)
        planted = [self.doubles.ask("POST", "/keys", cloud=cloud, account=account, name=f"orphan_{number}")["id"]
                   for number in range(5)]  # fmt: skip
        held = [pair for pair in self.doubles.keys(cloud, account) if pair["id"] not in planted]
        drifted = [pair["id"] for pair in held[10:13]]
        for number in drifted:
            self.doubles.ask("PATCH", "/keys", cloud=cloud, account=account, id=number, public=quick_rsa().line())
        missing = held[20]["id"]
        self.doubles.ask("DELETE", "/keys", cloud=cloud, account=account, id=missing)
        items, page = self.inspect(cloud)
        found = {}
        for item in items:
            found.setdefault(pb.Finding.Name(item.finding), []).append(item.remote_id)
        claims.same(sorted(found.get("FINDING_ORPHANED", [])), sorted(planted), f"{cloud}: 5 orphans are named")
        claims.same(sorted(found.get("FINDING_DRIFTED", [])), sorted(drifted), f"{cloud}: 3 drifted pairs are named")
        claims.same(found.get("FINDING_MISSING", []), [missing], f"{cloud}: the missing one is named")
        known = len(found.get("FINDING_KNOWN", []))
        claims.same(known, self.pairs - 4, f"{cloud}: all others are known")
        claims.same(page.quota_used, self.pairs + 4, f"{cloud}: quota_used counts what is there")

    def slowest(self):
        """Three clouds at the same time: what the slowest takes, and little more."""
        for cloud in CLOUDS:
            self.doubles.fault(cloud, "slow", account=access_key(cloud), count=3, seconds=0.8)
        public = quick_rsa().line()
        began = time.monotonic()
        request = self.pb.ImportPublicRequest(public_key=public, **self.placed("slowest", *CLOUDS))
        outcome = self.outcome(self.stub.ImportPublic, request)
        took = time.monotonic() - began
        self.claims.same(outcome, "OK", "a pair is placed at three slow clouds")
        self.claims.that(took <= 0.8 * 1.3, f"in {took / 0.8:.2f} times what the slowest takes (at most 1.3)")
        self.doubles.ask("DELETE", "/faults")

    def quick(self, seconds):
        """p99 of Get, which needs no cloud."""
        request, times = self.pb.GetRequest(name="here"), []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.stub.Get(request, timeout=SECONDS)
            times.append(time.monotonic() - began)
        return sorted(times)[len(times) * 99 // 100]

    def weather(self):
        """Every weather at every cloud: the right error in bounded time, and in the end as if it had been fine."""
        pb, claims = self.pb, self.claims
        self.stub.Create(pb.CreateRequest(name="here"), timeout=SECONDS)
        for kind, reason in WEATHER.items():
            for cloud in CLOUDS:
                self.doubles.ask("DELETE", "/faults")
                operation = {"baidu": "import", "tencent": "ImportKeyPair", "huawei": "create"}[cloud]
                self.doubles.fault(cloud, kind, account=access_key(cloud), operation=operation, count=1)
                name = f"w_{kind}_{cloud}"[:25]
                began = time.monotonic()
                request = pb.ImportPublicRequest(public_key=quick_rsa().line(), **self.placed(name, cloud))
                outcome = self.outcome(self.stub.ImportPublic, request)
                took = time.monotonic() - began
                claims.same(outcome, reason, f"{cloud} {kind}: {reason}")
                claims.that(took < TIMEOUT + 2, f"{cloud} {kind}: in bounded time ({took:.1f} s)")
        self.doubles.ask("DELETE", "/faults")
        claims.that(self.settled(90), "everything settles afterwards")
        for cloud in CLOUDS:
            held = {pair["name"]: two_words(pair["public"]) for pair in self.doubles.keys(cloud, access_key(cloud))}
            ours = {pair.name: two_words(pair.public_key) for pair in self.ours() if pair.name.endswith(cloud[:3])}
            wrong = [name for name, key in ours.items() if held.get(name) != key]
            claims.same(wrong, [], f"{cloud}: what is ACTIVE here is there")

    def ours(self):
        pairs, token = [], ""
        while True:
            page = self.stub.List(self.pb.ListRequest(page_size=1000, page_token=token), timeout=SECONDS)
            pairs += page.key_pairs
            token = page.next_page_token
            if not token:
                return pairs

    def settled(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(pair.state == self.pb.KEY_PAIR_STATE_ACTIVE for pair in self.ours()):
                return True
            time.sleep(0.5)
        return False

    def unaffected(self):
        """A cloud that hangs is not felt by calls that need none."""
        idle = self.quick(3)
        for cloud in CLOUDS:
            self.doubles.fault(cloud, "timeout_before", account=access_key(cloud), count=1000)
        with ThreadPoolExecutor(16) as pool:
            for number in range(16):
                request = self.pb.ImportPublicRequest(public_key=ecdsa_key().line, **self.placed(f"h{number}", "baidu"))
                pool.submit(self.outcome, self.stub.ImportPublic, request)
            busy = self.quick(3)
        self.doubles.ask("DELETE", "/faults")
        ratio = busy / idle
        self.claims.that(ratio <= 1.5 or busy < 0.005, f"Get's p99 beside hanging clouds is {ratio:.2f} times the idle one")

    def doctor(self):
        claims = self.claims

        def told(name, text):
            path = self.instance.write(f"{name}.toml", text)
            command = [binary(), "doctor", "-o", "json", "--config", str(path), "--data-dir", str(self.instance.folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            checkups = json.loads(done.stdout)["checkups"]
            return done.returncode, {checkup["what"]: (checkup["isWell"], checkup["words"]) for checkup in checkups}

        code, found = told("well", config(self.doubles))
        ill = {what: words for what, (is_well, words) in found.items() if not is_well}
        claims.same((code, ill), (0, {}), "doctor: all is well")
        claims.that({"config", "disk", *CLOUDS} <= set(found), "doctor: it looked at everything", str(found))
        code, found = told("secret", config(self.doubles, secret="wrong"))
        claims.same((code, {cloud: found[cloud][0] for cloud in CLOUDS}), (2, dict.fromkeys(CLOUDS, False)),
                    "doctor: wrong credentials are not well")  # fmt: skip
        code, found = told("absent", config(self.doubles, baidu=1))
        claims.same((code, found["baidu"][0], found["huawei"][0]), (2, False, True), "doctor: a cloud that is not there")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=250)
    options = parser.parse_args()
    claims = Claims("clouds")
    instance = None
    with Doubles() as doubles:
        try:
            for cloud in CLOUDS:
                fields = {"access_key": access_key(cloud), "secret_key": SECRET, "rate": 0, "quota": 5000}
                doubles.ask("POST", "/accounts", cloud=cloud, **fields)
            instance = Instance(config(doubles))
            instance.start()
            clouds = Clouds(claims, doubles, instance, options.pairs)
            clouds.doctor()
            clouds.many()
            clouds.slowest()
            clouds.weather()
            clouds.unaffected()
            instance.stop()
        except Exception as fault:
            import traceback

            traceback.print_exc()
            claims.that(False, "the script came to its end", repr(fault)[:500])
        finally:
            if instance is not None:
                instance.remove(False)
    claims.end()


if __name__ == "__main__":
    sys.exit(main())
