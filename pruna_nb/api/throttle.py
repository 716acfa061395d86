"""One limit, kept together by all threads and all processes of this machine.

The state is a small file under the user's state folder (`CommonLedger`); what is decided on it is
`Ledger`'s business. Limits belong to the key, so the file's place is named by a keyed hash of
address and key.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from pruna_nb import errors
from pruna_nb.api.shared_slots import CommonLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pruna_nb.api.slots import Ledger
    from pruna_nb.settings import Settings

T = TypeVar("T")
# Larger limits are kept in slots of several requests, which a process takes together.
_SLOTS_AT_MOST = 1000
# Limits that a process keeps at hand; each holds a file open.
_OPEN_AT_MOST = 64
# Seconds by which an answer may be later than its time-out: a synchronous request is held for
# 60 s, and a connection takes some to be made.
_SLACK = 75.0


@dataclass(slots=True)
class Slot:
    """Leave to send one request, to be given back to its throttle."""

    number: int
    sent_at: float
    until: float
    share: _Share | None = None


@dataclass(slots=True)
class _Share:
    """A slot that stands for several requests of this process."""

    number: int
    sent_at: float
    until: float
    left: int
    open: int = 0


class Throttle:
    """Leave to send `requests` in any window of `seconds`, to a model or another endpoint.

    The common file is in `folder`; None keeps the limit in this process alone. A request without
    an answer counts as ended after `answer_within` seconds. `take` never sleeps; `wait` does.
    """

    def __init__(
        self,
        name: str,
        requests: int,
        seconds: float,
        *,
        folder: Path | None = None,
        ledger: CommonLedger | None = None,
        answer_within: float = 75.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name, self.requests, self.seconds = name, requests, float(seconds)
        self.refusals = 0
        self._weight = math.ceil(requests / _SLOTS_AT_MOST)
        self._within = answer_within
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._lock = threading.Lock()
        self._share: _Share | None = None
        self._next_cleanup = 0.0
        self._limit = (requests // self._weight, self.seconds, self._weight)
        self._ledger = ledger or CommonLedger(folder / _file_name(name) if folder else None)

    def take(self) -> Slot | float:
        """Return leave to send one request, or the seconds after which to ask again."""
        with self._lock:
            share = self._share
            fresh = share is not None and self._clock() - share.sent_at < self.seconds
            if share is not None and share.left and fresh:
                share.left -= 1
                share.open += 1
                return Slot(share.number, self._clock(), share.until, share)
            taken, until = self._change(self._take_slot)
            if isinstance(taken, float):
                return taken
            now = self._clock()
            if self._weight == 1:
                return Slot(taken, now, until)
            self._share = _Share(taken, now, until, self._weight - 1, 1)
            return Slot(taken, now, until, self._share)

    def wait(self) -> Slot:
        """Return leave to send one request, sleeping until there is some."""
        while isinstance(taken := self.take(), float):
            self._sleep(max(taken, 0.001))
        return taken

    def give_back(self, slot: Slot, error: BaseException | None = None) -> None:
        """Return a slot after its request: answered, or ended by an error."""
        # A refusal that ends the run is not one for other runs to sit through without a word.
        if isinstance(error, errors.RateLimitError) and not error.account_wide:
            self.refuse(slot, error.retry_after)
        elif isinstance(error, errors.ConnectionFailedError):  # it never reached the service
            self.release(slot)
        else:
            self.answered(slot)

    @contextlib.contextmanager
    def giving_back(self, slot: Slot) -> Iterator[None]:
        """Return a slot when the request that is made meanwhile has ended."""
        try:
            yield
        except BaseException as error:
            self.give_back(slot, error)
            raise
        self.give_back(slot)

    def answered(self, slot: Slot) -> None:
        """Free a slot one window later: its answer arrived, or none will."""
        with self._lock:
            if self._last_of_share(slot):
                self._change(lambda ledger: ledger.answered(slot.number, self._clock(), slot.until))

    def release(self, slot: Slot) -> None:
        """Free a slot at once: its request never reached the service."""
        with self._lock:
            if slot.share is not None:
                slot.share.left += 1
                slot.share.open -= 1
            else:
                self._change(lambda ledger: ledger.release(slot.number, slot.until))

    def refuse(self, slot: Slot, retry_after: float | None) -> None:
        """Record a refusal (429): everybody waits for `retry_after`, then sends evenly paced."""
        self.refusals += 1
        with self._lock:
            self._last_of_share(slot)
            if slot.share is not None:
                slot.share.left = 0
            self._change(
                lambda ledger: ledger.refuse(
                    slot.number,
                    self._clock(),
                    self._wall(),
                    sent_at=slot.sent_at,
                    retry_after=retry_after,
                    until=slot.until,
                )
            )

    def seconds_until(self, count: int) -> float:
        """Return the seconds after which so many more requests have left, if nobody else sends."""
        slots = math.ceil(count / self._weight)
        with self._lock:
            seconds: float = self._change(lambda ledger: ledger.seconds_until(slots, self._clock()))
        return seconds

    def close_file(self) -> None:
        """Close the common file; the next use opens it again."""
        self._ledger.close_file()

    def forked(self) -> None:
        """Start afresh in a forked child, which must not share its parent's file and locks."""
        self._lock = threading.Lock()
        self._share = None
        self._ledger.forked()

    def _take_slot(self, ledger: Ledger) -> tuple[int | float, float]:
        now = self._clock()
        taken = ledger.take(now, self._wall(), os.getpid(), self._within)
        if isinstance(taken, float) and now >= self._next_cleanup:
            self._next_cleanup = now + 1.0
            gone = [pid for pid in ledger.owners() if not _is_running(pid)]
            for pid in gone:
                ledger.release_dead(pid, now)
            if gone:
                taken = ledger.take(now, self._wall(), os.getpid(), self._within)
        return taken, ledger.at[taken] if isinstance(taken, int) else 0.0

    @staticmethod
    def _last_of_share(slot: Slot) -> bool:
        share = slot.share
        if share is None:
            return True
        share.open -= 1
        return share.open == 0 and share.left == 0

    def _change(self, decide: Callable[[Ledger], T]) -> T:
        """Run one decision on the common state, alone among threads and processes."""
        return self._ledger.change(self._limit, decide)


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # there, os.kill(pid, 0) would end the process: slots run out by time
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


_THROTTLES: dict[tuple[Any, ...], Throttle] = {}
_LEDGERS: WeakValueDictionary[Path, CommonLedger] = WeakValueDictionary()
_THROTTLES_LOCK = threading.Lock()


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80] + ".slots"


def throttle_for(settings: Settings, name: str, limit: tuple[int, float]) -> Throttle:
    """Return the process's one throttle for a key and a model or endpoint.

    `limit` is (requests, seconds), for a name of which the settings have none.
    """
    requests, seconds = settings.limits.get(name, limit)
    folder = settings.limits_dir
    key = (folder, name, requests, seconds, settings.timeout)
    path = folder / _file_name(name)
    with _THROTTLES_LOCK:
        if key not in _THROTTLES:
            while len(_THROTTLES) >= _OPEN_AT_MOST:
                _THROTTLES.pop(next(iter(_THROTTLES))).close_file()
            # A key and a model have one ledger, whatever limit is applied to it.
            ledger = _LEDGERS.setdefault(path, CommonLedger(path))
            _THROTTLES[key] = Throttle(
                name, requests, seconds, ledger=ledger, answer_within=settings.timeout + _SLACK
            )
        return _THROTTLES[key]


def _after_fork() -> None:
    global _THROTTLES_LOCK  # noqa: PLW0603 - a fork may have left it locked
    _THROTTLES_LOCK = threading.Lock()
    for throttle in _THROTTLES.values():
        throttle.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
