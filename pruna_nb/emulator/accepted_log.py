"""What an emulator accepted, kept on disk so that it can be killed and go on.

One JSON object a line, written before the answer goes out. No key is kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class Ledger:
    """A file of lines that only grows.

    Parameters
    ----------
    path : Path
        It is made if it does not exist; its folder must.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a+b")

    def read(self) -> list[dict[str, Any]]:
        """Give all entries; a last line that a kill cut short is left out."""
        self._file.seek(0)
        entries = []
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            entries.append(json.loads(line))
            whole += len(line)
        self._file.truncate(whole)
        return entries

    def write(self, entry: dict[str, Any]) -> None:
        """Add an entry, and hand it to the system: it outlives this process."""
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
