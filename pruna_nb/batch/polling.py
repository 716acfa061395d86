"""When to ask again whether a prediction is finished, learnt from those that were."""

from __future__ import annotations

from bisect import insort

_FIRST = {"image": 0.3, "video": 3.0, "zip": 5.0, "unknown": 0.5}
_LONGEST = {"image": 3.0, "video": 10.0, "zip": 30.0, "unknown": 5.0}
_ASKED_A_SECOND = 250.0
"""Answers that are asked for in all, in a second: half of the status limit (500)."""
_AT_ONCE = 300
"""How many more may be asked for in a burst: the limit is one of a minute, and so are bursts."""
_SAMPLES = 64
_ENOUGH = 4
"""Fewer finished predictions don't tell how long one takes."""
_STEP = 1 / 3
"""The shortest pause between two askings, as a part of the time before the first."""
_GROWTH = 0.1
"""The pause as a part of the prediction's age: what is done is found at most so much later."""
_SHORTEST_SECONDS = 0.1
"""The pause between two askings where the predictions were all alike."""
_FEW = 0.5
"""What each pause is multiplied by while few are asked for."""
_ALONE = 1 / 6
"""The part of the time before the first asking that is waited for a prediction alone."""
_FEW_SECONDS = 0.05
"""They are few as long as the burst that they made up is over within so many seconds."""


class Polling:
    """Decides the moments at which predictions of one model are asked for.

    Parameters
    ----------
    kind : str
        What the model makes; a picture is asked for sooner than a video.
    alone : bool
        Whether there is one prediction in all: then somebody waits for it, and it is asked for
        at once.
    """

    def __init__(self, kind: str, *, alone: bool = False) -> None:
        self._first, self._longest = _FIRST[kind], _LONGEST[kind]
        self._soonest = self._first * _ALONE if alone else self._first
        self._full_at = 0.0
        self._few = True
        self._recent: list[float] = []
        self._sorted: list[float] = []

    def learn(self, unfinished_at: float, finished_at: float) -> None:
        """Learn from a prediction: seconds after sending when it was last unfinished, and done."""
        sample = (unfinished_at + finished_at) / 2
        self._recent.append(sample)
        insort(self._sorted, sample)
        if len(self._recent) > _SAMPLES:
            self._sorted.remove(self._recent.pop(0))

    def usual(self) -> float | None:
        """Give the seconds that a prediction takes, sooner or later; None before any is known."""
        return self._at(0.5) if self._sorted else None

    def first(self) -> float:
        """Give the seconds after sending at which to ask first."""
        if len(self._sorted) < _ENOUGH:
            return self._soonest
        return max(0.05, self._at(0.1) * 0.95)

    def again(self, age: float) -> float:
        """Give the seconds to the next asking, for a prediction of some age."""
        step = max(_STEP * self._first, _GROWTH * age)
        if len(self._sorted) >= _ENOUGH:
            spread = self._at(0.9) - self._at(0.1)
            if age < self._at(0.9) + spread:
                step = min(step, max(_SHORTEST_SECONDS, spread / 4))
        return min(self._longest, step * _FEW if self._few else step)

    def leave(self, now: float) -> float:
        """Give the seconds after which one may be asked for, so that all together stay moderate.

        Whoever is told to wait has a place, and need not ask for leave again: those that were
        found done meanwhile make the round shorter for the others.
        """
        self._few = self._full_at - now < _FEW_SECONDS
        at = max(now, self._full_at - _AT_ONCE / _ASKED_A_SECOND)
        self._full_at = max(self._full_at, at) + 1 / _ASKED_A_SECOND
        return at - now

    def _at(self, part: float) -> float:
        return self._sorted[min(len(self._sorted) - 1, int(part * len(self._sorted)))]
