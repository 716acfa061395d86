"""Prompts where files belong, and files where prompts do: told by the cells, before any request.

In every verb the prompts come first, then the pictures: ``edit("edit", "output")``.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.files.inputs import is_address, is_dataset_cell
from pruna_nb.frames.columns import column, places_of
from pruna_nb.templates import is_empty
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pruna_nb.catalog import Model

_FILE_NAME = re.compile(r"\S+\.[A-Za-z0-9]{2,4}")
_WORDS_SHOWN = 40
# What paths, pictures, arrays and file objects have, as `files.inputs.to_media` takes them.
_OF_FILES = ("__fspath__", "save", "__array_interface__", "read")


def holds_files(cells: Sequence[Any], *, there: bool = False) -> bool:
    """Whether all cells that are filled look like files; `there`: and are on this machine."""
    filled = [cell for cell in cells if not is_empty(cell)]
    return bool(filled) and all(_is_file(cell, there=there) for cell in filled)


def _is_file(cell: Any, *, there: bool) -> bool:
    if isinstance(cell, (list, tuple)):
        return bool(cell) and all(_is_file(item, there=there) for item in cell)
    if not isinstance(cell, str):
        # A number, a date or a dict is neither a file nor a prompt: its row tells what it is.
        is_picture = any(hasattr(type(cell), name) for name in _OF_FILES)
        return is_picture or isinstance(cell, (bytes, bytearray)) or is_dataset_cell(cell)
    if cell[:5].lower() == "data:":
        return True
    # A name with blanks is a prompt, unless there is such a file.
    named = is_address(cell) or _FILE_NAME.fullmatch(cell)
    return bool(named and not there) or (os.path.splitext(cell)[1] != "" and _exists(cell))  # noqa: PTH122 - takes any text


def _exists(path: str) -> bool:
    try:
        return os.path.isfile(os.path.expanduser(path))  # noqa: PTH111, PTH113 - takes any text
    except ValueError:  # a null character
        return False


def holds_words(cells: Sequence[Any]) -> bool:
    """Whether all cells that are filled are texts that name no file."""
    filled = [cell for cell in cells if not is_empty(cell)]
    return bool(filled) and all(
        isinstance(cell, str)
        and not _is_file(cell, there=False)
        and (" " in cell.strip() or not {"/", "\\"} & set(cell))
        for cell in filled
    )


def prompts_first(frame: pd.DataFrame, prompt_col: Any, image_col: Any) -> tuple[Any, Any]:
    """Return the columns of prompts and of pictures of a verb that once took pictures first.

    Warns
    -----
    FutureWarning
        If the call is of that order. It is run as it was meant.
    """
    if len(places_of(frame, prompt_col)) != 1 or not holds_files(
        column(frame, prompt_col, "prompt_col")
    ):
        return prompt_col, image_col
    if image_col is not None and (
        len(places_of(frame, image_col)) != 1 or not holds_words(column(frame, image_col, "x"))
    ):
        return prompt_col, image_col
    now = f"animate({shown(image_col)}, {shown(prompt_col)})"
    if image_col is None:
        now = f"animate(image_col={shown(prompt_col)})"
    warnings.warn(
        f"animate(): {shown(prompt_col)} holds pictures, and was given where prompts belong: in "
        f"every verb prompts come first. Taken as {now}; write it so.",
        FutureWarning,
        stacklevel=4,
    )
    return image_col, prompt_col


def misplaced(
    model: Model, columns: Mapping[str, Any], cells: Mapping[str, list[Any]]
) -> tuple[InputError | None, tuple[str, ...]]:
    """Return what is wrong with the columns that fields are read from, and of which fields.

    Parameters
    ----------
    model : Model
    columns : mapping
        The column's label, or a list of several, of each field.
    cells : mapping of str to list
        Each field's cells.
    """
    prompts = cells.get("prompt", [])
    media = [field.name for field in model.media_fields if field.name in cells]
    words = next((name for name in media if holds_words(_flat(cells[name]))), None)
    prompt = f"prompt_col={shown(columns.get('prompt'))}"
    is_swapped = holds_files(prompts)
    # A word may be meant as a file's name: its row then says that there is none.
    if words is not None and (
        is_swapped or all(" " in cell for cell in _flat(cells[words]) if cell)
    ):
        given = f"{words}_col={shown(columns[words])}"
        if is_swapped:
            own, other = (shown(columns[name]) for name in ("prompt", words))
            msg = (
                f"{prompt} holds files and {given} holds text: they are swapped. In every verb "
                f"prompts come first, then pictures: prompt_col={other}, {words}_col={own}."
            )
            return InputError(msg, [msg]), ("prompt", words)
        example = next(cell for cell in _flat(cells[words]) if cell is not None)
        way = f"{model.name} takes no prompt."
        if "prompt" in model.fields:
            way = f"Prompts go to prompt_col={shown(columns[words])}."
        msg = f"{given} holds text, no files: {shown(example, _WORDS_SHOWN)}. {way}"
        return InputError(msg, [msg]), (words,)
    if holds_files(prompts, there=True):
        label = shown(columns["prompt"])
        way = f"{model.name} takes no files; df.pruna.edit(prompt=..., images_col={label}) does."
        if model.media_fields:
            way = f"Files go to {model.media_fields[0].name}_col={label}."
        msg = f"{prompt} holds files, no prompts. {way}"
        return InputError(msg, [msg]), ("prompt",)
    return None, ()


def _flat(cells: Sequence[Any]) -> list[Any]:
    """Return cells, with the items of those that are lists of files."""
    return [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
