"""Thumbnails: small WebP files, made by several threads and kept for the next time."""

from __future__ import annotations

import hashlib
import io
import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb.files.disk import make_private, open_regular, replacing
from pruna_nb.files.owned import THUMB_MARK, THUMB_TAIL
from pruna_nb.show.cells import kind_of
from pruna_nb.show.decode import UnreadableError, load, with_play_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL import Image

    from pruna_nb.show.cells import Cell, Source

QUALITY = 75  # of WebP: about 9 kB for a photo of 256 pixels
_EFFORT = 1  # libwebp's `method`: 2 makes a first look 15 % slower for 9 % fewer bytes
# a thumbnail of 256 pixels that takes more is written again at a lower quality: foliage, noise
_MOST_BYTES = 10_500
_USUAL_SIZE = 256
_LOWEST_QUALITY = 20


@dataclass(frozen=True)
class Thumb:
    """A thumbnail, or the reason why there is none.

    Attributes
    ----------
    webp : bytes
        The file's content; empty if there is none.
    size : tuple of int
        Width and height of the whole picture, in pixels, as it is looked at.
    seconds : float or None
        How long a video lasts.
    error : str or None
        Why there is no thumbnail.
    """

    webp: bytes = b""
    size: tuple[int, int] = (0, 0)
    seconds: float | None = None
    error: str | None = None


class Thumbs:
    """Makes thumbnails and keeps them.

    Parameters
    ----------
    folder : path, optional
        Where they are kept, made if it is missing; None: only as long as this object lives.
    quality : int
        WebP quality, 1 to 100.
    workers : int, optional
        Threads; None: one for each core that this process may use.

    Notes
    -----
    A thumbnail is named by its picture's path, length and time of change, so a picture that was
    replaced gets a new one. Sixteen bytes after the WebP's own end hold the whole picture's size:
    without them a second look would have to open each large file again.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        quality: int = QUALITY,
        workers: int | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.quality = quality
        # a container may have fewer cores than its machine; macOS and Windows do not say
        affinity = getattr(os, "sched_getaffinity", None)
        self.workers = workers or (len(affinity(0)) if affinity else os.cpu_count() or 1)
        self._made: dict[str, Thumb] = {}
        self._folders: set[Path] = set()

    def make(self, sources: Sequence[Source], size: int) -> list[Thumb]:
        """Make thumbnails, or take those that are kept.

        Parameters
        ----------
        sources : sequence of str or bytes
            Paths, or the bytes themselves.
        size : int
            Side of the square box that each fits into, in pixels.

        Returns
        -------
        list of Thumb
            One for each source, in order. A file that is missing, damaged or too large gives one
            with an ``error``; nothing is raised for it.

        Warns
        -----
        RuntimeWarning
            If the folder takes no thumbnail; they are shown all the same.
        """
        keys = [self._key(source, size) for source in sources]
        found = {key: self._kept(key) for key in dict.fromkeys(keys) if key}
        todo = {
            key: source
            for key, source in zip(keys, sources, strict=True)
            if key and found[key] is None
        }
        made = found | dict(zip(todo, self._run(todo, size), strict=True))
        self._made.update({key: thumb for key, thumb in made.items() if thumb is not None})
        return [self._made[key] if key else Thumb(error="the file is gone") for key in keys]

    def of_cells(self, cells: Iterable[Cell], size: int) -> dict[int, Thumb]:
        """Make the thumbnails of all cells that have a picture; by the cells' `id`."""
        pictures = [(id(cell), picture) for cell in cells if (picture := cell.picture) is not None]
        made = self.make([picture for _, picture in pictures], size)
        return dict(zip((key for key, _ in pictures), made, strict=True))

    def _run(self, todo: dict[str, Source], size: int) -> Iterable[Thumb]:
        if len(todo) <= 1 or self.workers == 1:
            made = [self._new(key, source, size) for key, source in todo.items()]
        else:
            with ThreadPoolExecutor(self.workers, "pruna-thumbs") as pool:
                made = list(pool.map(lambda item: self._new(item[0], item[1], size), todo.items()))
        troubles = {trouble for _, trouble in made if trouble}
        if troubles:
            message = f"thumbnails are not kept in {self.folder}: {'; '.join(sorted(troubles))}"
            warnings.warn(message, RuntimeWarning, stacklevel=4)
        return [thumb for thumb, _ in made]

    def _new(self, key: str, source: Source, size: int) -> tuple[Thumb, str | None]:
        """Make one, and say what kept it from being kept."""
        try:
            picture = load(source, size)
        except UnreadableError as error:
            return Thumb(error=str(error)), None
        image = picture.image if picture.seconds is None else with_play_mark(picture.image)
        webp = _encoded(image, self.quality, most_bytes(size))
        thumb = Thumb(webp, (picture.width, picture.height), picture.seconds)
        if self.folder is None:
            return thumb, None
        try:
            self._write(self._place(key), thumb)
        except OSError as error:
            return thumb, error.strerror or str(error)
        return thumb, None

    def _key(self, source: Source, size: int) -> str:
        """Return the name of a thumbnail; empty if there is no file."""
        if isinstance(source, bytes):
            identity = f"{hashlib.sha256(source).hexdigest()}"
        else:
            try:
                stat = os.stat(source)  # noqa: PTH116 - a thousand of them, twice as fast
            except (OSError, ValueError):
                return ""
            identity = f"{os.path.abspath(source)}\0{stat.st_size}\0{stat.st_mtime_ns}"  # noqa: PTH100
        name = f"{identity}\0{size}\0{self.quality}"
        if kind_of(source) == "video":  # those of earlier versions had no sign for "play"
            name += "\0play"
        return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()

    def _place(self, key: str) -> Path:
        assert self.folder is not None  # noqa: S101 - for mypy; both callers looked
        return self.folder / key[:2] / f"{key[2:40]}.webp"

    def _kept(self, key: str) -> Thumb | None:
        if key in self._made and not self._made[key].error:
            return self._made[key]
        if self.folder is None:
            return None
        try:
            with open_regular(self._place(key)) as file:
                content = file.read()
        except OSError:
            return None
        return _unpack(content)

    def _write(self, place: Path, thumb: Thumb) -> None:
        if place.parent not in self._folders:
            make_private(place.parent)
            self._folders.add(place.parent)
        with replacing(place, private=True) as file:
            file.write(thumb.webp)
            file.write(THUMB_TAIL.pack(THUMB_MARK, *thumb.size, thumb.seconds or 0.0))


def most_bytes(size: int) -> int:
    """Return the bytes that a thumbnail may take: few photographs at quality 75 take more.

    Examples
    --------
    >>> most_bytes(256), most_bytes(128)
    (10500, 5250)
    """
    share = size / _USUAL_SIZE
    # A photograph's bytes grow with the power 1.6 of its size; small ones are all detail.
    return round(_MOST_BYTES * (math.pow(share, 1.6) if share > 1 else share))


def _encoded(image: Image.Image, quality: int, most: int) -> bytes:
    """Write a WebP, at a lower quality where a picture of much detail would take too much."""
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=_EFFORT)
        over = buffer.tell() / most
        if over <= 1 or quality <= _LOWEST_QUALITY:
            return buffer.getvalue()
        # Down to 20, the bytes follow the power 0.65 of the quality: mostly once more is enough.
        quality = max(_LOWEST_QUALITY, min(quality - 5, round(quality / over**1.6)))


def _unpack(content: bytes) -> Thumb | None:
    """Read a kept thumbnail; None if it was cut short or is not ours."""
    end = len(content) - THUMB_TAIL.size
    if (
        end < len(THUMB_MARK)
        or content[:4] != b"RIFF"
        or int.from_bytes(content[4:8], "little") + 8 != end
    ):
        return None
    mark, width, height, seconds = THUMB_TAIL.unpack_from(content, end)
    if mark != THUMB_MARK:
        return None
    return Thumb(content[:end], (width, height), seconds or None)
