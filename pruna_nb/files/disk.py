"""Reading and writing on disk: regular files alone, whole or not at all, in folders of one user."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from typing import TYPE_CHECKING

from pruna_nb.console import LOG
from pruna_nb.errors import CacheError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# A pipe without a writer would block the opening itself.
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_ROOT = 0
_WARNED: set[Path] = set()


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading.

    Raises
    ------
    OSError
        If it cannot be read, or is a folder, a pipe, a socket or a device.
    """
    handle = os.open(path, _READ_FLAGS)
    # Looked at after it was opened: a check before could be of another file of the same name.
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def is_own_regular(path: Path) -> bool:
    """Whether a path is a regular file itself, not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a new file that takes a path's place when the block ends; no reader meets half a file.

    After an error in the block, what was at the path before is still there.

    Parameters
    ----------
    path : Path
        In a folder that is there.
    private : bool
        Whether only the user may read it; otherwise the umask says who may.
    """
    # The path's own name may be as long as the system allows, so it is no part of this one.
    part = path.with_name(f".pruna_nb-{uuid.uuid4().hex}.part")
    mode = PRIVATE_FILE if private else 0o666
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            part.unlink(missing_ok=True)


def sync_folder(folder: Path | str) -> None:
    """Return when the names in a folder are on the disk, so that they outlive a loss of power."""
    # A file's own sync does not cover the name that a rename gives it. Windows has no such call,
    # and writes names through.
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Create a folder and its missing parents, each for the user alone.

    Raises
    ------
    CacheError
        If it exists and everybody can write into it, or it is another user's.
    OSError
        If one of them cannot be created.
    """
    missing, parent = [], folder
    while not parent.is_dir():
        missing.append(parent)
        if parent == parent.parent:
            break
        parent = parent.parent
    for path in reversed(missing):
        try:
            path.mkdir(mode=_PRIVATE_FOLDER)
        except FileExistsError:  # another process was quicker
            if not path.is_dir():
                raise
        else:
            path.chmod(_PRIVATE_FOLDER)  # the umask may have taken more from it
    check_private(folder)


def check_private(folder: Path) -> None:
    """Raise if somebody else can write into a folder; warn where a group can."""
    if os.name != "posix":
        return
    status = folder.stat()
    mode, user = stat.S_IMODE(status.st_mode), os.geteuid()
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise _refusal(folder, f"everybody can write into it (mode {mode:o})")
    # In a container root uses folders of all users; and what is root's, root gave.
    if status.st_uid not in {user, _ROOT} and user != _ROOT:
        raise _refusal(folder, f"it belongs to another user (number {status.st_uid})")
    # Many systems give each user a group of their own, with the user's number.
    shared = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and status.st_gid != status.st_uid)
    if shared and folder not in _WARNED:
        _WARNED.add(folder)
        warning = (
            "Others can write into the folder %s (mode %o), and so change the records of what was "
            "generated and paid for. If that is not intended: chmod 700 %s"
        )
        LOG.warning(warning, folder, mode, folder)


def _refusal(folder: Path, why: str) -> CacheError:
    return CacheError(
        f"The folder {str(folder)!r} is not used: {why}, so its records of what was generated and "
        f"paid for cannot be trusted. Make it yours alone (chmod 700 {str(folder)!r}) or choose "
        "another one (PRUNA_NB_CACHE_DIR, or pruna_nb.configure(cache_dir=...)). Nothing was sent."
    )
