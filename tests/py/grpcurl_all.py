"""grpcurl 1.8.6 does everything through reflection: list, describe, every call; refused requests read as JSON.

It is given no proto file. Keys travel on its standard input (-d @), never as an argument, because arguments are
readable by every user of a machine.
"""

import json
import re
import subprocess
import tempfile
import uuid
from pathlib import Path

import grpc

from harness import SERVICE, Server, run_script, ssh_keygen, tool

METHODS = [
    "Adopt", "ClearPrivate", "Create", "Delete", "ExportPrivate", "Get", "GetProject", "ImportPrivate", "ImportPublic",
    "Inspect", "List", "Place", "Undelete", "Update", "Withdraw",
]  # fmt: skip
INVALID_ARGUMENT = 64 + 3


class Grpcurl:
    """One server, seen with grpcurl."""

    def __init__(self, address):
        self.address = address

    def raw(self, *arguments, stdin=None):
        command = [tool("grpcurl"), "-plaintext", "-max-time", "60", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90)

    def text(self, *arguments):
        done = self.raw(self.address, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"grpcurl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def call(self, method, **request):
        done = self.refusal(method, **request)
        if done.returncode != 0:
            raise RuntimeError(f"{method}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def refusal(self, method, **request):
        path = method if "/" in method else f"{SERVICE}/{method}"
        return self.raw("-emit-defaults", "-d", "@", self.address, path, stdin=json.dumps(request))


def body(claims):
    with Server() as server:
        grpcurl = Grpcurl(server.address)
        version = grpcurl.raw("--version")
        claims.that("1.8.6" in version.stdout + version.stderr, "this is grpcurl 1.8.6", version.stderr)
        reflection(claims, grpcurl)
        reflection_v1(claims, server)
        every_call(claims, grpcurl)
        formats(claims, grpcurl)
        refusals(claims, grpcurl)


def reflection(claims, grpcurl):
    services = grpcurl.text("list").split()
    claims.that(SERVICE in services, f"list shows {SERVICE}", services)
    claims.that("grpc.health.v1.Health" in services, "list shows grpc.health.v1.Health", services)
    listed = sorted(name.rsplit(".", 1)[1] for name in grpcurl.text("list", SERVICE).split())
    claims.same(listed, METHODS, "list of the service shows every method")
    described = grpcurl.text("describe", SERVICE)
    claims.that("service KeyPairs {" in described, "describe shows the service")
    for method in METHODS:
        words = grpcurl.text("describe", f"{SERVICE}.{method}")
        both = f".keypairs.v1.{method}Request" in words and f".keypairs.v1.{method}Response" in words
        claims.that(both, f"describe {method} shows its request and response", words)
        message = grpcurl.text("describe", f"keypairs.v1.{method}Request")
        claims.that("string project_id = 1;" in message, f"describe {method}Request shows its fields", message)
    health = grpcurl.call("grpc.health.v1.Health/Check", service=SERVICE)
    claims.same(health.get("status"), "SERVING", "health Check by reflection says SERVING")


def reflection_v1(claims, server):
    """grpcurl 1.8.6 speaks v1alpha only; newer ones ask for v1. Their messages are the same on the wire."""
    from grpc_reflection.v1alpha import reflection_pb2 as pb

    with server.channel() as channel:
        ask = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=pb.ServerReflectionRequest.SerializeToString,
            response_deserializer=pb.ServerReflectionResponse.FromString,
        )
        try:
            answer = next(ask(iter([pb.ServerReflectionRequest(list_services="*")]), timeout=10))
            names = [service.name for service in answer.list_services_response.service]
        except grpc.RpcError as refused:
            names = [str(refused.code())]
    claims.that(SERVICE in names, "reflection v1 is served beside v1alpha", names)


def every_call(claims, grpcurl):
    made = grpcurl.call("Create", name="made", labels={"team": "ops"}, request_id=str(uuid.uuid4()))
    pair = made["keyPair"]
    claims.same(pair["keyType"], "KEY_TYPE_ED25519", "Create makes an Ed25519 pair when nothing is asked for")
    claims.that(made["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----"), "Create returns the private half")

    dry = grpcurl.call("Create", name="dry", validate_only=True)
    claims.same(dry.get("privateKey"), "", "Create with validate_only returns no private half")

    with tempfile.TemporaryDirectory() as folder:
        brought = Path(folder) / "brought"
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "brought", "-f", brought)
        public, private = brought.with_suffix(".pub").read_text(), brought.read_text()
    taken = grpcurl.call("ImportPublic", name="brought", public_key=public)["keyPair"]
    claims.same(taken["privateKeyState"], "PRIVATE_KEY_STATE_NONE", "ImportPublic takes a public key")
    added = grpcurl.call("ImportPrivate", name="brought", private_key=private)
    claims.same(added["keyPair"]["privateKeyState"], "PRIVATE_KEY_STATE_STORED", "ImportPrivate adds the private half")
    claims.that("OPENSSH PRIVATE" not in json.dumps(added), "ImportPrivate returns no private half")

    claims.same(grpcurl.call("Get", name="made")["keyPair"], pair, "Get by name returns the pair that Create returned")
    claims.same(grpcurl.call("Get", id=pair["id"])["keyPair"], pair, "Get by id returns the same")
    listed = grpcurl.call("List")
    claims.same([p["name"] for p in listed["keyPairs"]], ["made", "brought"], "List shows both, oldest first")
    chosen = grpcurl.call("List", filter={"labels": {"team": "ops"}}, view="KEY_PAIR_VIEW_BASIC")["keyPairs"]
    claims.same([(p["name"], p["publicKey"]) for p in chosen], [("made", "")], "List filters and shows the BASIC view")
    project = grpcurl.call("GetProject")
    claims.same((project["projectId"], project["keyPairs"]), ("default", "2"), "GetProject counts them")

    # This grpcurl does not know the short JSON form of a FieldMask ("name,description").
    mask = {"paths": ["name", "description"]}
    change = {"key_pair": {"name": "renamed", "description": "new"}, "update_mask": mask}
    renamed = grpcurl.call("Update", id=pair["id"], etag=pair["etag"], **change)["keyPair"]
    claims.same((renamed["name"], renamed["description"]), ("renamed", "new"), "Update renames and describes")
    claims.that(renamed["etag"] != pair["etag"], "Update changes the etag")

    exported = grpcurl.call("ExportPrivate", name="renamed", reason="test")
    claims.same(exported["format"], "PRIVATE_KEY_FORMAT_OPENSSH", "ExportPrivate gives OPENSSH by default")
    ours = two_words(pair["publicKey"])
    claims.same(public_half(exported["privateKey"]), ours, "the exported half fits the public one")
    cleared = grpcurl.call("ClearPrivate", name="brought")["keyPair"]
    claims.same(cleared["privateKeyState"], "PRIVATE_KEY_STATE_CLEARED", "ClearPrivate forgets the private half")

    deleted = grpcurl.call("Delete", name="renamed", request_id=str(uuid.uuid4()))["keyPair"]
    claims.same(deleted["state"], "KEY_PAIR_STATE_DELETED", "Delete deletes")
    back = grpcurl.call("Undelete", id=pair["id"])["keyPair"]
    claims.same((back["state"], back["name"]), ("KEY_PAIR_STATE_ACTIVE", "renamed"), "Undelete brings it back")


def formats(claims, grpcurl):
    grpcurl.call("Create", name="rsa", key_type="KEY_TYPE_RSA", bits=2048, omit_private_key=True)
    grpcurl.call("Create", name="ecdsa", key_type="KEY_TYPE_ECDSA", omit_private_key=True)
    cases = [
        ("rsa", "OPENSSH", "OPENSSH PRIVATE KEY"), ("rsa", "PKCS8", "PRIVATE KEY"), ("rsa", "PKCS1", "RSA PRIVATE KEY"),
        ("ecdsa", "SEC1", "EC PRIVATE KEY"),
    ]  # fmt: skip
    for name, form, header in cases:
        text = grpcurl.call("ExportPrivate", name=name, format=f"PRIVATE_KEY_FORMAT_{form}")["privateKey"]
        framed = text.startswith(f"-----BEGIN {header}-----\n") and text.endswith(f"-----END {header}-----\n")
        claims.that(framed, f"ExportPrivate gives {name} as {form}", text[:40])


def refusals(claims, grpcurl):
    done = grpcurl.refusal("Create", name="no spaces", project_id="UPPER")
    claims.same(done.returncode, INVALID_ARGUMENT, "a bad Create exits with 64 + INVALID_ARGUMENT")
    details = error_details(done.stderr)
    claims.that("@value" not in done.stderr and "not recognized" not in done.stderr, "no detail is base64", done.stderr)
    info = details.get("google.rpc.ErrorInfo", {})
    claims.same(info.get("domain"), "keypairs.v1", "ErrorInfo reads as JSON and names the domain")
    claims.that(re.fullmatch(r"[A-Z][A-Z_]+", info.get("reason", "")), "ErrorInfo names a reason", info)
    violations = details.get("google.rpc.BadRequest", {}).get("fieldViolations", [])
    seen = {v["field"]: v.get("reason") for v in violations}
    wanted = {"name": "NAME_ILLEGAL_CHAR", "project_id": "PROJECT_ID_INVALID"}
    claims.same(seen, wanted, "BadRequest reads as JSON and names both fields with their reasons")

    missing = grpcurl.refusal("Get", name="missing")
    info = error_details(missing.stderr).get("google.rpc.ErrorInfo", {})
    claims.same((missing.returncode, info.get("reason")), (64 + 5, "KEY_PAIR_NOT_FOUND"), "Get of nothing is NOT_FOUND")
    taken = grpcurl.refusal("Create", name="rsa")
    info = error_details(taken.stderr).get("google.rpc.ErrorInfo", {})
    claims.same((taken.returncode, info.get("reason")), (64 + 6, "NAME_EXISTS"), "a taken name is ALREADY_EXISTS")
    claims.same(info.get("metadata", {}).get("existing_name"), "rsa", "its metadata names the pair that is there")


def error_details(stderr):
    """The details that grpcurl prints as `  1) {json}`, by message type."""
    details = {}
    for found in re.finditer(r"^\s*\d+\)\s*(\{.*\})\s*$", stderr, re.MULTILINE):
        detail = json.loads(found.group(1))
        details[detail["@type"].rsplit("/", 1)[1]] = detail
    return details


def public_half(private_key):
    """What ssh-keygen makes of a private key file: type and base64 of its public half."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.touch(mode=0o600)
        path.write_text(private_key)
        return two_words(ssh_keygen("-y", "-f", path))


def two_words(line):
    return line.split()[:2]


if __name__ == "__main__":
    run_script("grpcurl_all", body)
