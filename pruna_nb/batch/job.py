"""One request on its way, and what became of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruna_nb.text import one_line

if TYPE_CHECKING:
    from pruna_nb.api.replies import Prediction
    from pruna_nb.catalog import Model
    from pruna_nb.errors import ApiError, Charged, PrunaError
    from pruna_nb.statuses import Status
    from pruna_nb.store.entries import Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row."""

    status: Status
    output: str | None = None  # the media file's path
    error: str | None = None  # why there is no output
    seconds: float = 0.0  # from sending to the file on disk
    # What this run spent on it, as far as that is known: its price once it was accepted, also
    # where its output is not here yet or expired; NaN where nobody knows.
    cost_usd: float = 0.0
    cached: bool = False  # no new prediction was made for the row
    prediction_id: str | None = None
    cause: PrunaError | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class Job:
    """One request on its way to its output."""

    key: str
    model: Model
    input: dict[str, Any] = field(repr=False)
    rows: int  # that share it
    cost_usd: float | None  # its price; None if that is not published
    entry: Entry | None = None  # in the journal, as it stood when it was last of use
    prediction: Prediction | None = None  # as the service described it last
    # All by `time.monotonic`, as the system's clock may be set meanwhile.
    sent_at: float = field(default_factory=time.monotonic)
    deadline: float = 0.0  # when it is given up waiting for; a later run resumes it
    missing_since: float | None = None  # since when the service does not find it
    unfinished_at: float = 0.0  # seconds after sending at which it was last seen unfinished
    tries: int = 0  # failed questions where it stands, since the last answer
    fetches: int = 0  # failed downloads of its output
    resends: int = 0  # POSTs after one that was lost
    asked_again: bool = False  # its output was gone once, and its address was asked for again
    may_buy: bool = False  # sent again if the service no longer has it: the plan counts that cost
    on_the_wire: bool = False  # its POST is out, and the answer is not there
    resumed: bool = False  # an earlier run sent it, and paid for it
    lost: Outcome | None = None  # what is reported if it is not sent again after all

    @property
    def prediction_id(self) -> str | None:
        """The service's name for it, where there is one yet."""
        return self.prediction.id if self.prediction else None

    def cost_if(self, charged: Charged) -> float:
        """Return what this run spent on it in USD, as far as that is known; NaN where it is not."""
        if self.resumed or charged == "no":  # an earlier run paid for what is resumed
            return 0.0
        return math.nan if charged == "unknown" or self.cost_usd is None else self.cost_usd

    @property
    def age(self) -> float:
        """Seconds since it was sent."""
        return time.monotonic() - self.sent_at

    def outcome(self, status: Status, error: ApiError, *, charged: Charged = "yes") -> Outcome:
        """Return what became of it where it was accepted, and has no output here."""
        return Outcome(
            status,
            error=one_line(error),
            seconds=self.age,
            cost_usd=self.cost_if(charged),
            prediction_id=self.prediction_id,
            cause=error,
        )

    def unsettled(self) -> Outcome:
        """Return what is known of it as long as it is not settled."""
        if self.lost is not None and not self.prediction:
            return self.lost
        why, cost = "not sent", 0.0
        if self.prediction:
            why = "sent, and not delivered yet: run again to fetch it"
            cost = self.cost_if("yes")
        elif self.on_the_wire:
            why = "its answer had not come when the run was stopped: run again to see"
            cost = math.nan
        return Outcome("pending", error=why, cost_usd=cost, prediction_id=self.prediction_id)
