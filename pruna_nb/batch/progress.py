"""A run, watched: a bar while it goes, one line when it is over."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pruna_nb.batch import interrupts
from pruna_nb.batch.prepare import announcements
from pruna_nb.catalog import price_text, usd_text
from pruna_nb.console import LOG, say
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pruna_nb.batch.interrupts import Interrupt
    from pruna_nb.batch.run import Run

_LOOK_SECONDS = 0.2
_NAMES = {"failed": "failed", "canceled": "failed", "lost": "lost", "pending": "pending"}


def wait(run: Run, *, progress: bool) -> None:
    """Wait for a run's end, with a bar if asked; an interrupt stops it and keeps what is done.

    Raises
    ------
    KeyboardInterrupt
        If the cell was interrupted; within about a second.
    """
    announce(run, shown=progress)
    with stopping(run) as interrupt:
        _watch(run, interrupt, shown=progress)
    if progress:
        say(closing_line(run))


def announce(run: Run, *, shown: bool) -> None:
    """Say what of earlier runs it goes on with; even without a bar, what those spent is told."""
    for line in announcements(run.plan):
        say(line) if shown else LOG.log(logging.WARNING, line)


@contextlib.contextmanager
def stopping(run: Run) -> Iterator[Interrupt]:
    """Have Ctrl-C noted while a run is begun or watched, and leave none that nobody stops."""
    with interrupts.noted() as interrupt:
        try:
            yield interrupt
        except BaseException:  # a second Ctrl-C, another one's way with it, a bar that cannot be
            run.cancel()
            raise


def _watch(run: Run, interrupt: Interrupt, *, shown: bool) -> None:
    run.start()
    with contextlib.closing(Bar(run, shown=shown and not interrupt.came)) as bar:
        while not interrupt.came and not run.join(_LOOK_SECONDS):
            bar.update()
        if interrupt.came:
            run.interrupt()
        bar.update()


def closing_line(run: Run) -> str:
    """Say what a run did, in one line.

    Such as "1,632 rows: 1,600 new, 20 cached, 12 failed; 8.00 USD; 6 min 31 s".
    """
    counts = row_counts(run)
    named = [f"{counts[name]:,} {name}" for name in ("new", "cached", "failed")]
    named += [f"{counts[name]:,} {name}" for name in ("pending", "lost", "skipped") if counts[name]]
    end = run.ended_at or run.started_at
    rows = len(run.plan.requests)
    line = (
        f"{counted(rows, 'row')}: {', '.join(named)}; {cost_text(run)}{_perhaps(run)}; "
        f"{duration(end - run.started_at)}"
    )
    return ". ".join(filter(None, [line, undelivered_text(run)]))


def _perhaps(run: Run) -> str:
    usd = run.perhaps_usd()
    return f" (up to {usd_text(usd)} more for what failed or was lost)" if usd else ""


def undelivered_text(run: Run) -> str:
    """Say what a run sent and has not delivered, and what that costs; "" if there is nothing."""
    prices = run.undelivered()
    if not prices:
        return ""
    what = f"{counted(len(prices), 'prediction')} sent and not delivered"
    return f"{what} ({price_text(prices)} of it): run again to fetch them at no new cost"


def cost_text(run: Run) -> str:
    """Give what a run has cost so far; says so where the price is not published."""
    if not run.unpriced:
        return usd_text(run.cost_usd)
    if not run.cost_usd:
        return "price not published"
    return f"{usd_text(run.cost_usd)} and {run.unpriced:,} of a price that is not published"


def row_counts(run: Run) -> Counter[str]:
    """Count a run's rows so far: new, cached, failed, lost, pending, skipped; the rest waits."""
    counts = Counter(cached=run.plan.count("hit"), skipped=run.plan.count("skip"))
    for key, outcome in list(run.outcomes.items()):
        rows = run.rows_of(key)
        if outcome.status == "succeeded":
            counts["cached" if outcome.cached else "new"] += 1
            counts["cached"] += rows - 1
        else:
            counts[_NAMES[outcome.status]] += rows
    if run.done:
        counts["pending"] += len(run.plan.requests) - counts.total()
    return counts


def duration(seconds: float) -> str:
    """Give a length of time as people say it.

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
    """Say how long the limit alone makes one wait.

    Examples
    --------
    >>> wait_text(0.0), wait_text(120.0)
    ('no wait at the limit', 'at least 2 min 0 s at the limit')
    """
    return f"at least {duration(seconds)} at the limit" if seconds else "no wait at the limit"


def seconds_left(run: Run) -> float:
    """Estimate the seconds that are left: what the limit takes, and a prediction's usual time.

    0 while nothing is known: neither the limit makes it wait, nor was a prediction finished.
    """
    waiting = max(0, run.total - len(run.outcomes) - run.in_flight)
    usual = run.steps.polling.usual() or 0.0
    if waiting:
        return run.steps.throttle.seconds_until(waiting) + usual
    if not usual:
        return 0.0
    # The last one may take longer than most.
    return max(usual / 10, run.last_sent_at + usual - time.monotonic())


class Bar:
    """A run's bar. One that cannot be drawn is left out: what it tells of was paid for.

    It cannot where there is no stderr (pythonw, a service), where that was closed, and where the
    notebook's widgets are not whole.
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
        run, counts = self._run, row_counts(self._run)
        text = (
            f"{counts['new']:,} new, {counts['cached']:,} cached, {counts['failed']:,} failed, "
            f"{cost_text(run)}"
        )
        if run.refusals:
            text += f", {run.refusals} refused"
        left = 0.0 if run.done else seconds_left(run)
        if left:  # nothing is known of it before the first output
            text += f", {duration(left)} left"
        self.drawn.set_postfix_str(text, refresh=False)
        self.drawn.update(counts.total() - counts["pending"] - self.drawn.n)
