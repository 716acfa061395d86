"""One schedule of short steps, taken by a few threads: nobody waits for a picture.

A step is a function and the moment from which it may run. New predictions wait in a queue of
their own, whose head moves when the throttle gives leave; the queue is asked by one thread at a
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
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
Submit = Callable[[T, Callable[[], None]], float | None]
# A waiting thread looks up at least so often.
_CHECK_SECONDS = 0.5
# How long what is due is left to the threads at work, before another one joins them.
_PATIENCE_SECONDS = 0.003
_BUSY_PATIENCE_SECONDS = 0.02
# The load from which patience is longer, and that from which threads go to sleep.
_BUSY, _FULL = 0.7, 0.9
_LOAD_WINDOW_SECONDS = 0.02
# Steps of this part of a circle never meet the same place twice, and leave no large gap.
_GOLDEN = 0.382


class Load:
    """The part of one processor that this process used lately.

    Python runs one thread at a time. A process that fills a processor is not any quicker with one
    more thread: all of them only change places more often, which costs time of its own.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._since, self._ran = clock(), cpu()
        # Of the last window: 0 where all threads waited, 1 where one ran all the time; more where
        # code that needs no Python ran beside it.
        self.share = 0.0

    def renew(self) -> bool:
        """Measure again if the window is over; return whether it was."""
        now = self._clock()
        passed = now - self._since
        if passed < _LOAD_WINDOW_SECONDS:
            return False
        ran = self._cpu()
        self.share = (ran - self._ran) / passed
        self._since, self._ran = now, ran
        return True


class Schedule(Generic[T]):
    """Steps and a queue, worked on by at most `workers` threads until both are empty.

    Nothing is submitted while `has_capacity` returns False. `on_crash` is called with an error
    that a step raised. One that `stays_open` waits for more until it is closed.
    """

    def __init__(
        self,
        items: Iterable[T],
        *,
        workers: int,
        has_capacity: Callable[[], bool],
        on_crash: Callable[[BaseException], None],
        stays_open: bool = False,
    ) -> None:
        self._queue: deque[T] = deque(items)
        self._submit: Submit[T] = lambda _item, _let_next: None
        self._has_capacity, self._on_crash = has_capacity, on_crash
        self._workers = workers
        self._changed = threading.Condition()
        self._steps: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._queue_at = 0.0
        self._watched_until: float | None = None
        self._taken_at = 0.0
        self._load = Load()
        self._head_taken = False
        self._under_way = 0
        self._stopped = False
        self._is_open = stays_open
        self._threads: list[threading.Thread] = []

    def start(self, submit: Submit[T]) -> None:
        """Start the threads.

        `submit` takes the head of the queue, and a function. It returns the seconds after which it
        is to be called again (the head goes back); or it calls the function once it has leave, to
        let the next one have its turn, submits, and returns None.
        """
        self._submit = submit
        with self._changed:
            work = len(self._queue) + len(self._steps)
            count = self._workers if self._is_open else min(self._workers, max(1, work))
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

    def at(self, moment: float, step: Callable[[], object]) -> None:
        """Run a step at a moment (`time.monotonic`) or soon after."""
        with self._changed:
            heapq.heappush(self._steps, (moment, next(self._order), step))
            self._notify()

    def queue(self, item: T) -> None:
        """Append something to the queue."""
        with self._changed:
            self._queue.append(item)
            self._notify()

    def requeue(self, item: T, moment: float = 0.0) -> None:
        """Return something to the queue's head; the queue rests until a moment."""
        with self._changed:
            self._queue.appendleft(item)
            self._queue_at = max(self._queue_at, moment)
            self._notify()

    def continue_elsewhere(self) -> None:
        """Take the next item from elsewhere in the queue; repeated, this samples all of it."""
        with self._changed:
            self._queue.rotate(-int(len(self._queue) * _GOLDEN))

    def clear_queue(self) -> list[T]:
        """Take everything out of the queue: nothing more is submitted."""
        with self._changed:
            rest = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
            return rest

    def close(self) -> None:
        """Let the threads end once all is done: nothing more comes."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def stop(self) -> None:
        """Run no further step; those under way end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def leave_to_parent(self) -> None:
        """End in a forked child, which has none of the threads, and perhaps a locked lock."""
        self._changed = threading.Condition()
        self._queue.clear()
        self._threads, self._stopped = [], True

    def join(self, seconds: float) -> bool:
        """Wait for all to be done, for so many seconds; return whether it is."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        task = self._next(at_work=False)
        while task is not None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - the run is told, and ends by it
                self._on_crash(error)
            finally:
                with self._changed:
                    self._under_way -= 1
                    if self._is_done():
                        self._changed.notify_all()
            task = self._next(at_work=True)

    def _next(self, *, at_work: bool) -> Callable[[], object] | None:
        """Wait for the next task; None at the end."""
        with self._changed:
            while not self._stopped:
                if self._load.renew() and self._load.share > _FULL and self._under_way:
                    at_work = False
                now = time.monotonic()
                task: Callable[[], object] | None = None
                if at_work or self._needed_at() <= now:
                    # First what may be submitted: each moment that it waits, the limit is not used.
                    # The other steps do not starve by it: one thread at a time asks the queue, for
                    # as long as its head may not go.
                    step_at, queue_at = self._moments()
                    if queue_at <= now:
                        task = self._queue_task()
                    elif step_at <= now:
                        task = heapq.heappop(self._steps)[2]
                if task is not None:
                    self._under_way += 1
                    self._taken_at = now
                    self._notify()
                    return task
                if self._is_done():
                    self._changed.notify_all()
                    return None
                at_work = False
                self._wait(now)
            return None

    def _moments(self) -> tuple[float, float]:
        """Return when the next step and the queue's head are due; inf where there is none."""
        step_at = self._steps[0][0] if self._steps else math.inf
        is_open = self._queue and not self._head_taken and self._has_capacity()
        return step_at, self._queue_at if is_open else math.inf

    def _needed_at(self) -> float:
        """Return the moment at which a thread that sleeps takes the next task; inf for none."""
        due = min(self._moments())
        if not self._under_way:
            return due
        busy = self._load.share > _BUSY
        return max(due, self._taken_at + (_BUSY_PATIENCE_SECONDS if busy else _PATIENCE_SECONDS))

    def _notify(self) -> None:
        """Wake one thread if one is needed before a thread wakes by the clock."""
        due = self._needed_at()
        if due < math.inf and (self._watched_until is None or due < self._watched_until):
            self._changed.notify()

    def _wait(self, now: float) -> None:
        """Sleep until one is needed: one thread by the clock, the others until told."""
        due = self._needed_at()
        if due == math.inf or (self._watched_until is not None and self._watched_until <= due):
            self._changed.wait(_CHECK_SECONDS)
            return
        self._watched_until = due
        self._changed.wait(min(max(0.0, due - now), _CHECK_SECONDS))
        if self._watched_until == due:
            self._watched_until = None

    def _is_done(self) -> bool:
        return not (self._queue or self._steps or self._under_way or self._is_open)

    def _queue_task(self) -> Callable[[], None]:
        item = self._queue.popleft()
        self._head_taken = True

        def task() -> None:
            released = False

            def let_next() -> None:
                nonlocal released
                released = True
                with self._changed:
                    self._head_taken = False
                    self._notify()

            try:
                wait = self._submit(item, let_next)
                if wait is not None:
                    self.requeue(item, time.monotonic() + wait)
            finally:
                if not released:
                    let_next()

        return task
