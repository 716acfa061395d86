"""One HTTP server on the loopback, on an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from pruna_nb.emulator.app import Api
from pruna_nb.emulator.responses import TRANSPORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from pruna_nb.emulator.core import Core

# The loop's rounds in which connections that are being accepted are still met at the end.
_LAST_ROUNDS = 6
_BACKLOG = 2_048
_MOST_HEAD = 64 << 10


class _Protocol(HttpToolsProtocol):
    """Uvicorn's protocol, which shows the application its transport and bounds a request's head."""

    _head_bytes = 0  # that have come of the head that is being read; -1 behind a head

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        cast("dict[str, Any]", self.scope)["extensions"] = {TRANSPORT: self.transport}

    def on_headers_complete(self) -> None:
        self._head_bytes = -1
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes >= 0:  # uvicorn's parser would keep a head of any length
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD and not self.transport.is_closing():
                self.send_400_response("The request's head is too large.")


class HttpServer:
    """Serves a core on 127.0.0.1.

    uvicorn's own ``Server`` polls ten times a second and takes as long to start and stop; here
    its protocol runs on a plain asyncio server, so that a test can have a server of its own.
    Port 0 is any that is free; `control` and `token` are those of `Api`.
    """

    def __init__(
        self,
        core: Core,
        port: int,
        *,
        control: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        token: str = "",
    ) -> None:
        self._core = core
        # The protocol is named, since asyncio sends small packets at once (TCP_NODELAY) only then;
        # without it, every answer waits 40 ms for the client's acknowledgement of its headers.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":
                # So that an emulator that was killed can start again at once on its port.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", port))
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        # All of this machine's names: an address that a client got as one may come back as another.
        core.own_hosts = frozenset(
            f"{host}:{self.port}" for host in ("127.0.0.1", "localhost", "[::1]")
        )
        self._api = Api(core, self.url, control=control, token=token)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()

    def run(self) -> None:
        """Serve until `stop` is called."""
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()
            self._api.close()
            # A server that could not start must not leave who waits for it waiting.
            self._ready.set()

    def wait_until_ready(self) -> None:
        """Wait until requests are answered."""
        self._ready.wait()

    def stop(self) -> None:
        """End all connections and stop serving; may be called from any thread."""
        self._ready.wait()  # before that there is no loop to tell
        # A loop that is closed already has nothing to stop.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        config = Config(
            self._application,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=self._core.options.keep_alive,
        )
        config.load()
        state = ServerState()

        def connect() -> _Protocol:
            return _Protocol(config=config, server_state=state, app_state={})

        server = await self._loop.create_server(connect, sock=self._socket, backlog=_BACKLOG)
        self._ready.set()
        await self._stopping.wait()
        # What was accepted just now is known some rounds of the loop later; a server that is
        # closed before that leaves it open. The aborted connections tell their requests, so that
        # none of them tries to answer.
        with contextlib.suppress(NotImplementedError):  # Windows: it accepts in another way
            self._loop.remove_reader(self._socket)
        for _ in range(_LAST_ROUNDS):
            for connection in list(state.connections):
                cast("HttpToolsProtocol", connection).transport.abort()
            await asyncio.sleep(0)
        server.close()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._api.asgi(scope, receive, send)
        except asyncio.CancelledError:
            # Uvicorn would log it as a fault of the application.
            if self._stopping is None or not self._stopping.is_set():
                raise
