"""Answers in the forms that the API documents, and some that break off."""

from __future__ import annotations

import asyncio
import json
import math
import os
import secrets
import socket
import struct
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from pruna_nb.catalog import Problem
    from pruna_nb.emulator.limits import LimitDecision

# Where the server leaves a connection's transport in the scope's extensions: ASGI itself gives an
# application no way to break a connection off.
TRANSPORT = "pruna_nb.transport"


def answer(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer in JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type="application/json")


def error(
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in the documented form."""
    content = {
        "error": {"code": code, "message": message, "details": details or {}},
        "request_id": f"req_{secrets.token_hex(8)}",
    }
    return answer(content, status, headers)


def invalid(problems: Sequence[Problem]) -> Response:
    """Return a 422 that names every field that is wrong."""
    return answer(
        {
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "The input does not fit the model.",
            "invalid_fields": [
                {
                    "type": problem.kind,
                    "field": f"input.{problem.field}" if problem.field else "input",
                    "description": problem.message,
                }
                for problem in problems
            ],
        },
        422,
    )


def html(status: int, title: str) -> Response:
    """Return a page such as a gateway's."""
    page = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(page, status, media_type="text/html")


def refused(decision: LimitDecision, kind: str, now: float) -> Response:
    """Return a 429 that says in one of the known ways when to come back.

    Times are rounded up to whole seconds, so that who keeps to them is not refused again.
    """
    headers: dict[str, str] = {}
    if kind == "ratelimit":
        headers = limit_headers(decision)
    elif kind == "retry-after":
        headers = {"Retry-After": str(math.ceil(decision.reset))}
    elif kind == "date":
        headers = {"Retry-After": formatdate(math.ceil(now + decision.reset), usegmt=True)}
    return error(
        429,
        "RATE_LIMIT_EXCEEDED",
        f"more than {decision.limit} requests in the time allowed",
        headers=headers,
    )


def limit_headers(decision: LimitDecision) -> dict[str, str]:
    """Return the headers that say what a limit has left."""
    return {
        "RateLimit-Limit": str(decision.limit),
        "RateLimit-Remaining": str(decision.remaining),
        "RateLimit-Reset": str(math.ceil(decision.reset)),
    }


class Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection."""
        del send
        _reset(scope)
        await _gone(receive)


class Hang(Response):
    """No answer, as long as the client waits for one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait until the client gives up."""
        del scope, send
        await _gone(receive)


class Cut(Response):
    """Half of the body, then the connection ends, with a reset or without."""

    def __init__(self, whole: Response, *, reset: bool) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers
        self._with_reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half, and end the connection."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        if self._with_reset:
            # A reset takes away what the client has not read yet, so let it read some.
            await asyncio.sleep(0.01)
            _reset(scope)
        else:
            scope["extensions"][TRANSPORT].close()
        await _gone(receive)


def _reset(scope: Scope) -> None:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    connection = transport.get_extra_info("socket")
    # Lingering for no time turns the close into a reset.
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
