"""The errors of this package, as one tree.

::

    PrunaError
    ├── SettingsError            a setting is wrong (also a ValueError)
    │   └── MissingKeyError      no API key was given
    ├── UnknownModelError        no such model in the catalogue (also a LookupError)
    ├── ColumnError              no such column in the frame (also a LookupError)
    ├── InputError               an input that the model does not accept (also a ValueError)
    ├── BudgetError              the run would cost more than a limit allows
    ├── CacheError               the cache folder cannot be used (also an OSError)
    ├── StorageError             a storage at an address cannot be read or written
    ├── MissingExtraError        an optional package is not installed (also an ImportError)
    └── ApiError                 the service, or the way to it
        ├── BadRequestError          400
        ├── AuthenticationError      401, 403: about the whole account (a 403 perhaps about the row)
        ├── QuotaError               QUOTA_EXCEEDED: about the whole account
        ├── NotFoundError            404
        ├── ExpiredError             410
        ├── TooLargeError            413
        ├── ValidationError          422, with the fields that were refused
        ├── RateLimitError           429
        ├── ServerError              500, 502
        ├── UnavailableError         503: temporarily unavailable
        ├── ConnectionFailedError    no connection: nothing was sent
        │   └── UntrustedCertificateError  the certificate is not trusted: nothing was sent
        ├── LostAnswerError          sent, and no response came: 504, 408, a reset, a timeout
        ├── ReplyError               a response that cannot be understood
        ├── PredictionFailedError    the prediction ended as failed
        ├── PredictionCanceledError  the prediction ended as canceled
        ├── PredictionTimeoutError   the prediction did not end in the time given
        └── DeliveryError            the output could not be downloaded completely

Every message says what was given, what is allowed and what to do next; an `ApiError` also says
whether anything was charged.
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


# A 429 that asks to wait longer ends the run with an error, instead of a silent wait.
LONGEST_WAIT_SECONDS = 900.0


class PrunaError(Exception):
    """The base class of all errors that this package raises on purpose.

    Attributes
    ----------
    frame : DataFrame or None
        The partial result of a run on a frame that was stopped: the frame that the run would have
        returned, with unfinished rows as "pending". None if nothing was run. Other exceptions
        that stop a run (`KeyboardInterrupt`, `SystemExit`, `MemoryError`) get it too.
    problems : sequence of str
        If a call has several mistakes: each of them.
    """

    frame: Any = None
    problems: Sequence[str] = ()

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the cell's line and the message; ``%tb`` shows all."""
        return tracebacks.render(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what `pickle` and `copy` rebuild the error from, whatever its ``__init__`` takes.

        Attributes that cannot be pickled, such as a frame with a lock or an open file in a cell,
        are left out: if pickling failed, the parent process would not see the error at all.
        """
        state, lost = {}, []
        for name, value in vars(self).items():
            try:
                pickle.dumps(value)
            except Exception:  # noqa: BLE001 - the methods of a cell's value may raise anything
                lost.append(name)
            else:
                state[name] = value
        if lost:
            note = f"Left out, since it cannot be pickled: {', '.join(lost)}."
            state["__notes__"] = [*state.get("__notes__", []), note]
        # An OSError has its path here, and not in `args`.
        args = super().__reduce__()[1]
        return _remade, (type(self), args), state


def attach_frame(error: BaseException, frame: Any) -> None:
    """Let what ended a run carry the frame of what is done, a `KeyboardInterrupt` too."""
    vars(error)["frame"] = frame


def attached_frame(error: BaseException) -> Any:
    """Return the frame that an error carries; None if it carries none."""
    return vars(error).get("frame")


def _remade(kind: type[PrunaError], args: tuple[Any, ...]) -> PrunaError:
    error = kind.__new__(kind, *args)
    # Some built-in classes keep more than `args`, such as ImportError its message.
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
    """An input that the model does not accept.

    Attributes
    ----------
    problems : list of str
        All problems that were found, not only the first.
    """

    def __init__(self, message: str, problems: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.problems: Sequence[str] = [str(problem) for problem in problems]


class BudgetError(PrunaError):
    """The run would cost more than ``max_cost_usd`` or the day's limit; nothing more was sent."""


class CacheError(PrunaError, OSError):
    """The cache folder cannot be read or written."""


class StorageError(PrunaError):
    """A storage at an address, such as ``s3://bucket/folder``, cannot be read or written."""


class MissingExtraError(PrunaError, ImportError):
    """An optional package is needed that is not installed."""

    def __init__(self, what: str, extra: str, also: str = "") -> None:
        packages = f"'pruna_nb[{extra}]' {also}".strip()
        super().__init__(f"{what} needs an optional package: pip install {packages}")
        self.extra = extra


class ApiError(PrunaError):
    """The service answered with an error, or could not be reached.

    Parameters
    ----------
    message : str
        What the service said, or what happened to the connection.
    status : int, optional
        The HTTP status; None if no response came.
    code : str, optional
        The service's error code, such as ``"CONTENT_EXPIRED"``.
    request_id : str, optional
        The id to quote to the service's support.
    charged : {"no", "yes", "unknown"}
        Whether this call was charged.
    advice : str
        What to do next.
    prediction_id : str, optional
        The prediction that the error is about, if known.
    """

    # For what says that nothing was accepted: only an accepted prediction is charged.
    default_charged: Charged = "no"
    default_advice = ""
    account_wide = False  # whether all other rows would fail in the same way, so that the run ends

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
        """Return what happened, whether it was charged and what to do."""
        # The message of a failed prediction may begin with its code already.
        code = None if self.code and self.message.startswith(self.code) else self.code
        head = " ".join(str(part) for part in (self.status, code) if part is not None)
        parts = [f"{head}: {self.message}" if head else self.message]
        parts.append(_CHARGED_WORDS[self.charged])
        if self.advice:
            parts.append(self.advice)
        text = " ".join(part if part[-1:] in ".!?" else f"{part}." for part in parts if part)
        return f"{text} (request {self.request_id})" if self.request_id else text


class BadRequestError(ApiError):
    """400: the service does not accept this request."""

    default_advice = "Correct the input and run the row again."


class AuthenticationError(ApiError):
    """401 or 403: the key is missing, wrong or not allowed.

    A 403 without one of the service's own codes may be about a single request (a firewall that
    takes a prompt for an attack): ``account_wide`` is False then.
    """

    default_advice = (
        "Enter a key with pruna_nb.login(), or check PRUNA_API_KEY or configure(api_key=...)."
    )
    account_wide = True

    def __init__(self, message: str, *, account_wide: bool = True, **more: Any) -> None:
        super().__init__(message, **more)
        if not account_wide:
            self.account_wide = False
            self.advice = (
                "If other rows are accepted, this input is refused: change it. "
                "If all rows are refused, check the key and its permissions: pruna_nb.login()."
            )


class QuotaError(ApiError):
    """The account's quota is used up."""

    default_advice = "Raise the quota with the service, then run again: finished outputs are kept."
    account_wide = True


class NotFoundError(ApiError):
    """404: no such model, prediction or file."""

    default_advice = "Check the model's name; predictions are deleted after 24 hours."


class ExpiredError(ApiError):
    """410: the content has expired and is deleted."""

    default_advice = "Run the row again to generate it once more."


class TooLargeError(ApiError):
    """413: a file of more than 100 MB."""

    default_advice = "Files may be at most 100 MB."


class ValidationError(ApiError):
    """422: the service names the fields that it does not accept.

    Attributes
    ----------
    invalid_fields : list of dict
        As the service sent them, each with ``type``, ``field`` and ``description``.
    """

    default_advice = "Correct these fields and run the row again."

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
        Seconds to wait, as the service says; None if it does not say. If it is more than
        15 minutes, the run ends: ``account_wide`` is True then.
    """

    default_advice = "Wait, or set your key's limit: pruna_nb.configure(limits=...)."

    def __init__(self, message: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after
        if retry_after is not None and retry_after > LONGEST_WAIT_SECONDS:
            self.account_wide = True
            self.advice = "Run again after that time: finished and sent rows are not sent again."


class ServerError(ApiError):
    """500 or 502: the service failed, and it is unknown whether the work was accepted."""

    # Nor can it be sent again to find out: the API has no key that makes two requests one.
    default_charged: Charged = "unknown"
    default_advice = "Run again to send it once more, or ask the service about the request."


class UnavailableError(ApiError):
    """503: the service is temporarily unavailable."""

    # Of the gateways' errors the only one that proves that nothing was accepted.
    default_advice = "Run again later."


class ConnectionFailedError(ApiError):
    """No connection could be made: nothing was sent."""

    default_advice = "Check the network and the address (PRUNA_API_URL)."


class UntrustedCertificateError(ConnectionFailedError):
    """The certificate of the service, or of a proxy, is not trusted: nothing was sent."""

    default_advice = "Set REQUESTS_CA_BUNDLE to its certificate authority's file, and run again."
    account_wide = True


class LostAnswerError(ApiError):
    """The request was sent and no response came: whether it was accepted is unknown."""

    default_charged: Charged = "unknown"
    default_advice = (
        "It is not resent automatically. Call retry(), or run again, to send it once more."
    )


class ReplyError(ApiError):
    """The service's response cannot be understood."""

    # It may be what is left of an accepted prediction's answer, such as JSON that breaks off.
    default_charged: Charged = "unknown"
    default_advice = "If it happens again, report it with the request's id."


class PredictionFailedError(ApiError):
    """The prediction ended as failed."""

    default_charged: Charged = "unknown"
    default_advice = "Correct the input, or run the row again."


class PredictionCanceledError(ApiError):
    """The prediction ended as canceled."""

    default_charged: Charged = "unknown"
    default_advice = "Run the row again."


class PredictionTimeoutError(ApiError):
    """The prediction did not finish within the timeout."""

    # It was accepted and goes on at the service, which knows nothing of the time given here.
    default_charged: Charged = "yes"
    default_advice = "Run again to resume it; nothing is sent or paid again."


class DeliveryError(ApiError):
    """The output could not be downloaded completely."""

    # The service deletes outputs after 24 hours; a later run would have to make it again.
    default_charged: Charged = "yes"
    default_advice = "Run again within 24 hours to download it; nothing is sent or paid again."
