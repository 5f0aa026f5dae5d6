"""The wire of a double: an HTTP server on loopback that can also behave badly.

Promise: requests are handed on raw (target, header values and body as they came); a client that sends too much, too
slowly or nonsense costs one thread and a bounded time. It knows no cloud.
"""

import select
import socket
import ssl
import struct
import threading
import time
import weakref
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 12 * 1024 * 1024
IDLE_SECONDS = 75
CHUNK = 64 * 1024


@dataclass
class Request:
    """A request as it came in."""

    method: str
    target: str
    headers: list
    body: bytes

    @property
    def path(self):
        """The target up to the question mark, raw."""
        return self.target.partition("?")[0]

    @property
    def query(self):
        """The target behind the question mark, raw."""
        return self.target.partition("?")[2]

    def header(self, name):
        """The value of the first header of this name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: dict = field(default_factory=dict)


class Wire:
    """One connection, while one request is answered on it. Exactly one of its methods ends the request."""

    def __init__(self, handler, clock_offset):
        self.handler = handler
        self.clock_offset = clock_offset
        self.sent = 0

    def send(self, answer, length=None):
        """Sends an answer; `length` is told instead of the body's own."""
        self.raw(self.head(answer, len(answer.body) if length is None else length) + answer.body)

    def head(self, answer, length):
        """The status line and headers."""
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [
            f"HTTP/1.1 {answer.status} {phrase}",
            f"Date: {formatdate(time.time() + self.clock_offset, usegmt=True)}",
        ]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status != 204:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def raw(self, data):
        """Sends bytes. A client that has gone is not an error."""
        try:
            self.handler.wfile.write(data)
            self.sent += len(data)
        except OSError:
            self.handler.close_connection = True
            return False
        return True

    def hold(self, seconds):
        """Never answers: waits until the client goes, at most so long, and closes."""
        self.wait(seconds)
        self.handler.close_connection = True

    def wait(self, seconds):
        """Waits so long; less if the client goes. Whether it stayed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.handler.connection], [], [], min(left, 1))
            if ready and not self.is_there():
                return False
            if ready:
                time.sleep(min(left, 0.05))  # bytes of a next request: not for now
        return True

    def is_there(self):
        """Whether the client has not closed."""
        if isinstance(self.handler.connection, ssl.SSLSocket):
            return True
        try:
            return self.handler.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def reset(self):
        """Ends the connection with a reset."""
        self.handler.server.reset(self.handler.connection)
        self.handler.close_connection = True

    def drip(self, answer, pause, seconds):
        """Sends the head at once and the body a byte at a time, for so long at most."""
        end = time.monotonic() + seconds
        alive = self.raw(self.head(answer, max(len(answer.body), int(seconds / pause) + 1)))
        for byte in answer.body + b" " * int(seconds / pause):
            if not alive or time.monotonic() > end:
                break
            alive = self.raw(bytes([byte])) and self.wait(pause)
        self.handler.close_connection = True

    def flood(self, answer, size):
        """Sends a body of so many bytes, for as long as somebody takes them."""
        alive = self.raw(self.head(answer, size) + answer.body)
        left = size - len(answer.body)
        while alive and left > 0:
            alive = self.raw(b" " * min(CHUNK, left))
            left -= CHUNK
        self.handler.close_connection = True


class Server(ThreadingHTTPServer):
    """Accepts; every connection has a thread of its own."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, port, serve, clock_offset, tls=None):
        self.serve = serve
        self.clock_offset = clock_offset
        self.tls = tls
        self.open = weakref.WeakSet()
        self.resetting = weakref.WeakSet()
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request, client_address):
        if self.tls is not None:
            request.settimeout(IDLE_SECONDS)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        self.open.add(request)
        super().finish_request(request, client_address)
        if self.tls is not None:
            request.close()

    def reset(self, connection):
        """Marks a connection: when it is closed, the other side sees a reset."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.resetting.add(connection)

    def shutdown_request(self, request):
        # A FIN before the reset would read as an orderly end.
        if request in self.resetting:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def cut(self):
        """Ends every open connection with a reset."""
        for connection in list(self.open):
            try:
                self.reset(connection)
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Handler(BaseHTTPRequestHandler):
    """Reads one request after the other and hands each on."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def serve_one(self):
        """The one method behind every HTTP method."""
        wire = Wire(self, self.server.clock_offset())
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isascii() or not length.isdigit():
            self.close_connection = True
            return wire.send(Answer(411))
        if int(length) > MAX_BODY:
            self.close_connection = True
            return wire.send(Answer(413))
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        self.server.serve(Request(self.command, self.path, self.headers.items(), body), wire)
        return None

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve_one

    def log_message(self, format, *args):
        """Says nothing: what was asked stands in the double's own log."""


class Listener:
    """A server that can go down and come back on its port."""

    def __init__(self, serve, clock_offset=lambda: 0, tls=None):
        self.arguments = (serve, clock_offset, tls)
        self.server = None
        self.port = 0
        self.up()

    def up(self):
        """Listens, on the port it had."""
        if self.server is None:
            self.server = Server(self.port, *self.arguments)
            self.port = self.server.server_address[1]
            threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Refuses connections, and resets the open ones."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.server = None
