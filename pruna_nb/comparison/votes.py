"""Votes on disk: one file of JSON lines for each two variants, which is only ever added to.

An undo is a line of its own, so nothing that was judged is ever lost, and a kernel that dies
loses at most the line that it was writing. Several processes may vote into the same file.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from pruna_nb.errors import CacheError, InputError
from pruna_nb.files import strict_json
from pruna_nb.files.folders import make_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Verdict = Literal["left", "right", "tie", "both_bad"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody thought of one pair.

    Parameters
    ----------
    pair : str
        The pair's key.
    verdict : {"left", "right", "tie", "both_bad"}
        "tie" is "equally good", "both_bad" "neither will do": one is never counted as the other.
    left, right : str
        The digests of the rows that were on each side.
    left_name, right_name : str
        The variants' names at that time, for people who read the file.
    left_output, right_output : str
        The files that were judged; a file is named by its content.
    seconds : float
        From the pair's appearance to the verdict.
    rater : str
        Who judged; empty if nobody said.
    names_seen : bool
        Whether the names had been shown with the pictures before, so that it was not blind.
    at : str
        When, ISO 8601 in UTC.
    id : str
        Names the vote, for an undo.
    """

    pair: str
    verdict: Verdict
    left: str
    right: str
    left_name: str = ""
    right_name: str = ""
    left_output: str = ""
    right_output: str = ""
    seconds: float = 0.0
    rater: str = ""
    names_seen: bool = False
    at: str = ""
    id: str = ""

    @property
    def winner(self) -> str | None:
        """The digest of the row that won; None for a tie or both bad."""
        return {"left": self.left, "right": self.right}.get(self.verdict)

    @property
    def loser(self) -> str | None:
        """The digest of the row that lost; None for a tie or both bad."""
        return {"left": self.right, "right": self.left}.get(self.verdict)


_YEAR_SECONDS = 366 * 86_400
_TYPES = {"seconds": (int, float), "names_seen": (bool,)}


@dataclass(frozen=True, slots=True)
class VoteFile:
    """The votes between two variants, on disk.

    Parameters
    ----------
    path : Path
        A ``.jsonl`` file; it and its folder are made with the first vote.
    """

    path: Path

    def add(self, vote: Vote) -> Vote:
        """Write a vote down; it is on the disk when this returns.

        Returns
        -------
        Vote
            The same with ``id`` and ``at``.

        Raises
        ------
        InputError
            If the verdict is none of the four.
        CacheError
            If the file cannot be written.
        """
        if vote.verdict not in VERDICTS:
            msg = f"a verdict is one of {', '.join(VERDICTS)}; {vote.verdict!r} was given"
            raise InputError(msg)
        record = {**asdict(vote), "id": uuid.uuid4().hex, "at": _now()}
        _append(self.path, {"action": "vote", **record})
        return Vote(**record)

    def undo(self, vote_id: str) -> None:
        """Write down that a vote no longer stands.

        Raises
        ------
        CacheError
            If the file cannot be written.
        """
        _append(self.path, {"action": "undo", "id": vote_id, "at": _now()})

    def standing(self) -> list[Vote]:
        """Give the votes that stand, in the order in which they were cast.

        A vote that was undone doesn't stand, nor one that the same rater replaced by a later
        one on the same pair.

        Raises
        ------
        CacheError
            If the file cannot be read.
        """
        return standing(self._read()[0])

    def damaged_lines(self) -> int:
        """Count the lines that cannot be understood, such as one that a crash cut short."""
        return self._read()[1]

    def _read(self) -> tuple[list[dict[str, Any]], int]:
        lines = _lines(self.path)
        records = [record for line in lines if (record := _parse(line)) is not None]
        return records, len(lines) - len(records)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """Which pictures were shown with their names, on disk, in whatever comparison.

    Parameters
    ----------
    path : Path
        A ``.jsonl`` file; it and its folder are made when the first names are shown.
    """

    path: Path

    def add(self, digests: Iterable[str]) -> None:
        """Write down that rows were shown with their names.

        Raises
        ------
        CacheError
            If the file cannot be written.
        """
        if new := sorted(set(digests) - self.digests()):
            _append(self.path, {"action": "names_shown", "digests": new, "at": _now()})

    def digests(self) -> set[str]:
        """Give the digests of the rows that were shown; damaged lines are passed over.

        Raises
        ------
        CacheError
            If the file cannot be read.
        """
        records = map(_load, _lines(self.path))
        shown = [record.get("digests") for record in records if record is not None]
        return {str(each) for digests in shown if isinstance(digests, list) for each in digests}


def standing(records: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """Work out from all records which votes stand; see `VoteFile.standing`."""
    votes: dict[str, Vote] = {}
    for record in records:
        if record["action"] == "undo":
            votes.pop(record["id"], None)
        else:
            names = {each.name for each in fields(Vote)}
            vote = Vote(**{name: value for name, value in record.items() if name in names})
            votes[vote.id] = vote
    last = {(vote.pair, vote.rater): vote.id for vote in votes.values()}
    return [vote for vote in votes.values() if last[vote.pair, vote.rater] == vote.id]


def _lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"cannot read the votes in {path}: {error.strerror}"
        raise CacheError(msg) from error
    return [line for line in content.split(b"\n") if line.strip()]


def _append(path: Path, record: Mapping[str, Any]) -> None:
    import portalocker

    line = json.dumps(record, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    try:
        make_private(path.parent)
        with portalocker.Lock(f"{path}.lock", "ab", timeout=_LOCK_SECONDS):
            _append_line(path, line)
    except portalocker.LockException as error:
        msg = f"another process has held {path}.lock for {_LOCK_SECONDS:.0f} s"
        raise CacheError(msg) from error
    except CacheError:
        raise
    except OSError as error:
        msg = f"cannot write the vote to {path}: {error.strerror or error}"
        raise CacheError(msg) from error


def _append_line(path: Path, line: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    is_new = not path.exists()
    handle = os.open(path, flags, 0o600)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        if end and not _ends_with_newline(handle, end):
            # A crash cut the last line: it must not swallow this one.
            line = b"\n" + line
        while line:
            line = line[os.write(handle, line) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _ends_with_newline(handle: int, end: int) -> bool:
    os.lseek(handle, end - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"


def _load(line: bytes) -> dict[str, Any] | None:
    """Read one line; None if it was not written whole."""
    try:
        record = strict_json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _parse(line: bytes) -> dict[str, Any] | None:
    """Read one line; None if it is neither a vote nor an undo."""
    record = _load(line)
    if record is None or not isinstance(record.get("id"), str):
        return None
    if record.get("action") == "undo":
        return record
    return record if record.get("action") == "vote" and _is_vote(record) else None


def _is_vote(record: Mapping[str, Any]) -> bool:
    required = {"pair", "verdict", "left", "right"} <= record.keys()
    typed = all(
        isinstance(record[each.name], _TYPES.get(each.name, (str,)))
        for each in fields(Vote)
        if each.name in record
    )
    return (
        required
        and typed
        and record["verdict"] in VERDICTS
        and record["left"] != record["right"]
        and _is_duration(record.get("seconds", 0.0))
    )


def _is_duration(seconds: object) -> bool:
    """Whether it is a time that somebody may have taken; a bool is a number to Python."""
    return not isinstance(seconds, bool) and 0 <= seconds < _YEAR_SECONDS  # type: ignore[operator]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
