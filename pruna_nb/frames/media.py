"""Cells of fields that take files: paths, bytes, pictures, arrays, addresses, lists of them."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.files.inputs import Media, check_kind, is_address, is_dataset_cell, to_media
from pruna_nb.files.owned import is_media_file
from pruna_nb.settings import current
from pruna_nb.tables.cells import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.catalog import Field

# numpy's kinds of arrays that hold objects or text: a list of files, not one picture's pixels.
_LIST_KINDS = frozenset("OUS")
_BATCH_DIMENSIONS = 4


# Files that calls of this session named, by their absolute paths.
_named: set[str] = set()


class MediaReader:
    """Reads cells as files; a file that many rows share is opened, decoded and hashed once.

    Parameters
    ----------
    unchecked : bool
        Let a file of another kind than the field takes pass.
    recorded : bool
        The cells were chosen by a table's own record of an earlier call, and the table may be
        somebody else's: of this machine's files, only those that a call of this session named and
        outputs in the cache are read.
    made : mapping, optional
        What stands, by its text in a cell, for files that earlier steps are still to make.
    """

    def __init__(
        self,
        *,
        unchecked: bool = False,
        recorded: bool = False,
        made: Mapping[str, Media] = MappingProxyType({}),
    ) -> None:
        self._unchecked, self._is_recorded = unchecked, recorded
        self._read: dict[Any, tuple[Any, Any]] = {text: (it, text) for text, it in made.items()}

    def of(self, field: Field, made_before: str = "") -> Callable[[Any], Any]:
        """Return a function that reads a field's cells.

        `made_before` is the column of an earlier step's outputs that they come from, if it is.
        """

        def one(value: Any) -> Any:
            try:
                media = self._one(value)
            except InputError as error:
                if not made_before:
                    raise
                msg = f"{error} It is an output of an earlier step: run that step again."
                raise InputError(msg) from None
            if not self._unchecked:
                check_kind(field, media)
            return _whole(media)

        if field.type != "array":
            return one
        return lambda value: [one(item) for item in _items(value) if plain(item) is not None]

    def of_unknown(self, value: Any) -> Any:
        """Read a cell of a field that nobody knows: what can only be a file is one."""
        if isinstance(value, (list, tuple)):
            return [self.of_unknown(item) for item in value]
        if (
            isinstance(value, (bytes, bytearray, Path))
            or any(
                hasattr(value, name)
                for name in ("read", "save", "__array_interface__", "__fspath__")
            )
            or (is_dataset_cell(value) and "bytes" in value)
        ):
            return _whole(self._one(value))
        return value

    def _one(self, value: Any) -> Media | str:
        # By its identity, where it is no text; it is kept, so that no other gets its number.
        key = value if isinstance(value, str) else id(value)
        if key not in self._read:
            path = _path_of(value)
            # The table may be somebody else's: their record must not choose what is uploaded.
            if (
                self._is_recorded
                and path is not None
                and path not in _named
                and not is_media_file(current().media_dir, Path(path))
            ):
                msg = (
                    f"The file {path[:300]!r} is named by what the table records of an earlier "
                    "call, and by no call of this session, so it is not uploaded: a stranger may "
                    "have made the table. If it is right, pass all arguments yourself, such as "
                    'retry("prompt", model="p-image-edit", images_col="photo"), or of a run\'s '
                    "record files=True."
                )
                raise InputError(msg)
            media = to_media(value)
            if path is not None and not self._is_recorded:
                _named.add(path)
            self._read[key] = (media, value)
        read: Media | str = self._read[key][0]
        return read


def _whole(media: Media | str) -> Media | str:
    if isinstance(media, Media):
        media.check_whole()
    return media


def _path_of(value: Any) -> str | None:
    """Return the absolute path that a cell names; None if it holds the file itself."""
    if is_dataset_cell(value) and value.get("bytes") is None:
        value = value.get("path")
    if isinstance(value, str):
        if is_address(value) or value[:5].lower() == "data:":
            return None
    elif not isinstance(value, os.PathLike):
        return None
    return os.path.abspath(os.path.expanduser(os.fsdecode(value)))  # noqa: PTH100, PTH111 - takes any text


def _items(value: Any) -> list[Any]:
    """Return a cell of a field that takes a list as a list; a single file is a list of one."""
    if not hasattr(type(value), "dtype"):
        return list(value) if isinstance(value, (list, tuple)) else [value]
    kind = getattr(value.dtype, "kind", "")
    if kind in _LIST_KINDS:
        value = value.tolist()
    elif getattr(value, "ndim", 0) == _BATCH_DIMENSIONS:
        return list(value)  # pictures, each height x width x channels
    return list(value) if isinstance(value, (list, tuple)) else [value]
