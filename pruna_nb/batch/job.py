"""One request on its way, and what became of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.text import one_line

if TYPE_CHECKING:
    from pruna_nb.api.replies import Prediction
    from pruna_nb.errors import ApiError, Charged, PrunaError
    from pruna_nb.store.entries import Entry

Status = Literal["succeeded", "failed", "canceled", "skipped", "lost", "pending"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row.

    Parameters
    ----------
    status : str
        "succeeded", "failed" or "canceled" as the service says; "skipped" (not asked for),
        "lost" (sent, and nobody knows) or "pending" (not sent yet, or not delivered yet).
    output : str or None
        The media file's path.
    error : str or None
        Why there is no output.
    seconds : float
        From sending to the file on disk.
    cost_usd : float
        What this run spent on it, as far as that is known: its price once it was accepted, also
        where its output is not here yet or expired; NaN where nobody knows.
    cached : bool
        Whether no new prediction was made for the row.
    prediction_id : str or None
        The service's name for it, where it gave one.
    cause : PrunaError or None
        The error itself, for a single call to raise.
    """

    status: Status
    output: str | None = None
    error: str | None = None
    seconds: float = 0.0
    cost_usd: float = 0.0
    cached: bool = False
    prediction_id: str | None = None
    cause: PrunaError | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class Job:
    """One request on its way to its output; several rows may share it.

    Parameters
    ----------
    key : str
        As `request_key` gives it.
    input : dict
        Its fields.
    rows : int
        How many rows share it.
    cost_usd : float or None
        Its price; None if that is not published.
    entry : Entry or None
        Its line in the journal, as it stood when it was last of use.
    prediction : Prediction or None
        As the service last told it.
    sent_at, unfinished_at, deadline : float
        When it was sent, was last seen unfinished (seconds after that), and is given up
        waiting for (`time.monotonic`).
    tries, fetches, resends : int
        Failed questions for its status, failed fetches of its output, and POSTs after one that
        was lost.
    asked_again : bool
        Whether its output was gone once, and its status was asked for again.
    missing_since : float or None
        Since when the service does not find it (`time.monotonic`); None while it does.
    may_buy : bool
        Whether it is sent anew if the service no longer has it, which the plan counted as a cost.
    on_the_wire : bool
        Whether its POST is out, and the answer is not there.
    resumed : bool
        Whether an earlier run sent it, and paid for it.
    lost : Outcome or None
        What to say of it if it is not sent again after all.
    """

    key: str
    input: dict[str, Any] = field(repr=False)
    rows: int
    cost_usd: float | None
    entry: Entry | None = None
    prediction: Prediction | None = None
    sent_at: float = field(default_factory=time.monotonic)
    unfinished_at: float = 0.0
    deadline: float = 0.0
    tries: int = 0
    fetches: int = 0
    resends: int = 0
    asked_again: bool = False
    missing_since: float | None = None
    may_buy: bool = False
    on_the_wire: bool = False
    resumed: bool = False
    lost: Outcome | None = None

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
