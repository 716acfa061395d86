"""The service's calls, one try each: what is sent, and what comes back, typed.

Waiting for leave (`throttle`) and trying again (`retry`) are their callers' business: the
`client` for one prediction at a time, and the batch for many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urljoin

from pruna_nb import errors
from pruna_nb.api import replies
from pruna_nb.api.matching import Answered
from pruna_nb.api.multipart import Multipart
from pruna_nb.api.retry import OUTPUT_TOO_LARGE
from pruna_nb.api.times import ServiceClock
from pruna_nb.api.transport import Transport
from pruna_nb.api.urls import resolve, same_origin
from pruna_nb.catalog import lookup_model
from pruna_nb.files.kinds import SVG, sniff
from pruna_nb.redact import hide_in_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pruna_nb.api.replies import Prediction, Reply, Upload
    from pruna_nb.files.kinds import MediaType
    from pruna_nb.files.media_store import MediaStore, Stored
    from pruna_nb.settings import Settings

TRY_SYNC_SECONDS = 60.0
"""How long the service holds a synchronous request before it answers asynchronously."""
FILE_SECONDS = 1800.0
_REDIRECTS = 3
_REDIRECT = range(300, 400)
_WORDS = frozenset({"application/json", "application/problem+json", "text/html"})
_PASSING = (
    errors.RateLimitError,
    errors.ServerError,
    errors.UnavailableError,
    errors.LostAnswerError,
)
"""Answers that end nothing: what they are about is asked again anyway."""
_ELSEWHERE = frozenset({301, 302, 307, 308})
"""Redirects that say of a POST that it was not taken here."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of P-API, one try each.

    Parameters
    ----------
    settings : Settings
        Whose key, address and times are in force.
    transport : Transport
        What sends; one for all threads.
    clock : ServiceClock
        The service's time, as its answers told it.
    answered : Answered
        What was answered so far, by which another request's answer is known.
    """

    settings: Settings
    transport: Transport
    clock: ServiceClock = field(default_factory=ServiceClock, repr=False)
    answered: Answered = field(default_factory=Answered, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Calls:
        """Make the calls of a service."""
        return cls(settings, Transport(settings))

    def create(self, model: str, given: dict[str, Any], *, sync: bool = False) -> Prediction:
        """Send a new prediction: paid work, if it is accepted.

        Parameters
        ----------
        model : str
            The model's name.
        given : dict
            The input, as JSON.
        sync : bool
            Whether the service may hold the answer back until it is finished (60 s).

        Raises
        ------
        ApiError
            `ConnectionFailedError`, `RateLimitError` and `UnavailableError` prove that
            nothing was accepted; `LostAnswerError`, `ServerError` and `ReplyError` do not.
        """
        headers = {"Model": model, "Content-Type": "application/json"}
        seconds = self.settings.timeout
        if sync:
            headers["Try-Sync"] = "true"
            seconds += TRY_SYNC_SECONDS
        body = _as_json(given)

        def read(reply: Reply) -> Prediction | errors.ApiError:
            self.clock.read(reply.headers)
            if not reply.ok:
                return _refusal(reply)
            created = replies.read_created(reply, model, given)
            name = created.id or created.generation_url
            if name:
                self.answered.claim(name, model, given)
            return created

        secrets = lookup_model(model).secrets_in(given)
        try:
            created = self.transport.ask(
                "POST",
                "/v1/predictions",
                read,
                headers=headers,
                data=body,
                read_seconds=seconds,
                keep_part=True,
            )
        except errors.ApiError as error:
            raise hide_in_error(error, secrets) from None
        if isinstance(created, errors.ApiError):
            raise hide_in_error(created, secrets)
        return created

    def status(self, prediction: Prediction) -> Prediction:
        """Ask where a prediction stands.

        Its id is asked for at the service's own address, whatever address the answer gave.
        """
        path = "/v1/predictions/status/" + quote(str(prediction.id), safe="")

        def read(reply: Reply) -> tuple[Prediction | errors.ApiError, bool]:
            self.clock.read(reply.headers)
            if not reply.ok:
                error = replies.read_error(reply, time.time(), prediction_id=prediction.id)
                return error, reply.is_first or isinstance(error, _PASSING)
            now, names_id = replies.read_status(reply, prediction)
            return now, reply.is_first or names_id or not now.finished

        now: Prediction | errors.ApiError
        try:
            now, is_certain = self.transport.ask("GET", path, read, kept=True)
            if not is_certain:
                # On a connection that is kept, an end that names no id may be a second, late
                # answer about another prediction.
                now, _ = self.transport.ask("GET", path, read)
        except errors.ApiError as error:
            now = error
        if isinstance(now, replies.Prediction):
            return now
        # What is not charged is the question; the prediction is, if there ever was one.
        now.prediction_id = prediction.id
        if isinstance(now, errors.RateLimitError) or not now.account_wide:
            now.charged = "unknown" if isinstance(now, errors.NotFoundError) else "yes"
        raise now

    def deliver(
        self, prediction: Prediction, store: MediaStore, expected: str = "unknown"
    ) -> Stored:
        """Fetch an output, check that it is whole, and keep it.

        Parameters
        ----------
        prediction : Prediction
            One that succeeded.
        store : MediaStore
            Where the bytes are kept.
        expected : str
            What the model makes: "image", "video", "zip" or "unknown".

        Raises
        ------
        DeliveryError
            If it is empty, cut short, damaged or not media: it may be fetched again.
        ExpiredError
            If it lived its 24 hours.
        CacheError
            If the disk does not take it.
        """
        from pruna_nb.files.media_store import unwritable

        url = resolve(self.settings.base_url, prediction.generation_url)
        part, file = store.open_part()
        try:
            with file:
                digest = self._fetch(url, file, prediction)
            return store.commit(part, digest, expected)
        except (errors.LostAnswerError, errors.ServerError, errors.ReplyError) as error:
            # What it means for a POST, it does not mean here: the output is there to be fetched.
            raise errors.DeliveryError(
                error.message, status=error.status, prediction_id=prediction.id
            ) from None
        except errors.UntrustedCertificateError as error:
            if same_origin(self.settings.base_url, url):
                raise
            # The output's host is another: what is wrong with it says nothing of the service.
            raise errors.DeliveryError(
                f"{error.message}. {error.advice}", prediction_id=prediction.id
            ) from None
        except errors.ApiError as error:
            error.prediction_id = prediction.id
            if isinstance(error, errors.RateLimitError) or not error.account_wide:
                error.charged = "yes"
            if isinstance(error, errors.ConnectionFailedError):
                error.advice = errors.DeliveryError.default_advice
            raise
        except errors.CacheError:
            raise
        except OSError as error:
            raise unwritable(store.folder, error) from None
        finally:
            with contextlib.suppress(OSError):  # the folder may be gone
                part.unlink(missing_ok=True)

    def _fetch(self, url: str, file: BinaryIO, prediction: Prediction) -> str:
        """Write what an address gives into a file, and give its SHA-256."""
        for _ in range(_REDIRECTS + 1):
            with self.transport.download(url) as (reply, chunks):
                if reply.status in _REDIRECT and reply.headers.get("Location"):
                    there = urljoin(url, reply.headers["Location"])
                    url = resolve(self.settings.base_url, there)
                    continue
                if not reply.ok:
                    raise self._undelivered(url, reply, prediction)
                return self._write(reply, chunks, file)
        raise errors.DeliveryError("The output's address leads from one to the next without end")

    def _undelivered(self, url: str, reply: Reply, prediction: Prediction) -> errors.ApiError:
        error = replies.read_error(reply, time.time(), prediction_id=prediction.id)
        refused = error.account_wide or isinstance(error, errors.AuthenticationError)
        if refused and not same_origin(self.settings.base_url, url):
            # Another host's 403, such as of a signature that ran out, says nothing of the account.
            text = f"The host of the output does not give it: {error.message}"
            return errors.DeliveryError(text, status=reply.status)
        return error

    def _write(self, reply: Reply, chunks: Iterator[bytes], file: BinaryIO) -> str:
        digest, size, most = hashlib.sha256(), 0, self.settings.max_output_bytes
        told = _length(reply)
        if told is not None and told > most:
            raise _too_large(told, most)
        for chunk in chunks:
            if not size:
                _check_kind(reply, chunk)
            size += len(chunk)
            if size > most:
                raise _too_large(size, most)
            digest.update(chunk)
            file.write(chunk)
        if told is not None and size != told:
            raise errors.DeliveryError(f"The output was cut short: {size:,} of {told:,} bytes came")
        return digest.hexdigest()

    def upload(self, file: BinaryIO, size: int, kind: MediaType, name: str) -> Upload:
        """Send a file, streamed; it lives about 30 minutes at the service.

        Parameters
        ----------
        file : binary file
            At its start.
        size : int
            Its bytes.
        kind : MediaType
            What it is.
        name : str
            What the service is told it is called.
        """
        body = Multipart("content", name + kind.suffix, kind.content_type, file, size)
        reply = self.transport.request(
            "POST", "/v1/files", headers={"Content-Type": body.content_type}, data=body
        )
        if reply.ok:
            return replies.read_upload(reply, time.time(), FILE_SECONDS)
        error = replies.read_error(reply, time.time())
        error.charged = "no"  # files cost nothing
        raise error


def _as_json(given: dict[str, Any]) -> bytes:
    """Return a prediction's body."""
    try:
        # As UTF-8, so that half a character (a lone surrogate) is refused here: as an escape it
        # would pass, and be paid for.
        json.dumps(given, allow_nan=False, ensure_ascii=False).encode()
        return json.dumps({"input": given}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.InputError(f"The input is no JSON: {error}. Nothing was sent.") from None


def _refusal(reply: Reply) -> errors.ApiError:
    error = replies.read_error(reply, time.time())
    if reply.status in _ELSEWHERE:
        return errors.BadRequestError(
            "The service is at another address",
            status=reply.status,
            advice="Check the address: PRUNA_API_URL, or pruna_nb.configure(base_url=...).",
        )
    if isinstance(error, errors.ServerError) and reply.status != 500:  # noqa: PLR2004 - a gateway's
        # 502 and the like: the gateway may have passed the request on before it failed.
        return errors.LostAnswerError(
            error.message, status=error.status, request_id=error.request_id
        )
    return error


def _check_kind(reply: Reply, start: bytes) -> None:
    """Raise DeliveryError for an answer of words: another request's, or a gateway's page.

    Media under a header that is wrong are taken: the bytes say what they are.
    """
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _WORDS and sniff(start) in {None, SVG}:
        raise errors.DeliveryError(f"The output's address gives {kind}, which is no media")


def _length(reply: Reply) -> int | None:
    text = reply.headers.get("Content-Length", "")
    encoded = reply.headers.get("Content-Encoding", "identity") != "identity"
    return int(text) if text.isascii() and text.isdigit() and not encoded else None


def _too_large(size: int, most: int) -> errors.DeliveryError:
    return errors.DeliveryError(
        f"The output is larger than is taken: {size:,} bytes, allowed are {most:,}",
        code=OUTPUT_TOO_LARGE,
        advice="If it is right, allow more: pruna_nb.configure(max_output_bytes=...).",
    )
