"""Where a script speaks to: our doubles, a face of `keypairs serve`, or servers that are described in a file.

    --at double     (the default) starts tests/sdk/doubles.py
    --at face       starts $KEYPAIRS_BIN with a face and the accounts below; one endpoint for all three clouds
    --at FILE       JSON: {"kind": "face"|"double", "endpoints": {CLOUD: "HOST:PORT"},
                    "accounts": {CLOUD: {ROLE: {...}}}}

$KEYPAIRS_SDK_AT is the same for a script without the flag. Where face and cloud differ by design, a script asks
`place.is_face`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "py"))

from harness import Claims, Server, binary  # noqa: E402, F401  (its folder is on the path only now)

from doubles_client import Doubles  # noqa: E402

# Each role is an account with pairs of its own. "main" is roomy; "small" holds two pairs; "rated" takes ten requests a
# second and action; "tagged" lets a tag be on one pair.
ROLES = {
    "baidu": {"main": {"quota": 500}, "small": {"quota": 2}},
    "tencent": {
        "main": {"quota": 100, "project_ids": [0, 1001]}, "small": {"quota": 2}, "rated": {"rate": 10},
        "tagged": {"resources_per_tag": 1},
    },
    "huawei": {"main": {"auth_token": "TOKENhuawei-main-not-a-secret"}},
}  # fmt: skip
REGIONS = {"baidu": "bj", "tencent": "ap-guangzhou", "huawei": "cn-north-4"}
HUAWEI_PROJECT = "0123456789abcdef0123456789abcdef"
HUAWEI_USER = "fedcba9876543210fedcba9876543210"
FACE_SECONDS = 20


class Place:
    """What is spoken to."""

    def __init__(self, kind, endpoints, accounts, doubles=None):
        self.kind = kind
        self.endpoints = endpoints
        self.accounts = accounts
        self.doubles = doubles

    @property
    def is_face(self):
        """Whether this is our face, not a double of a cloud."""
        return self.kind == "face"

    def account(self, cloud, role="main"):
        """The account of a role, as a dict."""
        return self.accounts[cloud][role]


def accounts():
    """The accounts of all roles, with their keys."""
    made = {}
    for cloud, roles in ROLES.items():
        made[cloud] = {}
        for role, fields in roles.items():
            word = f"{cloud}-{role}"
            account = {"access_key": f"AK{word}", "secret_key": f"SK{word}-not-a-secret", "region": REGIONS[cloud]}
            account.update({"quota": 0, "rate": 0, **fields})
            if cloud == "huawei":
                account.update(project_id=HUAWEI_PROJECT, user_id=HUAWEI_USER)
            made[cloud][role] = account
    return made


@contextmanager
def place(at):
    """Opens the place that --at names."""
    if at == "double":
        with Doubles() as doubles:
            made = accounts()
            for cloud, roles in made.items():
                for account in roles.values():
                    doubles.ask("POST", "/accounts", cloud=cloud, **account)
            endpoints = {cloud: f"127.0.0.1:{doubles.port(cloud)}" for cloud in ROLES}
            yield Place("double", endpoints, made, doubles)
    elif at == "face":
        made = accounts()
        with Server(config=face_config(made)) as server:
            address = face_address(server)
            make_kms_key(server)
            yield Place("face", dict.fromkeys(ROLES, address), made)
    else:
        told = json.loads(Path(at).read_text())
        yield Place(told["kind"], told["endpoints"], told["accounts"])


def face_config(made):
    """A config with a face and these accounts, each of a project of its own."""
    lines = ["[face]", 'listen = "127.0.0.1:0"']
    for cloud, roles in made.items():
        for role, account in roles.items():
            lines += ["[[face.accounts]]", f'cloud = "{cloud}"', f'project_id = "sdk-{cloud}-{role}"']
            for name, value in account.items():
                lines.append(f"{FACE_NAMES.get(name, name)} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


# In the config of a face project_id is ours, and the cloud's has another name.
FACE_NAMES = {"project_id": "cloud_project_id", "project_ids": "cloud_project_ids"}


def face_address(server):
    """The address of the face, which the log tells."""
    end = time.monotonic() + FACE_SECONDS
    while time.monotonic() < end:
        told = [json.loads(line) for line in server.log().splitlines() if line.startswith("{") and line.endswith("}")]
        for address in (line["address"] for line in told if line.get("listener") == "face"):
            return address
        time.sleep(0.05)
    raise RuntimeError(f"no face within {FACE_SECONDS} s:\n{server.log()[-4000:]}")


def make_kms_key(server):
    """Seed 4's kms key, in the local keyring."""
    command = [binary(), "keyring", "create", "kps/default", "--data-dir", str(server.dir / "data")]
    command += ["--config", str(server.dir / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"keyring create: {done.stderr}")


def arguments(description, add=lambda parser: None):
    """The command line of a script: --at, and what `add` adds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at", default=os.environ.get("KEYPAIRS_SDK_AT", "double"), metavar="double|face|FILE")
    add(parser)
    return parser.parse_args()
