"""Folders that are the user's alone, on systems that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PRIVATE = 0o700


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for the user alone.

    `Path.mkdir` gives its mode to the last folder only, and leaves the others to the umask.

    Raises
    ------
    OSError
        If one of them cannot be made.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=_PRIVATE, exist_ok=True)
