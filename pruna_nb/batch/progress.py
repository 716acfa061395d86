"""A run in a terminal or cell: a bar while it goes on, one line when it is over."""

from __future__ import annotations

import contextlib
import html
import logging
import sys
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pruna_nb.batch import interrupts
from pruna_nb.batch.line import Line, notebook_shell
from pruna_nb.batch.plan import announcements
from pruna_nb.catalog import price_text, total_usd, usd_text
from pruna_nb.console import LOG, say
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from decimal import Decimal

    from pruna_nb.batch.interrupts import Interrupt
    from pruna_nb.batch.pipeline import Pipeline
    from pruna_nb.batch.plan import Plan
    from pruna_nb.batch.run import Facts, Run

    Watched: TypeAlias = Run | Pipeline


def wait(run: Watched, *, progress: bool, continues: bool = False) -> None:
    """Start a run and wait for its end; an interrupt stops it and keeps what is done.

    Parameters
    ----------
    run : Run or Pipeline
    progress : bool
        Whether it is shown.
    continues : bool
        Whether it goes on from the outputs of an earlier run, whose line it shares in a notebook.

    Raises
    ------
    KeyboardInterrupt
        If the cell was interrupted; within about a second.
    """
    announce(run, shown=progress)
    with stopping(run) as interrupt:
        run.start()
        shown = progress and not interrupt.pressed
        with displayed(
            run,
            shown=shown,
            continues=continues,
            is_raised=lambda: interrupt.pressed or run.error is not None,
        ) as update:
            for _ in run.watch():
                if interrupt.pressed:
                    run.interrupt()
                    break
                update()


@contextlib.contextmanager
def displayed(
    run: Watched,
    *,
    shown: bool,
    continues: bool = False,
    is_raised: Callable[[], bool] = lambda: False,
) -> Iterator[Callable[[], None]]:
    """Show a run that goes on, if it is to be shown, and one line at its end.

    The function that is yielded shows where it stands. Where an exception ends the run
    (`is_raised`), its notes say what was sent and not delivered, and the line does not.
    """
    shell = notebook_shell() if shown else None
    bar = Bar(run, shown=shown) if shell is None else Cell(run, shell, continues=continues)
    with contextlib.closing(bar):
        yield bar.update
        bar.update()
    if shown and not bar.said_end:
        say(_whole_text(_parts_of(run)) if is_raised() else closing_line(run))


def announce(run: Watched, *, shown: bool) -> None:
    """Print what a run resumes of earlier ones; without a bar it is logged, since it cost money."""
    announce_plans(run.planned, shown=shown)


def announce_plans(plans: Sequence[Plan], *, shown: bool) -> None:
    """Print what is resumed, of plans whose run is not there to be asked; as `announce`."""
    for plan in plans:
        for line in announcements(plan):
            say(line) if shown else LOG.log(logging.WARNING, line)


@contextlib.contextmanager
def stopping(run: Watched) -> Iterator[Interrupt]:
    """Defer Ctrl-C while a run is started or watched; cancel a run that nobody would stop."""
    with interrupts.deferred_interrupt() as interrupt:
        try:
            yield interrupt
        except BaseException:  # a second Ctrl-C, somebody else's handler, a bar that fails
            run.cancel()
            raise


def closing_line(run: Watched) -> str:
    """Return what a run did, in one line.

    Such as "1,632 rows: 1,600 new, 20 cached, 12 failed; 8.00 USD; 6 min 31 s".
    """
    return ". ".join(filter(None, [_whole_text(_parts_of(run)), undelivered_text(run)]))


@dataclass(frozen=True, slots=True)
class _Part:
    """What one run tells of itself in a line, alone or among the steps of a chain."""

    model: str
    rows: int
    counts: Counter[str]
    cost_usd: float | Decimal
    unpriced: int
    extra_usd: float | Decimal
    seconds: float
    overlap_seconds: float = 0.0  # for which the step before it was at work too

    @classmethod
    def of(cls, run: Run) -> _Part:
        facts = run.facts()
        return cls(
            run.plan.name,
            facts.rows,
            facts.counts,
            facts.cost_usd,
            facts.unpriced,
            run.possible_extra_usd(),
            facts.seconds,
        )

    @classmethod
    def sum(cls, parts: Sequence[_Part]) -> _Part:
        """Return several steps as one, on the rows of the longest."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            ", ".join(dict.fromkeys(part.model for part in parts)),
            max(part.rows for part in parts),
            sum((part.counts for part in parts), Counter()),
            total_usd(part.cost_usd for part in parts),
            sum(part.unpriced for part in parts),
            total_usd(part.extra_usd for part in parts),
            sum(part.seconds - part.overlap_seconds for part in parts),
        )

    def __str__(self) -> str:
        names = ["new", "cached", "failed"]
        names += [name for name in ("pending", "lost", "skipped") if self.counts[name]]
        said = ", ".join(f"{self.counts[name]:,} {name}" for name in names)
        extra = f" (up to {usd_text(self.extra_usd)} more for what failed or was lost)"
        return (
            f"{said}; {cost_text(self)}{extra if self.extra_usd else ''}; {duration(self.seconds)}"
        )


def _parts_of(run: Watched) -> list[_Part]:
    """Return what each step of a run tells; together their seconds are those of the whole."""
    parts = [_Part.of(step) for step in run.steps]
    if len(parts) > 1:
        more = sum(part.seconds for part in parts) - run.facts().seconds
        parts[-1] = replace(parts[-1], overlap_seconds=more)
    return parts


def _whole_text(parts: Sequence[_Part]) -> str:
    whole = _Part.sum(parts)
    steps = f" in {len(parts)} steps" if len(parts) > 1 else ""
    return f"{counted(whole.rows, 'row')}{steps}: {whole}"


def kept_text(run: Watched) -> str:
    """Return how much of a run that was stopped is done and kept."""
    outcomes = [outcome for step in run.steps for outcome in step.row_outcomes()]
    done = sum(outcome.output is not None for outcome in outcomes)
    what = "rows" if len(run.steps) == 1 else "outputs"
    return f"{done:,} of {len(outcomes):,} {what} are done and kept; run again to go on."


def title(run: Watched) -> str:
    """Return what a run is called where it is watched: its model, or those of its steps."""
    return " → ".join(step.plan.name for step in run.steps)


def undelivered_text(run: Watched) -> str:
    """Return what a run sent and has not delivered, and what that costs; "" if there is none."""
    prices = run.undelivered()
    if not prices:
        return ""
    what = f"{counted(len(prices), 'prediction')} sent and not delivered"
    return f"{what} ({price_text(prices)} of it): run again to fetch them at no new cost"


def cost_text(facts: Facts | _Part) -> str:
    """Return what a run has cost so far; also where the price is not published."""
    if not facts.unpriced:
        return usd_text(facts.cost_usd)
    if not facts.cost_usd:
        return "price not published"
    return f"{usd_text(facts.cost_usd)} and {facts.unpriced:,} of a price that is not published"


def duration(seconds: float) -> str:
    """Return a length of time as people say it.

    Examples
    --------
    >>> duration(0.42), duration(59.6), duration(391), duration(7260)
    ('0.4 s', '60 s', '6 min 31 s', '2 h 1 min')
    """
    if seconds < 10:  # noqa: PLR2004 - below, tenths are worth saying
        return f"{seconds:.1f} s"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def wait_text(seconds: float) -> str:
    """Return how long the limit alone makes one wait.

    Examples
    --------
    >>> wait_text(0.0), wait_text(120.0)
    ('no wait at the limit', 'at least 2 min 0 s at the limit')
    """
    return f"at least {duration(seconds)} at the limit" if seconds else "no wait at the limit"


class _Display:
    """What shows a run while it goes on. What cannot be drawn is left out: what it shows was paid.

    Attributes
    ----------
    said_end : bool
        Whether it has told how the run ended.
    """

    said_end = False

    def __init__(self, run: Watched) -> None:
        self._run = run

    def _try(self, draw: Callable[[], object]) -> bool:
        try:
            draw()
        except Exception as error:  # noqa: BLE001 - tqdm, IPython and streams fail in any way
            LOG.warning("The bar cannot be shown (%s); the run goes on.", type(error).__name__)
            return False
        return True

    def _parts(self, facts: Facts) -> list[str]:
        parts = [f"{facts.counts[name]:,} {name}" for name in ("new", "cached", "failed")]
        parts.append(cost_text(facts))
        if facts.refusals:
            parts.append(f"{facts.refusals} refused")
        if facts.seconds_left:  # nothing is known of it before the first output
            parts.append(f"{duration(facts.seconds_left)} left")
        return parts


class Bar(_Display):
    """A run's bar in a terminal.

    There is none without stderr (pythonw, a service), or where that was closed.
    """

    def __init__(self, run: Watched, *, shown: bool) -> None:
        super().__init__(run)
        self.drawn: Any = None
        self._title = ""
        if shown and sys.stderr is not None:
            self._try(self._open)

    def update(self) -> None:
        """Show where the run stands."""
        if self.drawn is not None and not self._try(self._show):
            self.drawn = None

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.drawn is not None:
            self._try(self.drawn.close)

    def _open(self) -> None:
        from tqdm.auto import tqdm

        facts, self._title = self._run.facts(), title(self._run)
        # Whatever else there is to it is as the user set it, by TQDM_MININTERVAL and the like.
        self.drawn = tqdm(
            total=facts.rows,
            initial=facts.rows_done,
            desc=self._title,
            unit="row",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )

    def _show(self) -> None:
        facts = self._run.facts()
        if title(self._run) != self._title:  # a table whose partitions come one by one
            self._title, self.drawn.total = title(self._run), facts.rows
            self.drawn.set_description_str(self._title, refresh=False)
        self.drawn.set_postfix_str(", ".join(self._parts(facts)), refresh=False)
        self.drawn.update(facts.counts.total() - facts.counts["pending"] - self.drawn.n)


class Cell(_Display):
    """A run's line in a notebook's cell, which ends as the closing line."""

    def __init__(self, run: Watched, shell: Any, *, continues: bool) -> None:
        super().__init__(run)
        self._line = Line.of_cell(shell, continues=continues)
        self._drawn = True

    def update(self) -> None:
        """Show where the run stands."""
        if self._drawn and not self._run.done:
            self._drawn = self._try(self._show)

    def close(self) -> None:
        """Let the line say how the run ended, and what is kept of one that was stopped."""
        self.said_end = self._try(self._end)

    def _show(self) -> None:
        facts = self._run.facts()
        step = f"step {len(self._line.parts) + 1}, " if self._line.parts else ""
        what = "rows" if len(self._run.steps) == 1 else "outputs"
        at = f"{step}{title(self._run)}: {facts.rows_done:,} of {facts.rows:,} {what}"
        text = f"{at}; {', '.join(self._parts(facts))}"
        share = facts.rows_done / max(1, facts.rows)
        self._line.show(_MOVING.format(html.escape(text), share * 100), text)

    def _end(self) -> None:
        run = self._run
        own = _parts_of(run)
        parts = [*self._line.parts, *own]
        state = _STOPPED.get(run.facts().state)
        rest = undelivered_text(run)
        told = [rest, f"{state}: {kept_text(run)}" if state else ""]
        text = ". ".join(filter(None, [_whole_text(parts), *told]))
        each = [f"{part.model}: {counted(part.rows, 'row')}: {part}" for part in parts]
        steps_html = "".join(f"<div>{html.escape(step)}</div>" for step in each)
        line = html.escape(text)
        shown = (
            f"<details><summary>{line}</summary>{steps_html}</details>" if len(parts) > 1 else line
        )
        self._line.show(f"<div>{shown}</div>", text, last=True)
        if state is None:
            self._line.keep(own)


_STOPPED = {
    "stopping": "Interrupted",
    "canceled": "Interrupted",
    "stopped by an error": "Stopped by an error",
}
# Inline styles alone: they are all that an untrusted notebook keeps.
_MOVING = (
    '<div style="font-variant-numeric:tabular-nums">{}'
    '<div style="max-width:32em;height:3px;background:rgba(128,128,128,0.3)">'
    '<div style="width:{:.1f}%;height:3px;background:#2a9d8f"></div></div></div>'
)
