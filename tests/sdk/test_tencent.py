#!/usr/bin/env python3
"""Tencent CVM's key pairs through tencentcloud-sdk-python-cvm: every operation, and every error it can provoke as its
own exception; by POST and GET, with TC3 and the legacy signatures.

    python tests/sdk/test_tencent.py [--at double|face|FILE] [--table]
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.cvm.v20170312 import models

import official
from official import read_tencent
from samples import ecdsa_key, ed25519_key, public_of, rsa_key, two_words
from sheet import run

NOWHERE = "skey-00000000"
# (how, options of the client)
FORMS = [
    ("POST TC3", {}), ("GET TC3", {"method": "GET"}), ("TC3 with UNSIGNED-PAYLOAD", {"unsigned": True}),
    ("POST HmacSHA256", {"signature": "HmacSHA256"}), ("GET HmacSHA1", {"signature": "HmacSHA1", "method": "GET"}),
]  # fmt: skip


def ask(action, **fields):
    """The SDK's request object."""
    request = getattr(models, f"{action}Request")()
    request._deserialize(fields)
    return request


def call(client, action, **fields):
    """The call, not yet made."""
    return lambda: getattr(client, action)(ask(action, **fields))


def no(sheet, made, codes, claim):
    """The call is refused with this code, or one of these."""
    wanted = [(code, 0) for code in ([codes] if isinstance(codes, str) else codes)]
    sheet.refused(made, read_tencent, wanted, claim)


def body(sheet, place):
    client = official.tencent(place)
    made = create(sheet, client)
    brought = import_public(sheet, client)
    full(sheet, place)
    tags(sheet, place)
    describe(sheet, client, made, brought)
    modify(sheet, client, brought)
    instances(sheet, place, client, brought)
    forms(sheet, place)
    delete(sheet, client, [made, *brought])
    common(sheet, place)


def shown(client, **fields):
    """What DescribeKeyPairs shows."""
    return client.DescribeKeyPairs(ask("DescribeKeyPairs", **fields)).KeyPairSet


def names_and_projects(sheet, client, action, **more):
    """What CreateKeyPair and ImportKeyPair both refuse."""
    no(sheet, call(client, action, KeyName="", ProjectId=0, **more), "InvalidKeyPairNameEmpty", "an empty name")
    no(sheet, call(client, action, KeyName="k" * 26, ProjectId=0, **more), "InvalidKeyPairNameTooLong", "a name of 26")
    for name in ("a-b", "a b", "a.b", "\u5bc6\u94a5", "a/b"):
        made = call(client, action, KeyName=name, ProjectId=0, **more)
        no(sheet, made, "InvalidKeyPairNameIncludeIllegalChar", f"the name {name!r}")
    no(sheet, call(client, action, KeyName="made", ProjectId=0, **more), "InvalidKeyPairName.Duplicate", "a taken name")
    no(sheet, call(client, action, ProjectId=0, **more), "MissingParameter", "no name")
    no(sheet, call(client, action, KeyName="x", **more), "MissingParameter", "no project")
    no(
        sheet,
        call(client, action, KeyName="x", ProjectId=77, **more),
        "InvalidProjectId.NotFound",
        "an unknown project",
    )
    wrong = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = call(client, action, KeyName="x", ProjectId=0, TagSpecification=wrong, **more)
    no(sheet, made, "InvalidParameterValue", "tags for something else")


def create(sheet, client):
    sheet.operation("create", "CreateKeyPair")
    answer = sheet.works(call(client, "CreateKeyPair", KeyName="made", ProjectId=1001), "makes a pair")
    pair = answer.KeyPair
    sheet.that(re.fullmatch(r"skey-[a-z0-9]{8}", pair.KeyId or ""), "the id is a skey-", pair.KeyId)
    sheet.same((pair.KeyName, pair.ProjectId), ("made", 1001), "name and project are told")
    sheet.that(pair.PrivateKey.startswith("-----BEGIN RSA PRIVATE KEY-----\n"), "the private half is PKCS#1")
    sheet.same(public_of(pair.PrivateKey), (two_words(pair.PublicKey), 2048), "of the public one, RSA 2048")
    sheet.that(answer.RequestId, "the request id is told")
    names_and_projects(sheet, client, "CreateKeyPair")
    return pair.KeyId


def import_public(sheet, client):
    sheet.operation("import", "ImportKeyPair")
    first, second = rsa_key(), rsa_key(3072)
    fields = {"KeyName": "brought", "ProjectId": 0, "PublicKey": first.commented("me@here")}
    answer = sheet.works(call(client, "ImportKeyPair", **fields), "takes an RSA key")
    sheet.that(re.fullmatch(r"skey-[a-z0-9]{8}", answer.KeyId or ""), "the id is a skey-", answer.KeyId)
    seen = shown(client, KeyIds=[answer.KeyId])[0]
    sheet.same(two_words(seen.PublicKey), first.line, "the same key is shown")
    sheet.same(seen.PrivateKey or None, None, "and no private one")
    fields = {"KeyName": "k" * 25, "ProjectId": "0", "PublicKey": second.line}
    other = sheet.works(call(client, "ImportKeyPair", **fields), "takes the project as a string, and 25 letters")
    fresh = rsa_key()
    names_and_projects(sheet, client, "ImportKeyPair", PublicKey=fresh.line)
    no(sheet, call(client, "ImportKeyPair", KeyName="x", ProjectId=0), "MissingParameter", "no key")
    lines = ["ssh-rsa XXXXXXXXXXXX== skey_45071", first.line[:-40], ed25519_key().line, ecdsa_key().line, "nonsense"]
    for line in lines:
        made = call(client, "ImportKeyPair", KeyName="x", ProjectId=0, PublicKey=line)
        no(sheet, made, "InvalidPublicKey.Malformed", f"the key {line[:14]!r}")
    made = call(client, "ImportKeyPair", KeyName="twice", ProjectId=0, PublicKey=first.commented("else"))
    no(sheet, made, "InvalidPublicKey.Duplicate", "a key that is there")
    return [answer.KeyId, other.KeyId]


def full(sheet, place):
    client = official.tencent(place, "small")
    sheet.operation("create", "CreateKeyPair")
    ids = [call(client, "ImportKeyPair", KeyName=name, ProjectId=0, PublicKey=rsa_key().line)().KeyId for name in "ab"]
    no(sheet, call(client, "CreateKeyPair", KeyName="c", ProjectId=0), "InvalidKeyPair.LimitExceeded", "one too many")
    sheet.operation("import", "ImportKeyPair")
    fields = {"KeyName": "c", "ProjectId": 0, "PublicKey": rsa_key().line}
    no(sheet, call(client, "ImportKeyPair", **fields), "InvalidKeyPair.LimitExceeded", "one more than the quota")
    call(client, "DeleteKeyPairs", KeyIds=ids)()


def tags(sheet, place):
    client = official.tencent(place, "tagged")
    sheet.operation("import", "ImportKeyPair")
    tag = [{"ResourceType": "keypair", "Tags": [{"Key": "team", "Value": "ops"}]}]
    fields = {"ProjectId": 0, "TagSpecification": tag}
    made = call(client, "ImportKeyPair", KeyName="a", PublicKey=rsa_key().line, **fields)
    key = sheet.works(made, "takes tags").KeyId
    seen = shown(client, KeyIds=[key])[0].Tags
    sheet.same([(one.Key, one.Value) for one in seen], [("team", "ops")], "and shows them")
    made = call(client, "ImportKeyPair", KeyName="b", PublicKey=rsa_key().line, **fields)
    no(sheet, made, "LimitExceeded.TagResourceQuota", "one more pair on the tag")
    sheet.operation("create", "CreateKeyPair")
    no(sheet, call(client, "CreateKeyPair", KeyName="b", **fields), "LimitExceeded.TagResourceQuota", "the same")
    sheet.operation("describe", "DescribeKeyPairs")
    by_tag = {"tag-key": "team", "tag-value": "ops", "tag:team": "ops"}
    for name, value in by_tag.items():
        found = shown(client, Filters=[{"Name": name, "Values": [value, "other"]}])
        sheet.same([pair.KeyId for pair in found], [key], f"finds by {name}")
    sheet.same(shown(client, Filters=[{"Name": "tag:team", "Values": ["dev"]}]), [], "and not by another value")
    call(client, "DeleteKeyPairs", KeyIds=[key])()


def describe(sheet, client, made, brought):
    sheet.operation("describe", "DescribeKeyPairs")
    answer = sheet.works(call(client, "DescribeKeyPairs"), "shows all")
    ids = sorted([made, *brought])
    sheet.same((answer.TotalCount, sorted(pair.KeyId for pair in answer.KeyPairSet)), (3, ids), "every pair once")
    for pair in answer.KeyPairSet:
        sheet.that(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", pair.CreatedTime or ""), "with its time")
        sheet.same((pair.AssociatedInstanceIds, pair.PrivateKey or None), ([], None), "no instance, no private half")
    seen = []
    for offset in (0, 2, 4):
        page = client.DescribeKeyPairs(ask("DescribeKeyPairs", Offset=offset, Limit=2))
        sheet.same(page.TotalCount, 3, "a page tells how many there are")
        seen += [pair.KeyId for pair in page.KeyPairSet]
    sheet.same(sorted(seen), ids, "pages of 2 show every pair once")
    cases = [
        ([{"Name": "key-name", "Values": ["made", "nobody"]}], [made]),
        ([{"Name": "project-id", "Values": ["1001"]}], [made]),
        ([{"Name": "key-name", "Values": ["made"]}, {"Name": "project-id", "Values": ["0"]}], []),
    ]
    for filters, wanted in cases:
        found = shown(client, Filters=filters)
        sheet.same([pair.KeyId for pair in found], wanted, f"finds by {' and '.join(one['Name'] for one in filters)}")
    sheet.same(shown(client, KeyIds=[NOWHERE]), [], "an unknown id shows nothing, and is no error")
    malformed = call(client, "DescribeKeyPairs", KeyIds=["skey-1122"])
    no(sheet, malformed, "InvalidKeyPairId.Malformed", "the malformed id of the page")
    both = call(client, "DescribeKeyPairs", KeyIds=[made], Filters=[{"Name": "key-name", "Values": ["made"]}])
    no(sheet, both, ["InvalidParameter", "InvalidParameterValue"], "ids and filters at once")
    limits = ["InvalidParameterValueLimit", "InvalidParameterValue.LimitExceeded", "InvalidParameterValue"]
    no(sheet, call(client, "DescribeKeyPairs", Limit=101), limits, "a limit of 101")
    no(sheet, call(client, "DescribeKeyPairs", Limit=0), limits, "a limit of 0")
    offsets = ["InvalidParameterValueOffset", "InvalidParameterValue"]
    no(sheet, call(client, "DescribeKeyPairs", Offset=-1), offsets, "an offset of -1")
    no(
        sheet,
        call(client, "DescribeKeyPairs", Filters=[{"Name": "x", "Values": ["1"]}]),
        "InvalidFilter",
        "an unknown filter",
    )


def modify(sheet, client, brought):
    key, action = brought[0], "ModifyKeyPairAttribute"
    sheet.operation("modify", action)
    sheet.works(call(client, action, KeyId=key, KeyName="anew", Description="words"), "renames and describes")
    seen = shown(client, KeyIds=[key])[0]
    sheet.same((seen.KeyName, seen.Description), ("anew", "words"), "and it shows")
    sheet.works(call(client, action, KeyId=key, Description="d" * 60), "describes alone, with 60")
    sheet.same(shown(client, KeyIds=[key])[0].KeyName, "anew", "and the name stays")
    sheet.works(call(client, action, KeyId=key, KeyName="brought"), "renames alone")
    no(sheet, call(client, action, KeyId=key, KeyName="made"), "InvalidKeyPairName.Duplicate", "a taken name")
    for name in ("k" * 26, "a-b"):
        no(sheet, call(client, action, KeyId=key, KeyName=name), "InvalidParameterValue", f"the name {name[:4]!r}")
    no(sheet, call(client, action, KeyId=key, Description="d" * 61), "InvalidParameterValue", "a description of 61")
    no(sheet, call(client, action, KeyId=key), "MissingParameter", "nothing to change")
    no(sheet, call(client, action, KeyId=NOWHERE, KeyName="x"), "InvalidKeyPairId.NotFound", "an unknown id")
    no(sheet, call(client, action, KeyId="skey-1122", KeyName="x"), "InvalidKeyPairId.Malformed", "a malformed id")


def instances(sheet, place, client, brought):
    key = brought[0]
    for name in ("AssociateInstancesKeyPairs", "DisassociateInstancesKeyPairs"):
        sheet.operation(name[:-17].lower(), name)
        fields = {"KeyIds": [key], "InstanceIds": ["ins-00000000"]}
        no(sheet, call(client, name, **fields), "InvalidInstanceId.NotFound", "an unknown instance")
        if place.doubles is None:
            sheet.only_refuses("refuses: no instance is known")
    if place.doubles is None:
        return
    planted = {"ins-00000001": {}, "ins-00000002": {"status": "running"}}
    account = place.account("tencent")["access_key"]
    place.doubles.ask("POST", "/instances", cloud="tencent", account=account, instances=planted)
    sheet.operation("associate", "AssociateInstancesKeyPairs")
    action, fields = "AssociateInstancesKeyPairs", {"KeyIds": [key], "InstanceIds": ["ins-00000002"]}
    no(sheet, call(client, action, **fields), "UnsupportedOperation.InstanceStateRunning", "a running instance")
    sheet.works(call(client, action, ForceStop=True, **fields), "associates by force")
    sheet.same(shown(client, KeyIds=[key])[0].AssociatedInstanceIds, ["ins-00000002"], "and it shows")
    sheet.operation("delete", "DeleteKeyPairs")
    no(
        sheet,
        call(client, "DeleteKeyPairs", KeyIds=[key]),
        "InvalidParameterValue.KeyPairNotSupported",
        "a pair in use",
    )
    sheet.operation("disassociate", "DisassociateInstancesKeyPairs")
    sheet.works(call(client, "DisassociateInstancesKeyPairs", ForceStop=True, **fields), "disassociates")


def forms(sheet, place):
    """Every operation that needs no instance, in each form a request can have."""
    for how, options in FORMS:
        client = official.tencent(place, **options)
        line, name = rsa_key().commented("me at here + there"), "form"
        tag = [{"ResourceType": "keypair", "Tags": [{"Key": "a b", "Value": "c+d"}]}]
        sheet.operation("import", "ImportKeyPair")
        fields = {"KeyName": name, "ProjectId": 0, "PublicKey": line, "TagSpecification": tag}
        key = sheet.works(call(client, "ImportKeyPair", **fields), how).KeyId
        sheet.also(how)
        sheet.operation("describe", "DescribeKeyPairs")
        filters = [{"Name": "key-name", "Values": [name, "a b"]}, {"Name": "tag:a b", "Values": ["c+d"]}]
        seen = sheet.works(lambda: shown(client, Filters=filters, Offset=0, Limit=20), how)
        sheet.same(
            [(one.KeyId, two_words(one.PublicKey)) for one in seen], [(key, two_words(line))], f"{how}: the same key"
        )
        sheet.also(how)
        sheet.operation("modify", "ModifyKeyPairAttribute")
        sheet.works(call(client, "ModifyKeyPairAttribute", KeyId=key, Description="\u00fc b+c&d=e"), how)
        sheet.same(shown(client, KeyIds=[key])[0].Description, "\u00fc b+c&d=e", f"{how}: the words arrive")
        sheet.also(how)
        sheet.operation("create", "CreateKeyPair")
        made = sheet.works(call(client, "CreateKeyPair", KeyName="form_made", ProjectId=0), how).KeyPair.KeyId
        sheet.also(how)
        sheet.operation("delete", "DeleteKeyPairs")
        sheet.works(call(client, "DeleteKeyPairs", KeyIds=[key, made]), how)
        sheet.also(how)
        sheet.operation("any", "the transport under it")
        no(
            sheet,
            call(client, "ImportKeyPair", KeyName="", ProjectId=0, PublicKey=line),
            "InvalidKeyPairNameEmpty",
            how,
        )
        wrong = official.tencent(place, secret_key="another", **options)
        no(sheet, call(wrong, "DescribeKeyPairs"), "AuthFailure.SignatureFailure", f"another secret key, {how}")


def delete(sheet, client, ids):
    sheet.operation("delete", "DeleteKeyPairs")
    no(sheet, call(client, "DeleteKeyPairs", KeyIds=[ids[0], NOWHERE]), "InvalidKeyPairId.NotFound", "an unknown id")
    sheet.same(len(shown(client)), 3, "then nothing is taken away")
    no(sheet, call(client, "DeleteKeyPairs", KeyIds=["skey-1122"]), "InvalidKeyPairId.Malformed", "a malformed id")
    many = [f"skey-{number:08d}" for number in range(101)]
    limits = ["InvalidParameterValue.LimitExceeded", "InvalidKeyPair.LimitExceeded"]
    no(sheet, call(client, "DeleteKeyPairs", KeyIds=many), limits, "101 ids")
    no(sheet, call(client, "DeleteKeyPairs"), "MissingParameter", "no ids")
    sheet.works(call(client, "DeleteKeyPairs", KeyIds=ids), "takes several away")
    sheet.same(shown(client), [], "and nothing is left")


def common(sheet, place):
    """What any action is refused for."""
    sheet.operation("any", "the transport under it")
    client, unknown = official.tencent(place), official.tencent(place, access_key="AKnobody")
    no(sheet, call(unknown, "DescribeKeyPairs"), "AuthFailure.SecretIdNotFound", "an unknown SecretId")
    now = time.time()
    with mock.patch("tencentcloud.common.abstract_client.time.time", lambda: now - 86400):
        no(sheet, call(client, "DescribeKeyPairs"), "AuthFailure.SignatureExpire", "a date of yesterday")
    no(sheet, lambda: client.call_json("DescribeNothing", {}), "InvalidAction", "an unknown action")
    with mock.patch.object(type(client), "_apiVersion", "2016-01-01"):
        no(sheet, call(client, "DescribeKeyPairs"), "NoSuchVersion", "an unknown version")
    over_rate(sheet, place)


def over_rate(sheet, place):
    """Ten a second and action are answered; sooner or later one is not."""
    local = [official.tencent(place, "rated") for _ in range(16)]

    def one(client):
        try:
            shown(client)
            return "ok"
        except TencentCloudSDKException as fault:
            return fault.code

    with ThreadPoolExecutor(16) as pool:
        seen = [code for _ in range(4) for code in pool.map(one, local)]
    sheet.that(seen.count("ok") >= 10, "ten requests a second are answered", seen)
    sheet.same(set(seen) - {"ok"}, {"RequestLimitExceeded"}, "the next is RequestLimitExceeded")
    sheet.seen("RequestLimitExceeded", 0)


if __name__ == "__main__":
    run("sdk_tencent", "Tencent CVM", official.TENCENT_SDK, "TencentCloudSDKException", body, __doc__)
