"""A control for files: uploaded from the browser, named by path or address, or given in code."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.errors import CacheError, InputError, PrunaError
from pruna_nb.files.disk import make_private, replacing
from pruna_nb.files.inputs import Media, is_address, to_media
from pruna_nb.files.media_store import unwritable
from pruna_nb.form.labels import help_of
from pruna_nb.form.rows import help_box, name_box
from pruna_nb.show import Thumbs
from pruna_nb.text import escaped
from pruna_nb.widgets.notes import ERROR, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.catalog import Field

_ACCEPT = {"image": "image/*", "video": "video/*", "audio": "audio/*", "zip": ".zip"}
_THUMB = 64
_UNCOUNTED = (
    "<style>.pruna-upload,.pruna-upload:hover{font-size:0}.pruna-upload i{font-size:13px}"
    ".pruna-upload::after{content:'Upload';font-size:13px}</style>"
)
"""The front end writes a count behind the word: always 0, since the widget keeps no files."""
_CALLED: dict[str, str] = {}
"""What a person called the files that were uploaded, by path; for the eye alone."""


def keep_upload(content: bytes, folder: Path, kinds: tuple[str, ...]) -> str:
    """Write an uploaded file under the SHA-256 of its bytes, with its true suffix.

    The name that the browser gives is no path and is not used: what comes again is one file.

    Parameters
    ----------
    content : bytes
        The file.
    folder : Path
        Where to; made if it is missing.
    kinds : tuple of str
        What the field takes: "image", "video", "audio", "zip".

    Returns
    -------
    str
        The file's path.

    Raises
    ------
    InputError
        If it is of no kind that the field takes, or damaged.
    CacheError
        If the folder cannot be written.
    """
    media = Media(content)
    if media.type.kind not in kinds:
        msg = f"A {media.type.kind} was given ({media.type.content_type}); {_either(kinds)} fits."
        raise InputError(msg)
    media.check_whole()
    path = folder / f"{hashlib.sha256(content).hexdigest()}{media.type.suffix}"
    try:
        if not path.exists():
            make_private(folder)
            with replacing(path, private=True) as file:
                file.write(content)
    except CacheError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from None
    return str(path)


def _either(kinds: tuple[str, ...]) -> str:
    return " or ".join(f"a {kind}" if kind != "image" else "a picture" for kind in kinds)


class MediaInput:
    """A control for one file, or for several where the field takes a list."""

    def __init__(self, field: Field, uploads: Callable[[], Path]) -> None:
        self.field, self._uploads = field, uploads
        self._many = field.type == "array"
        self._files: list[str] = []
        self._told: list[Callable[[], object]] = []
        self._thumbs = Thumbs()
        self._build()

    def _build(self) -> None:
        field = self.field
        self.upload = w.FileUpload(
            accept=",".join(_ACCEPT[kind] for kind in field.media),
            multiple=self._many,
            description="Upload",
            tooltip=help_of(field),
            layout=w.Layout(width="110px", margin="2px 4px 2px 0"),
        )
        self.upload.add_class("pruna-upload")
        self.typed = w.Text(
            placeholder="or a path, or an address",
            continuous_update=False,
            layout=w.Layout(flex="1 1 200px", max_width="318px", min_width="0"),
        )
        self.upload.observe(self._uploaded, "value")
        self.typed.observe(self._typed, "value")
        self._shown = w.HBox(layout=w.Layout(flex_flow="row wrap", align_items="center"))
        self._trouble = w.HTML()
        self._trouble.layout.display = "none"
        uncounted = w.HTML(_UNCOUNTED)
        uncounted.layout.display = "none"
        wrapped = w.Layout(flex_flow="row wrap", align_items="center")
        self.box = w.VBox(
            [
                w.HBox(
                    [name_box(field), self.upload, self.typed, help_box(help_of(field)), uncounted],
                    layout=wrapped,
                ),
                self._trouble,
                self._shown,
            ]
        )
        self.box.add_class(f"pruna-{field.name}")

    def value(self) -> Any:
        """Give the files as paths and addresses; None if there are none."""
        if not self._files:
            return None
        return list(self._files) if self._many else self._files[0]

    def state(self) -> list[str]:
        """Give the files as paths and addresses."""
        return list(self._files)

    def restore(self, state: Any) -> None:
        """Take files of any kind from code.

        Raises
        ------
        InputError
            If something is no file.
        """
        listed = getattr(getattr(state, "dtype", None), "kind", None) == "O"
        items = list(state) if isinstance(state, (list, tuple)) or listed else [state]
        self._files = [self._named(item) for item in items if item is not None]
        self._show()

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""
        self._told.append(told)

    def _named(self, item: Any) -> str:
        """Give anything that is a file a name that a request, and a line of code, can hold."""
        if isinstance(item, (str, Path)) and str(item)[:5].lower() != "data:":
            return str(item)
        media = to_media(item)
        if isinstance(media, str):
            return media
        if isinstance(media.source, Path):
            return str(media.source)
        return keep_upload(media.source, self._uploads(), self.field.media)

    def _uploaded(self, change: Any) -> None:
        files = change["new"]
        if not files:
            return
        # The widget keeps no copy: what it holds can land in the saved notebook.
        self.upload.value = ()
        try:
            names = []
            for file in files:
                kept = keep_upload(bytes(file["content"]), self._uploads(), self.field.media)
                _CALLED[kept] = str(file["name"])
                names.append(kept)
        except PrunaError as error:
            self._say(str(error))
            return
        self._add(names)

    def _typed(self, change: Any) -> None:
        text = change["new"].strip().strip("'\"")
        if text:
            self.typed.value = ""
            self._add([text])

    def _add(self, names: list[str]) -> None:
        self._say("")
        kept = self._files if self._many else []
        self._files = list(dict.fromkeys([*kept, *names]))[None if self._many else -1 :]
        self._show()
        self._tell()

    def _remove(self, name: str) -> None:
        self._files = [each for each in self._files if each != name]
        self._show()
        self._tell()

    def _tell(self) -> None:
        for told in self._told:
            told()

    def _say(self, trouble: str) -> None:
        self._trouble.value = note(trouble, ERROR) if trouble else ""
        self._trouble.layout.display = "" if trouble else "none"

    def _show(self) -> None:
        self._shown.children = [self._chip(name) for name in self._files]
        self._shown.layout.margin = "2px 0 6px 138px" if self._files else "0"

    def _chip(self, name: str) -> Any:
        """Show one file, with a button that takes it out."""
        thumb = None if is_address(name) else self._thumbs.make([name], _THUMB)[0]
        called = name if is_address(name) else _CALLED.get(name, Path(name).name)
        said = escaped(called, 28)
        full = html.escape(name[:300], quote=True)
        picture = ""
        if thumb is not None and thumb.webp:
            data = base64.b64encode(thumb.webp).decode()
            picture = f"<img src='data:image/webp;base64,{data}' alt='{said}' style='height:40px'>"
        elif thumb is not None and not Path(name).expanduser().is_file():
            said += " (no such file)"
        shown = f"<span title='{full}' style='display:flex;align-items:center;gap:6px'>{picture}"
        button = w.Button(
            icon="times", tooltip=f"Take {called[:60]} out", layout=w.Layout(width="32px")
        )
        button.on_click(lambda _: self._remove(name))
        chip = w.HBox([w.HTML(f"{shown}<span>{said}</span></span>"), button])
        chip.layout.align_items = "center"
        chip.layout.margin = "0 14px 0 0"
        return chip
