"""A running emulator as its user sees it, wherever it runs."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pruna_nb.emulator.core import Core


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
        """Return the counters."""

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


def state_of(core: Core) -> dict[str, Any]:
    """Return a core's counters."""
    return {"charged": core.charged, "refused": core.refused, "counts": dict(core.counts)}


def accepted_rows(core: Core, start: int = 0) -> list[dict[str, Any]]:
    """Return what a core accepted, from a place in the order on."""
    return [
        {"id": each.id, "model": each.model, "input": each.input, "at": each.at}
        for each in core.accepted[start:]
    ]
