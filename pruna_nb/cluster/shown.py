"""A table's partitions as one run: a bar, or a notebook's line, over all of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from pruna_nb.batch import progress
from pruna_nb.batch.run import facts_together
from pruna_nb.catalog import total_usd
from pruna_nb.text import counted

if TYPE_CHECKING:
    from decimal import Decimal

    from pruna_nb.batch.run import Facts, Run

_DRAW_SECONDS = 0.2
# A part of the table may be all that is computed: the line ends when no other partition comes. That
# may take as long as to read one.
_IDLE_SECONDS = 10.0
_LAST_SECONDS = 10.0


class TableProgress:
    """What a watcher reads of a table: the sums of its partitions' runs; see `progress.displayed`.

    Parameters
    ----------
    models : str
    partitions : int
        How many the table has.
    shown : bool
        Whether anything is shown.
    """

    def __init__(self, models: str, partitions: int, *, shown: bool) -> None:
        self.error = self.crash = None
        self._models, self._partitions, self._shown = models, partitions, shown
        self._lock = threading.Lock()
        self._runs: list[Run] = []
        self._past: list[Facts] = []
        self._extra: list[Decimal] = []
        self._unsent: list[float | None] = []
        self._done, self._has_failed = 0, False
        self._began_at = self._quiet_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def begin(self, run: Run) -> None:
        """Count in a partition's run, and show them if that is wanted."""
        with self._lock:
            self._runs.append(run)
            if self._thread is None and self._shown:
                self._past, self._extra, self._unsent, self._done = [], [], [], 0
                self._began_at, self._has_failed = time.monotonic(), False
                self._thread = threading.Thread(target=self._show, name="pruna_nb-progress")
                self._thread.daemon = True
                self._thread.start()

    def end(self, run: Run, *, failed: bool) -> None:
        """Count a partition as done; with the last one, wait until the last line is there."""
        with self._lock:
            self._runs.remove(run)
            self._past = [facts_together([*self._past, run.facts()], "running", 0.0, 0.0)]
            self._extra.append(run.possible_extra_usd())
            self._unsent += run.undelivered()
            self._done += 1
            self._has_failed |= failed
            self._quiet_at = time.monotonic()
            thread = self._thread if self._done >= self._partitions and not self._runs else None
        if thread is not None:
            thread.join(_LAST_SECONDS)

    def _show(self) -> None:
        watched: Any = self
        with progress.displayed(watched, shown=True) as update:
            while not self.done:
                update()
                time.sleep(_DRAW_SECONDS)
            with self._lock:
                self._thread = None

    # ------------------------------------------------------------- what a watcher reads

    @property
    def done(self) -> bool:
        """Whether no partition is at work, and none is to be expected."""
        with self._lock:
            is_last = self._has_failed or self._done >= self._partitions
            is_quiet = time.monotonic() - self._quiet_at > _IDLE_SECONDS
            return not self._runs and (is_last or is_quiet)

    @property
    def steps(self) -> list[TableProgress]:
        """The runs that a watcher is told of: all together as one."""
        return [self]

    @property
    def plan(self) -> TableProgress:
        """What has its name."""
        return self

    @property
    def name(self) -> str:
        """The models, and how many partitions are done."""
        return f"{self._models}, {self._done:,} of {counted(self._partitions, 'partition')}"

    def facts(self) -> Facts:
        """Return where all partitions stand together, as far as they came."""
        with self._lock:
            parts = [*self._past, *(run.facts() for run in self._runs)]
            seconds = (self._quiet_at if not self._runs else time.monotonic()) - self._began_at
        return facts_together(parts, "running" if self._runs else "done", seconds, 0.0)

    def possible_extra_usd(self) -> Decimal:
        """Return what may have been charged beside the costs: for what failed or was lost."""
        with self._lock:
            return total_usd([*self._extra, *(run.possible_extra_usd() for run in self._runs)])

    def undelivered(self) -> list[float | None]:
        """Return the prices of what was sent and not delivered; None for one that is not known."""
        return list(self._unsent)
