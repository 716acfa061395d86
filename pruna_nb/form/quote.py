"""The line beside the button: how many pictures, at what price, how long; before the click."""

from __future__ import annotations

import threading
from statistics import median
from typing import TYPE_CHECKING

import ipywidgets as w

from pruna_nb.catalog import exact, usd_text
from pruna_nb.errors import BudgetError, PrunaError
from pruna_nb.form.labels import quote_line
from pruna_nb.form.sweep import IncompleteError
from pruna_nb.widgets.notes import ERROR, FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.rounds import Round
    from pruna_nb.form.sweep import Sweep
    from pruna_nb.form.tables import SweepTables
    from pruna_nb.frames.generate import Estimate

_TOOK: dict[str, float] = {}  # seconds that a model's predictions took when a form last saw some
REST_SECONDS = 0.25  # how long no key is pressed before the cache is asked


class Quote:
    """An estimate that follows what is typed, made in a thread once typing pauses.

    Parameters
    ----------
    tables : SweepTables
        Makes the estimate.
    sweep : callable
        Returns what the controls describe; raises `InputError` where that is not clear yet.

    Attributes
    ----------
    box : ipywidgets.HBox
        The line.
    """

    def __init__(self, tables: SweepTables, sweep: Callable[[], Sweep]) -> None:
        self._tables, self._sweep = tables, sweep
        self._ready: Callable[[str], object] = lambda _: None
        self._rested: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._turn = 0
        self._line = w.HTML()
        self._line.add_class("pruna-quote")
        self._chosen = w.HTML()
        layout = w.Layout(flex_flow="row wrap", justify_content="space-between", margin="8px 0 0")
        self.box = w.HBox([self._line, self._chosen], layout=layout)

    def on_ready(
        self, listener: Callable[[str], object], rested: Callable[[], object] = lambda: None
    ) -> None:
        """Begin, and tell each time why there is nothing to be run now; empty if there is.

        `rested` is called, in a thread, when nothing has been typed for a moment.
        """
        self._ready, self._rested = listener, rested
        self.renew()

    def renew(self) -> None:
        """Update the line soon, or at once if REST_SECONDS is 0; may be called from any thread."""
        # The button follows the fields at once: a click may come before the line does.
        try:
            self._sweep()
        except PrunaError as error:
            self._ready(str(error))
        else:
            self._ready("")
        with self._lock:
            self._turn += 1
            turn = self._turn
            if self._timer is not None:
                self._timer.cancel()
            if REST_SECONDS:
                self._timer = threading.Timer(REST_SECONDS, self._work, [turn])
                self._timer.daemon = True  # a timer must not keep a process from ending
                self._timer.start()
        if not REST_SECONDS:
            self._work(turn)

    def learn(self, made: Round, outcomes: Mapping[int, Outcome]) -> None:
        """Remember how long the models' predictions took, for the line before the next click."""
        took: dict[str, list[float]] = {}
        for number, outcome in outcomes.items():
            if outcome.status == "succeeded" and not outcome.cached:
                model = made.sweep.model_of(made.points[number])
                took.setdefault(model.name, []).append(outcome.seconds)
        _TOOK.update({name: median(seconds) for name, seconds in took.items()})

    def show_chosen(self, count: int) -> None:
        """Show at the end of the line how many pictures are selected."""
        text = f"{count:,} selected: form.selected" if count else ""
        self._chosen.value = note(text, FAINT) if text else ""

    def _work(self, turn: int) -> None:
        self._rested()
        html, reason = self._html()
        with self._lock:
            if turn == self._turn:  # a later change has a later estimate
                self._ready(reason)  # before the line: who has read it may click
                self._line.value = html

    def check(self) -> Sweep:
        """Return the sweep that can be run now.

        Raises
        ------
        InputError
            If the fields do not say what to make, or are wrong.
        BudgetError
            If it costs more than may be spent.
        MissingKeyError
            If something is to be sent, and there is no key.
        """
        sweep = self._sweep()
        sweep.points()
        estimate = self._tables.estimate(sweep)
        if over := self._over(estimate):
            raise BudgetError(f"{self._line_of(sweep, estimate)}. {over} Nothing was sent.")
        if estimate.new or estimate.resumed:
            self._tables.require_key()
        return sweep

    def _html(self) -> tuple[str, str]:
        """Return the line, and why there is nothing to be run, if there is not."""
        try:
            sweep = self._sweep()
            sweep.points()
            estimate = self._tables.estimate(sweep)
        except PrunaError as error:
            style = FAINT if isinstance(error, IncompleteError) else ERROR
            return note(str(error), style), str(error)
        line, over = self._line_of(sweep, estimate), self._over(estimate)
        return (note(f"{line}\n{over}", ERROR), over) if over else (note(line), "")

    def _line_of(self, sweep: Sweep, estimate: Estimate) -> str:
        known = [_TOOK.get(model.name) for model in sweep.models]
        took = None if None in known else max(each for each in known if each is not None)
        return quote_line(estimate, output=sweep.model.output, took=took)

    def _over(self, estimate: Estimate) -> str:
        """Return why an estimate is above what may be spent; "" if it is not."""
        if estimate.exceeds_day:
            spent, most_a_day = estimate.spent_today_usd or 0.0, estimate.max_cost_usd_per_day
            return f"Today (UTC) {usd_text(spent)} of max_cost_usd_per_day={most_a_day:g} is spent."
        most, cost = self._tables.most_usd, estimate.cost_usd
        if most is None or not estimate.new:
            return ""
        if cost is None:
            return f"Its price is not published, so max_cost_usd={most} cannot be kept."
        if exact(cost) > most:
            return f"That is more than max_cost_usd={most}: make fewer, or raise it in the code."
        return ""
