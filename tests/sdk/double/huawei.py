"""The double of Huawei KPS: key pairs as its pages and SDKs have them, escrow of private halves included.

The name is the id. A name is held once; one public key may be held under several names. What an export gives is the PEM
that came in. There are no servers to bind to: the associate family refuses, the task lists are empty.
"""

import io
import re
import zipfile
from urllib.parse import unquote

from . import signatures
from .account import Pair, Refusal
from .cloud import Cloud, is_text, json_answer, json_body
from .huawei_rules import check_encryption, check_owner, check_private, name_of, no, public_of, want
from .keys import make_rsa
from .listener import Answer

PAGE = 50
LARGEST = 1000
BATCH = 10
ROUTES = [
    ("GET", r"/v3/projects", "projects"),
    ("POST", r"/keypairs", "create"),
    ("GET", r"/keypairs", "list"),
    ("POST", r"/keypairs/private-key/import", "import-private"),
    ("POST", r"/keypairs/private-key/export", "export-private"),
    ("POST", r"/keypairs/batch-import", "batch-import"),
    ("POST", r"/keypairs/private-key/batch-export", "batch-export"),
    ("POST", r"/keypairs/(?:batch-associate|associate|disassociate)", "associate"),
    ("GET", r"/keypairs/([^/]+)", "detail"),
    ("PUT", r"/keypairs/([^/]+)", "describe"),
    ("DELETE", r"/keypairs/([^/]+)", "delete"),
    ("DELETE", r"/keypairs/([^/]+)/private-key", "clear-private"),
    ("GET", r"/tasks/([^/]+)", "task"),
    ("GET", r"/(?:running|failed)-tasks", "tasks"),
    ("DELETE", r"/failed-tasks", "forget-tasks"),
    ("DELETE", r"/failed-tasks/([^/]+)", "forget-task"),
]


class Huawei(Cloud):
    """Huawei KPS in one region."""

    name = "huawei"

    def read(self, request):
        for method, pattern, operation in ROUTES:
            where = pattern if operation == "projects" else rf"/v3/(?P<project>[^/]+){pattern}"
            found = re.fullmatch(where, request.path.rstrip("/") or "/")
            if found and method == request.method:
                project = found.groupdict().get("project")
                words = found.groups()[1:] if project is not None else ()
                return operation, {"project": project, "word": unquote(words[0]) if words else ""}
        raise Refusal("APIGW.0101", 404, "The API does not exist or has not been published in the environment")

    def verify(self, request, parameters):
        account = signatures.huawei(request, self.accounts, self.now())
        claimed = {parameters["project"], request.header("X-Project-Id")} - {None}
        if claimed - {account.project_id}:
            raise Refusal("KPS.9003", 403, "No operation permission.")
        return account

    def perform(self, operation, account, parameters, request, request_id):
        body = None
        if request.method in ("POST", "PUT"):
            body = json_body(request, no("KPS.0002"))
        value = body if body is not None else parameters["word"]
        with account.lock:
            answer = getattr(self, operation.replace("-", "_"))(account, value, request)
        headers = self.headers(request_id)
        if isinstance(answer, Answer):
            answer.headers = {**headers, **answer.headers}
            return answer
        return Answer(200, b"", headers) if answer is None else json_answer(200, answer, headers)

    def projects(self, account, _word, _request):
        project = {"id": account.project_id, "name": account.region, "is_domain": False, "enabled": True}
        return {"projects": [project], "links": {"self": "", "next": None, "previous": None}}

    def create(self, account, body, _request):
        return {"keypair": self.make(account, want(body, "keypair", dict))}

    def make(self, account, asked):
        name = name_of(asked, 255)
        scope = asked.get("scope") or "user"
        if scope not in ("user", "domain") or (asked.get("type") or "ssh") != "ssh":
            raise no("KPS.0002")
        user_id = check_owner(account, asked, scope)
        protection = asked.get("key_protection")
        line = asked.get("public_key")
        private = None
        if line is not None:
            public, origin = public_of(line), "imported"
        if protection is not None:
            private, encryption = protection_of(account, protection, line is not None)
        if line is not None and private is not None:
            check_private(private, public)
        if name in account.pairs or account.is_full():
            raise no("KPS.0002")
        made = None
        if line is None:
            made, public = make_rsa()
            origin, private = "made", made if protection is not None else None
        pair = Pair(name, name, public, int(self.now() * 1000), origin=origin, scope=scope, user_id=user_id)
        if private is not None:
            pair.private, pair.encryption = private, encryption
        account.add(pair)
        seen = {
            "name": name, "type": "ssh", "public_key": public.line(), "fingerprint": public.md5(), "user_id": user_id,
        }  # fmt: skip
        return seen if made is None else {**seen, "private_key": made}

    def list(self, account, _word, request):
        query = signatures.form_of(request.query.replace("+", "%2B"))
        limit = query.get("limit") or str(PAGE)
        if not re.fullmatch(r"[0-9]{1,4}", limit) or not 0 < int(limit) <= LARGEST:
            raise no("KPS.0002")
        pairs, marker = account.ordered(), query.get("marker") or ""
        if marker:
            number = account.pairs[marker].number if marker in account.pairs else self.gone.get(marker, 1 << 60)
            pairs = [pair for pair in pairs if pair.number > number]
        page = pairs[: int(limit)]
        info = {"previous_marker": marker, "current_count": len(page)}
        if len(pairs) > len(page):
            info["next_marker"] = page[-1].name
        return {"keypairs": [{"keypair": self.short(pair)} for pair in page], "page_info": info}

    def detail(self, account, name, _request):
        pair = pair_of(account, name)
        more = {
            "id": pair.number, "deleted": False, "description": pair.description, "user_id": pair.user_id,
            "create_time": pair.created, "delete_time": None, "update_time": None, "frozen_state": 0,
            "key_id": (pair.encryption or {}).get("kms_key_id"), "algorithm": pair.public.type,
        }  # fmt: skip
        return {"keypair": {**self.short(pair), **more}}

    def describe(self, account, body, request):
        pair = pair_of(account, unquote(request.path.rsplit("/", 1)[1]))
        pair.description = want(want(body, "keypair", dict), "description", str)

    def delete(self, account, name, _request):
        pair = pair_of(account, name)
        del account.pairs[pair.id]
        self.gone[pair.id] = pair.number
        return Answer(204)

    def import_private(self, account, body, _request):
        asked = want(body, "keypair", dict)
        name = name_of(asked, 64)
        private, encryption = protection_of(account, want(asked, "key_protection", dict), True)
        pair = pair_of(account, name, "KPS.6004")
        check_owner(account, asked, pair.scope)
        if pair.private is not None:
            raise no("KPS.0002")
        check_private(private, pair.public)
        pair.private, pair.encryption = private, encryption
        return {"keypair": {"name": name, **({"user_id": asked["user_id"]} if asked.get("user_id") else {})}}

    def export_private(self, account, body, _request):
        pair = pair_of(account, name_of(want(body, "keypair", dict), 255), "KPS.6004")
        if pair.private is None:
            raise no("KPS.6005")
        return {"keypair": {"name": pair.name, "private_key": pair.private}}

    def clear_private(self, account, name, _request):
        pair = account.pairs.get(name)
        if pair is None or pair.private is None:
            raise no("KPS.6004" if pair is None else "KPS.6005", 404)
        pair.private = pair.encryption = None

    def batch_import(self, account, body, _request):
        if not isinstance(body, list) or not 0 < len(body) <= BATCH:
            raise no("KPS.0002")
        succeeded, failed = [], []
        for one in body:
            try:
                succeeded.append({"keypair": self.make(account, want(one, "keypair", dict))})
            except Refusal as refusal:
                name = (
                    one["keypair"].get("name")
                    if isinstance(one, dict) and isinstance(one.get("keypair"), dict)
                    else None
                )
                failed.append({"keypair_name": name, "failed_reason": f"{refusal.code}: {refusal.message}"})
        return {"succeeded_keypairs": succeeded, "failed_keypairs": failed}

    def batch_export(self, account, body, _request):
        if not isinstance(body, list) or not 0 < len(body) <= BATCH:
            raise no("KPS.0002")
        pairs = [pair_of(account, name_of(want(one, "keypair", dict), 255), "KPS.6004") for one in body]
        if any(pair.private is None for pair in pairs):
            raise no("KPS.6005")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for pair in pairs:
                archive.writestr(f"{pair.name}.pem", pair.private)
        return Answer(200, packed.getvalue(), {"Content-Type": "application/octet-stream"})

    def associate(self, _account, _body, _request):
        raise no("KPS.0002")

    def task(self, _account, _word, _request):
        raise no("KPS.0001")

    def tasks(self, _account, _word, _request):
        return {"total": 0, "tasks": []}

    def forget_tasks(self, _account, _word, _request):
        return None

    def forget_task(self, _account, _word, _request):
        raise no("KPS.0005")

    def __init__(self, plan):
        super().__init__(plan)
        self.gone = {}

    @staticmethod
    def short(pair):
        return {
            "name": pair.name, "type": "ssh", "scope": pair.scope, "public_key": pair.public.line(),
            "fingerprint": pair.public.md5(), "is_key_protection": pair.private is not None, "frozen_state": "0",
        }  # fmt: skip

    @staticmethod
    def headers(request_id):
        return {"X-Request-Id": request_id, "Content-Type": "application/json"}

    def refusal(self, refusal, request_id):
        body = {"error_code": refusal.code, "error_msg": refusal.message or no(refusal.code).message}
        if refusal.code.startswith("API"):
            body["request_id"] = request_id
        return json_answer(refusal.status, body, self.headers(request_id))

    def broken(self):
        return self.refusal(no("KPS.0003"), "broken")

    def over_rate(self):
        # Of the pages of Huawei's gateway, where it is APIG.0308 in all of them.
        message = "The throttling threshold has been reached: policy user over ratelimit,limit:20,time:1 second"
        return Refusal("APIG.0308", 429, message)


def pair_of(account, name, code="KPS.4016"):
    if not is_text(name) or name not in account.pairs:
        raise no(code)
    return account.pairs[name]


def protection_of(account, protection, must_have_key):
    """(private key, encryption) of key_protection."""
    encryption = check_encryption(account, want(protection, "encryption", dict))
    private = protection.get("private_key")
    if must_have_key != (private is not None):
        raise no("KPS.0002")
    return private, encryption
