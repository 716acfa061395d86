"""What can go wrong, as one tree.

::

    PrunaError
    ├── SettingsError            a setting is wrong (also a ValueError)
    │   └── MissingKeyError      no API key was given
    ├── UnknownModelError        no such model in the catalogue (also a LookupError)
    ├── ColumnError              no such column in the frame (also a LookupError)
    ├── InputError               an input that the model does not take (also a ValueError)
    ├── BudgetError              the run would cost more than ``max_cost_usd``
    ├── CacheError               the cache folder cannot be used (also an OSError)
    ├── MissingExtraError        an optional package is not installed (also an ImportError)
    └── ApiError                 the service, or the way to it
        ├── BadRequestError          400
        ├── AuthenticationError      401, 403: concerns the whole account, or a 403 the row
        ├── QuotaError               QUOTA_EXCEEDED: concerns the whole account
        ├── NotFoundError            404
        ├── ExpiredError             410
        ├── TooLargeError            413
        ├── ValidationError          422, with the fields that were refused
        ├── RateLimitError           429
        ├── ServerError              500, 502
        ├── UnavailableError         503
        ├── ConnectionFailedError    no connection: nothing was sent
        │   └── UntrustedCertificateError  the certificate is not trusted: nothing was sent
        ├── LostAnswerError          sent, and no answer came: 504, 408, a reset, a time-out
        ├── ReplyError               an answer that cannot be understood
        ├── PredictionFailedError    the prediction ended as failed
        ├── PredictionCanceledError  the prediction ended as canceled
        ├── PredictionTimeoutError   the prediction did not end in the time given
        └── DeliveryError            the output could not be fetched whole

Every message says what was given, what is allowed and what to do next; an `ApiError` says
also whether anything was charged.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb import tracebacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Charged = Literal["no", "yes", "unknown"]

_CHARGED_WORDS = {
    "no": "Nothing was charged.",
    "yes": "The prediction was charged.",
    "unknown": "It may have been charged.",
}


LONGEST_WAIT_SECONDS = 900.0
"""How long a refusal (429) may ask to wait before it is told instead of waited for."""


class PrunaError(Exception):
    """The root of all errors that this package raises on purpose.

    Attributes
    ----------
    frame : DataFrame or None
        What was done when a run on a frame was ended: the frame that the run would have given,
        with the rows that are not there as "pending". None where nothing was run. What ends a
        run and is no error of this package (`KeyboardInterrupt`, `SystemExit`, `MemoryError`)
        has it too.
    problems : sequence of str
        Of an error that says that a call is wrong: each mistake, where there are several.
    """

    frame: Any = None
    problems: Sequence[str] = ()

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the cell's line and the message; ``%tb`` shows all."""
        return tracebacks.render(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what `pickle` and `copy` make the error of, whatever its ``__init__`` takes.

        What cannot be pickled, such as a frame with a lock or an open file in a cell, is left out:
        an error that fails on its way out of a process says nothing of what happened there.
        """
        state = {name: value for name, value in vars(self).items() if _can_be_pickled(value)}
        if lost := [name for name in vars(self) if name not in state]:
            note = f"Left out, since it cannot be pickled: {', '.join(lost)}."
            state["__notes__"] = [*state.get("__notes__", []), note]
        args = super().__reduce__()[1]  # of an OSError with the path, which `args` has not
        return _remade, (type(self), args), state


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - a cell's own methods may raise anything
        return False
    return True


def _remade(kind: type[PrunaError], args: tuple[Any, ...]) -> PrunaError:
    error = kind.__new__(kind, *args)
    # What Python itself keeps beside `args`, such as an ImportError's message.
    super(PrunaError, error).__init__(*args)
    return error


class SettingsError(PrunaError, ValueError):
    """A setting is wrong."""


class MissingKeyError(SettingsError):
    """No API key was given, and the service needs one."""


class UnknownModelError(PrunaError, LookupError):
    """The catalogue has no model of that name."""


class ColumnError(PrunaError, LookupError):
    """The frame has no column of that name."""


class InputError(PrunaError, ValueError):
    """An input that the model does not take.

    Attributes
    ----------
    problems : list of str
        Every problem that was found, not the first alone.
    """

    def __init__(self, message: str, problems: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.problems: Sequence[str] = [str(problem) for problem in problems]


class BudgetError(PrunaError):
    """The run would cost more than was allowed; nothing was sent."""


class CacheError(PrunaError, OSError):
    """The cache folder cannot be read or written."""


class MissingExtraError(PrunaError, ImportError):
    """An optional package is needed and is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package: pip install 'pruna_nb[{extra}]'")
        self.extra = extra


class ApiError(PrunaError):
    """The service answered with an error, or could not be reached.

    Parameters
    ----------
    message : str
        What the service said, or what happened on the way.
    status : int, optional
        The HTTP status; None if no answer came.
    code : str, optional
        The service's own word for it, such as ``"CONTENT_EXPIRED"``.
    request_id : str, optional
        What to quote to the service's support.
    charged : {"no", "yes", "unknown"}
        Whether this call was charged.
    advice : str
        What to do next.
    prediction_id : str, optional
        The prediction it concerns, where one is known.
    """

    default_charged: Charged = "no"
    default_advice = ""
    account_wide = False
    """Whether other rows would only fail in the same way."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        charged: Charged | None = None,
        advice: str | None = None,
        prediction_id: str | None = None,
    ) -> None:
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.charged: Charged = self.default_charged if charged is None else charged
        self.advice = self.default_advice if advice is None else advice
        self.prediction_id = prediction_id
        super().__init__(message)

    def __str__(self) -> str:
        """Say what happened, whether it was charged and what to do."""
        # A failed prediction's reason may begin with its code already.
        code = None if self.code and self.message.startswith(self.code) else self.code
        head = " ".join(str(part) for part in (self.status, code) if part is not None)
        parts = [f"{head}: {self.message}" if head else self.message]
        parts.append(_CHARGED_WORDS[self.charged])
        if self.advice:
            parts.append(self.advice)
        said = " ".join(part if part[-1:] in ".!?" else f"{part}." for part in parts if part)
        return f"{said} (request {self.request_id})" if self.request_id else said


class BadRequestError(ApiError):
    """400: the service does not take this request."""

    default_advice = "Correct the input and run the row again."


class AuthenticationError(ApiError):
    """401 or 403: the key is missing, wrong or not allowed.

    A 403 without a code of the service for that may be about the one request (a firewall that
    takes a prompt for an attack): ``account_wide`` is False then.
    """

    default_advice = "Check PRUNA_API_KEY, or pruna_nb.configure(api_key=...)."
    account_wide = True

    def __init__(self, message: str, *, account_wide: bool = True, **more: Any) -> None:
        super().__init__(message, **more)
        if not account_wide:
            self.account_wide = False
            self.advice = (
                "If other rows are accepted, it is this input that is refused: change it. "
                "If none is, check PRUNA_API_KEY and what the key may do."
            )


class QuotaError(ApiError):
    """The account's quota is used up."""

    default_advice = "Raise the quota with the service, then run again: what is done is kept."
    account_wide = True


class NotFoundError(ApiError):
    """404: no such model, prediction or file."""

    default_advice = "Check the model's name; a prediction is forgotten after 24 hours."


class ExpiredError(ApiError):
    """410: the content lived its time and is gone."""

    default_advice = "Run the row again to make it anew."


class TooLargeError(ApiError):
    """413: a file of more than 100 MB."""

    default_advice = "Files may have at most 100 MB."


class ValidationError(ApiError):
    """422: the service names the fields that it does not take.

    Attributes
    ----------
    invalid_fields : list of dict
        As the service gave them: ``type``, ``field`` and ``description`` each.
    """

    default_advice = "Correct the fields named and run the row again."

    def __init__(
        self, message: str, *, invalid_fields: Sequence[dict[str, Any]] = (), **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.invalid_fields = list(invalid_fields)


class RateLimitError(ApiError):
    """429: more requests than the limit allows.

    Attributes
    ----------
    retry_after : float or None
        Seconds to wait, as the service says; None if it does not say. A wait of more than
        15 minutes ends a run, which says so: ``account_wide`` is True then.
    """

    default_advice = "Wait, or set the limit of your key: pruna_nb.configure(limits=...)."

    def __init__(self, message: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after
        if retry_after is not None and retry_after > LONGEST_WAIT_SECONDS:
            self.account_wide = True
            self.advice = (
                "Run again then: what is done is kept, and what was sent is not sent anew."
            )


class ServerError(ApiError):
    """500 or 502: the service failed, and does not say whether the work was accepted."""

    default_charged: Charged = "unknown"
    default_advice = "Run again to send it once more, or ask the service about the request."


class UnavailableError(ApiError):
    """503: the service takes nothing just now."""

    default_advice = "Run again later."


class ConnectionFailedError(ApiError):
    """No connection could be made, so nothing was sent."""

    default_advice = "Check the network and the address (PRUNA_API_URL)."


class UntrustedCertificateError(ConnectionFailedError):
    """The certificate of the service, or of a proxy before it, is not trusted: nothing was sent."""

    default_advice = "Name the file of its authority in REQUESTS_CA_BUNDLE, and run again."
    account_wide = True


class LostAnswerError(ApiError):
    """The request went out and no answer came back, so its fate is not known."""

    default_charged: Charged = "unknown"
    default_advice = "It is not sent again by itself: run again, or retry(), to send it anew."


class ReplyError(ApiError):
    """The service's answer cannot be understood."""

    default_charged: Charged = "unknown"
    default_advice = "If it stays so, report it with the request's number."


class PredictionFailedError(ApiError):
    """The prediction ended as failed."""

    default_charged: Charged = "unknown"
    default_advice = "Correct the input, or run the row again."


class PredictionCanceledError(ApiError):
    """The prediction ended as canceled."""

    default_charged: Charged = "unknown"
    default_advice = "Run the row again."


class PredictionTimeoutError(ApiError):
    """The prediction did not end in the time that was given."""

    default_charged: Charged = "yes"
    default_advice = "Run again to take it up where it is: it is not sent anew."


class DeliveryError(ApiError):
    """The output could not be fetched whole."""

    default_charged: Charged = "yes"
    default_advice = "Run again within 24 hours to fetch it: it is not sent anew."
