#!/usr/bin/env python3
"""Huawei KPS's key pairs through huaweicloudsdkkps: every operation, and every error it can provoke as its own
exception.

python tests/sdk/test_huawei.py [--at double|face|FILE] [--table]
"""

import io
import os
import zipfile
from unittest import mock

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.signer.algorithm import SigningAlgorithm
from huaweicloudsdkkps.v3 import KpsClient, model
from huaweicloudsdkkps.v3.region.kps_region import KpsRegion

import official
from official import read_huawei
from samples import ecdsa_key, ed25519_key, md5, public_of, rsa_key, two_words
from sheet import run

PARAMETER = ("KPS.0002", 400)
GONE = ("KPS.4016", 400)
NO_PAIR = ("KPS.6004", 400)
NO_PRIVATE = ("KPS.6005", 400)
MISMATCH = ("KPS.6011", 400)
NO_USER = ("KPS.0006", 400)
NO_KMS_KEY = [("KPS.6008", 400), ("KPS.6010", 400)]
BAD_NAMES = ["a b", "a.b", "a/b", "\u5bc6\u94a5", "k" * 256, ""]
DEFAULT = {"type": "default"}
KMS = {"type": "kms", "kms_key_name": "kps/default"}


class Kps:
    """The client, with requests made from plain dicts."""

    def __init__(self, client):
        self.client = client

    def __call__(self, action, body=None, kind=None, **fields):
        """Calls an action; a body is turned into the SDK's own objects."""
        request = getattr(model, "".join(word.title() for word in action.split("_")) + "Request")(**fields)
        if body is not None:
            request.body = self.client._deserialize(body, kind)
        return getattr(self.client, action)(request)

    def create(self, name, **more):
        """Create or import public."""
        return self("create_keypair", {"keypair": {"name": name, **more}}, "CreateKeypairRequestBody").keypair

    def import_private(self, name, private, encryption, **more):
        """Import a private key."""
        protection = {"private_key": private, "encryption": encryption}
        body = {"keypair": {"name": name, "key_protection": protection, **more}}
        return self("import_private_key", body, "ImportPrivateKeyRequestBody").keypair

    def export(self, name):
        """Export a private key."""
        return self("export_private_key", {"keypair": {"name": name}}, "ExportPrivateKeyRequestBody").keypair

    def detail(self, name):
        """One pair."""
        return self("list_keypair_detail", keypair_name=name).keypair

    def delete(self, name):
        """Take a pair away."""
        return self("delete_keypair", keypair_name=name)


def body(sheet, place):
    kps = Kps(official.huawei(place))
    create(sheet, place, kps)
    keys = import_public(sheet, place, kps)
    private(sheet, place, kps, keys)
    detail_and_list(sheet, kps)
    describe(sheet, kps)
    batches(sheet, kps)
    servers_and_tasks(sheet, kps)
    delete(sheet, kps)
    common(sheet, place)


def no(sheet, call, wanted, claim):
    sheet.refused(call, read_huawei, wanted, claim)


def create(sheet, place, kps):
    sheet.operation("create", "create_keypair")
    pair = sheet.works(lambda: kps.create("made", type="ssh"), "makes a pair")
    sheet.that(pair.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----\n"), "the private half is PKCS#1")
    sheet.same(public_of(pair.private_key), (two_words(pair.public_key), 2048), "of the public one, RSA 2048")
    sheet.same(pair.fingerprint, md5(pair.public_key), "the fingerprint is the MD5 of the key")
    sheet.same(
        (pair.name, pair.type, pair.user_id), ("made", "ssh", place.account("huawei")["user_id"]), "with its owner"
    )
    no(sheet, lambda: kps.export("made"), NO_PRIVATE, "an export of what was not to be kept")
    for name, encryption in (("kept", DEFAULT), ("kept-kms", KMS)):
        call = lambda name=name, encryption=encryption: kps.create(name, key_protection={"encryption": encryption})  # noqa: E731
        kept = sheet.works(call, f"makes a pair and keeps its private half ({encryption['type']})")
        sheet.same(public_of(kps.export(name).private_key)[0], two_words(kept.public_key), "which can be exported")
    shared = sheet.works(lambda: kps.create("shared", scope="domain"), "makes a pair of the whole account")
    sheet.same((shared.name, kps.detail("shared").scope), ("shared", "domain"), "which it stays")
    refused_both_ways(sheet, kps, {})
    no(sheet, lambda: kps.create("x", key_protection={}), PARAMETER, "protection without encryption")
    no(sheet, lambda: kps.create("x", key_protection={"encryption": {"type": "KMS"}}), PARAMETER, "the type KMS")
    for name in ("kept", "kept-kms", "shared"):
        kps.delete(name)


def refused_both_ways(sheet, kps, more):
    """What create and import public both refuse."""
    for name in BAD_NAMES:
        no(sheet, lambda name=name: kps.create(name, **more), PARAMETER, f"the name {name[:4]!r}")
    no(sheet, lambda: kps.create("made", **more), PARAMETER, "a taken name")
    no(sheet, lambda: kps.create("x", scope="all", **more), PARAMETER, "an unknown scope")
    no(sheet, lambda: kps.create("x", scope="user", user_id="somebody", **more), NO_USER, "another user")


def import_public(sheet, place, kps):
    sheet.operation("import public", "create_keypair with public_key")
    keys = {"rsa": rsa_key(), "ed": ed25519_key(), "ec": ecdsa_key()}
    for name, key in keys.items():
        pair = sheet.works(
            lambda name=name, key=key: kps.create(name, public_key=key.commented("me@here")), f"takes {name}"
        )
        sheet.same((pair.name, two_words(pair.public_key)), (name, key.line), "the same key comes back")
        sheet.same((pair.private_key, pair.fingerprint), (None, md5(key.line)), "with its MD5 and no private half")
    both = rsa_key()
    protection = {"private_key": both.pem(), "encryption": DEFAULT}
    sheet.works(
        lambda: kps.create("both", public_key=both.line, key_protection=protection), "takes both halves at once"
    )
    sheet.same(public_of(kps.export("both").private_key)[0], both.line, "and gives the private one again")
    kps.delete("both")
    fresh = rsa_key()
    refused_both_ways(sheet, kps, {"public_key": fresh.line})
    for line in ("ssh-rsa AAAA", fresh.line[:-40], "nonsense"):
        no(sheet, lambda line=line: kps.create("x", public_key=line), PARAMETER, f"the key {line[:14]!r}")
    call = lambda: kps.create("x", public_key=fresh.line, key_protection={"encryption": DEFAULT})  # noqa: E731
    no(sheet, call, PARAMETER, "protection without a private key")
    other = {"private_key": both.pem(), "encryption": DEFAULT}
    no(
        sheet,
        lambda: kps.create("x", public_key=fresh.line, key_protection=other),
        MISMATCH,
        "halves that do not match",
    )
    if place.is_face:
        no(sheet, lambda: kps.create("again", public_key=keys["ed"].line), PARAMETER, "a key that is there")
    return keys


def private(sheet, place, kps, keys):
    key, name = keys["rsa"], "rsa"
    sheet.operation("import private", "import_private_key")
    user = place.account("huawei")["user_id"]
    for form, encryption, more in (
        ("pkcs8", DEFAULT, {}), ("pkcs1", KMS, {"user_id": user}), ("openssh", DEFAULT, {})
    ):  # fmt: skip
        sheet.operation("import private", "import_private_key")
        call = lambda f=form, e=encryption, m=more: kps.import_private(name, key.pem(f), e, **m)  # noqa: E731
        answer = sheet.works(call, f"takes {form} under {encryption['type']}")
        sheet.same((answer.name, answer.key_protection), (name, None), "and never says it again")
        no(
            sheet,
            lambda f=form: kps.import_private(name, key.pem(f), DEFAULT),
            PARAMETER,
            "a half that is kept already",
        )
        sheet.same(kps.detail(name).is_key_protection, True, "the pair says that it is kept")
        sheet.operation("export private", "export_private_key")
        given = sheet.works(lambda: kps.export(name), f"gives it again ({encryption['type']})")
        sheet.same((given.name, public_of(given.private_key)[0]), (name, key.line), "the same key")
        sheet.operation("clear private", "clear_private_key")
        sheet.works(lambda: kps("clear_private_key", keypair_name=name), "forgets it")
        sheet.same(kps.detail(name).is_key_protection, False, "and says so")
    sheet.operation("clear private", "clear_private_key")
    for absent in (name, "nobody"):
        call = lambda absent=absent: kps("clear_private_key", keypair_name=absent)  # noqa: E731
        no(sheet, call, [("KPS.6005", 404), ("KPS.6004", 404)], f"nothing to forget ({absent})")
    sheet.operation("export private", "export_private_key")
    no(sheet, lambda: kps.export(name), NO_PRIVATE, "a pair without a private half")
    no(sheet, lambda: kps.export("nobody"), NO_PAIR, "an unknown pair")
    sheet.operation("import private", "import_private_key")
    pem = key.pem()
    no(sheet, lambda: kps.import_private("nobody", pem, DEFAULT), NO_PAIR, "an unknown pair")
    no(sheet, lambda: kps.import_private(name, rsa_key().pem(), DEFAULT), MISMATCH, "another key's half")
    no(sheet, lambda: kps.import_private(name, key.locked(), DEFAULT), PARAMETER, "a half with a passphrase")
    cut = "-----BEGIN RSA PRIVATE KEY-----..."
    no(sheet, lambda: kps.import_private(name, cut, KMS), PARAMETER, "the page's placeholder")
    no(sheet, lambda: kps.import_private("k" * 65, pem, DEFAULT), PARAMETER, "a name of 65")
    no(sheet, lambda: kps.import_private(name, pem, DEFAULT, user_id="somebody"), NO_USER, "another user")
    for wrong in ({}, {"type": "kms"}, {"type": "KMS", "kms_key_name": "kps/default"}, {"type": "none"}, None):
        call = lambda wrong=wrong: kps.import_private(name, pem, wrong)  # noqa: E731
        no(sheet, call, PARAMETER, f"the encryption {wrong}")
    unknown = {"type": "kms", "kms_key_name": "kps/unknown"}
    no(sheet, lambda: kps.import_private(name, pem, unknown), NO_KMS_KEY, "an unknown KMS key")


def detail_and_list(sheet, kps):
    sheet.operation("detail", "list_keypair_detail")
    pair = sheet.works(lambda: kps.detail("ed"), "shows a pair")
    sheet.same((pair.name, pair.type, pair.scope, pair.deleted), ("ed", "ssh", "user", False), "as it is")
    sheet.same((pair.frozen_state, type(pair.id)), (0, int), "numbers are numbers")
    sheet.that(pair.create_time > 1_600_000_000_000, "the time is in milliseconds", pair.create_time)
    no(sheet, lambda: kps.detail("nobody"), GONE, "an unknown pair")
    sheet.operation("list", "list_keypairs")
    page = sheet.works(lambda: kps("list_keypairs"), "shows all")
    names = sorted(["made", "rsa", "ed", "ec"])
    sheet.same(sorted(one.keypair.name for one in page.keypairs), names, "every pair once")
    sheet.same({one.keypair.frozen_state for one in page.keypairs}, {"0"}, "here the frozen state is a string")
    sheet.same(page.page_info.current_count, 4, "and counts them")
    seen, marker, pages = [], None, 0
    while pages < 10:
        page = kps("list_keypairs", limit="3", marker=marker)
        pages += 1
        seen += [one.keypair.name for one in page.keypairs]
        marker = page.page_info.next_marker
        sheet.that(len(page.keypairs) <= 3, "a page holds no more than was asked for")
        if not marker or not page.keypairs:
            break
    sheet.same(sorted(seen), names, "pages of 3 show every pair once")
    no(sheet, lambda: kps("list_keypairs", limit="many"), PARAMETER, "a limit that is no number")


def describe(sheet, kps):
    sheet.operation("update description", "update_keypair_description")

    def change(name, text):
        kind = "UpdateKeypairDescriptionRequestBody"
        return kps("update_keypair_description", {"keypair": {"description": text}}, kind, keypair_name=name)

    for text in ("words \u5bc6\u94a5", ""):
        sheet.works(lambda text=text: change("ed", text), "changes the description")
        sheet.same(kps.detail("ed").description or "", text, "and it shows")
    no(sheet, lambda: change("nobody", "x"), GONE, "an unknown pair")


def batches(sheet, kps):
    sheet.operation("batch import", "batch_import_keypair")
    keys = {f"batch-{number}": rsa_key() for number in range(3)}
    kind = "list[CreateKeypairRequestBody]"
    one = lambda name, key: {"keypair": {"name": name, "public_key": key.line}}  # noqa: E731
    asked = [one(name, key) for name, key in keys.items()]
    answer = sheet.works(lambda: kps("batch_import_keypair", [*asked, one("made", rsa_key())], kind), "takes several")
    sheet.same(sorted(pair.keypair.name for pair in answer.succeeded_keypairs), sorted(keys), "those that are right")
    failed = [(pair.keypair_name, bool(pair.failed_reason)) for pair in answer.failed_keypairs]
    sheet.same(failed, [("made", True)], "and tells which is wrong, and why")
    many = [one(f"many-{number}", keys["batch-0"]) for number in range(11)]
    no(sheet, lambda: kps("batch_import_keypair", many, kind), PARAMETER, "eleven at once")
    sheet.operation("batch export", "batch_export_private_key")
    for name, key in keys.items():
        kps.import_private(name, key.pem(), DEFAULT)
    listed = [{"keypair": {"name": name}} for name in keys]
    answer = sheet.works(lambda: kps("batch_export_private_key", listed, "list[Keypairs]"), "gives several")
    with zipfile.ZipFile(io.BytesIO(answer.raw_content)) as archive:
        files = [archive.read(name).decode() for name in archive.namelist()]
    given = sorted(public_of(text)[0] for text in files)
    sheet.same(given, sorted(key.line for key in keys.values()), "in a zip, one file each")
    nobody = [{"keypair": {"name": "nobody"}}]
    no(sheet, lambda: kps("batch_export_private_key", nobody, "list[Keypairs]"), NO_PAIR, "an unknown pair")
    no(sheet, lambda: kps("batch_export_private_key", nobody * 11, "list[Keypairs]"), PARAMETER, "eleven at once")
    for name in keys:
        kps.delete(name)


def servers_and_tasks(sheet, kps):
    server = {"id": "d76baba7-ef09-40a2-87ff-3eafec0696e7"}
    bind = {"keypair_name": "made", "server": server}
    calls = [
        ("associate", "associate_keypair", bind, "AssociateKeypairRequestBody"),
        ("batch associate", "batch_associate_keypair", {"batch_keypairs": [bind]}, "BatchAssociateKeypairRequestBody"),
        ("disassociate", "disassociate_keypair", {"server": server}, "DisassociateKeypairRequestBody"),
    ]
    for name, action, asked, kind in calls:
        sheet.operation(name, action)
        no(sheet, lambda a=action, b=asked, k=kind: kps(a, b, k), PARAMETER, "an unknown server")
        sheet.only_refuses("refuses: no server is known")
    for name, action in (("running tasks", "list_running_task"), ("failed tasks", "list_failed_task")):
        sheet.operation(name, action)
        answer = sheet.works(lambda a=action: kps(a), "shows the tasks")
        sheet.same((answer.total, answer.tasks), (0, []), "there is none")
    sheet.operation("forget failed tasks", "delete_all_failed_task")
    sheet.works(lambda: kps("delete_all_failed_task"), "forgets all of none")
    sheet.operation("forget a failed task", "delete_failed_task")
    unknown = "e4d0a4e4-0a4e-4b4e-8a4e-0a4e4b4e8a4e"
    no(sheet, lambda: kps("delete_failed_task", task_id=unknown), ("KPS.0005", 400), "an unknown task")
    sheet.only_refuses("refuses: there is no task")
    sheet.operation("task", "list_keypair_task")
    no(sheet, lambda: kps("list_keypair_task", task_id=unknown), ("KPS.0001", 400), "an unknown task")
    sheet.only_refuses("refuses: there is no task")


def delete(sheet, kps):
    sheet.operation("delete", "delete_keypair")
    for name in ("made", "rsa", "ed", "ec"):
        sheet.works(lambda name=name: kps.delete(name), "takes a pair away")
        no(sheet, lambda name=name: kps.detail(name), GONE, "what is gone")
    no(sheet, lambda: kps.delete("made"), GONE, "a pair that is gone")
    sheet.same(kps("list_keypairs").keypairs, [], "nothing is left")


def common(sheet, place):
    """What any operation is refused for, and the ways to sign in."""
    sheet.operation("any", "the transport under it")

    def listed(client):
        return Kps(client)("list_keypairs")

    wrong = ("APIGW.0301", 401)
    no(sheet, lambda: listed(official.huawei(place, secret_key="another")), wrong, "another secret key")
    no(sheet, lambda: listed(official.huawei(place, access_key="AKnobody")), wrong, "an unknown access key")
    late = official.huawei(place)
    late.preset_headers = {"X-Sdk-Date": "20200101T000000Z"}
    no(sheet, lambda: listed(late), wrong, "a date of long ago")
    for other in (SigningAlgorithm.HMAC_SM3, SigningAlgorithm.ECDSA_P256_SHA256, SigningAlgorithm.SM2_SM3):
        client = official.huawei(place, algorithm=other)
        no(sheet, lambda client=client: listed(client), wrong, f"the signing algorithm {other}")
    foreign = official.huawei(place, project_id="f" * 32)
    no(sheet, lambda: listed(foreign), ("KPS.9003", 403), "another project")
    for token, answer in ((place.account("huawei")["auth_token"], None), ("another", ("KPS.9001", 401))):
        # As a preset Authorization header stops the SDK from signing, this is how it sends a bare token.
        client = official.huawei(place)
        client.preset_headers = {"X-Auth-Token": token, "Authorization": ""}
        with mock.patch("requests.models.PreparedRequest.prepare_headers", without_empty):
            if answer is None:
                sheet.works(lambda client=client: listed(client), "a token does instead of a signature")
            else:
                no(sheet, lambda client=client: listed(client), answer, "an unknown token")
    by_region(sheet, place, listed)


def without_empty(prepared, headers):
    """Sends headers that have a value."""
    from requests.structures import CaseInsensitiveDict

    prepared.headers = CaseInsensitiveDict({name: value for name, value in (headers or {}).items() if value != ""})


def by_region(sheet, place, listed):
    """A client that is given a region and no project asks for the project first."""
    account, endpoint = place.account("huawei"), f"http://{place.endpoints['huawei']}"
    environment = {"HUAWEICLOUD_SDK_REGION_KPS_CN_NORTH_4": endpoint, "HUAWEICLOUD_SDK_IAM_ENDPOINT": endpoint}
    with mock.patch.dict(os.environ, environment):
        credentials = BasicCredentials(account["access_key"], account["secret_key"])
        region = KpsRegion.value_of("cn-north-4")
        build = lambda: KpsClient.new_builder().with_credentials(credentials).with_region(region).build()  # noqa: E731
        client = sheet.works(build, "a client of a region learns its project (GET /v3/projects)")
        if client is not None:
            sheet.works(lambda: listed(client), "and then works")


if __name__ == "__main__":
    run("sdk_huawei", "Huawei KPS", official.HUAWEI_SDK, "ClientRequestException", body, __doc__)
