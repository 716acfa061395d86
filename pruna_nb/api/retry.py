"""Whether a failed call may be retried, and after how long: pure decisions."""

from __future__ import annotations

from pruna_nb import errors

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 15.0
# A 404 may come from a server of the service that has not heard of the prediction yet.
NOT_FOUND_TRIES = 5
# Our own code for an output that downloading again cannot make smaller.
OUTPUT_TOO_LARGE = "OUTPUT_TOO_LARGE"

_NOT_ACCEPTED = (errors.ConnectionFailedError, errors.UnavailableError)
_PASSING = (
    *_NOT_ACCEPTED,
    errors.ServerError,
    errors.LostAnswerError,
    errors.ReplyError,
    errors.DeliveryError,
)


def backoff(tries: int) -> float:
    """Return the seconds to wait after so many failed tries: 0.5, 1, 2, 4, 8, 15, 15, ..."""
    return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(tries - 1, 10)))


def may_create_again(error: errors.ApiError) -> bool:
    """Whether a failure proves that no work was accepted, so that a POST may be sent again.

    A refused connection and a 503 do; a 429 too, but the throttle waits for that. A lost
    response, a timeout or a 500 does not: the work may be running, and be charged.
    """
    return isinstance(error, _NOT_ACCEPTED) and not error.account_wide


def may_read_again(error: errors.ApiError, tries: int) -> bool:
    """Whether a call that only reads may be retried after so many tries."""
    if isinstance(error, errors.NotFoundError):
        return tries < NOT_FOUND_TRIES
    if error.code == OUTPUT_TOO_LARGE or error.account_wide:
        return False
    return isinstance(error, (*_PASSING, errors.RateLimitError))
