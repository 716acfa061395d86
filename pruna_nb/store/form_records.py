"""What a form had, one file of JSON for each of its rounds: there again after a kernel's restart.

Several kernels may write at the same time: a file is written whole or not at all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import CacheError
from pruna_nb.files import strict_json
from pruna_nb.files.disk import make_private, open_regular, replacing
from pruna_nb.settings.cache_folder import CacheFolder

if TYPE_CHECKING:
    from pathlib import Path


class FormRecords:
    """The records of a form's place in a cache folder.

    Parameters
    ----------
    cache_dir : Path
        The cache folder; nothing is written before the first record.
    home : str
        The place; letters and digits.

    Attributes
    ----------
    media_dir : Path
        The folder of outputs, which records name as seen from it.
    """

    def __init__(self, cache_dir: Path, home: str) -> None:
        folder = CacheFolder(cache_dir)
        self.media_dir, self._folder = folder.media_dir, folder.forms_dir / home

    def all(self) -> dict[str, dict[str, Any]]:
        """Return the records by name, in order; damaged files are left out."""
        found = {}
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []:
            try:
                with open_regular(path) as file:
                    record = strict_json.loads(file.read())
            except (OSError, ValueError):
                continue
            if isinstance(record, dict):
                found[path.stem] = record
        return found

    def write(self, name: str, record: dict[str, Any]) -> None:
        """Write a record, in place of an earlier one; raise `CacheError` if that is impossible."""
        text = json.dumps(record, allow_nan=False)
        try:
            make_private(self._folder)
            with replacing(self._folder / f"{name}.json", private=True) as file:
                file.write(text.encode())
        except OSError as error:
            msg = (
                f"The form is not remembered: {self._folder} cannot be written ({error.strerror})."
            )
            raise CacheError(msg) from error

    def relative(self, output: str) -> str:
        """Return an output as seen from the media folder, so that the cache can be moved."""
        folder = f"{self.media_dir}/"
        return output.removeprefix(folder) if output.startswith(folder) else output
