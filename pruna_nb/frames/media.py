"""Cells of fields that take files: paths, bytes, pictures, arrays, addresses, lists of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.api.files import check_kind, to_media
from pruna_nb.errors import InputError
from pruna_nb.frames.cells import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api.files import Media
    from pruna_nb.catalog import Field

_LIST_KINDS = frozenset("OUS")
_BATCH_DIMENSIONS = 4


class MediaReader:
    """Reads cells as files; a file that many rows share is opened and hashed once.

    Parameters
    ----------
    unchecked : bool
        Let a file of another kind than the field takes pass.
    """

    def __init__(self, *, unchecked: bool = False) -> None:
        self._unchecked = unchecked
        self._read: dict[Any, tuple[Any, Any]] = {}

    def of(self, field: Field, made_before: str = "") -> Callable[[Any], Any]:
        """Give what reads a field's cells.

        Parameters
        ----------
        field : Field
            One that takes files.
        made_before : str
            The column of an earlier step's outputs that they come from, if they do.
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
            return media

        if field.type != "array":
            return one
        return lambda value: [one(item) for item in _items(value) if plain(item) is not None]

    def of_unknown(self, value: Any) -> Any:
        """Read a cell of a field that nobody knows: what can only be a file is one."""
        if isinstance(value, (list, tuple)):
            return [self.of_unknown(item) for item in value]
        if isinstance(value, (bytes, bytearray, Path)) or any(
            hasattr(value, name) for name in ("read", "save", "__array_interface__", "__fspath__")
        ):
            return self._one(value)
        return value

    def _one(self, value: Any) -> Media | str:
        # By its identity, where it is no text; it is kept, so that no other gets its number.
        key = value if isinstance(value, str) else id(value)
        if key not in self._read:
            self._read[key] = (to_media(value), value)
        media: Media | str = self._read[key][0]
        return media


def _items(value: Any) -> list[Any]:
    """Give a cell of a field that takes a list as a list: one file alone is a list of one."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in _LIST_KINDS:
        value = value.tolist()
    elif getattr(value, "ndim", 0) == _BATCH_DIMENSIONS:
        return list(value)  # pictures, each height x width x channels
    return list(value) if isinstance(value, (list, tuple)) else [value]
