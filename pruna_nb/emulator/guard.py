"""What stands before the endpoints: whose requests are taken, and how large they may be."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from pruna_nb.emulator.responses import TRANSPORT, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_DRAINED: Final = 256 << 20
_DRAIN_SECONDS: Final = 30.0


class BodyTooLargeError(Exception):
    """A request has more bytes than are allowed."""


class Guard:
    """Lets requests through to an application, or answers them before their body is read.

    - A page of another host can have its name lead to this machine, and so ask this server from
      the browser; its requests carry that name in the header Host. Loopback names alone pass.
    - A body that is announced too large is refused at once; one that becomes too large raises
      `BodyTooLargeError` where it is read. `most` returns the bytes allowed for a path.
    """

    def __init__(self, app: ASGIApp, most: Callable[[str], int]) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and pass it on."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        lengths = [value for name, value in headers if name == b"content-length"]
        most = self._most(scope["path"])
        counted = CountedReceive(receive, most)
        # Two of them could name two hosts, and who reads the other one would take the wrong one.
        if len(hosts) != 1 or not is_loopback(hosts[0]):
            refusal = error(421, "MISDIRECTED_REQUEST", "this server answers to loopback names")
            await Unread(refusal)(scope, counted, send)
        # Cut to 20 digits, which are enough: Python refuses to read numbers of thousands of digits.
        elif any(not value.isdigit() or int(value[:20]) > most for value in lengths):
            await Unread(too_large(most))(scope, counted, send)
        else:
            await self._app(scope, counted, send)


class CountedReceive:
    """Counts the bytes of a request as they come in, and complains once when there are too many."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._left = most
        self._ended = False

    async def __call__(self) -> Message:
        """Return the next message, unless it makes the request larger than is allowed."""
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        before, self._left = self._left, self._left - len(message.get("body", b""))
        # Once: who answers may then read the rest, to throw it away.
        if self._left < 0 <= before:
            raise BodyTooLargeError
        return message

    async def drain(self) -> bool:
        """Throw away what else comes; whether the request's end came soon."""
        left = _MOST_DRAINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0 and not self._ended:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._ended = not message.get("more_body", False)
        return self._ended


async def drain(receive: Receive) -> bool:
    """Throw away what else comes of a request that the guard let in; whether it has ended."""
    assert isinstance(receive, CountedReceive)  # noqa: S101 - the guard made it
    return await receive.drain()


class Unread(Response):
    """An answer to a request whose body was not read, or not to its end.

    A client that sends all before it reads would see its connection break: what it sends is
    thrown away, for a while. Without an end, the connection is closed.
    """

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and read on."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        # Who waits to be told to go on (Expect: 100-continue) sends nothing after a refusal.
        waits = any(name == b"expect" for name, _ in scope["headers"])
        is_read = not waits and await drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if not is_read:
            scope["extensions"][TRANSPORT].close()


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine by a name that no other host can have.

    Examples
    --------
    >>> is_loopback("localhost:80"), is_loopback("[::1]:80"), is_loopback("127.0.0.1.evil.example")
    (True, True, False)
    """
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal():
        name = host
    if name.lower().removesuffix(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def too_large(most: int) -> Response:
    """Return the answer to a request that is too large."""
    return error(413, "FILE_TOO_LARGE", f"at most {most} bytes")
