"""The endpoints of P-API, one try each: what is sent, and what comes back, typed.

The callers wait for a slot (`throttle`) and retry (`retry`): the `client` for one prediction at a
time, and the batch for many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass, field, replace
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

# How long the service holds a synchronous request before it responds asynchronously.
TRY_SYNC_SECONDS = 60.0
FILE_SECONDS = 1800.0
_REDIRECTS = 3
_REDIRECT = range(300, 400)
_NOT_MEDIA = frozenset({"application/json", "application/problem+json", "text/html"})
# Responses that end nothing: the same is asked again anyway.
_PASSING = (
    errors.RateLimitError,
    errors.ServerError,
    errors.UnavailableError,
    errors.LostAnswerError,
)
# Redirects of a POST: the service is somewhere else, and did not accept it here.
_ELSEWHERE = frozenset({301, 302, 307, 308})


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of P-API, one try each; all threads of a run share them."""

    settings: Settings
    transport: Transport
    clock: ServiceClock = field(default_factory=ServiceClock, repr=False)
    answered: Answered = field(default_factory=Answered, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Endpoints:
        """Return the endpoints of the service that the settings name."""
        return cls(settings, Transport(settings))

    def create(self, model: str, values: dict[str, Any], *, sync: bool = False) -> Prediction:
        """Create a prediction: paid work, if it is accepted.

        With `sync`, the service may wait with its response for the result (60 s).

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
        try:
            # Encoded as UTF-8 once, so that a lone surrogate is refused: as an escape it would
            # pass, and be paid for.
            json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
            body = json.dumps({"input": values}, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            message = f"The input cannot be sent as JSON: {error}. Nothing was sent."
            raise errors.InputError(message) from None

        def read(reply: Reply) -> Prediction | errors.ApiError:
            self.clock.read(reply.headers)
            if not reply.ok:
                return _refusal(reply)
            created = replies.read_created(reply, model, values)
            if identity := created.id or created.generation_url:
                self.answered.claim(identity, model, values)
            return created

        secrets = lookup_model(model).secrets_in(values)
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
        """Return the current state of a prediction.

        The service's own address is asked, whatever URL the response to the POST named.
        """
        path = "/v1/predictions/status/" + quote(str(prediction.id), safe="")

        def read(reply: Reply) -> tuple[Prediction | errors.ApiError, bool]:
            self.clock.read(reply.headers)
            if not reply.ok:
                error = replies.read_error(reply, time.time(), prediction_id=prediction.id)
                return error, reply.is_first or isinstance(error, _PASSING)
            latest, names_id = replies.read_status(reply, prediction)
            return latest, reply.is_first or names_id or not latest.finished

        result: Prediction | errors.ApiError
        try:
            result, is_certain = self.transport.ask("GET", path, read, kept=True)
            if not is_certain:
                # On a connection that is reused, a final status without an id may be a second,
                # late response about another prediction.
                result, _ = self.transport.ask("GET", path, read)
        except errors.ApiError as error:
            result = error
        if isinstance(result, replies.Prediction):
            return result
        # The question costs nothing, but the prediction is charged, if it exists.
        result.prediction_id = prediction.id
        if isinstance(result, errors.RateLimitError) or not result.account_wide:
            result.charged = "unknown" if isinstance(result, errors.NotFoundError) else "yes"
        raise result

    def deliver(
        self, prediction: Prediction, store: MediaStore, expected: str = "unknown"
    ) -> Stored:
        """Download an output, check that it is complete, and keep it.

        `expected` is the kind of the model's output: "image", "video", "zip" or "unknown".

        Raises
        ------
        DeliveryError
            If it is empty, incomplete, damaged or not media: it may be downloaded again.
        ExpiredError
            If its 24 hours are over.
        CacheError
            If it cannot be written to disk.
        """
        from pruna_nb.files.media_store import unwritable

        url = resolve(self.settings.base_url, prediction.generation_url)
        part, file = store.open_part()
        try:
            with file:
                digest = self._fetch(url, file, prediction)
            return store.commit(part, digest, expected)
        except (errors.LostAnswerError, errors.ServerError, errors.ReplyError) as error:
            # For a POST these mean that work may be lost; here the output can be downloaded again.
            raise errors.DeliveryError(
                error.message, status=error.status, prediction_id=prediction.id
            ) from None
        except errors.UntrustedCertificateError as error:
            if same_origin(self.settings.base_url, url):
                raise
            # Another host than the service's has the output, so the service may be fine.
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
        """Write the content of a URL into a file, and return its SHA-256."""
        for _ in range(_REDIRECTS + 1):
            with self.transport.download(url) as (reply, chunks):
                if reply.status in _REDIRECT and reply.headers.get("Location"):
                    target = urljoin(url, reply.headers["Location"])
                    url = resolve(self.settings.base_url, target)
                    continue
                if reply.ok:
                    return self._write(reply, chunks, file)
                error = replies.read_error(reply, time.time(), prediction_id=prediction.id)
                refused = error.account_wide or isinstance(error, errors.AuthenticationError)
                if refused and not same_origin(self.settings.base_url, url):
                    # Another host's 403, such as of an expired signature, is not about the key.
                    raise errors.DeliveryError(
                        f"The host of the output refuses it: {error.message}", status=reply.status
                    )
                raise error
        raise errors.DeliveryError("Too many redirects while downloading the output")

    def _write(self, reply: Reply, chunks: Iterator[bytes], file: BinaryIO) -> str:
        digest, size, most = hashlib.sha256(), 0, self.settings.max_output_bytes
        # A Content-Length counts compressed bytes, and the file is what they unpack to.
        header = reply.headers.get("Content-Length", "")
        encoding = reply.headers.get("Content-Encoding", "identity")
        is_exact = header.isascii() and header.isdigit() and encoding == "identity"
        announced = int(header) if is_exact else None
        if announced is not None and announced > most:
            raise _too_large(announced, most)
        media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        for chunk in chunks:
            # JSON or HTML is another request's response, or a gateway's page. Media with a wrong
            # header are accepted: their bytes say what they are.
            if not size and media_type in _NOT_MEDIA and sniff(chunk) in {None, SVG}:
                raise errors.DeliveryError(f"The output's URL returns {media_type}, not media")
            size += len(chunk)
            if size > most:
                raise _too_large(size, most)
            digest.update(chunk)
            file.write(chunk)
        if announced is not None and size != announced:
            raise errors.DeliveryError(
                f"The output is incomplete: {size:,} of {announced:,} bytes arrived"
            )
        return digest.hexdigest()

    def upload(self, file: BinaryIO, size: int, kind: MediaType, name: str) -> Upload:
        """Upload a file, streamed; the service deletes it after about 30 minutes."""
        body = Multipart("content", name + kind.suffix, kind.content_type, file, size)
        reply = self.transport.request(
            "POST", "/v1/files", headers={"Content-Type": body.content_type}, data=body
        )
        if reply.ok:
            try:
                upload = replies.read_upload(reply, time.time(), FILE_SECONDS)
                # A path, as outputs have in some answers: in an input, it would name no host.
                url = upload.url
                url = resolve(self.settings.base_url, url) if "://" not in url else url
            except errors.ReplyError as unusable:
                unusable.charged = "no"  # files cost nothing
                raise
            return replace(upload, url=url)
        error = replies.read_error(reply, time.time())
        error.charged = "no"  # files cost nothing
        raise error


def _refusal(reply: Reply) -> errors.ApiError:
    error = replies.read_error(reply, time.time())
    if reply.status in _ELSEWHERE:
        return errors.BadRequestError(
            "The service redirects to another address",
            status=reply.status,
            advice="Check the address: PRUNA_API_URL, or pruna_nb.configure(base_url=...).",
        )
    if isinstance(error, errors.ServerError) and reply.status != 500:  # noqa: PLR2004 - a gateway's
        # 502 and others: the gateway may have forwarded the request before it failed.
        return errors.LostAnswerError(
            error.message, status=error.status, request_id=error.request_id
        )
    return error


def _too_large(size: int, most: int) -> errors.DeliveryError:
    return errors.DeliveryError(
        f"The output has {size:,} bytes; the limit is {most:,}",
        code=OUTPUT_TOO_LARGE,
        advice="Raise the limit with pruna_nb.configure(max_output_bytes=...).",
    )
