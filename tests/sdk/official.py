"""The clouds' own SDKs, pointed at a place and otherwise untouched, and what their exceptions say.

Proxies of the environment are turned off: everything here is on loopback.
"""

import os
from importlib.metadata import version

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

from baidubce.auth.bce_credentials import BceCredentials  # noqa: E402
from baidubce.bce_client_configuration import BceClientConfiguration  # noqa: E402
from baidubce.exception import BceHttpClientError, BceServerError  # noqa: E402
from baidubce.retry.retry_policy import NoRetryPolicy  # noqa: E402
from baidubce.services.bcc.bcc_client import BccClient  # noqa: E402
from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: E402
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException  # noqa: E402
from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: E402
from huaweicloudsdkcore.signer.algorithm import SigningAlgorithm  # noqa: E402
from huaweicloudsdkkps.v3 import KpsClient  # noqa: E402
from tencentcloud.common.credential import Credential  # noqa: E402
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException  # noqa: E402
from tencentcloud.common.profile.client_profile import ClientProfile  # noqa: E402
from tencentcloud.common.profile.http_profile import HttpProfile  # noqa: E402
from tencentcloud.cvm.v20170312 import cvm_client  # noqa: E402

BAIDU_SDK = f"bce-python-sdk {version('bce-python-sdk')}"
TENCENT_SDK = f"tencentcloud-sdk-python-cvm {version('tencentcloud-sdk-python-cvm')}"
HUAWEI_SDK = f"huaweicloudsdkkps {version('huaweicloudsdkkps')}"


def baidu(place, role="main", **other):
    """A BccClient. Retries are off: a refusal that is retried would only be slow."""
    account = {**place.account("baidu", role), **other}
    return BccClient(
        BceClientConfiguration(
            credentials=BceCredentials(account["access_key"], account["secret_key"]),
            endpoint=f"http://{place.endpoints['baidu']}",
            retry_policy=NoRetryPolicy(),
        )
    )


def read_baidu(fault):
    """(is it the SDK's own, code, status)."""
    own = isinstance(fault, BceHttpClientError) and isinstance(fault.last_error, BceServerError) and fault.request_id
    return bool(own), getattr(fault, "code", None), getattr(fault, "status_code", None)


def tencent(place, role="main", method="POST", signature=None, unsigned=False, keep_alive=True, **other):
    """A CvmClient."""
    account = {**place.account("tencent", role), **other}
    http = HttpProfile(
        protocol="http", endpoint=place.endpoints["tencent"], reqMethod=method, keepAlive=keep_alive, reqTimeout=30
    )
    profile = ClientProfile(signMethod=signature, httpProfile=http, language="en-US")
    profile.unsignedPayload = unsigned
    return cvm_client.CvmClient(Credential(account["access_key"], account["secret_key"]), account["region"], profile)


def read_tencent(fault):
    """(is it the SDK's own, code, 0): the status is always 200."""
    own = isinstance(fault, TencentCloudSDKException) and fault.requestId
    return bool(own), getattr(fault, "code", None), 0


def huawei(place, role="main", algorithm=SigningAlgorithm.HMAC_SHA256, **other):
    """A KpsClient."""
    account = {**place.account("huawei", role), **other}
    credentials = BasicCredentials(account["access_key"], account["secret_key"], account["project_id"])
    endpoint = f"http://{place.endpoints['huawei']}"
    config = HttpConfig(signing_algorithm=algorithm)
    builder = KpsClient.new_builder().with_http_config(config).with_credentials(credentials)
    return builder.with_endpoint(endpoint).build()


def read_huawei(fault):
    """(is it the SDK's own, code, status)."""
    own = isinstance(fault, (ClientRequestException, ServerResponseException)) and fault.request_id
    return bool(own), getattr(fault, "error_code", None), getattr(fault, "status_code", None)
