"""Files of pictures, videos and zips: what they are, whether they are whole, where they live."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pruna_nb.errors import CacheError, DeliveryError
from pruna_nb.files import owned
from pruna_nb.files.checks import problem_of, type_of, whole_files
from pruna_nb.files.disk import make_private, open_regular, sync_folder
from pruna_nb.files.kinds import BYTES, HEAD_BYTES

if TYPE_CHECKING:
    from pruna_nb.files.kinds import MediaType

# A temporary file this old was left by a process that was killed.
_PART_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A media file that is kept under the SHA-256 of its bytes."""

    path: Path
    sha256: str
    size: int
    mtime_ns: int
    type: MediaType


def check_delivered(file: BinaryIO, expected: str = "unknown") -> MediaType:
    """Check that a delivered file is media and can be decoded to its end.

    Parameters
    ----------
    file : binary file
        Open for reading.
    expected : str
        What the model makes: "image", "video" or "zip", and nothing else is taken for it. Of a
        model that the catalogue does not know ("unknown"), each known kind is taken if it is
        whole, and bytes of no known kind as they are, but for a page or an error in JSON.

    Raises
    ------
    DeliveryError
        If it is empty, of another kind, cut short, damaged, or a decompression bomb.
    """
    kind = type_of(file)
    if kind is None:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        # A gateway's page, or an error in JSON, is not an output.
        is_page = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{"}
        if head and expected == "unknown" and not is_page:
            return BYTES
        what = "empty" if not head else f"not an image, video or zip (starts with {head[:24]!r})"
        raise DeliveryError(f"The delivered file is {what}")
    if expected not in {"unknown", kind.kind}:
        raise DeliveryError(
            f"The delivered file is {kind.name} ({kind.content_type}), and the model makes "
            f"{_MADE.get(expected, expected)}"
        )
    # What a new model makes may be of a kind that nothing here decodes.
    problem = None if expected == "unknown" and kind.advice else problem_of(file, kind)
    if problem:
        raise DeliveryError(f"The {kind.kind} that was delivered is damaged ({problem})")
    return kind


_MADE = {"image": "pictures", "video": "videos", "zip": "zip archives"}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file's bytes, as hex."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class MediaStore:
    """A folder of media files, each named by the SHA-256 of its bytes, with its true suffix.

    Parameters
    ----------
    folder : Path
        Made at the first write, for the user alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open_part(self) -> tuple[Path, BinaryIO]:
        """Open a new temporary file beside the media.

        Raises
        ------
        CacheError
            If the folder cannot be written.
        """
        path = Path(f"{self.folder}/parts/{os.getpid()}-{uuid.uuid4().hex}.part")
        try:
            try:
                return path, open(path, "xb", opener=_opened_private)
            except FileNotFoundError:  # the first of this cache
                is_new = not self.folder.exists()
                make_private(path.parent)
                owned.mark(self.folder if is_new else path.parent)
                return path, open(path, "xb", opener=_opened_private)
        except OSError as error:
            raise unwritable(self.folder, error) from None

    def commit(self, part: Path, sha256: str, expected: str = "unknown") -> Stored:
        """Check a temporary file and move it to its place.

        Raises
        ------
        DeliveryError
            If it is damaged; the file is then gone.
        CacheError
            If the folder cannot be written.
        """
        try:
            with part.open("rb+") as file:
                kind = check_delivered(file, expected)
                whole_files.add(sha256)  # a next step that takes it need not look again
                # The bytes reach the disk before anything says that they are there.
                os.fsync(file.fileno())
                stat = os.fstat(file.fileno())
            path = Path(f"{self.folder}/{sha256[:2]}/{sha256}{kind.suffix}")
            try:
                part.replace(path)
            except FileNotFoundError:  # the first with this beginning
                path.parent.mkdir(exist_ok=True, mode=0o700)
                part.replace(path)
                sync_folder(self.folder)
            sync_folder(path.parent)
        except BaseException as error:
            with contextlib.suppress(OSError):  # the folder may be gone
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unwritable(self.folder, error) from None
            raise
        return Stored(path, sha256, stat.st_size, stat.st_mtime_ns, kind)

    def sweep(self) -> None:
        """Delete what processes that were killed left half, in a folder that the cache made."""
        long_ago = time.time() - _PART_SECONDS
        parts = self.folder / "parts"
        if self.folder.is_symlink() or parts.is_symlink():
            return
        if not (owned.is_marked(self.folder) or owned.is_marked(parts)):
            return
        for part in parts.glob("*.part"):
            with contextlib.suppress(OSError):
                if owned.is_part_name(part.name) and part.lstat().st_mtime < long_ago:
                    part.unlink()


def _opened_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def unwritable(folder: Path, error: OSError) -> CacheError:
    """Return the error of a cache folder that cannot be written."""
    why = error.strerror or type(error).__name__
    message = (
        f"The cache folder {str(folder)!r} cannot be written: {why}. Free the disk or choose "
        "another folder (PRUNA_NB_CACHE_DIR, or pruna_nb.configure(cache_dir=...)), and run again "
        "within 24 hours: what was sent before is then fetched at no cost."
    )
    return CacheError(message)
