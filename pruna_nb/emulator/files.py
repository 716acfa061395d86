"""Uploaded files: what they are is read from their bytes, never from what a client calls them."""

from __future__ import annotations

import hashlib
import re
import secrets
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from pruna_nb.emulator.pictures import MOST_PIXELS, PictureTooLargeError, open_picture
from pruna_nb.files.kinds import HEAD_BYTES, sniff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK: Final = 1 << 20


class InvalidFileError(ValueError):
    """The bytes are not a picture, video, sound or zip archive."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file.

    Attributes
    ----------
    id : str
        Its number in addresses, and its name on disk.
    name : str
        What the client called it; shown, never used as a path.
    kind : {"image", "video", "audio", "zip"}
        What its bytes are.
    content_type, sha256 : str
        Of its bytes.
    size : int
        In bytes.
    width, height : int or None
        In pixels, for pictures and videos.
    created_at, expires_at : float
        Seconds since 1970.
    """

    id: str
    name: str
    kind: str
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
    """A folder of uploaded files.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    clock : callable
        Returns seconds since 1970.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(self, content: IO[bytes], name: str, *, ttl: float) -> StoredFile:
        """Copy an upload into the folder and read what it is.

        Raises
        ------
        InvalidFileError
            If it is nothing that the service takes.
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
        except BaseException:
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
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last)[:255] or "upload"


def inspect(path: Path) -> tuple[str, str, tuple[int, int] | None]:
    """Read kind, content type and pixels from a file's bytes.

    Raises
    ------
    InvalidFileError
        If it is not a picture, video, sound or zip archive, or is damaged.
    """
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.advice:
        what = "an unknown type" if found is None else found.content_type
        text = f"the file has {what}; allowed are pictures, videos, sounds and zip archives"
        raise InvalidFileError(text)
    if found.kind == "zip" and zipfile.is_zipfile(path):
        return "zip", found.content_type, None
    if found.kind in ("video", "audio"):
        return _inspect_clip(path, found.kind, found.content_type)
    return _inspect_picture(path)


def _inspect_clip(
    path: Path, kind: str, content_type: str
) -> tuple[str, str, tuple[int, int] | None]:
    from pruna_nb.emulator.video import probe

    clip = probe(path, content_type)
    if clip is None or (kind == "audio" and clip.size is not None):
        raise InvalidFileError("the file is damaged: it cannot be decoded")
    if clip.size is not None and clip.size[0] * clip.size[1] > MOST_PIXELS:
        raise InvalidFileError(f"a video of {clip.size[0]} x {clip.size[1]} pixels is too large")
    if clip.size is None:
        # A sound may come in a video's container.
        return "audio", content_type.replace("video/", "audio/"), None
    return kind, content_type, clip.size


def _inspect_picture(path: Path) -> tuple[str, str, tuple[int, int]]:
    from PIL import Image

    try:
        with open_picture(path) as picture:
            size = picture.size
            content_type = Image.MIME.get(picture.format or "", "application/octet-stream")
            # Decoding at a small scale finds a file that was cut short, at little cost.
            picture.draft("RGB", (64, 64))
            picture.load()
    except PictureTooLargeError as error:
        raise InvalidFileError(str(error)) from error
    except Exception as error:  # decoders raise whatever damaged bytes lead them to
        text = "the file is not a picture, video, sound or zip archive, or it is damaged"
        raise InvalidFileError(text) from error
    return "image", content_type, size


def _iso(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
