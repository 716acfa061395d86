"""When refusals of single requests end a run: too many of them, or all alike."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from pruna_nb import errors

if TYPE_CHECKING:
    from pruna_nb.batch.run import Run

_LIMITED_AT_MOST = 20
_FORBIDDEN = range(10, 200)
"""How many 403 in a row are no prompt's doing, as a firewall's may be: as many as were accepted so
far, within these bounds. Refused rows gather at the end of a run, where the others are done."""


class Refusals:
    """Counts what a run is refused, and stops it where going on would only be refused too.

    Parameters
    ----------
    run : Run
        The run to stop.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._limited = 0
        self._forbidden: Counter[str] = Counter()
        self._allowed: Counter[str] = Counter()

    def answered(self) -> None:
        """Note that the service answered otherwise than with 429."""
        self._limited = 0

    def allowed(self, endpoint: str) -> None:
        """Note a success of an endpoint."""
        with self._lock:
            self._forbidden[endpoint] = 0
            self._allowed[endpoint] += 1

    def limited(self, error: errors.RateLimitError) -> None:
        """Note a 429."""
        with self._lock:
            self._limited += 1
            too_many = self._limited >= _LIMITED_AT_MOST + self.run.settings.workers
        if too_many or error.account_wide:
            self.run.stop_sending(error)

    def forbidden(self, endpoint: str, error: errors.AuthenticationError) -> None:
        """Note a 403 that does not say whether it is about the account or about one request.

        The next request is one from elsewhere in the table: neighbours may be alike.
        """
        with self._lock:
            self._forbidden[endpoint] += 1
            count = self._forbidden[endpoint]
            least = min(max(_FORBIDDEN.start, self._allowed[endpoint]), _FORBIDDEN.stop)
        if count < least:
            self.run.schedule.go_on_elsewhere()
            return
        message = f"{count} requests in a row were refused, none was accepted between: "
        self.run.stop_sending(
            errors.AuthenticationError(
                message + error.message,
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            )
        )
