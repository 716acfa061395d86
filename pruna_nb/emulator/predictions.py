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
    """Where a media input comes from.

    Attributes
    ----------
    field : str
        The input's field.
    kind : {"file", "output", "elsewhere"}
        An uploaded file, the output of an earlier prediction, or another host's address.
    ref : str
        The file's or the prediction's id, or the address.
    """

    field: str
    kind: Literal["file", "output", "elsewhere"]
    ref: str


@dataclass(slots=True)
class AcceptedPrediction:
    """One accepted prediction.

    Attributes
    ----------
    id, model : str
        Its id, and the model's name.
    input : dict
        As it came, secrets masked.
    at, finish : float
        When it was accepted, and when it ends; seconds since 1970.
    outcome : {"succeeded", "failed", "canceled", "never"}
        How it ends.
    error : str
        Why it fails.
    seed : int
        The input's, or one drawn for it.
    charged : bool
        Whether it counts as paid work.
    sources : tuple of Source
        Of its media inputs.
    token, suffix : str
        Of its output's address.
    asked, fetched : int
        How often its status and its output were asked for.
    """

    id: str
    model: str
    input: dict[str, Any]
    at: float
    finish: float
    outcome: Outcome
    error: str
    seed: int
    charged: bool
    sources: tuple[Source, ...]
    token: str
    suffix: str
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
    """What is to be rendered.

    Attributes
    ----------
    model : Model
        Whose output it is.
    input : mapping
        As it was accepted.
    seed : int
        The input's, or one drawn for it.
    sources : sequence of Source
        Of its media fields, in the model's order.
    """

    model: Model
    input: Mapping[str, Any]
    seed: int
    sources: Sequence[Source] = ()


class AcceptedLog:
    """A file that keeps what was accepted: a killed emulator goes on from it.

    One JSON object a line, written before the answer goes out. No key is kept.

    Parameters
    ----------
    path : Path
        It is made if it does not exist; its folder must.
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
        self._file.truncate(whole)
        return entries

    def write(self, entry: dict[str, Any]) -> None:
        """Add an entry, and hand it to the system: it outlives this process."""
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
