"""Whether the service accepts a key: the status of a prediction that does not exist is asked."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pruna_nb import errors
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.replies import Prediction
from pruna_nb.api.throttle import throttle_for
from pruna_nb.catalog import ENDPOINT_LIMITS

if TYPE_CHECKING:
    from pruna_nb.settings import Settings

Verdict = Literal["accepted", "not accepted", "not checked"]
_SECONDS_AT_MOST = 15.0
_REFUSED = frozenset({401, 403})
# What says nothing about the key: it may come from a gateway, or before the key is looked at.
_SILENT = (
    errors.ConnectionFailedError,
    errors.LostAnswerError,
    errors.RateLimitError,
    errors.ReplyError,
    errors.ServerError,
    errors.UnavailableError,
)


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What the service says to a key.

    Parameters
    ----------
    verdict : {"accepted", "not accepted", "not checked"}
        The result.
    reason : str
        Why it is not accepted, or was not checked; without the key.
    """

    verdict: Verdict
    reason: str = ""


def check_key(settings: Settings) -> KeyCheck:
    """Ask the service whether it accepts a key; nothing is paid, whatever it answers.

    One GET for the status of an id that no prediction has: an accepted key gets 404, another
    one 401 or 403.
    """
    settings = replace(settings, timeout=min(settings.timeout, _SECONDS_AT_MOST))
    slot = throttle_for(settings, "status", ENDPOINT_LIMITS["status"]).take()
    if isinstance(slot, float):
        return KeyCheck("not checked", "this key's limit of status requests is used up just now")
    endpoints = Endpoints.of(settings)
    failure: errors.ApiError | None = None
    try:
        endpoints.status(Prediction("", {}, uuid.uuid4().hex))
    except errors.ApiError as error:
        failure = error
    finally:
        throttle_for(settings, "status", ENDPOINT_LIMITS["status"]).give_back(slot, failure)
        endpoints.transport.close()
    return _read(failure)


def _read(failure: errors.ApiError | None) -> KeyCheck:
    if failure is None:
        return KeyCheck("accepted")
    status = "" if failure.status is None else f"{failure.status}: "
    reason = f"{status}{failure.message}"
    if failure.status in _REFUSED or isinstance(failure, errors.AuthenticationError):
        return KeyCheck("not accepted", reason)
    is_redirect = failure.status is not None and 300 <= failure.status < 400  # noqa: PLR2004
    if failure.status is None or is_redirect or isinstance(failure, _SILENT):
        return KeyCheck("not checked", reason)
    return KeyCheck("accepted")
