"""The names in a cache folder: they are spelt here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DATABASE_NAME = "pruna_nb.sqlite"


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """A cache folder, and what lies in it.

    Parameters
    ----------
    cache_dir : Path
        The folder.
    """

    cache_dir: Path

    @property
    def database_path(self) -> Path:
        """The SQLite file of the journal and the index of outputs."""
        return self.cache_dir / DATABASE_NAME

    @property
    def media_dir(self) -> Path:
        """The outputs, each named by the SHA-256 of its bytes."""
        return self.cache_dir / "media"

    @property
    def records_dir(self) -> Path:
        """A record of each output, from which the database can be rebuilt."""
        return self.cache_dir / "records"

    @property
    def runs_dir(self) -> Path:
        """The lock file of each run that is at work."""
        return self.cache_dir / "runs"

    @property
    def thumbs_dir(self) -> Path:
        """Thumbnails, which are made again when needed."""
        return self.cache_dir / "thumbs"

    @property
    def uploads_dir(self) -> Path:
        """Files that were uploaded into a form."""
        return self.cache_dir / "uploads"

    @property
    def votes_dir(self) -> Path:
        """The votes of comparisons."""
        return self.cache_dir / "votes"

    @property
    def kept_dir(self) -> Path:
        """The favourites of forms."""
        return self.cache_dir / "kept"

    @property
    def forms_dir(self) -> Path:
        """The rounds of forms."""
        return self.cache_dir / "forms"

    @property
    def ratings_path(self) -> Path:
        """The ratings and tags of outputs."""
        return self.cache_dir / "ratings" / "ratings.jsonl"
