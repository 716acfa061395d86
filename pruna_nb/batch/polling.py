"""When to ask whether a prediction is finished, learnt from those that were."""

from __future__ import annotations

from bisect import insort

_FIRST = {"image": 0.3, "video": 3.0, "zip": 5.0, "unknown": 0.5}
_LONGEST = {"image": 3.0, "video": 10.0, "zip": 30.0, "unknown": 5.0}
# Questions a second in all: half of the limit for status (500).
_PER_SECOND = 250.0
# Further questions in a burst: the limit counts a minute, and so may bursts.
_BURST = 300
_SAMPLES = 64
# Fewer finished predictions do not tell how long one takes.
_ENOUGH = 4
# The shortest pause between two questions, as a part of the one before the first.
_STEP = 1 / 3
# The pause as a part of the prediction's age: what is done is found at most so much later.
_GROWTH = 0.1
# The pause between two questions where the predictions all took equally long.
_SHORTEST_SECONDS = 0.1
# Each pause is multiplied by this while few predictions are asked for.
_FEW = 0.5
# The part of the pause before the first question that a single prediction waits.
_ALONE = 1 / 6
# They are few as long as the burst that they made up is over within so many seconds.
_FEW_SECONDS = 0.05


class Polling:
    """Decides when it is asked where the predictions of one model stand."""

    def __init__(self, kind: str, *, alone: bool = False) -> None:
        self._first, self._longest = _FIRST[kind], _LONGEST[kind]
        # For a single prediction somebody waits.
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

    def usual_seconds(self) -> float | None:
        """Return the seconds that a prediction takes, as a median; None before any is known."""
        return self._at(0.5) if self._sorted else None

    def first_pause(self) -> float:
        """Return the seconds after sending at which to ask first."""
        if len(self._sorted) < _ENOUGH:
            return self._soonest
        return max(0.05, self._at(0.1) * 0.95)

    def next_pause(self, age: float) -> float:
        """Return the seconds to the next question, for a prediction of some age."""
        step = max(_STEP * self._first, _GROWTH * age)
        if len(self._sorted) >= _ENOUGH:
            spread = self._at(0.9) - self._at(0.1)
            if age < self._at(0.9) + spread:
                step = min(step, max(_SHORTEST_SECONDS, spread / 4))
        return min(self._longest, step * _FEW if self._few else step)

    def next_turn(self, now: float) -> float:
        """Return the seconds after which one may be asked for, so that all stay below the limit.

        The turn is reserved: after the wait, there is no need to ask for another one.
        """
        self._few = self._full_at - now < _FEW_SECONDS
        at = max(now, self._full_at - _BURST / _PER_SECOND)
        self._full_at = max(self._full_at, at) + 1 / _PER_SECOND
        return at - now

    def _at(self, part: float) -> float:
        return self._sorted[min(len(self._sorted) - 1, int(part * len(self._sorted)))]
