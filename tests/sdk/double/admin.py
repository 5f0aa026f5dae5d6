"""The admin port: what tests ask the doubles, and tell them to do. JSON in, JSON out; on loopback, for tests alone.

GET    /                                       ports and accounts GET    /keys?cloud=C&account=AK                the
pairs that a cloud holds (account: the first one) POST   /keys     {cloud, account?, name, public?, private?, id?,
...}     plants one; without a key it makes RSA 2048 POST   /keys     {cloud, account?, name, count}
plants so many, RSA without private halves PATCH  /keys     {cloud, account?, id, name?, public?, description?,
instances?}   changes one behind our back DELETE /keys     {cloud, account?, id?}        takes one away, or all POST
/accounts {cloud, access_key, secret_key, quota?, rate?, ...}      opens or changes an account DELETE /accounts
{cloud, access_key}           closes it, with its pairs GET    /faults   POST /faults {cloud, kind, account?,
operation?, count?, skip?, ...}   DELETE /faults {cloud?, account?} POST   /gates    {cloud, account, operation, at}
GET /gates?id=N&wait=S     POST /gates {release: N} POST   /clock    {cloud, offset}               sets a cloud's
clock off by seconds POST   /manner   {cloud, manner}               full, or page: only the fields of the documented
example POST   /instances {cloud, account?, instances: {id: {os, status}}} POST   /down     {cloud}    POST /up
{cloud}   connections are refused; and taken again GET    /log?cloud=C&account=AK                 the requests that
came, oldest first GET    /counts                                 per cloud: operation and outcome, and signatures
refused POST   /save                                   writes the state file
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from .account import Pair
from .faults import Fault, Gate
from .keys import make_rsa, quick_rsa, read_public


class Admin:
    """Answers the admin port."""

    def __init__(self, world):
        self.world = world

    def cloud(self, asked):
        return self.world.clouds[asked["cloud"]]

    def account(self, asked):
        accounts = self.cloud(asked).accounts
        return accounts[asked["account"]] if asked.get("account") else next(iter(accounts.values()))

    def get_(self, _asked):
        return self.world.line()

    def get_keys(self, asked):
        account = self.account(asked)
        with account.lock:
            return [pair.as_json() for pair in account.ordered()]

    def post_keys(self, asked):
        cloud, account = self.cloud(asked), self.account(asked)
        if "count" in asked:
            names = [f"{asked['name']}_{number:04d}" for number in range(int(asked["count"]))]
            rest = {name: value for name, value in asked.items() if name not in ("count", "name", "id")}
            return [self.post_keys({**rest, "name": name, "public": quick_rsa().line()}) for name in names]
        if asked.get("public"):
            private, public = asked.get("private"), read_public(asked["public"])
        else:
            private, public = make_rsa()
        prefix = {"baidu": "k-", "tencent": "skey-"}.get(cloud.name)
        number = asked.get("id") or (account.new_id(prefix) if prefix else asked["name"])
        pair = Pair(number, asked["name"], public, int(cloud.now() * 1000), origin="planted")
        pair.user_id = account.user_id
        for field in ("description", "project_id", "tags", "scope", "user_id", "instances", "encryption"):
            if field in asked:
                setattr(pair, field, asked[field])
        if asked.get("encryption"):
            pair.private = private
        return {**cloud.plant(account, pair).as_json(), "private_key": private}

    def patch_keys(self, asked):
        account = self.account(asked)
        with account.lock:
            pair = account.pairs[asked["id"]]
            if "public" in asked:
                pair.public = read_public(asked["public"])
            for field in ("name", "description", "instances", "tags"):
                if field in asked:
                    setattr(pair, field, asked[field])
            return pair.as_json()

    def delete_keys(self, asked):
        account = self.account(asked)
        with account.lock:
            gone = [asked["id"]] if asked.get("id") else list(account.pairs)
            return {"gone": [account.pairs.pop(number).id for number in gone]}

    def post_accounts(self, asked):
        return self.world.open_account(**asked).as_json()

    def delete_accounts(self, asked):
        return {"gone": self.cloud(asked).accounts.pop(asked["access_key"]).access_key}

    def get_faults(self, _asked):
        return self.world.plan.seen()

    def post_faults(self, asked):
        return {"id": self.world.plan.add(Fault(**asked))}

    def delete_faults(self, asked):
        self.world.plan.clear(asked.get("cloud", "*"), asked.get("account", "*"))
        return {}

    def post_gates(self, asked):
        if "release" in asked:
            gate = self.world.plan.gate_of(asked["release"])
            if gate is not None:
                gate.released.set()
            return {}
        return {"id": self.world.plan.gate(Gate(**asked))}

    def get_gates(self, asked):
        gate = self.world.plan.gate_of(int(asked["id"]))
        return {"reached": gate is not None and gate.reached.wait(min(float(asked.get("wait", 0)), 60))}

    def post_clock(self, asked):
        self.cloud(asked).offset = float(asked["offset"])
        return {}

    def post_manner(self, asked):
        self.cloud(asked).manner = {"full": "full", "page": "page"}[asked["manner"]]
        return {}

    def post_instances(self, asked):
        self.account(asked).instances = dict(asked["instances"])
        return {}

    def post_down(self, asked):
        self.world.listeners[asked["cloud"]].down()
        return {}

    def post_up(self, asked):
        self.world.listeners[asked["cloud"]].up()
        return {}

    def get_log(self, asked):
        cloud = self.cloud(asked)
        with cloud.lock:
            return [entry for entry in cloud.log if asked.get("account") in (None, "", entry["account"])]

    def get_counts(self, _asked):
        seen = {}
        for name, cloud in self.world.clouds.items():
            with cloud.lock:
                seen[name] = {"calls": dict(cloud.counts), "refused_signatures": cloud.refused_signatures}
        return {"at": time.time(), **seen}

    def post_save(self, _asked):
        self.world.save()
        return {}


def serve(world):
    """The admin server; serve_forever is the caller's."""
    admin = Admin(world)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 120

        def answer(self):
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                asked = {**dict(parse_qsl(place.query)), **(json.loads(body) if body else {})}
                work = getattr(admin, f"{self.command.lower()}_{place.path.strip('/')}", None)
                status, seen = (404, {"error": "no such thing"}) if work is None else (200, work(asked))
            except (KeyError, TypeError, ValueError, AttributeError) as fault:
                status, seen = 400, {"error": f"{type(fault).__name__}: {fault}"}
            data = json.dumps(seen).encode()
            head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, format, *args):
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request, client_address):
            """A caller that left is nobody's error."""

    return Server(("127.0.0.1", 0), Handler)
