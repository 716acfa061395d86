"""Connections that know whether a request went out, keep to one deadline, and are reused clean.

They stand on urllib3's own, with HTTP and HTTPS, direct and through proxies alike. What they add:

- Whether a byte of a request was handed to the socket is noted there, and not guessed from the
  class of an exception: a request of which none went out may be sent again, no other.
- Every read of an answer (status line, interim answers, headers, chunk sizes, body, trailers)
  keeps to one clock.
- A connection serves one request that pays for something or fetches it: an answer that came twice
  would be taken for the next request's. Those that ask how far a prediction is may share them,
  and each knows whether it was the first one; one that gave more bytes than its answer has is
  not used again.
- The key is put into the request where it is written to the socket, so that neither the
  variables of a library's frames nor its debug output ever hold it.
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
_IDLE_SECONDS = 3.0
"""A connection idle for longer is not used again: servers close idle ones, commonly after 5 s,
and a POST sent into the closing is lost, with nobody to say whether it was accepted."""
_SWITCHING_PROTOCOLS = 101
_FINAL = 200


class Clock:
    """Until when bytes may come."""

    def __init__(self, seconds: float) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Allow so many seconds from now."""
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, or raise TimeoutError."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Exchange:
    """One request and its answer.

    Parameters
    ----------
    apikey : str or None
        The key to send with it; None for a host that must not see it.
    public_only : bool
        Whether the host may only be connected to at a public address.

    Attributes
    ----------
    sent : bool
        Whether a byte of the request, its head or its body, was handed to the socket.
    """

    def __init__(self, apikey: str | None, *, public_only: bool = False) -> None:
        self.sent = False
        self.public_only = public_only
        self._apikey = None if apikey is None else Hidden(apikey)

    def outgoing(self, data: bytes) -> memoryview:
        """Note that a part of the request goes out, and return it; the head gets the key.

        As a view: ssl's own frames hold what they send in their variables.
        """
        is_head = not self.sent
        self.sent = True
        if is_head and self._apikey is not None:
            head = bytes(data).removesuffix(b"\r\n")
            return memoryview(b"%bapikey: %b\r\n\r\n" % (head, self._apikey.encode()))
        return memoryview(data)


class _ClockedReader(io.RawIOBase):
    """A socket's bytes, each read within what a clock has left."""

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
    """An answer that is read by its connection's clock, and tells it of bytes left over."""

    def __init__(self, connection: Any, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp.close()
        self._connection = connection
        self._reader = _ClockedReader(sock.makefile("rb", buffering=0), sock, connection.clock)
        self.fp = io.BufferedReader(self._reader)

    def _read_status(self) -> tuple[str, int, str]:
        """Read the status line of the final answer.

        http.client itself passes over 100 alone, and takes 103 for the whole answer.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= _FINAL or status == _SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)

    def _close_conn(self) -> None:
        reader, self._reader.is_over = self.fp, True
        if reader.peek(1):  # what was read from the socket with the answer, and is none of it
            self._connection.is_spoilt = True
        super()._close_conn()  # type: ignore[misc]


class _Watched(_Connection):
    """What our connections have in common; see the module."""

    debuglevel = 0  # http.client's own output would show what a service repeats
    auto_open = 0
    _exchange: Exchange | None = None
    is_first = True
    is_spoilt = False
    idle_since = 0.0

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.clock = Clock(CONNECT_SECONDS)
        self.response_class = partial(_Answer, self)  # type: ignore[assignment]

    def open_for(self, exchange: Exchange, pool: Any) -> None:
        """Connect, through a proxy's tunnel where one is due, if that is not done yet."""
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
        # Connected to what was looked at: a second look-up might give another address.
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
        raise NewConnectionError(self, "no address takes a connection") from problem

    def ask(
        self, exchange: Exchange, method: str, target: str, *, seconds: float, **request: Any
    ) -> HTTPResponse:
        """Send a request and read the head of its answer, which is to be whole in time."""
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

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Write to the socket; what is no part of a request opens a proxy's tunnel."""
        if self.sock is None:
            raise http.client.NotConnected
        self.sock.sendall(data if self._exchange is None else self._exchange.outgoing(data))

    def is_reusable(self) -> bool:
        """Tell whether a connection is as it should be between two requests: open and silent."""
        if self.sock is None or self.is_spoilt:
            return False
        pending = getattr(self.sock, "pending", None)
        return not (pending is not None and pending()) and not wait_for_read(self.sock, 0.0)


class _CleanPool(_Pool):
    """A pool that gives out new connections, or ones that are silent and were not idle for long."""

    def take(self, *, kept: bool) -> Any:
        """Return a connection: one that is not open yet, unless one that was kept will do."""
        connection: Any = self._get_conn()
        is_idle = time.monotonic() - connection.idle_since > _IDLE_SECONDS
        if connection.sock is not None and (not kept or is_idle or not connection.is_reusable()):
            connection.close()
        return connection

    def give_back(self, connection: Any, *, reusable: bool) -> None:
        """Take a connection back; one that is not to be used again is closed."""
        if not (reusable and connection.is_reusable()):
            connection.close()
        connection.idle_since = time.monotonic()
        self._put_conn(connection)


@cache
def _watched_pool(base: type[Any]) -> type[Any]:
    """Derive our pool and connection from one of urllib3's: direct, or through a SOCKS proxy."""
    connection = type("Connection", (_Watched, base.ConnectionCls), {})
    return type("Pool", (_CleanPool, base), {"ConnectionCls": connection})


def _share_authorities(pool: Any) -> None:
    """Read the authorities once for a pool: urllib3 reads them for each connection (18 ms)."""
    proxy = pool.proxy
    if pool.scheme != "https" or (proxy is not None and proxy.scheme == "https"):
        return  # nothing to read, or also needed for the connection to the proxy
    if pool.conn_kw.get("ssl_context") is None:
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        context.load_verify_locations(pool.ca_certs, pool.ca_cert_dir)
        pool.conn_kw["ssl_context"] = context
    pool.ca_certs = pool.ca_cert_dir = None


def _watch(manager: PoolManager) -> PoolManager:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {name: _watched_pool(base) for name, base in classes.items()}
    return manager


class Pools(HTTPAdapter):
    """Pools of connections by host, of which the last one's is at hand."""

    _last: tuple[str, Any] = ("", None)
    """An origin and its pool, in one: two threads must not make a pair of what they set."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=128)
        self._opening = threading.Lock()  # two threads would each take what the other reads

    def pool_for(
        self, request: requests.PreparedRequest, verify: Any, proxies: dict[str, str]
    ) -> Any:
        """Return the pool of connections to a request's host."""
        origin = "/".join(str(request.url).split("/", 3)[:3])
        known, pool = self._last
        # A pool that was closed, since others took its place, has no queue any more.
        if origin == known and pool.pool is not None:
            return pool
        with self._opening:
            pool = self.get_connection_with_tls_context(request, verify, proxies)
            self.cert_verify(pool, str(request.url), verify, None)  # type: ignore[no-untyped-call]
            _share_authorities(pool)
            self._last = origin, pool
        return pool

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - requests' own signature
        **more: Any,
    ) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(connections, maxsize, block, **more)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Return the manager of what goes through a proxy."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **more)
        return _watch(manager) if is_new else manager
