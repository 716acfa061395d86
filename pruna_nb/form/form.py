"""The form: prompts, ratios and seeds become a grid of pictures while one looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.batch.job import Outcome
from pruna_nb.batch.plan import announcements
from pruna_nb.batch.progress import closing_line
from pruna_nb.errors import AuthenticationError, MissingKeyError, PrunaError
from pruna_nb.form.board import SIZES, Board
from pruna_nb.form.cells import saved_grid
from pruna_nb.form.controls import FieldValue
from pruna_nb.form.labels import code_box, progress_line
from pruna_nb.form.quote import Quote
from pruna_nb.form.runner import Runner
from pruna_nb.settings import current
from pruna_nb.show import Thumbs
from pruna_nb.show.notebook import display
from pruna_nb.widgets.login import LoginBox
from pruna_nb.widgets.notes import ERROR, FAINT, note
from pruna_nb.widgets.saved_copy import Saved, bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pruna_nb.form.controls import Controls
    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.form.tables import SweepTables

_NOT_DONE = frozenset({"failed", "canceled", "lost", "pending"})
_PLAIN = "The form lives as long as its kernel: run the cell to use it."
# Nobody sees the copy below the form during a run, but a kernel that dies leaves it behind.
_SAVE_SECONDS = 2.0


@dataclass(slots=True)
class _Grid:
    """A sweep whose button was clicked, and what became of its points so far."""

    tables: SweepTables
    sweep: Sweep
    points: Sequence[Point]
    outcomes: list[Outcome]


class Form:
    """A form that makes pictures; the last expression of a notebook's cell shows it.

    It is made by `pruna_nb.explore` and by ``df.pruna.explore``. Prompts x aspect ratios x
    seeds are a grid. Beside the button the form says before the click how many pictures that is,
    how many are there already, what the rest costs and how long it takes. Runs are in threads,
    so the kernel stays free. What was made is also below the form as HTML, which the saved
    notebook keeps.

    Attributes
    ----------
    box : ipywidgets.VBox
        The form's widget, to be put into others.
    """

    def __init__(self, controls: Controls, tables: SweepTables) -> None:
        self._controls, self._tables = controls, tables
        self._lock = threading.RLock()  # methods that hold it call each other
        self._runners: list[Runner] = []  # those that are not over
        self._threads: list[Runner] = []  # those whose threads may still work
        self._grid: _Grid | None = None
        self._shown: _Grid | None = None
        self._saved_at = 0.0
        self._saved = Saved()
        self._quote = Quote(tables, controls.sweep)
        self._board = Board(
            retry=lambda number: self._make([number]),
            changed=self._quote.show_chosen,
            thumbs=Thumbs(self._thumbs_dir()),
        )
        self._build()
        controls.on_change(self._quote.renew)
        self._quote.renew()

    def _thumbs_dir(self) -> Path:
        with self._tables.scope.entered():
            return current().thumbs_dir

    def _build(self) -> None:
        wide = w.Layout(width="130px")
        self._go = w.Button(
            description="Generate", button_style="primary", icon="play", layout=wide
        )
        self._stop = w.Button(description="Cancel", icon="stop", disabled=True, layout=wide)
        self._again = w.Button(icon="refresh", layout=w.Layout(width="auto", display="none"))
        self._go.on_click(lambda _: self.generate())
        self._stop.on_click(lambda _: self.cancel())
        self._again.on_click(lambda _: self._make(self._numbers_left()))
        self._size = w.Dropdown(
            options=[(f"{name} pictures", side) for name, side in SIZES.items()],
            layout=w.Layout(width="150px", display="none"),
            tooltip="How large the pictures are shown here",
        )
        self._size.observe(lambda change: self._board.resize(change["new"]), "value")
        self._bar = w.IntProgress(
            layout=w.Layout(flex="1 1 120px", max_width="300px", display="none")
        )
        self._status = w.HTML()
        self._login = w.VBox()
        self._code = w.HTML()
        buttons = w.HBox(
            [self._go, self._stop, self._size, self._again, self._bar],
            layout=w.Layout(flex_flow="row wrap", align_items="center", margin="4px 0 0"),
        )
        parts = [self._saved.hide, self._controls.box, self._quote.box, buttons, self._status]
        self.box = w.VBox(
            [*parts, self._login, self._board.box, self._code],
            layout=w.Layout(max_width="1200px", padding="4px 8px 8px 4px"),
        )
        named = {
            "form": self.box,
            "go": self._go,
            "stop": self._stop,
            "again": self._again,
            "size": self._size,
            "status": self._status,
        }
        for name, widget in named.items():
            widget.add_class(f"pruna-{name}")

    # -------------------------------------------------------------- what users call

    @property
    def fields(self) -> dict[str, FieldValue]:
        """The fields of the form by name, each with a ``value`` to be read and set.

        Such as ``form.fields["seed"].value = "1-4"`` or ``form.fields["model"].value = "p-video"``,
        with what `pruna_nb.explore` takes. Another model has other fields.
        """
        return {name: FieldValue(self._controls, name) for name in self._controls.names}

    @property
    def frame(self) -> Any:
        """What was made, as a frame like the one that ``df.pruna.generate`` returns."""
        with self._lock:
            grid = self._grid
            outcomes = [] if grid is None else list(grid.outcomes)
        if grid is None:
            return self._tables.frame(self._controls.empty_sweep(), outcomes)
        return grid.tables.frame(grid.sweep, outcomes)

    @property
    def selected(self) -> Any:
        """The rows of `frame` whose pictures are selected; its index holds their labels."""
        with self._lock:  # a click's grid is there before the board shows it
            chosen = sorted(self._board.selected) if self._shown is self._grid else []
        return self.frame.iloc[chosen]

    def code(self) -> str:
        """Return the Python that makes the grid again; before a run, the grid of the fields.

        Raises
        ------
        InputError
            If nothing was made, and the form does not say what to make.
        """
        grid = self._grid
        if grid is None:
            return self._tables.code(self._controls.sweep())
        return grid.tables.code(grid.sweep)

    def generate(self) -> None:
        """Make what the form describes, as the button does; returns at once."""
        try:
            sweep = self._controls.sweep()
            points = sweep.points()
        except PrunaError as error:
            self._status.value = note(str(error), ERROR)
            return
        with self._lock:
            if self._runners:
                return
            self._grid = _Grid(self._tables, sweep, points, [Outcome("pending")] * len(points))
        self._status.value = note("Starting…", FAINT)
        self._make(range(len(points)))

    def cancel(self) -> None:
        """Stop as soon as what is on the wire is answered; what was made is kept."""
        with self._lock:
            runners = list(self._runners)
        for runner in runners:
            runner.cancel()
        if runners:
            self._stop.disabled = True
            self._status.value = note("Stopping…", FAINT)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; return whether that is so.

        Parameters
        ----------
        timeout : float, optional
            Seconds at most. None: as long as it takes.
        """
        with self._lock:
            threads = list(self._threads)
        end = None if timeout is None else time.monotonic() + timeout
        return all(
            runner.join(None if end is None else max(0.0, end - time.monotonic()))
            for runner in threads
        )

    def take_over(self, earlier: Form) -> None:
        """Continue what another form has under way, whose cell was run again.

        What was paid for stays on the screen, and can be canceled.
        """
        with earlier._lock:
            grid = earlier._grid
            runners = list(earlier._runners)
        with self._lock:
            # Those that end meanwhile do not call this form: it does not wait for them.
            self._runners = [each for each in runners if each.watch(self._look, self._over)]
            self._threads = list(self._runners)
            if not self._runners or grid is None:
                return
            self._grid = grid
            self._set_buttons()
            self._show(grid)  # before the run's thread does

    # ------------------------------------------------------------------- runs

    def _make(self, numbers: Sequence[int]) -> None:
        """Make some points of the grid that is shown, in a thread."""
        with self._lock:
            grid = self._grid
            under_way = {number for runner in self._runners for number in runner.numbers}
            wanted = [number for number in numbers if number not in under_way]
            if grid is None or not wanted:
                return
            runner = Runner(grid.tables, grid.sweep, wanted)
            runner.watch(self._look, self._over)
            self._runners.append(runner)
            self._threads = [each for each in self._threads if not each.join(0)] + [runner]
            self._set_buttons()
        self._login.children = ()
        runner.start()

    def _look(self, runner: Runner, outcomes: dict[int, Outcome]) -> None:
        """Show what is new; in the thread of a run."""
        with self._lock:
            grid = self._grid
            if grid is None or runner.sweep is not grid.sweep:
                return
            for number, outcome in outcomes.items():
                grid.outcomes[number] = outcome
            now = list(grid.outcomes)
            if self._shown is not grid:
                self._show(grid)
        self._board.update(grid.sweep, now, busy=True)
        if runner.run is not None and not runner.canceled:
            self._status.value = note(progress_line(runner.run))
        self._bar.max = len(now)
        self._bar.value = sum(outcome.status != "pending" for outcome in now)
        self._bar.layout.display = ""
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save(now)

    def _over(self, runner: Runner, error: BaseException | None) -> None:
        """Show how a run ended; in its thread."""
        try:
            with self._lock:
                self._runners.remove(runner)
                busy = bool(self._runners)
                if self._grid is not self._shown:  # refused: what was there before stays
                    self._grid = self._shown
                grid = self._grid
                sweep, now = (None, []) if grid is None else (grid.sweep, list(grid.outcomes))
            self._board.update(sweep, now, busy=busy)
            self._save(now)
            if error is None and runner.run is not None:
                summary = closing_line(runner.run)
                lines = announcements(runner.run.plan)
                lines.append(f"Canceled. {summary}" if runner.canceled else summary)
                self._status.value = note("\n".join(lines))
            else:
                kind = "" if isinstance(error, PrunaError) else f"{type(error).__name__}: "
                self._status.value = note(f"{kind}{error}", ERROR)
            if isinstance(error, (MissingKeyError, AuthenticationError)):

                def logged_in(message: str) -> None:
                    self._login.children = ()
                    self._status.value = note(f"{message} Click Generate.")

                self._login.children = [LoginBox(done=logged_in).box]
            self._quote.learn(runner.sweep.model.name, runner.outcomes().values())
            self._quote.renew()
        finally:
            self._set_buttons()

    def _set_buttons(self) -> None:
        """Enable the buttons that can be used now."""
        # Threads come here in any order: each reads the state under the lock, so the last is right.
        with self._lock:
            busy = bool(self._runners)
            left = 0 if busy else len(self._numbers_left())
            self._go.disabled, self._stop.disabled = busy, not busy
            self._again.description = f"Retry all {left:,}"
            self._again.layout.display = "" if left > 1 else "none"
            if not busy:
                self._bar.layout.display = "none"

    def _numbers_left(self) -> list[int]:
        with self._lock:
            outcomes = [] if self._grid is None else self._grid.outcomes
            return [number for number, each in enumerate(outcomes) if each.status in _NOT_DONE]

    # ------------------------------------------------------------------- showing

    def _show(self, grid: _Grid) -> None:
        """Replace the grid on the board."""
        self._board.show(grid.sweep, grid.points, grid.outcomes)
        self._shown = grid
        self._size.layout.display = ""
        self._code.value = code_box(grid.tables.code(grid.sweep))

    def _save(self, outcomes: Sequence[Outcome]) -> None:
        if (grid := self._shown) is None:
            return
        made = saved_grid(grid.sweep, grid.points, outcomes, thumbs_dir=self._thumbs_dir())
        self._saved.update(made.html())
        self._saved_at = time.monotonic()

    def _ipython_display_(self) -> None:
        display(bundle(self.box, _PLAIN))
        self._saved.display()

    def __repr__(self) -> str:
        with self._lock:
            outcomes = [] if self._grid is None else list(self._grid.outcomes)
        done, total = sum(each.status == "succeeded" for each in outcomes), len(outcomes)
        made = f"{done:,} of {total:,} pictures made" if total else "nothing made yet"
        return f"<Form: {made}>"
