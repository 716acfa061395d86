"""What the service says, read: every reader gives a result or a named error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruna_nb import errors
from pruna_nb.api.matching import difference
from pruna_nb.api.times import date_of, moment_of, retry_after, wait_text
from pruna_nb.redact import redact_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

UNFINISHED = frozenset({"starting", "processing"})
FINISHED = frozenset({"succeeded", "failed", "canceled"})
_TEXT_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction, as the service last told it.

    Parameters
    ----------
    model : str
        The model's name.
    input : dict
        What was asked for.
    id : str or None
        The service's name for it; None if it was finished in the very first answer.
    status : str
        "starting", "processing", "succeeded", "failed" or "canceled".
    generation_url : str or None
        Where the output is, for 24 hours.
    error : str or None
        Why it failed.
    code : str or None
        The service's word for the failure, such as "QUOTA_EXCEEDED".
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
        """Whether the service is done with it, well or not."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Upload:
    """A file at the service: its address, and until when it lives (seconds since 1970)."""

    url: str
    expires_at: float
    id: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the service: its status, headers and (bounded) body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    is_first: bool = True  # on its connection: a later one may be a second answer to another

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the statuses of success

    def json(self) -> dict[str, Any]:
        """Give the body's JSON object, or raise `ReplyError`."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            start = self.body[:80].decode("utf-8", "replace")
            message = f"The answer is no JSON object but starts {start!r}"
            raise errors.ReplyError(message, status=self.status)
        return value


def read_created(reply: Reply, model: str, sent: dict[str, Any]) -> Prediction:
    """Read the answer to a new prediction, in either mode.

    Raises
    ------
    ReplyError
        If it names neither an id nor a finished output: the work may have been accepted.
    LostAnswerError
        If it breaks off before its id, or is the answer to another request.
    """
    try:
        body = reply.json()
    except errors.ReplyError:
        body = _salvaged(reply)
    other = difference(body, model, sent)
    if other:
        raise errors.LostAnswerError(f"The answer is to another request: {other}")
    known = _identifier(body.get("id")) or _id_of_address(body.get("get_url"))
    prediction = Prediction(model, sent, known)
    status, url = _word(body.get("status")), _word(body.get("generation_url"))
    if status in {"failed", "canceled"}:
        return _ended(prediction, body)
    if url and status not in UNFINISHED:
        return replace(prediction, status="succeeded", generation_url=url)
    if known is None:
        message = "The answer to the new prediction holds no id"
        raise errors.ReplyError(message, status=reply.status)
    return replace(prediction, status=status) if status in UNFINISHED else prediction


def _salvaged(reply: Reply) -> dict[str, Any]:
    """Give the id that an answer begins with which breaks off after it: it was paid for.

    Raises
    ------
    LostAnswerError
        If it breaks off before.
    """
    found = re.match(rb'\s*\{\s*"id"\s*:\s*"([^"]+)"', reply.body)
    if found is None:
        start = _plain(reply.body[:80].decode("utf-8", "replace"))
        message = f"The answer to the new prediction cannot be read; it starts {start!r}"
        raise errors.LostAnswerError(message, status=reply.status)
    return {"id": found[1].decode("utf-8", "replace")}


def read_status(reply: Reply, prediction: Prediction) -> tuple[Prediction, bool]:
    """Read where a prediction stands, and whether the answer names it by its id.

    Raises
    ------
    ReplyError
        If the answer holds none of the five known statuses, or is about another prediction.
    """
    body = reply.json()
    told = _identifier(body.get("id"))
    other = f"its id is {told!r}" if told and prediction.id and told != prediction.id else None
    other = other or difference(body, prediction.model, prediction.input)
    if other:
        message = f"The status is another prediction's: {other}"
        raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)
    status = _word(body.get("status"))
    if status in UNFINISHED:
        return replace(prediction, status=status), told is not None
    if status in FINISHED:
        return _ended(prediction, body), told is not None
    message = f"The status {_plain(body.get('status'), 80)!r} is none of the known ones"
    raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)


def _ended(prediction: Prediction, body: dict[str, Any]) -> Prediction:
    status = _word(body["status"])
    if status == "succeeded":
        url = _word(body.get("generation_url"))
        if not url:
            message = "The prediction succeeded, and the answer holds no generation_url"
            raise errors.ReplyError(message, charged="yes", prediction_id=prediction.id)
        return replace(prediction, status=status, generation_url=url)
    code, text = _code_and_text(body)
    return replace(prediction, status=status, error=text, code=code)


_CODE_FIRST = re.compile(
    r"(?:Prediction failed: )?"
    r"(INVALID_INPUT|MODEL_ERROR|TIMEOUT|QUOTA_EXCEEDED|INTERNAL_ERROR)\s*(?::|$)"
)
"""How a failure's text begins where it names a code; further on, a prompt may be repeated."""


def _code_and_text(body: dict[str, Any]) -> tuple[str | None, str]:
    error = body.get("error")
    code = body.get("code")
    if isinstance(error, dict):
        code = error.get("code", code)
        error = error.get("message") or error.get("details")
    text = _plain(error or body.get("message")) or "no reason was given"
    if not isinstance(code, str):
        texts = (text, _plain(body.get("message")))
        code = next((found[1] for found in map(_CODE_FIRST.match, texts) if found), None)
    return (_plain(code, 80) if code else None), text


def ended_badly(prediction: Prediction, given: Mapping[str, Any]) -> errors.ApiError:
    """Make the error of a prediction that failed or was canceled.

    A code that a text of the input ``given`` begins with is no code: the service repeats the text.
    """
    code = prediction.code
    if code and any(isinstance(v, str) and v.strip().startswith(code) for v in given.values()):
        code = None
    details: dict[str, Any] = {"code": code, "prediction_id": prediction.id}
    text = prediction.error or f"The prediction was {prediction.status}"
    if code == "QUOTA_EXCEEDED":
        return errors.QuotaError(text, **details)
    if prediction.status == "canceled":
        return errors.PredictionCanceledError(text, **details)
    return errors.PredictionFailedError(text, **details)


def read_upload(reply: Reply, now: float, lifetime: float) -> Upload:
    """Read the answer to an upload.

    Parameters
    ----------
    reply : Reply
        The answer.
    now : float
        Seconds since 1970, for an answer that does not say how long the file lives.
    lifetime : float
        Seconds that a file lives by default.
    """
    body = reply.json()
    urls = body.get("urls")
    url = urls.get("get") if isinstance(urls, dict) else None
    if not isinstance(url, str) or not url:
        message = "The answer to the upload holds no urls.get"
        raise errors.ReplyError(message, status=reply.status, charged="no")
    size = body.get("size")
    return Upload(
        url,
        now + (_life(body, reply.headers, now) or lifetime),
        _identifier(body.get("id")),
        size if isinstance(size, int) else None,
    )


def _life(body: dict[str, Any], headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds that a file lives, by the service's own clock where it shows it.

    Ours may be wrong by hours, and would then take a living file for dead, or a dead one for
    living.
    """
    end = moment_of(body.get("expires_at"))
    if end is None:
        return None
    begin = moment_of(body.get("created_at"))
    if begin is None:
        begin = date_of(headers.get("Date"))
    life = end - (now if begin is None else begin)
    return life if life > 0 else None


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
    # A gateway's words for "it took too long": what it passed on before may have been accepted.
    **dict.fromkeys((408, 460, 499), errors.LostAnswerError),
}


_WAIT_TOLD = 60.0
"""Seconds that a refusal asks to wait, from which on its message says so."""
_FORBIDDEN = 403
_ACCOUNT_CODES = frozenset({
    "UNAUTHORIZED", "UNAUTHENTICATED", "INVALID_API_KEY", "API_KEY_INVALID",
    "ACCOUNT_SUSPENDED", "ACCOUNT_DISABLED",
})  # fmt: skip
"""Codes with which a 403 is about the account; without one it may be about this row's prompt,
such as a firewall's. FORBIDDEN is the status once more, and says nothing."""


def read_error(reply: Reply, now: float, *, prediction_id: str | None = None) -> errors.ApiError:
    """Make the right error of an answer that is none of success.

    Parameters
    ----------
    reply : Reply
        The answer: JSON in one of the documented forms, or a gateway's HTML.
    now : float
        Seconds since 1970, for dates in its headers.
    prediction_id : str, optional
        The prediction it concerns.
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
        named = (
            [item for item in fields if isinstance(item, dict)] if isinstance(fields, list) else []
        )
        return errors.ValidationError(_with_fields(message, named), invalid_fields=named, **details)
    wait = retry_after(reply.headers, now)
    if kind in {errors.RateLimitError, errors.UnavailableError} and wait and wait >= _WAIT_TOLD:
        message = f"{message}; it asks to wait {wait_text(wait)}"
    if kind is errors.RateLimitError:
        return errors.RateLimitError(message, retry_after=wait, **details)
    if kind is None:
        kind = _unlisted(reply.status)
    return kind(message, **details)


def _unlisted(status: int) -> type[errors.ApiError]:
    if status >= 500:  # noqa: PLR2004 - the server's own errors
        return errors.ServerError
    if status >= 400:  # noqa: PLR2004 - the client's errors
        return errors.BadRequestError
    return errors.ReplyError


def _message(reply: Reply, body: dict[str, Any]) -> tuple[str | None, str]:
    error = body.get("error")
    code: object = body.get("code")
    text = ""
    if isinstance(error, dict):
        code = error.get("code", code)
        text = _plain(error.get("message"))
        if error.get("details"):
            text = f"{text} ({_plain(error['details'], 300)})".strip()
    elif isinstance(error, str):
        text = _plain(error)
    text = text or _plain(body.get("detail") or body.get("title") or body.get("message"))
    if not text:
        text = _words_of_page(reply) or "no reason was given"
    return (_plain(code, 80) or None if isinstance(code, str) else None), text


def _words_of_page(reply: Reply) -> str:
    """Give what a gateway's page says: the title mostly says the same once more, and the status."""
    page = reply.body[:4000].decode("utf-8", "replace")
    untitled = re.sub(r"(?is)<(title|style|script)\b.*?</\1\s*>", " ", page)
    words = [_plain(re.sub(r"<[^>]*>", " ", text), 200) for text in (untitled, page)]
    return next(filter(None, words), "").removeprefix(str(reply.status)).strip()


def _with_fields(message: str, fields: list[dict[str, Any]]) -> str:
    parts = [
        f"{_plain(item.get('field'), 80)}: {_plain(item.get('description') or item.get('type'))}"
        for item in fields[:50]
    ]
    return f"{message}: {'; '.join(parts)}"[:_TEXT_AT_MOST] if parts else message


def _word(value: object) -> str:
    """Give what should be text, and is taken for missing where it is not."""
    return value if isinstance(value, str) else ""


def _plain(value: object, most: int = _TEXT_AT_MOST) -> str:
    """Give what the service said as one line that a terminal, a file and a database can take.

    Control characters, marks that turn the direction of writing and halves of characters
    become spaces, and signatures in addresses are masked.
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
    """Give an id if it is one that can stand in a path and on a line."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", text) else None


def _id_of_address(address: object) -> str | None:
    return _identifier(address.rstrip("/").rsplit("/", 1)[-1]) if isinstance(address, str) else None
