"""Run an emulator, in this process or in one of its own."""

from __future__ import annotations

import importlib
import os
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pruna_nb.emulator.options import Options
from pruna_nb.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from pruna_nb.emulator.core import Core, Prediction

_NEEDED = ("av", "httptools", "multipart", "starlette", "uvicorn")


class Service(ABC):
    """A running emulator.

    Attributes
    ----------
    url : str
        Its address, without ``/v1``.
    port : int
        Of that address.
    """

    url: str
    port: int

    def __init__(self) -> None:
        self._owner = os.getpid()

    def _is_ours(self) -> bool:
        """Whether this process began it: to a forked child it is its parent's, which goes on."""
        return os.getpid() == self._owner

    @property
    def charged(self) -> int:
        """How many predictions were accepted, those refused for the quota left out."""
        return int(self._state()["charged"])

    @property
    def refused(self) -> int:
        """How many requests were answered with 429."""
        return int(self._state()["refused"])

    @property
    def counts(self) -> dict[str, int]:
        """How many requests each endpoint had, whatever was answered."""
        return dict(self._state()["counts"])

    @property
    @abstractmethod
    def accepted(self) -> list[dict[str, Any]]:
        """What was accepted, in order: id, model, input and at (seconds since 1970)."""

    @abstractmethod
    def configure(self, **changes: Any) -> None:
        """Change how it behaves while it runs; see `Options` for what there is.

        Faults and limits that are set anew begin to count anew.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop it, ending all connections; again, or in a forked child, it does nothing."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as a crash would."""

    @abstractmethod
    def _state(self) -> Mapping[str, Any]:
        """Give the counters."""

    def __repr__(self) -> str:
        return f"<emulator of P-API at {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


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


def state_of(core: Core) -> dict[str, Any]:
    """Give a core's counters."""
    return {"charged": core.charged, "refused": core.refused, "counts": dict(core.counts)}


def accepted_rows(core: Core, start: int = 0) -> list[dict[str, Any]]:
    """Give what a core accepted, from a place in the order on."""

    def row(prediction: Prediction) -> dict[str, Any]:
        return {
            "id": prediction.id,
            "model": prediction.model,
            "input": prediction.input,
            "at": prediction.at,
        }

    return [row(prediction) for prediction in core.accepted[start:]]


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
        _need(name)
    path = None if ledger is None else Path(ledger)
    service: Service
    if process:
        from pruna_nb.emulator.process import ProcessService

        service = ProcessService(checked, port=port, ledger=path)
    else:
        service = _LocalService(checked, port=port, ledger=path)
    with service:
        yield service


def _need(name: str) -> None:
    try:
        importlib.import_module("python_multipart" if name == "multipart" else name)
    except ImportError as error:
        raise MissingExtraError("the emulator", "emulator") from error
