"""The requests of one limit: pure decisions on a small state.

An entry is added before a request is sent, and counts until one window after its response: then no
window of the server, fixed or sliding, holds more requests than the limit, whatever the network's
delays. After the first refusal (429) all processes wait once, and then send evenly, a little below
the limit, which every known kind of limit accepts.

The state holds what was sent and when, but not the limit: each process applies its own, so that all
users of a key see each other's requests even after a limit was changed.
"""

from __future__ import annotations

import math
import struct
from array import array
from dataclasses import dataclass, field

# Paced requests use this part of the limit: a little less is accepted by every known kind of limit.
PACE = 0.98
# The pace is multiplied by this when a paced request was refused.
SLOWER = 0.9
SLOWEST = 0.02
# After so many windows without a refusal, a slowed pace is increased by one step.
RECOVERY_WINDOWS = 10
# How long a learnt pace is remembered after the last refusal.
MEMORY_SECONDS = 86400.0
# The longest wait that a refusal can ask for.
MAX_HOLD = 900.0
# Paced requests that may be sent at once after a delay on our side.
_BURST = 2
# If the two clocks differ by more seconds than before, one of them was restarted or set.
_CLOCK_STEP = 60.0
# One process may count a long window and another many requests in a short one: without a bound, the
# file would grow.
_ENTRIES_AT_MOST = 4000
_HEAD = struct.Struct("<4sIdddddddI")
_MAGIC = b"PNB3"
_ENTRY_BYTES = 8 + 8 + 4
_FREE = 0
_NEVER = -math.inf


@dataclass(slots=True)
class Ledger:
    """What was sent when, and whether a request may be sent now, for one limit.

    Parameters
    ----------
    slots : int
        The entries that the limit allows in a window, each of `weight` requests.
    seconds : float
        The window.
    weight : int
        The requests that an entry of this process stands for.
    at : array of float
        For each entry, the time (of a monotonic clock) of its response; while it is in flight,
        the time by which the response will have come; minus infinity for a released entry.
    owner : array of int
        For each entry, the process whose request is in flight; afterwards negative.
    requests : array of int
        For each entry, its number of requests.
    window : float
        The longest window of any process: entries are kept for so long.
    hold_until : float
        Nothing is sent before this time.
    pace : float
        The part of the limit that is used evenly; 0 while requests are not paced.
    paced_since : float
        When the present pace began.
    next_at : float
        The time of the next paced request.
    refused_at : float
        Wall-clock time of the last refusal.
    began : float
        The wall-clock time at which the monotonic clock was 0; it changes at a restart of the
        machine.
    episodes : int
        The refusals since the last success that began a new wait.
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
        """Add an entry for a request that is about to be sent.

        Returns
        -------
        int or float
            The entry's number; or, as a float, the seconds to wait before asking again.
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
                # The response of a request in flight may come now: it is free one window later.
                return min(free_at - now, self.seconds)
        return self.seconds

    def _counted(self, now: float) -> list[tuple[float, int]]:
        """Return the time from which each counted entry is free, and its requests."""
        seconds = self.seconds
        return [
            (at + seconds, requests)
            for at, requests in zip(self.at, self.requests, strict=True)
            if at + seconds > now
        ]

    def _add(self, now: float, at: float, owner: int, requests: int) -> int:
        """Replace an entry that no process counts any more, or append one; return its number."""
        expired = now - self.window
        entry = next((number for number, then in enumerate(self.at) if then <= expired), None)
        if entry is None and len(self.at) >= _ENTRIES_AT_MOST:
            entry = self.at.index(min(self.at))
        if entry is None:
            self.at.append(at)
            self.owner.append(owner)
            self.requests.append(requests)
            return len(self.at) - 1
        self.at[entry], self.owner[entry], self.requests[entry] = at, owner, requests
        return entry

    def seconds_until(self, count: int, now: float) -> float:
        """Return the seconds in which so many more entries can be sent, if all goes well."""
        if count < 1:
            return 0.0
        last = count - 1
        # A request in flight counts until one window after its response, which comes soon.
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
        """Record that the response came: the entry counts for one window from now.

        An entry that was moved is found by `until`, its ``at`` after `take`. If it is not found,
        the response came so late that the entry was replaced.
        """
        self.episodes = 0
        number = self._find(entry, until)
        if number is None:
            self._add(now, now, _FREE, self.weight)
            return
        self.at[number] = now
        self.owner[number] = -abs(self.owner[number])

    def release(self, entry: int, until: float | None = None) -> None:
        """Remove an entry: its request did not reach the service."""
        number = self._find(entry, until)
        if number is not None:
            self.at[number] = _NEVER
            self.owner[number] = _FREE

    def _find(self, entry: int, until: float | None) -> int | None:
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
        """Record a refusal: all processes wait, and then send evenly.

        Requests that were in flight together are refused together: they cause one wait, and slow
        the pace only if they were sent at that pace.
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
        """Return the processes that have requests in flight."""
        return {pid for pid in self.owner if pid > _FREE}

    def release_dead(self, pid: int, now: float) -> None:
        """End the requests in flight of a process that has ended: they were sent before now."""
        for entry, owner in enumerate(self.owner):
            if owner == pid:
                self.at[entry] = min(self.at[entry], now)
                self.owner[entry] = -pid

    def merge(self, other: Ledger, pid: int) -> None:
        """Add what a process recorded while it could not use the shared file.

        The process's own entries replace those here. Those of others, from the copy that it began
        with, are added only if this state is empty, since the file was created again.
        """
        is_new = not self.at
        for entry, owner in enumerate(self.owner):
            if abs(owner) == pid:
                self.at[entry], self.owner[entry] = _NEVER, _FREE
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
        """Reset what is no longer valid: an old pace, times of a restarted clock, a long window."""
        if self.pace and not -_CLOCK_STEP <= wall - self.refused_at <= MEMORY_SECONDS:
            self.pace = self.next_at = self.hold_until = 0.0
        if 0 < self.pace < PACE and now - self.paced_since > RECOVERY_WINDOWS * self.seconds:
            self.pace, self.paced_since = min(PACE, self.pace / SLOWER), now
        if abs(wall - now - self.began) > _CLOCK_STEP:
            if self.began:  # the clock was restarted: no entry can be later than now
                for entry, moment in enumerate(self.at):
                    self.at[entry] = min(moment, now)
                self.hold_until = min(self.hold_until, now + self.seconds)
                self.paced_since = min(self.paced_since, now)
            self.began = wall - now
        if not self.hold_until <= now + MAX_HOLD:
            self.hold_until = self.next_at = 0.0
        if self.next_at > max(now, self.hold_until) + self._interval():
            self.next_at = now
        if self.window > self.seconds and max(self.at, default=_NEVER) + self.window <= now:
            self.window = 0.0  # the process with this window has sent nothing for so long
        self.window = max(self.window, self.seconds)

    def pack(self) -> bytes:
        """Return the state as bytes, for a file."""
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
        """Return the state in the bytes of a file; a new one if the file is new or damaged."""
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
        is_valid = (
            all(map(math.isfinite, rest))
            and (read.pace == 0 or SLOWEST <= read.pace <= 1)
            and all(at < math.inf for at in read.at)
            and all(read.requests)
        )
        return read if is_valid else new
