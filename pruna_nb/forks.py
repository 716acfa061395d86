"""Locks that are open in a forked child: there, the thread that held one is not."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOLDERS: WeakKeyDictionary[object, str] = WeakKeyDictionary()
# A fork waits no longer for modules that are being loaded; a second is much.
_LONGEST_SECONDS = 10.0
# Reentrant: the thread that imports may fork, and would wait for its own lock.
_importing = threading.RLock()
_is_held = False


def renew_in_child(owner: object, name: str = "_lock") -> None:
    """Let a lock, an attribute of something, be another one in each forked child."""
    _HOLDERS[owner] = name


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Load modules in a thread of a run, while forks wait.

    Python has a lock for each module that is being imported, and a child which is forked
    meanwhile waits for ever when it imports the same one. So what the threads of a run import,
    they import here.
    """
    with _importing:
        yield


def _before_fork() -> None:
    global _is_held  # noqa: PLW0603 - one fork at a time holds it
    _is_held = _importing.acquire(timeout=_LONGEST_SECONDS)


def _after_fork_in_parent() -> None:
    if _is_held:
        _importing.release()


def _after_fork() -> None:
    global _importing  # noqa: PLW0603 - the lock is the parent's
    _importing = threading.RLock()
    for owner, name in list(_HOLDERS.items()):
        setattr(owner, name, threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )
