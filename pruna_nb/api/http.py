"""One request over HTTP, with the key kept to the service's own address."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import default_headers, get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    SSLError,
)

from pruna_nb import errors
from pruna_nb.api.addresses import same_origin
from pruna_nb.api.hidden import Hidden, hide_in_bytes
from pruna_nb.api.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pruna_nb.settings import Settings

CONNECT_SECONDS = 10.0
MAX_REPLY_BYTES = 8 * 1024**2
"""A JSON answer larger than this is cut off and refused."""
CHUNK_BYTES = 256 * 1024
_LEAST_BYTES_A_SECOND = 1024
"""An output that comes more slowly than this for the length of the time-out is given up."""
_IDLE_SECONDS = 3.0
"""A connection idle for longer is not used again: servers close idle ones, commonly after 5 s,
and a POST sent into the closing is lost, with nobody to say whether it was accepted."""
_HEADERS = {**default_headers(), "User-Agent": "pruna_nb"}
_HERE = "loopback"
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
"""A host's name in small letters, and a path of plain words, of which none begins with a dot."""
_NOT_CONNECTED = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


class _FreshConnections:
    """Leaves connections that have been idle for long, whose other end may be closing."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        idle_since = getattr(connection, "pruna_idle_since", None)
        if idle_since is not None and time.monotonic() - idle_since > _IDLE_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.pruna_idle_since = time.monotonic()
        super()._put_conn(conn)  # type: ignore[misc]


class _FreshHTTP(_FreshConnections, HTTPConnectionPool):
    pass


class _FreshHTTPS(_FreshConnections, HTTPSConnectionPool):
    def _validate_conn(self, conn: Any) -> None:
        """Connect; a handshake that fails is told from a connection that breaks later."""
        try:
            super()._validate_conn(conn)
        except (ssl.SSLError, OSError, SSLError) as error:
            conn.close()
            message = f"no secure connection ({type(_inner(error)).__name__})"
            raise NewConnectionError(conn, message) from None


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
        """Have none: addresses with a user are refused, and the key is a header."""


class _FreshAdapter(HTTPAdapter):
    """Connections to hosts, of which the last one's are at hand."""

    _last: tuple[str, Any] = ("", None)
    """An origin and its pool, in one: two threads must not make a pair of what they set."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - requests' own signature
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> Any:
        """Give the pool of connections to a request's host."""
        if proxies:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        origin = "/".join(str(request.url).split("/", 3)[:3])
        known, pool = self._last
        # A pool that was closed, as urllib3 1 does for others' sake, has no queue any more.
        if origin != known or pool.pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._last = origin, pool
        return pool

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Make the answer: status, headers and the bytes to come."""
        answer = requests.Response()
        answer.status_code, answer.headers, answer.raw = resp.status, resp.headers, resp
        answer.request, answer.url = req, str(req.url)
        return answer

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - requests' own signature
        **more: Any,
    ) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _FreshHTTP, "https": _FreshHTTPS}


class Transport:
    """Sends requests to the service, and to nobody else with the key.

    Parameters
    ----------
    settings : Settings
        Whose key, address and times are in force.

    Notes
    -----
    Requests go to requests' adapter directly. A session would merge what it holds into each of
    them (cookies, .netrc, hooks: there must be none), which is a quarter of a small one's time.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._proxies: dict[str, str] = {}
        self._verify: bool | str = True
        self._adapter: _FreshAdapter | None = None
        self._pid = 0
        self._lock = threading.Lock()

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
        """Ask the service and read its whole answer, up to 8 MiB.

        Parameters
        ----------
        method, path, headers, data
            What is sent.
        read_seconds : float, optional
            How long the answer may take; by default the settings' time-out.
        keep_part : bool
            Give the part of an answer that breaks off, if it was to be one of success: it may
            begin with the id of paid work.

        Raises
        ------
        ConnectionFailedError
            If no connection was made: nothing was sent.
        LostAnswerError
            If the request went out and no whole answer came back.
        ReplyError
            If the answer is larger than is taken.
        """
        url = self.settings.base_url + path
        with self._sent(
            method, url, headers=headers, data=data, read_seconds=read_seconds
        ) as answer:
            status, read_seconds = answer.status_code, read_seconds or self.settings.timeout
            body = bytearray()
            try:
                self._read_into(body, answer, read_seconds)
            except (requests.RequestException, HTTPError, errors.LostAnswerError):
                if not (keep_part and body and Reply(status, {}).ok):
                    raise
            return Reply(status, answer.headers, self._safe(body))

    def _read_into(self, body: bytearray, answer: requests.Response, seconds: float) -> None:
        """Read an answer that has to be whole in so many seconds, and small."""
        end = time.monotonic() + seconds
        while piece := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            body += piece
            if len(body) > MAX_REPLY_BYTES:
                message = f"The answer is larger than {MAX_REPLY_BYTES:,} bytes"
                raise errors.ReplyError(message, status=answer.status_code)
            if time.monotonic() > end:
                raise errors.LostAnswerError(f"The answer was not whole after {seconds:g} s")

    def _safe(self, body: bytearray) -> bytes:
        return hide_in_bytes(bytes(body), self.settings.require_key())

    @contextlib.contextmanager
    def download(self, url: str) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Open an output: its status and headers, and its bytes as they come.

        An address that is not the service's own is asked without the key, and so is where a
        redirect leads. The caller has had the address checked (`addresses.resolve`).
        """
        with self._sent("GET", url) as answer:
            reply = Reply(answer.status_code, answer.headers)
            if not reply.ok:
                body = bytearray()
                self._read_into(body, answer, self.settings.timeout)
                reply = Reply(answer.status_code, answer.headers, self._safe(body))
            yield reply, self._pieces(answer)

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        began, size = time.monotonic(), 0
        while piece := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            yield piece
            size += len(piece)
            passed = time.monotonic() - began
            if passed > self.settings.timeout and size < passed * _LEAST_BYTES_A_SECOND:
                message = f"The output comes too slowly: {size:,} bytes in {passed:.0f} s"
                raise errors.DeliveryError(message)

    @contextlib.contextmanager
    def _sent(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: object = None,
        read_seconds: float | None = None,
    ) -> Iterator[requests.Response]:
        adapter = self._opened()  # which also learns the environment's proxies
        sent, proxies = dict(headers or {}), self._proxies_of(url)
        if same_origin(self.settings.base_url, url):
            sent["apikey"] = Hidden(self.settings.require_key())
        problem: errors.ApiError | None = None
        answer: requests.Response | None = None
        try:
            request = _PlainRequest()
            request.prepare(method, url, headers={**_HEADERS, **sent}, data=data)
            answer = adapter.send(
                request,
                stream=True,
                timeout=(CONNECT_SECONDS, read_seconds or self.settings.timeout),
                verify=self._verify,
                proxies=proxies,
            )
            yield answer
        except (requests.RequestException, HTTPError) as error:
            problem = _way_error(error, self.settings.base_url)
        finally:
            if answer is not None:
                answer.close()
        if problem is not None:  # raised out here, so that it does not hold on to its cause
            raise problem

    def _proxies_of(self, url: str) -> dict[str, str]:
        """Give the environment's proxies, but none between this machine and itself."""
        if url.startswith(self.settings.base_url):
            return self._proxies
        return {} if self.settings.service == _HERE else get_environ_proxies(url)

    def _opened(self) -> _FreshAdapter:
        with self._lock:
            if self._adapter is None or self._pid != os.getpid():
                self._adapter, self._pid = self._new_adapter(), os.getpid()
            return self._adapter

    def _new_adapter(self) -> _FreshAdapter:
        # The environment is read once, not at each request.
        if self.settings.service != _HERE:
            self._proxies = get_environ_proxies(self.settings.base_url)
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._verify = bundle or True
        return _FreshAdapter(pool_connections=4, pool_maxsize=128, max_retries=0)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._adapter is not None:
                self._adapter.close()
                self._adapter = None


def _way_error(error: BaseException, base_url: str) -> errors.ApiError:
    """Tell a request that never left from one whose answer is missing."""
    cause = _inner(error)
    kind = type(cause).__name__
    if isinstance(error, requests.ConnectTimeout) or isinstance(cause, _NOT_CONNECTED):
        message = f"No connection to {base_url} ({kind})"
        return errors.ConnectionFailedError(message)
    if isinstance(error, requests.exceptions.ProxyError):
        return errors.ConnectionFailedError(f"No connection through the proxy ({kind})")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
        return errors.ConnectionFailedError(f"The request could not be made ({kind})")
    return errors.LostAnswerError(f"The connection broke before the whole answer came ({kind})")


def _inner(error: BaseException) -> BaseException:
    """Find the error that an HTTP library wrapped, whose own text may hold an address."""
    for _ in range(5):
        reason: object = error.reason if isinstance(error, MaxRetryError) else None
        if reason is None and error.args and isinstance(error.args[0], BaseException):
            reason = error.args[0]
        if not isinstance(reason, BaseException):
            break
        error = reason
    return error
