"""A comparison: its pictures, its votes and its result, for a notebook."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems, share, text
from pruna_nb.catalog import total_usd, usd_text
from pruna_nb.comparison.ballots import Ballots
from pruna_nb.comparison.clusters import mean_interval
from pruna_nb.comparison.picture_grid import picture_grid
from pruna_nb.comparison.result import Result
from pruna_nb.comparison.stats import scipy_stats
from pruna_nb.comparison.summary import NamedVote
from pruna_nb.comparison.variants import secret_fields
from pruna_nb.comparison.votes import Votes
from pruna_nb.errors import CacheError, MissingExtraError
from pruna_nb.redact import mask_fields
from pruna_nb.settings import current
from pruna_nb.statuses import status_of
from pruna_nb.tables.cells import frame_of_records
from pruna_nb.text import NO_MATH, counted, isolated
from pruna_nb.widgets.about import favourite_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pruna_nb.comparison.ballots import Ballot
    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.variants import Variant
    from pruna_nb.comparison.vote_form import VoteForm
    from pruna_nb.comparison.votes import Verdict, Vote
    from pruna_nb.show import Grid
    from pruna_nb.store.favourites import Favourite

_CELL_COLUMNS = ("pair", "item")
_PAIR_COLUMNS = (
    *(*_CELL_COLUMNS, "first", "second", "first_output", "second_output"),
    *("votes", "first_wins", "second_wins", "ties", "both_bad"),
)
_VOTE_COLUMNS = (
    *("left", "right", "verdict", "winner", "loser"),
    *("rater", "seconds", "names_seen", "at"),
)


class Comparison:
    """Variants against each other, on the same prompts, seeds and settings.

    Parameters
    ----------
    variants : sequence of Variant
        What is compared.
    rows : sequence of Row
        The pictures that were asked for.
    outcomes : sequence of dict
        The result of each: ``output`` (a path or None), ``status``, ``error``, and more columns
        for `rows`, such as scores.
    model : str
        For variants without a model of their own.
    score_means : mapping, optional
        For each variant the means of its automatic scores.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        rows: Sequence[Row],
        outcomes: Sequence[Mapping[str, Any]],
        *,
        model: str = "p-image",
        score_means: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        settings = current()
        self._variants, self._model = tuple(variants), model
        self._rows = list(rows)
        self._outcomes = [dict(outcome) for outcome in outcomes]
        self._votes = Votes(settings.votes_dir, variants, self._rows, model)
        self._score_means = score_means
        self._thumbs_dir = settings.thumbs_dir
        self._names_seen = False

    # -- what there is --------------------------------------------------------------------

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants' names."""
        return tuple(variant.name for variant in self._variants)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A plain dict for each picture: variant, item, request, output, status, scores."""
        secrets = secret_fields()
        return [
            mask_fields(row.as_dict(), secrets) | outcome
            for row, outcome in zip(self._rows, self._outcomes, strict=True)
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """The same as `rows`, as a frame."""
        rows = self.rows
        return frame_of_records(rows)

    @property
    def votes(self) -> pd.DataFrame:
        """The votes that stand, each with its variants, seed and setting."""
        rows = {row.digest: row for row in self._rows}
        axes = dict.fromkeys(name for row in self._rows for name in row.shared)
        # Without a vote the frame has the columns that it will have.
        columns = [
            *_CELL_COLUMNS,
            *(name for name in axes if name not in _CELL_COLUMNS),
            *_VOTE_COLUMNS,
        ]
        votes = []
        for vote in self._votes.standing():
            left, right = rows[vote.left], rows[vote.right]
            names = {vote.left: left.variant, vote.right: right.variant, None: None}
            votes.append(
                {
                    "pair": vote.pair,
                    "item": left.item,
                    **left.shared,
                    "left": left.variant,
                    "right": right.variant,
                    "verdict": vote.verdict,
                    "winner": names[vote.winner],
                    "loser": names[vote.loser],
                    "rater": vote.rater or None,
                    "seconds": vote.seconds,
                    "names_seen": vote.names_seen,
                    "at": vote.at,
                }
            )
        return frame_of_records(votes, columns)

    @property
    def pairs(self) -> int:
        """How many pairs can be judged."""
        return len(Ballots(self._rows, self._outcomes).pairs)

    @property
    def pairs_frame(self) -> pd.DataFrame:
        """The pairs that can be judged as a frame, with the votes on each so far.

        ``pair`` is that of `votes`; ``first`` and ``second`` are two variants, in their order.
        """
        cast: dict[str, Counter[str | None]] = {}
        for vote in self._votes.standing():
            cast.setdefault(vote.pair, Counter())[vote.winner or vote.verdict] += 1
        rows = []
        for pair in Ballots(self._rows, self._outcomes).pairs:
            first, second = sorted((pair.left, pair.right))  # as the variants are made
            one, two, votes = self._rows[first], self._rows[second], cast.get(pair.key, Counter())
            rows.append(
                {
                    "pair": pair.key,
                    "item": one.item,
                    **one.shared,
                    "first": one.variant,
                    "second": two.variant,
                    "first_output": self._outcomes[first]["output"],
                    "second_output": self._outcomes[second]["output"],
                    "votes": votes.total(),
                    "first_wins": votes[one.digest],
                    "second_wins": votes[two.digest],
                    "ties": votes["tie"],
                    "both_bad": votes["both_bad"],
                }
            )
        return frame_of_records(rows, None if rows else _PAIR_COLUMNS)

    # -- what a person does ---------------------------------------------------------------

    def grid(self, *, size: int = 256, max_bytes: int | None = 1_000_000) -> Grid:
        """Show all pictures with their names, and how their votes went: a column a variant.

        A picture that won more votes than it lost has a star. Votes that are cast after it are
        marked as not blind.

        Parameters
        ----------
        size : int
            Side of the box that each picture fits into, in pixels.
        max_bytes : int, optional
            What the grid may take in the notebook's file.
        """
        self._names_seen = True
        # In a folder that cannot be written no vote is kept either, and voting says so.
        votes: list[Vote] = []
        with contextlib.suppress(CacheError):
            self._votes.mark_shown()
            votes = self._votes.standing()
        return picture_grid(
            self._rows,
            self._outcomes,
            size=size,
            max_bytes=max_bytes,
            thumbs_dir=self._thumbs_dir,
            votes=votes,
        )

    def vote(self, rater: str | None = None) -> VoteForm:
        """Return a form to judge the pairs blindly; it continues where the last one ended.

        Parameters
        ----------
        rater : str, optional
            Who judges. Each rater has sides and an order of their own, and can undo only their
            own votes.

        Returns
        -------
        VoteForm
            It displays itself.
        """
        # Pictures and results are of use without ipywidgets, which the form imports.
        from pruna_nb.comparison.vote_form import VoteForm

        name = "" if rater is None else text("rater", rater).strip()
        ballots = Ballots(self._rows, self._outcomes, name)

        def import_statistics() -> None:
            with contextlib.suppress(MissingExtraError):  # which the result reports
                scipy_stats()

        # scipy takes seconds to import, and would hold up the kernel when the last vote is cast.
        threading.Thread(target=import_statistics, daemon=True).start()

        def cast(ballot: Ballot, verdict: Verdict, seconds: float) -> None:
            self._votes.add(ballots.vote(ballot.key, verdict, seconds, names_seen=self._names_seen))

        def reveal() -> str:
            self._names_seen = True
            return self.result(name or None)._repr_html_()

        return VoteForm(
            ballots.all(),
            cast=cast,
            retract=lambda ballot: self._votes.undo(ballot.key, name),
            reveal=reveal,
            judged=lambda: list(self._votes.judged(name)),
            left_out=ballots.left_out,
            caution=ballots.caution(self._votes.shown()),
            favourite=self._favourite,
            thumbs_dir=self._thumbs_dir,
        )

    def _favourite(self, path: str) -> Favourite | None:
        """Return what is kept of a picture that is seen large in the vote."""
        places = [i for i, each in enumerate(self._outcomes) if str(each.get("output")) == path]
        if not places:
            return None
        outcome = self._outcomes[places[0]]
        sent = mask_fields(dict(self._rows[places[0]].request), secret_fields())
        spent = outcome.get("cost_usd")
        return favourite_of(
            str(sent.pop("model", self._model)),
            sent,
            path,
            outcome.get("prediction_id"),
            cost_usd=spent if isinstance(spent, float) else None,
        )

    def result(
        self,
        rater: str | None = None,
        *,
        confidence: float = 0.95,
        alpha: float = 0.05,
        power: float = 0.8,
    ) -> Result:
        """Return what the votes show so far.

        Looking again and again, and stopping at the first clear result, finds differences that
        are not there: decide beforehand how many pairs are to be judged.

        Parameters
        ----------
        rater : str, optional
            Whose votes; None: everybody's, each vote counted on its own.
        confidence : float
            Of the intervals.
        alpha, power : float
            The tests' level, and the power with which further votes are to settle them.

        Returns
        -------
        Result
            It displays itself, and has ``.sentence``, ``.variants``, ``.pairs`` and ``.plot()``.

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
        problems.check("The votes cannot be counted with these arguments")
        rows = {row.digest: row for row in self._rows}
        standing = self._votes.standing(who)
        # Several seeds of a prompt are one cluster; with one prompt alone, a pair's raters are.
        level = 1 if len({row.cell[0] for row in self._rows}) > 1 else 3
        once = level == 3 and len({vote.pair for vote in standing}) == len(standing)  # noqa: PLR2004
        votes = [
            NamedVote(
                rows[vote.left].variant,
                rows[vote.right].variant,
                vote.verdict,
                vote.rater,
                vote.names_seen,
                None if once else rows[vote.left].cell[:level],
            )
            for vote in standing
        ]
        return Result.from_votes(
            self.variants,
            votes,
            scores=self._score_means,
            score_intervals=self._score_intervals(level, levels["confidence"]),
            damaged_lines=self._votes.damaged_lines(),
            unit="prompt" if level == 1 else "pair",
            **levels,
        )

    def _score_intervals(
        self, level: int, confidence: float
    ) -> dict[str, dict[str, tuple[float, float]]]:
        """Return for each variant the intervals of its scores' means, by prompt."""
        intervals: dict[str, dict[str, tuple[float, float]]] = {}
        for variant, means in (self._score_means or {}).items():
            intervals[variant] = {}
            for name in means:
                clusters: dict[tuple[int, ...], list[float]] = {}
                for row, outcome in zip(self._rows, self._outcomes, strict=True):
                    value = outcome.get(name, math.nan)
                    if row.variant == variant and not math.isnan(value):
                        clusters.setdefault(row.cell[:level], []).append(value)
                intervals[variant][name] = mean_interval(
                    [*clusters.values()], confidence=confidence
                )
        return intervals

    # -- how it is displayed ----------------------------------------------------------------

    def _summary(self) -> list[str]:
        statuses = Counter(
            status_of(each.get("status"), each.get("output")) for each in self._outcomes
        )
        notes = [f"{count:,} {name}" for name, count in statuses.items() if name != "succeeded"]
        if cached := sum(bool(outcome.get("cached")) for outcome in self._outcomes):
            notes.append(f"{cached:,} cached")
        costs = [outcome["cost_usd"] for outcome in self._outcomes if "cost_usd" in outcome]
        # The cost of a failed picture, or of a model without a price, is NaN or None.
        known = [cost for cost in costs if cost is not None and not math.isnan(cost)]
        if known:
            unknown = len(costs) - len(known)
            more = f" and {unknown:,} of a cost that is not known" if unknown else ""
            notes.append(f"{usd_text(total_usd(known))}{more}")
        elif costs:
            notes.append("cost not known")
        aside = f" ({', '.join(notes)})" if notes else ""
        pictures, votes = counted(len(self._rows), "picture"), len(self._votes.standing())
        return [
            f"{counted(len(self.variants), 'variant')}, {pictures}{aside}.",
            f"{counted(self.pairs, 'pair')} to judge, {counted(votes, 'vote')} so far.",
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
