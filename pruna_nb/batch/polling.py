"""When to ask again whether a prediction is finished, learnt from those that were."""

from __future__ import annotations

from bisect import insort

_FIRST = {"image": 0.3, "video": 3.0, "zip": 20.0, "unknown": 0.5}
_LONGEST = {"image": 3.0, "video": 10.0, "zip": 30.0, "unknown": 5.0}
_ASKED_A_SECOND = 250.0
"""Answers that are asked for in all, in a second: half of the status limit (500)."""
_SAMPLES = 64
_STEP = 1 / 3
"""The shortest pause between two askings, as a part of the time before the first."""
_GROWTH = 0.1
"""The pause as a part of the prediction's age: what is done is found at most so much later."""


class Polling:
    """Decides the moments at which predictions of one model are asked for.

    Parameters
    ----------
    kind : str
        What the model makes; a picture is asked for sooner than a video.
    """

    def __init__(self, kind: str) -> None:
        self._first, self._longest = _FIRST[kind], _LONGEST[kind]
        self._recent: list[float] = []
        self._sorted: list[float] = []

    def learn(self, unfinished_at: float, finished_at: float) -> None:
        """Learn from a prediction: seconds after sending when it was last unfinished, and done."""
        sample = (unfinished_at + finished_at) / 2
        self._recent.append(sample)
        insort(self._sorted, sample)
        if len(self._recent) > _SAMPLES:
            self._sorted.remove(self._recent.pop(0))

    def first(self, in_flight: int) -> float:
        """Give the seconds after sending at which to ask first."""
        if len(self._sorted) < 4:  # noqa: PLR2004 - too few to tell
            return max(self._first, in_flight / _ASKED_A_SECOND)
        return max(0.05, self._at(0.1) * 0.95)

    def again(self, age: float, in_flight: int) -> float:
        """Give the seconds to the next asking, for a prediction of some age."""
        step = max(_STEP * self._first, _GROWTH * age)
        if len(self._sorted) >= 4:  # noqa: PLR2004 - too few to tell
            spread = self._at(0.9) - self._at(0.1)
            if age < self._at(0.9) + spread:
                step = min(step, max(0.1, spread / 4))
        return min(self._longest, max(step, in_flight / _ASKED_A_SECOND))

    def _at(self, part: float) -> float:
        return self._sorted[min(len(self._sorted) - 1, int(part * len(self._sorted)))]
