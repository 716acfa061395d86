"""The session's settings, for the processes that it starts: all but the key.

Workers of joblib and multiprocessing, and commands, import this package anew: without this they
would know the environment alone, and those of a session on the emulator would send to the real
service. What `configure` set for the session goes into an environment variable, and to workers of
multiprocessing also with the process itself, which some of them are forked from a server for
that began earlier. A ``with configure(...)`` is its own thread's, and is not handed on.

A key is in neither, except the emulator's, which is none. A hash of it tells the other process
whether the key that it finds for itself is the same one.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing.process
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PRUNA_NB_SESSION"
EMULATOR_KEY = "emulator"
"""What a session on the emulator has for a key: a word that everybody knows."""
_FOLDERS = ("cache_dir", "state_dir")


class Handover:
    """What a session hands to the processes that it starts, and what it was handed itself.

    Parameters
    ----------
    environment : mapping of str to str
        The variable of each setting that has one.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._inherited = os.environ.get(VARIABLE)

    def publish(self, session: Mapping[str, Any]) -> None:
        """Hand on the session's settings, over those that were handed to it."""
        settings = {**self.settings(), **session}
        if not session or not settings:
            self._put(self._inherited)
            return
        key = settings.pop("api_key", None)
        for name in _FOLDERS:
            if name in settings:
                settings[name] = str(settings[name])
        if "max_cost_usd_per_day" in settings:
            settings["max_cost_usd_per_day"] = str(settings["max_cost_usd_per_day"])
        options = settings.pop("storage_options", {})
        if options:  # they may hold secrets; and without them, it would be another storage
            settings["storage"] = ""
        if "limits" in settings:
            settings["limits"] = {name: list(limit) for name, limit in settings["limits"].items()}
        variables = {variable: os.environ.get(variable) for variable in self._environment.values()}
        # The key's own variable is not compared: its value would stand in the message.
        variables.pop(self._environment["api_key"])
        message = {
            "by": os.getpid(),
            "settings": settings,
            "environment": variables,
            "is_emulator": key == EMULATOR_KEY,
            "key_hash": None if key is None else hash_of(key),
        }
        self._put(json.dumps(message))

    def settings(self) -> dict[str, Any]:
        """Return the settings that were handed to this process; none where it began by itself.

        A variable of the environment that was set for this process alone counts more, unless the
        session is one on the emulator: its processes never reach another service.
        """
        message = self._message()
        if not message:
            return {}
        handed = dict(message["settings"])
        if message["is_emulator"]:
            return {**handed, "api_key": EMULATOR_KEY}
        for name, variable in self._environment.items():
            if os.environ.get(variable) != message["environment"].get(variable):
                handed.pop(name, None)
        return handed

    def is_other_key(self, api_key: str | None) -> bool:
        """Whether the session that handed its settings on has another key than this one."""
        expected = self._message().get("key_hash")
        return expected is not None and (api_key is None or hash_of(api_key) != expected)

    def _message(self) -> dict[str, Any]:
        process = multiprocessing.process.current_process()
        text = getattr(process, "_config", {}).get(VARIABLE) or os.environ.get(VARIABLE)
        if not text:
            return {}
        message: dict[str, Any] = json.loads(text)
        if message["by"] == os.getpid():  # its own, for others
            message = json.loads(self._inherited) if self._inherited else {}
        return message

    def _put(self, text: str | None) -> None:
        # A child of multiprocessing gets a copy of `_config`, which has no public name; the server
        # that it may be forked from has the environment of an earlier time.
        process = getattr(multiprocessing.process.current_process(), "_config", {})
        for mapping in (process, os.environ):
            if text is None:
                mapping.pop(VARIABLE, None)
            else:
                mapping[VARIABLE] = text


def hash_of(api_key: str) -> str:
    """Return a hash of a key, which does not reveal it."""
    digest = hashlib.blake2b(api_key.encode(), digest_size=8, person=b"pruna_nb.journal")
    return digest.hexdigest()
