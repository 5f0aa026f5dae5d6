"""Raw HTTP, signed by the official signers: for requests that no SDK would send, such as those printed in the pages.

What is signed is what is sent: the target, the header values and the body go out as they are given here.
"""

import http.client
import json
import time
from dataclasses import dataclass

import official  # noqa: F401  (turns proxies off)
from baidubce.auth import bce_v1_signer
from baidubce.auth.bce_credentials import BceCredentials
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.http.request import RequestInternal

SECONDS = 30


@dataclass
class Seen:
    """An answer."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        """Its body, or None when that is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def send(endpoint, method, target, headers, body=b"", seconds=SECONDS):
    """Sends exactly this and reads the answer. Header names of the answer are in lower case."""
    connection = http.client.HTTPConnection(endpoint, timeout=seconds)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        # A list first: two headers of one name would be a fault, and a dict would hide it.
        pairs = [(name.lower(), value) for name, value in answer.getheaders()]
        if len(pairs) != len({name for name, _ in pairs}):
            raise RuntimeError(f"a header came twice: {sorted(name for name, _ in pairs)}")
        return Seen(answer.status, dict(pairs), answer.read())
    finally:
        connection.close()


def baidu(account, method, path, query, headers, names=("host",), expiry=3600, at=None):
    """The headers with an Authorization over those of `names`, as the page prints it."""
    chosen = [name.encode() for name in sorted(names)]
    signed = {
        name.lower().encode(): value.encode() for name, value in headers.items() if name.lower().encode() in chosen
    }
    text = bce_v1_signer.sign(
        BceCredentials(account["access_key"], account["secret_key"]), method.encode(), path.encode(), signed,
        {name.encode(): value.encode() for name, value in query.items()}, int(at or time.time()), expiry, chosen,
    )  # fmt: skip
    return {**headers, "Authorization": text.decode()}


def tencent(account, headers, body, at=None):
    """The headers with X-TC-Timestamp and a TC3 Authorization for a POST of this body."""
    headers = {**headers, "X-TC-Timestamp": str(int(at or time.time()))}
    date = time.strftime("%Y-%m-%d", time.gmtime(int(headers["X-TC-Timestamp"])))
    inner = RequestInternal(method="POST", uri="/", header=dict(headers), data=body)
    signature = AbstractClient._get_tc3_signature(None, None, inner, date, "cvm", account["secret_key"])
    scope = f"{account['access_key']}/{date}/cvm/tc3_request"
    headers["Authorization"] = (
        f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={signature}"
    )
    return headers


def huawei(account, method, path, headers, body):
    """The headers with X-Sdk-Date and an Authorization."""
    inner = SdkRequest(
        method=method, schema="http", host=headers["Host"], resource_path=path, query_params=[],
        header_params=dict(headers), body=body,
    )  # fmt: skip
    return Signer(BasicCredentials(account["access_key"], account["secret_key"])).sign(inner).header_params
