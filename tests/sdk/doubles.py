#!/usr/bin/env python3
"""Doubles of the three clouds: Baidu BCC, Tencent CVM and Huawei KPS key pairs, each on a port of its own on loopback.

    python tests/sdk/doubles.py [--state FILE] [--tls]

Prints one JSON line: {"admin": PORT, "ports": {"baidu": ..., "tencent": ..., "huawei": ...}, "accounts": {...}},
then serves until SIGTERM, SIGINT or the end of its standard input where that is a pipe. With --state the accounts and
pairs are read from FILE when it is there, and written to it on POST /save and at the end. With --tls each cloud
listens twice more: "CLOUD-tls" under a certificate of "ca_file", and "CLOUD-expired" under one that has expired.

Promise: they do what the clouds' pages say (double/baidu.py, tencent.py, huawei.py) for requests that the official
SDKs' own code would have signed so (double/signatures.py), and what goes wrong goes wrong on order (double/faults.py).
The admin port (double/admin.py) is where tests look and order.
"""

import argparse
import json
import os
import signal
import stat
import threading

from double import admin
from double.world import World


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", metavar="FILE")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    world = World(options.state, options.tls)
    server = admin.serve(world)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        # Whoever started them holds the other end: when it goes, however it goes, they go too.
        threading.Thread(target=wait_for_end, args=(stop,), daemon=True).start()
    print(json.dumps({"admin": server.server_address[1], **world.line()}), flush=True)
    stop.wait()
    world.close()


def wait_for_end(stop):
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
