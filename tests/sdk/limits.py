#!/usr/bin/env python3
"""The clouds' own limits at their defaults: Baidu's 501st pair, Tencent's 101st and its 11th request in a second.

    python tests/sdk/limits.py [--at double|face|FILE]

Each is refused with the cloud's own code, as the SDK's own exception; nothing before it is, and a delete makes room.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from tencentcloud.cvm.v20170312 import models

import official
from double.keys import quick_rsa
from official import read_baidu, read_tencent
from place import Claims, arguments, place
from samples import ecdsa_key

BAIDU, TENCENT, RATE = 500, 100, 10


def fault_of(call, read):
    """(code, status) of what the SDK raises; None when it does not."""
    try:
        call()
    except Exception as fault:  # the SDK's
        own, code, status = read(fault)
        return (code, status) if own else repr(fault)[:300]
    return None


def baidu(claims, there):
    client = official.baidu(there)
    take = lambda number: client.import_keypair(f"limit-{number}", None, ecdsa_key().line)  # noqa: E731
    refusals = [fault_of(lambda number=number: take(number), read_baidu) for number in range(BAIDU)]
    claims.same(set(refusals), {None}, f"baidu: {BAIDU} pairs are taken")
    wanted = ("Keypair.KeypairQuotaExceedLimit", 413)
    claims.same(fault_of(lambda: take(BAIDU), read_baidu), wanted, f"baidu: the {BAIDU + 1}st is refused")
    claims.same(fault_of(lambda: client.create_keypair("made"), read_baidu), wanted, "baidu: created pairs count too")
    pairs = client.list_keypairs().keypairs
    claims.same(len(pairs), BAIDU, "baidu: all of them are on one page")
    client.delete_keypair(pairs[0].keypair_id)
    claims.same(fault_of(lambda: take(BAIDU), read_baidu), None, "baidu: a delete makes room")
    for pair in client.list_keypairs().keypairs:
        client.delete_keypair(pair.keypair_id)


def ask(client, action, **fields):
    request = getattr(models, f"{action}Request")()
    request._deserialize(fields)
    return getattr(client, action)(request)


def tencent(claims, there):
    client = official.tencent(there)

    def take(number):
        return ask(client, "ImportKeyPair", KeyName=f"limit_{number}", ProjectId=0, PublicKey=quick_rsa().line())

    refusals = [fault_of(lambda number=number: take(number), read_tencent) for number in range(TENCENT)]
    claims.same(set(refusals), {None}, f"tencent: {TENCENT} pairs are taken")
    wanted = ("InvalidKeyPair.LimitExceeded", 0)
    claims.same(fault_of(lambda: take(TENCENT), read_tencent), wanted, f"tencent: the {TENCENT + 1}st is refused")
    made = lambda: ask(client, "CreateKeyPair", KeyName="made", ProjectId=0)  # noqa: E731
    claims.same(fault_of(made, read_tencent), wanted, "tencent: created pairs count too")
    ids = [pair.KeyId for pair in ask(client, "DescribeKeyPairs", Limit=100).KeyPairSet]
    claims.same(len(ids), TENCENT, "tencent: all of them are on one page")
    ask(client, "DeleteKeyPairs", KeyIds=ids[:1])
    claims.same(fault_of(lambda: take(TENCENT), read_tencent), None, "tencent: a delete makes room")
    ids = [pair.KeyId for pair in ask(client, "DescribeKeyPairs", Limit=100).KeyPairSet]
    ask(client, "DeleteKeyPairs", KeyIds=ids)


def rate(claims, there):
    """Within one second: a burst of eleven, sent at once by eleven clients."""
    clients = [official.tencent(there, "rated") for _ in range(RATE + 1)]
    look = lambda client: fault_of(lambda: ask(client, "DescribeKeyPairs"), read_tencent)  # noqa: E731
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(look, clients))  # the connections stand
        time.sleep(1.1)  # and the second of that burst is over
        for _ in range(5):
            began = time.monotonic()
            seen = list(pool.map(look, clients))
            if time.monotonic() - began < 0.9:
                break
            time.sleep(1.1)  # too slow a machine: eleven did not fit into one second
    claims.same(
        (seen.count(None), seen.count(("RequestLimitExceeded", 0))),
        (RATE, 1),
        "tencent: of 11 in a second one is refused",
    )


def main():
    options = arguments(__doc__)
    claims = Claims("sdk_limits")
    try:
        with place(options.at) as there:
            baidu(claims, there)
            tencent(claims, there)
            rate(claims, there)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


if __name__ == "__main__":
    main()
