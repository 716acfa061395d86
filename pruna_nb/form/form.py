"""The form: prompts, ratios and seeds become a grid of pictures while one looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.batch.job import Outcome
from pruna_nb.batch.prepare import announcements
from pruna_nb.batch.progress import closing_line
from pruna_nb.errors import AuthenticationError, MissingKeyError, PrunaError
from pruna_nb.form.board import SIZES, Board
from pruna_nb.form.cells import saved_grid
from pruna_nb.form.labels import code_box, progress_line
from pruna_nb.form.quote import Quote
from pruna_nb.form.runner import Making
from pruna_nb.widgets.login import LoginBox
from pruna_nb.widgets.notes import ERROR, FAINT, note
from pruna_nb.widgets.saved_copy import Saved, bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pruna_nb.form.controls import Controls
    from pruna_nb.form.doors import Tables
    from pruna_nb.form.sweep import Ask, Spot

_NOT_DONE = frozenset({"failed", "canceled", "lost", "pending"})
_PLAIN = "The form lives as long as its kernel: run the cell to use it."
_SAVE_SECONDS = 2.0
"""How often the copy below the form is renewed during a run; nobody sees it then."""


@dataclass(slots=True)
class Asked:
    """A grid that was asked for, and what became of its places so far."""

    tables: Tables
    ask: Ask
    spots: Sequence[Spot]
    outcomes: list[Outcome]


class Form:
    """A form that makes pictures; the last expression of a notebook's cell shows it.

    It is made by `pruna_nb.explore` and by ``df.pruna.explore``. Prompts x aspect ratios x
    seeds are a grid; how many pictures that is, how many are there already, what the rest
    costs and how long it takes stands beside the button before it is clicked. Runs are in
    threads, so the kernel stays free. What was made also stands below the form as HTML, which
    the saved notebook keeps.

    Attributes
    ----------
    box : ipywidgets.VBox
        The form's widget, to be put into others.
    """

    def __init__(
        self,
        controls: Controls,
        tables: Tables,
        *,
        thumbs_dir: Callable[[], Path],
    ) -> None:
        self._controls, self._tables = controls, tables
        self._thumbs_dir = thumbs_dir
        self._lock = threading.RLock()
        self._makings: list[Making] = []
        self._threads: list[Making] = []
        self._grid: Asked | None = None
        self._shown: Asked | None = None
        self._saved_at = 0.0
        self._saved = Saved()
        self._board = Board(
            retry=lambda place: self._make([place]),
            changed=self._show_chosen,
            thumbs_dir=thumbs_dir(),
        )
        self._quote = Quote(tables, controls.ask)
        self._build()
        controls.on_change(self._quote.renew)
        self._quote.renew()

    def _build(self) -> None:
        wide = w.Layout(width="130px")
        self._go = w.Button(
            description="Generate", button_style="primary", icon="play", layout=wide
        )
        self._stop = w.Button(description="Cancel", icon="stop", disabled=True, layout=wide)
        self._again = w.Button(icon="refresh", layout=w.Layout(width="auto", display="none"))
        for button, name in ((self._go, "go"), (self._stop, "stop"), (self._again, "again")):
            button.add_class(f"pruna-{name}")
        self._go.on_click(lambda _: self.generate())
        self._stop.on_click(lambda _: self.cancel())
        self._again.on_click(lambda _: self._make(self._places_left()))
        self._size = w.Dropdown(
            options=[(f"{name} pictures", side) for name, side in SIZES.items()],
            layout=w.Layout(width="150px", display="none"),
            tooltip="How large the pictures are shown here",
        )
        self._size.add_class("pruna-size")
        self._size.observe(lambda change: self._board.resize(change["new"]), "value")
        self._bar = w.IntProgress(layout=w.Layout(flex="1 1 120px", max_width="300px"))
        self._bar.layout.display = "none"
        self._status = w.HTML()
        self._status.add_class("pruna-status")
        self._door = w.VBox()
        self._code = w.HTML()
        buttons = w.HBox(
            [self._go, self._stop, self._size, self._again, self._bar],
            layout=w.Layout(flex_flow="row wrap", align_items="center", margin="4px 0 0"),
        )
        self.box = w.VBox(
            [
                self._saved.hide, self._controls.box, self._quote.box, buttons, self._status,
                self._door, self._board.box, self._code,
            ],
            layout=w.Layout(max_width="1200px", padding="4px 8px 8px 4px"),
        )  # fmt: skip
        self.box.add_class("pruna-form")

    # -------------------------------------------------------------- what users call

    @property
    def frame(self) -> Any:
        """What was made, as a frame like the one that ``df.pruna.generate`` gives."""
        with self._lock:
            grid = self._grid
            outcomes = [] if grid is None else list(grid.outcomes)
        if grid is None:
            return self._tables.frame(self._controls.nothing(), outcomes)
        return grid.tables.frame(grid.ask, outcomes)

    @property
    def selected(self) -> Any:
        """The rows of `frame` whose pictures are selected; its index holds their labels."""
        with self._lock:  # a click's grid is there before the board shows it
            chosen = sorted(self._board.selected) if self._shown is self._grid else []
        return self.frame.iloc[chosen]

    def code(self) -> str:
        """Give the Python that makes the grid again; before a run, the grid that is asked for.

        Raises
        ------
        InputError
            If nothing was made, and the form does not say what to make.
        """
        grid = self._grid
        if grid is None:
            return self._tables.code(self._controls.ask())
        return grid.tables.code(grid.ask)

    def generate(self) -> None:
        """Make what the form asks for, as the button does; returns at once."""
        try:
            ask = self._controls.ask()
            spots = ask.spots()
        except PrunaError as error:
            self._say(note(str(error), ERROR))
            return
        with self._lock:
            if self._makings:
                return
            self._grid = Asked(self._tables, ask, spots, [Outcome("pending")] * len(spots))
        self._say(note("Starting…", FAINT))
        self._make(range(len(spots)))

    def cancel(self) -> None:
        """Stop as soon as what is on the wire is answered; what was made is kept."""
        with self._lock:
            makings = list(self._makings)
        for making in makings:
            making.cancel()
        if makings:
            self._stop.disabled = True
            self._say(note("Stopping…", FAINT))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; tell whether that is so.

        Parameters
        ----------
        timeout : float, optional
            Seconds at most. None: as long as it takes.
        """
        with self._lock:
            threads = list(self._threads)
        end = None if timeout is None else time.monotonic() + timeout
        return all(
            making.join(None if end is None else max(0.0, end - time.monotonic()))
            for making in threads
        )

    def take_over(self, earlier: Form) -> None:
        """Go on with what another form has under way, whose cell was run again.

        What was paid for stays in sight, and can be canceled.
        """
        with earlier._lock:
            grid = earlier._grid
            makings = list(earlier._makings)
        with self._lock:
            # Those that end meanwhile tell this form nothing: it does not wait for them.
            self._makings = [each for each in makings if each.watch(self._look, self._over)]
            self._threads = list(self._makings)
            if not self._makings or grid is None:
                return
            self._grid = grid
            self._set_buttons()
            self._show(grid)  # before the run's thread does

    # ------------------------------------------------------------------- runs

    def _make(self, places: Sequence[int]) -> None:
        """Make some places of the grid that is shown, in a thread."""
        with self._lock:
            grid = self._grid
            under_way = {place for making in self._makings for place in making.places}
            wanted = [place for place in places if place not in under_way]
            if grid is None or not wanted:
                return
            making = Making(grid.tables, grid.ask, wanted)
            making.watch(self._look, self._over)
            self._makings.append(making)
            self._threads = [each for each in self._threads if not each.join(0)] + [making]
            self._set_buttons()
        self._door.children = ()
        making.start()

    def _look(self, making: Making, outcomes: dict[int, Outcome]) -> None:
        """Show what is new; in the thread of a run."""
        with self._lock:
            grid = self._grid
            if grid is None or making.ask is not grid.ask:
                return
            for place, outcome in outcomes.items():
                grid.outcomes[place] = outcome
            now = list(grid.outcomes)
            if self._shown is not grid:
                self._show(grid)
        self._board.update(grid.ask, now, over=False)
        if making.run is not None and not making.canceled:
            self._say(note(progress_line(making.run)))
        self._bar.max = len(now)
        self._bar.value = sum(outcome.status != "pending" for outcome in now)
        self._bar.layout.display = ""
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save(now)

    def _over(self, making: Making, error: BaseException | None) -> None:
        """Show how a run ended; in its thread."""
        try:
            self._show_end(making, error)
        finally:
            self._set_buttons()

    def _set_buttons(self) -> None:
        """Have the buttons say what can be done now; whoever comes last is right."""
        with self._lock:
            busy = bool(self._makings)
            left = 0 if busy else len(self._places_left())
            self._go.disabled, self._stop.disabled = busy, not busy
            self._again.description = f"Retry all {left:,}"
            self._again.layout.display = "" if left > 1 else "none"
            if not busy:
                self._bar.layout.display = "none"

    def _show_end(self, making: Making, error: BaseException | None) -> None:
        with self._lock:
            self._makings.remove(making)
            busy = bool(self._makings)
            if self._grid is not self._shown:  # refused: what was there before stays
                self._grid = self._shown
            grid = self._grid
            ask, now = (None, []) if grid is None else (grid.ask, list(grid.outcomes))
        self._board.update(ask, now, over=not busy)
        self._save(now)
        self._say(self._ending(making, error))
        if isinstance(error, (MissingKeyError, AuthenticationError)):
            self._door.children = [LoginBox(done=self._logged_in).box]
        self._quote.learn(making.ask.model.name, making.outcomes().values())
        self._quote.renew()

    def _logged_in(self, said: str) -> None:
        self._door.children = ()
        self._say(note(f"{said} Click Generate."))

    def _ending(self, making: Making, error: BaseException | None) -> str:
        if error is None and making.run is not None:
            said = closing_line(making.run)
            before = announcements(making.run.plan)
            return note("\n".join([*before, f"Canceled. {said}" if making.canceled else said]))
        kind = "" if isinstance(error, PrunaError) else f"{type(error).__name__}: "
        return note(f"{kind}{error}", ERROR)

    def _places_left(self) -> list[int]:
        with self._lock:
            outcomes = [] if self._grid is None else self._grid.outcomes
            return [place for place, each in enumerate(outcomes) if each.status in _NOT_DONE]

    # ------------------------------------------------------------------- showing

    def _show(self, grid: Asked) -> None:
        """Put a grid on the board, in place of the one that is there."""
        self._board.show(grid.ask, grid.spots, grid.outcomes)
        self._shown = grid
        self._size.layout.display = ""
        self._code.value = code_box(grid.tables.code(grid.ask))

    def _save(self, outcomes: Sequence[Outcome]) -> None:
        grid = self._shown
        if grid is None:
            return
        made = saved_grid(grid.ask, grid.spots, outcomes, thumbs_dir=self._thumbs_dir())
        self._saved.update(made.html())
        self._saved_at = time.monotonic()

    def _say(self, html: str) -> None:
        self._status.value = html

    def _show_chosen(self) -> None:
        count = len(self._board.selected)
        self._quote.say_chosen(f"{count:,} selected: form.selected" if count else "")

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(bundle(self.box, _PLAIN), raw=True)  # type: ignore[no-untyped-call]
        self._saved.display()

    def __repr__(self) -> str:
        with self._lock:
            outcomes = [] if self._grid is None else list(self._grid.outcomes)
        done, total = sum(each.status == "succeeded" for each in outcomes), len(outcomes)
        made = f"{done:,} of {total:,} pictures made" if total else "nothing made yet"
        return f"<Form: {made}>"
