"""The slots of one limit, as pure decisions over a small state.

A slot is taken before a request and given back one window after its answer arrived: then no
window of the server, fixed or sliding, ever holds more requests than the limit, whatever the
network's delays. After a first refusal everybody waits once, and from then on the requests go
out evenly, a little below the limit, which every known kind of limit accepts.
"""

from __future__ import annotations

import math
import struct
from array import array
from dataclasses import dataclass

PACE = 0.98
"""The part of the limit that is used once the requests are paced."""
SLOWER = 0.9
"""What the pace is multiplied by when a paced request was refused."""
SLOWEST = 0.02
RECOVERY_WINDOWS = 10
"""A slowed pace is tried one step faster after so many windows without a refusal."""
MEMORY_SECONDS = 86400.0
"""How long a learnt pace is remembered after the last refusal."""
MAX_HOLD = 900.0
"""The longest wait that a refusal can ask for, in seconds."""
_BURST = 2
"""Paced requests that may be caught up after a delay of ours."""
_CLOCK_STEP = 60.0
"""Seconds between the two clocks above which one of them must have begun anew."""
_HEAD = struct.Struct("<4sIddddddI")
_MAGIC = b"PNB2"
_FREE = 0


@dataclass(slots=True)
class Ledger:
    """Who may send when, for one limit.

    Parameters
    ----------
    seconds : float
        The window.
    free_at : array of float
        For each slot, the moment (a monotonic clock's seconds) from which it can be taken.
    owner : array of int
        For each slot, the process whose request is under way, or 0.
    hold_until : float
        Nobody sends before this moment.
    pace : float
        The part of the limit that is used evenly; 0 while requests go as slots allow.
    paced_since : float
        When the present pace began.
    next_at : float
        The next paced moment.
    refused_at : float
        Wall-clock time of the last refusal.
    began : float
        The wall-clock time at which the monotonic clock stood at 0: another one tells that the
        machine was started again.
    episodes : int
        Refusals that began a new wait, since the last success.
    """

    seconds: float
    free_at: array[float]
    owner: array[int]
    hold_until: float = 0.0
    pace: float = 0.0
    paced_since: float = 0.0
    next_at: float = 0.0
    refused_at: float = 0.0
    began: float = 0.0
    episodes: int = 0

    @classmethod
    def new(cls, slots: int, seconds: float) -> Ledger:
        """Make a ledger with all its slots free."""
        return cls(seconds, array("d", bytes(8 * slots)), array("q", bytes(8 * slots)))

    def take(self, now: float, wall: float, pid: int, answer_within: float) -> int | float:
        """Take a slot.

        Returns
        -------
        int or float
            The slot's number, or as a float the seconds to wait before asking again.
        """
        self._forget(now, wall)
        if now < self.hold_until:
            return self.hold_until - now
        interval = self._interval()
        if interval and now < self.next_at:
            return self.next_at - now
        first = min(self.free_at)
        if first > now:
            # A slot under way is given back at the earliest one window from now.
            return min(first - now, self.seconds)
        slot = self.free_at.index(first)
        self.free_at[slot] = now + answer_within + self.seconds
        self.owner[slot] = pid
        if interval:
            self.next_at = max(self.next_at, now - _BURST * interval) + interval
        return slot

    def seconds_until(self, count: int, now: float) -> float:
        """Give the seconds after which so many more requests have left, if all goes well."""
        if count < 1:
            return 0.0
        last = count - 1
        # A slot whose request is under way is free one window after the answer, which is near.
        free = sorted(min(moment, now + self.seconds) for moment in self.free_at)
        rounds, slot = divmod(last, len(free))
        moment = max(free[slot], now, self.hold_until) + rounds * self.seconds
        if interval := self._interval():
            moment = max(moment, max(now, self.next_at) + last * interval)
        return moment - now

    def answered(self, slot: int, now: float, until: float | None = None) -> None:
        """Give a slot back, one window from now.

        Parameters
        ----------
        slot : int
            As `take` gave it.
        now : float
            The moment.
        until : float, optional
            What ``free_at`` held after `take`. If it holds something else now, the answer
            came so late that the slot was given to another request, whose it stays.
        """
        self.episodes = 0
        if until is not None and self.free_at[slot] != until:
            self.free_at[slot] = max(self.free_at[slot], now + self.seconds)
            return
        self.free_at[slot] = now + self.seconds
        self.owner[slot] = _FREE

    def release(self, slot: int, now: float, until: float | None = None) -> None:
        """Give a slot back at once: its request was never counted."""
        if until is None or self.free_at[slot] == until:
            self.free_at[slot] = now
            self.owner[slot] = _FREE

    def refuse(
        self,
        slot: int,
        now: float,
        wall: float,
        *,
        sent_at: float,
        retry_after: float | None,
        until: float | None = None,
    ) -> None:
        """Note a refusal: hold everybody, and go on evenly from then on.

        Requests that were on the wire together are refused together; they make one wait,
        and slow the pace only if they were sent at that pace.
        """
        self.release(slot, now, until)
        new_episode = now >= self.hold_until and sent_at >= self.hold_until
        if new_episode:
            self.episodes += 1
        if not self.pace:
            self.pace, self.paced_since = PACE, now
        elif new_episode and sent_at >= self.paced_since:
            self.pace, self.paced_since = max(SLOWEST, self.pace * SLOWER), now
        wait = (
            min(self.seconds, 2.0 ** max(1, self.episodes)) if retry_after is None else retry_after
        )
        self.hold_until = max(self.hold_until, now + min(max(wait, 0.0), MAX_HOLD))
        self.next_at = max(self.next_at, self.hold_until)
        self.refused_at = wall

    def owners(self) -> set[int]:
        """Give the processes whose requests are under way."""
        return {pid for pid in self.owner if pid != _FREE}

    def bury(self, pid: int, now: float) -> None:
        """Give back the slots of a process that is gone: its requests were sent before now."""
        for slot, owner in enumerate(self.owner):
            if owner == pid:
                self.free_at[slot] = min(self.free_at[slot], now + self.seconds)
                self.owner[slot] = _FREE

    def _interval(self) -> float:
        return self.seconds / (len(self.free_at) * self.pace) if self.pace else 0.0

    def _forget(self, now: float, wall: float) -> None:
        """Drop what does not count any more."""
        if self.pace and not -_CLOCK_STEP <= wall - self.refused_at <= MEMORY_SECONDS:
            self.pace = self.next_at = self.hold_until = 0.0
        if 0 < self.pace < PACE and now - self.paced_since > RECOVERY_WINDOWS * self.seconds:
            self.pace, self.paced_since = min(PACE, self.pace / SLOWER), now
        if abs(wall - now - self.began) > _CLOCK_STEP:
            self._begin_anew(now, wall)
        if not self.hold_until <= now + MAX_HOLD:
            self.hold_until = self.next_at = 0.0
        if self.next_at > max(now, self.hold_until) + self._interval():
            self.next_at = now

    def _begin_anew(self, now: float, wall: float) -> None:
        """Bring the moments of a clock that counted from another start to within one window."""
        if self.began:
            for slot, moment in enumerate(self.free_at):
                self.free_at[slot] = min(moment, now + self.seconds)
            self.hold_until = min(self.hold_until, now + self.seconds)
            self.paced_since = min(self.paced_since, now)
        self.began = wall - now

    def pack(self) -> bytes:
        """Give the state as bytes for a file."""
        head = _HEAD.pack(
            _MAGIC,
            len(self.free_at),
            self.hold_until,
            self.pace,
            self.paced_since,
            self.next_at,
            self.refused_at,
            self.began,
            self.episodes,
        )
        return head + self.free_at.tobytes() + self.owner.tobytes()

    @classmethod
    def unpack(cls, data: bytes, slots: int, seconds: float) -> Ledger:
        """Read a state; bytes that are none (a new or damaged file) give a new one."""
        ledger = cls.new(slots, seconds)
        if len(data) != _HEAD.size + 16 * slots or data[:4] != _MAGIC:
            return ledger
        _, count, *rest, episodes = _HEAD.unpack_from(data)
        middle = _HEAD.size + 8 * slots
        free_at = array("d", data[_HEAD.size : middle])
        pace = rest[1]
        usable = all(map(math.isfinite, (*rest, *free_at))) and (not pace or SLOWEST <= pace <= 1)
        if count != slots or not usable:
            return ledger
        ledger.hold_until, ledger.pace, ledger.paced_since, ledger.next_at = rest[:4]
        ledger.refused_at, ledger.began = rest[4:]
        ledger.episodes = episodes
        ledger.free_at = free_at
        ledger.owner = array("q", data[middle:])
        return ledger
