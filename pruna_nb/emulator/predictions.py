"""What an emulator accepted: the data of a prediction, and the log that outlives the process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pruna_nb.catalog import Model

Outcome = Literal["succeeded", "failed", "canceled", "never"]
# The part of a prediction's time in which its status is "starting".
_STARTING_PART: Final = 0.15


@dataclass(frozen=True, slots=True)
class Source:
    """Where a media input comes from: an upload, an earlier output, or another host."""

    field: str
    kind: Literal["file", "output", "elsewhere"]
    ref: str  # the file's or the prediction's id, or the address elsewhere


@dataclass(slots=True)
class AcceptedPrediction:
    """One accepted prediction, whose end is settled already; times are seconds since 1970."""

    id: str
    model: str
    input: dict[str, Any]  # secrets masked: the ledger and the answers show it
    at: float
    finish: float
    outcome: Outcome
    error: str
    seed: int  # the input's, or one drawn for it, so that its output can be drawn again
    charged: bool
    sources: tuple[Source, ...]
    token: str
    suffix: str
    # How often its status and its output were asked for: some faults happen the first time only.
    asked: int = field(default=0, compare=False)
    fetched: int = field(default=0, compare=False)

    def status(self, now: float) -> str:
        """Return its status at a moment, in the API's words."""
        if now < self.finish or self.outcome == "never":
            began = self.at + _STARTING_PART * (self.finish - self.at)
            return "starting" if now < began else "processing"
        return self.outcome


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What is to be rendered; the sources are in the order of the model's media fields."""

    model: Model
    input: Mapping[str, Any]
    seed: int
    sources: Sequence[Source] = ()


class AcceptedLog:
    """A file that keeps what was accepted: a killed emulator goes on from it.

    One JSON object a line, written before the answer goes out. No key is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a+b")

    def read(self) -> list[dict[str, Any]]:
        """Return all entries; a last line that a kill cut short is left out."""
        self._file.seek(0)
        entries = []
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            entries.append(json.loads(line))
            whole += len(line)
        self._file.truncate(whole)  # or the next entry would go on in the line that broke off
        return entries

    def write(self, entry: dict[str, Any]) -> None:
        """Add an entry, and hand it to the system: it outlives this process."""
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
