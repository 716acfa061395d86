"""Votes on disk: one file of JSON lines for each two variants, which only ever grows.

An undo is a line of its own, so no vote is ever lost, and a kernel that dies loses at most the
line that it was writing. Several processes may vote into the same file.

There is a file for each two variants so that adding or changing a variant keeps the votes between
all others. Beside them stands which pictures were shown with their names: a vote on one of those
is not blind, in whatever kernel it is cast.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

from pruna_nb.comparison.pairs import pair_key, votes_name
from pruna_nb.errors import InputError
from pruna_nb.files.json_lines import append_lines, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.variants import Variant

Verdict = Literal["left", "right", "tie", "both_bad"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_YEAR_SECONDS = 366 * 86_400
_TYPES = {"seconds": (int, float), "names_seen": (bool,)}


@dataclass(frozen=True, slots=True)
class Vote:
    """A rater's verdict on one pair.

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
        Who judged; empty if no name was given.
    names_seen : bool
        Whether the names had been shown with the pictures before, so that it was not blind.
    at : str
        When, ISO 8601 in UTC.
    id : str
        By which an undo names the vote.
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


class Votes:
    """The votes on the rows of a comparison, in all its files.

    Parameters
    ----------
    folder : Path
        Where the files are kept.
    variants : sequence of Variant
        What is compared.
    rows : sequence of Row
        What can be judged; votes on anything else in the files are ignored.
    model : str
        For variants without a model of their own.
    """

    def __init__(
        self, folder: Path, variants: Sequence[Variant], rows: Sequence[Row], model: str
    ) -> None:
        self._rows = {row.digest: row for row in rows}
        self._files = {
            frozenset((one.name, two.name)): VoteFile(
                folder / f"{votes_name(one, two, model)}.jsonl"
            )
            for one, two in combinations(variants, 2)
        }
        self._shown = ShownFile(folder / "names-shown.jsonl")

    def standing(self, rater: str | None = None) -> list[Vote]:
        """Return the votes that stand, in the order in which they were cast: a rater's, or all."""
        votes = [
            vote
            for file in self._files.values()
            for vote in file.standing()
            if {vote.left, vote.right} <= self._rows.keys() and rater in {None, vote.rater}
        ]
        return sorted(votes, key=lambda vote: vote.at)

    def judged(self, rater: str) -> dict[str, Vote]:
        """Return a rater's votes by the pair's key, the latest last."""
        return {pair_key(vote.left, vote.right): vote for vote in self.standing(rater)}

    def add(self, vote: Vote) -> Vote:
        """Write a vote, and whether its pictures had been shown with their names."""
        shown = not self.shown().isdisjoint((vote.left, vote.right))
        return self._file(vote).add(replace(vote, names_seen=vote.names_seen or shown))

    def undo(self, key: str, rater: str) -> None:
        """Undo a rater's vote on a pair, unless that was done already."""
        if vote := self.judged(rater).get(key):
            self._file(vote).undo(vote.id)

    def shown(self) -> set[str]:
        """Return the digests of all rows that were shown with their names."""
        return self._shown.digests()

    def mark_shown(self) -> None:
        """Write that all pictures are shown with their names."""
        self._shown.add(self._rows)

    def damaged_lines(self) -> int:
        """Count the lines that are not valid, in all files."""
        return sum(file.damaged_lines() for file in self._files.values())

    def _file(self, vote: Vote) -> VoteFile:
        names = frozenset(self._rows[digest].variant for digest in (vote.left, vote.right))
        return self._files[names]


@dataclass(frozen=True, slots=True)
class VoteFile:
    """The votes between two variants.

    The ``.jsonl`` file and its folder are made with the first vote.
    """

    path: Path

    def add(self, vote: Vote) -> Vote:
        """Write a vote, and return it with ``id`` and ``at``; it is on the disk by then.

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
        append_lines(self.path, [{"action": "vote", **record}], "vote")
        return Vote(**record)

    def undo(self, vote_id: str) -> None:
        """Write that a vote no longer stands; raise `CacheError` if that is not possible."""
        append_lines(self.path, [{"action": "undo", "id": vote_id, "at": _now()}], "vote")

    def standing(self) -> list[Vote]:
        """Return the votes that stand, in the order in which they were cast.

        A vote that was undone does not stand, nor one that the same rater replaced by a later
        one on the same pair.
        """
        return standing(filter(None, map(_parse, read_lines(self.path, "vote"))))

    def damaged_lines(self) -> int:
        """Count the lines that are not valid, such as one that a crash cut short."""
        return sum(_parse(line) is None for line in read_lines(self.path, "vote"))


@dataclass(frozen=True, slots=True)
class ShownFile:
    """The pictures that were shown with their names, in whatever comparison.

    The ``.jsonl`` file and its folder are made when the first names are shown.
    """

    path: Path

    def add(self, digests: Iterable[str]) -> None:
        """Write that rows were shown with their names, unless that is known."""
        if new := sorted(set(digests) - self.digests()):
            record = {"action": "names_shown", "digests": new, "at": _now()}
            append_lines(self.path, [record], "vote")

    def digests(self) -> set[str]:
        """Return the digests of the rows that were shown; damaged lines are skipped."""
        records = filter(None, read_lines(self.path, "vote"))
        shown = [record.get("digests") for record in records]
        return {str(digest) for line in shown if isinstance(line, list) for digest in line}


def standing(records: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """Return the votes that stand after all records; see `VoteFile.standing`."""
    # A later version may write fields that this one does not know.
    known = {field.name for field in fields(Vote)}
    votes: dict[str, Vote] = {}
    for record in records:
        if record["action"] == "undo":
            votes.pop(record["id"], None)
        else:
            vote = Vote(**{name: value for name, value in record.items() if name in known})
            votes[vote.id] = vote
    last = {(vote.pair, vote.rater): vote.id for vote in votes.values()}
    return [vote for vote in votes.values() if last[vote.pair, vote.rater] == vote.id]


def _parse(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a line's record; None if it is neither a vote nor an undo."""
    if record is None or not isinstance(record.get("id"), str):
        return None
    if record.get("action") == "undo":
        return record
    if record.get("action") != "vote" or not {"pair", "verdict", "left", "right"} <= record.keys():
        return None
    typed = all(
        isinstance(record[field.name], _TYPES.get(field.name, (str,)))
        for field in fields(Vote)
        if field.name in record
    )
    if not typed or record["verdict"] not in VERDICTS or record["left"] == record["right"]:
        return None
    seconds = record.get("seconds", 0.0)
    # bool is an int subclass, and would pass as a number of seconds.
    is_duration = not isinstance(seconds, bool) and 0 <= seconds < _YEAR_SECONDS
    return record if is_duration else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
