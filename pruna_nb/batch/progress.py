"""A run in a terminal or cell: a bar while it goes on, one line when it is over."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from pruna_nb.batch import interrupts
from pruna_nb.batch.plan import announcements
from pruna_nb.catalog import price_text, usd_text
from pruna_nb.console import LOG, say
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pruna_nb.batch.interrupts import Interrupt
    from pruna_nb.batch.run import Facts, Run


def wait(run: Run, *, progress: bool) -> None:
    """Start a run and wait for its end; an interrupt stops it and keeps what is done.

    Raises
    ------
    KeyboardInterrupt
        If the cell was interrupted; within about a second.
    """
    announce(run, shown=progress)
    with stopping(run) as interrupt:
        run.start()
        with contextlib.closing(Bar(run, shown=progress and not interrupt.pressed)) as bar:
            for _ in run.watch():
                if interrupt.pressed:
                    run.interrupt()
                    break
                bar.update()
            bar.update()
    if progress:
        say(closing_line(run))


def announce(run: Run, *, shown: bool) -> None:
    """Print what a run resumes of earlier ones; without a bar it is logged, since it cost money."""
    for line in announcements(run.plan):
        say(line) if shown else LOG.log(logging.WARNING, line)


@contextlib.contextmanager
def stopping(run: Run) -> Iterator[Interrupt]:
    """Defer Ctrl-C while a run is started or watched; cancel a run that nobody would stop."""
    with interrupts.deferred_interrupt() as interrupt:
        try:
            yield interrupt
        except BaseException:  # a second Ctrl-C, somebody else's handler, a bar that fails
            run.cancel()
            raise


def closing_line(run: Run) -> str:
    """Return what a run did, in one line.

    Such as "1,632 rows: 1,600 new, 20 cached, 12 failed; 8.00 USD; 6 min 31 s".
    """
    facts, extra = run.facts(), run.possible_extra_usd()
    counts = facts.counts
    names = ["new", "cached", "failed"]
    names += [name for name in ("pending", "lost", "skipped") if counts[name]]
    said = ", ".join(f"{counts[name]:,} {name}" for name in names)
    perhaps = f" (up to {usd_text(extra)} more for what failed or was lost)" if extra else ""
    line = (
        f"{counted(facts.rows, 'row')}: {said}; {cost_text(facts)}{perhaps}; "
        f"{duration(facts.seconds)}"
    )
    return ". ".join(filter(None, [line, undelivered_text(run)]))


def undelivered_text(run: Run) -> str:
    """Return what a run sent and has not delivered, and what that costs; "" if there is none."""
    prices = run.undelivered()
    if not prices:
        return ""
    what = f"{counted(len(prices), 'prediction')} sent and not delivered"
    return f"{what} ({price_text(prices)} of it): run again to fetch them at no new cost"


def cost_text(facts: Facts) -> str:
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


class Bar:
    """A run's bar. One that cannot be drawn is left out: what it shows was paid for.

    It cannot where there is no stderr (pythonw, a service), where that was closed, and where the
    notebook's widgets are incomplete.
    """

    def __init__(self, run: Run, *, shown: bool) -> None:
        self._run = run
        self.drawn: Any = None
        if shown and sys.stderr is not None:
            self._try(self._open)

    def update(self) -> None:
        """Show where the run stands."""
        if self.drawn is not None:
            self._try(self._show)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.drawn is not None:
            self._try(self.drawn.close)

    def _try(self, draw: Callable[[], object]) -> None:
        try:
            draw()
        except Exception as error:  # noqa: BLE001 - tqdm, ipywidgets and streams fail in any way
            self.drawn = None
            LOG.warning("The bar cannot be shown (%s); the run goes on.", type(error).__name__)

    def _open(self) -> None:
        from tqdm.auto import tqdm

        plan = self._run.plan
        self.drawn = tqdm(
            total=len(plan.requests),
            initial=plan.count("hit") + plan.count("skip"),
            desc=plan.model.name,
            unit="row",
            mininterval=0.25,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )

    def _show(self) -> None:
        facts = self._run.facts()
        parts = [f"{facts.counts[name]:,} {name}" for name in ("new", "cached", "failed")]
        parts.append(cost_text(facts))
        if facts.refusals:
            parts.append(f"{facts.refusals} refused")
        if facts.seconds_left:  # nothing is known of it before the first output
            parts.append(f"{duration(facts.seconds_left)} left")
        self.drawn.set_postfix_str(", ".join(parts), refresh=False)
        self.drawn.update(facts.counts.total() - facts.counts["pending"] - self.drawn.n)
