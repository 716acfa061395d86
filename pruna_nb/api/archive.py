"""Zip archives for the trainers: each picture with its caption beside it, named alike.

A trainer of pictures takes ``photo.jpg`` with ``photo.txt``; a trainer of edits takes
``photo_start.jpg``, ``photo_end.jpg`` and ``photo.txt``.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.api.files import FILE_BYTES_AT_MOST, Media
from pruna_nb.errors import InputError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_DATE = (1980, 1, 1, 0, 0, 0)
"""One date for all: equal pictures and captions then give equal bytes, and one training."""
_MEMBER_BYTES = 256
"""More than what the archive itself takes for a member of a common name."""
_PAIR = re.compile(r"(?P<root>.+)_(?:start\d*|end)")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def folder_to_zip(
    folder: str | Path, captions: Any = None, *, to: str | Path | None = None
) -> Path:
    """Pack a folder of pictures and their captions as the trainers take them.

    Parameters
    ----------
    folder : path
        Its JPEG, PNG and WebP files are taken, and ``photo.txt`` as the caption of
        ``photo.jpg``; for p-image-edit-trainer ``photo_start.jpg``, ``photo_end.jpg`` (more
        before the edit: ``photo_start2.jpg``) and ``photo.txt``. Folders within are not read.
    captions : mapping, Series or str, optional
        Captions by file name, with or without suffix: a dict, or a column such as
        ``frame.set_index("file")["caption"]``. They go before the folder's own. A str is
        the caption of each picture that has no other.
    to : path, optional
        The archive; by default beside the folder, with its name and ".zip".

    Returns
    -------
    Path
        The archive, to be given as ``image_data=``. Equal contents give equal bytes.

    Raises
    ------
    InputError
        If there is no such folder, it holds no pictures, a caption belongs to none of them,
        or a picture before an edit has none after it; all problems at once.
    TooLargeError
        If it would be larger than the 100 MB that the service takes.

    Examples
    --------
    >>> import pruna_nb
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> Path("photos").mkdir()
    >>> Image.new("RGB", (64, 64), "teal").save("photos/a.png")
    >>> pruna_nb.folder_to_zip("photos", {"a.png": "a tok colour"}).name
    'photos.zip'
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        msg = f"folder_to_zip() takes a folder, and {str(folder)[:300]!r} is none."
        raise InputError(msg)
    pictures = sorted(
        path
        for path in place.iterdir()
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not pictures:
        msg = f"{str(place)!r} holds no pictures ({', '.join(_SUFFIXES)})."
        raise InputError(msg)
    roots = _roots(pictures)
    problems = _unpaired(pictures, roots)
    words = _captions(captions, pictures, roots, problems)
    members: list[tuple[str, Media | str]] = [*_pictures(pictures, problems)]
    members += _texts(place, roots, words, captions)
    if problems:
        msg = f"{str(place)!r} cannot be packed: {' '.join(problems)}"
        raise InputError(msg, problems)
    return write_zip(members, place.with_name(f"{place.absolute().name}.zip") if to is None else to)


def _pictures(paths: Iterable[Path], problems: list[str]) -> Iterator[tuple[str, Media]]:
    for path in paths:
        try:
            media = Media(path)
        except InputError as error:
            problems.append(str(error))
            continue
        if media.type.kind != "image":
            problems.append(f"{path.name} is no picture but {media.type.content_type}.")
        yield path.name, media


def _texts(
    folder: Path, roots: Mapping[str, str], words: Mapping[str, str], captions: object
) -> Iterator[tuple[str, str]]:
    for root in dict.fromkeys(roots.values()):
        beside = folder / f"{root}.txt"
        if root in words:
            yield beside.name, words[root]
        elif beside.is_file():
            yield beside.name, beside.read_text(encoding="utf-8-sig")
        elif isinstance(captions, str):
            yield beside.name, captions


def write_zip(members: Sequence[tuple[str, Media | str]], to: str | Path) -> Path:
    """Write an archive of files and texts, from disk to disk.

    Parameters
    ----------
    members : sequence of (str, Media or str)
        Names, and files or texts.
    to : path
        The archive; it is there whole or not at all.

    Raises
    ------
    TooLargeError
        If it would be larger than the service takes; nothing is written then.
    """
    size = sum(len(name.encode()) * 2 + _MEMBER_BYTES + _size(part) for name, part in members)
    if size > FILE_BYTES_AT_MOST:
        msg = (
            f"The archive would have {size / 1e6:,.0f} MB, and the service takes at most "
            f"{FILE_BYTES_AT_MOST / 1e6:.0f}: give fewer or smaller pictures."
        )
        raise TooLargeError(msg, advice="")
    path = Path(to).expanduser()
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for name, content in members:
                # Pictures are compressed already.
                with _open(content) as source, archive.open(_member(name), "w") as target:
                    shutil.copyfileobj(source, target)
        part.replace(path)
    except FileNotFoundError:
        msg = f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}."
        raise InputError(msg) from None
    finally:
        part.unlink(missing_ok=True)
    return path


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    return info


def _open(content: Media | str) -> Any:
    return BytesIO(content.encode()) if isinstance(content, str) else content.open()


def _size(content: Media | str) -> int:
    return len(content.encode()) if isinstance(content, str) else content.size


def _roots(pictures: Iterable[Path]) -> dict[str, str]:
    """Give what each picture's caption is called: its stem, or that of its pair."""
    stems = {path.stem for path in pictures}
    paired = any(f"{stem.removesuffix('_end')}_start" in stems for stem in stems)
    roots: dict[str, str] = {}
    for path in pictures:
        match = _PAIR.fullmatch(path.stem) if paired else None
        roots[path.name] = match["root"] if match else path.stem
    return roots


def _unpaired(pictures: Iterable[Path], roots: Mapping[str, str]) -> list[str]:
    stems = {path.stem for path in pictures}
    problems = []
    seen: dict[str, str] = {}
    for path in pictures:
        root = roots[path.name]
        if path.stem != root:
            missing = [f"{root}_{end}" for end in ("start", "end") if f"{root}_{end}" not in stems]
            problems += [f"{path.name} has no {name} beside it." for name in missing]
        if path.stem in seen:
            problems.append(f"{seen[path.stem]} and {path.name} would share one caption.")
        seen[path.stem] = path.name
    return problems


def _captions(
    captions: Any, pictures: Sequence[Path], roots: Mapping[str, str], problems: list[str]
) -> dict[str, str]:
    """Give the captions by the pictures' roots; note those that belong to no picture."""
    if captions is None or isinstance(captions, str):
        return {}
    if not hasattr(captions, "items"):
        msg = f"captions is a dict or a Series by file name, not {type(captions).__name__}."
        raise InputError(msg)
    of_name = {path.stem: root for path, root in zip(pictures, roots.values(), strict=True)}
    of_name |= {root: root for root in roots.values()}
    of_name |= roots
    words: dict[str, str] = {}
    for name, text in captions.items():
        root = of_name.get(os.path.basename(str(name)))  # noqa: PTH119 - as Path would, at less
        if root is None:
            problems.append(f"The caption of {str(name)[:100]!r} belongs to no picture there.")
        elif isinstance(text, str) and text.strip():
            words[root] = text
    return words
