"""A way to a server that takes its time, and can be cut: answers arrive late."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class SlowProxy:
    """Pass connections on to a server, holding each piece of an answer back for a while.

    Use it in a ``with``; ``url`` is its own address. ``cut()`` refuses and breaks everything,
    as a network that is gone would, until ``mend()``.
    """

    def __init__(self, port, seconds):
        self._to, self._seconds = port, seconds
        self._loop = asyncio.new_event_loop()
        self._writers = set()
        self._server = None
        self.port = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *error):
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self):
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def mend(self):
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))

    async def _listen(self):
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self):
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pass_on(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers |= {writer, to_writer}
            try:
                await asyncio.gather(
                    self._copy(reader, to_writer, 0.0), self._copy(to_reader, writer, self._seconds)
                )
            finally:
                self._writers -= {writer, to_writer}
                writer.transport.abort()
                to_writer.transport.abort()

    async def _copy(self, reader, writer, seconds):
        while data := await reader.read(65536):
            if seconds:
                await asyncio.sleep(seconds)
            writer.write(data)
            await writer.drain()
        writer.close()
