"""The form: prompts, ratios and seeds become a grid of pictures while one looks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.batch.job import Outcome
from pruna_nb.errors import PrunaError
from pruna_nb.form import onwards
from pruna_nb.form.axes import Axes, read_axes
from pruna_nb.form.board import Board
from pruna_nb.form.cells import saved_grid
from pruna_nb.form.controls import FieldValue
from pruna_nb.form.keeping import Keeping
from pruna_nb.form.labels import code_box, form_without_widgets, progress_line
from pruna_nb.form.quote import Quote
from pruna_nb.form.records import Records
from pruna_nb.form.rounds import Round
from pruna_nb.form.runner import Runner
from pruna_nb.form.screen import Screen
from pruna_nb.form.sweep import varying
from pruna_nb.settings import current
from pruna_nb.show import Thumbs
from pruna_nb.show.notebook import display
from pruna_nb.statuses import FAILED
from pruna_nb.text import counted
from pruna_nb.widgets.notes import ERROR, FAINT
from pruna_nb.widgets.saved_copy import Saved, bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.form.controls import Controls
    from pruna_nb.form.remembering import Remembering
    from pruna_nb.form.sweep import Sweep
    from pruna_nb.form.tables import SweepTables

_PLAIN = "The form lives as long as its kernel: run the cell to use it."
# Nobody sees the copy below the form during a run, but a kernel that dies leaves it behind.
_SAVE_SECONDS = 2.0


class Form(Records):
    """A form that makes pictures; the last expression of a notebook's cell shows it.

    It is made by `pruna_nb.explore` and by ``df.pruna.explore``. Prompts x aspect ratios x
    seeds are a grid. Beside the button the form says before the click how many pictures that is,
    how many are there already, what the rest costs and how long it takes. Runs are in threads,
    so the kernel stays free. Each click on Generate is a round; earlier ones stay, and are shown
    again by a click on their button. What was made is also below the form as HTML, which the
    saved notebook keeps.

    Attributes
    ----------
    box : ipywidgets.VBox
        The form's widget, to be put into others.
    """

    def __init__(
        self,
        controls: Controls,
        tables: SweepTables,
        remembering: Remembering,
        *,
        rounds: list[Round] | None = None,
        home: str = "",
        axes: Axes | None = None,
    ) -> None:
        self._axes = axes or Axes()
        self._controls, self._tables, self._remembering = controls, tables, remembering
        self._lock = threading.RLock()  # methods that hold it call each other
        self._runners: list[Runner] = []  # those that are not over
        self._threads: list[Runner] = []  # those whose threads may still work
        self._rounds: list[Round] = [] if rounds is None else rounds
        self._queue: list[Round] = []  # those that begin when what is under way is over
        self._round: Round | None = None
        self._shown: Round | None = None
        self._saved_at = 0.0
        self._saved = Saved()
        with tables.scope.entered():
            self._thumbs_dir = current().thumbs_dir
            self._keeping = Keeping(current().cache_dir, home)
        self._quote = Quote(tables, controls.sweep)
        self._board = Board(
            retry=lambda number: self._make(self._round, [number]),
            rounds=self._rounds,
            changed=self._selected,
            say=lambda text: self._screen.say(text, ERROR),
            keep=self._keep,
            kept=self._keeping.__contains__,
            go_on=self._go_on,
            thumbs=Thumbs(self._thumbs_dir),
        )
        above = [self._saved.hide, controls.box, self._quote.box]
        self._screen = Screen(above, [self._board.box], show=self._look_back, arrange=self._arrange)
        self.box = self._screen.box
        self._screen.go.on_click(lambda _: self._click())
        self._screen.stop.on_click(lambda _: self.cancel())
        self._screen.again.on_click(lambda _: self._make(self._round, self._numbers_left()))
        self._screen.size.observe(lambda change: self._board.resize(change["new"]), "value")
        controls.on_change(self._quote.renew)
        self._quote.on_ready(
            self._screen.set_ready, rested=lambda: controls.save_typed(remembering)
        )
        self._begin()

    def _begin(self) -> None:
        """Show what was made here before, or what of the fields is in the cache already."""
        if self._rounds:
            self._look_back(self._rounds[-1])
            return
        try:
            sweep = self._controls.sweep()
            points, outcomes = sweep.points(), self._tables.cached(sweep)
        except PrunaError:
            return  # the line before the click says what is missing
        if any(outcome.status == "succeeded" for outcome in outcomes):
            self._look_back(self._added(Round(self._tables, sweep, points, outcomes)))

    # -------------------------------------------------------------- what users call

    @property
    def fields(self) -> dict[str, FieldValue]:
        """The fields of the form by name, each with a ``value`` to be read and set.

        Such as ``form.fields["seed"].value = "1-4"`` or ``form.fields["model"].value = "p-video"``,
        with what `pruna_nb.explore` takes. Another model has other fields.
        """
        return {name: FieldValue(self._controls, name) for name in self._controls.names}

    def arrange(self, rows: Any = None, cols: Any = None) -> None:
        """Lay out the pictures with other rows and columns, as the dropdowns above them do.

        Parameters
        ----------
        rows, cols : str or list of str, optional
            Fields, the outer one first: "prompt", "model", "seed" and any other field of the
            model. Those that differ and are not named become inner columns.

        Raises
        ------
        InputError
            If there is no such field, or one is named twice.
        """
        problems = Problems()
        axes = read_axes(rows, cols, self._controls.axis_names, problems)
        problems.check()
        self._arrange(axes)

    def code(self) -> str:
        """Return the Python that makes the grid again; before a run, the grid of the fields.

        Raises
        ------
        InputError
            If nothing was made, and the form does not say what to make.
        """
        shown = self._round
        if shown is None:
            return self._tables.code(self._controls.sweep())
        return shown.tables.code(shown.sweep)

    def generate(self) -> None:
        """Make what the form describes, as the button does; returns at once.

        During a run it is added to the queue, and begins when the run is over.

        Raises
        ------
        InputError
            If the fields do not say what to make, or are wrong. The button is off then.
        BudgetError
            If it costs more than may be spent.
        MissingKeyError
            If something is to be sent, and there is no key.
        """
        self._begin_or_queue(self._quote.check())

    def cancel(self) -> None:
        """Stop as soon as what is on the wire is answered; what was made is kept."""
        with self._lock:
            runners = list(self._runners)
            self._queue.clear()
        for runner in runners:
            runner.cancel()
        if runners:
            self._screen.stop.disabled = True
            self._screen.say("Stopping…", FAINT)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way or in the queue; return whether that is so.

        Parameters
        ----------
        timeout : float, optional
            Seconds at most. None: as long as it takes.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                threads = list(self._threads)
            for runner in threads:
                if not runner.join(None if end is None else max(0.0, end - time.monotonic())):
                    return False
            with self._lock:
                if threads == self._threads:  # none of them began another
                    return True

    def take_over(self, earlier: Form) -> None:
        """Continue what another form has under way, whose cell was run again.

        What was paid for stays on the screen, and can be canceled.
        """
        with earlier._lock:
            now, runners = earlier._round, list(earlier._runners)
            waiting, earlier._queue = earlier._queue, []
        with self._lock:
            # Those that end meanwhile do not call this form: it does not wait for them.
            self._runners = [each for each in runners if each.watch(self._look, self._over)]
            self._threads = list(self._runners)
            if not self._runners or now is None:
                return
            self._queue = waiting
            self._round = now
            self._set_buttons()
            self._show(now)  # before the run's thread does

    # ------------------------------------------------------------------- runs

    def _added(self, new: Round) -> Round:
        new.number = self._rounds[-1].number + 1 if self._rounds else 1
        self._rounds.append(new)
        return new

    def _click(self) -> None:
        """Make what the form describes; what is wrong is said in the form, which has no caller."""
        try:
            self._begin_or_queue(self._controls.sweep())
        except PrunaError as error:
            self._screen.say(str(error), ERROR)

    def _begin_or_queue(self, sweep: Sweep) -> None:
        points = sweep.points()
        new = Round(self._tables, sweep, points, [Outcome("pending")] * len(points))
        with self._lock:
            if not self._runners:
                self._start(new)
                return
            self._queue.append(new)
            self._set_buttons()

    def _start(self, new: Round) -> None:
        with self._lock:
            self._round = self._added(new)
        self._screen.say("Starting…", FAINT)
        self._make(new, range(len(new.points)))

    def _make(self, made: Round | None, numbers: Sequence[int]) -> None:
        """Make some points of a round, in a thread."""
        with self._lock:
            if made is None:
                return
            runners = [runner for runner in self._runners if runner.round is made]
            under_way = {number for runner in runners for number in runner.numbers}
            wanted = [number for number in numbers if number not in under_way]
            if not wanted:
                return
            runner = Runner(made, wanted)
            runner.watch(self._look, self._over)
            self._runners.append(runner)
            self._threads = [each for each in self._threads if not each.join(0)] + [runner]
            self._set_buttons()
        self._screen.login.children = ()
        runner.start()

    def _look(self, runner: Runner, outcomes: dict[int, Outcome]) -> None:
        """Show what is new; in the thread of a run."""
        made = runner.round
        with self._lock:
            for number, outcome in outcomes.items():
                made.outcomes[number] = outcome
            now = list(made.outcomes)
            if self._round is made and self._shown is not made:
                self._show(made)
        self._board.update(made, now, busy=True)
        if runner.run is not None and not runner.canceled:
            waiting = f" · {len(self._queue):,} in the queue" if self._queue else ""
            self._screen.say(progress_line(runner.run) + waiting)
        self._screen.draw_progress(now)
        is_due = time.monotonic() - self._saved_at > _SAVE_SECONDS
        if is_due or not made.name:
            self._remembering.save(made)
        if made is self._shown and is_due:
            self._save(now)

    def _over(self, runner: Runner, error: BaseException | None) -> None:
        """Show how a run ended; in its thread."""
        try:
            with self._lock:
                self._runners.remove(runner)
                busy = bool(self._runners)
                ended = runner.round
                if not runner.started and ended is not self._shown and ended.is_untouched:
                    # it was refused: its round is removed, and the one on the screen stays
                    self._rounds[:] = [each for each in self._rounds if each is not ended]
                    if self._round is ended:
                        self._round = self._shown
                else:
                    self._remembering.save(ended)
                shown = self._shown
                now = [] if shown is None else list(shown.outcomes)
            self._board.update(shown, now, busy=busy)
            self._save(now)
            self._screen.tell_end(runner, error)
            self._quote.learn(runner.round, runner.outcomes())
            self._quote.renew()
        finally:
            with self._lock:
                following = self._queue.pop(0) if self._queue and not self._runners else None
            self._set_buttons()
            if following is not None:
                self._start(following)

    def _set_buttons(self) -> None:
        """Enable the buttons that can be used now."""
        # Threads come here in any order: each reads the state under the lock, so the last is right.
        with self._lock:
            busy = bool(self._runners)
            left = 0 if busy else len(self._numbers_left())
            self._screen.draw_buttons(busy=busy, left=left)
            self._screen.draw_strip(self._rounds, self._shown)
            if self._queue:
                self._screen.say(f"{counted(len(self._queue), 'round')} in the queue.", FAINT)

    def _numbers_left(self) -> list[int]:
        with self._lock:
            outcomes = [] if self._round is None else self._round.outcomes
            return [number for number, each in enumerate(outcomes) if each.status in FAILED]

    # ------------------------------------------------------------------- showing

    def _look_back(self, earlier: Round) -> None:
        """Show a round, as its button in the strip does."""
        with self._lock:
            self._round = earlier
            self._show(earlier)
            outcomes, busy = list(earlier.outcomes), bool(self._runners)
        self._board.update(earlier, outcomes, busy=busy)
        self._save(outcomes)
        self._set_buttons()

    def _arrange(self, axes: Axes) -> None:
        """Lay out the pictures on other axes; later rounds too, as far as the fields differ."""
        with self._lock:
            self._axes, shown = axes, self._shown
        if shown is not None:
            self._look_back(shown)

    def _show(self, shown: Round) -> None:
        """Replace the round on the board."""
        axes = self._axes.of(names := varying(shown.points))
        # before the pictures: who sees these laid out anew may choose again, in dropdowns that stay
        self._screen.axes.draw(names, axes)
        self._board.show(shown, axes)
        self._shown = shown
        self._screen.size.layout.display = ""
        self._screen.code.value = code_box(shown.tables.code(shown.sweep))
        self._screen.draw_strip(self._rounds, shown)

    def _selected(self, count: int) -> None:
        """Show how many pictures are selected, and remember which."""
        self._quote.show_chosen(count)
        if (shown := self._shown) is not None and shown.name:
            self._remembering.save(shown)

    def _keep(self, number: int, *, kept: bool) -> bool:
        if self._shown is None:
            return False
        try:
            self._keeping.turn(self._shown, number, kept=kept)
        except PrunaError as error:
            self._screen.say(str(error), ERROR)
            return not kept
        return kept

    def _go_on(self, word: str, number: int) -> None:
        """Set the fields for what follows from a picture; nothing is sent."""
        if (shown := self._shown) is not None:
            try:
                onwards.go_on(word, self._controls, shown, number)
            except PrunaError as error:
                self._screen.say(str(error), ERROR)
            else:
                self._screen.say("The form is set: see the price, then click Generate.", FAINT)

    def _save(self, outcomes: Sequence[Outcome]) -> None:
        if (shown := self._shown) is None:
            return
        axes = self._axes.of(varying(shown.points))
        made = saved_grid(
            shown.sweep, shown.points, outcomes, axes=axes, thumbs_dir=self._thumbs_dir
        )
        self._saved.update(made.html())
        self._saved_at = time.monotonic()

    def _ipython_display_(self) -> None:
        display(bundle(self.box, _PLAIN, form_without_widgets(self.code)))
        self._saved.display()

    def _repr_html_(self) -> str:
        return form_without_widgets(self.code) + self._saved.html

    def __repr__(self) -> str:
        outcomes = [] if self._round is None else list(self._round.outcomes)
        done, total = sum(each.status == "succeeded" for each in outcomes), len(outcomes)
        made = f"{done:,} of {total:,} pictures made" if total else "nothing made yet"
        return f"<Form: {made}>"
