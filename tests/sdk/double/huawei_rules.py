"""The rules of Huawei KPS: its codes, names, keys, owners and encryption. Each check raises the page's own code."""

import re

from .account import Refusal
from .cloud import is_text
from .keys import public_of_private, read_public

NAME = re.compile(r"[A-Za-z0-9_-]+")
RSA_BITS = (2048, 3072, 4096)
CODES = {
    "KPS.0001": (400, "The taskId is illegal."),
    "KPS.0002": (400, "Parameter error."),
    "KPS.0003": (500, "Dependency service unavailable."),
    "KPS.0004": (500, "Response error."),
    "KPS.0005": (400, "Failed task is not found."),
    "KPS.0006": (400, "User not found."),
    "KPS.4016": (400, "The key pair is not exist."),
    "KPS.6004": (400, "No Keypair find."),
    "KPS.6005": (400, "No private key managed."),
    "KPS.6008": (400, "Encrypt private key failed."),
    "KPS.6010": (400, "Save privatekey failed."),
    "KPS.6011": (400, "The imported private key not match public key."),
}


def no(code, status=None):
    """A refusal with the words and the status of the code's page."""
    usual, message = CODES.get(code, (400, code))
    return Refusal(code, status or usual, message)


def want(value, name, kind):
    """A field that must be there."""
    if not isinstance(value, dict) or not isinstance(value.get(name), kind):
        raise no("KPS.0002")
    if kind is str and not is_text(value[name]):
        raise no("KPS.0002")
    return value[name]


def name_of(asked, longest):
    """The name of a pair."""
    name = want(asked, "name", str)
    if not NAME.fullmatch(name) or len(name) > longest:
        raise no("KPS.0002")
    return name


def check_owner(account, asked, scope):
    """The user to whom a pair belongs; of the account's own, only itself is there."""
    user_id = asked.get("user_id")
    if user_id in (None, ""):
        return account.user_id
    if not is_text(user_id):
        raise no("KPS.0002")
    if scope == "user" and user_id != account.user_id:
        raise no("KPS.0006")
    return user_id


def public_of(line):
    """A public key of a kind that KPS takes."""
    try:
        public = read_public(line)
    except ValueError as fault:
        raise no("KPS.0002") from fault
    if public.type == "ssh-rsa" and public.bits not in RSA_BITS:
        raise no("KPS.0002")
    return public


def check_private(text, public):
    """A private key without a passphrase that belongs to this public one."""
    try:
        found = public_of_private(text)
    except ValueError as fault:
        raise no("KPS.0002") from fault
    if found.blob != public.blob:
        raise no("KPS.6011")


def check_encryption(account, encryption):
    """How the private half is kept: by default, or under a key that is there."""
    kind = want(encryption, "type", str)
    named = [encryption.get(field) for field in ("kms_key_name", "kms_key_id") if encryption.get(field)]
    if kind not in ("kms", "default") or (kind == "kms") != bool(named):
        raise no("KPS.0002")
    if any(key not in account.kms_keys for key in named):
        raise no("KPS.6008")
    return {
        "type": kind,
        **{field: encryption[field] for field in ("kms_key_name", "kms_key_id") if encryption.get(field)},
    }
