"""The requests of one limit, as pure decisions over a small state.

An entry is made before a request goes out, and counts until one window after its answer arrived:
then no window of the server, fixed or sliding, ever holds more requests than the limit, whatever
the network's delays. After a first refusal everybody waits once, and from then on the requests go
out evenly, a little below the limit, which every known kind of limit accepts.

The state says what was sent and when, and nothing of the limit: whoever reads it applies a limit
of their own, so that all who use a key see each other's requests, also after it was changed.
"""

from __future__ import annotations

import math
import struct
from array import array
from dataclasses import dataclass, field

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
_ENTRIES_AT_MOST = 4000
"""Where one process counts a long window and another many requests in a short one, the oldest
entries beyond so many are forgotten."""
_HEAD = struct.Struct("<4sIdddddddI")
_MAGIC = b"PNB3"
_ENTRY_BYTES = 8 + 8 + 4
_FREE = 0
_NEVER = -math.inf


@dataclass(slots=True)
class Ledger:
    """Who sent when, and who may send now, for one limit.

    Parameters
    ----------
    slots : int
        How many entries the limit allows in a window, each of `weight` requests.
    seconds : float
        The window.
    weight : int
        Requests that an entry of ours stands for.
    at : array of float
        For each entry, the moment (a monotonic clock's seconds) at which its answer arrived; of
        one under way, the moment by which it will have; minus infinity for an entry of nothing.
    owner : array of int
        For each entry, the process whose request is under way; after that, the same below 0.
    requests : array of int
        For each entry, the requests that it stands for.
    window : float
        The longest window by which anybody counts: entries are kept for as long.
    hold_until : float
        Nobody sends before this moment.
    pace : float
        The part of the limit that is used evenly; 0 while requests go as the limit allows.
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

    slots: int
    seconds: float
    weight: int = 1
    at: array[float] = field(default_factory=lambda: array("d"))
    owner: array[int] = field(default_factory=lambda: array("q"))
    requests: array[int] = field(default_factory=lambda: array("I"))
    window: float = 0.0
    hold_until: float = 0.0
    pace: float = 0.0
    paced_since: float = 0.0
    next_at: float = 0.0
    refused_at: float = 0.0
    began: float = 0.0
    episodes: int = 0

    def take(self, now: float, wall: float, pid: int, answer_within: float) -> int | float:
        """Make an entry for what is about to be sent.

        Returns
        -------
        int or float
            The entry's number, or as a float the seconds to wait before asking again.
        """
        self._forget(now, wall)
        if now < self.hold_until:
            return self.hold_until - now
        interval = self._interval()
        if interval and now < self.next_at:
            return self.next_at - now
        wait = self._wait(now)
        if wait:
            return wait
        if interval:
            self.next_at = max(self.next_at, now - _BURST * interval) + interval
        return self._add(now, now + answer_within, pid, self.weight)

    def _wait(self, now: float) -> float:
        """Return the seconds until the limit has room for one more entry."""
        room = self.slots * self.weight - self.weight
        counted = self._counted(now)
        used = sum(requests for _, requests in counted)
        if used <= room:
            return 0.0
        for free_at, requests in sorted(counted):
            used -= requests
            if used <= room:
                # One under way counts, at the earliest, until one window from now.
                return min(free_at - now, self.seconds)
        return self.seconds

    def _counted(self, now: float) -> list[tuple[float, int]]:
        """Return when each entry that counts now is free, and its requests."""
        seconds = self.seconds
        return [
            (at + seconds, requests)
            for at, requests in zip(self.at, self.requests, strict=True)
            if at + seconds > now
        ]

    def _add(self, now: float, at: float, owner: int, requests: int) -> int:
        """Put an entry in the place of one that nobody counts any more, or at the end."""
        over = now - self.window
        place = next((place for place, then in enumerate(self.at) if then <= over), None)
        if place is None and len(self.at) >= _ENTRIES_AT_MOST:
            place = self.at.index(min(self.at))
        if place is None:
            self.at.append(at)
            self.owner.append(owner)
            self.requests.append(requests)
            return len(self.at) - 1
        self.at[place], self.owner[place], self.requests[place] = at, owner, requests
        return place

    def seconds_until(self, count: int, now: float) -> float:
        """Return the seconds after which so many more entries have left, if all goes well."""
        if count < 1:
            return 0.0
        last = count - 1
        # What is under way counts until one window after its answer, which is near.
        busy = [
            min(free_at, now + self.seconds)
            for free_at, requests in self._counted(now)
            for _ in range(math.ceil(requests / self.weight))
        ]
        free = [now] * (self.slots - len(busy)) + sorted(busy)[-self.slots :]
        rounds, slot = divmod(last, self.slots)
        moment = max(free[slot], self.hold_until) + rounds * self.seconds
        if interval := self._interval():
            moment = max(moment, max(now, self.next_at) + last * interval)
        return moment - now

    def answered(self, entry: int, now: float, until: float | None = None) -> None:
        """Note that an entry's answer arrived: it counts for one window from now.

        Parameters
        ----------
        entry : int
            As `take` gave it.
        now : float
            The moment.
        until : float, optional
            What ``at`` held after `take`: by it an entry is found that has another place by
            now. If it is nowhere, the answer came so late that its place was given away.
        """
        self.episodes = 0
        place = self._place(entry, until)
        if place is None:
            self._add(now, now, _FREE, self.weight)
            return
        self.at[place] = now
        self.owner[place] = -abs(self.owner[place])

    def release(self, entry: int, until: float | None = None) -> None:
        """Take an entry back: its request was never counted."""
        place = self._place(entry, until)
        if place is not None:
            self.at[place] = _NEVER
            self.owner[place] = _FREE

    def _place(self, entry: int, until: float | None) -> int | None:
        if entry < len(self.at) and (until is None or self.at[entry] == until):
            return entry
        if until is None or until not in self.at:
            return None
        return self.at.index(until)

    def refuse(
        self,
        entry: int,
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
        self.release(entry, until)
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
        """Return the processes whose requests are under way."""
        return {pid for pid in self.owner if pid > _FREE}

    def bury(self, pid: int, now: float) -> None:
        """End the entries of a process that is gone: its requests were sent before now."""
        for place, owner in enumerate(self.owner):
            if owner == pid:
                self.at[place] = min(self.at[place], now)
                self.owner[place] = -pid

    def merge(self, other: Ledger, pid: int) -> None:
        """Take in what a process kept for itself while it was cut off from the common state.

        Parameters
        ----------
        other : Ledger
            What it kept, which began as a copy of the common state.
        pid : int
            The process: of its own entries it knows better. Those of others it adds where the
            common state is empty, having been made anew.
        """
        is_new = not self.at
        for place, owner in enumerate(self.owner):
            if abs(owner) == pid:
                self.at[place], self.owner[place] = _NEVER, _FREE
        for at, owner, requests in zip(other.at, other.owner, other.requests, strict=True):
            if at > _NEVER and (is_new or abs(owner) == pid):
                self.at.append(at)
                self.owner.append(owner)
                self.requests.append(requests)
        self.window = max(self.window, other.window)
        self.hold_until = max(self.hold_until, other.hold_until)
        self.next_at = max(self.next_at, other.next_at)
        self.began = self.began or other.began
        if other.refused_at > self.refused_at:
            self.pace, self.paced_since = other.pace, other.paced_since
            self.refused_at = other.refused_at

    def _interval(self) -> float:
        return self.seconds / (self.slots * self.pace) if self.pace else 0.0

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
        if self.window > self.seconds and max(self.at, default=_NEVER) + self.window <= now:
            self.window = 0.0  # who counted by it has sent nothing for as long
        self.window = max(self.window, self.seconds)

    def _begin_anew(self, now: float, wall: float) -> None:
        """Bring the moments of a clock that counted from another start to now at the latest."""
        if self.began:
            for place, moment in enumerate(self.at):
                self.at[place] = min(moment, now)
            self.hold_until = min(self.hold_until, now + self.seconds)
            self.paced_since = min(self.paced_since, now)
        self.began = wall - now

    def pack(self) -> bytes:
        """Return the state as bytes for a file."""
        head = _HEAD.pack(
            _MAGIC,
            len(self.at),
            self.window,
            self.hold_until,
            self.pace,
            self.paced_since,
            self.next_at,
            self.refused_at,
            self.began,
            self.episodes,
        )
        return head + self.at.tobytes() + self.owner.tobytes() + self.requests.tobytes()

    @classmethod
    def unpack(cls, data: bytes, slots: int, seconds: float, weight: int = 1) -> Ledger:
        """Read a state; bytes that are none (a new or damaged file) give a new one."""
        new = cls(slots, seconds, weight)
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            return new
        _, count, *rest, episodes = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + count * _ENTRY_BYTES:
            return new
        owners, requests = _HEAD.size + 8 * count, _HEAD.size + 16 * count
        read = cls(
            slots,
            seconds,
            weight,
            array("d", data[_HEAD.size : owners]),
            array("q", data[owners:requests]),
            array("I", data[requests:]),
        )
        read.window, read.hold_until, read.pace, read.paced_since = rest[:4]
        read.next_at, read.refused_at, read.began = rest[4:]
        read.episodes = episodes
        return read if all(map(math.isfinite, rest)) and read._is_sound() else new

    def _is_sound(self) -> bool:
        return (
            (self.pace == 0 or SLOWEST <= self.pace <= 1)
            and all(at < math.inf for at in self.at)
            and all(self.requests)
        )
