"""Locks that are open in a forked child: there, the thread that held one is not."""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

_HOLDERS: WeakKeyDictionary[object, str] = WeakKeyDictionary()


def renew_in_child(owner: object, name: str = "_lock") -> None:
    """Let a lock, an attribute of something, be another one in each forked child."""
    _HOLDERS[owner] = name


def _after_fork() -> None:
    for owner, name in list(_HOLDERS.items()):
        setattr(owner, name, threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
