"""A certificate for this machine, and a server of the tests behind it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

OPENSSL = shutil.which("openssl")


def make_certificate(folder, names=("IP:127.0.0.1", "DNS:localhost")):
    """Make a certificate that is its own authority; give the file of it and of its key."""
    if OPENSSL is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
    subprocess.run(
        [
            *(OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=here"),
            *("-addext", f"subjectAltName={','.join(names)}"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


class TLSFront:
    """Takes TLS from a client and passes what it says on to a server of plain HTTP, and back."""

    def __init__(self, port, certificate, key):
        self._to = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.connections = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            near = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        join(near, self._to)


class TunnelProxy:
    """A proxy that makes tunnels (CONNECT), all to one port, or refuses to.

    Parameters
    ----------
    port : int
        Where every tunnel leads.
    answer : bytes
        What it says to a CONNECT; a tunnel is made if that is a 200.
    """

    def __init__(self, port, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
        self._to, self._answer = port, answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = []

    __enter__, __exit__ = TLSFront.__enter__, TLSFront.__exit__

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        head = b""
        while b"\r\n\r\n" not in head:
            data = near.recv(65536)
            if not data:
                near.close()
                return
            head += data
        self.asked.append(head)
        near.sendall(self._answer)
        if b" 200 " in self._answer.splitlines()[0]:
            join(near, self._to)
        near.close()


def join(near, port):
    """Pass on what a client and a server on this machine say to each other, to the end of it."""
    with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=pass_on, args=(near, far))
        back.start()
        pass_on(far, near)
        back.join()


def pass_on(source, target):
    """Pass bytes on until one side ends, then end the other; a reset is passed on too."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (target, source):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
