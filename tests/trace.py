#!/usr/bin/env python3
"""The system calls of the real server: an fsync or fdatasync stands between the last write and every answer.

strace follows every thread and shows every byte, so that answers and writes can be told by what they carry: the HTTP/2
frames on the sockets, and the rows in what is written to sled's file `db`. What is claimed:

1. One caller, one call at a time, every RPC that changes something: between the request and the first frame of its
   answer there are writes to `db`, and after the last of them a successful fsync or fdatasync of `db` that began when
   that write was over and was over when the answer began.
2. Many callers: the same, for the first write that carries the answer's own key.
3. sync_file_range was called, and never succeeded: ENOSYS every time.
4. The claims above do not hold for the same log without its fsyncs, with fsyncs that failed, or with a sync_file_range
   that succeeded: this script can fail.

A call in the log is over or begins where strace says so: "over before another begins" can then be relied on, because a
call that strace has not let go has not been carried out.

    KEYPAIRS_BIN=target/debug/keypairs .tools/venv/bin/python tests/trace.py
"""

import base64
import dataclasses
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "py"))
import grpc
import harness

SEQUENTIAL = 12
CALLERS, EACH = 16, 12
CALLS = (
    "write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,sendto,sendmsg,read,readv,recvfrom,recvmsg"
)
READS = {"read", "readv", "recvfrom", "recvmsg"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2"}
SYNCS = {"fsync", "fdatasync"}


@dataclasses.dataclass
class Call:
    """One system call; `began` and `over` are positions in the log."""

    name: str
    file: str
    began: int
    over: int
    returned: int
    error: str
    data: bytes


@dataclasses.dataclass
class Answer:
    """One answered stream: where its request was whole, where its first frame began to leave, what it carried."""

    asked: int
    answered: int
    data: bytes


def main(claims):
    strace = harness.tool("strace")
    folder = tempfile.TemporaryDirectory(prefix="keypairs-trace-")
    log = Path(folder.name) / "log"
    # -D: the tracer is a grandchild, so that the server is our own child and takes our signals.
    prefix = [strace, "-D", "-f", "-yy", "-xx", "-s", str(64 << 20), "-e", f"trace={CALLS}", "-o", str(log)]
    keys, calls = harness.stubs()
    with harness.Server(environment={"KEYPAIRS__LOG__LEVEL": "warn,keypairs=info,audit=warn"}, prefix=prefix) as server:
        call_one_by_one(server, keys, calls)
        call_together(server, keys, calls)
    trace = parse(wait_for_end(log))
    print(f"{len(trace)} system calls, {log.stat().st_size >> 20} MiB of log", flush=True)
    for claim, fault in judge(trace):
        claims.that(not fault, claim, fault)
    for what, spoilt in spoil(trace):
        faults = [fault for _, fault in judge(spoilt) if fault]
        claims.that(faults, f"with {what} the claims do not hold", "they do")


# What is called.


def call_one_by_one(server, keys, calls):
    """Every RPC that changes something, over one connection."""
    with server.channel() as channel:
        stub = calls.KeyPairsStub(channel)
        for number in range(SEQUENTIAL):
            made = stub.Create(keys.CreateRequest(name=f"one-{number}", request_id=str(uuid.uuid4()))).key_pair
            changed = keys.KeyPair(description=f"changed {number}")
            stub.Update(keys.UpdateRequest(id=made.id, key_pair=changed, request_id=str(uuid.uuid4())))
            private = stub.ExportPrivate(keys.ExportPrivateRequest(id=made.id)).private_key
            stub.ClearPrivate(keys.ClearPrivateRequest(id=made.id, request_id=str(uuid.uuid4())))
            stub.ImportPrivate(keys.ImportPrivateRequest(name=made.name, private_key=private))
            stub.Delete(keys.DeleteRequest(id=made.id, request_id=str(uuid.uuid4())))
            stub.Undelete(keys.UndeleteRequest(id=made.id, request_id=str(uuid.uuid4())))
            stub.Delete(keys.DeleteRequest(id=made.id, purge=True))
            stub.ImportPublic(keys.ImportPublicRequest(name=f"in-{number}", public_key=made.public_key))


def call_together(server, keys, calls):
    """Creates only: each answer carries a key that nothing else does."""
    faults = []

    def caller(number):
        try:
            with server.channel() as channel:
                stub = calls.KeyPairsStub(channel)
                for count in range(EACH):
                    stub.Create(keys.CreateRequest(name=f"many-{number}-{count}"), timeout=60)
        except grpc.RpcError as fault:
            faults.append(fault)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(CALLERS)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    if faults:
        raise faults[0]


# What is claimed.


def judge(trace):
    """Pairs of a claim and, where it does not hold, why; empty where it does."""
    answers = [answer for answer in read_answers(trace) if b"kp-" in answer.data]
    together = [answer for answer in answers if b"many-" in answer.data]
    alone = [answer for answer in answers if b"many-" not in answer.data]
    writes = [call for call in trace if call.name in WRITES and is_db(call) and call.returned > 0]
    syncs = [call for call in trace if call.name in SYNCS and is_db(call) and call.returned == 0]
    ranges = [call for call in trace if call.name == "sync_file_range"]
    succeeded = [call for call in ranges if call.returned >= 0 or call.error != "ENOSYS"]
    # ExportPrivate changes nothing.
    wanted = SEQUENTIAL * 8
    changing = [answer for answer in alone if last_write(answer, writes)]
    yield f"one caller: {wanted} changes were answered", "" if len(changing) == wanted else f"{len(changing)} of them"
    yield (
        f"one caller: a sync between the last write and each of {len(changing)} answers",
        first_fault(changing, lambda answer: has_sync(last_write(answer, writes), answer, syncs)),
    )
    wanted = CALLERS * EACH
    yield f"many callers: {wanted} creates were answered", "" if len(together) == wanted else f"{len(together)} of them"
    yield (
        f"many callers: a sync between the own write and each of {len(together)} answers",
        first_fault(together, lambda answer: has_sync(own_write(answer, writes), answer, syncs)),
    )
    yield f"sync_file_range was called ({len(ranges)} times) and never succeeded", (
        "it was never called" if not ranges else f"{len(succeeded)} calls did not end with ENOSYS" if succeeded else ""
    )


def first_fault(answers, holds):
    bad = [answer for answer in answers if not holds(answer)]
    return f"not for {len(bad)} of them, first at line {bad[0].answered}" if bad else ""


def last_write(answer, writes):
    """The last write to `db` that began between the request and the answer."""
    between = [write for write in writes if answer.asked < write.began < answer.answered]
    return max(between, key=lambda write: write.over, default=None)


def own_write(answer, writes):
    """The first write to `db` that carries the key which the answer tells."""
    line = re.search(rb"ssh-ed25519 ([A-Za-z0-9+/=]+)", answer.data)
    key = base64.b64decode(line.group(1))[-32:]
    return next((write for write in writes if key in write.data), None)


def has_sync(write, answer, syncs):
    return write is not None and any(write.over < sync.began and sync.over < answer.answered for sync in syncs)


def is_db(call):
    return call.file.endswith("/store/db")


def spoil(trace):
    """The same log as it would be if something was missing."""
    yield "no fsync", [call for call in trace if not (call.name in SYNCS and is_db(call))]
    failed = lambda call: dataclasses.replace(call, returned=-1, error="EIO") if call.name in SYNCS else call
    yield "fsyncs that failed", [failed(call) for call in trace]
    committed = [call for call in trace if call.name == "fdatasync" and is_db(call)]
    syncs = [call for call in trace if call.name in SYNCS and is_db(call)]
    half = {id(call) for call in syncs[len(syncs) // 2 :]}
    yield "fsyncs up to the middle only", [call for call in trace if id(call) not in half]
    yield "no fsync but the committer's last", [
        call for call in trace if not (call.name in SYNCS and is_db(call)) or call is committed[-1]
    ]
    one = next((call for call in trace if call.name == "sync_file_range"), None)
    succeeded = lambda call: dataclasses.replace(call, returned=0, error="") if call is one else call
    yield "one sync_file_range that succeeded", [succeeded(call) for call in trace]


# HTTP/2, as far as it is needed: frames, and which stream they belong to.


def read_answers(trace):
    sockets = {}
    for call in trace:
        if call.file.startswith("TCP") and call.returned > 0 and call.name in READS | SENDS:
            sockets.setdefault(call.file, []).append(call)
    for calls in sockets.values():
        asked = {}
        for stream, kind, call, _ in frames([call for call in calls if call.name in READS], preface=True):
            if kind in (DATA, HEADERS):
                asked[stream] = call.over
        answered, data = {}, {}
        for stream, kind, call, payload in frames([call for call in calls if call.name in SENDS], preface=False):
            if kind in (DATA, HEADERS) and stream in asked:
                answered.setdefault(stream, call.began)
                data[stream] = data.get(stream, b"") + (payload if kind == DATA else b"")
        for stream, began in answered.items():
            yield Answer(asked[stream], began, data[stream])


def frames(calls, preface):
    """(stream, kind, call, payload) of each frame. A frame that is read counts from the call that brought its last
    byte, one that is sent from the call that took its first."""
    data, ends, place = b"".join(call.data for call in calls), [], 0
    for call in calls:
        place += len(call.data)
        ends.append(place)
    if preface and not data.startswith(PREFACE):
        return
    place, at = (len(PREFACE) if preface else 0), 0
    while place + 9 <= len(data):
        length, kind = int.from_bytes(data[place : place + 3], "big"), data[place + 3]
        stream = int.from_bytes(data[place + 5 : place + 9], "big") & 0x7FFFFFFF
        end = place + 9 + length
        wanted = end - 1 if preface else place
        while at < len(ends) - 1 and ends[at] <= wanted:
            at += 1
        yield stream, kind, calls[at], data[place + 9 : end]
        place = end


# strace's log.


def wait_for_end(log):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        lines = log.read_text().splitlines()
        if lines and re.search(r"\+\+\+ (exited|killed)", lines[-1]):
            return lines
        time.sleep(0.1)
    raise RuntimeError("strace did not come to its end")


def parse(lines):
    """The calls, in the order in which they were over."""
    calls, open_calls = [], {}
    for at, line in enumerate(lines):
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            open_calls[thread] = (at, rest.removesuffix("<unfinished ...>"))
            continue
        began = at
        resumed = re.match(r"<\.\.\. \w+ resumed>", rest)
        if resumed:
            if thread not in open_calls:
                continue
            began, head = open_calls.pop(thread)
            rest = head + rest[resumed.end() :]
        call = parse_call(rest, began, at)
        if call:
            calls.append(call)
    return calls


def parse_call(text, began, over):
    whole = re.match(r"(\w+)\(\d+<", text)
    result = re.search(r"\)\s+= (-?\d+)(?: ([A-Z]+))?[^=]*$", text)
    if not whole or not result:
        return None
    arguments = text[whole.end() : result.start()]
    file, _, arguments = split_file(arguments)
    returned = int(result.group(1))
    parts = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)
    data = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in parts)
    return Call(whole.group(1), file, began, over, returned, result.group(2) or "", data[: max(returned, 0)])


def split_file(text):
    """The file of `9</a/b>, ...`; a TCP socket's own text holds `->`."""
    if text.startswith("TCP"):
        end = text.index("]>") + 1
    else:
        end = text.index(">")
    name = re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match.group(1), 16)), text[:end])
    return name, ">", text[end + 1 :]


DATA, HEADERS = 0, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

if __name__ == "__main__":
    harness.run_script("trace", main)
