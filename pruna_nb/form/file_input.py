"""A control for files: uploaded from the browser, named by path or URL, or given in code."""

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
from pruna_nb.form.control import Control, help_box, name_box
from pruna_nb.form.labels import help_of
from pruna_nb.settings import current
from pruna_nb.show import Thumbs
from pruna_nb.text import escaped
from pruna_nb.widgets.notes import ERROR, note

if TYPE_CHECKING:
    from pruna_nb.catalog import Field
    from pruna_nb.settings.scopes import Scope

_ACCEPT = {"image": "image/*", "video": "video/*", "audio": "audio/*", "zip": ".zip"}
_THUMB = 64
# The front end writes a count behind the word: always 0, since the widget keeps no files.
_UNCOUNTED = (
    "<style>.pruna-upload,.pruna-upload:hover{font-size:0}.pruna-upload i{font-size:13px}"
    ".pruna-upload::after{content:'Upload';font-size:13px}</style>"
)
_CALLED: dict[str, str] = {}  # the names that uploaded files had, by path; only to be shown


def keep_upload(content: bytes, folder: Path, kinds: tuple[str, ...]) -> str:
    """Write an uploaded file under the SHA-256 of its bytes, with its true suffix.

    The name that the browser sends is not used as a path; equal files are one file.

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
        If the field does not take its kind, or it is damaged.
    CacheError
        If the folder cannot be written.
    """
    media = Media(content)
    if media.type.kind not in kinds:
        allowed = " or ".join("a picture" if kind == "image" else f"a {kind}" for kind in kinds)
        msg = f"A {media.type.kind} was given ({media.type.content_type}); {allowed} fits."
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


class MediaInput(Control):
    """A control for one file, or for several where the field takes a list."""

    def __init__(self, field: Field, scope: Scope) -> None:
        super().__init__(field)
        self._scope = scope
        self._many = field.type == "array"
        self._files: list[str] = []
        self._thumbs = Thumbs()
        self.upload = w.FileUpload(
            accept=",".join(_ACCEPT[kind] for kind in field.media),
            multiple=self._many,
            description="Upload",
            tooltip=help_of(field),
            layout=w.Layout(width="110px", margin="2px 4px 2px 0"),
        )
        self.upload.add_class("pruna-upload")
        self.typed = w.Text(
            placeholder="or a path, or a URL",
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
        """Return the files as paths and URLs; None if there are none."""
        if not self._files:
            return None
        return list(self._files) if self._many else self._files[0]

    def state(self) -> list[str]:
        """Return the files as paths and URLs."""
        return list(self._files)

    def restore(self, state: Any) -> None:
        """Set files of any kind from code.

        Raises
        ------
        InputError
            If something is not a file.
        """
        # an array of objects is a list of files, any other array a picture
        listed = getattr(getattr(state, "dtype", None), "kind", None) == "O"
        items = list(state) if isinstance(state, (list, tuple)) or listed else [state]
        self._files = [self._named(item) for item in items if item is not None]
        self._show()

    def _named(self, item: Any) -> str:
        """Return the path or URL of a file of any kind, which a request and code can hold."""
        if isinstance(item, (str, Path)) and str(item)[:5].lower() != "data:":
            return str(item)
        media = to_media(item)
        if isinstance(media, str):
            return media
        if isinstance(media.source, Path):
            return str(media.source)
        return self._keep(media.source)

    def _uploaded(self, change: Any) -> None:
        files = change["new"]
        if not files:
            return
        # The widget keeps no copy: JupyterLab can write what it holds into the saved notebook.
        self.upload.value = ()
        try:
            names = []
            for file in files:
                kept = self._keep(bytes(file["content"]))
                _CALLED[kept] = str(file["name"])
                names.append(kept)
        except PrunaError as error:
            self._show_error(str(error))
            return
        self._add(names)

    def _typed(self, change: Any) -> None:
        text = change["new"].strip().strip("'\"")
        if text:
            self.typed.value = ""
            self._add([text])

    def _add(self, names: list[str]) -> None:
        self._show_error("")
        kept = self._files if self._many else []
        self._files = list(dict.fromkeys([*kept, *names]))[None if self._many else -1 :]
        self._show()
        self._changed()

    def _keep(self, content: bytes) -> str:
        with self._scope.entered():
            folder = current().uploads_dir
        return keep_upload(content, folder, self.field.media)

    def _show_error(self, text: str) -> None:
        self._trouble.value = note(text, ERROR) if text else ""
        self._trouble.layout.display = "" if text else "none"

    def _show(self) -> None:
        self._shown.children = [self._chip(name) for name in self._files]
        self._shown.layout.margin = "2px 0 6px 138px" if self._files else "0"

    def _chip(self, name: str) -> Any:
        """Return one file with a button that removes it."""
        thumb = None if is_address(name) else self._thumbs.make([name], _THUMB)[0]
        called = name if is_address(name) else _CALLED.get(name, Path(name).name)
        text = escaped(called, 28)
        full = html.escape(name[:300], quote=True)
        picture = ""
        if thumb is not None and thumb.webp:
            data = base64.b64encode(thumb.webp).decode()
            picture = f"<img src='data:image/webp;base64,{data}' alt='{text}' style='height:40px'>"
        elif thumb is not None and not Path(name).expanduser().is_file():
            text += " (no such file)"
        shown = f"<span title='{full}' style='display:flex;align-items:center;gap:6px'>{picture}"
        button = w.Button(
            icon="times", tooltip=f"Remove {called[:60]}", layout=w.Layout(width="32px")
        )

        def remove(_: Any) -> None:
            self._files.remove(name)
            self._show()
            self._changed()

        button.on_click(remove)
        chip = w.HBox([w.HTML(f"{shown}<span>{text}</span></span>"), button])
        chip.layout.align_items = "center"
        chip.layout.margin = "0 14px 0 0"
        return chip
