"""The double of Tencent CVM: key pairs as its pages and SDKs have them.

Everything is answered with HTTP 200, errors too. Names are unique in an account, and so are public keys. A listed
public key carries the pair's name as its comment, whatever comment it came with.
"""

import re

from . import signatures
from .account import Pair, Refusal
from .cloud import Cloud, is_text, json_answer, json_body
from .keys import make_rsa, read_public
from .listener import Answer
from .tencent_filter import chosen_pairs, page_of

VERSION = "2017-03-12"
NAME, NAME_LENGTH, DESCRIPTION = re.compile(r"[a-zA-Z0-9_]+"), 25, 60
BATCH = 100
TAKES = {
    "CreateKeyPair": ("KeyName", "ProjectId", "TagSpecification"),
    "ImportKeyPair": ("KeyName", "ProjectId", "PublicKey", "TagSpecification"),
    "DescribeKeyPairs": ("KeyIds", "Filters", "Offset", "Limit"),
    "ModifyKeyPairAttribute": ("KeyId", "KeyName", "Description"),
    "DeleteKeyPairs": ("KeyIds",),
    "AssociateInstancesKeyPairs": ("InstanceIds", "KeyIds", "ForceStop"),
    "DisassociateInstancesKeyPairs": ("InstanceIds", "KeyIds", "ForceStop"),
}
NEEDS = {
    "CreateKeyPair": ("KeyName", "ProjectId"), "ImportKeyPair": ("KeyName", "ProjectId", "PublicKey"),
    "DescribeKeyPairs": (), "ModifyKeyPairAttribute": ("KeyId",), "DeleteKeyPairs": ("KeyIds",),
    "AssociateInstancesKeyPairs": ("InstanceIds", "KeyIds"), "DisassociateInstancesKeyPairs": ("InstanceIds", "KeyIds"),
}  # fmt: skip
FORM_FIELDS = (
    "Action", "Version", "Region", "Timestamp", "Nonce", "SecretId", "SignatureMethod", "Language", "RequestClient",
    "Token", "Signature",
)  # fmt: skip
MESSAGES = {
    "InternalServerError": "Internal error.",
    "InvalidKeyPair.LimitExceeded": "The number of key pairs exceeds the limit.",
    "InvalidKeyPairName.Duplicate": "Key pair name already exists.",
    "InvalidKeyPairNameEmpty": "The key name cannot be empty.",
    "InvalidKeyPairNameIncludeIllegalChar": "The key name contains invalid characters. "
    "Key names can only contain letters, numbers and underscores.",
    "InvalidKeyPairNameTooLong": "The key name cannot exceed 25 characters.",
    "InvalidParameterValue": "Incorrect parameter value.",
    "InvalidProjectId.NotFound": "Invalid project ID: the specified project ID does not exist.",
    "InvalidPublicKey.Duplicate": "Invalid public key: the specified key already exists.",
    "InvalidPublicKey.Malformed": "Invalid public key: the specified public key does not meet the OpenSSH RSA format "
    "requirements.",
    "LimitExceeded.TagResourceQuota": "Exceeded the upper limit of resources bound to the tag.",
    "MissingParameter": "Missing parameter.",
    "RequestLimitExceeded": "The number of requests exceeds the frequency limit.",
}


class Tencent(Cloud):
    """Tencent CVM."""

    name = "tencent"

    def read(self, request):
        form = None
        if request.header("X-TC-Action") is None or request.method == "GET":
            form = signatures.form_of(request.query if request.method == "GET" else request.body.decode("latin-1"))
        legacy = form or {}
        action = request.header("X-TC-Action") or legacy.get("Action")
        if request.method not in ("GET", "POST") or request.path.strip("/") != "" or not action:
            raise Refusal("MissingParameter", message="The request names no Action.")
        if action not in TAKES:
            raise Refusal("InvalidAction", message="The Action is not one of this product.")
        if (request.header("X-TC-Version") or legacy.get("Version")) != VERSION:
            raise Refusal("NoSuchVersion", message="The Version does not exist.")
        return action, form

    def verify(self, request, parameters):
        return signatures.tencent(request, parameters or {}, self.accounts, self.now())

    def perform(self, operation, account, parameters, request, request_id):
        if parameters is not None:
            body = unflatten({key: value for key, value in parameters.items() if key not in FORM_FIELDS})
        else:
            body = json_body(request, Refusal("InvalidParameter", message="The body is not JSON."))
        if not isinstance(body, dict):
            raise Refusal("InvalidParameter", message="The body is not a JSON object.")
        for name in body:
            if name not in TAKES[operation]:
                raise Refusal("UnknownParameter", message="A parameter is not one of this Action.")
        for name in NEEDS[operation]:
            if body.get(name) is None:
                raise Refusal("MissingParameter")
        with account.lock:
            seen = getattr(self, operation)(account, body)
        return json_answer(200, {"Response": {**seen, "RequestId": request_id}}, {"Content-Type": "application/json"})

    def CreateKeyPair(self, account, body):
        name, project, tags = self.asked(account, body)
        if account.is_full():
            raise Refusal("InvalidKeyPair.LimitExceeded")
        private, public = make_rsa()
        pair = self.add(account, name, project, tags, public, "made")
        return {"KeyPair": {**self.model(pair), "PrivateKey": private}}

    def ImportKeyPair(self, account, body):
        name, project, tags = self.asked(account, body)
        try:
            public = read_public(body["PublicKey"])
        except ValueError as fault:
            raise Refusal("InvalidPublicKey.Malformed") from fault
        if public.type != "ssh-rsa" or public.bits < 1024:
            raise Refusal("InvalidPublicKey.Malformed")
        if account.holding(public):
            raise Refusal("InvalidPublicKey.Duplicate")
        if account.is_full():
            raise Refusal("InvalidKeyPair.LimitExceeded")
        return {"KeyId": self.add(account, name, project, tags, public, "imported").id}

    def DescribeKeyPairs(self, account, body):
        ids = key_ids(body) if body.get("KeyIds") is not None else None
        if ids is not None and body.get("Filters") is not None:
            raise Refusal("InvalidParameter", message="KeyIds and Filters exclude each other.")
        chosen = chosen_pairs(account.ordered(), ids, body.get("Filters") or [])
        page = page_of(chosen, body)
        return {"TotalCount": len(chosen), "KeyPairSet": [self.model(pair) for pair in page]}

    def ModifyKeyPairAttribute(self, account, body):
        pair = pair_of(account, body["KeyId"])
        name, description = body.get("KeyName"), body.get("Description")
        if name is None and description is None:
            raise Refusal("MissingParameter")
        if name is not None:
            if not is_text(name) or not NAME.fullmatch(name) or len(name) > NAME_LENGTH:
                raise Refusal("InvalidParameterValue")
            if name != pair.name and account.named(name):
                raise Refusal("InvalidKeyPairName.Duplicate")
        if description is not None and (not is_text(description) or len(description) > DESCRIPTION):
            raise Refusal("InvalidParameterValue")
        pair.name = pair.name if name is None else name
        pair.description = pair.description if description is None else description
        return {}

    def DeleteKeyPairs(self, account, body):
        pairs = [pair_of(account, key) for key in key_ids(body)]
        if any(pair.instances for pair in pairs):
            raise Refusal("InvalidParameterValue.KeyPairNotSupported", message="A key pair is used by an instance.")
        for pair in pairs:
            account.pairs.pop(pair.id, None)
        return {}

    def AssociateInstancesKeyPairs(self, account, body):
        pairs, instances = [pair_of(account, key) for key in key_ids(body)], wanted_instances(account, body)
        for other in account.ordered():
            other.instances = [instance for instance in other.instances if instance not in instances]
        for pair in pairs:
            pair.instances += instances
        return {}

    def DisassociateInstancesKeyPairs(self, account, body):
        pairs, instances = [pair_of(account, key) for key in key_ids(body)], wanted_instances(account, body)
        for pair in pairs:
            pair.instances = [instance for instance in pair.instances if instance not in instances]
        return {}

    def asked(self, account, body):
        """(name, project, tags) of a pair to be made, in the order in which the checks are made."""
        name = body["KeyName"]
        if not is_text(name):
            raise Refusal("InvalidParameterValue")
        if name == "":
            raise Refusal("InvalidKeyPairNameEmpty")
        if len(name) > NAME_LENGTH:
            raise Refusal("InvalidKeyPairNameTooLong")
        if not NAME.fullmatch(name):
            raise Refusal("InvalidKeyPairNameIncludeIllegalChar")
        project = whole(body["ProjectId"])
        if project not in account.project_ids:
            raise Refusal("InvalidProjectId.NotFound")
        tags = read_tags(body.get("TagSpecification"))
        if account.named(name):
            raise Refusal("InvalidKeyPairName.Duplicate")
        for tag in tags:
            bearers = sum(tag in pair.tags for pair in account.ordered())
            if 0 < account.resources_per_tag <= bearers:
                raise Refusal("LimitExceeded.TagResourceQuota")
        return name, project, tags

    def add(self, account, name, project, tags, public, origin):
        made = Pair(account.new_id("skey-"), name, public, int(self.now() * 1000), origin=origin)
        made.project_id, made.tags = project, tags
        return account.add(made)

    def model(self, pair):
        return {
            "KeyId": pair.id, "KeyName": pair.name, "ProjectId": pair.project_id, "Description": pair.description,
            "PublicKey": pair.public.line(pair.name), "PrivateKey": None, "AssociatedInstanceIds": list(pair.instances),
            "CreatedTime": self.stamp(pair.created / 1000), "Tags": pair.tags,
        }  # fmt: skip

    def refusal(self, refusal, request_id):
        message = refusal.message or MESSAGES.get(refusal.code, refusal.code)
        body = {"Response": {"Error": {"Code": refusal.code, "Message": message}, "RequestId": request_id}}
        return json_answer(200, body, {"Content-Type": "application/json"})

    def broken(self):
        return Answer(500, b"internal server error", {"Content-Type": "text/plain"})

    def over_rate(self):
        return Refusal("RequestLimitExceeded")


def whole(value):
    """A number, or a number in a string."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal("InvalidParameterValue")
    return value


def read_tags(specifications):
    """The tags of TagSpecification."""
    if specifications is None:
        return []
    if not isinstance(specifications, list):
        raise Refusal("InvalidParameterValue")
    tags = []
    for one in specifications:
        if not isinstance(one, dict) or one.get("ResourceType") != "keypair" or not isinstance(one.get("Tags"), list):
            raise Refusal("InvalidParameterValue")
        for tag in one["Tags"]:
            if not isinstance(tag, dict) or not is_text(tag.get("Key")) or not is_text(tag.get("Value")):
                raise Refusal("InvalidParameterValue")
            tags.append({"Key": tag["Key"], "Value": tag["Value"]})
    return tags


def key_ids(body):
    ids = body["KeyIds"]
    if not isinstance(ids, list) or not all(map(is_text, ids)) or not ids:
        raise Refusal("InvalidParameterValue")
    if len(ids) > BATCH:
        raise Refusal("InvalidParameterValue.LimitExceeded")
    for key in ids:
        if not re.fullmatch(r"skey-[a-z0-9]{8}", key):
            raise Refusal("InvalidKeyPairId.Malformed")
    return ids


def pair_of(account, key):
    (key,) = key_ids({"KeyIds": [key]})
    if key not in account.pairs:
        raise Refusal("InvalidKeyPairId.NotFound")
    return account.pairs[key]


def wanted_instances(account, body):
    instances = body["InstanceIds"]
    if not isinstance(instances, list) or not all(map(is_text, instances)) or not instances:
        raise Refusal("InvalidParameterValue")
    if len(instances) > BATCH:
        raise Refusal("InvalidParameterValue.LimitExceeded")
    for instance in instances:
        if not re.fullmatch(r"ins-[a-z0-9]{8}", instance):
            raise Refusal("InvalidInstanceId.Malformed")
        if instance not in account.instances:
            raise Refusal("InvalidInstanceId.NotFound")
        state = account.instances[instance]
        if state.get("os", "linux") != "linux":
            raise Refusal("UnsupportedOperation.InstanceOsWindows")
        if state.get("status", "stopped") != "stopped" and body.get("ForceStop") not in (True, "true"):
            raise Refusal("UnsupportedOperation.InstanceStateRunning")
    return instances


def unflatten(fields):
    """`{"KeyIds.0": "a"}` becomes `{"KeyIds": ["a"]}`: the form of GET and of the legacy signatures."""
    tree = {}
    for key, value in fields.items():
        here, steps = tree, key.split(".")
        for step in steps[:-1]:
            here = here.setdefault(step, {})
            if not isinstance(here, dict):
                raise Refusal("InvalidParameter", message="Two parameters exclude each other.")
        here[steps[-1]] = value
    return listed(tree)


def listed(tree):
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: listed(value) for key, value in tree.items()}
