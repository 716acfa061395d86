"""The service's responses, parsed: every function returns a result or raises a named error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruna_nb import errors
from pruna_nb.api.matching import difference
from pruna_nb.api.times import date_of, moment_of, retry_after, wait_text
from pruna_nb.redact import redact_addresses
from pruna_nb.text import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

UNFINISHED = frozenset({"starting", "processing"})
FINISHED = frozenset({"succeeded", "failed", "canceled"})
_TEXT_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction, as of the service's last response.

    Parameters
    ----------
    model : str
        The model's name.
    input : dict
        Its input.
    id : str or None
        Its id at the service; None if it was finished in the very first response.
    status : str
        "starting", "processing", "succeeded", "failed" or "canceled".
    generation_url : str or None
        Where the output is, for 24 hours.
    error : str or None
        Why it failed.
    code : str or None
        The service's error code, such as "QUOTA_EXCEEDED".
    """

    model: str
    input: dict[str, Any] = field(repr=False)
    id: str | None = None
    status: str = "starting"
    generation_url: str | None = field(default=None, repr=False)
    error: str | None = None
    code: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Upload:
    """A file at the service: its URL, and when it expires (seconds since 1970)."""

    url: str
    expires_at: float
    id: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the service: its status, headers and body of limited size."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    # Whether it is the first on its connection; a later one may belong to an earlier request.
    is_first: bool = True

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - 2xx is success

    def json(self) -> dict[str, Any]:
        """Return the JSON object of the body, or raise `ReplyError`."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            start = self.body[:80].decode("utf-8", "replace")
            message = f"The response is not a JSON object; it starts with {start!r}"
            raise errors.ReplyError(message, status=self.status)
        return value


def read_created(reply: Reply, model: str, sent: dict[str, Any]) -> Prediction:
    """Return the prediction in the response to a POST, synchronous or not.

    Raises
    ------
    ReplyError
        If it names neither an id nor a finished output: the work may have been accepted.
    LostAnswerError
        If it breaks off before its id, or belongs to another request.
    """
    try:
        body = reply.json()
    except errors.ReplyError:
        # A response may break off after its id, which is paid for.
        match = re.match(rb'\s*\{\s*"id"\s*:\s*"([^"]+)"', reply.body)
        if match is None:
            start = _safe_line(reply.body[:80].decode("utf-8", "replace"))
            message = f"The response to the new prediction cannot be read; it starts with {start!r}"
            raise errors.LostAnswerError(message, status=reply.status) from None
        body = {"id": match[1].decode("utf-8", "replace")}
    other = difference(body, model, sent)
    if other:
        raise errors.LostAnswerError(f"The response belongs to another request: {other}")
    known = _identifier(body.get("id"))
    if known is None and isinstance(status_url := body.get("get_url"), str):
        known = _identifier(status_url.rstrip("/").rsplit("/", 1)[-1])
    prediction = Prediction(model, sent, known)
    status, url = _word(body.get("status")), _word(body.get("generation_url"))
    if status in {"failed", "canceled"}:
        return _ended(prediction, body)
    if url and status not in UNFINISHED:
        return replace(prediction, status="succeeded", generation_url=url)
    if known is None:
        message = "The response to the new prediction has no id"
        raise errors.ReplyError(message, status=reply.status)
    return replace(prediction, status=status) if status in UNFINISHED else prediction


def read_status(reply: Reply, prediction: Prediction) -> tuple[Prediction, bool]:
    """Return the prediction in its new state, and whether the response names its id.

    Raises
    ------
    ReplyError
        If the status is not one of the five, or another prediction's.
    """
    body = reply.json()
    named = _identifier(body.get("id"))
    other = difference(body, prediction.model, prediction.input)
    if named and prediction.id and named != prediction.id:
        other = f"its id is {named!r}"
    if other:
        message = f"The status is another prediction's: {other}"
        raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)
    status = _word(body.get("status"))
    if status in UNFINISHED:
        return replace(prediction, status=status), named is not None
    if status in FINISHED:
        return _ended(prediction, body), named is not None
    message = f"The status {_safe_line(body.get('status'), 80)!r} is not known"
    raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)


def _ended(prediction: Prediction, body: dict[str, Any]) -> Prediction:
    status = _word(body["status"])
    if status == "succeeded":
        url = _word(body.get("generation_url"))
        if not url:
            message = "The prediction succeeded, but the response has no generation_url"
            raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)
        return replace(prediction, status=status, generation_url=url)
    error, code = body.get("error"), body.get("code")
    if isinstance(error, dict):
        code = error.get("code", code)
        error = error.get("message") or error.get("details")
    message = _safe_line(body.get("message"))
    text = _safe_line(error) or message or "no reason was given"
    if not isinstance(code, str):
        matches = filter(None, map(_CODE_FIRST.match, (text, message)))
        code = next((match[1] for match in matches), None)
    return replace(
        prediction, status=status, error=text, code=_safe_line(code, 80) if code else None
    )


# A code counts at the beginning only: further on, the text may repeat a prompt.
_CODE_FIRST = re.compile(
    r"(?:Prediction failed: )?"
    r"(INVALID_INPUT|MODEL_ERROR|TIMEOUT|QUOTA_EXCEEDED|INTERNAL_ERROR)\s*(?::|$)"
)


def ended_badly(prediction: Prediction, values: Mapping[str, Any]) -> errors.ApiError:
    """Return the error of a prediction that failed or was canceled."""
    # If a text of the input begins with the code, the service has repeated that text.
    code = prediction.code
    if code and any(isinstance(v, str) and v.strip().startswith(code) for v in values.values()):
        code = None
    details: dict[str, Any] = {"code": code, "prediction_id": prediction.id}
    text = prediction.error or f"The prediction was {prediction.status}"
    if code == "QUOTA_EXCEEDED":
        return errors.QuotaError(text, **details)
    if prediction.status == "canceled":
        return errors.PredictionCanceledError(text, **details)
    return errors.PredictionFailedError(text, **details)


def read_upload(reply: Reply, now: float, lifetime: float) -> Upload:
    """Return the upload in the response to its POST.

    `now` and `lifetime`, in seconds, are for a response that does not say when the file expires.
    """
    body = reply.json()
    urls = body.get("urls")
    url = urls.get("get") if isinstance(urls, dict) else None
    if not isinstance(url, str) or not re.match(r"https?://|/", url, re.IGNORECASE):
        message = "The response to the upload has no address in urls.get"
        raise errors.ReplyError(message, status=reply.status, charged="no")
    expires_at, created_at = moment_of(body.get("expires_at")), moment_of(body.get("created_at"))
    if expires_at is not None:
        # The lifetime by the service's own clock: ours may be wrong by hours, and would then use
        # a file that is deleted, or upload one that is still there.
        begin = date_of(reply.headers.get("Date")) if created_at is None else created_at
        life = expires_at - (now if begin is None else begin)
        lifetime = life if life > 0 else lifetime
    size = body.get("size")
    return Upload(
        url,
        now + lifetime,
        _identifier(body.get("id")),
        size if isinstance(size, int) else None,
    )


_BY_STATUS: dict[int, type[errors.ApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.QuotaError,
    404: errors.NotFoundError,
    410: errors.ExpiredError,
    413: errors.TooLargeError,
    422: errors.ValidationError,
    429: errors.RateLimitError,
    503: errors.UnavailableError,
    504: errors.LostAnswerError,
    # Gateways' timeouts: the forwarded request may have been accepted.
    **dict.fromkeys((408, 460, 499), errors.LostAnswerError),
}


# A refusal that asks to wait at least so many seconds says so in its message.
_WAIT_TOLD = 60.0
_FORBIDDEN = 403
# With one of these codes, a 403 is about the account; otherwise it may be about this row's prompt,
# such as a firewall's. FORBIDDEN only repeats the status.
_ACCOUNT_CODES = frozenset(
    {
        "UNAUTHORIZED",
        "UNAUTHENTICATED",
        "INVALID_API_KEY",
        "API_KEY_INVALID",
        "ACCOUNT_SUSPENDED",
        "ACCOUNT_DISABLED",
    }
)


def read_error(reply: Reply, now: float, *, prediction_id: str | None = None) -> errors.ApiError:
    """Return the error for a response whose status is not 2xx.

    It is JSON in one of the documented forms, or a gateway's HTML; `now` is in seconds since 1970,
    for dates in its headers.
    """
    try:
        body = reply.json()
    except errors.ReplyError:
        body = {}
    code, message = _message(reply, body)
    details: dict[str, Any] = {
        "status": reply.status,
        "code": code,
        "request_id": _identifier(body.get("request_id"))
        or _identifier(reply.headers.get("x-request-id")),
        "prediction_id": prediction_id,
    }
    if code == "QUOTA_EXCEEDED":
        return errors.QuotaError(message, **details)
    if reply.status == _FORBIDDEN:
        return errors.AuthenticationError(message, account_wide=code in _ACCOUNT_CODES, **details)
    kind = _BY_STATUS.get(reply.status)
    if kind is errors.ValidationError:
        fields = body.get("invalid_fields")
        fields = fields if isinstance(fields, list) else []
        invalid = [field for field in fields if isinstance(field, dict)]
        lines = [
            f"{_safe_line(field.get('field'), 80)}: "
            f"{_safe_line(field.get('description') or field.get('type'))}"
            for field in invalid[:50]
        ]
        if lines:
            message = cut(f"{message}: {'; '.join(lines)}", _TEXT_AT_MOST)
        return errors.ValidationError(message, invalid_fields=invalid, **details)
    wait = retry_after(reply.headers, now)
    if kind in {errors.RateLimitError, errors.UnavailableError} and wait and wait >= _WAIT_TOLD:
        message = f"{message}; it asks to wait {wait_text(wait)}"
    if kind is errors.RateLimitError:
        return errors.RateLimitError(message, retry_after=wait, **details)
    if kind is None and reply.status >= 500:  # noqa: PLR2004 - the server's own errors
        kind = errors.ServerError
    elif kind is None:
        is_refusal = reply.status >= 400  # noqa: PLR2004 - the client's errors
        kind = errors.BadRequestError if is_refusal else errors.ReplyError
    return kind(message, **details)


def _message(reply: Reply, body: dict[str, Any]) -> tuple[str | None, str]:
    error = body.get("error")
    code: object = body.get("code")
    text = ""
    if isinstance(error, dict):
        code = error.get("code", code)
        text = _safe_line(error.get("message"))
        if error.get("details"):
            text = f"{text} ({_safe_line(error['details'], 300)})".strip()
    elif isinstance(error, str):
        text = _safe_line(error)
    text = text or _safe_line(body.get("detail") or body.get("title") or body.get("message"))
    if not text:
        # A gateway's HTML page, without its title, which mostly repeats the status and the text.
        page = reply.body[:4000].decode("utf-8", "replace")
        untitled = re.sub(r"(?is)<(title|style|script)\b.*?</\1\s*>", " ", page)
        lines = [_safe_line(re.sub(r"<[^>]*>", " ", html), 200) for html in (untitled, page)]
        line = next(filter(None, lines), "").removeprefix(str(reply.status)).strip()
        text = line or "no reason was given"
    return (_safe_line(code, 80) or None if isinstance(code, str) else None), text


def _word(value: object) -> str:
    """Return a value that should be text; anything else counts as missing."""
    return value if isinstance(value, str) else ""


def _safe_line(value: object, most: int = _TEXT_AT_MOST) -> str:
    """Return a text of the service as one line that is safe in a terminal, a file and a database.

    Control characters, direction marks and lone surrogates become spaces, and signatures in URLs
    are masked.
    """
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else str(value)
    except RecursionError:
        return "(nested too deeply to show)"
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * most]).split())
    return redact_addresses(line)[:most]


def _identifier(value: object) -> str | None:
    """Return a value if it is an id that is safe in a path; else None."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", text) else None
