"""Servers made by hand from sockets: they answer what no well-behaved server would."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """One request as it came: header names in lower case."""

    method: str
    path: str
    headers: dict
    body: bytes


class Reset:
    """Break the connection with a reset, after having sent some bytes."""

    def __init__(self, first=b""):
        self.first = first


class Hang:
    """Send nothing more, as long as the client waits; some bytes may go first."""

    def __init__(self, first=b""):
        self.first = first


class Stream:
    """Send pieces as they come from a generator, then close."""

    def __init__(self, pieces):
        self.pieces = pieces


def reply(status=200, content=b"", headers=None, *, length=None):
    """Return the bytes of an answer; content is bytes, text or what becomes JSON."""
    headers = dict(headers or {})
    if isinstance(content, str):
        content = content.encode()
    elif not isinstance(content, bytes):
        content = json.dumps(content).encode()
        headers.setdefault("Content-Type", "application/json")
    headers.setdefault("Content-Length", str(len(content) if length is None else length))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


class Server:
    """Answers each request on 127.0.0.1 with what a function gives for it.

    The function gives bytes (sent as they are), `Reset`, `Hang`, `Stream`, or None to close the
    connection without a word. ``asked`` holds the requests in the order in which they came.
    """

    def __init__(self, answer):
        self._answer = answer
        self.asked = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open = set()
        self._threads = []
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)

    def paths(self, method=None):
        """Return the paths that were asked for."""
        return [asked.path for asked in self.asked if method in (None, asked.method)]

    def _accept(self):
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as file:
                while (asked := _read(file)) is not None:
                    with self._lock:
                        self.asked.append(asked)
                    if not self._say(connection, self._answer(asked)):
                        return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _say(self, connection, answer):
        """Send an answer; tell whether the connection goes on."""
        if answer is None:
            return False
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return True
        if isinstance(answer, Stream):
            for piece in answer.pieces:
                if self._closing.is_set():
                    break
                connection.sendall(piece)
            return False
        connection.sendall(answer.first)
        if isinstance(answer, Hang):
            connection.recv(1)  # until the client goes
            return False
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


def _read(file):
    """Read one request; None where the client has gone."""
    line = file.readline()
    if line.count(b" ") < 2:  # the end, or a greeting of TLS
        return Asked("", "", {}, b"") if line.strip() else None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    return Asked(method, path, headers, file.read(length))


class Twice(bytes):
    """An answer that is sent a second time after a while."""

    later = 0.0


class TwinServer(Server):
    """Sends what is to be sent twice, while it may be serving the next request already."""

    def _say(self, connection, answer):
        goes_on = super()._say(connection, answer)
        if isinstance(answer, Twice):
            thread = threading.Thread(target=self._say_again, args=(connection, answer))
            self._threads.append(thread)
            thread.start()
        return goes_on

    def _say_again(self, connection, answer):
        time.sleep(answer.later)
        with contextlib.suppress(OSError):
            connection.sendall(bytes(answer))


# Bound, and not listening: connections to their ports are refused, and no other test's server gets
# such a port while somebody still asks there. A server that is told to take the port may do so.
_held = []


def free_port():
    """Return a port on which nobody listens, kept for the caller until the process ends."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return holder.getsockname()[1]


class Wire:
    """A line between a client and a service that can be cut and mended.

    While it is cut, new connections are refused and those that are open are reset.
    """

    def __init__(self, port):
        self._to = port
        self._lock = threading.Lock()
        self._pairs = set()
        self._listener = None
        self._threads = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.mend()
        return self

    def __exit__(self, *_):
        self.cut()
        for thread in self._threads:
            thread.join(60)

    def mend(self):
        """Let connections through."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(256)
        self._listener = listener
        self._start(self._accept, listener)

    def cut(self):
        """Refuse new connections, and reset those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.add((near, far))
            self._start(self._pass_on, near, far)
            self._start(self._pass_on, far, near)

    @staticmethod
    def _pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
