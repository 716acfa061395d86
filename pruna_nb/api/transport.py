"""One request over HTTP; the key goes to the service's own address only."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers, get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError, ReadTimeoutError

from pruna_nb import errors
from pruna_nb.api.certificates import CA_VARIABLES, trusted_authorities
from pruna_nb.api.connections import Exchange, Pools
from pruna_nb.api.replies import Reply
from pruna_nb.api.urls import check_public, host_of, origin_of, same_origin
from pruna_nb.forks import renew_in_child
from pruna_nb.redact import hide_in_bytes, hide_in_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import HTTPResponse

    from pruna_nb.settings import Settings

# A larger JSON response is an error: it would fill the memory.
MAX_REPLY_BYTES = 8 * 1024**2
CHUNK_BYTES = 256 * 1024
# A download that is slower than this for the length of the timeout is stopped.
_LEAST_BYTES_A_SECOND = 1024
_HEADERS = {**default_headers(), "User-Agent": "pruna_nb"}
_HERE = "loopback"
# What urllib3, http.client, ssl and sockets raise if a request or its response cannot go on.
_BROKEN = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)
_WRAPPED_AT_MOST = 6
T = TypeVar("T")


class Transport:
    """Sends requests: with the key to the service, and without it to other hosts.

    Requests go to a connection directly. A session of requests would add cookies, .netrc and hooks
    to them, which must not be, and urllib3's pools would hide whether a request that failed was
    sent: see `connections`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Once: it parses the address anew (36 us), and each request asks for it.
        self._service = settings.service
        self._proxies: dict[str, str] = {}
        self._verify: bool | str | None = None
        self._pools: Pools | None = None
        self._pid = 0
        self._lock = threading.Lock()
        renew_in_child(self)

    def __repr__(self) -> str:
        return f"Transport({self.settings.base_url!r})"

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: object = None,
        read_seconds: float | None = None,
        keep_part: bool = False,
    ) -> Reply:
        """Send a request to the service, and return its whole response; see `ask`."""
        return self.ask(
            method,
            path,
            lambda reply: reply,
            headers=headers,
            data=data,
            read_seconds=read_seconds,
            keep_part=keep_part,
        )

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[Reply], T],
        *,
        headers: Mapping[str, str] | None = None,
        data: object = None,
        read_seconds: float | None = None,
        keep_part: bool = False,
        kept: bool = False,
    ) -> T:
        """Send a request to the service, and return what `read` makes of the response (8 MiB).

        Parameters
        ----------
        read : callable
            Reads the response. If it raises, the response was not one to this request, and the
            connection is not used again: the true response may still come on it.
        read_seconds : float, optional
            How long the whole response may take; by default the settings' timeout.
        keep_part : bool
            Whether to read a successful response that breaks off: it may begin with the id of
            paid work.
        kept : bool
            Whether a connection may be reused. A late second response to an earlier request may
            then be read for this one, so the reader must look at ``Reply.is_first``.

        Raises
        ------
        ConnectionFailedError
            If not a byte of the request was sent.
        LostAnswerError
            If the request, or a part of it, was sent, and no whole response came back.
        ReplyError
            If the response is too large.
        """
        url = self.settings.base_url + path
        seconds = read_seconds or self.settings.timeout
        with self._sent(method, url, seconds, headers=headers, data=data, kept=kept) as sent:
            answer, connection = sent
            body, problem = self._body_of(answer, connection, seconds)
            reply = self._reply(answer, body, is_first=connection.is_first)
            # The status alone tells that a request was refused, even without the body.
            if problem is not None and (reply.ok and not (keep_part and body)):
                raise problem
            return read(reply)

    def _body_of(
        self, answer: HTTPResponse, connection: Any, seconds: float
    ) -> tuple[bytes, errors.LostAnswerError | None]:
        """Return the body of a response, or its first part and the error at which it broke off."""
        body = bytearray()
        try:
            while piece := answer.read1(CHUNK_BYTES, decode_content=True):
                body += piece
                if len(body) > MAX_REPLY_BYTES:
                    message = f"The response is larger than {MAX_REPLY_BYTES:,} bytes"
                    raise errors.ReplyError(message, status=answer.status)
        except _BROKEN as error:
            connection.is_spoilt = True  # the rest may still come
            return self._safe(body), _lost(error, seconds)
        return self._safe(body), None

    def _safe(self, body: bytes | bytearray) -> bytes:
        return hide_in_bytes(bytes(body), self.settings.require_key())

    def _reply(self, answer: HTTPResponse, body: bytes = b"", *, is_first: bool = True) -> Reply:
        key = self.settings.require_key()
        headers = CaseInsensitiveDict(
            {name: hide_in_text(value, key) for name, value in answer.headers.items()}
        )
        return Reply(answer.status, headers, body, is_first)

    @contextlib.contextmanager
    def download(self, url: str) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Open an output: yield its status and headers, and its bytes as they come.

        Only the service's own address gets the key. The caller has checked the URL with
        `urls.resolve`, and does so with each redirect.
        """
        seconds = self.settings.timeout
        with self._sent("GET", url, seconds) as (answer, connection):
            reply = self._reply(answer)
            if not reply.ok:
                reply = self._reply(answer, self._body_of(answer, connection, seconds)[0])
            yield reply, self._pieces(answer, connection)

    def _pieces(self, answer: HTTPResponse, connection: Any) -> Iterator[bytes]:
        """Yield the bytes of an output; a minimum must come within each timeout."""
        seconds, size = self.settings.timeout, 0
        due = least = seconds * _LEAST_BYTES_A_SECOND
        while True:
            try:
                piece = answer.read1(CHUNK_BYTES, decode_content=True)
            except _BROKEN as error:
                if _is_time_out(error):
                    raise errors.DeliveryError(
                        f"The output comes too slowly: {size:,} bytes, then fewer than "
                        f"{least:,.0f} in {seconds:g} s"
                    ) from None
                raise _lost(error, seconds) from None
            if not piece:
                return
            size += len(piece)
            if size >= due:
                due = size + least
                connection.clock.restart(seconds)
            yield piece

    @contextlib.contextmanager
    def _sent(
        self,
        method: str,
        url: str,
        seconds: float,
        *,
        headers: Mapping[str, str] | None = None,
        data: object = None,
        kept: bool = False,
    ) -> Iterator[tuple[HTTPResponse, Any]]:
        """Send a request; yield its response, of which the head has come, and the connection."""
        is_own = same_origin(self.settings.base_url, url)
        is_local = self._service in {_HERE, host_of(url)}
        exchange = Exchange(
            self.settings.require_key() if is_own else None, public_only=not (is_own or is_local)
        )
        problem = None
        try:
            request = requests.PreparedRequest()
            request.prepare(method, url, headers={**_HEADERS, **(headers or {})}, data=data)
            pools, proxies = self._opened(), self._proxies_of(url)
            if exchange.public_only and select_proxy(url, proxies):
                check_public(url)
                exchange.public_only = False  # the connection goes to the proxy
            if self._verify is None and url.startswith("https:"):
                self._verify = trusted_authorities()
            pool = pools.pool_for(request, True if self._verify is None else self._verify, proxies)
            target = pools.request_url(request, proxies)
            connection, answer = _asked(pool, exchange, request, target, seconds, kept=kept)
        except _BROKEN as error:
            problem = _failure(error, exchange, url, seconds)
            proxy = select_proxy(url, self._proxies_of(url))
            if proxy and type(problem) is errors.ConnectionFailedError:
                where = proxy.rpartition("@")[2]  # without a password
                more = ", or leave it out for the service (NO_PROXY)."
                if proxy.lower().startswith("socks"):
                    more = "; for SOCKS proxies: pip install 'requests[socks]'."
                problem.advice = (
                    f"Check the network, and the proxy {where!r} that the environment sets "
                    f"(HTTPS_PROXY){more}"
                )
        if problem is not None:  # raised out here, so that it does not keep its cause alive
            raise problem
        is_whole = False
        try:
            yield answer, connection
            is_whole = connection.answer.isclosed()
        finally:
            answer.close()
            pool.give_back(connection, reusable=is_whole)

    def _proxies_of(self, url: str) -> dict[str, str]:
        """Return the environment's proxies; none for a service on this machine."""
        if url.startswith(self.settings.base_url):
            return self._proxies
        return {} if self._service == _HERE else get_environ_proxies(url)

    def _opened(self) -> Pools:
        with self._lock:
            if self._pools is None or self._pid != os.getpid():
                # The environment is read once, not at each request.
                if self._service != _HERE:
                    self._proxies = get_environ_proxies(self.settings.base_url)
                self._pools, self._pid = Pools(), os.getpid()
            return self._pools

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._pools is not None:
                self._pools.close()
                self._pools = None


def _asked(
    pool: Any,
    exchange: Exchange,
    request: requests.PreparedRequest,
    target: str,
    seconds: float,
    *,
    kept: bool,
) -> tuple[Any, HTTPResponse]:
    """Send a request on one of the pool's connections; close that if it fails."""
    connection = pool.take(kept=kept)
    try:
        connection.open_for(exchange, pool)
        chunked = request.body is not None and "Content-Length" not in request.headers
        answer = connection.ask(
            exchange,
            str(request.method),
            target,
            seconds=seconds,
            body=request.body,
            headers=request.headers,
            chunked=chunked,
        )
    except BaseException:
        pool.give_back(connection, reusable=False)
        raise
    return connection, answer


def _failure(error: BaseException, exchange: Exchange, url: str, seconds: float) -> errors.ApiError:
    """Return the error of a request: nothing was sent, or the response is missing."""
    if exchange.sent:
        return _lost(error, seconds)
    where, causes = origin_of(url), _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.UntrustedCertificateError(
                f"The certificate of {where} is not trusted: {cause.verify_message.rstrip('.')}",
                advice="If your network's proxy or your service has its own certificate authority, "
                f"set its file, such as {CA_VARIABLES[0]}=/path/to/ca.pem, and run again.",
            )
    if isinstance(error, ValueError):
        kind = type(causes[-1]).__name__
        return errors.ConnectionFailedError(f"The request could not be made ({kind})")
    refused = re.search(r"Tunnel connection failed: (\d+)", " ".join(map(str, causes)))
    why = f"the proxy answers {refused[1]}" if refused else type(causes[-1]).__name__
    return errors.ConnectionFailedError(f"No connection to {where} ({why})")


def _lost(error: BaseException, seconds: float) -> errors.LostAnswerError:
    if _is_time_out(error):
        return errors.LostAnswerError(f"The response was not complete after {seconds:g} s")
    kind = type(_causes(error)[-1]).__name__
    return errors.LostAnswerError(f"The connection broke before the whole response came ({kind})")


def _is_time_out(error: BaseException) -> bool:
    return any(isinstance(cause, (TimeoutError, ReadTimeoutError)) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that HTTP libraries wrapped in it, the innermost last."""
    causes = [error]
    while len(causes) < _WRAPPED_AT_MOST:
        wrapped = getattr(error, "reason", None)
        if not isinstance(wrapped, BaseException):
            wrapped = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        wrapped = wrapped or error.__cause__
        if wrapped is None or wrapped in causes:
            break
        error = wrapped
        causes.append(error)
    return causes
