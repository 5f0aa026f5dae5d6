#!/usr/bin/env python3
"""Baidu BCC's key pairs through bce-python-sdk: every operation, and every error it can provoke as its own exception.

python tests/sdk/test_baidu.py [--at double|face|FILE] [--table]
"""

import re
from unittest import mock

import official
from official import read_baidu
from samples import ecdsa_key, ed25519_key, md5, public_of, rsa_key, two_words
from sheet import run

NAME_INVALID = ("Keypair.KeypairNameInvalid", 400)
DESCRIPTION_INVALID = ("Keypair.KeypairDescriptionInvalid", 400)
QUOTA = ("Keypair.KeypairQuotaExceedLimit", 413)
KEY_EXISTS = ("Keypair.KeypairPublicKeyExist", 400)
KEY_INVALID = ("Keypair.PublicKeyFormatInvalid", 400)
GONE = ("Keypair.KeypairNotExist", 404)
NO_INSTANCE = ("Keypair.InstanceNotExist", 404)
BAD_NAMES = ["1a", "_a", "a b", "a.b", "k" * 66, "k\u00e9", "-a", "k\u202ea"]
NOWHERE = "k-00000000"


def body(sheet, place):
    client = official.baidu(place)
    made = create(sheet, place, client)
    brought = import_public(sheet, place, client)
    quota(sheet, place)
    get_and_list(sheet, client, [made, *brought])
    changes(sheet, client, made)
    instances(sheet, place, client, made)
    delete(sheet, client, [made, *brought])
    common(sheet, place)


def whole(sheet, pair, name, description):
    """The fields that every pair has."""
    sheet.same((pair.name, pair.description), (name, description), "name and description are told")
    sheet.that(re.fullmatch(r"k-[A-Za-z0-9]{4,}", pair.keypair_id or ""), "the id is a k-", pair.keypair_id)
    sheet.same(pair.region_id, "bj", "the region is told")
    sheet.same(pair.instance_count, 0, "it is on no instance")
    for stamp in (pair.create_time, pair.created_time):
        sheet.that(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp or ""), "both times are there", stamp)
    sheet.same(pair.finger_print, md5(pair.public_key), "the fingerprint is the MD5 of the key")


def create(sheet, place, client):
    sheet.operation("create", "create_keypair")
    answer = sheet.works(lambda: client.create_keypair("made", "by us"), "makes a pair")
    pair = answer.keypair
    whole(sheet, pair, "made", "by us")
    sheet.that(answer.metadata.bce_request_id, "the request id is told")
    sheet.that(pair.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----\n"), "the private half is PKCS#1")
    sheet.same(public_of(pair.private_key), (two_words(pair.public_key), 2048), "of the public one, RSA 2048")
    bare = sheet.works(lambda: client.create_keypair("bare"), "makes a pair without a description (null)")
    sheet.same(bare.keypair.description, "", "its description is empty")
    sheet.works(lambda: client.delete_keypair(bare.keypair.keypair_id), "and takes it away")
    for name in [*BAD_NAMES, ""]:
        sheet.refused(lambda name=name: client.create_keypair(name), read_baidu, NAME_INVALID, f"the name {name[:4]!r}")
    long = "d" * 141
    sheet.refused(lambda: client.create_keypair("x", long), read_baidu, DESCRIPTION_INVALID, "a description of 141")
    if place.is_face:
        sheet.refused(lambda: client.create_keypair("made"), read_baidu, NAME_INVALID, "a taken name")
    return pair


def import_public(sheet, place, client):
    sheet.operation("import", "import_keypair")
    rsa, ecdsa, other = rsa_key(), ecdsa_key(), rsa_key()
    long = "k" + "\u5bc6" * 64
    answer = sheet.works(lambda: client.import_keypair("brought", "in", rsa.commented("me@here")), "takes an RSA key")
    whole(sheet, answer.keypair, "brought", "in")
    sheet.same(two_words(answer.keypair.public_key), rsa.line, "the public half comes back")
    sheet.that("private_key" not in vars(answer.keypair), "and no private one")
    second = sheet.works(lambda: client.import_keypair("a/b-c_d", None, ecdsa.line), "takes an ECDSA key, and / - _")
    third = sheet.works(lambda: client.import_keypair(long, None, other.line), "takes a letter and 64 Chinese ones")
    sheet.same(third.keypair.name, long, "which come back")
    for name in BAD_NAMES:
        call = lambda name=name: client.import_keypair(name, None, ed25519_key().line)  # noqa: E731
        sheet.refused(call, read_baidu, NAME_INVALID, f"the name {name[:4]!r}")
    call = lambda: client.import_keypair("x", "d" * 141, rsa_key().line)  # noqa: E731
    sheet.refused(call, read_baidu, DESCRIPTION_INVALID, "a description of 141")
    cut = rsa.line[:-40]
    for line in ["your-publicKey", "ssh-rsa AAAA", cut, ed25519_key().line, ""]:
        call = lambda line=line: client.import_keypair("x", None, line)  # noqa: E731
        sheet.refused(call, read_baidu, KEY_INVALID, f"the key {line[:14]!r}")
    again = rsa.commented("another comment")
    sheet.refused(lambda: client.import_keypair("twice", None, again), read_baidu, KEY_EXISTS, "a key that is there")
    if place.is_face:
        fresh = ecdsa_key().line
        sheet.refused(lambda: client.import_keypair("made", None, fresh), read_baidu, NAME_INVALID, "a taken name")
    return [answer.keypair, second.keypair, third.keypair]


def quota(sheet, place):
    client = official.baidu(place, "small")
    sheet.operation("create", "create_keypair")
    pairs = [client.import_keypair(name, None, ecdsa_key().line).keypair for name in ("one", "two")]
    sheet.refused(lambda: client.create_keypair("three"), read_baidu, QUOTA, "one more than the quota")
    sheet.operation("import", "import_keypair")
    fresh = ecdsa_key().line
    sheet.refused(lambda: client.import_keypair("three", None, fresh), read_baidu, QUOTA, "one more than the quota")
    client.delete_keypair(pairs[0].keypair_id)
    third = sheet.works(lambda: client.import_keypair("three", None, fresh), "there is room after a delete")
    for pair in (pairs[1], third.keypair):
        client.delete_keypair(pair.keypair_id)


def get_and_list(sheet, client, pairs):
    sheet.operation("get", "get_keypair")
    for pair in pairs:
        seen = sheet.works(lambda pair=pair: client.get_keypair(pair.keypair_id), "shows a pair").keypair
        wanted = {key: value for key, value in vars(pair).items() if key != "private_key"}
        sheet.same(vars(seen), wanted, "as it was answered before, without a private half")
    sheet.refused(lambda: client.get_keypair(NOWHERE), read_baidu, GONE, "an unknown id")

    sheet.operation("list", "list_keypairs")
    ids = [pair.keypair_id for pair in pairs]
    page = sheet.works(client.list_keypairs, "shows all")
    sheet.same(sorted(pair.keypair_id for pair in page.keypairs), sorted(ids), "every pair once")
    sheet.same((page.is_truncated, page.max_keys), (False, 1000), "on one page of 1000")
    sheet.that("next_marker" not in vars(page), "there is no next marker")
    sheet.that(not any("private_key" in vars(pair) for pair in page.keypairs), "and no private half")
    seen, marker, pages = [], None, 0
    while pages < 10:
        page = client.list_keypairs(marker=marker, max_keys=3)
        seen += [pair.keypair_id for pair in page.keypairs]
        pages += 1
        sheet.that(len(page.keypairs) <= 3, "a page holds no more than was asked for")
        sheet.same(page.is_truncated, "next_marker" in vars(page), "a next marker stands where there is more")
        if not page.is_truncated:
            break
        marker = page.next_marker
    sheet.same((sorted(seen), pages), (sorted(ids), 2), "pages of 3 show every pair once")
    named = sheet.works(lambda: client.list_keypairs(name="brought"), "finds by name").keypairs
    sheet.same([pair.name for pair in named], ["brought"], "exactly that one")
    sheet.same(client.list_keypairs(name="brough").keypairs, [], "and none for a part of a name")


def changes(sheet, client, pair):
    key = pair.keypair_id
    sheet.operation("rename", "rename_keypair")
    sheet.works(lambda: client.rename_keypair(key, "made.anew"), "renames, with a dot")
    sheet.same(client.get_keypair(key).keypair.name, "made.anew", "and it shows")
    sheet.works(lambda: client.rename_keypair(key, "made"), "renames back")
    for name in [name for name in BAD_NAMES if name != "a.b"]:
        sheet.refused(lambda name=name: client.rename_keypair(key, name), read_baidu, NAME_INVALID, f"{name[:4]!r}")
    sheet.refused(lambda: client.rename_keypair(NOWHERE, "x"), read_baidu, GONE, "an unknown id")

    sheet.operation("update description", "update_keypair_desc")
    for text in ("other words", "d" * 140, ""):
        sheet.works(lambda text=text: client.update_keypair_desc(key, text), "changes the description")
        sheet.same(client.get_keypair(key).keypair.description, text, "and it shows")
    call = lambda: client.update_keypair_desc(key, "d" * 141)  # noqa: E731
    sheet.refused(call, read_baidu, DESCRIPTION_INVALID, "a description of 141")
    sheet.refused(lambda: client.update_keypair_desc(NOWHERE, "x"), read_baidu, GONE, "an unknown id")


def instances(sheet, place, client, pair):
    key = pair.keypair_id
    for name in ("attach", "detach"):
        sheet.operation(name, f"{name}_keypair")
        call = getattr(client, f"{name}_keypair")
        sheet.refused(lambda call=call: call(key, ["i-unknown"]), read_baidu, NO_INSTANCE, "an unknown instance")
        sheet.refused(
            lambda call=call: call(NOWHERE, ["i-unknown"]), read_baidu, [GONE, NO_INSTANCE], "an unknown pair"
        )
        if place.doubles is None:
            sheet.only_refuses("refuses: no instance is known")
    if place.doubles is None:
        return
    # What only a cloud with instances can say.
    planted = {"i-one": {}, "i-windows": {"os": "windows"}, "i-moving": {"status": "starting"}}
    account = place.account("baidu")["access_key"]
    place.doubles.ask("POST", "/instances", cloud="baidu", account=account, instances=planted)
    sheet.operation("attach", "attach_keypair")
    answer = sheet.works(lambda: client.attach_keypair(key, ["i-one"]), "attaches")
    sheet.same(answer.failed_instance_id_list, [], "to all of them")
    sheet.same(client.get_keypair(key).keypair.instance_count, 1, "and it shows")
    refusals = [
        ("i-one", "Keypair.AttachAttachedKeypair", 400), ("i-windows", "Keypair.UnsupportOsType", 403),
        ("i-moving", "Keypair.InstanceStatusForbidden", 409),
    ]  # fmt: skip
    for instance, code, status in refusals:
        call = lambda instance=instance: client.attach_keypair(key, [instance])  # noqa: E731
        sheet.refused(call, read_baidu, (code, status), instance)
    sheet.operation("delete", "delete_keypair")
    in_use = ("Keypair.DeleteKeypairInUse", 403)
    sheet.refused(lambda: client.delete_keypair(key), read_baidu, in_use, "a pair on an instance")
    sheet.operation("detach", "detach_keypair")
    sheet.works(lambda: client.detach_keypair(key, ["i-one"]), "detaches")
    sheet.same(client.get_keypair(key).keypair.instance_count, 0, "and it shows")


def delete(sheet, client, pairs):
    sheet.operation("delete", "delete_keypair")
    for pair in pairs:
        sheet.works(lambda pair=pair: client.delete_keypair(pair.keypair_id), "takes a pair away")
        sheet.refused(lambda pair=pair: client.get_keypair(pair.keypair_id), read_baidu, GONE, "what is gone")
    sheet.refused(lambda: client.delete_keypair(pairs[0].keypair_id), read_baidu, GONE, "an id that is gone")
    sheet.same(client.list_keypairs().keypairs, [], "nothing is left")


def common(sheet, place):
    """What any operation is refused for."""
    sheet.operation("any", "list_keypairs and the transport under it")
    wrong = official.baidu(place, secret_key="another")
    signature = [("SignatureDoesNotMatch", 400), ("SignatureDoesNotMatch", 403)]
    sheet.refused(wrong.list_keypairs, read_baidu, signature, "another secret key")
    unknown = official.baidu(place, access_key="AKnobody")
    sheet.refused(unknown.list_keypairs, read_baidu, ("InvalidAccessKeyId", 403), "an unknown access key")
    client = official.baidu(place)
    with mock.patch("baidubce.utils.get_canonical_time", late_time):
        sheet.refused(client.list_keypairs, read_baidu, ("RequestExpired", 400), "a date of yesterday")
    call = lambda: client._send_request(b"GET", b"/keypair", prefix=b"/v1")  # noqa: E731
    sheet.refused(call, read_baidu, ("InvalidVersion", 404), "version 1")
    call = lambda: client._send_request(b"POST", b"/keypair", b"{")  # noqa: E731
    sheet.refused(call, read_baidu, ("MalformedJSON", 400), "a body that is no JSON")


def late_time(timestamp=0):
    """The SDK's clock, a day late."""
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86400)).encode()


if __name__ == "__main__":
    run("sdk_baidu", "Baidu BCC", official.BAIDU_SDK, "BceHttpClientError", body, __doc__)
