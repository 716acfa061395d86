"""All votes of a comparison: a file for each two variants, read together.

A file for each two, so that whoever adds a variant, or changes one, keeps the votes between all
others. Beside them stands which pictures were shown with their names: a vote on one of those is
not blind, in whatever kernel it is cast.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pruna_nb.comparison.pairs import pair_key
from pruna_nb.comparison.votes import ShownFile, VoteFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.votes import Vote


class VoteBook:
    """The votes on rows.

    Parameters
    ----------
    rows : sequence of Row
        What can be judged; votes on anything else are left where they are.
    paths : mapping of frozenset of str to Path
        Where the votes between two variants are kept.
    shown_path : Path
        Where it is kept which pictures were shown with their names.
    """

    def __init__(
        self, rows: Sequence[Row], paths: Mapping[frozenset[str], Path], shown_path: Path
    ) -> None:
        self._rows = {row.digest: row for row in rows}
        self._files = {names: VoteFile(path) for names, path in paths.items()}
        self._shown = ShownFile(shown_path)

    def standing(self, rater: str | None = None) -> list[Vote]:
        """Give the votes that stand, in the order in which they were cast.

        Parameters
        ----------
        rater : str, optional
            Whose; None: everybody's.
        """
        votes = [
            vote
            for file in self._files.values()
            for vote in file.standing()
            if {vote.left, vote.right} <= self._rows.keys() and rater in {None, vote.rater}
        ]
        return sorted(votes, key=lambda vote: vote.at)

    def judged(self, rater: str) -> dict[str, Vote]:
        """Give a rater's votes by the pair's key, the latest last."""
        return {pair_key(vote.left, vote.right): vote for vote in self.standing(rater)}

    def add(self, vote: Vote) -> Vote:
        """Write a vote down, and whether its pictures had been shown with their names."""
        shown = not self.shown().isdisjoint((vote.left, vote.right))
        return self._file(vote).add(replace(vote, names_seen=vote.names_seen or shown))

    def undo(self, key: str, rater: str) -> None:
        """Take a rater's vote on a pair back, unless that was done already."""
        if vote := self.judged(rater).get(key):
            self._file(vote).undo(vote.id)

    def shown(self) -> set[str]:
        """Give the digests of all rows that were shown with their names."""
        return self._shown.digests()

    def note_shown(self) -> None:
        """Write down that all pictures are shown with their names."""
        self._shown.add(self._rows)

    def damaged_lines(self) -> int:
        """Count the lines that cannot be understood, in all files."""
        return sum(file.damaged_lines() for file in self._files.values())

    def _file(self, vote: Vote) -> VoteFile:
        names = frozenset(self._rows[digest].variant for digest in (vote.left, vote.right))
        return self._files[names]
