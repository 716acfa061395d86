"""Uploads of files: equal bytes once, and again shortly before the service deletes them."""

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
# A file is uploaded again so many seconds before it expires, since its prediction may have to wait
# for a free slot; of a file that lives for minutes only, a quarter of its life.
_BEFORE_EXPIRY = 120.0
_LAST_PART = 0.25


class Uploader:
    """Uploads equal bytes once, and again shortly before the service deletes them.

    `send` uploads one `Media`, throttled and with retries; `clock` returns seconds since 1970, as
    in the service's ``expires_at``.
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
        """Return the URL of a file at the service; upload it if necessary."""
        return self.upload(media).url

    def upload(self, media: Media) -> Upload:
        """Return the upload of a file; upload it if necessary."""
        name = media.sha256
        with self._lock:
            mine = self._sending.setdefault(name, threading.Lock())
        with mine:  # threads with equal bytes wait for the first of them
            upload = self._fresh(media)
            if upload is None:
                sent_at = self._clock()
                upload = self._send(media)
                life = upload.expires_at - sent_at
                if life <= 0:
                    # One of the two clocks is wrong. With the usual life the file is uploaded
                    # once, and not again for every row.
                    life = _LIFE_SECONDS
                until = sent_at + life - min(_BEFORE_EXPIRY, life * _LAST_PART)
                with self._lock:
                    self._known[name] = (upload, until)
            return upload

    def ready(self, media: Media) -> str | None:
        """Return the URL of a file that is at the service; None if it must be uploaded."""
        upload = self._fresh(media)
        return None if upload is None else upload.url

    def forget(self, media: Media) -> None:
        """Forget a file that the service no longer has, so that it is uploaded again."""
        with self._lock:
            self._known.pop(media.sha256, None)

    def _fresh(self, media: Media) -> Upload | None:
        with self._lock:
            upload, until = self._known.get(media.sha256, (None, 0.0))
        return upload if self._clock() < until else None
