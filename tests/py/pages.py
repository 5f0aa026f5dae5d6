"""A default Python client pages through 1,000 of the fattest pairs: RSA-4096, 20 labels of the largest size.

"Default" means gRPC's own receive limit of 4 MiB and nothing set. The pairs come through ImportPublic: making 1,000
RSA-4096 keys would take an hour, and a page does not look at the private half.
"""

import base64
import random
import struct

import gmpy2

from harness import Server, run_script, stubs

PAIRS = 1000
PAGE_BYTES = 512 * 1024
CLIENT_LIMIT = 4 * 1024 * 1024
CONFIG = f"[quota]\nkey_pairs_per_project = {PAIRS + 10}\n"
PROJECT = "fat"


def body(claims):
    pb, pb_grpc = stubs()
    rng = random.Random(2)
    with Server(config=CONFIG) as server, server.channel() as channel:
        service = pb_grpc.KeyPairsStub(channel)
        made = [import_fat(pb, service, rng, number) for number in range(PAIRS)]
        claims.same(len({pair.id for pair in made}), PAIRS, f"{PAIRS} fat pairs are in")
        project = service.GetProject(pb.GetProjectRequest(project_id=PROJECT), timeout=10)
        wanted = (PAIRS, PAIRS + 10)
        claims.same((project.key_pairs, project.quota), wanted, "the quota of the config file holds, and counts them")

        pages = walk(pb, service, page_size=1000)
        whole_walk(claims, made, pages)
        page_sizes(claims, pages)

        small = walk(pb, service, page_size=7)
        claims.same(ids(small), ids(pages), "page_size 7 gives the same pairs in the same order")
        claims.that(all(len(page.key_pairs) <= 7 for page in small), "and no page holds more than 7")
        basic = walk(pb, service, page_size=1000, view=pb.KEY_PAIR_VIEW_BASIC)
        claims.same(ids(basic), ids(pages), "the BASIC view gives the same pairs")
        bare = all(not pair.public_key and not pair.placements for page in basic for pair in page.key_pairs)
        claims.that(bare, "and leaves out public_key and placements")


def whole_walk(claims, made, pages):
    seen = ids(pages)
    claims.same(len(seen), len(set(seen)), "no pair is shown twice")
    claims.same(set(seen), {pair.id for pair in made}, "every pair is shown")
    claims.same(seen, sorted(seen), "in the order of ids")
    claims.same(seen, [pair.id for pair in made], "which is the order they were made in")
    by_id = {pair.id: pair for pair in made}
    same = all(by_id.get(pair.id) == pair for page in pages for pair in page.key_pairs)
    claims.that(same, "each as ImportPublic returned it, with all 20 labels")
    claims.that(all(not page.unreadable_ids for page in pages), "no row is unreadable")


def page_sizes(claims, pages):
    sizes = [page.ByteSize() for page in pages]
    fattest = max(pair.ByteSize() for page in pages for pair in page.key_pairs)
    print(f"  {len(pages)} pages of {min(sizes)} to {max(sizes)} bytes, the fattest pair has {fattest}")
    claims.that(len(pages) > 1, "page_size 1000 is cut by size", len(pages))
    claims.that(max(sizes) < CLIENT_LIMIT, "every page is under the client's 4 MiB", max(sizes))
    # A page may stop before or after the pair that crosses the line: both are "ends at 512 KiB".
    claims.that(max(sizes) <= PAGE_BYTES + fattest + 1024, "no page is larger than 512 KiB and one pair", max(sizes))
    full = min(sizes[:-1])
    claims.that(full >= PAGE_BYTES - fattest - 1024, "no page but the last ends a pair or more before 512 KiB", full)


def walk(pb, service, **query):
    pages, token = [], ""
    while True:
        page = service.List(pb.ListRequest(project_id=PROJECT, page_token=token, **query), timeout=30)
        pages.append(page)
        token = page.next_page_token
        if not token:
            return pages
        if len(pages) > PAIRS:
            raise RuntimeError("the pages do not end")


def ids(pages):
    return [pair.id for page in pages for pair in page.key_pairs]


def import_fat(pb, service, rng, number):
    # Every tenth pair is as large as the contract allows: names, labels and description in code points of 3 bytes
    # (names: letters) and 4 bytes (labels: anything but control characters).
    letter, sign = ("\u9577", "\U0001f511") if number % 10 == 0 else ("n", "v")
    labels = {f"{index:02d}" + sign * 61: sign * 127 for index in range(20)}
    request = pb.ImportPublicRequest(
        project_id=PROJECT,
        name=f"{number:04d}" + letter * 251,
        description=sign * 140,
        labels=labels,
        user_id="u" * 64,
        public_key=rsa_line(rng, f"fat-{number}"),
    )
    return service.ImportPublic(request, timeout=30).key_pair


def rsa_line(rng, comment):
    """An OpenSSH line with a 4096-bit modulus that a check for weak keys has nothing against: a product of sixteen primes
    of 256 bits, which cannot be seen from outside. Random numbers would not do: of 1,000 some are prime, and some share
    a factor."""
    n = 1
    for _ in range(16):
        # The five highest bits set, so that the product has 4096.
        n *= int(gmpy2.next_prime(rng.getrandbits(256) | 31 << 251))
    blob = field(b"ssh-rsa") + field(b"\x01\x00\x01") + field(b"\x00" + n.to_bytes(512, "big"))
    return f"ssh-rsa {base64.b64encode(blob).decode()} {comment}"


def field(data):
    return struct.pack(">I", len(data)) + data


if __name__ == "__main__":
    run_script("pages", body)
