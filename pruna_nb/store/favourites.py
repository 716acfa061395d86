"""Favourites: pictures that a person keeps, one small file of JSON each.

They outlive the form and the kernel in which they were kept. A file is written whole or not at
all, so several kernels may keep pictures at the same time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import CacheError
from pruna_nb.files import strict_json
from pruna_nb.files.disk import make_private, open_regular, replacing
from pruna_nb.settings.cache_folder import CacheFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: dict[str, Any] = {"input": dict, "cost_usd": (int, float), "seconds": (int, float)}


@dataclass(frozen=True, slots=True)
class Favourite:
    """A picture that is kept, with what made it.

    Parameters
    ----------
    id : str
        Names the picture: its prediction, or its file where no prediction is known.
    home : str
        The place of the form in which it was kept.
    model : str
        The model.
    input : dict
        The fields that were sent, without secrets and files.
    output : str
        The media file's path.
    prediction_id : str
        The service's name for it; empty if that is not known.
    cost_usd : float
        What it cost when it was made.
    seconds : float
        How long it took then.
    at : str
        When it was kept, ISO 8601 in UTC.
    """

    id: str
    home: str
    model: str
    input: Mapping[str, Any] = field(repr=False)
    output: str
    prediction_id: str = ""
    cost_usd: float = 0.0
    seconds: float = 0.0
    at: str = ""


class Favourites:
    """The favourites of a cache folder.

    Parameters
    ----------
    cache_dir : Path
        The cache folder; nothing is written before the first picture is kept.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._media, self._folder = (
            CacheFolder(cache_dir).media_dir,
            CacheFolder(cache_dir).kept_dir,
        )

    def all(self) -> list[Favourite]:
        """Return them in the order in which they were kept; damaged files are left out."""
        files = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        found = [each for each in map(self._read, files) if each is not None]
        return sorted(found, key=lambda each: each.at)

    def media_names(self) -> set[str]:
        """Return the media files of the favourites, as seen from the media folder."""
        return {self._relative(each.output) for each in self.all()}

    def add(self, favourite: Favourite) -> None:
        """Keep a picture; raise `CacheError` if that cannot be written."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        record = {**asdict(favourite), "output": self._relative(favourite.output), "at": now}
        try:
            make_private(self._folder)
            with replacing(self._path(favourite.id), private=True) as file:
                file.write(json.dumps(record, allow_nan=False).encode())
        except OSError as error:
            msg = f"The picture is not kept: {self._folder} cannot be written ({error.strerror})."
            raise CacheError(msg) from error

    def drop(self, favourite_id: str) -> None:
        """Keep a picture no longer; raise `CacheError` if that cannot be written."""
        try:
            self._path(favourite_id).unlink(missing_ok=True)
        except OSError as error:
            msg = f"The picture is still kept: {self._folder} cannot be written ({error.strerror})."
            raise CacheError(msg) from error

    def _path(self, favourite_id: str) -> Path:
        # An id is the service's, so it is no name of a file.
        return self._folder / f"{hashlib.sha256(favourite_id.encode()).hexdigest()[:40]}.json"

    def _relative(self, output: str) -> str:
        """Return an output as seen from the media folder, so that the cache can be moved."""
        path = Path(output)
        return path.relative_to(self._media).as_posix() if self._media in path.parents else output

    def _read(self, path: Path) -> Favourite | None:
        try:
            with open_regular(path) as file:
                record = strict_json.loads(file.read())
        except (OSError, ValueError):
            return None
        names = {each.name for each in fields(Favourite)}
        if not isinstance(record, dict) or not names <= record.keys():
            return None
        if any(not isinstance(record[name], _TYPES.get(name, str)) for name in names):
            return None
        output = str(self._media / record["output"])  # an absolute path stays what it is
        return Favourite(**{name: record[name] for name in names} | {"output": output})
