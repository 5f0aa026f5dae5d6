"""The double of Baidu BCC: key pairs as its pages and SDKs have them.

Names are labels: two pairs may have one. A public key is held once. `clientToken` is not looked at: no page says what
it does. The attach family works for instances that the admin port planted.
"""

import re

from . import signatures
from .account import Pair, Refusal
from .cloud import Cloud, is_text, json_answer, json_body
from .keys import make_rsa, read_public
from .listener import Answer

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
NAME = re.compile(rf"[A-Za-z][A-Za-z0-9{HAN}/_-]{{0,64}}")
NEW_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9{HAN}/_.-]{{0,64}}")
DESCRIPTION = 140
PAGE = 1000
TYPES = ("ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
CODES = {
    "Keypair.KeypairNameInvalid": (400, "Keypair name is invalid."),
    "Keypair.KeypairDescriptionInvalid": (400, "Keypair description is invalid."),
    "Keypair.KeypairQuotaExceedLimit": (413, "Keypair number exceeds the limit."),
    "Keypair.KeypairPublicKeyExist": (400, "Keypair already exist."),
    "Keypair.PublicKeyFormatInvalid": (400, "Public key format is invalid."),
    "Keypair.KeypairNotExist": (404, "Keypair does not exist."),
    "Keypair.DeleteKeypairInUse": (403, "Keypair is in use."),
    "Keypair.UnsupportOsType": (403, "The operating system is not supported."),
    "Keypair.InstanceStatusForbidden": (409, "The instance's status forbids this."),
    "Keypair.AttachAttachedKeypair": (400, "The keypair is attached already."),
    "Keypair.InstanceNotExist": (404, "The instance does not exist."),
    "InappropriateJSON": (
        400,
        "The JSON you provided was well-formed and valid, but not appropriate for this operation.",
    ),
    "MalformedJSON": (400, "The JSON you provided was not well-formed."),
    "InvalidVersion": (404, "The API version specified was invalid."),
    "InvalidURI": (400, "Could not parse the specified URI."),
    "InvalidHTTPRequest": (400, "There was an error in the body of your HTTP request."),
}
ACTIONS = ("attach", "detach", "rename", "updateDesc")


def no(code):
    """A refusal with the words and the status of the code's page."""
    status, message = CODES[code]
    return Refusal(code, status, message)


class Baidu(Cloud):
    """Baidu BCC in one region."""

    name = "baidu"

    def read(self, request):
        place = re.fullmatch(r"/v([0-9]+)/keypair(?:/([^/]+))?", request.path)
        if place is None:
            raise no("InvalidURI")
        if place[1] != "2":
            raise no("InvalidVersion")
        query = signatures.form_of(request.query.replace("+", "%2B"))
        parameters = {"id": place[2], "query": query}
        return self.operation(request.method, place[2], {*query, query.get("action")}), parameters

    @staticmethod
    def operation(method, pair_id, words):
        if pair_id is None:
            if method in ("PUT", "POST") and "import" in words:
                return "import"
            if method in ("POST", "GET"):
                return "create" if method == "POST" else "list"
        else:
            if method in ("GET", "DELETE"):
                return "get" if method == "GET" else "delete"
            for action in ACTIONS:
                if method == "PUT" and action in words:
                    return action
        raise no("InvalidHTTPRequest")

    def verify(self, request, parameters):
        return signatures.baidu(request, self.accounts, self.now())

    def perform(self, operation, account, parameters, request, request_id):
        body = {}
        if operation in ("create", "import", *ACTIONS):
            body = json_body(request, no("MalformedJSON"))
            if not isinstance(body, dict):
                raise no("InappropriateJSON")
        if operation == "list":
            return self.ok(self.list(account, parameters["query"]), request_id)
        with account.lock:
            if operation == "create":
                return self.ok(self.create(account, body), request_id)
            if operation == "import":
                return self.ok(self.take_in(account, body), request_id)
            pair = account.pairs.get(parameters["id"])
            if pair is None:
                raise no("Keypair.KeypairNotExist")
            return self.ok(getattr(self, operation)(account, pair, body, request_id), request_id)

    def create(self, account, body):
        name, description = named(body), described(body)
        if account.is_full():
            raise no("Keypair.KeypairQuotaExceedLimit")
        private, public = make_rsa()
        pair = self.add(account, name, description, public, "made")
        seen = self.model(account, pair)
        if self.manner == "page":
            del seen["createdTime"], seen["instanceCount"], seen["fingerPrint"]
        return {"keypair": {**seen, "privateKey": private}}

    def take_in(self, account, body):
        name, description = named(body), described(body)
        try:
            public = read_public(body.get("publicKey"))
        except ValueError as fault:
            raise no("Keypair.PublicKeyFormatInvalid") from fault
        if public.type not in TYPES or (public.type == "ssh-rsa" and public.bits < 1024):
            raise no("Keypair.PublicKeyFormatInvalid")
        if account.holding(public):
            raise no("Keypair.KeypairPublicKeyExist")
        if account.is_full():
            raise no("Keypair.KeypairQuotaExceedLimit")
        seen = self.model(account, self.add(account, name, description, public, "imported"))
        if self.manner == "page":
            del seen["createTime"]
        return {"keypair": seen}

    def add(self, account, name, description, public, origin):
        pair = Pair(account.new_id("k-"), name, public, int(self.now() * 1000), description, origin)
        return account.add(pair)

    def list(self, account, query):
        try:
            size = int(query.get("maxKeys") or PAGE)
        except ValueError as fault:
            raise no("InvalidHTTPRequest") from fault
        size = PAGE if not 0 < size <= PAGE else size
        with account.lock:
            pairs = [pair for pair in account.ordered() if query.get("name") in (None, "", pair.name)]
            marker = query.get("marker") or ""
            if marker:
                # A marker whose pair has gone since shows what came after it.
                number = account.pairs[marker].number if marker in account.pairs else self.gone.get(marker, 1 << 60)
                pairs = [pair for pair in pairs if pair.number >= number]
            page = pairs[:size]
            answer = {"marker": page[0].id if page else marker, "isTruncated": len(pairs) > size, "maxKeys": size}
            if len(pairs) > size:
                answer["nextMarker"] = pairs[size].id
            answer["keypairs"] = [self.model(account, pair) for pair in page]
        return answer

    def get(self, account, pair, _body, _request_id):
        return {"keypair": self.model(account, pair)}

    def delete(self, account, pair, _body, _request_id):
        if pair.instances:
            raise no("Keypair.DeleteKeypairInUse")
        del account.pairs[pair.id]
        self.gone[pair.id] = pair.number
        return None

    def rename(self, _account, pair, body, _request_id):
        pair.name = named(body, NEW_NAME)
        return None

    def updateDesc(self, _account, pair, body, _request_id):
        pair.description = described(body)
        return None

    def attach(self, account, pair, body, request_id):
        instances = wanted_instances(account, body)
        if any(instance in pair.instances for instance in instances):
            raise no("Keypair.AttachAttachedKeypair")
        for other in account.ordered():
            other.instances = [instance for instance in other.instances if instance not in instances]
        pair.instances += instances
        return {"requestId": request_id, "failedInstanceIdList": []}

    def detach(self, account, pair, body, request_id):
        instances = wanted_instances(account, body)
        pair.instances = [instance for instance in pair.instances if instance not in instances]
        return {"requestId": request_id, "failedInstanceIdList": []}

    def __init__(self, plan):
        super().__init__(plan)
        self.gone = {}

    def model(self, account, pair):
        made = self.stamp(pair.created / 1000)
        return {
            "keypairId": pair.id, "name": pair.name, "description": pair.description, "createTime": made,
            "createdTime": made, "regionId": account.region, "publicKey": pair.public.line(),
            "fingerPrint": pair.public.md5(), "instanceCount": len(pair.instances),
        }  # fmt: skip

    def ok(self, value, request_id):
        headers = self.headers(request_id)
        return Answer(200, b"", headers) if value is None else json_answer(200, value, headers)

    @staticmethod
    def headers(request_id):
        return {"x-bce-request-id": request_id, "Content-Type": "application/json;charset=UTF-8", "Server": "BWS"}

    def refusal(self, refusal, request_id):
        message = refusal.message or CODES.get(refusal.code, (0, refusal.code))[1]
        body = {"code": refusal.code, "message": message, "requestId": request_id}
        return json_answer(refusal.status, body, self.headers(request_id))

    def broken(self):
        return self.refusal(
            Refusal("InternalError", 500, "We encountered an internal error. Please try again."), "broken"
        )

    def over_rate(self):
        # No page names a code for BCC; this is the one of Baidu's object storage.
        return Refusal("RequestRateLimitExceeded", 429, "Too many requests.")


def named(body, grammar=NAME):
    name = body.get("name")
    if not is_text(name) or not grammar.fullmatch(name):
        raise no("Keypair.KeypairNameInvalid")
    return name


def described(body):
    description = body.get("description")
    if description is None:
        return ""
    if not is_text(description) or len(description) > DESCRIPTION:
        raise no("Keypair.KeypairDescriptionInvalid")
    return description


def wanted_instances(account, body):
    instances = body.get("instanceIds")
    if not isinstance(instances, list) or not instances or not all(map(is_text, instances)):
        raise no("InappropriateJSON")
    for instance in instances:
        if instance not in account.instances:
            raise no("Keypair.InstanceNotExist")
        if account.instances[instance].get("os", "linux") != "linux":
            raise no("Keypair.UnsupportOsType")
        if account.instances[instance].get("status", "running") not in ("running", "stopped"):
            raise no("Keypair.InstanceStatusForbidden")
    return instances
