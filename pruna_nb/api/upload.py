"""Uploading files: equal bytes once, and again shortly before the service deletes them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pruna_nb.forks import renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api.replies import Upload
    from pruna_nb.files.inputs import Media

_LIFE_SECONDS = 1800.0
_BEFORE_EXPIRY = 120.0
"""A file is uploaded again this many seconds before it expires: its prediction may have to wait."""
_LAST_PART = 0.25
"""The same for a file that lives for minutes only, as a part of its life."""


class Uploader:
    """Uploads equal bytes once, and again shortly before the service forgets them.

    Parameters
    ----------
    send : callable
        Uploads one `Media`, with the throttle and the retries that are due.
    clock : callable
        Seconds since 1970, as the service's ``expires_at``.
    """

    def __init__(
        self, send: Callable[[Media], Upload], clock: Callable[[], float] = time.time
    ) -> None:
        self._send, self._clock = send, clock
        self._lock = threading.Lock()
        renew_in_child(self)
        self._known: dict[str, tuple[Upload, float]] = {}
        self._sending: dict[str, threading.Lock] = {}

    def url(self, media: Media) -> str:
        """Give the address of a file at the service, uploading it if that is due."""
        return self.upload(media).url

    def upload(self, media: Media) -> Upload:
        """Give a file at the service, uploading it if that is due."""
        name = media.sha256
        with self._lock:
            mine = self._sending.setdefault(name, threading.Lock())
        with mine:  # equal bytes wait for the first of them
            found = self._fresh(media)
            if found is None:
                asked_at = self._clock()
                found = self._send(media)
                with self._lock:
                    self._known[name] = (found, asked_at + _fresh_seconds(found, asked_at))
            return found

    def ready(self, media: Media) -> str | None:
        """Give the address of a file that is at the service; None if it has to be uploaded."""
        found = self._fresh(media)
        return None if found is None else found.url

    def forget(self, media: Media) -> None:
        """Have a file uploaded again, since the service no longer has it."""
        with self._lock:
            self._known.pop(media.sha256, None)

    def _fresh(self, media: Media) -> Upload | None:
        with self._lock:
            upload, until = self._known.get(media.sha256, (None, 0.0))
        return upload if self._clock() < until else None


def _fresh_seconds(upload: Upload, asked_at: float) -> float:
    """Give for how long a file is used before it is uploaded again.

    A clock that goes wrong, here or there, shows as a life that is over already: the file
    then counts as one of the usual life, for else it would be uploaded for ever.
    """
    life = upload.expires_at - asked_at
    if life <= 0:
        life = _LIFE_SECONDS
    return life - min(_BEFORE_EXPIRY, life * _LAST_PART)
