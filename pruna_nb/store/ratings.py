"""Ratings and tags of outputs: what a person thinks of a picture, for good.

They are kept by the content of the file, so that every frame with the same picture has them, and
by the prediction's id, for where the file is gone or was converted. They lie beside the cache's
outputs and in no database, so that neither deleting those nor rebuilding the index loses them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.files.json_lines import append_lines, read_lines
from pruna_nb.files.media_store import sha256_of
from pruna_nb.files.owned import is_media_name
from pruna_nb.settings.cache_folder import CacheFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STARS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Rating:
    """What a person thinks of an output.

    Parameters
    ----------
    digest : str
        The SHA-256 of the file, in hex; empty if the file could not be read.
    prediction_id : str
        The service's name for it; empty if that is not known.
    rating : int, optional
        1 to 5; None if it is not rated.
    tags : tuple of str
        In the order in which they were given.
    at : str
        When it was last changed, ISO 8601 in UTC.
    """

    digest: str
    prediction_id: str = ""
    rating: int | None = None
    tags: tuple[str, ...] = ()
    at: str = ""


class Ratings:
    """The ratings and tags of a cache folder.

    Parameters
    ----------
    cache_dir : Path
        The cache folder; nothing is written before the first output is rated.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._path = CacheFolder(cache_dir).ratings_path

    def all(self) -> list[Rating]:
        """Return all that stand, in the order in which they were last changed.

        An output whose rating and tags were all taken back is not among them.
        """
        return [each for each in self._standing() if each.rating is not None or each.tags]

    def of(self, outputs: Sequence[tuple[str | None, str | None]]) -> list[Rating | None]:
        """Return the rating of each output, at one reading of the file; None where it has none.

        Parameters
        ----------
        outputs : sequence of tuple
            Each output's path and its prediction's id, as far as they are known.
        """
        standing = self.all()
        if not standing:
            return [None] * len(outputs)
        by_id = {each.prediction_id: each for each in standing if each.prediction_id}
        by_digest = {each.digest: each for each in standing if each.digest}
        return [
            (path and by_digest.get(digest_of(path))) or (by_id.get(name) if name else None) or None
            for path, name in outputs
        ]

    def put(self, ratings: Iterable[Rating]) -> None:
        """Write what is thought of outputs from now on; `CacheError` if that is not possible."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        records = [{**asdict(each), "tags": list(each.tags), "at": now} for each in ratings]
        if records:
            append_lines(self._path, records, "rating")

    def _standing(self) -> list[Rating]:
        standing: dict[str, Rating] = {}
        for rating in filter(None, map(_parse, read_lines(self._path, "rating"))):
            key = rating.digest or rating.prediction_id
            standing.pop(key, None)
            standing[key] = rating
        return list(standing.values())


def digest_of(output: str) -> str:
    """Return the SHA-256 of an output; empty if it cannot be read.

    The cache's own files are named by it, so that it is known where they are gone.
    """
    path = Path(output)
    if is_media_name(f"{path.parent.name}/{path.name}"):
        return path.stem
    try:
        return sha256_of(path)
    except (OSError, ValueError):
        return ""


def _parse(record: dict[str, Any] | None) -> Rating | None:
    """Return a line's rating; None for one that is damaged. A later release may write more."""
    if record is None:
        return None
    known = {field.name: record[field.name] for field in fields(Rating) if field.name in record}
    tags, stars = known.get("tags"), known.get("rating")
    is_rated = stars is None or (type(stars) is int and stars in STARS)
    texts = [known.get(name) for name in ("digest", "prediction_id", "at")]
    if not is_rated or not isinstance(tags, list) or not any(texts[:2]):
        return None
    if not all(isinstance(each, str) for each in [*tags, *texts]):
        return None
    return Rating(**{**known, "tags": tuple(tags)})
