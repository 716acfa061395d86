"""One limit, kept together by all threads and all processes of this machine.

The state is a small file under the user's state folder, locked for the microseconds that a
decision takes (`ledger.Ledger` decides). Limits belong to the key, so the file's place is
named by a keyed hash of address and key.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.api.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pruna_nb.settings import Settings

_SLOTS_AT_MOST = 1000
"""Larger limits are kept in slots of several requests, which a process takes together."""
_FILE_BYTES_AT_MOST = 1 << 20


@dataclass(slots=True)
class Slot:
    """Leave to send one request; give it back with the throttle's own methods."""

    number: int
    sent_at: float
    share: _Share | None = None


@dataclass(slots=True)
class _Share:
    """A slot that stands for several requests of this process."""

    number: int
    sent_at: float
    left: int
    open: int = 0


class Throttle:
    """Leave to send, for one limit.

    Parameters
    ----------
    name : str
        A model, or "status", "delivery", "files".
    requests : int
        Requests that a window holds.
    seconds : float
        The window.
    folder : Path or None
        Where the common file is; None keeps the limit in this process alone.
    answer_within : float
        Seconds after which a request without an answer is taken to have ended.
    clock, wall, sleep : callable
        Taken as arguments so that a test can set the time.

    Notes
    -----
    `take` never sleeps; `wait` does.
    """

    def __init__(
        self,
        name: str,
        requests: int,
        seconds: float,
        *,
        folder: Path | None = None,
        answer_within: float = 75.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name, self.requests, self.seconds = name, requests, float(seconds)
        self.refusals = 0
        self._weight = math.ceil(requests / _SLOTS_AT_MOST)
        self._slots = requests // self._weight
        self._within = answer_within
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._lock = threading.Lock()
        self._share: _Share | None = None
        self._memory = Ledger.new(self._slots, self.seconds)
        self._next_burial = 0.0
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80]
        self._path = folder / f"{safe}-{requests}-{self.seconds:g}.slots" if folder else None
        self._file: int | None = None  # open as long as the process is
        self._pid = 0

    def take(self) -> Slot | float:
        """Take leave to send one request.

        Returns
        -------
        Slot or float
            The slot, to be given back with `answered`, `refuse` or `release`; or the seconds
            after which to ask again.
        """
        with self._lock:
            share = self._share
            fresh = share is not None and self._clock() - share.sent_at < self.seconds
            if share is not None and share.left and fresh:
                share.left -= 1
                share.open += 1
                return Slot(share.number, self._clock(), share)
            taken = self._change(self._take_slot)
            if isinstance(taken, float):
                return taken
            now = self._clock()
            if self._weight == 1:
                return Slot(taken, now)
            self._share = _Share(taken, now, self._weight - 1, 1)
            return Slot(taken, now, self._share)

    def wait(self) -> Slot:
        """Take leave to send one request, sleeping until there is some."""
        while isinstance(taken := self.take(), float):
            self._sleep(max(taken, 0.001))
        return taken

    def answered(self, slot: Slot) -> None:
        """Say that the answer arrived, or that none will: the slot is free one window later."""
        with self._lock:
            if self._last_of_share(slot):
                self._change(lambda ledger: ledger.answered(slot.number, self._clock()))

    def release(self, slot: Slot) -> None:
        """Say that the request never reached the service: the slot is free at once."""
        with self._lock:
            if slot.share is not None:
                slot.share.left += 1
                slot.share.open -= 1
            else:
                self._change(lambda ledger: ledger.release(slot.number, self._clock()))

    def refuse(self, slot: Slot, retry_after: float | None) -> None:
        """Say that the service refused (429): everybody waits, then goes on evenly paced.

        Parameters
        ----------
        slot : Slot
            The slot of the refused request.
        retry_after : float or None
            Seconds to wait, as the service says; None if it does not say.
        """
        self.refusals += 1
        with self._lock:
            self._last_of_share(slot)
            if slot.share is not None:
                slot.share.left = 0
            self._change(
                lambda ledger: ledger.refuse(
                    slot.number, self._clock(), self._wall(), slot.sent_at, retry_after
                )
            )

    def paced(self) -> bool:
        """Tell whether a refusal was met, so that requests go out evenly."""
        with self._lock:
            return bool(self._change(lambda ledger: ledger.pace))

    def _take_slot(self, ledger: Ledger) -> int | float:
        now = self._clock()
        taken = ledger.take(now, self._wall(), os.getpid(), self._within)
        if isinstance(taken, float) and now >= self._next_burial:
            self._next_burial = now + 1.0
            gone = [pid for pid in ledger.owners() if not _is_running(pid)]
            for pid in gone:
                ledger.bury(pid, now)
            if gone:
                taken = ledger.take(now, self._wall(), os.getpid(), self._within)
        return taken

    @staticmethod
    def _last_of_share(slot: Slot) -> bool:
        share = slot.share
        if share is None:
            return True
        share.open -= 1
        return share.open == 0 and share.left == 0

    def _change(self, decide: Callable[[Ledger], Any]) -> Any:
        """Run one decision on the common state, alone among threads and processes."""
        import portalocker

        file = self._opened()
        if file is None:
            return decide(self._memory)
        portalocker.lock(file, portalocker.LOCK_EX)
        try:
            os.lseek(file, 0, os.SEEK_SET)
            before = os.read(file, _FILE_BYTES_AT_MOST)
            ledger = Ledger.unpack(before, self._slots, self.seconds)
            result = decide(ledger)
            after = ledger.pack()
            if after != before:
                os.lseek(file, 0, os.SEEK_SET)
                os.write(file, after)
                os.ftruncate(file, len(after))
        finally:
            portalocker.unlock(file)
        return result

    def _opened(self) -> int | None:
        # A forked child shares its parent's lock with the file, so it opens its own.
        if self._path is None or (self._file is not None and self._pid == os.getpid()):
            return self._file
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        except OSError as error:
            warnings.warn(
                f"Limits are kept in this process alone: {self._path.parent} cannot be written "
                f"({error.strerror}). Set PRUNA_NB_STATE_DIR to a folder that can.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._path = None
            return None
        self._file, self._pid = descriptor, os.getpid()
        return self._file


_BINARY: int = getattr(os, "O_BINARY", 0)


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # there, the probe would end the process: its slots run out by time
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


_THROTTLES: dict[tuple[Any, ...], Throttle] = {}
_THROTTLES_LOCK = threading.Lock()


def throttle_for(settings: Settings, name: str, limit: tuple[int, float]) -> Throttle:
    """Give the process's one throttle for a key and a model or endpoint.

    Parameters
    ----------
    settings : Settings
        Whose key, address and limits are in force.
    name : str
        A model, or "status", "delivery", "files".
    limit : (int, float)
        Requests and seconds, where the settings have none for this name.
    """
    requests, seconds = settings.limits.get(name, limit)
    folder = settings.state_dir / "limits" / settings.account
    key = (folder, name, requests, seconds, settings.timeout)
    with _THROTTLES_LOCK:
        if key not in _THROTTLES:
            _THROTTLES[key] = Throttle(
                name, requests, seconds, folder=folder, answer_within=settings.timeout + 15.0
            )
        return _THROTTLES[key]
