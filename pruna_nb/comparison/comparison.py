"""A comparison: its pictures, its votes and its result, for a notebook."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from pruna_nb.arguments import Problems, share, text
from pruna_nb.catalog import total_usd, usd_text
from pruna_nb.comparison.pairs import make_pairs
from pruna_nb.comparison.result import Result
from pruna_nb.comparison.stats import scipy_stats
from pruna_nb.comparison.summary import NamedVote
from pruna_nb.comparison.vote_files import VoteBook
from pruna_nb.comparison.votes import Vote
from pruna_nb.errors import CacheError, InputError, MissingExtraError
from pruna_nb.show import Cell, Grid, grid
from pruna_nb.text import NO_MATH, counted, isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pruna_nb.comparison.pairs import Pair, Row
    from pruna_nb.comparison.vote_form import Ballot, VoteForm

_CAPTION_LIMIT = 300
_WHERE = ("pair", "item")
_WHAT = (
    *("left", "right", "verdict", "winner", "loser"),
    *("rater", "seconds", "names_seen", "at"),
)

ToFrame: TypeAlias = "Callable[[list[dict[str, Any]], list[str]], Any]"
"""Makes a table of rows and of the columns' names, which an empty table has too."""


class Comparison:
    """Variants against each other, on the same prompts, seeds and settings.

    Parameters
    ----------
    rows : sequence of Row
        What was asked for.
    outcomes : sequence of dict
        What became of each: ``output`` (a path or None), ``status``, ``error``, and whatever
        else is to stand in `rows`, such as scores.
    votes_paths : mapping of frozenset of str to Path
        Where the votes between two variants are kept.
    shown_path : Path
        Where it is kept which pictures were shown with their names.
    score_means : mapping, optional
        For each variant the means of its automatic scores.
    to_frame : callable, optional
        Makes a table of a list of dicts and of the columns' names; None: lists stay lists.
    secrets : sequence of str
        Fields whose values are never shown.
    thumbs_dir : Path, optional
        Where small pictures are kept.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        outcomes: Sequence[Mapping[str, Any]],
        *,
        votes_paths: Mapping[frozenset[str], Path],
        shown_path: Path,
        score_means: Mapping[str, Mapping[str, float]] | None = None,
        to_frame: ToFrame | None = None,
        secrets: Sequence[str] = (),
        thumbs_dir: Path | None = None,
    ) -> None:
        if len(rows) != len(outcomes):
            msg = f"{len(rows)} rows were sent to be made and {len(outcomes)} came back"
            raise InputError(msg)
        self._rows = list(rows)
        self._outcomes = [dict(each) for each in outcomes]
        self._book = VoteBook(self._rows, votes_paths, shown_path)
        self._score_means = score_means
        self._to_frame = to_frame
        self._secrets = frozenset(secrets)
        self._thumbs_dir = thumbs_dir
        self._names_seen = False

    # -- what there is --------------------------------------------------------------------

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants' names."""
        return tuple(dict.fromkeys(row.variant for row in self._rows))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A plain dict for each picture: variant, item, request, output, status, scores."""
        return [
            {**self._masked(row.as_dict()), **outcome}
            for row, outcome in zip(self._rows, self._outcomes, strict=True)
        ]

    @property
    def frame(self) -> Any:
        """The same as `rows`, as a table where there is a maker of tables."""
        rows = self.rows
        return self._table(rows, dict.fromkeys(name for row in rows for name in row))

    @property
    def votes(self) -> Any:
        """The votes that stand, each with its variants, seed and setting."""
        places = {row.digest: row for row in self._rows}
        axes = dict.fromkeys(name for row in self._rows for name in row.shared)
        columns = [*_WHERE, *(name for name in axes if name not in _WHERE), *_WHAT]
        votes = [_vote_row(vote, places) for vote in self._book.standing()]
        return self._table(votes, columns)

    @property
    def pairs(self) -> int:
        """How many pairs can be judged."""
        return len(self._judgeable("")[0])

    def _masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: "***" if name in self._secrets else value for name, value in row.items()}

    def _table(self, rows: list[dict[str, Any]], columns: Iterable[str]) -> Any:
        return rows if self._to_frame is None else self._to_frame(rows, list(columns))

    # -- what a person does ---------------------------------------------------------------

    def grid(self, *, size: int = 256, max_bytes: int | None = 1_000_000) -> Grid:
        """Show all pictures with their names: a column for each variant.

        Votes that are cast after it are marked as not blind.

        Parameters
        ----------
        size : int
            Side of the box that each picture fits into, in pixels.
        max_bytes : int, optional
            What the grid may take in the notebook's file.
        """
        self._names_seen = True
        # A folder that takes nothing takes no votes either, and says so where one is cast.
        with contextlib.suppress(CacheError):
            self._book.note_shown()
        heads = self._row_heads()
        cells = [
            Cell(
                path=outcome.get("output"),
                caption=str(row.request.get("prompt", ""))[:_CAPTION_LIMIT],
                alt=f"{row.variant}: {row.request.get('prompt', '')}, {heads[row.cell]}",
                status=outcome.get("status", "pending"),
                error=outcome.get("error"),
                ratio_asked=row.request.get("aspect_ratio"),
                request=self._shown_request(row),
                row_value=heads[row.cell],
                col_value=row.variant,
            )
            for row, outcome in zip(self._rows, self._outcomes, strict=True)
        ]
        return grid(
            cells,
            size=size,
            max_bytes=max_bytes,
            rows=list(dict.fromkeys(heads.values())),
            cols=self.variants,
            thumbs_dir=self._thumbs_dir,
        )

    def _shown_request(self, row: Row) -> dict[str, Any]:
        given = {k: v for k, v in row.request.items() if k not in self._secrets}
        return {"model": given.pop("model", None), "input": given}

    def _row_heads(self) -> dict[tuple[int, int, int], str]:
        several = len({row.cell[0] for row in self._rows}) > 1
        heads: dict[tuple[int, int, int], str] = {}
        for row in self._rows:
            item = row.item if several else ""
            heads.setdefault(row.cell, " · ".join(filter(None, (item, _shared_text(row)))))
        # Two items may read the same, where they differ in what is not text.
        doubles = Counter(heads.values())
        return {
            cell: text if text and doubles[text] == 1 else f"{text} ({cell[0] + 1})".strip()
            for cell, text in heads.items()
        }

    def vote(self, rater: str | None = None) -> VoteForm:
        """Give a form to judge the pairs blindly; it goes on where the last one ended.

        Parameters
        ----------
        rater : str, optional
            Who judges. Each rater has sides and an order of their own, and can undo their own
            votes alone.

        Returns
        -------
        VoteForm
            It shows itself.
        """
        from pruna_nb.comparison.vote_form import Ballot as NewBallot
        from pruna_nb.comparison.vote_form import VoteForm as Form

        name = "" if rater is None else text("rater", rater).strip()
        pairs, left_out = self._judgeable(name)
        ballots = [self._ballot(pair, NewBallot) for pair in pairs]
        by_key = {pair.key: pair for pair in pairs}

        # It takes seconds to import, and would hold up the kernel when the last vote is cast.
        threading.Thread(target=_import_statistics, daemon=True).start()

        def cast(ballot: Ballot, verdict: Any, seconds: float) -> None:
            self._book.add(self._new_vote(by_key[ballot.key], verdict, seconds, name))

        def retract(ballot: Ballot) -> None:
            self._book.undo(ballot.key, name)

        def reveal() -> str:
            self._names_seen = True
            return self.result(name or None)._repr_html_()

        return Form(
            ballots,
            cast=cast,
            retract=retract,
            reveal=reveal,
            judged=lambda: list(self._book.judged(name)),
            left_out=left_out,
            caution=self._caution(pairs),
            thumbs_dir=self._thumbs_dir,
        )

    def _caution(self, pairs: Sequence[Pair]) -> str:
        shown = self._book.shown()
        known = sum(
            bool({self._rows[p.left].digest, self._rows[p.right].digest} & shown) for p in pairs
        )
        if not known:
            return ""
        of_them = "All of them" if known == len(pairs) else f"{known:,} of them"
        return f"{of_them} were shown with their names before: such votes are marked as not blind."

    def _judgeable(self, rater: str) -> tuple[list[Pair], list[str]]:
        """Give the pairs of which both pictures are there, and why others are left out."""
        pairs, left_out = [], []
        for pair in make_pairs(self._rows, salt=rater):
            sides = [self._outcomes[pair.left], self._outcomes[pair.right]]
            outputs = [side.get("output") for side in sides]
            if not all(outputs):
                missing = next(side for side in sides if not side.get("output"))
                left_out.append(f"a picture is missing: {missing.get('status') or 'not made'}")
            elif outputs[0] == outputs[1]:
                left_out.append("both pictures are one and the same file")
            else:
                pairs.append(pair)
        return pairs, left_out

    def _ballot(self, pair: Pair, make: type[Ballot]) -> Ballot:
        left, right = self._rows[pair.left], self._rows[pair.right]
        prompts = {str(row.request.get("prompt", "")) for row in (left, right)}
        # A prompt that is one side's own would tell which side it is.
        prompt = prompts.pop() if len(prompts) == 1 else left.item
        return make(
            key=pair.key,
            left=str(self._outcomes[pair.left]["output"]),
            right=str(self._outcomes[pair.right]["output"]),
            prompt=prompt,
            note=_shared_text(left),
        )

    def _new_vote(self, pair: Pair, verdict: Any, seconds: float, rater: str) -> Vote:
        left, right = self._rows[pair.left], self._rows[pair.right]
        return Vote(
            pair=pair.key,
            verdict=verdict,
            left=left.digest,
            right=right.digest,
            left_name=left.variant,
            right_name=right.variant,
            left_output=_file_name(self._outcomes[pair.left]),
            right_output=_file_name(self._outcomes[pair.right]),
            seconds=round(seconds, 3),
            rater=rater,
            names_seen=self._names_seen,
        )

    def result(
        self,
        rater: str | None = None,
        *,
        confidence: float = 0.95,
        alpha: float = 0.05,
        power: float = 0.8,
    ) -> Result:
        """Say what the votes show so far.

        Whoever looks again and again and stops at the first clear result finds too many: settle
        beforehand how many pairs are to be judged.

        Parameters
        ----------
        rater : str, optional
            Whose votes; None: everybody's, each vote counted as one of its own.
        confidence : float
            Of the intervals.
        alpha, power : float
            The tests' level, and the power with which further votes are to settle them.

        Returns
        -------
        Result
            It shows itself, and has ``.sentence``, ``.variants``, ``.pairs`` and ``.plot()``.

        Raises
        ------
        MissingExtraError
            If scipy is not installed.
        """
        problems = Problems()
        levels = {
            name: problems.read(share, name, value, instead=0.5)
            for name, value in (("confidence", confidence), ("alpha", alpha), ("power", power))
        }
        who = None if rater is None else problems.read(text, "rater", rater, instead="")
        problems.check("The votes cannot be counted so")
        names = {row.digest: row.variant for row in self._rows}
        judged = [
            NamedVote(
                names[vote.left], names[vote.right], vote.verdict, vote.rater, vote.names_seen
            )
            for vote in self._book.standing(who)
        ]
        return Result.from_votes(
            self.variants,
            judged,
            scores=self._score_means,
            damaged_lines=self._book.damaged_lines(),
            **levels,
        )

    # -- how it shows itself --------------------------------------------------------------

    def _summary(self) -> list[str]:
        pictures = counted(len(self._rows), "picture")
        statuses = Counter(str(each.get("status", "pending")) for each in self._outcomes)
        bad = [f"{count:,} {name}" for name, count in statuses.items() if name != "succeeded"]
        cached = sum(bool(each.get("cached")) for each in self._outcomes)
        made = [f"{cached:,} cached"] if cached else []
        costs = [each["cost_usd"] for each in self._outcomes if "cost_usd" in each]
        # A failed picture's cost and that of a model without a price are not known: NaN, or None.
        known = [cost for cost in costs if cost is not None and not math.isnan(cost)]
        if known:
            unknown = len(costs) - len(known)
            more = f" and {unknown:,} of a cost that is not known" if unknown else ""
            made.append(f"{usd_text(total_usd(known))}{more}")
        elif costs:
            made.append("cost not known")
        aside = f" ({', '.join([*bad, *made])})" if bad or made else ""
        judged = len(self._book.standing())
        return [
            f"{counted(len(self.variants), 'variant')}, {pictures}{aside}.",
            f"{counted(self.pairs, 'pair')} to judge, {counted(judged, 'vote')} so far.",
        ]

    def __repr__(self) -> str:
        return f"<Comparison: {' '.join(self._summary())}>"

    def _repr_html_(self) -> str:
        # No pictures here: with their names they would spoil the votes.
        names = ", ".join(isolated(name, 60) for name in self.variants)
        first, second = self._summary()
        return (
            f"<div class='{NO_MATH}' style='line-height:1.6;text-align:left'>"
            f"<p style='margin:0'><strong>{names}</strong><br>{isolated(first, 200)} "
            f"{isolated(second, 200)}</p><p style='margin:6px 0 0;opacity:.7'>"
            "<code>.vote()</code> judges pairs blindly, <code>.result()</code> says what the votes "
            "show, <code>.grid()</code> shows all pictures with their names.</p></div>"
        )


def _import_statistics() -> None:
    # Where they are missing, the result says so.
    with contextlib.suppress(MissingExtraError):
        scipy_stats()


def _shared_text(row: Row) -> str:
    return " · ".join(f"{name} {value}" for name, value in row.shared.items())


def _file_name(outcome: Mapping[str, Any]) -> str:
    return str(outcome["output"]).replace("\\", "/").rsplit("/", 1)[-1]


def _vote_row(vote: Vote, places: Mapping[str, Row]) -> dict[str, Any]:
    left, right = places[vote.left], places[vote.right]
    winner = {vote.left: left, vote.right: right}.get(vote.winner or "")
    loser = {vote.left: left, vote.right: right}.get(vote.loser or "")
    return {
        "pair": vote.pair,
        "item": left.item,
        **left.shared,
        "left": left.variant,
        "right": right.variant,
        "verdict": vote.verdict,
        "winner": winner.variant if winner else None,
        "loser": loser.variant if loser else None,
        "rater": vote.rater or None,
        "seconds": vote.seconds,
        "names_seen": vote.names_seen,
        "at": vote.at,
    }
