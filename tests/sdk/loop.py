#!/usr/bin/env python3
"""The loop: one service's adapters against another service's face, all three clouds.

    python tests/sdk/loop.py

Here is a service with three providers; there is one that is all three clouds, each with a project of its own. What is
placed here is found there, and what goes here is gone there. Needs $KEYPAIRS_BIN.
"""

import json
import uuid

import grpc
from place import HUAWEI_PROJECT, REGIONS, Claims
from harness import stubs  # its folder is on the path since `place`
from samples import ecdsa_key, rsa_key, two_words

from matrix.instance import Instance

CLOUDS = ("baidu", "tencent", "huawei")
SECONDS = 60


def face_config():
    lines = ["[face]", 'listen = "127.0.0.1:0"']
    for cloud in CLOUDS:
        lines += [
            "[[face.accounts]]", f'cloud = "{cloud}"', f'access_key = "AKloop{cloud}"', f'secret_key = "SKloop{cloud}"',
            f'project_id = "there-{cloud}"', f'region = "{REGIONS[cloud]}"', "quota = 0", "rate = 0",
        ]  # fmt: skip
        if cloud == "huawei":
            lines.append(f'cloud_project_id = "{HUAWEI_PROJECT}"')
    return "\n".join(lines) + "\n"


def providers_config(face):
    lines = []
    for cloud in CLOUDS:
        lines += [
            f"[providers.{cloud}]", f'kind = "{cloud}"', f'region = "{REGIONS[cloud]}"', f'endpoint = "http://{face}"',
            f'access_key = "AKloop{cloud}"', f'secret_key = "SKloop{cloud}"',
        ]  # fmt: skip
        if cloud == "huawei":
            lines.append(f'cloud_project_id = "{HUAWEI_PROJECT}"')
    return "\n".join(lines) + "\n"


def face_address(instance):
    """The face's own line in the log."""
    for line in instance.log().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("message") == "listening" and entry.get("listener") == "face":
            return entry["address"]
    raise RuntimeError("the log tells no address of the face")


class Loop:
    def __init__(self, claims, here, there):
        self.claims = claims
        self.pb, pb_grpc = stubs()
        self.here = pb_grpc.KeyPairsStub(here.channel)
        self.there = pb_grpc.KeyPairsStub(there.channel)

    def new(self, name, *clouds):
        placements = [self.pb.PlacementSpec(provider=cloud) for cloud in clouds]
        return {"name": name, "placements": placements, "request_id": str(uuid.uuid4())}

    def at(self, cloud):
        """The pairs there, by name."""
        request = self.pb.ListRequest(project_id=f"there-{cloud}")
        return {pair.name: pair for pair in self.there.List(request, timeout=SECONDS).key_pairs}

    def check_placed(self, pair, *clouds):
        """Here the placements are ACTIVE; there is the same key under the same id and name."""
        pair = self.here.Get(self.pb.GetRequest(id=pair.id), timeout=SECONDS).key_pair
        placed = {placement.provider: placement for placement in pair.placements if placement.provider != "local"}
        self.claims.same(set(placed), set(clouds), f"{pair.name}: its placements are those that were asked for")
        for cloud, placement in placed.items():
            states = self.pb.PlacementState.Name(placement.state), placement.error_message
            self.claims.same(states, ("PLACEMENT_STATE_ACTIVE", ""), f"{pair.name} at {cloud}: ACTIVE")
            found = self.at(cloud).get(placement.remote_name)
            self.claims.that(found is not None, f"{pair.name} at {cloud}: is there")
            if found is None:
                continue
            same = two_words(found.public_key) == two_words(pair.public_key)
            self.claims.that(same, f"{pair.name} at {cloud}: has the same public key")
            prints = placement.remote_fingerprint, found.fingerprint_md5
            self.claims.same(prints, (pair.fingerprint_md5,) * 2, f"{pair.name} at {cloud}: and fingerprint")
            self.claims.that(placement.remote_id, f"{pair.name} at {cloud}: has a remote id")
        return pair

    def run(self):
        pb, claims = self.pb, self.claims
        made = self.here.Create(
            pb.CreateRequest(description="from here", labels={"team": "a"}, **self.new("everywhere", *CLOUDS)),
            timeout=SECONDS,
        )
        claims.same((made.key_pair.key_type, made.key_pair.bits), (pb.KEY_TYPE_RSA, 3072), "all three take RSA 3072")
        everywhere = self.check_placed(made.key_pair, *CLOUDS)
        for cloud in CLOUDS:
            claims.same(self.at(cloud)["everywhere"].description, "from here", f"{cloud}: the description came along")
        claims.same(dict(self.at("tencent")["everywhere"].labels), {"team": "a"}, "tencent: labels are tags")

        request = pb.ImportPublicRequest(public_key=rsa_key().line, **self.new("public", "baidu", "tencent"))
        public = self.check_placed(self.here.ImportPublic(request, timeout=SECONDS).key_pair, "baidu", "tencent")

        request = pb.ImportPrivateRequest(private_key=ecdsa_key().pem(), **self.new("private", "huawei"))
        request.placements[0].huawei.escrow_private_key = True
        request.placements[0].huawei.encryption.type = pb.ENCRYPTION_TYPE_DEFAULT
        private = self.check_placed(self.here.ImportPrivate(request, timeout=SECONDS).key_pair, "huawei")
        claims.that(private.placements[1].huawei.private_key_escrowed, "huawei: the private half is escrowed, it says")
        stored = self.at("huawei")["private"].private_key_state
        claims.same(stored, pb.PRIVATE_KEY_STATE_STORED, "huawei: the private half is there")

        made = self.here.Create(pb.CreateRequest(generated_by="huawei", **self.new("made", "baidu")), timeout=SECONDS)
        self.check_placed(made.key_pair, "baidu", "huawei")
        claims.that("PRIVATE KEY" in made.private_key, "a pair that the cloud made came with its private half")

        change = pb.UpdateRequest(id=everywhere.id, key_pair=pb.KeyPair(name="renamed", description="again"))
        renamed = self.here.Update(change, timeout=SECONDS).key_pair
        names = {placement.provider: placement.remote_name for placement in renamed.placements}
        wanted = {"local": "renamed", "baidu": "renamed", "tencent": "renamed", "huawei": "everywhere"}
        claims.same(names, wanted, "a new name renames where the cloud renames")
        described = {cloud: self.at(cloud)[wanted[cloud]].description for cloud in CLOUDS}
        claims.same(described, dict.fromkeys(CLOUDS, "again"), "a new description reaches all three")
        self.check_placed(renamed, *CLOUDS)

        self.moves(public)
        self.looks(private)
        for pair in (everywhere, public, private, made.key_pair):
            self.here.Delete(pb.DeleteRequest(id=pair.id, request_id=str(uuid.uuid4())), timeout=SECONDS)
        for cloud in CLOUDS:
            claims.same(list(self.at(cloud)), [], f"{cloud}: Delete leaves nothing behind")

    def moves(self, public):
        """Withdraw and Place."""
        pb, claims = self.pb, self.claims
        withdraw = pb.WithdrawRequest(id=public.id, provider="baidu", request_id=str(uuid.uuid4()))
        self.here.Withdraw(withdraw, timeout=SECONDS)
        claims.that("public" not in self.at("baidu"), "Withdraw takes it away from one cloud")
        placement = pb.PlacementSpec(provider="huawei", remote_name="other-name")
        place = pb.PlaceRequest(id=public.id, placement=placement, request_id=str(uuid.uuid4()))
        self.check_placed(self.here.Place(place, timeout=SECONDS).key_pair, "tencent", "huawei")
        claims.that("other-name" in self.at("huawei"), "Place gives it the name that was asked for")
        refused = pb.PlaceRequest(id=public.id, placement=pb.PlacementSpec(provider="tencent", remote_name="a-b"))
        claims.same(self.refusal(self.here.Place, refused), "INVALID_ARGUMENT", "what does not fit is refused here")

    def looks(self, private):
        """Inspect, and Adopt with what is escrowed."""
        pb, claims = self.pb, self.claims
        for cloud in CLOUDS:
            items = self.here.Inspect(pb.InspectRequest(provider=cloud), timeout=SECONDS).items
            found = {pb.Finding.Name(item.finding) for item in items}
            claims.same(found, {"FINDING_KNOWN"}, f"{cloud}: Inspect knows everything")
        self.here.Delete(pb.DeleteRequest(id=private.id, purge=True, abandon_placements=True), timeout=SECONDS)
        items = self.here.Inspect(pb.InspectRequest(provider="huawei"), timeout=SECONDS).items
        orphans = [item.remote_id for item in items if item.finding == pb.FINDING_ORPHANED]
        claims.same(orphans, ["private"], "what was abandoned is an orphan")
        adopted = self.here.Adopt(pb.AdoptRequest(provider="huawei", remote_id="private"), timeout=SECONDS).key_pair
        stored = adopted.private_key_state == pb.PRIVATE_KEY_STATE_STORED
        claims.that(stored, "Adopt brings the private half from escrow")
        given = self.here.ExportPrivate(pb.ExportPrivateRequest(id=adopted.id), timeout=SECONDS)
        claims.that("PRIVATE KEY" in given.private_key, "and it opens")
        private.id = adopted.id

    def refusal(self, call, request):
        try:
            call(request, timeout=SECONDS)
            return "OK"
        except grpc.RpcError as fault:
            return fault.code().name


def main():
    claims = Claims("loop")
    there, here = Instance(face_config()), None
    try:
        there.start()
        here = Instance(providers_config(face_address(there)))
        here.start()
        Loop(claims, here, there).run()
        here.stop()
        there.stop()
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    finally:
        for instance in filter(None, (here, there)):
            instance.remove(False)
    claims.end()


if __name__ == "__main__":
    main()
