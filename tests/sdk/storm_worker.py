"""One SDK client of the storm: a process that imports, looks, lists, changes and deletes until its time is over."""

import time
from types import SimpleNamespace

import official
from samples import ecdsa_key, rsa_key


def work(cloud, endpoints, account, number, ready, go, seconds, out):
    """The body of a process: {operation: [milliseconds]} and what went wrong, put into `out`."""
    place = SimpleNamespace(endpoints=endpoints, account=lambda _cloud, _role="main": account)
    took, wrong = {}, []
    try:
        steps = STEPS[cloud](place, number)
        ready.release()
        go.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(wrong) < 10:
            answer = None
            for name, step in steps:
                began = time.monotonic()
                answer = step(answer)
                took.setdefault(name, []).append((time.monotonic() - began) * 1000)
    except Exception as fault:
        ready.release()
        wrong.append(f"{type(fault).__name__}: {str(fault)[-300:]}")
    out.put((took, wrong))


def baidu(place, number):
    """The steps of a round; each gets what the one before gave."""
    client, key, name = official.baidu(place), ecdsa_key().line, f"storm-{number}"

    def seen(key_id, answer):
        if answer.keypair.keypair_id != key_id:
            raise AssertionError("another pair was shown")
        return key_id

    return [
        ("import", lambda _: client.import_keypair(name, "of the storm", key).keypair.keypair_id),
        ("get", lambda key_id: seen(key_id, client.get_keypair(key_id))),
        ("list", lambda key_id: (client.list_keypairs(name=name), key_id)[1]),
        ("rename", lambda key_id: (client.rename_keypair(key_id, f"{name}.anew"), key_id)[1]),
        ("updateDesc", lambda key_id: (client.update_keypair_desc(key_id, "other words"), key_id)[1]),
        ("delete", lambda key_id: client.delete_keypair(key_id)),
    ]


def tencent(place, number):
    """The steps of a round."""
    from tencentcloud.cvm.v20170312 import models

    client, key, name = official.tencent(place), rsa_key().line, f"storm_{number}"

    def ask(action, **fields):
        request = getattr(models, f"{action}Request")()
        request._deserialize(fields)
        return getattr(client, action)(request)

    def described(key_id):
        if [pair.KeyId for pair in ask("DescribeKeyPairs", KeyIds=[key_id]).KeyPairSet] != [key_id]:
            raise AssertionError("another pair was shown")
        return key_id

    def filtered(key_id):
        ask("DescribeKeyPairs", Filters=[{"Name": "key-name", "Values": [name]}])
        return key_id

    def modified(key_id):
        ask("ModifyKeyPairAttribute", KeyId=key_id, KeyName=f"{name}_anew", Description="other words")
        return key_id

    return [
        ("ImportKeyPair", lambda _: ask("ImportKeyPair", KeyName=name, ProjectId=0, PublicKey=key).KeyId),
        ("DescribeKeyPairs", described),
        ("DescribeKeyPairs", filtered),
        ("ModifyKeyPairAttribute", modified),
        ("DeleteKeyPairs", lambda key_id: ask("DeleteKeyPairs", KeyIds=[key_id])),
    ]


def huawei(place, number):
    """The steps of a round."""
    from huaweicloudsdkkps.v3 import model

    client, key, name = official.huawei(place), ecdsa_key(), f"storm-{number}"
    public, pem = key.line, key.pem()

    def created(_):
        request = model.CreateKeypairRequest(
            body=model.CreateKeypairRequestBody(keypair=model.CreateKeypairAction(name=name, public_key=public))
        )
        return client.create_keypair(request).keypair.name

    def escrowed(_):
        encryption = model.Encryption(type="default")
        protection = model.ImportPrivateKeyProtection(private_key=pem, encryption=encryption)
        bean = model.ImportPrivateKeyKeypairBean(name=name, key_protection=protection)
        body = model.ImportPrivateKeyRequestBody(keypair=bean)
        return client.import_private_key(model.ImportPrivateKeyRequest(body=body)).keypair.name

    def exported(_):
        body = model.ExportPrivateKeyRequestBody(keypair=model.KeypairBean(name=name))
        return client.export_private_key(model.ExportPrivateKeyRequest(body=body)).keypair.name

    return [
        ("create", created),
        (
            "detail",
            lambda _: client.list_keypair_detail(model.ListKeypairDetailRequest(keypair_name=name)).keypair.name,
        ),
        ("list", lambda _: client.list_keypairs(model.ListKeypairsRequest(limit="50"))),
        ("import-private", escrowed),
        ("export-private", exported),
        ("clear-private", lambda _: client.clear_private_key(model.ClearPrivateKeyRequest(keypair_name=name))),
        ("delete", lambda _: client.delete_keypair(model.DeleteKeypairRequest(keypair_name=name))),
    ]


STEPS = {"baidu": baidu, "tencent": tencent, "huawei": huawei}
