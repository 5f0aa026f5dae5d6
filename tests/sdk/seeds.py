#!/usr/bin/env python3
"""The four seed pages as tests: each documented request gets the documented answer, field for field.

    python tests/sdk/seeds.py [--at double|face|FILE]

The requests are those of the pages, byte for byte, with key, date, signature and the project id of the path replaced by
real ones, and with the public or private key where the page prints a placeholder. Where a page contradicts itself, the
forms of both are sent. The placeholders as printed, freshly signed, are refused with the cloud's own code.
"""

import json
import re
from email.utils import parsedate_to_datetime

import raw
from place import Claims, arguments, place
from samples import ecdsa_key, md5, public_of, rsa_key, two_words

CREATE = """{
 "name": "keypair01",
 "description": "some description"
}"""
IMPORT = """{
 "name": "keypair01",
 "description": "some description",
 "publicKey": "your-publicKey"
}"""
TENCENT = """{
    "ProjectId": "0",
    "KeyName": "operation_key",
    "PublicKey": "ssh-rsa XXXXXXXXXXXX== skey_45071"
}"""
HUAWEI = """{
  "keypair" : {
    "name" : "demo2",
    "key_protection" : {
      "private_key" : "-----BEGIN RSA PRIVATE KEY-----...",
      "encryption" : {
        "type" : "kms",
        "kms_key_name" : "kps/default"
      }
    }
  }
}"""
# The nine fields that KeypairModel has in any page or SDK; create adds privateKey.
MODEL = {
    "keypairId", "name", "description", "createTime", "createdTime", "regionId", "publicKey", "fingerPrint",
    "instanceCount",
}  # fmt: skip
BAIDU_HOST = "bcc.bj.baidubce.com"
TENCENT_HOST = "cvm.tencentcloudapi.com"
HUAWEI_HOST = "kms.cn-north-4.myhuaweicloud.com"
UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class Baidu:
    """The two pages of Baidu."""

    def __init__(self, claims, there):
        self.claims = claims
        self.endpoint, self.account = there.endpoints["baidu"], there.account("baidu")

    def send(self, method, target, body=b""):
        path, _, query = target.partition("?")
        words = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        headers = raw.baidu(self.account, method, path, words, {"Host": BAIDU_HOST})
        return raw.send(self.endpoint, method, target, headers, body.encode() if isinstance(body, str) else body)

    def create(self):
        """Seed: create."""
        for target in ("/v2/keypair", "/v2/keypair?create="):
            seen = self.send("POST", target, CREATE)
            pair = self.answered(f"POST {target}", seen, MODEL | {"privateKey"})
            found = public_of(pair["privateKey"]), pair["privateKey"].splitlines()[0]
            wanted = (two_words(pair["publicKey"]), 2048), "-----BEGIN RSA PRIVATE KEY-----"
            self.claims.same(found, wanted, f"POST {target}: the private half is of the public one")
            self.take_away(pair)
        long = CREATE.replace("some description", "d" * 141)
        self.refused("a description of 141", self.send("POST", "/v2/keypair", long), "KeypairDescriptionInvalid",
                     "Keypair description is invalid.", 400)  # fmt: skip
        bad = CREATE.replace("keypair01", "1keypair")
        self.refused("a name that begins with a digit", self.send("POST", "/v2/keypair", bad), "KeypairNameInvalid",
                     "Keypair name is invalid.", 400)  # fmt: skip

    def import_public(self):
        """Seed: import."""
        key = rsa_key()
        body = IMPORT.replace("your-publicKey", key.commented("me@here"))
        forms = [
            ("PUT", "?import"), ("POST", "?import"), ("PUT", "?import="), ("PUT", "?action=import"),
            ("POST", "?action=import"),
        ]  # fmt: skip
        for method, query in forms:
            pair = self.answered(f"{method} {query}", self.send(method, "/v2/keypair" + query, body), MODEL)
            self.claims.same(two_words(pair["publicKey"]), key.line, f"{method} {query}: the key that was sent")
            if (method, query) == forms[-1]:
                again = IMPORT.replace("your-publicKey", key.line).replace("keypair01", "keypair02")
                self.refused("the same key again", self.send("PUT", "/v2/keypair?import", again),
                             "KeypairPublicKeyExist", "Keypair already exist.", 400)  # fmt: skip
            self.take_away(pair)
        self.refused("the page's placeholder", self.send("PUT", "/v2/keypair?import", IMPORT), "PublicKeyFormatInvalid",
                     "Public key format is invalid.", 400)  # fmt: skip
        self.refused("the page's placeholder, by POST", self.send("POST", "/v2/keypair?import", IMPORT),
                     "PublicKeyFormatInvalid", "Public key format is invalid.", 400)  # fmt: skip

    def quota(self, there):
        """Seeds: both pages name the quota's code."""
        self.account = there.account("baidu", "small")
        pairs = []
        for number in range(2):
            body = IMPORT.replace("your-publicKey", ecdsa_key().line).replace("keypair01", f"keypair1{number}")
            pairs.append(self.send("PUT", "/v2/keypair?import", body).json()["keypair"])
        words = "Keypair number exceeds the limit."
        self.refused(
            "create over the quota", self.send("POST", "/v2/keypair", CREATE), "KeypairQuotaExceedLimit", words, 413
        )
        body = IMPORT.replace("your-publicKey", ecdsa_key().line)
        seen = self.send("PUT", "/v2/keypair?import", body)
        self.refused("import over the quota", seen, "KeypairQuotaExceedLimit", words, 413)
        for pair in pairs:
            self.take_away(pair)

    def answered(self, what, seen, fields):
        """The documented answer: status, headers, and exactly these fields."""
        self.headers(what, seen, 200)
        body = seen.json() or {}
        pair = body.get("keypair", {})
        self.claims.same((set(body), set(pair)), ({"keypair"}, fields), f"{what}: exactly the documented fields")
        shown = {name: pair.get(name) for name in ("name", "description", "regionId", "instanceCount")}
        wanted = {"name": "keypair01", "description": "some description", "regionId": "bj", "instanceCount": 0}
        self.claims.same(shown, wanted, f"{what}: as it was asked for")
        for name in ("createTime", "createdTime"):
            form = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
            self.claims.that(
                re.fullmatch(form, pair.get(name) or ""), f"{what}: {name} has the page's form", pair.get(name)
            )
        self.claims.that(
            re.fullmatch(r"k-\w+", pair.get("keypairId") or ""), f"{what}: the id is a k-", pair.get("keypairId")
        )
        self.claims.same(pair.get("fingerPrint"), md5(pair["publicKey"]), f"{what}: the fingerprint is of the key")
        return pair

    def headers(self, what, seen, status):
        self.claims.same(seen.status, status, f"{what}: status {status}")
        self.claims.same(seen.headers.get("content-type"), "application/json;charset=UTF-8", f"{what}: Content-Type")
        request_id = seen.headers.get("x-bce-request-id") or ""
        self.claims.that(re.fullmatch(UUID, request_id), f"{what}: x-bce-request-id", request_id)
        date = seen.headers.get("date") or ""
        is_date = re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date) and parsedate_to_datetime(date)
        self.claims.that(is_date, f"{what}: Date", date)

    def refused(self, what, seen, code, words, status):
        """The documented refusal: the code, its words, its status."""
        self.headers(what, seen, status)
        body = seen.json() or {}
        self.claims.same(set(body), {"code", "message", "requestId"}, f"{what}: the fields of an error")
        self.claims.same(body.get("code"), f"Keypair.{code}", f"{what}: {code}")
        self.claims.that(
            (body.get("message") or "").startswith(words[:-1]), f"{what}: in the page's words", body.get("message")
        )
        self.claims.same(body.get("requestId"), seen.headers.get("x-bce-request-id"), f"{what}: one request id")

    def take_away(self, pair):
        seen = self.send("DELETE", f"/v2/keypair/{pair['keypairId']}")
        self.claims.same((seen.status, seen.body), (200, b""), "and it can be taken away")


def tencent(claims, there):
    """Seed: ImportKeyPair."""
    endpoint, key = there.endpoints["tencent"], rsa_key()

    def post(action, body, role="main"):
        headers = {"Host": TENCENT_HOST, "Content-Type": "application/json", "X-TC-Action": action}
        headers = {**headers, "X-TC-Version": "2017-03-12"}
        return raw.send(
            endpoint, "POST", "/", raw.tencent(there.account("tencent", role), headers, body.encode()), body.encode()
        )

    def whole(what, seen, fields):
        claims.same(seen.status, 200, f"{what}: status 200")
        claims.same(seen.headers.get("content-type"), "application/json", f"{what}: Content-Type, exactly")
        body = seen.json() or {}
        answer = body.get("Response", {})
        claims.same((set(body), set(answer)), ({"Response"}, fields), f"{what}: exactly the documented fields")
        claims.that(re.fullmatch(UUID, answer.get("RequestId") or ""), f"{what}: RequestId", answer.get("RequestId"))
        return answer

    def refused(what, seen, code, words):
        error = whole(what, seen, {"Error", "RequestId"}).get("Error", {})
        claims.same((set(error), error.get("Code")), ({"Code", "Message"}, code), f"{what}: {code}")
        claims.that(
            (error.get("Message") or "").startswith(words), f"{what}: in the page's words", error.get("Message")
        )

    real = TENCENT.replace("ssh-rsa XXXXXXXXXXXX==", key.line)
    answer = whole("ImportKeyPair", post("ImportKeyPair", real), {"KeyId", "RequestId"})
    claims.that(
        re.fullmatch(r"skey-[a-z0-9]{8}", answer.get("KeyId") or ""), "the id is a skey- and eight", answer.get("KeyId")
    )
    for what, change, code, words in [
        ("a taken name", {}, "InvalidKeyPairName.Duplicate", "Key pair name already exists"),
        ("the same key again", {"KeyName": "x"}, "InvalidPublicKey.Duplicate", "Invalid public key: the specified key"),
        ("an empty name", {"KeyName": ""}, "InvalidKeyPairNameEmpty", "The key name cannot be empty"),
        ("a hyphen", {"KeyName": "a-b"}, "InvalidKeyPairNameIncludeIllegalChar", "The key name contains invalid"),
        ("a name of 26", {"KeyName": "k" * 26}, "InvalidKeyPairNameTooLong", "The key name cannot exceed 25"),
        ("an unknown project", {"KeyName": "x", "ProjectId": "77"}, "InvalidProjectId.NotFound", "Invalid project ID"),
        ("no project", {"KeyName": "x", "ProjectId": None}, "MissingParameter", "Missing parameter"),
        (
            "a project that is no number",
            {"KeyName": "x", "ProjectId": "zero"},
            "InvalidParameterValue",
            "Incorrect param",
        ),
    ]:
        body = {name: value for name, value in {**json.loads(real), **change}.items() if value is not None}
        refused(what, post("ImportKeyPair", json.dumps(body)), code, words)
    placeholder = TENCENT.replace("operation_key", "placeholder")
    malformed = "Invalid public key: the specified public key does not meet"
    refused(
        "the page's placeholder", post("ImportKeyPair", TENCENT), *either(post, "ImportKeyPair", TENCENT, malformed)
    )
    refused(
        "the placeholder, under a free name",
        post("ImportKeyPair", placeholder),
        "InvalidPublicKey.Malformed",
        malformed,
    )
    claims.same(
        post("DeleteKeyPairs", json.dumps({"KeyIds": [answer["KeyId"]]})).status, 200, "and it can be taken away"
    )
    refused(
        "the page's placeholder as printed", post("ImportKeyPair", TENCENT), "InvalidPublicKey.Malformed", malformed
    )


def either(post, action, body, malformed):
    """With the name taken as well, a cloud may tell either."""
    code = post(action, body).json()["Response"]["Error"]["Code"]
    if code == "InvalidKeyPairName.Duplicate":
        return code, "Key pair name already exists"
    return "InvalidPublicKey.Malformed", malformed


def huawei(claims, there):
    """Seed: import a private key."""
    endpoint, account, key = there.endpoints["huawei"], there.account("huawei"), rsa_key()
    root = f"/v3/{account['project_id']}/keypairs"
    plain = {"Host": HUAWEI_HOST, "Content-Type": "application/json"}

    def send(method, path, body="", token=True):
        data = body.encode()
        headers = {**plain, "X-Auth-Token": account["auth_token"]}
        if not token:
            headers = raw.huawei(account, method, root + path, {**plain, "X-Project-Id": account["project_id"]}, data)
        return raw.send(endpoint, method, root + path, headers, data)

    def told(what, seen, status):
        claims.same(seen.status, status, f"{what}: status {status}")
        claims.that((seen.headers.get("content-type") or "").startswith("application/json"), f"{what}: Content-Type")
        claims.that(seen.headers.get("x-request-id"), f"{what}: X-Request-Id")
        return seen.json() or {}

    def refused(what, seen, code, status=400):
        body = told(what, seen, status)
        claims.same(set(body), {"error_code", "error_msg"}, f"{what}: the fields of an error")
        claims.same(body.get("error_code"), code, f"{what}: {code}")

    refused("a pair that is not there", send("POST", "/private-key/import", real(key)), "KPS.6004")
    made = json.dumps({"keypair": {"name": "demo2", "public_key": key.line}})
    claims.same(send("POST", "", made).status, 200, "demo2 is there")
    refused("the page's placeholder", send("POST", "/private-key/import", HUAWEI), "KPS.0002")
    refused("the page's placeholder, signed", send("POST", "/private-key/import", HUAWEI, token=False), "KPS.0002")
    for what, token in (("with a token", True), ("signed", False)):
        seen = told(what, send("POST", "/private-key/import", real(key), token), 200)
        claims.same(seen, {"keypair": {"name": "demo2"}}, f"{what}: the documented answer and nothing else")
        refused(f"{what}, again", send("POST", "/private-key/import", real(key), token), "KPS.0002")
        claims.same(send("DELETE", "/demo2/private-key").status, 200, f"{what}: and it can be forgotten")
    with_user = json.loads(real(key))
    with_user["keypair"]["user_id"] = account["user_id"]
    seen = told("with a user", send("POST", "/private-key/import", json.dumps(with_user)), 200)
    wanted = {"keypair": {"name": "demo2", "user_id": account["user_id"]}}
    claims.same(seen, wanted, "with a user: the user comes back")
    claims.same(send("DELETE", "/demo2/private-key").status, 200, "and it can be forgotten")
    refused("another key's half", send("POST", "/private-key/import", real(rsa_key())), "KPS.6011")
    claims.same(
        (send("DELETE", "/demo2").status, send("DELETE", "/demo2").status), (204, 400), "and it can be taken away"
    )


def real(key):
    """Seed 4's body with a private key in the place of the placeholder."""
    body = json.loads(HUAWEI)
    body["keypair"]["key_protection"]["private_key"] = key.pem("pkcs1")
    return json.dumps(body, indent=2)


def body(claims, there):
    baidu = Baidu(claims, there)
    baidu.create()
    baidu.import_public()
    baidu.quota(there)
    tencent(claims, there)
    huawei(claims, there)


def main():
    options = arguments(__doc__)
    claims = Claims("sdk_seeds")
    try:
        with place(options.at) as there:
            body(claims, there)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


if __name__ == "__main__":
    main()
