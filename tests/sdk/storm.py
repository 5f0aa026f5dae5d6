#!/usr/bin/env python3
"""Sixteen SDK clients at once, at each cloud's API in turn: no error, and how many requests a second.

    python tests/sdk/storm.py [--at double|face|FILE] [--seconds 60] [--clients 16] [--cloud baidu] [--json FILE]

Each client is a process of its own with the official SDK in it; it imports a key, looks, lists, changes and deletes,
over and over. The figures are of clients and server on one machine: the SDKs take the larger share of it.
"""

import json
import multiprocessing
import os
import time
from pathlib import Path

import storm_worker
from place import ROLES, Claims, arguments, place

LINE = "  {name:32} {requests:8} requests {per_second:9.1f}/s   p50 {p50_ms:8.2f} ms   p99 {p99_ms:8.2f} ms"


def add_arguments(parser):
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--cloud", choices=list(ROLES))
    parser.add_argument("--json", metavar="FILE")


def storm(context, there, cloud, options):
    """One cloud's storm: {operation: [milliseconds]}, what went wrong, seconds."""
    ready, go, out = context.Semaphore(0), context.Event(), context.Queue()
    account = there.account(cloud)
    workers = [
        context.Process(
            target=storm_worker.work, args=(cloud, there.endpoints, account, number, ready, go, options.seconds, out)
        )
        for number in range(options.clients)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire(timeout=120)
    began = time.monotonic()
    go.set()
    took, wrong = {}, []
    for _ in workers:
        times, faults = out.get(timeout=options.seconds + 120)
        wrong += faults
        for name, values in times.items():
            took.setdefault(name, []).extend(values)
    seconds = time.monotonic() - began
    for worker in workers:
        worker.join(30)
    return took, wrong, seconds


def row(name, values, seconds):
    """A line of the table: requests, requests a second, and two quantiles in milliseconds."""
    values = sorted(values)
    return {
        "name": name, "requests": len(values), "per_second": round(len(values) / seconds, 1),
        "p50_ms": round(values[len(values) // 2], 2), "p99_ms": round(values[int(len(values) * 0.99)], 2),
    }  # fmt: skip


def body(claims, there, options):
    # The fork server has loaded the SDKs once and has no thread: forking from here would carry grpc's threads along.
    context = multiprocessing.get_context("forkserver")
    # Before Python 3.13 it does not take our path over, and would load nothing, in silence.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    context.set_forkserver_preload(["storm_worker", "place"])
    told = {}
    for cloud in [options.cloud] if options.cloud else ROLES:
        took, wrong, seconds = storm(context, there, cloud, options)
        everything = [value for values in took.values() for value in values]
        claims.that(everything, f"{cloud}: requests were answered")
        claims.same(
            wrong[:3], [], f"{cloud}: {options.clients} clients at once for {options.seconds:g} s meet no error"
        )
        if not everything:
            continue
        told[cloud] = [row(f"{cloud}, all", everything, seconds)]
        told[cloud] += [row(f"{cloud} {name}", values, seconds) for name, values in took.items()]
        for line in told[cloud]:
            print(LINE.format(**line))
    if options.json:
        Path(options.json).write_text(
            json.dumps({"at": there.kind, "clients": options.clients, "clouds": told}, indent=1)
        )


def main():
    options = arguments(__doc__, add_arguments)
    claims = Claims("sdk_storm")
    try:
        with place(options.at) as there:
            body(claims, there, options)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


if __name__ == "__main__":
    main()
