"""Folders that are the user's alone, on systems that can."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pruna_nb.console import LOG
from pruna_nb.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

_PRIVATE = 0o700
_ROOT = 0
_TOLD: set[Path] = set()


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for the user alone.

    `Path.mkdir` gives its mode to the last folder only, less what the umask takes from it.

    Raises
    ------
    CacheError
        If it is there and others can write into it.
    OSError
        If one of them cannot be made.
    """
    missing, above = [], folder
    while not above.is_dir():
        missing.append(above)
        if above == above.parent:
            break
        above = above.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=_PRIVATE)
        except FileExistsError:  # another process was quicker
            if not each.is_dir():
                raise
        else:
            each.chmod(_PRIVATE)
    check_private(folder)


def sync_folder(folder: Path | str) -> None:
    """Return when the names in a folder are on the disk, so that they outlive a loss of power.

    A file's own sync does not cover the name that a rename gives it. Windows has no such call, and
    writes names through.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_private(folder: Path) -> None:
    """See that nobody else can put anything into a folder; say so where a group can.

    Raises
    ------
    CacheError
        If everybody can write into it, or it is another user's.
    """
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
    if shared and folder not in _TOLD:
        _TOLD.add(folder)
        LOG.warning(
            "Others can write into the folder %s (mode %o), and so change what it says was made "
            "and paid for. If that is not meant: chmod 700 %s",
            folder, mode, folder,
        )  # fmt: skip


def _refusal(folder: Path, why: str) -> CacheError:
    return CacheError(
        f"The folder {str(folder)!r} is not used: {why}, so what it says was made and paid for may "
        f"be another's word. Make it yours alone (chmod 700 {str(folder)!r}) or choose another one "
        "(PRUNA_NB_CACHE_DIR, or pruna_nb.configure(cache_dir=...)). Nothing was sent."
    )
