"""Run an emulator: on a thread of this process, or in a process of its own."""

from __future__ import annotations

import importlib
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.emulator.options import Options
from pruna_nb.emulator.service import Service, accepted_rows, state_of
from pruna_nb.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEEDED = ("httptools", "python_multipart", "starlette", "uvicorn")


class _LocalService(Service):
    """An emulator on a thread of this process."""

    def __init__(self, options: Options, *, port: int, ledger: Path | None) -> None:
        from pruna_nb.emulator.core import Core
        from pruna_nb.emulator.server import HttpServer

        super().__init__()
        self._core = Core(options, ledger=ledger)
        try:
            self._server = HttpServer(self._core, port)
        except BaseException:
            self._core.close()
            raise
        self.url, self.port = self._server.url, self._server.port
        self._thread = threading.Thread(
            target=self._server.run, name="pruna-nb-emulator", daemon=True
        )
        self._thread.start()
        self._server.wait_until_ready()
        self._is_stopped = False

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return accepted_rows(self._core)

    def configure(self, **changes: Any) -> None:
        self._core.configure(changes)

    def stop(self) -> None:
        if self._is_stopped or not self._is_ours():
            return
        self._is_stopped = True
        self._server.stop()
        self._thread.join()
        self._core.close()

    def kill(self) -> None:
        self.stop()

    def _state(self) -> Mapping[str, Any]:
        return state_of(self._core)


@contextmanager
def running(
    *,
    port: int = 0,
    ledger: str | Path | None = None,
    process: bool = False,
    **options: Any,
) -> Iterator[Service]:
    """Run a P-API on 127.0.0.1 for as long as the block lasts.

    Parameters
    ----------
    port : int
        0 for any that is free.
    ledger : path, optional
        A file that keeps what was accepted, so that an emulator that was killed can be started
        again with it and go on; uploaded files are kept beside it.
    process : bool
        Run it in a process of its own, which ends with this one.
    **options
        How it behaves: ``keys``, ``limits``, ``window``, ``refusal``, ``latency``, ``faults``,
        ``quota``, ``fast``, ``relative_urls``, ``delivery_needs_key``, ``output_ttl``,
        ``file_ttl``, ``try_sync_wait``, ``max_file_bytes``, ``extra_models``,
        ``allow_unknown``, ``keep_alive``, ``seed``; see `Options`.

    Yields
    ------
    Service
        Its ``url``, what it counted, and `Service.configure`.

    Raises
    ------
    MissingExtraError
        If a package that it needs is not installed.
    TypeError, ValueError
        If an option is not one of those above.
    OSError
        If the port is taken.

    Examples
    --------
    >>> from pruna_nb import emulator
    >>> with emulator.running(latency=0.1, limits={"p-image": (10, 1.0)}) as service:
    ...     service.charged
    0
    """
    checked = Options.read(options)
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingExtraError("the emulator", "emulator") from error
    path = None if ledger is None else Path(ledger)
    service: Service
    if process:
        from pruna_nb.emulator.process import ProcessService

        service = ProcessService(checked, port=port, ledger=path)
    else:
        service = _LocalService(checked, port=port, ledger=path)
    with service:
        yield service
