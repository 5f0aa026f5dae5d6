"""Verifies requests with the signing code of the clouds' own SDKs: whatever that makes of the request must be what
came.

Promise: nothing of our own decides whether a signature is right. Only the one form that the SDK cannot make itself, TC3
with further signed headers, is put together here and still signed by the SDK.
"""

import base64
import calendar
import hashlib
import hmac
import re
import time
from urllib.parse import parse_qsl, unquote_to_bytes

from baidubce.auth import bce_v1_signer
from baidubce.auth.bce_credentials import BceCredentials
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.sign import Sign

from .account import Refusal

BAIDU_SKEW = 300
TENCENT_WINDOW = 300
HUAWEI_WINDOW = 15 * 60
HUAWEI_WRONG = "Incorrect IAM authentication information: "


def baidu(request, accounts, now):
    """The account that signed with bce-auth-v1."""
    text = request.header("Authorization")
    if text is None:
        raise Refusal("AccessDenied", 403, "Access denied.")
    parts = text.split("/")
    if len(parts) != 6 or parts[0] != "bce-auth-v1" or not re.fullmatch(r"[0-9]{1,9}", parts[3]):
        raise Refusal("InvalidHTTPAuthHeader", 400, "The HTTP authorization header is invalid.")
    _, access_key, stamp, expiry, names, signature = parts
    account = accounts.get(access_key)
    if account is None:
        raise Refusal("InvalidAccessKeyId", 403, "The Access Key ID you provided does not exist in our records.")
    signed_at = unix_time(stamp, "%Y-%m-%dT%H:%M:%SZ")
    if not signed_at:
        raise Refusal("InvalidHTTPAuthHeader", 400, "The HTTP authorization header is invalid.")
    if not signed_at - BAIDU_SKEW <= now <= signed_at + int(expiry):
        raise Refusal("RequestExpired", 400, "Request has expired.")
    wrong = Refusal("SignatureDoesNotMatch", 400, "The request signature we calculated does not match the signature.")
    chosen = [name.encode() for name in names.split(";") if name]
    headers = {
        name.lower().encode(): value.encode("latin-1")
        for name, value in request.headers
        if not chosen or name.lower().encode() in chosen
    }
    pairs = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    query = {unquote_to_bytes(key): unquote_to_bytes(value) for key, value in pairs}
    if len(query) != len(pairs) or (chosen and (b"host" not in chosen or chosen != sorted(chosen))):
        raise wrong
    wanted = bce_v1_signer.sign(
        BceCredentials(account.access_key, account.secret_key), request.method.encode(), request.path.encode(),
        headers, query, signed_at, int(expiry), chosen,
    )  # fmt: skip
    if not hmac.compare_digest(wanted, text.encode()):
        raise wrong
    if account.security_token != (request.header("x-bce-security-token") or ""):
        raise Refusal("AccessDenied", 403, "The security token is missing or wrong.")
    digest = request.header("Content-MD5")
    md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
    if digest is not None and digest != base64.b64encode(md5).decode():
        raise Refusal("InvalidHTTPRequest", 400, "The Content-MD5 does not fit the body.")
    return account


def tencent(request, parameters, accounts, now):
    """The account that signed with TC3-HMAC-SHA256, or in the legacy form, whose fields `parameters` then holds."""
    if "Signature" in parameters and "SecretId" in parameters:
        return tencent_legacy(request, parameters, accounts, now)
    text = request.header("Authorization") or ""
    shape = (
        r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/([^/]+)/([^/]+)/tc3_request, ?SignedHeaders=([^,\s]+), ?Signature=(\S+)"
    )
    claim = re.fullmatch(shape, text)
    stamp = request.header("X-TC-Timestamp") or ""
    if claim is None or not re.fullmatch(r"[0-9]{1,11}", stamp):
        raise Refusal("AuthFailure.InvalidAuthorization", message="Authorization in the request header is invalid.")
    secret_id, date, service, names, signature = claim.groups()
    account = known(accounts, secret_id)
    in_time(stamp, now)
    wrong = Refusal(
        "AuthFailure.SignatureFailure",
        message="The provided credentials could not be validated. Please check your signature is correct.",
    )
    if date != time.strftime("%Y-%m-%d", time.gmtime(int(stamp))) or service != "cvm":
        raise wrong
    wanted = tc3(request, names, date, service, account.secret_key)
    if wanted is None or not hmac.compare_digest(wanted, signature):
        raise wrong
    token_fits(account, request.header("X-TC-Token") or "")
    return account


def tc3(request, names, date, service, secret_key):
    """The signature that the SDK makes; None when what must be signed is not."""
    inner = RequestInternal(method=request.method, uri="/", data=request.body)
    for name in ("Content-Type", "Host", "X-TC-Timestamp", "X-TC-Content-SHA256"):
        inner.header[name] = request.header(name)
    if request.method == "GET":
        inner.data = request.query
    if None in (inner.header["Content-Type"], inner.header["Host"]):
        return None
    if names == "content-type;host":
        return AbstractClient._get_tc3_signature(None, None, inner, date, service, secret_key)
    chosen = names.split(";")
    if not {"content-type", "host"} <= set(chosen) or chosen != sorted(chosen):
        return None
    headers = "".join(f"{name}:{(request.header(name) or '').strip().lower()}\n" for name in chosen)
    payload = b"" if request.method == "GET" else request.body
    if inner.header["X-TC-Content-SHA256"] == "UNSIGNED-PAYLOAD":
        payload = b"UNSIGNED-PAYLOAD"
    query = request.query if request.method == "GET" else ""
    canonical = "\n".join([request.method, "/", query, headers, names, hashlib.sha256(payload).hexdigest()])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    stamp = inner.header["X-TC-Timestamp"]
    text = f"TC3-HMAC-SHA256\n{stamp}\n{date}/{service}/tc3_request\n{digest}"
    return Sign.sign_tc3(secret_key, date, service, text)


def tencent_legacy(request, parameters, accounts, now):
    """The account that signed in the form before TC3."""
    account = known(accounts, parameters["SecretId"])
    method = parameters.get("SignatureMethod", "HmacSHA1")
    if method not in ("HmacSHA1", "HmacSHA256") or not re.fullmatch(r"[0-9]{1,11}", parameters.get("Timestamp", "")):
        raise Refusal("AuthFailure.InvalidAuthorization", message="The signature method or timestamp is invalid.")
    in_time(parameters["Timestamp"], now)
    http = HttpProfile(endpoint=request.header("Host") or "", reqMethod=request.method, protocol="http")
    client = AbstractClient(Credential("x", "x"), "", ClientProfile(signMethod=method, httpProfile=http))
    signed = {name: value for name, value in parameters.items() if name != "Signature"}
    wanted = Sign.sign(account.secret_key, client._format_sign_string(signed), method)
    if not hmac.compare_digest(wanted, parameters["Signature"]):
        raise Refusal(
            "AuthFailure.SignatureFailure",
            message="The provided credentials could not be validated. Please check your signature is correct.",
        )
    token_fits(account, parameters.get("Token", ""))
    return account


def known(accounts, secret_id):
    if secret_id not in accounts:
        raise Refusal("AuthFailure.SecretIdNotFound", message="The SecretId is not found.")
    return accounts[secret_id]


def in_time(stamp, now):
    if abs(now - int(stamp)) > TENCENT_WINDOW:
        raise Refusal(
            "AuthFailure.SignatureExpire",
            message="Signature expired. Timestamp and server time cannot differ by more than five minutes.",
        )


def token_fits(account, token):
    if account.security_token != token:
        raise Refusal("AuthFailure.TokenFailure", message="Token error.")


def huawei(request, accounts, now):
    """The account whose token came along, or that signed with SDK-HMAC-SHA256."""
    text = request.header("Authorization")
    if text is None:
        token = request.header("X-Auth-Token")
        account = next(
            (account for account in accounts.values() if account.auth_token and account.auth_token == token), None
        )
        if account is None:
            raise Refusal("KPS.9001", 401, "The token is missing or not authenticated.")
        return account
    claim = re.fullmatch(r"SDK-HMAC-SHA256 Access=([^,\s]+), SignedHeaders=([^,\s]+), Signature=(\S+)", text)
    if claim is None:
        raise Refusal("APIGW.0301", 401, HUAWEI_WRONG + "the authorization header cannot be read")
    access_key, names, _ = claim.groups()
    account = accounts.get(access_key)
    if account is None:
        raise Refusal("APIGW.0301", 401, HUAWEI_WRONG + "Get secretKey failed")
    signed_at = unix_time(request.header("X-Sdk-Date") or "", "%Y%m%dT%H%M%SZ")
    if abs(now - signed_at) > HUAWEI_WINDOW:
        raise Refusal("APIGW.0301", 401, HUAWEI_WRONG + "the signature is expired")
    seen = {name.lower(): value.encode("latin-1").decode("utf-8", "replace") for name, value in request.headers}
    pairs = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    query = [tuple(unquote_to_bytes(word).decode("utf-8", "replace") for word in pair) for pair in pairs]
    inner = SdkRequest(
        method=request.method, schema="http", host=seen.get("host", ""), resource_path=request.path, query_params=query,
        header_params={name: seen.get(name, "") for name in names.split(";")}, body=request.body,
    )  # fmt: skip
    signed = Signer(BasicCredentials(account.access_key, account.secret_key)).sign(inner)
    if not hmac.compare_digest(signed.header_params["Authorization"].encode(), text.encode()):
        raise Refusal("APIGW.0301", 401, HUAWEI_WRONG + "verify aksk signature fail")
    if account.security_token != (request.header("X-Security-Token") or ""):
        raise Refusal("APIGW.0301", 401, HUAWEI_WRONG + "the security token is missing or wrong")
    return account


def unix_time(text, form):
    """Seconds since 1970; 0 when it does not have exactly this form."""
    try:
        seen = time.strptime(text, form)
    except ValueError:
        return 0
    return calendar.timegm(seen) if time.strftime(form, seen) == text else 0


def form_of(text):
    """The fields of a form body or of a query."""
    return dict(parse_qsl(text, keep_blank_values=True))
