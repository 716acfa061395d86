"""Key, address, folders and limits: the only reader of the environment.

A setting comes from, first found first: `configure`, the environment, the default. A key that
is in neither is looked for in the system's keyring, where `pruna_nb.login` may have put it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pruna_nb.errors import MissingExtraError, MissingKeyError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

LOG = logging.getLogger("pruna_nb")
DEFAULT_BASE_URL = "https://api.pruna.ai"

_KEY_HELP = (
    "No API key. Set PRUNA_API_KEY, or call pruna_nb.login() or "
    "pruna_nb.configure(api_key=...). To try everything without a key, use the emulator: "
    "`pruna-nb demo`, or pruna_nb.use_emulator() in a notebook."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force for a call; made by `current`.

    Parameters
    ----------
    api_key : str or None
        The key of the service; None if none was given.
    base_url : str
        The service's address, without ``/v1``.
    cache_dir : Path
        Where media, cache and journal live.
    state_dir : Path
        Where the processes of this machine keep their common limits.
    limits : mapping of str to (int, float)
        Requests and seconds, by model, or by "status", "delivery", "files".
    workers : int
        Threads that talk to the service in one run.
    timeout : float
        Seconds to wait for an answer.
    max_output_bytes : int
        An output larger than this is cut off and refused.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    cache_dir: Path = field(default_factory=lambda: _default_dir("cache"))
    state_dir: Path = field(default_factory=lambda: _default_dir("state"))
    limits: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    workers: int = 32
    timeout: float = 60.0
    max_output_bytes: int = 2 * 1024**3

    def require_key(self) -> str:
        """Give the key, or raise `MissingKeyError` that says how to get one."""
        if self.api_key is None:
            raise MissingKeyError(_KEY_HELP)
        return self.api_key

    @property
    def service(self) -> str:
        """Name the service that answers: its host; every loopback address is one service."""
        host = urlsplit(self.base_url).hostname or ""
        return "loopback" if is_loopback(host) else host

    @property
    def account(self) -> str:
        """Name key and address without telling the key (a keyed hash of 16 hex digits)."""
        text = f"{self.base_url}\n{self.api_key or ''}".encode()
        return hashlib.blake2b(text, digest_size=8, person=b"pruna_nb").hexdigest()

    @property
    def key_hash(self) -> str | None:
        """Name the key without telling it (a hash of 16 hex digits); None without a key.

        Keys are random words: of the hash's 64 bits none is found again.
        """
        if self.api_key is None:
            return None
        digest = hashlib.blake2b(self.api_key.encode(), digest_size=8, person=b"pruna_nb.journal")
        return digest.hexdigest()


_CHOSEN: dict[str, Any] = {}
_LOCK = threading.Lock()
_ENVIRONMENT = {
    "api_key": "PRUNA_API_KEY",
    "base_url": "PRUNA_API_URL",
    "cache_dir": "PRUNA_NB_CACHE_DIR",
    "state_dir": "PRUNA_NB_STATE_DIR",
}


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _default_dir(kind: str) -> Path:
    import platformdirs

    paths = {"cache": platformdirs.user_cache_path, "state": platformdirs.user_state_path}
    return paths[kind]("pruna_nb", appauthor=False)


def current(**overrides: Any) -> Settings:
    """Give the settings in force.

    Parameters
    ----------
    **overrides
        Settings for this one call; None means "as it is".

    Raises
    ------
    SettingsError
        If one of them is wrong.
    """
    given = {name: os.environ.get(variable) for name, variable in _ENVIRONMENT.items()}
    with _LOCK:
        chosen = dict(_CHOSEN)
    merged = {name: value for name, value in given.items() if value}
    merged.update(chosen)
    merged.update({name: value for name, value in overrides.items() if value is not None})
    clean = {name: _CLEAN[name](value) for name, value in merged.items()}
    if "api_key" not in clean:
        clean["api_key"] = _stored_key(clean.get("base_url", DEFAULT_BASE_URL))
    return Settings(**clean)


_KEYRING = "pruna_nb"
_STORED: dict[str, str | None] = {}
"""What the keyring held, by address: it is asked once, and only where no key was given."""


def _stored_key(base_url: str) -> str | None:
    """Give the key that the system's keyring holds for an address; None if there is none."""
    if base_url not in _STORED:
        try:
            import keyring
        except ImportError:
            return None
        try:
            _STORED[base_url] = keyring.get_password(_KEYRING, base_url) or None
        except keyring.errors.NoKeyringError:  # then nothing was ever put into one
            _STORED[base_url] = None
        except Exception as error:  # noqa: BLE001 - every system's keyring fails in its own way
            LOG.warning("the system's keyring cannot be read (%s)", type(error).__name__)
            _STORED[base_url] = None
    return _STORED[base_url]


def check_keyring() -> None:
    """See that there is a keyring to keep a key in.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    SettingsError
        If the system has none.
    """
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError as error:
        raise MissingExtraError("login(store=True)", "keyring") from error
    if isinstance(keyring.get_keyring(), (fail.Keyring, null.Keyring)):
        msg = (
            "This system has no keyring to keep the key in. login() without store=True keeps it "
            "for the session; PRUNA_API_KEY in the environment keeps it for good."
        )
        raise SettingsError(msg)


def keep_key(api_key: str, *, store: bool = False) -> None:
    """Use a key from now on: for the session, or also for later ones.

    Parameters
    ----------
    api_key : str
        The service's key.
    store : bool
        Whether to put it into the system's keyring, for the address that is in force.

    Raises
    ------
    SettingsError
        If it can be no key, or the keyring does not take it.
    MissingExtraError
        If it is to be stored and the package for that is not installed.
    """
    key = _clean_key(api_key)
    if store:
        check_keyring()
        import keyring

        base_url = current().base_url
        try:
            keyring.set_password(_KEYRING, base_url, key)
        except Exception as error:
            msg = f"The system's keyring did not take the key ({type(error).__name__})."
            raise SettingsError(msg) from error
        _STORED[base_url] = key
    configure(api_key=key)


class Configured:
    """What `configure` returns: settings already in force, undone at the end of a ``with``."""

    def __init__(self, before: dict[str, Any]) -> None:
        self._before = before

    def __enter__(self) -> Self:
        """Keep the settings that are already in force."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put back the settings that were in force before."""
        with _LOCK:
            _CHOSEN.clear()
            _CHOSEN.update(self._before)

    def __repr__(self) -> str:
        return f"{current()!r}"


def configure(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    cache_dir: str | Path | None = None,
    state_dir: str | Path | None = None,
    limits: Mapping[str, tuple[int, float]] | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    max_output_bytes: int | None = None,
) -> Configured:
    """Set the session's settings; in a ``with``, for its length alone.

    Parameters
    ----------
    api_key : str, optional
        The service's key; else the environment's ``PRUNA_API_KEY``.
    base_url : str, optional
        The service's address, with or without ``/v1``; else ``PRUNA_API_URL``. Plain http is
        taken for this machine alone.
    cache_dir : path, optional
        Where outputs are kept; else ``PRUNA_NB_CACHE_DIR``, else the user's cache folder.
    state_dir : path, optional
        Where this machine's processes keep their common limits; else ``PRUNA_NB_STATE_DIR``.
    limits : mapping of str to (int, float), optional
        Requests and seconds for a model, or for "status", "delivery" or "files"; added to
        the limits that were set before.
    workers : int, optional
        Threads that talk to the service in one run, 1 to 128. Default 32.
    timeout : float, optional
        Seconds to wait for an answer. Default 60.
    max_output_bytes : int, optional
        The largest output that is taken, in bytes. Default 2 GiB.

    Returns
    -------
    Configured
        A context manager that puts back what was in force before.

    Raises
    ------
    SettingsError
        If a value is wrong; nothing is changed then.

    Examples
    --------
    >>> import pruna_nb
    >>> with pruna_nb.configure(limits={"p-image": (500, 60.0)}):
    ...     pruna_nb.settings.current().limits["p-image"]
    (500, 60.0)
    """
    given = {name: value for name, value in locals().items() if value is not None}
    clean = {name: _CLEAN[name](value) for name, value in given.items()}
    with _LOCK:
        before = dict(_CHOSEN)
        if "limits" in clean:
            clean["limits"] = {**_CHOSEN.get("limits", {}), **clean["limits"]}
        _CHOSEN.update(clean)
    return Configured(before)


def reset() -> None:
    """Forget all that `configure` set, and what the keyring held."""
    with _LOCK:
        _CHOSEN.clear()
        _STORED.clear()


def _clean_key(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        message = (
            "The API key must be one word of printable ASCII characters (it is not shown here)."
        )
        raise SettingsError(message)
    return text


def clean_base_url(value: object) -> str:
    """Check a service's address and take ``/v1`` and slashes off its end."""
    text = str(value).strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        message = f"base_url is not an address: {error}."
        raise SettingsError(message) from None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s\\]", text):
        message = f"base_url must be an http(s) address like {DEFAULT_BASE_URL!r}, not {text!r}."
        raise SettingsError(message)
    if "@" in parts.netloc or parts.query or parts.fragment:
        message = "base_url must hold no user, query or fragment; give the key as api_key=."
        raise SettingsError(message)
    if parts.scheme == "http" and not is_loopback(host):
        message = (
            f"base_url {text!r} is plain http, which would send the key in the open. "
            "Use https; http is allowed for this machine (127.0.0.1, localhost) alone."
        )
        raise SettingsError(message)
    return text


def _clean_limits(value: Mapping[str, tuple[int, float]]) -> Mapping[str, tuple[int, float]]:
    clean: dict[str, tuple[int, float]] = {}
    for name, limit in dict(value).items():
        try:
            requests, seconds = int(limit[0]), float(limit[1])
        except (TypeError, ValueError, IndexError):
            requests, seconds = 0, 0.0
        if requests < 1 or not 0 < seconds < float("inf"):
            message = (
                f"limits[{name!r}] must be (requests, seconds), both above 0, such as "
                f"(250, 60.0); {limit!r} was given."
            )
            raise SettingsError(message)
        clean[str(name)] = (requests, seconds)
    return MappingProxyType(clean)


def _clean_number(name: str, low: float, high: float, kind: type) -> Any:
    def clean(value: object) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:  # type: ignore[operator]
            message = f"{name} must be a number from {low:g} to {high:g}; {value!r} was given."
            raise SettingsError(message)
        return kind(value)

    return clean


def _clean_dir(value: str | Path) -> Path:
    return Path(value).expanduser().absolute()


_CLEAN: dict[str, Any] = {
    "api_key": _clean_key,
    "base_url": clean_base_url,
    "cache_dir": _clean_dir,
    "state_dir": _clean_dir,
    "limits": _clean_limits,
    "workers": _clean_number("workers", 1, 128, int),
    "timeout": _clean_number("timeout", 0.001, 86400, float),
    "max_output_bytes": _clean_number("max_output_bytes", 1, 2**63, int),
}


def override(settings: Settings, **changes: Any) -> Settings:
    """Give settings with some of them changed and checked; None means "as it is"."""
    clean = {name: _CLEAN[name](value) for name, value in changes.items() if value is not None}
    return replace(settings, **clean)
