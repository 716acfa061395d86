"""Connections that know whether a request was sent, keep one deadline, and are reused only clean.

They are subclasses of urllib3's, for HTTP and HTTPS, direct and through proxies, and add:

- Whether a byte of a request was sent is recorded at the socket, and not guessed from an exception:
  only a request of which nothing was sent may be sent again.
- One deadline for every read of a response (status line, interim responses, headers, chunk sizes,
  body, trailers); urllib3's read timeout begins again with each read.
- A connection carries one POST or one download: a response that came twice would be read as the
  next request's. Status requests may share a connection, and know whether they are its first; a
  connection that got more bytes than its response has is not used again.
- The key is added where the request is written to the socket, so that neither the variables in a
  library's traceback nor its debug output hold it.

urllib3 has no public way to take a connection out of a pool, so three of its private methods are
used (`_get_conn`, `_put_conn`, `_prepare_proxy`); the tests of both ends of its allowed versions
hold them.
"""

from __future__ import annotations

import http.client
import io
import ssl
import threading
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse, PoolManager
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from pruna_nb.api.urls import public_addresses
from pruna_nb.redact import Hidden

if TYPE_CHECKING:
    import requests
    from urllib3 import HTTPConnectionPool as _Pool
    from urllib3.connection import HTTPConnection as _Connection
else:  # what they are mixed into: urllib3's for HTTP, for HTTPS, or through a SOCKS proxy
    _Pool = _Connection = object

CONNECT_SECONDS = 10.0
# A connection that was idle for longer is not reused: servers close idle ones, often after 5 s, and
# a request sent at that moment is lost, without knowing whether it was accepted.
_IDLE_SECONDS = 3.0
_SWITCHING_PROTOCOLS = 101
_FINAL = 200


class Clock:
    """A deadline for bytes."""

    def __init__(self, seconds: float) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now."""
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds, or raise TimeoutError."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Exchange:
    """One request and its response.

    `apikey` is None for a host that must not get the key; with `public_only`, only public
    addresses of the host are connected to; `sent` is whether a byte was given to the socket.
    """

    def __init__(self, apikey: str | None, *, public_only: bool = False) -> None:
        self.sent = False
        self.public_only = public_only
        self._apikey = None if apikey is None else Hidden(apikey)

    def outgoing(self, data: bytes) -> memoryview:
        """Return a part of the request as it is sent: the head gets the key."""
        # A memoryview, since a traceback through ssl would print bytes.
        is_head = not self.sent
        self.sent = True
        if is_head and self._apikey is not None:
            head = bytes(data).removesuffix(b"\r\n")
            return memoryview(b"%bapikey: %b\r\n\r\n" % (head, self._apikey.encode()))
        return memoryview(data)


class _ClockedReader(io.RawIOBase):
    """A socket's bytes, each read within the remaining time."""

    def __init__(self, raw: Any, sock: Any, clock: Clock) -> None:
        self._raw, self._sock, self._clock = raw, sock, clock
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return 0
        self._sock.settimeout(self._clock.left())
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """A response that is read within its connection's deadline, and reports extra bytes."""

    def __init__(self, connection: Any, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp.close()
        self._connection = connection
        self._reader = _ClockedReader(sock.makefile("rb", buffering=0), sock, connection.clock)
        self.fp = io.BufferedReader(self._reader)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line of the final response."""
        # http.client skips 100 only, and reads 103 as the final response.
        while True:
            # Python's stubs leave out what is private, here and below.
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= _FINAL or status == _SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)

    def _close_conn(self) -> None:
        reader, self._reader.is_over = self.fp, True
        if reader.peek(1):  # bytes after the end of the response
            self._connection.is_spoilt = True
        super()._close_conn()  # type: ignore[misc]


class _Watched(_Connection):
    """A connection of ours, whatever urllib3's it is mixed into; see the module."""

    debuglevel = 0  # http.client would print a response that repeats the key
    auto_open = 0
    _exchange: Exchange | None = None
    is_first = True
    is_spoilt = False
    idle_since = 0.0
    response_class: Any

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.clock = Clock(CONNECT_SECONDS)
        self.response_class = partial(_Answer, self)

    def open_for(self, exchange: Exchange, pool: Any) -> None:
        """Connect, if necessary through a proxy's tunnel, unless it is connected already."""
        self._exchange, self.is_spoilt = None, False
        self.is_first = self.sock is None
        if not self.is_first:
            return
        self.timeout = CONNECT_SECONDS
        self.clock.restart(CONNECT_SECONDS)
        self._public_only = exchange.public_only
        if pool.proxy is not None and pool.scheme == "https":
            pool._prepare_proxy(self)  # noqa: SLF001 - urllib3 opens tunnels in its pool
        else:
            self.connect()

    def _new_conn(self) -> Any:
        if not self._public_only:
            return super()._new_conn()
        # The checked address itself, since a second look-up might return another one.
        problem: OSError | None = None
        for address in public_addresses(self._dns_host, self.port):
            try:
                return create_connection(
                    (address, self.port),
                    self.timeout,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                problem = error
        raise NewConnectionError(self, "no address accepts a connection") from problem

    def ask(
        self, exchange: Exchange, method: str, target: str, *, seconds: float, **request: Any
    ) -> HTTPResponse:
        """Send a request, and return its response as soon as its head has come."""
        self._exchange = exchange
        self.timeout = seconds
        self.request(method, target, **request)
        self.clock.restart(seconds)
        self.answer = answer = http.client.HTTPConnection.getresponse(self)
        return HTTPResponse(
            body=answer,
            headers=HTTPHeaderDict(answer.msg.items()),
            status=answer.status,
            version=answer.version,
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            original_response=answer,
            request_method=method,
        )

    def send(self, data: Any) -> None:
        """Write to the socket; before a request, that is the CONNECT to a proxy."""
        if self.sock is None:
            raise http.client.NotConnected
        self.sock.sendall(data if self._exchange is None else self._exchange.outgoing(data))

    def is_reusable(self) -> bool:
        """Whether the connection is open and has no unread bytes, as between two requests."""
        if self.sock is None or self.is_spoilt:
            return False
        pending = getattr(self.sock, "pending", None)
        return not (pending is not None and pending()) and not wait_for_read(self.sock, 0.0)


class _CleanPool(_Pool):
    """A pool of connections that are new, or have no unread bytes and were not idle for long."""

    def take(self, *, kept: bool) -> Any:
        """Return a new connection, or with `kept` perhaps one that is open."""
        connection: Any = self._get_conn()
        is_idle = time.monotonic() - connection.idle_since > _IDLE_SECONDS
        if connection.sock is not None and (not kept or is_idle or not connection.is_reusable()):
            connection.close()
        return connection

    def give_back(self, connection: Any, *, reusable: bool) -> None:
        """Return a connection to the pool; close it unless it can be reused."""
        if not (reusable and connection.is_reusable()):
            connection.close()
        connection.idle_since = time.monotonic()
        self._put_conn(connection)


@cache
def _watched_pool(base: type[Any]) -> type[Any]:
    """Return our kind of pool for one of urllib3's, which differ for SOCKS proxies."""
    connection = type("Connection", (_Watched, base.ConnectionCls), {})
    return type("Pool", (_CleanPool, base), {"ConnectionCls": connection})


def _watch(manager: PoolManager) -> PoolManager:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {name: _watched_pool(base) for name, base in classes.items()}
    return manager


class Pools(HTTPAdapter):
    """Pools of connections by host; that of the last host is found at once."""

    # An origin and its pool in one attribute: two threads could mix up two.
    _last: tuple[str, Any] = ("", None)

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=128)
        self._opening = threading.Lock()  # two threads would change one pool at a time

    def pool_for(
        self, request: requests.PreparedRequest, verify: Any, proxies: dict[str, str]
    ) -> Any:
        """Return the pool of connections to a request's host."""
        pool: Any
        origin = "/".join(str(request.url).split("/", 3)[:3])
        known, pool = self._last
        # urllib3 closes a pool when there are too many; it has no queue then.
        if origin == known and pool.pool is not None:
            return pool
        with self._opening:
            pool = self.get_connection_with_tls_context(request, verify, proxies)
            # requests' stubs leave this method without types.
            self.cert_verify(pool, str(request.url), verify, None)  # type: ignore[no-untyped-call]
            proxy = pool.proxy
            # Nothing is loaded for http, and the connection to an https proxy needs them too.
            if pool.scheme == "https" and (proxy is None or proxy.scheme != "https"):
                # Once for the pool: urllib3 loads the authorities for each connection (18 ms).
                if pool.conn_kw.get("ssl_context") is None:
                    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
                    context.load_verify_locations(pool.ca_certs, pool.ca_cert_dir)
                    pool.conn_kw["ssl_context"] = context
                pool.ca_certs = pool.ca_cert_dir = None
            self._last = origin, pool
        return pool

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - requests' own signature
        **more: Any,
    ) -> None:
        """Create the manager of direct connections."""
        super().init_poolmanager(connections, maxsize, block, **more)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Return the manager of connections through a proxy."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **more)
        return _watch(manager) if is_new else manager
