"""One request over HTTP, with the key kept to the service's own address."""

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

MAX_REPLY_BYTES = 8 * 1024**2
"""A JSON answer larger than this is cut off and refused."""
CHUNK_BYTES = 256 * 1024
_LEAST_BYTES_A_SECOND = 1024
"""An output that comes more slowly than this for the length of the time-out is given up."""
_HEADERS = {**default_headers(), "User-Agent": "pruna_nb"}
_HERE = "loopback"
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
"""A host's name in small letters, and a path of plain words, of which none begins with a dot."""
_BROKEN = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)
"""What urllib3, http.client, ssl and sockets raise where a request or its answer cannot go on."""

_WRAPPED_AT_MOST = 6
T = TypeVar("T")


class _PlainRequest(requests.PreparedRequest):
    """A request without cookies and log-in: there are none, and looking for them takes time."""

    def prepare_url(self, url: Any, params: Any) -> None:
        """Take an address that is plain as it is; requests would read and write it anew."""
        if not params and isinstance(url, str) and _PLAIN_URL.fullmatch(url):
            self.url = url
        else:
            super().prepare_url(url, params)

    def prepare_cookies(self, cookies: object) -> None:
        """Have none."""

    def prepare_auth(self, auth: object, url: object = "") -> None:
        """Have none: addresses with a user are refused, and the key is put in when it is sent."""


class Transport:
    """Sends requests to the service, and to nobody else with the key.

    Parameters
    ----------
    settings : Settings
        Whose key, address and times are in force.

    Notes
    -----
    Requests go to a connection directly. A session of requests would merge what it holds into
    each of them (cookies, .netrc, hooks: there must be none) and urllib3's pools would hide
    whether a request that failed went out: see `connections`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
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
        """Ask the service and return its whole answer; see `ask`."""
        return self.ask(
            method,
            path,
            _as_it_is,
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
        """Ask the service, receive its whole answer, up to 8 MiB, and read it.

        Parameters
        ----------
        method, path, headers, data
            What is sent.
        read : callable
            Reads the answer. Where it raises, the answer was none to this request, and the
            connection is not used again: the true one may be still to come.
        read_seconds : float, optional
            How long the whole answer may take; by default the settings' time-out.
        keep_part : bool
            Give the part of an answer that breaks off, if it was to be one of success: it may
            begin with the id of paid work.
        kept : bool
            Whether a connection may be used that carried other requests: a late second answer to
            one of those is then taken for this one's, unless ``Reply.is_first`` is looked at.

        Raises
        ------
        ConnectionFailedError
            If not a byte of the request went out.
        LostAnswerError
            If the request, or a part of it, went out and no whole answer came back.
        ReplyError
            If the answer is larger than is taken.
        """
        url = self.settings.base_url + path
        seconds = read_seconds or self.settings.timeout
        with self._sent(method, url, seconds, headers=headers, data=data, kept=kept) as sent:
            answer, connection = sent
            body, problem = self._body_of(answer, connection, seconds)
            reply = self._reply(answer, body, is_first=connection.is_first)
            # The status alone says what became of a request that was refused.
            if problem is not None and (reply.ok and not (keep_part and body)):
                raise problem
            return read(reply)

    def _body_of(
        self, answer: HTTPResponse, connection: Any, seconds: float
    ) -> tuple[bytes, errors.LostAnswerError | None]:
        """Return an answer's body, which has to be small, or its part and how it broke off."""
        body = bytearray()
        try:
            while piece := answer.read1(CHUNK_BYTES, decode_content=True):
                body += piece
                if len(body) > MAX_REPLY_BYTES:
                    message = f"The answer is larger than {MAX_REPLY_BYTES:,} bytes"
                    raise errors.ReplyError(message, status=answer.status)
        except _BROKEN as error:
            connection.is_spoilt = True  # the rest may be still to come
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
        """Open an output: its status and headers, and its bytes as they come.

        An address that is not the service's own is asked without the key, and so is where a
        redirect leads. The caller has had the address checked (`addresses.resolve`).
        """
        seconds = self.settings.timeout
        with self._sent("GET", url, seconds) as (answer, connection):
            reply = self._reply(answer)
            if not reply.ok:
                reply = self._reply(answer, self._body_of(answer, connection, seconds)[0])
            yield reply, self._pieces(answer, connection)

    def _pieces(self, answer: HTTPResponse, connection: Any) -> Iterator[bytes]:
        """Yield the bytes of an output, of which so many must come in each time-out's length."""
        seconds, size = self.settings.timeout, 0
        due = least = seconds * _LEAST_BYTES_A_SECOND
        while True:
            try:
                piece = answer.read1(CHUNK_BYTES, decode_content=True)
            except _BROKEN as error:
                if _is_time_out(error):
                    message = f"The output comes too slowly: {size:,} bytes, then fewer than "
                    message += f"{least:,.0f} in {seconds:g} s"
                    raise errors.DeliveryError(message) from None
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
        """Send a request; give its answer, whose head is there, and the connection it is on."""
        exchange, problem = self._exchange_with(url), None
        try:
            request = _PlainRequest()
            request.prepare(method, url, headers={**_HEADERS, **(headers or {})}, data=data)
            pool, target = self._way_to(url, request, exchange)
            connection, answer = _asked(pool, exchange, request, target, seconds, kept=kept)
        except _BROKEN as error:
            problem = _way_error(error, exchange, url, seconds)
            proxy = select_proxy(url, self._proxies_of(url))
            if proxy and type(problem) is errors.ConnectionFailedError:
                problem.advice = _proxy_advice(proxy)
        if problem is not None:  # raised out here, so that it does not hold on to its cause
            raise problem
        is_whole = False
        try:
            yield answer, connection
            is_whole = connection.answer.isclosed()
        finally:
            answer.close()
            pool.give_back(connection, reusable=is_whole)

    def _way_to(
        self, url: str, request: requests.PreparedRequest, exchange: Exchange
    ) -> tuple[Any, str]:
        """Return the pool for an address, and what to ask of its connections."""
        pools, proxies = self._opened(), self._proxies_of(url)
        if exchange.public_only and select_proxy(url, proxies):
            check_public(url)
            exchange.public_only = False  # what is connected to is the proxy
        pool = pools.pool_for(request, self._verified(url), proxies)
        return pool, pools.request_url(request, proxies)

    def _exchange_with(self, url: str) -> Exchange:
        base_url = self.settings.base_url
        if same_origin(base_url, url):
            return Exchange(self.settings.require_key())
        is_here = self.settings.service in {_HERE, host_of(url)}
        return Exchange(None, public_only=not is_here)

    def _verified(self, url: str) -> bool | str:
        """Return which authorities are trusted; the environment is read once."""
        if not url.startswith("https:"):
            return True
        if self._verify is None:
            self._verify = trusted_authorities()
        return self._verify

    def _proxies_of(self, url: str) -> dict[str, str]:
        """Return the environment's proxies, but none between this machine and itself."""
        if url.startswith(self.settings.base_url):
            return self._proxies
        return {} if self.settings.service == _HERE else get_environ_proxies(url)

    def _opened(self) -> Pools:
        with self._lock:
            if self._pools is None or self._pid != os.getpid():
                # The environment is read once, not at each request.
                if self.settings.service != _HERE:
                    self._proxies = get_environ_proxies(self.settings.base_url)
                self._pools, self._pid = Pools(), os.getpid()
            return self._pools

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._pools is not None:
                self._pools.close()
                self._pools = None


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _asked(
    pool: Any,
    exchange: Exchange,
    request: requests.PreparedRequest,
    target: str,
    seconds: float,
    *,
    kept: bool,
) -> tuple[Any, HTTPResponse]:
    """Send a request on one of a pool's connections, which is closed if that fails."""
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


def _way_error(
    error: BaseException, exchange: Exchange, url: str, seconds: float
) -> errors.ApiError:
    """Tell a request of which nothing went out from one whose answer is missing."""
    if exchange.sent:
        return _lost(error, seconds)
    where, causes = origin_of(url), _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.UntrustedCertificateError(
                f"The certificate of {where} is not trusted: {cause.verify_message.rstrip('.')}",
                advice="If your network's proxy or your service has an authority of its own, name "
                f"its file, such as {CA_VARIABLES[0]}=/path/to/ca.pem, and run again.",
            )
    if isinstance(error, ValueError):
        kind = type(causes[-1]).__name__
        return errors.ConnectionFailedError(f"The request could not be made ({kind})")
    refused = re.search(r"Tunnel connection failed: (\d+)", " ".join(map(str, causes)))
    why = f"the proxy answers {refused[1]}" if refused else type(causes[-1]).__name__
    return errors.ConnectionFailedError(f"No connection to {where} ({why})")


def _proxy_advice(proxy: str) -> str:
    """Return what to do where no connection came about through a proxy; it may have a password."""
    where = proxy.rpartition("@")[2]
    advice = f"Check the network, and the proxy {where!r} that the environment names (HTTPS_PROXY)"
    if proxy.lower().startswith("socks"):
        return f"{advice}; for SOCKS proxies: pip install 'requests[socks]'."
    return f"{advice}, or leave it out for the service (NO_PROXY)."


def _lost(error: BaseException, seconds: float) -> errors.LostAnswerError:
    if _is_time_out(error):
        return errors.LostAnswerError(f"The answer was not whole after {seconds:g} s")
    kind = type(_causes(error)[-1]).__name__
    return errors.LostAnswerError(f"The connection broke before the whole answer came ({kind})")


def _is_time_out(error: BaseException) -> bool:
    return any(isinstance(cause, (TimeoutError, ReadTimeoutError)) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and what HTTP libraries wrapped in it, the innermost last."""
    causes = [error]
    while len(causes) < _WRAPPED_AT_MOST:
        wrapped = getattr(error, "reason", None)
        if not isinstance(wrapped, BaseException):
            wrapped = next((each for each in error.args if isinstance(each, BaseException)), None)
        wrapped = wrapped or error.__cause__
        if wrapped is None or wrapped in causes:
            break
        error = wrapped
        causes.append(error)
    return causes
