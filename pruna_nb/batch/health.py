"""When refusals or silence of the service end a run: decisions alone, which the run carries out."""

from __future__ import annotations

import threading
import time
from collections import Counter

from pruna_nb import errors

OUTAGE_SECONDS = 180.0
"""How long the service may accept nothing, or be out of reach in mid-run, before the run ends."""
# A wrong address should be reported soon: so long may a run fail to connect at all.
_FIRST_OUTAGE_SECONDS = 12.0
_LIMITED_AT_MOST = 20
# How many 403 in a row are no prompt's doing, as a firewall's may be: as many as were accepted so
# far, within these bounds. Refused rows gather at the end of a run, where the others are done.
_FORBIDDEN = range(10, 200)


class Health:
    """Counts what the service refuses, and since when it has not answered."""

    def __init__(self, workers: int) -> None:
        self.reached_at: float | None = None
        self.outages = 0  # tries in a row that the service surely did not accept
        self._workers = workers  # each may meet a refusal that the others have met already
        self._lock = threading.Lock()
        self._limited = 0
        self._forbidden: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()

    def answered(self) -> None:
        """Record an answer other than 429."""
        self.reached_at = time.monotonic()
        self.outages = self._limited = 0

    def accepted(self, endpoint: str) -> None:
        """Record a success of an endpoint."""
        with self._lock:
            self._forbidden[endpoint] = 0
            self._accepted[endpoint] += 1

    def is_limited_for_good(self, error: errors.RateLimitError) -> bool:
        """Count a 429; return whether the run should end by it."""
        with self._lock:
            self._limited += 1
            return error.account_wide or self._limited >= _LIMITED_AT_MOST + self._workers

    def is_gone(self, error: errors.ApiError, started_at: float) -> bool:
        """Count a failed try; return whether the service has accepted nothing for too long."""
        self.outages += 1
        never_there = self.reached_at is None and isinstance(error, errors.ConnectionFailedError)
        patience = _FIRST_OUTAGE_SECONDS if never_there else OUTAGE_SECONDS
        return self.silent_seconds(started_at) > patience

    def silent_seconds(self, started_at: float) -> float:
        """Return the seconds since the last answer, or since the run's start without one."""
        return time.monotonic() - (self.reached_at or started_at)

    def forbidden(
        self, endpoint: str, error: errors.AuthenticationError
    ) -> errors.AuthenticationError | None:
        """Count a 403 that does not say whether it is about the account or about one request.

        The error that is returned should end the run: so many in a row are no single row's doing.
        """
        with self._lock:
            self._forbidden[endpoint] += 1
            count = self._forbidden[endpoint]
            enough = min(max(_FORBIDDEN.start, self._accepted[endpoint]), _FORBIDDEN.stop)
        if count < enough:
            return None
        return errors.AuthenticationError(
            f"{count} requests in a row were refused, none was accepted between: {error.message}",
            status=error.status,
            code=error.code,
            request_id=error.request_id,
        )
