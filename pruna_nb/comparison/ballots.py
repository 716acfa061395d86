"""Pairs as they are put to a vote: blind, and only where both pictures are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.comparison.pairs import make_pairs
from pruna_nb.comparison.votes import Vote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.comparison.pairs import Pair, Row
    from pruna_nb.comparison.votes import Verdict


@dataclass(frozen=True, slots=True)
class Ballot:
    """One pair to be judged.

    Parameters
    ----------
    key : str
        The pair's key.
    left, right : str
        The pictures' paths.
    prompt : str
        The prompt of both; empty if that would tell them apart.
    note : str
        What else both have in common, such as the seed.
    """

    key: str
    left: str
    right: str
    prompt: str = ""
    note: str = ""


class Ballots:
    """The ballots of a rater, and the votes that come of them.

    Parameters
    ----------
    rows : sequence of Row
        The pictures that were asked for.
    outcomes : sequence of mapping
        The result of each: ``output`` (a path or None) and ``status``.
    rater : str
        Who judges; empty if no name was given.

    Attributes
    ----------
    pairs : list of Pair
        Those whose pictures are both there.
    left_out : list of str
        For each other pair the reason.
    """

    def __init__(
        self, rows: Sequence[Row], outcomes: Sequence[Mapping[str, Any]], rater: str = ""
    ) -> None:
        self._rows, self._outcomes, self._rater = rows, outcomes, rater
        self.pairs: list[Pair] = []
        self.left_out: list[str] = []
        for pair in make_pairs(rows, salt=rater):
            sides = [outcomes[pair.left], outcomes[pair.right]]
            missing = [side for side in sides if not side.get("output")]
            if missing:
                status = missing[0].get("status") or "not made"
                self.left_out.append(f"a picture is missing: {status}")
            elif sides[0]["output"] == sides[1]["output"]:
                self.left_out.append("both pictures are one and the same file")
            else:
                self.pairs.append(pair)
        self._by_key = {pair.key: pair for pair in self.pairs}

    def all(self) -> list[Ballot]:
        """Return the ballots, in the order in which they are to be judged."""
        ballots = []
        for pair in self.pairs:
            left, right = self._rows[pair.left], self._rows[pair.right]
            # A prompt that only one side has would tell which side it is.
            prompt = left.prompt if left.prompt == right.prompt else left.item
            one, two = (str(self._outcomes[n]["output"]) for n in (pair.left, pair.right))
            ballots.append(Ballot(pair.key, one, two, prompt, left.shared_text))
        return ballots

    def vote(self, key: str, verdict: Verdict, seconds: float, *, names_seen: bool) -> Vote:
        """Return a verdict as a vote, which is not written yet."""
        pair = self._by_key[key]
        left, right = self._rows[pair.left], self._rows[pair.right]
        files = [
            # A path of another machine's system, such as Windows', may be in a shared cache.
            str(self._outcomes[side]["output"]).replace("\\", "/").rsplit("/", 1)[-1]
            for side in (pair.left, pair.right)
        ]
        return Vote(
            pair=key,
            verdict=verdict,
            left=left.digest,
            right=right.digest,
            left_name=left.variant,
            right_name=right.variant,
            left_output=files[0],
            right_output=files[1],
            seconds=round(seconds, 3),
            rater=self._rater,
            names_seen=names_seen,
        )

    def caution(self, shown: set[str]) -> str:
        """Return a caution about pictures that were shown with their names: their digests."""
        known = sum(
            not shown.isdisjoint((self._rows[pair.left].digest, self._rows[pair.right].digest))
            for pair in self.pairs
        )
        if not known:
            return ""
        of_them = "All of them" if known == len(self.pairs) else f"{known:,} of them"
        return f"{of_them} were shown with their names before: such votes are marked as not blind."
