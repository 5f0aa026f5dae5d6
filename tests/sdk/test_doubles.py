#!/usr/bin/env python3
"""The doubles do what tests rely on: every fault on order, gates, clocks, plants, state; one changed byte is refused.

python tests/sdk/test_doubles.py
"""

import http.client
import json
import socket
import ssl
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import raw
from doubles_client import Doubles
from place import Claims
from samples import ecdsa_key, rsa_key

SHORT = 0.5


class Caller:
    """Imports and lists keys at the three doubles with raw requests."""

    def __init__(self, doubles):
        self.doubles = doubles
        self.accounts = {cloud: told[0] for cloud, told in doubles.told["accounts"].items()}

    def request(self, cloud, operation, name="k", key=None):
        """(method, target, headers, body) of a signed request."""
        account, host = self.accounts[cloud], f"127.0.0.1:{self.doubles.port(cloud)}"
        if cloud == "baidu":
            method, query = ("PUT", {"import": ""}) if operation == "import" else ("GET", {})
            body = json.dumps({"name": name, "publicKey": key.line}).encode() if key else b""
            headers = {"Host": host, "Content-Length": str(len(body))}
            names = ("host", "content-length")
            target = "/v2/keypair" + ("?import=" if query else "")
            return method, target, raw.baidu(account, method, "/v2/keypair", query, headers, names, 1800), body
        if cloud == "tencent":
            action = "ImportKeyPair" if operation == "import" else "DescribeKeyPairs"
            fields = {"KeyName": name, "ProjectId": 0, "PublicKey": key.line} if key else {}
            headers = {"Host": host, "Content-Type": "application/json", "X-TC-Action": action}
            headers["X-TC-Version"] = "2017-03-12"
            body = json.dumps(fields).encode()
            return "POST", "/", raw.tencent(account, headers, body), body
        path = f"/v3/{account['project_id']}/keypairs"
        method = "POST" if operation == "import" else "GET"
        body = json.dumps({"keypair": {"name": name, "public_key": key.line}}).encode() if key else b""
        headers = {"Host": host, "Content-Type": "application/json", "X-Project-Id": account["project_id"]}
        return method, path, raw.huawei(account, method, path, headers, body), body

    def send(self, cloud, request, seconds=5):
        """Sends it; an answer, or the name of what went wrong."""
        try:
            return raw.send(f"127.0.0.1:{self.doubles.port(cloud)}", *request, seconds=seconds)
        except (TimeoutError, ConnectionError, http.client.HTTPException) as fault:
            return type(fault).__name__

    def held(self, cloud):
        """The names of the keys that a double holds."""
        return sorted(pair["name"] for pair in self.doubles.keys(cloud))


def body(claims):
    with tempfile.TemporaryDirectory(prefix="keypairs-doubles-test-") as folder:
        state = Path(folder) / "state.json"
        with Doubles("--tls", "--state", str(state)) as doubles:
            caller = Caller(doubles)
            for cloud in ("baidu", "tencent", "huawei"):
                faults(claims, caller, cloud)
                tampering(claims, caller, cloud)
                clock(claims, caller, cloud)
            bad_answers(claims, caller)
            gates(claims, caller)
            down_and_tls(claims, caller)
            plants(claims, doubles)
            crowd(claims, caller)
        with Doubles("--state", str(state)) as doubles:
            claims.same(
                [pair["name"] for pair in doubles.keys("huawei")], ["planted"], "the state file brings pairs back"
            )


def faults(claims, caller, cloud):
    """What each fault shows a client, and whether the work was done."""
    cases = [
        ("timeout_before", "TimeoutError", False), ("timeout_after", "TimeoutError", True),
        ("500_before", 500, False), ("500_after", 500, True), ("reset_before", "ConnectionResetError", False),
        ("reset_after", "ConnectionResetError", True), ("slow", 200, True), ("slow_after", 200, True),
        ("broken_json", 200, True), ("html", 502, True), ("redirect", 302, False), ("answer", 200, True),
    ]  # fmt: skip
    key = ecdsa_key() if cloud != "tencent" else rsa_key()
    for kind, wanted, done in cases:
        caller.doubles.ask("DELETE", "/keys", cloud=cloud)
        caller.doubles.fault(cloud, kind, **({"seconds": SHORT} if kind.startswith("slow") else {}))
        began = time.monotonic()
        seen = caller.send(cloud, caller.request(cloud, "import", key=key), seconds=SHORT * 3)
        took = time.monotonic() - began
        status = seen if isinstance(seen, str) else seen.status
        claims.same((status, caller.held(cloud)), (wanted, ["k"] if done else []), f"{cloud} {kind}: seen, and done")
        if kind.startswith("slow"):
            claims.that(took >= SHORT, f"{cloud} {kind} is slow", took)
        if kind == "broken_json":
            claims.same(seen.json(), None, f"{cloud} broken_json is no JSON")
        claims.same(caller.send(cloud, caller.request(cloud, "list")).status, 200, f"{cloud}: the next is answered")
    caller.doubles.ask("DELETE", "/keys", cloud=cloud)
    late(claims, caller, cloud, key)


def late(claims, caller, cloud, key):
    """A slow request lands although its client has given up; a fault for one operation leaves the others alone."""
    operation = {"baidu": "import", "tencent": "ImportKeyPair", "huawei": "create"}[cloud]
    caller.doubles.fault(cloud, "slow", operation=operation, seconds=SHORT * 2)
    seen = caller.send(cloud, caller.request(cloud, "list"), seconds=SHORT)
    claims.same(seen.status, 200, f"{cloud}: another operation is not slow")
    seen = caller.send(cloud, caller.request(cloud, "import", key=key), seconds=SHORT)
    claims.same((seen, caller.held(cloud)), ("TimeoutError", []), f"{cloud}: the client gives up")
    landed = wait_until(lambda: caller.held(cloud) == ["k"])
    claims.that(landed, f"{cloud}: the work lands all the same")
    told = [fault for fault in caller.doubles.ask("GET", "/faults") if fault["cloud"] == cloud][-1]
    claims.same(told["taken"], 1, f"{cloud}: the fault tells that it was met once")
    caller.doubles.ask("DELETE", "/faults", cloud=cloud)
    caller.doubles.ask("DELETE", "/keys", cloud=cloud)


def tampering(claims, caller, cloud):
    """One changed byte in what the scheme signs is refused, and does nothing."""
    key = rsa_key()
    method, target, headers, sent = caller.request(cloud, "import", key=key)
    signature = headers["Authorization"]
    flipped = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    cases = [
        ("signature", (method, target, {**headers, "Authorization": flipped}, sent)),
        ("host", (method, target, {**headers, "Host": "other.example"}, sent)),
    ]
    if cloud == "baidu":
        cases += [("query", (method, target + "&a=b", headers, sent)), ("method", ("POST", target, headers, sent))]
    else:
        cases.append(("body", (method, target, headers, sent.replace(b'"k"', b'"q"'))))
    if cloud == "huawei":
        cases.append(("date", (method, target, {**headers, "X-Sdk-Date": "20200101T000000Z"}, sent)))
    before = caller.doubles.ask("GET", "/counts")[cloud]["refused_signatures"]
    for what, request in cases:
        seen = caller.send(cloud, request)
        text = seen.body.decode()
        refused = "Signature" in text or "APIGW.0301" in text
        claims.that(refused and not caller.held(cloud), f"{cloud}: a changed {what} is refused", (seen.status, text))
    after = caller.doubles.ask("GET", "/counts")[cloud]["refused_signatures"]
    claims.same(after - before, len(cases), f"{cloud}: and counted")
    seen = caller.send(cloud, (method, target, headers, sent))
    claims.same((seen.status, caller.held(cloud)), (200, ["k"]), f"{cloud}: unchanged it is taken")
    caller.doubles.ask("DELETE", "/keys", cloud=cloud)


def clock(claims, caller, cloud):
    request = caller.request(cloud, "list")
    caller.doubles.ask("POST", "/clock", cloud=cloud, offset=7200)
    text = caller.send(cloud, request).body.decode()
    expired = any(word in text for word in ("RequestExpired", "SignatureExpire", "the signature is expired"))
    claims.that(expired, f"{cloud}: a clock two hours off finds requests too old", text)
    caller.doubles.ask("POST", "/clock", cloud=cloud, offset=0)
    claims.same(caller.send(cloud, request).status, 200, f"{cloud}: and set right again it does not")


def bad_answers(claims, caller):
    """Answers that cost a careless client its time or memory."""
    caller.doubles.fault("baidu", "huge", bytes=64 * 1024 * 1024)
    request = caller.request("baidu", "list")
    connection = http.client.HTTPConnection("127.0.0.1", caller.doubles.port("baidu"), timeout=10)
    connection.request(request[0], request[1], headers=request[2])
    answer = connection.getresponse()
    length, read = answer.getheader("Content-Length"), len(answer.read(1024 * 1024))
    connection.close()
    claims.same((length, read), (str(64 * 1024 * 1024), 1024 * 1024), "huge: as long as asked for, read in part")
    last = lambda: caller.doubles.ask("GET", "/log", cloud="baidu")[-1]  # noqa: E731
    ended = wait_until(lambda: last()["fault"] == "huge")
    claims.that(ended and last()["sent"] < 32 * 1024 * 1024, "and the log tells how much was taken", last())

    caller.doubles.fault("tencent", "drip", pause=0.1, seconds=3)
    began = time.monotonic()
    seen = caller.send("tencent", caller.request("tencent", "list"), seconds=10)
    took, whole = time.monotonic() - began, seen.body.decode().strip() if not isinstance(seen, str) else seen
    claims.that(took > 2.5, "drip: a byte at a time", (took, whole))

    caller.doubles.fault("huawei", "rate_limited")
    seen = caller.send("huawei", caller.request("huawei", "list"))
    claims.same((seen.status, seen.json()["error_code"]), (429, "APIG.0308"), "huawei: rate limited")
    caller.doubles.fault("tencent", "rate_limited")
    seen = caller.send("tencent", caller.request("tencent", "list"))
    code = seen.json()["Response"]["Error"]["Code"]
    claims.same((seen.status, code), (200, "RequestLimitExceeded"), "tencent: rate limited")
    caller.doubles.fault("huawei", "refuse", code="KPS.5002", status=500, message="as told", done=True)
    seen = caller.send("huawei", caller.request("huawei", "import", key=ecdsa_key()))
    wanted = (500, {"error_code": "KPS.5002", "error_msg": "as told"}, ["k"])
    claims.same((seen.status, seen.json(), caller.held("huawei")), wanted, "refuse: with this code, after doing it")
    caller.doubles.ask("DELETE", "/keys", cloud="huawei")


def gates(claims, caller):
    """A gate tells where a request is, and holds it there."""
    account = caller.accounts["baidu"]["access_key"]
    with ThreadPoolExecutor(1) as pool:
        for at, held in (("arrived", []), ("done", ["k"])):
            gate = caller.doubles.gate("baidu", account, "import", at)
            request = caller.request("baidu", "import", key=ecdsa_key())
            coming = pool.submit(caller.send, "baidu", request)
            claims.that(caller.doubles.reached(gate, 5), f"a gate tells that the request has {at}")
            claims.same((caller.held("baidu"), coming.done()), (held, False), f"{at}: so far, and not answered")
            caller.doubles.ask("POST", "/gates", release=gate)
            claims.same(coming.result(10).status, 200, f"{at}: released it is answered")
            caller.doubles.ask("DELETE", "/keys", cloud="baidu")
    gate = caller.doubles.gate("baidu", account, "list", "answered")
    claims.that(not caller.doubles.reached(gate, 0), "a gate that nobody reached says so")
    caller.send("baidu", caller.request("baidu", "list"))
    claims.that(caller.doubles.reached(gate, 5), "and tells when the answer went out")


def down_and_tls(claims, caller):
    doubles = caller.doubles
    doubles.ask("POST", "/down", cloud="huawei")
    claims.same(caller.send("huawei", caller.request("huawei", "list")), "ConnectionRefusedError", "down: refused")
    doubles.ask("POST", "/up", cloud="huawei")
    claims.same(caller.send("huawei", caller.request("huawei", "list")).status, 200, "up: answered, on the same port")
    trust = ssl.create_default_context(cafile=doubles.told["ca_file"])
    for kind, wanted in (("tls", "TLS"), ("expired", "certificate has expired")):
        try:
            with socket.create_connection(("127.0.0.1", doubles.port(f"baidu-{kind}")), 5) as plain:
                with trust.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    seen = secure.version()
        except ssl.SSLError as fault:
            seen = str(fault)
        claims.that(wanted in seen, f"the {kind} port shows what it should", seen)


def plants(claims, doubles):
    """Orphans and drifted keys."""
    pair = doubles.ask("POST", "/keys", cloud="huawei", name="planted")
    other = ecdsa_key()
    doubles.ask("PATCH", "/keys", cloud="huawei", id=pair["id"], public=other.line, description="drifted")
    seen = doubles.keys("huawei")[0]
    claims.same((seen["public"], seen["origin"]), (other.line, "planted"), "a planted key can drift")
    began = time.monotonic()
    many = doubles.ask("POST", "/keys", cloud="tencent", name="many", count=250)
    names = {pair["name"] for pair in doubles.keys("tencent")}
    claims.same(
        (len(many), len(names), len({pair["public"] for pair in many})), (250, 250, 250), "250 keys are planted"
    )
    print(f"  in {time.monotonic() - began:.1f} s")
    doubles.ask("DELETE", "/keys", cloud="tencent")
    try:
        doubles.fault("huawei", "no such fault")
        refused = False
    except RuntimeError:
        refused = True
    claims.that(refused, "an unknown fault is refused, not ignored")


def crowd(claims, caller):
    """Sixteen at once, on connections that are kept."""
    endpoint = urlsplit(f"http://127.0.0.1:{caller.doubles.port('baidu')}").netloc
    request = caller.request("baidu", "list")

    def work(_):
        connection = http.client.HTTPConnection(endpoint, timeout=30)
        seen = set()
        for _ in range(100):
            connection.request(request[0], request[1], headers=request[2])
            answer = connection.getresponse()
            answer.read()
            seen.add(answer.status)
        connection.close()
        return seen

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        seen = set().union(*pool.map(work, range(16)))
    print(f"  1600 requests of 16 clients in {time.monotonic() - began:.1f} s")
    claims.same(seen, {200}, "sixteen clients at once are all answered")


def wait_until(holds, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def main():
    claims = Claims("sdk_doubles")
    try:
        body(claims)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


if __name__ == "__main__":
    main()
