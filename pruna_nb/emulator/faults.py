"""The things that can go wrong, each with a name, and how often each is to happen."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pruna_nb.text import did_you_mean, near_names

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Of a prediction's POST, before it is accepted: nothing is charged.
        "reset_before": "POST: the connection is reset before the prediction is accepted.",
        "error_500": "POST: 500 in the documented form, not accepted.",
        "html_502": "POST: 502 as a gateway's HTML page, not accepted.",
        "html_503": "POST: 503 as a gateway's HTML page, not accepted.",
        "refuse_429": "POST: 429, whatever the limit has left; not accepted.",
        # Of a prediction's POST, after it is accepted: it runs and is charged.
        "reset_after": "POST: accepted, then the connection is reset without an answer.",
        "hang": "POST: accepted, and no answer comes as long as the client waits.",
        "error_500_after": "POST: accepted, and yet answered with 500.",
        "html_502_after": "POST: accepted, and yet answered with 502 as HTML.",
        "html_504": "POST: accepted, and yet answered with 504 as HTML.",
        "json_cut": "POST: accepted, and the answer's JSON breaks off half-way.",
        "no_id": "POST: accepted, and the answer has neither id nor addresses.",
        # Of how a prediction ends.
        "never_ends": "The prediction stays in processing for good.",
        "failed": "The prediction fails with MODEL_ERROR.",
        "canceled": "The prediction ends as canceled.",
        "quota": "The prediction fails with QUOTA_EXCEEDED, uncharged.",
        # Of the status endpoint.
        "status_404_once": "Status: 404 for the first question about a prediction.",
        "status_500": "Status: 500 in the documented form.",
        "status_502": "Status: 502 as a gateway's HTML page.",
        "status_reset": "Status: the connection is reset.",
        # Of the delivery.
        "delivery_cut": "Delivery: half of the bytes that Content-Length announces, then the end.",
        "delivery_empty": "Delivery: 200 with no bytes at all.",
        "delivery_html": "Delivery: 200 with an HTML page instead of the output.",
        "delivery_reset": "Delivery: the connection is reset half-way.",
        "delivery_410": "Delivery: 410 CONTENT_EXPIRED though its time is not over.",
        "delivery_500": "Delivery: 500 in the documented form.",
        "delivery_damaged": "Delivery: right length, but the first fetch does not decode.",
        # Of files.
        "file_expired": "An uploaded file counts as expired when a prediction reads it.",
        "files_500": "Upload: 500 in the documented form.",
        "files_reset": "Upload: the connection is reset.",
        # Of addresses: both need {"to": "http://host:port"}.
        "redirect": "Status and delivery: 302 to the same path on another host.",
        "absolute_other_host": "The addresses in answers name another host.",
    }
)
"""Every fault's name, and what it does."""

_NEED_TO: Final = frozenset({"redirect", "absolute_other_host"})
_WORDS: Final = frozenset({"probability", "first", "after", "to", "wait"})


@dataclass(slots=True)
class Fault:
    """One fault, and how many chances it has had."""

    name: str
    probability: float = 1.0  # of each chance
    first: int | None = None  # how many times it happens at most
    after: int = 0  # how many chances it lets pass before
    to: str = ""  # where an address leads, for the faults that have one
    wait: float = 1.0  # seconds to wait that a 429 names
    _chances: int = 0
    _happened: int = 0

    def happens(self, rng: random.Random) -> bool:
        """Draw, and count the chance."""
        self._chances += 1
        if self._chances <= self.after:
            return False
        if self.first is not None and self._happened >= self.first:
            return False
        if self.probability < 1 and rng.random() >= self.probability:
            return False
        self._happened += 1
        return True


class Faults:
    """All faults that are set, drawn from with a seed."""

    def __init__(self, specs: Mapping[str, Any] | None = None, *, seed: int = 0) -> None:
        self._faults = {name: _fault(name, spec) for name, spec in (specs or {}).items()}
        # One for each: a fault that is added, or drawn more often, changes nothing for the others.
        self._rngs = {name: random.Random(f"{seed}:{name}") for name in self._faults}  # noqa: S311 - no secret

    def draw(self, name: str) -> Fault | None:
        """Return the fault if it happens now, otherwise None."""
        fault = self._faults.get(name)
        return fault if fault is not None and fault.happens(self._rngs[name]) else None

    def first_of(self, names: tuple[str, ...]) -> Fault | None:
        """Return the first of these faults that happens now, otherwise None."""
        if not self._faults:
            return None
        for name in names:
            fault = self.draw(name)
            if fault is not None:
                return fault
        return None


def _fault(name: str, spec: Any) -> Fault:
    """Read one fault's setting, or say what is wrong with it."""
    if name not in FAULTS:
        hint = did_you_mean(near_names(name, FAULTS)) or f" There are {', '.join(FAULTS)}."
        raise ValueError(f"no fault {name!r}.{hint}")
    given = spec if isinstance(spec, Mapping) else {"probability": spec}
    if unknown := sorted(set(given) - _WORDS):
        raise ValueError(f"fault {name}: unknown {', '.join(unknown)}; known are {sorted(_WORDS)}")
    probability = given.get("probability", 1.0)
    if not _is_number(probability) or not 0 <= probability <= 1:
        raise ValueError(f"fault {name}: a probability is 0 to 1, not {probability!r}")
    for word in ("first", "after"):
        count = given.get(word, 0)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ValueError(f"fault {name}: {word} is a count, not {count!r}")
    wait = given.get("wait", 0.0)
    if not _is_number(wait) or not 0 <= wait < math.inf:
        raise ValueError(f"fault {name}: wait is seconds, not {wait!r}")
    fault = Fault(name, **given)
    if (name in _NEED_TO) != bool(fault.to):
        raise ValueError(f"fault {name}: {'needs' if name in _NEED_TO else 'takes no'} 'to'")
    return fault


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
