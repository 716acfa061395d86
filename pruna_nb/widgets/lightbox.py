"""A picture seen large inside a widget, with what made it, and the next one a key away.

It is a part of the widget and no window over the page: so it is the same in JupyterLab, VS Code
and Colab. Its buttons are widgets; arrows and Esc click them where the host runs handlers of a
page, and letters typed into its field do so everywhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.show.cells import content_type
from pruna_nb.show.markup import data_uri
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.text import NO_MATH, escaped, isolated
from pruna_nb.widgets.keys import copies, presses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.widgets.about import Picture

# a file up to here is shown as it is, and can be downloaded from the page
_BYTES_AT_MOST = 12_000_000
_LARGE = 1_600  # pixels of what stands in for a larger one
# what every browser shows; the others are shown as WebP
_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"})
_PROMPT_LIMIT = 20_000
_BOX = "pruna-lightbox"
_MEDIA = (
    "display:block;max-width:100%;max-height:76vh;width:auto;height:auto;margin:0 auto;"
    "border-radius:4px"
)
_LINK = (
    "cursor:pointer;text-decoration:underline;background:none;border:none;padding:0;font:inherit;"
    "color:inherit"
)


class Lightbox:
    """An enlarged view of some pictures, one at a time.

    Parameters
    ----------
    actions : sequence of ipywidgets.Widget
        Buttons that stand beside the view's own, such as one that selects.
    keys : mapping of str to callable, optional
        What a letter does beside the view's own: a and d for the one before and the next,
        q closes.
    shown : callable, optional
        Called with the number of the picture that is shown; None when the view is closed.
    thumbs : Thumbs, optional
        Makes what stands in for a file that is too large, or that browsers do not show.

    Attributes
    ----------
    box : ipywidgets.VBox
        The view; not displayed as long as it is closed.
    number : int or None
        Which picture is shown.
    """

    def __init__(
        self,
        *,
        actions: Sequence[Any] = (),
        keys: dict[str, Callable[[], object]] | None = None,
        shown: Callable[[int | None], object] = lambda _: None,
        thumbs: Thumbs | None = None,
    ) -> None:
        self.number: int | None = None
        self._pictures: dict[int, Picture] = {}
        self._shown, self._thumbs = shown, thumbs or Thumbs()
        self._typed = {"a": self.back, "d": self.forward, "q": self.close, **(keys or {})}
        self._back = _button("back", "", "arrow-left", self.back, "The one before (←)")
        self._forward = _button("forward", "", "arrow-right", self.forward, "The next one (→)")
        close = _button("close", "Close", "times", self.close, "Back to the grid (Esc)")
        self._count = w.HTML(layout=w.Layout(margin="0 8px"))
        self._media = w.HTML(layout=w.Layout(width="100%", margin="4px 0"))
        self._media.add_class("pruna-large-media")
        self._words = w.HTML(layout=w.Layout(width="100%"))
        letters = ", ".join(key.upper() for key in self._typed)
        self._field = w.Text(
            placeholder="keys here",
            continuous_update=True,
            tooltip=f"← → Esc, or {letters}",
            layout=w.Layout(width="86px", margin="2px"),
        )
        self._field.add_class("pruna-large-keys")
        self._field.observe(self._key, "value")
        row = w.HBox(
            [self._back, self._forward, self._count, *actions, self._field, close],
            layout=w.Layout(flex_flow="row wrap", align_items="center"),
        )
        border = f"1px solid {rgba(GREY, 0.35)}"
        self.box = w.VBox(
            [row, self._media, self._words],
            layout=w.Layout(
                display="none", width="100%", border=border, padding="6px", margin="8px 0"
            ),
        )
        self.box.add_class(_BOX)

    def open(self, pictures: dict[int, Picture], number: int) -> None:
        """Show one of some pictures, which have numbers."""
        self._pictures = dict(pictures)
        self._show(number)

    def close(self) -> None:
        """Close the view; a large file is in the page no longer."""
        self.number, self._pictures = None, {}
        self._media.value = self._words.value = self._count.value = ""
        self.box.layout.display = "none"
        self._shown(None)

    def back(self) -> None:
        """Show the picture before."""
        self._step(-1)

    def forward(self) -> None:
        """Show the next picture."""
        self._step(1)

    def _step(self, by: int) -> None:
        numbers = list(self._pictures)
        if self.number in numbers:
            self._show(numbers[(numbers.index(self.number) + by) % len(numbers)])

    def _show(self, number: int) -> None:
        if number not in self._pictures:
            return
        self.number = number
        picture, numbers = self._pictures[number], list(self._pictures)
        self._back.disabled = self._forward.disabled = len(numbers) < 2  # noqa: PLR2004 - no other
        keys = {
            "ArrowLeft": "pruna-large-back",
            "ArrowRight": "pruna-large-forward",
            "Escape": "pruna-large-close",
        }
        self.box.layout.display = ""
        media, download = self._media_html(picture)
        self._media.value = f"{media}{presses(_BOX, keys, focus='pruna-large-keys')}"
        self._words.value = _words(picture, download)
        self._shown(number)
        # last: a page hears of one change after the other, and a number that came first would
        # stand for a moment beside the picture before, and beside what is selected and kept of it
        self._count.value = f"{numbers.index(number) + 1:,} of {len(numbers):,}"

    def _media_html(self, picture: Picture) -> tuple[str, str]:
        """Return the picture, and a link that downloads it, where its whole file is in the page."""
        alt = escaped(picture.prompt or "picture", 1_000)
        found = _content(picture.path)
        if found is not None:
            content, kind = found
            address = data_uri(content, kind)
            name = escaped(os.path.basename(picture.path), 200)  # noqa: PTH119 - text, as it stands
            download = (
                f"<a download='{name}' style='{_LINK}' onclick=\"this.href = this.closest('."
                f"{_BOX}').querySelector('.pruna-large-media [src^=&quot;data:{kind}&quot;]')"
                f'.src">Download</a>'
            )
            if kind.startswith("video/"):
                tag = f"<video src='{address}' controls autoplay loop muted style='{_MEDIA}'>"
                return f"{tag}{alt}</video>", download
            return f"<img src='{address}' alt='{alt}' style='{_MEDIA}'>", download
        (thumb,) = self._thumbs.make([picture.path], _LARGE)
        if not thumb.webp:
            why = escaped(thumb.error or "it cannot be shown", 300)
            return f"<p>{why}: {escaped(picture.path, 500)}</p>", ""
        address = data_uri(thumb.webp, "image/webp")
        where = f"<p style='opacity:.7'>The whole file: {escaped(picture.path, 500)}</p>"
        return f"<img src='{address}' alt='{alt}' style='{_MEDIA}'>{where}", ""

    def _key(self, change: Any) -> None:
        typed = str(change["new"])
        if not typed:
            return
        # While the field is being emptied, fast typing adds to what was handled already.
        self._field.value = ""
        if do := self._typed.get(typed[-1].lower()):
            do()


def _content(path: str) -> tuple[bytes, str] | None:
    """Return a file and its media type, if a browser shows it and it is not too large."""
    try:
        found = content_type(path)
        size = os.path.getsize(path)  # noqa: PTH202 - a str
        kind = found[0] if found else ""
        if size > _BYTES_AT_MOST or not (kind in _BROWSERS or kind.startswith("video/")):
            return None
        return Path(path).read_bytes(), kind
    except (OSError, ValueError):
        return None


def _words(picture: Picture, download: str) -> str:
    facts = " · ".join(
        f"<span style='white-space:nowrap'><span style='opacity:.7'>{escaped(name, 60)}</span> "
        f"{isolated(value, 200)}</span>"
        for name, value in picture.facts
    )
    copy = ""
    if picture.prompt:
        copy = (
            f"<button type='button' style='{_LINK}' {copies('pruna-large-prompt', _BOX)}>"
            "Copy the prompt</button>"
        )
    links = " · ".join(filter(None, [copy, download]))
    prompt = (
        "<div class='pruna-large-prompt' style='overflow-wrap:anywhere;white-space:pre-wrap;"
        f"max-height:12em;overflow:auto;margin:2px 0'>{isolated(picture.prompt, _PROMPT_LIMIT)}"
        "</div>"
    )
    return f"<div class='{NO_MATH}' style='line-height:1.5'>{prompt}{facts}<br>{links}</div>"


def _button(name: str, text: str, icon: str, do: Callable[[], object], hint: str) -> Any:
    wide = "auto" if text else "40px"
    button = w.Button(description=text, icon=icon, tooltip=hint, layout=w.Layout(width=wide))
    button.add_class(f"pruna-large-{name}")
    button.on_click(lambda _: do())
    return button
