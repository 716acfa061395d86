"""The options of an emulator, checked once and in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pruna_nb.catalog import ENDPOINT_LIMITS, Model, limit_for
from pruna_nb.emulator.faults import Faults
from pruna_nb.emulator.limits import WindowKind, make_window

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from typing import Self

Seconds = float | tuple[float, ...]
Refusal = Literal["ratelimit", "retry-after", "date", "bare"]

_PAIR: Final = 2
# Shorter than the service's, whose videos take minutes: a demo is to be watched.
_LATENCY_BY_OUTPUT: Final[Mapping[str, tuple[float, float]]] = {
    "image": (0.3, 1.0),
    "video": (1.0, 3.0),
    "zip": (1.0, 3.0),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How an emulator behaves; `changed` gives another one.

    Attributes
    ----------
    keys : frozenset of str or None
        The keys that are accepted; None for any that is not empty.
    limits : mapping
        Requests and seconds by a model's name, or "status", "delivery", "files"; what is
        missing has the catalogue's limit. Each key has its own.
    window : str or tuple
        "fixed", "sliding", "counter", "bucket" or ("bucket", capacity).
    refusal : {"ratelimit", "retry-after", "date", "bare"}
        How a 429 says when to come back: in RateLimit-Reset, in Retry-After as seconds or
        as a date, or not at all.
    latency : float, (float, float), mapping by model, or None
        Seconds that a prediction takes, or their range, or more than two, of which each
        prediction takes one; None for some that suit a demo.
    faults : mapping
        See `FAULTS`: a probability, or a mapping of "probability", "first", "after", "to",
        "wait".
    quota : int or None
        Predictions after which all others fail with QUOTA_EXCEEDED.
    fast : bool
        Draw next to nothing, for benchmarks.
    relative_urls : bool
        Give ``generation_url`` without a host.
    delivery_needs_key : bool
        Whether a delivery without a key is refused with 401.
    output_ttl, file_ttl : float
        Seconds that outputs and uploaded files live.
    try_sync_wait : float
        Seconds that a synchronous request waits before it gets the asynchronous answer.
    max_file_bytes : int
        The largest upload.
    extra_models : frozenset of str
        Names of models beside the catalogue's that are taken, unchecked.
    allow_unknown : bool
        Take a model of any name, unchecked; otherwise an unknown one gets 404.
    keep_alive : int
        Seconds after which an idle connection is closed.
    seed : int
        For latencies, faults and pictures that have no seed of their own.
    """

    keys: frozenset[str] | None = None
    limits: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    window: WindowKind = "fixed"
    refusal: Refusal = "ratelimit"
    latency: Seconds | Mapping[str, Seconds] | None = None
    faults: Mapping[str, Any] = field(default_factory=dict)
    quota: int | None = None
    fast: bool = False
    relative_urls: bool = False
    delivery_needs_key: bool = True
    output_ttl: float = 86_400.0
    file_ttl: float = 1_800.0
    try_sync_wait: float = 60.0
    max_file_bytes: int = 100_000_000
    extra_models: frozenset[str] = frozenset()
    allow_unknown: bool = False
    keep_alive: int = 75
    seed: int = 0

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Make options of plain values, as arguments or JSON give them.

        Raises
        ------
        TypeError, ValueError
            If a name or a value is not one of those above.
        """
        return cls().changed(given)

    def changed(self, given: Mapping[str, Any]) -> Self:
        """Return the same options with some of them changed."""
        plain = {
            name: _READERS[name](name, value) if name in _READERS else value
            for name, value in given.items()
        }
        return dataclasses.replace(self, **plain)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `read` takes again."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in values.items()
        }

    def __post_init__(self) -> None:
        # Made and thrown away: each refuses what is wrong, and there is one check of it.
        make_window(self.window, 1, 1.0)
        Faults(self.faults)
        if self.refusal not in get_args(Refusal):
            raise ValueError(f"refusal is one of {get_args(Refusal)}, not {self.refusal!r}")
        for name in ("output_ttl", "file_ttl", "try_sync_wait"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is seconds, not {getattr(self, name)!r}")

    def limit(self, name: str, model: Model | None) -> tuple[int, float]:
        """Return the requests and seconds of a model, or of an endpoint if there is no model."""
        given = self.limits.get(name)
        if given is not None:
            return given
        return ENDPOINT_LIMITS[name] if model is None else limit_for(model)

    def draw_latency(self, model: Model, rng: random.Random) -> float:
        """Draw the seconds that a prediction takes."""
        latency = self.latency
        if isinstance(latency, Mapping):
            latency = latency.get(model.name)
        if latency is None:
            latency = _LATENCY_BY_OUTPUT.get(model.output, _LATENCY_BY_OUTPUT["image"])
        if not isinstance(latency, tuple):
            return latency
        return rng.uniform(*latency) if len(latency) == _PAIR else rng.choice(latency)


def _names(name: str, value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} are a set of names, not {type(value).__name__}")
    return frozenset(str(item) for item in value)


def _limits(_: str, value: Any) -> dict[str, tuple[int, float]]:
    limits = {}
    for name, pair in dict(value or {}).items():
        try:
            requests, seconds = pair
        except (TypeError, ValueError):
            raise ValueError(f"limit of {name}: requests and seconds, not {pair!r}") from None
        make_window("fixed", requests, seconds)
        limits[name] = int(requests), float(seconds)
    return limits


def _seconds(_: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: _seconds(name, item) for name, item in value.items()}
    pair = value if isinstance(value, (list, tuple)) else (value, value)
    numbers = [
        item for item in pair if isinstance(item, (int, float)) and not isinstance(item, bool)
    ]
    is_range = len(numbers) == _PAIR and numbers[0] <= numbers[1]
    are_several = len(numbers) == len(pair) > _PAIR
    if not (is_range or are_several) or min(numbers) < 0:
        raise ValueError(f"latency: seconds, or the least and the most, not {value!r}")
    return float(value) if pair is not value else tuple(map(float, numbers))


# How plain values, as arguments or JSON have them, become those of the record.
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "extra_models": lambda name, value: _names(name, value) or frozenset(),
    "faults": lambda _, value: dict(value or {}),
    "keys": _names,
    "latency": _seconds,
    "limits": _limits,
    "window": lambda _, value: tuple(value) if isinstance(value, list) else value,
}
