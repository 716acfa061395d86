"""Zip archives for the trainers: each picture with its caption beside it, named alike.

A trainer of pictures takes ``photo.jpg`` with ``photo.txt``; a trainer of edits takes
``photo_start.jpg``, ``photo_end.jpg`` and ``photo.txt``.
"""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb import arguments
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files.disk import replacing
from pruna_nb.files.inputs import FILE_BYTES_AT_MOST, Media
from pruna_nb.templates import is_missing
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# Every member has this date: equal pictures and captions then give equal bytes, and one training.
_DATE = (1980, 1, 1, 0, 0, 0)
# More than what the archive itself takes for a member of a common name.
_MEMBER_BYTES = 256
_PAIR = re.compile(r"(?P<root>.+)_(?:start\d*|end)")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_OTHER_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jxl"})


def folder_to_zip(
    folder: str | Path, captions: Any = None, *, to: str | Path | None = None
) -> Path:
    """Pack a folder of pictures and their captions as the trainers take them.

    Parameters
    ----------
    folder : path
        Its JPEG, PNG and WebP files are taken, and ``photo.txt`` or ``photo.jpg.txt`` as the
        caption of ``photo.jpg``, in UTF-8; for p-image-edit-trainer ``photo_start.jpg``,
        ``photo_end.jpg`` (more before the edit: ``photo_start2.jpg``) and ``photo.txt``. Names
        that differ in letter case or in Unicode's form alone belong together where it is clear
        which. Folders within are not read.
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
        If there is no such folder, it holds no pictures, one of them is damaged or of another
        format, a caption or a ``.txt`` file belongs to none of them or is no text in UTF-8, or a
        picture before an edit has none after it; all problems at once.
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
    wrong = arguments.Problems()
    directory = wrong.read(arguments.path, "folder", folder, instead=Path())
    target = None if to is None else wrong.read(arguments.path, "to", to, instead=Path())
    wrong.check("Nothing was packed")
    if not os.path.isdir(directory):  # noqa: PTH112 - Path.is_dir() raises for a name that is too long
        msg = f"folder_to_zip() takes a folder, and {shown(str(folder), 300)} is not one."
        raise InputError(msg)
    pictures = sorted(
        path
        for path in directory.iterdir()
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not pictures:
        msg = f"{str(directory)!r} holds no pictures ({', '.join(_SUFFIXES)})."
        raise InputError(msg)
    names = _Names(pictures)
    # A training that is paid for would be without pictures of other formats.
    problems = [
        f"{path.name} is not of the formats that trainers take ({', '.join(_SUFFIXES)}): convert "
        "it, or move it away."
        for path in sorted(directory.iterdir())
        if path.suffix.lower() in _OTHER_SUFFIXES and path.is_file() and path.name[0] != "."
    ]
    problems += _unpaired(pictures, names.root_by_file)
    texts = _beside(directory, names, problems)
    texts |= _captions(captions, names, problems)
    if isinstance(captions, str):
        own = {root: text for root, text in texts.items() if text.strip()}
        texts = dict.fromkeys(names.roots, captions) | own
    members: list[tuple[str, Media | str]] = [*_pictures(pictures, problems)]
    members += [(f"{root}.txt", texts[root]) for root in names.roots if root in texts]
    if problems:
        msg = f"{str(directory)!r} cannot be packed: {' '.join(problems)}"
        raise InputError(msg, problems)
    beside = directory.with_name(f"{directory.absolute().name}.zip")
    return write_zip(members, beside if target is None else target)


def _pictures(paths: Iterable[Path], problems: list[str]) -> Iterator[tuple[str, Media]]:
    for path in paths:
        try:
            media = Media(path)
            if media.type.kind != "image":
                problems.append(f"{path.name} is not a picture but {media.type.content_type}.")
            else:
                media.check_whole()
        except InputError as error:
            problems.append(str(error))
            continue
        yield path.name, media


class _Names:
    """Which picture, or pair of pictures, a name means."""

    def __init__(self, pictures: Sequence[Path]) -> None:
        stems = {path.stem for path in pictures}
        is_paired = any(f"{stem.removesuffix('_end')}_start" in stems for stem in stems)
        # A caption is called as its picture is, without the suffix, or as its pair is.
        roots: dict[str, str] = {}
        for path in pictures:
            match = _PAIR.fullmatch(path.stem) if is_paired else None
            roots[path.name] = match["root"] if match else path.stem
        self.root_by_file = roots
        self.roots = list(dict.fromkeys(roots.values()))
        self._exact = {Path(name).stem: root for name, root in roots.items()}
        self._exact |= {root: root for root in self.roots} | dict(roots)
        self._near: dict[str, set[str]] = {}
        for name, root in self._exact.items():
            self._near.setdefault(_plain_name(name), set()).add(root)

    def root(self, name: str) -> str | None:
        """Return the root that a name with or without suffix means; None if none or several."""
        if name in self._exact:
            return self._exact[name]
        near = self._near.get(_plain_name(name), set())
        return next(iter(near)) if len(near) == 1 else None


def _plain_name(name: str) -> str:
    """Return a name without letter case and in one of Unicode's forms: macOS has another one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _beside(folder: Path, names: _Names, problems: list[str]) -> dict[str, str]:
    """Read the texts that lie in a folder, by the roots that they are captions of."""
    files: dict[str, Path] = {}
    texts: dict[str, str] = {}
    paths = [path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file()]
    for path in sorted(paths):
        if path.name.startswith("."):
            continue
        root = names.root(path.name[: -len(".txt")])
        if root is None:
            problems.append(
                f"{path.name} belongs to no picture there: name it as its picture, or move it away."
            )
        elif root in files:
            problems.append(f"{files[root].name} and {path.name} are captions of one picture.")
        else:
            files[root] = path
            data = path.read_bytes()
            try:
                texts[root] = data.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                is_utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
                byte = f"byte {error.start} is {data[error.start]:#x}"
                why = "it looks like UTF-16" if is_utf_16 else byte
                problems.append(f"{path.name} is not valid UTF-8 ({why}): save it as UTF-8.")
                texts[root] = ""
            # UTF-16 without its mark decodes as UTF-8, with a NUL at every Latin letter.
            if "\0" in texts[root]:
                why = "valid UTF-8 text (it has NUL bytes)"
                problems.append(f"{path.name} is not {why}: save it as UTF-8.")
    return texts


def write_zip(members: Sequence[tuple[str, Media | str]], to: str | Path) -> Path:
    """Write an archive of files and texts, from disk to disk: it is there whole or not at all.

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
    path = arguments.path("path", to)
    if not path.name or os.path.isdir(path):  # noqa: PTH112 - as above
        raise InputError(f"{shown(str(path), 300)} is a folder; give the archive's own name.")
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, content in members:
                # Pictures are compressed already.
                info = zipfile.ZipInfo(name, _DATE)
                info.external_attr = 0o644 << 16
                with _open(content) as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target)
    except FileNotFoundError:
        msg = f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}."
        raise InputError(msg) from None
    except OSError as error:
        msg = f"{shown(str(path), 300)} cannot be written: {error.strerror or error}."
        raise InputError(msg) from None
    return path


def _open(content: Media | str) -> Any:
    return BytesIO(content.encode()) if isinstance(content, str) else content.open()


def _size(content: Media | str) -> int:
    return len(content.encode()) if isinstance(content, str) else content.size


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


def _captions(captions: Any, names: _Names, problems: list[str]) -> dict[str, str]:
    """Return the captions by the pictures' roots; note those that belong to no picture."""
    if captions is None or isinstance(captions, str):
        return {}
    if not hasattr(captions, "items"):
        msg = f"captions is a dict or a Series by file name, not {type(captions).__name__}."
        raise InputError(msg)
    words: dict[str, str] = {}
    for name, text in captions.items():
        root = names.root(os.path.basename(str(name)))  # noqa: PTH119 - as Path would, at less
        if root is None:
            problems.append(f"The caption of {str(name)[:100]!r} belongs to no picture there.")
        elif isinstance(text, str):
            problems += caption_problems(text, f"The caption of {str(name)[:100]!r}")
            if words.get(root, text) != text:
                problems.append(f"{str(name)[:100]!r} gives a second caption to one picture.")
            if text.strip():
                words[root] = text
        elif not is_missing(text):
            kind = type(text).__name__
            problems.append(f"The caption of {str(name)[:100]!r} is not text, but {kind}.")
    return words


def caption_problems(text: str, what: str) -> list[str]:
    """Return why a caption cannot be written as UTF-8; nothing if it can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return [f"{what} holds half a character ({text[error.start]!r}): correct the text."]
    return []
