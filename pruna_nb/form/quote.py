"""The line beside the button: how many pictures, at what price, how long; before the click."""

from __future__ import annotations

import threading
from statistics import median
from typing import TYPE_CHECKING

import ipywidgets as w

from pruna_nb.errors import PrunaError
from pruna_nb.form.labels import quote_line
from pruna_nb.form.sweep import NotAskedYetError
from pruna_nb.widgets.notes import ERROR, FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.doors import Tables
    from pruna_nb.form.sweep import Ask

_TOOK: dict[str, float] = {}
"""Seconds that a model's predictions took when a form last saw some, by model."""
_REST_SECONDS = 0.25
"""How long the keys must rest before the cache is asked."""


class Quote:
    """An estimate that follows what is typed, made in a thread once the keys rest.

    Parameters
    ----------
    tables : Tables
        Makes the estimate.
    ask : callable
        Gives what is asked for; raises `InputError` where that is not clear yet.
    rest : float
        Seconds of rest before an estimate is made; 0 makes it at once, in the caller's thread.

    Attributes
    ----------
    box : ipywidgets.HBox
        The line.
    """

    def __init__(
        self, tables: Tables, ask: Callable[[], Ask], *, rest: float = _REST_SECONDS
    ) -> None:
        self._tables, self._ask, self._rest = tables, ask, rest
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._turn = 0
        self._line = w.HTML()
        self._line.add_class("pruna-quote")
        self._chosen = w.HTML()
        layout = w.Layout(flex_flow="row wrap", justify_content="space-between", margin="8px 0 0")
        self.box = w.HBox([self._line, self._chosen], layout=layout)

    def renew(self) -> None:
        """Have the line renewed soon; may be called from any thread."""
        with self._lock:
            self._turn += 1
            turn = self._turn
            if self._timer is not None:
                self._timer.cancel()
            if self._rest:
                self._timer = threading.Timer(self._rest, self._work, [turn])
                self._timer.daemon = True
                self._timer.start()
        if not self._rest:
            self._work(turn)

    def learn(self, model: str, outcomes: Iterable[Outcome]) -> None:
        """Note how long a model's predictions took, to say it before the next click."""
        took = [
            outcome.seconds
            for outcome in outcomes
            if outcome.status == "succeeded" and not outcome.cached
        ]
        if took:
            _TOOK[model] = median(took)

    def say_chosen(self, text: str) -> None:
        """Say at the line's end what is selected."""
        self._chosen.value = note(text, FAINT) if text else ""

    def _work(self, turn: int) -> None:
        html = self._html()
        with self._lock:
            if turn == self._turn:
                self._line.value = html

    def _html(self) -> str:
        try:
            ask = self._ask()
        except PrunaError as error:
            return note(str(error), FAINT if isinstance(error, NotAskedYetError) else ERROR)
        try:
            ask.spots()
            found = self._tables.estimate(ask)
        except PrunaError as error:
            return note(str(error), ERROR)
        return note(
            quote_line(
                ask.model.output,
                rows=found.rows,
                hits=found.hits,
                new=found.new,
                resumed=found.resumed,
                cost_usd=found.cost_usd,
                seconds=found.minutes * 60.0,
                took=_TOOK.get(ask.model.name),
            )
        )
