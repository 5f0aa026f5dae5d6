"""All three doubles together: their listeners, accounts, faults and state file."""

import datetime
import ipaddress
import json
import os
import ssl
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .account import Account, Pair
from .baidu import Baidu
from .faults import Plan
from .huawei import Huawei
from .listener import Listener
from .tencent import Tencent

# What is there without being asked for. The secrets are as public as this file.
ACCOUNTS = {
    "baidu": {"access_key": "AKBAIDU", "secret_key": "SKBAIDU-not-a-secret", "region": "bj", "quota": 500},
    "tencent": {
        "access_key": "AKTENCENT", "secret_key": "SKTENCENT-not-a-secret", "region": "ap-guangzhou", "quota": 100,
        "rate": 10, "project_ids": [0, 1001],
    },
    "huawei": {
        "access_key": "AKHUAWEI", "secret_key": "SKHUAWEI-not-a-secret", "region": "cn-north-4",
        "project_id": "0123456789abcdef0123456789abcdef", "user_id": "fedcba9876543210fedcba9876543210",
        "auth_token": "TOKENHUAWEI-not-a-secret",
    },
}  # fmt: skip


class World:
    """The doubles, from start to close."""

    def __init__(self, state=None, tls=False):
        self.plan = Plan()
        self.clouds = {cloud.name: cloud for cloud in (Baidu(self.plan), Tencent(self.plan), Huawei(self.plan))}
        self.state = Path(state) if state else None
        self.folder = tempfile.TemporaryDirectory(prefix="keypairs-doubles-") if tls else None
        self.listeners, self.ports = {}, {}
        self.restore()
        for cloud in self.clouds.values():
            self.listen(cloud, "", None)
            cloud.port = self.ports[cloud.name]
        if tls:
            self.ca_file, contexts = certificates(Path(self.folder.name))
            for cloud in self.clouds.values():
                for kind, context in contexts.items():
                    self.listen(cloud, f"-{kind}", context)

    def listen(self, cloud, suffix, context):
        listener = Listener(cloud.serve, lambda: cloud.offset, context)
        self.listeners[cloud.name + suffix] = listener
        self.ports[cloud.name + suffix] = listener.port

    def line(self):
        """What a caller must know to speak to them, as JSON."""
        seen = {"ports": self.ports, "accounts": {name: cloud_json(cloud) for name, cloud in self.clouds.items()}}
        if self.folder:
            seen["ca_file"] = str(self.ca_file)
        return seen

    def open_account(self, cloud, **fields):
        """Makes an account, or changes the one of this access key; its pairs stay."""
        known = self.clouds[cloud].accounts
        for name in ("project_ids", "kms_keys"):
            if name in fields:
                fields[name] = tuple(fields[name])
        usual = dict(ACCOUNTS[cloud])
        if fields.get("access_key", usual["access_key"]) != usual["access_key"]:
            usual.pop("auth_token", None)  # a token is one account's
        account = Account(**{**usual, **fields})
        account.project_ids = tuple(account.project_ids)
        if account.access_key in known:
            old = known[account.access_key]
            account.pairs, account.count, account.lock = old.pairs, old.count, old.lock
        known[account.access_key] = account
        return account

    def restore(self):
        """The accounts and pairs of the state file; without one, the usual accounts and no pair."""
        if self.state and self.state.exists() and self.state.stat().st_size:
            saved = json.loads(self.state.read_text())["clouds"]
            for cloud, accounts in saved.items():
                for seen in accounts:
                    account = self.open_account(cloud, **seen["account"])
                    for pair in seen["pairs"]:
                        account.add(Pair.from_json(pair))
        for cloud in self.clouds:
            if not self.clouds[cloud].accounts:
                self.open_account(cloud)

    def save(self):
        """Writes the state file, at once or not at all."""
        if self.state is None:
            return
        clouds = {}
        for name, cloud in self.clouds.items():
            clouds[name] = []
            for account in list(cloud.accounts.values()):
                with account.lock:
                    pairs = [pair.as_json() for pair in account.ordered()]
                clouds[name].append({"account": account.as_json(), "pairs": pairs})
        fresh = self.state.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"ports": self.ports, "clouds": clouds}))
        os.replace(fresh, self.state)

    def close(self):
        """Saves and ends."""
        self.plan.clear()
        for listener in self.listeners.values():
            listener.down()
        self.save()
        if self.folder:
            self.folder.cleanup()


def cloud_json(cloud):
    return [account.as_json() for account in list(cloud.accounts.values())]


def certificates(folder):
    """A certificate authority's file, and TLS contexts: one that is right and one whose certificate has expired."""
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the doubles' own authority")])

    def certificate(subject, public, days, authority):
        addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=60))
        builder = builder.not_valid_after(now + datetime.timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    (folder / "ca.pem").write_bytes(certificate(name, key.public_key(), 30, True))
    contexts = {}
    for kind, days in (("tls", 30), ("expired", -1)):
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"double {kind}")])
        pem = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / f"{kind}.pem"
        file.touch(mode=0o600)
        file.write_bytes(pem + certificate(subject, own.public_key(), days, False))
        contexts[kind] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[kind].load_cert_chain(file)
    return folder / "ca.pem", contexts
