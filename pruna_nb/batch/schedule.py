"""One schedule of short steps, taken by a few threads: nobody waits for a picture.

A step is a function and the moment from which it may run. New predictions wait in a lane of
their own, whose head moves when the throttle gives leave; the lane is asked by one thread at a
time, so that the others poll and deliver meanwhile.

Whoever finishes a step takes the next one that is due. A thread that sleeps joins in only if what
is due was left for a moment: then those at work wait for the network or the disk. Where they fill
the processor instead, it is left for longer, and one of them goes to sleep.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from pruna_nb.batch.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
_LOOK_SECONDS = 0.5
"""A waiting thread looks up at least so often."""
_PATIENCE_SECONDS = 0.003
_BUSY_PATIENCE_SECONDS = 0.02
"""How long what is due is left to the threads at work, before another one joins them."""
_BUSY, _FULL = 0.7, 0.9
"""The load from which patience is longer, and that from which threads go to sleep."""
_GOLDEN = 0.382
"""Steps of this part of a circle never meet the same place twice, and leave no large gap."""


class Schedule(Generic[T]):
    """Steps and a lane, run by threads until both are empty.

    Parameters
    ----------
    lane : iterable
        What is to be submitted, in order.
    submit : callable
        Takes the head of the lane. It gives the seconds after which the lane may be asked
        again (the head goes back), or None once it has leave; it then calls the function that
        it is given as its second argument, to let the next one have its turn, and submits.
    workers : int
        Threads at most.
    room : callable
        Tells whether one more may be submitted now.
    crashed : callable
        Told of an error that no step foresaw.
    """

    def __init__(
        self,
        lane: Iterable[T],
        submit: Callable[[T, Callable[[], None]], float | None],
        *,
        workers: int,
        room: Callable[[], bool],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._lane: deque[T] = deque(lane)
        self._submit, self._room, self._crashed = submit, room, crashed
        self._workers = workers
        self._changed = threading.Condition()
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lane_at = 0.0
        self._watched_until: float | None = None
        self._taken_at = 0.0
        self._load = Load()
        self._lane_taken = False
        self._under_way = 0
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        with self._changed:
            count = min(self._workers, max(1, len(self._lane) + len(self._steps)))
        self._threads = [
            threading.Thread(target=self._work, name=f"pruna_nb-{number}", daemon=True)
            for number in range(count)
        ]
        for number, thread in enumerate(self._threads):
            try:
                thread.start()
            except RuntimeError:  # the system has no more to give
                if number == 0:
                    raise
                self._threads = self._threads[:number]
                break

    def at(self, moment: float, step: Callable[[], None]) -> None:
        """Have a step run at a moment (`time.monotonic`) or soon after."""
        with self._changed:
            heapq.heappush(self._steps, (moment, next(self._order), step))
            self._tell()

    def queue(self, item: T) -> None:
        """Put something at the end of the lane."""
        with self._changed:
            self._lane.append(item)
            self._tell()

    def put_back(self, item: T, moment: float = 0.0) -> None:
        """Put something at the lane's head again; the lane rests until a moment."""
        with self._changed:
            self._lane.appendleft(item)
            self._lane_at = max(self._lane_at, moment)
            self._tell()

    def go_on_elsewhere(self) -> None:
        """Take the lane's next item from elsewhere in it; repeated, this samples all of it."""
        with self._changed:
            self._lane.rotate(-int(len(self._lane) * _GOLDEN))

    def clear_lane(self) -> list[T]:
        """Take everything out of the lane: nothing more is submitted."""
        with self._changed:
            rest = list(self._lane)
            self._lane.clear()
            self._changed.notify_all()
            return rest

    def stop(self) -> None:
        """Run no further step; those under way end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def leave_to_parent(self) -> None:
        """Be over in a forked child, which has none of the threads, and perhaps a closed lock."""
        self._changed = threading.Condition()
        self._lane.clear()
        self._threads, self._stopped = [], True

    def join(self, seconds: float) -> bool:
        """Wait for all to be done, for so many seconds; tell whether it is."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        task = self._next(at_work=False)
        while task is not None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - told to the run, which ends by it
                self._crashed(error)
            finally:
                with self._changed:
                    self._under_way -= 1
                    if self._is_done():
                        self._changed.notify_all()
            task = self._next(at_work=True)

    def _next(self, *, at_work: bool) -> Callable[[], None] | None:
        """Wait for the next task; None at the end."""
        with self._changed:
            while not self._stopped:
                if self._load.renew() and self._load.share > _FULL and self._under_way:
                    at_work = False
                now = time.monotonic()
                task = self._due_task(now) if at_work or self._needed_at() <= now else None
                if task is not None:
                    self._under_way += 1
                    self._taken_at = now
                    self._tell()
                    return task
                if self._is_done():
                    self._changed.notify_all()
                    return None
                at_work = False
                self._wait(now)
            return None

    def _due_task(self, now: float) -> Callable[[], None] | None:
        """Take what may be submitted first: each moment that it waits, the limit is not used.

        The other steps do not starve by it: one thread at a time asks the lane, for as long as
        its head may not go.
        """
        step_at, lane_at = self._moments()
        if lane_at <= now:
            return self._lane_task()
        if step_at <= now:
            return heapq.heappop(self._steps)[2]
        return None

    def _moments(self) -> tuple[float, float]:
        """Give when the next step and the lane's head are due; never, where there is none."""
        step_at = self._steps[0][0] if self._steps else math.inf
        return step_at, self._lane_at if self._lane_open() else math.inf

    def _needed_at(self) -> float:
        """Give the moment at which a thread that sleeps takes the next task; inf for none."""
        due = min(self._moments())
        if not self._under_way:
            return due
        busy = self._load.share > _BUSY
        return max(due, self._taken_at + (_BUSY_PATIENCE_SECONDS if busy else _PATIENCE_SECONDS))

    def _tell(self) -> None:
        """Wake one thread if one is needed before a thread wakes by the clock."""
        due = self._needed_at()
        if due < math.inf and (self._watched_until is None or due < self._watched_until):
            self._changed.notify()

    def _wait(self, now: float) -> None:
        """Sleep until one is needed: one thread by the clock, the others until told."""
        due = self._needed_at()
        if due == math.inf or (self._watched_until is not None and self._watched_until <= due):
            self._changed.wait(_LOOK_SECONDS)
            return
        self._watched_until = due
        self._changed.wait(min(max(0.0, due - now), _LOOK_SECONDS))
        if self._watched_until == due:
            self._watched_until = None

    def _lane_open(self) -> bool:
        return bool(self._lane) and not self._lane_taken and self._room()

    def _is_done(self) -> bool:
        return not self._lane and not self._steps and not self._under_way

    def _lane_task(self) -> Callable[[], None]:
        item = self._lane.popleft()
        self._lane_taken = True

        def task() -> None:
            released = False

            def let_next() -> None:
                nonlocal released
                released = True
                with self._changed:
                    self._lane_taken = False
                    self._tell()

            try:
                wait = self._submit(item, let_next)
                if wait is not None:
                    self.put_back(item, time.monotonic() + wait)
            finally:
                if not released:
                    let_next()

        return task
