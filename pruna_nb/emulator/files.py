"""Uploaded files: what they are is read from their bytes, never from what a client calls them."""

from __future__ import annotations

import hashlib
import re
import secrets
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any, Final

from pruna_nb.emulator.sizes import MOST_PIXELS
from pruna_nb.files.kinds import HEAD_BYTES, sniff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL import Image

_CHUNK: Final = 1 << 20
# Pillow reads some forty formats; those of PostScript start a program, and old ones have old bugs.
_FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")


VIDEOS_NEED: Final = "The emulator needs PyAV for that: pip install 'pruna_nb[video]'"


def reads_videos() -> bool:
    """Whether PyAV is here: it is three quarters of what the emulator would need with it."""
    return find_spec("av") is not None


class InvalidFileError(ValueError):
    """The bytes are not a picture, video, sound or zip archive."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file; times are seconds since 1970."""

    id: str  # in addresses, and the name on disk
    name: str  # what the client called it: shown, never used as a path
    kind: str  # image, video, audio or zip
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    created_at: float
    expires_at: float

    def to_json(self, base: str) -> dict[str, Any]:
        """Return the answer that describes it; its address begins with the base."""
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "size": self.size,
            "etag": self.sha256[:32],
            "checksums": {"sha256": self.sha256},
            "metadata": {"width": self.width, "height": self.height} if self.width else {},
            "created_at": _iso(self.created_at),
            "expires_at": _iso(self.expires_at),
            "urls": {"get": f"{base}/v1/files/{self.id}"},
        }


class FileStore:
    """A folder of uploaded files."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(self, content: IO[bytes], name: str, *, ttl: float) -> StoredFile:
        """Copy an upload into the folder and read what it is.

        `InvalidFileError` says that it is nothing that the service takes.
        """
        number = f"file-{secrets.token_hex(12)}"
        path = self._folder / number
        digest = hashlib.sha256()
        size = 0
        content.seek(0)
        try:
            with path.open("xb") as copy:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                    size += len(chunk)
            kind, content_type, pixels = inspect(path)
        except BaseException:  # a cancelled upload too leaves nothing behind
            path.unlink(missing_ok=True)
            raise
        now = self._clock()
        stored = StoredFile(
            id=number,
            name=plain_name(name),
            kind=kind,
            content_type=content_type,
            size=size,
            sha256=digest.hexdigest(),
            width=pixels[0] if pixels else None,
            height=pixels[1] if pixels else None,
            created_at=now,
            expires_at=now + ttl,
        )
        self._files[number] = stored
        return stored

    def restore(self, entry: dict[str, Any]) -> None:
        """Take a file up again that the ledger names."""
        stored = StoredFile(**entry)
        self._files[stored.id] = stored

    def get(self, number: str) -> StoredFile | None:
        """Return a file by its id, expired or not."""
        return self._files.get(number)

    def is_live(self, stored: StoredFile) -> bool:
        """Whether a file may still be used."""
        return self._clock() < stored.expires_at

    def path(self, stored: StoredFile) -> Path:
        """Return the place of its bytes, which stay when it has expired, for work under way."""
        return self._folder / stored.id


def entry_of(stored: StoredFile) -> dict[str, Any]:
    """Return what the ledger keeps of a file."""
    return asdict(stored)


def plain_name(name: str) -> str:
    """Return the last part of a name, without folders and control characters."""
    # Both ways of writing a path: a client on Windows may ask a service that runs elsewhere.
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last)[:255] or "upload"


def inspect(path: Path) -> tuple[str, str, tuple[int, int] | None]:
    """Read kind, content type and pixels from a file's bytes."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.advice:
        what = "an unknown type" if found is None else found.content_type
        text = f"the file has {what}; allowed are pictures, videos, sounds and zip archives"
        raise InvalidFileError(text)
    if found.kind == "zip" and zipfile.is_zipfile(path):
        return "zip", found.content_type, None
    if found.kind not in ("video", "audio"):
        return _inspect_picture(path)
    if not reads_videos():
        raise InvalidFileError(f"it is a video or a sound. {VIDEOS_NEED}")
    from pruna_nb.emulator.video import probe

    clip = probe(path, found.content_type)
    if clip is None or (found.kind == "audio" and clip.size is not None):
        raise InvalidFileError("the file is damaged: it cannot be decoded")
    if clip.size is None:
        # A sound may come in a video's container.
        return "audio", found.content_type.replace("video/", "audio/"), None
    width, height = clip.size
    if width * height > MOST_PIXELS:
        raise InvalidFileError(f"a video of {width} x {height} pixels is too large")
    return found.kind, found.content_type, clip.size


def _inspect_picture(path: Path) -> tuple[str, str, tuple[int, int]]:
    from PIL import Image

    try:
        with open_picture(path) as picture:
            size = picture.size
            content_type = Image.MIME.get(picture.format or "", "application/octet-stream")
            # Decoding at a small scale finds a file that was cut short, at little cost.
            picture.draft("RGB", (64, 64))
            picture.load()
    except InvalidFileError:
        raise
    except Exception as error:  # decoders raise whatever damaged bytes lead them to
        text = "the file is not a picture, video, sound or zip archive, or it is damaged"
        raise InvalidFileError(text) from error
    return "image", content_type, size


def open_picture(file: Path | IO[bytes]) -> Image.Image:
    """Open a picture, which is not decoded yet, with the few decoders that the service needs.

    `InvalidFileError` says that it is larger than `MOST_PIXELS`, an `OSError` that it is in none
    of the formats that are taken.
    """
    from PIL import Image

    Image.init()
    # AVIF came with Pillow 11.3, and a name that Pillow does not know is a KeyError.
    formats = tuple(name for name in _FORMATS if name in Image.OPEN)
    try:
        picture = Image.open(file, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidFileError(str(error)) from None
    width, height = picture.size
    if width * height > MOST_PIXELS:
        picture.close()
        raise InvalidFileError(f"a picture of {width} x {height} pixels is too large")
    return picture


def _iso(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
