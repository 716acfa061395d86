"""Key, address, folders and limits: the only reader of the package's own variables.

A setting comes from, first found first:

1. a ``with configure(...)`` around the call,
2. `configure`, which `pruna_nb.login` calls,
3. the environment,
4. a ``.env`` file in the working folder or one above it (`dotenv`),
5. the default;

and a key that is in none of them from

6. Colab's secrets, then Kaggle's (`host_secrets`),
7. the system's keyring, where `pruna_nb.login` may have put it (`keyrings`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.errors import MissingKeyError, SettingsError
from pruna_nb.redact import Hidden
from pruna_nb.settings import dotenv, host_secrets, keyrings, scopes
from pruna_nb.settings.cache_folder import CacheFolder
from pruna_nb.settings.handover import Handover, hash_of
from pruna_nb.settings.origins import (
    DEFAULT_BASE_URL,
    canonical_origin,
    host_of,
    is_loopback,
)
from pruna_nb.settings.values import CLEAN, ENVIRONMENT, clean_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.settings.scopes import Configured

_KEY_HELP = (
    "No API key. Call pruna_nb.login() or pruna_nb.configure(api_key=...), or set PRUNA_API_KEY in "
    "the environment, in a .env file of the working folder, or in Colab's or Kaggle's secrets. To "
    "try everything without a key, use the emulator: `pruna-nb demo`, or pruna_nb.use_emulator() "
    "in a notebook."
)
_KEY_NOT_HANDED = (
    "No API key: the session that started this process has one of its own, which it hands to no "
    "other process. Set the same one as PRUNA_API_KEY in the environment, or call "
    "pruna_nb.configure(api_key=...) in this process."
)


@dataclass(frozen=True, slots=True)
class Settings(CacheFolder):
    """What is in force for a call; made by `current`.

    Parameters
    ----------
    cache_dir : Path
        Where media, cache and journal live; `CacheFolder` has the names in it.
    api_key : str or None
        The key of the service; None if none was given.
    base_url : str
        The service's address, without ``/v1``.
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
    max_cost_usd_per_day : Decimal
        What a day of UTC may cost, in all runs of the cache folder; infinity is no limit.
    storage : str
        The address at which machines share outputs; "" where they do not.
    storage_options : mapping
        What fsspec takes for it. It may hold secrets.
    """

    cache_dir: Path = field(default_factory=lambda: _default_dir("cache"))
    api_key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    state_dir: Path = field(default_factory=lambda: _default_dir("state"))
    limits: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    workers: int = 32
    timeout: float = 60.0
    max_output_bytes: int = 2 * 1024**3
    max_cost_usd_per_day: Decimal = Decimal("Infinity")
    storage: str = ""
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def require_key(self) -> str:
        """Return the key, or raise `MissingKeyError` that says how to get one."""
        if self.api_key is None:
            host_secrets.look_again()  # the next call finds one that is added now
            raise MissingKeyError(_KEY_NOT_HANDED if HANDOVER.is_other_key(None) else _KEY_HELP)
        return self.api_key

    @property
    def limits_dir(self) -> Path:
        """What this machine's processes have sent with this key, for their common limits."""
        return self.state_dir / "limits" / self.account

    @property
    def unsaved_dir(self) -> Path:
        """Ids of predictions that a cache folder did not take."""
        return self.state_dir / "unsaved"

    @property
    def service(self) -> str:
        """The host that answers; every loopback address is one, "loopback"."""
        host = host_of(self.base_url)
        return "loopback" if is_loopback(host) else host

    @property
    def origin(self) -> str:
        """The service's one name, however its address is spelt (`canonical_origin`)."""
        return _origin(self.base_url)

    @property
    def account(self) -> str:
        """A hash of key and address (16 hex digits), which does not reveal the key."""
        text = f"{self.origin}\n{self.api_key or ''}".encode()
        return hashlib.blake2b(text, digest_size=8, person=b"pruna_nb").hexdigest()

    @property
    def key_hash(self) -> str | None:
        """A hash of the key (16 hex digits), which does not reveal it; None without a key.

        Keys are random words: of the hash's 64 bits none is found again.
        """
        if self.api_key is None:
            return None
        return hash_of(self.api_key)


_origin = lru_cache(maxsize=64)(canonical_origin)
HANDOVER = Handover(ENVIRONMENT)
scopes.on_change(HANDOVER.publish)


def _default_dir(kind: str) -> Path:
    import platformdirs

    paths = {"cache": platformdirs.user_cache_path, "state": platformdirs.user_state_path}
    return paths[kind]("pruna_nb", appauthor=False)


def current(**overrides: Any) -> Settings:
    """Return the settings in force.

    Parameters
    ----------
    **overrides
        Settings for this one call; None means "as it is".

    Raises
    ------
    SettingsError
        If one of them is wrong.
    """
    overrides = _with_hidden_key(overrides)
    variables = _with_hidden_key({name: os.environ.get(var) for name, var in ENVIRONMENT.items()})
    # A variable that is set to nothing counts as not set.
    merged: dict[str, Any] = {name: value for name, value in variables.items() if value}
    for name in _FOLDERS & merged.keys():
        merged[name] = _fixed_dir(name, merged[name])
    mine = scopes.in_force()
    merged = scopes.merge(merged, [HANDOVER.settings(), *mine])
    merged.update({name: value for name, value in overrides.items() if value is not None})
    from_file = dotenv.from_dotenv(ENVIRONMENT)
    if "base_url" in from_file and "base_url" not in merged:
        # Its address gets no key but its own: the folder may have come from anybody.
        has_own_key = "api_key" in from_file and "api_key" not in merged
        if not has_own_key:
            dotenv.tell_ignored_address()
            del from_file["base_url"]
    clean = _read({**from_file, **merged})
    if "api_key" not in clean:
        stored = host_secrets.host_secret(ENVIRONMENT["api_key"])
        stored = stored or keyrings.stored_key(clean.get("base_url", DEFAULT_BASE_URL))
        clean["api_key"] = None if stored is None else clean_key(stored)
    chosen = any(changes.get("api_key") for changes in (overrides, *mine))
    if not chosen and HANDOVER.is_other_key(clean["api_key"]):
        clean["api_key"] = None  # never pay with another one than the session does
    return Settings(**clean)


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
    # The parameter too: a traceback that comes with its variables would show it.
    api_key = key = clean_key(api_key)
    if store:
        keyrings.store_key(current().base_url, key)
    configure(api_key=key)


def configure(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    cache_dir: str | Path | None = None,
    state_dir: str | Path | None = None,
    limits: Mapping[str, tuple[int, float]] | None = None,
    workers: int | None = None,
    timeout: Seconds | None = None,
    max_output_bytes: int | None = None,
    max_cost_usd_per_day: Amount | None = None,
    storage: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Configured:
    """Set the session's settings; in a ``with``, its own thread's or task's, for its length.

    A plain call is the session's: all threads see it. ``with configure(...)`` is seen by nobody
    but the thread or asyncio task that it stands in, and leaves nothing behind. A run keeps the
    settings that it began with.

    Parameters
    ----------
    api_key : str, optional
        The service's key; else the environment's ``PRUNA_API_KEY``.
    base_url : str, optional
        The service's address, with or without ``/v1``; else ``PRUNA_API_URL``. Plain http is
        taken for this machine alone.
    cache_dir : path, optional
        Where outputs are kept; else ``PRUNA_NB_CACHE_DIR``, else the user's cache folder. A
        folder of this machine, or one that is mounted; an address is for `storage`.
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
    max_cost_usd_per_day : float, optional
        What a day of UTC may cost, in all runs and processes that use the cache folder; else
        ``PRUNA_NB_MAX_COST_USD_PER_DAY``, else there is no limit. A run that would go above it is
        refused, and one that others' spending brings there stops. ``float("inf")`` lifts it.
    storage : str, optional
        Where machines share outputs, such as ``"s3://bucket/pruna"``, beside the cache folder of
        each; else ``PRUNA_NB_STORAGE``, else they share none. ``""`` switches it off.
    storage_options : mapping, optional
        What fsspec takes for it, such as ``{"profile": "work"}``; it is never shown or stored.

    Returns
    -------
    Configured
        A context manager, for a ``with``.

    Raises
    ------
    SettingsError
        If values are wrong: all of them in one error; nothing is changed then.

    Examples
    --------
    >>> import pruna_nb
    >>> with pruna_nb.configure(limits={"p-image": (500, 60.0)}):
    ...     pruna_nb.settings.current().limits["p-image"]
    (500, 60.0)
    """
    changes = _with_hidden_key(locals())
    api_key = changes["api_key"]  # the parameter too, as in keep_key
    return scopes.change(_read(changes))


def reset() -> None:
    """Forget all that `configure` set, and what ``.env``, the host and the keyring had."""
    scopes.reset()
    for source in (dotenv, host_secrets, keyrings):
        source.forget()
    _FIXED_DIRS.clear()


def _with_hidden_key(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings whose key no traceback shows that comes with its variables."""
    return {
        name: Hidden(value) if name == "api_key" and isinstance(value, str) else value
        for name, value in values.items()
    }


_FOLDERS = {"cache_dir", "state_dir"}
_FIXED_DIRS: dict[str, Path] = {}


def _fixed_dir(name: str, value: str) -> Path:
    """Return a folder of the environment as it was meant when it was first seen."""
    # A program that goes to another folder must not leave its cache, and its journal, behind.
    if value not in _FIXED_DIRS:
        _FIXED_DIRS.setdefault(value, CLEAN[name](value))
    return _FIXED_DIRS[value]


for _name in _FOLDERS:
    if os.environ.get(ENVIRONMENT[_name]):
        with contextlib.suppress(SettingsError):  # it is told where it is used
            _fixed_dir(_name, os.environ[ENVIRONMENT[_name]])


def _read(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings, except None; one error names all that are wrong."""
    problems = Problems()
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if value is not None:
            with problems.noted():
                clean[name] = CLEAN[name](value)
    problems.check("These settings cannot be used; nothing was changed")
    return clean
