"""Makes tests/vectors/clouds/huawei_sdk.json: what the official SDK for Python sends for each operation on key pairs.

Needs huaweicloudsdkkps (3.1.219 was used). The requests go to a server in this process, which records them byte for
byte and answers nothing that matters. Run it with the file to write as its argument.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from huaweicloudsdkcore.auth import internal
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkkps.v3 import *  # the SDK's own way: a request and a body class for each operation
from huaweicloudsdkkps.v3 import model as m

PROJECT = "0123456789abcdef0123456789abcdef"
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
# Instead of what the SDK tells of the machine it runs on.
AGENT = "app/vectors"
# What is added below the SDK.
UNSIGNED = ["Accept", "Accept-Encoding", "Connection", "Content-Length"]
seen = []


class Recorder(BaseHTTPRequestHandler):
    def record(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name not in UNSIGNED}
        seen.append({"method": self.command, "target": self.path, "headers": headers, "body": body.decode()})
        answer = json.dumps({"projects": [{"id": PROJECT, "name": "cn-north-4"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = record

    def log_message(self, *_):
        pass


def client(url, token=None, project=PROJECT):
    credentials = BasicCredentials("AKTEST", "SKTEST", project)
    if token:
        credentials.security_token = token
    config = HttpConfig.get_default_config()
    config.user_agent = AGENT
    builder = KpsClient.new_builder().with_http_config(config).with_credentials(credentials)
    return builder.with_endpoint(url).build() if project else builder.with_region(Region("cn-north-4", url)).build()


def main(out):
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_port
    kps, sts = client(url), client(url, "stsTOKEN")
    internal.user_agent_string = AGENT
    os.environ["HUAWEICLOUD_SDK_IAM_ENDPOINT"] = url
    client(url, project=None)  # asks IAM for the project of the region
    seen[-1]["operation"] = "keystone_list_projects"
    kms = m.Encryption(type="kms", kms_key_name="kps/default")
    default = m.Encryption(type="default")
    pem = "-----BEGIN RSA PRIVATE KEY-----\n\u00e9\n-----END RSA PRIVATE KEY-----\n"
    new = lambda **more: m.CreateKeypairRequestBody(keypair=m.CreateKeypairAction(name="demo2", **more))
    both = m.KeyProtection(private_key=pem, encryption=kms)
    half = m.ImportPrivateKeyProtection(private_key=pem, encryption=kms)
    server_of = lambda: m.EcsServerInfo(id="i-1", auth=m.Auth(type="keypair", key=pem), disable_password=True, port=22)
    pair = m.AssociateKeypairRequestBody(keypair_name="demo2", server=server_of())
    bare = m.DisassociateEcsServerInfo(id="i-1", auth=m.Auth(type="password", key="p"))
    calls = [
        (kps.create_keypair, CreateKeypairRequest(body=new())),
        (kps.create_keypair, CreateKeypairRequest(body=new(type="ssh", scope="domain", user_id="u"))),
        (kps.create_keypair, CreateKeypairRequest(body=new(public_key=LINE))),
        (kps.create_keypair, CreateKeypairRequest(body=new(public_key=LINE, key_protection=both))),
        (kps.create_keypair, CreateKeypairRequest(body=new(key_protection=m.KeyProtection(encryption=default)))),
        (sts.create_keypair, CreateKeypairRequest(body=new())),
        (kps.list_keypairs, ListKeypairsRequest()),
        (kps.list_keypairs, ListKeypairsRequest(limit="2", marker="a b/+c&=\u00e9")),
        (kps.list_keypair_detail, ListKeypairDetailRequest(keypair_name="demo2")),
        (kps.update_keypair_description, UpdateKeypairDescriptionRequest(
            keypair_name="demo2",
            body=m.UpdateKeypairDescriptionRequestBody(keypair=m.UpdateKeypairDescriptionReq(description="Gr\u00f6\u00dfe")))),
        (kps.delete_keypair, DeleteKeypairRequest(keypair_name="demo2")),
        (kps.import_private_key, ImportPrivateKeyRequest(body=m.ImportPrivateKeyRequestBody(
            keypair=m.ImportPrivateKeyKeypairBean(name="demo2", user_id="u", key_protection=half)))),
        (kps.export_private_key, ExportPrivateKeyRequest(
            body=m.ExportPrivateKeyRequestBody(keypair=m.KeypairBean(name="demo2")))),
        (kps.clear_private_key, ClearPrivateKeyRequest(keypair_name="demo2")),
        (kps.batch_import_keypair, BatchImportKeypairRequest(body=[new(), new(public_key=LINE)])),
        (kps.batch_export_private_key, BatchExportPrivateKeyRequest(
            body=[m.Keypairs(keypair=m.Keypair(name="demo2", type="ssh", is_key_protection=True, frozen_state="0"))])),
        (kps.associate_keypair, AssociateKeypairRequest(body=pair)),
        (kps.batch_associate_keypair, BatchAssociateKeypairRequest(
            body=m.BatchAssociateKeypairRequestBody(batch_keypairs=[pair]))),
        (kps.disassociate_keypair, DisassociateKeypairRequest(body=m.DisassociateKeypairRequestBody(server=bare))),
        (kps.list_keypair_task, ListKeypairTaskRequest(task_id="aee8d2fe-5484")),
        (kps.list_running_task, ListRunningTaskRequest(limit=10, offset=3)),
        (kps.list_failed_task, ListFailedTaskRequest()),
        (kps.delete_all_failed_task, DeleteAllFailedTaskRequest()),
        (kps.delete_failed_task, DeleteFailedTaskRequest(task_id="aee8d2fe-5484")),
    ]
    for call, request in calls:
        count = len(seen)
        try:
            call(request)
        except Exception as error:  # the answer is no answer to that operation
            if len(seen) == count:
                raise error
        seen[-1]["operation"] = call.__name__
    with open(out, "w") as file:
        json.dump(seen, file, indent=1)
        file.write("\n")
    print(len(seen), "requests")


if __name__ == "__main__":
    main(sys.argv[1])
