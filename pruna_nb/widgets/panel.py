"""The progress of a batch: counts, rate, refusals, cost, time left and the latest pictures."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.progress import closing_line, cost_text, duration
from pruna_nb.catalog import price_text
from pruna_nb.show.markup import data_uri
from pruna_nb.show.notebook import display, html_data
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import BLUE, GREY, RED, rgba
from pruna_nb.text import NO_MATH, counted
from pruna_nb.widgets.notes import ERROR

if TYPE_CHECKING:
    from pruna_nb.batch.run import Run

_LATEST = 7
_THUMB = 96
_TRACK = f"height:6px;border-radius:3px;background:{rgba(GREY, 0.25)};overflow:hidden"
_BARS = (
    ("cached", rgba(BLUE, 0.45)),
    ("new", rgba(BLUE, 1)),
    ("failed", rgba(RED, 0.9)),
    ("lost", rgba(RED, 0.9)),
    ("skipped", rgba(GREY, 0.6)),
)


def facts(run: Run) -> list[tuple[str, str]]:
    """Return the progress of a run, as pairs of a name and a value."""
    now = run.facts()
    counts = now.counts
    pairs = [("done", f"{now.rows_done:,} of {now.rows:,}")]
    pairs += [(name, f"{counts[name]:,}") for name in ("new", "cached", "failed")]
    pairs += [
        (name, f"{counts[name]:,}") for name in ("lost", "skipped", "pending") if counts[name]
    ]
    if not now.over and now.in_flight:
        pairs.append(("under way", f"{now.in_flight:,}"))
    pairs.append(("cost", cost_text(now)))
    if now.over and (prices := run.undelivered()):
        pairs.append(("not delivered", f"{len(prices):,}, {price_text(prices)}"))
    pairs.append(("rate", f"{now.per_minute:,.0f} a minute"))
    if now.refusals:
        pairs.append(("refused", f"{now.refusals:,}, sent again"))
    pairs.append(("time", duration(now.seconds)))
    if now.seconds_left:  # nothing is known of it before the first output
        pairs.append(("left", duration(now.seconds_left)))
    return pairs


def line_of(run: Run) -> str:
    """Return the progress of a run, in one line."""
    if run.done:
        return f"{run.facts().state}: {closing_line(run)}"
    return f"{run.facts().state}: " + "; ".join(f"{name} {value}" for name, value in facts(run))


def panel_html(run: Run, latest: list[str]) -> str:
    """Return the progress of a run as HTML that is readable without styles.

    Parameters
    ----------
    run : Run
    latest : list of str
        The newest pictures, as HTML.
    """
    counts, total = run.facts().counts, max(1, len(run.plan.requests))
    bars = "".join(
        f"<div style='float:left;height:6px;width:{100 * counts[name] / total:.4g}%;"
        f"background:{color}'></div>"
        for name, color in _BARS
        if counts[name]
    )
    cells = "".join(
        f"<div style='margin:0 22px 6px 0'><span style='opacity:.7;font-size:.85em'>{name}</span>"
        f"<br>{escape(value)} </div>"
        for name, value in facts(run)
    )
    error = run.crash or run.error
    trouble = ""
    if error is not None:
        message = escape(" ".join(str(error).split())[:500])
        trouble = f"<div style='{ERROR};margin:4px 0'>{message}</div>"
    row = "display:flex;flex-wrap:wrap;align-items:flex-start"
    pictures = f"<div style='{row};gap:6px;margin-top:4px'>{''.join(latest)}</div>"
    head = f"{escape(run.plan.model.name)}, {counted(len(run.plan.requests), 'row')}"
    return (
        f"<div class='{NO_MATH}' style='line-height:1.4;max-width:880px'>"
        f"<div style='margin-bottom:6px'><strong>{head}</strong> "
        f"<span style='opacity:.7'>{run.facts().state}</span></div>"
        f"<div style='{_TRACK}'>{bars}</div>"
        f"<div style='{row};margin-top:8px'>{cells}</div>{trouble}"
        f"{pictures if latest else ''}</div>"
    )


class Panel:
    """A run's progress, live in a notebook; words elsewhere.

    It is renewed a few times a second as long as the run goes on. When it is over, plain HTML
    takes its place, which the saved notebook keeps.

    Parameters
    ----------
    run : Run
        What is watched.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._thumbs = Thumbs(run.settings.thumbs_dir)
        self._pictures: dict[str, str] = {}
        self._lock = threading.Lock()

    def html(self) -> str:
        """Return the panel as HTML, as it is now."""
        with self._lock:
            return panel_html(self._run, self._latest())

    def __repr__(self) -> str:
        return f"<Panel: {line_of(self._run)}>"

    def _latest(self) -> list[str]:
        paths = list(self._run.latest)[-_LATEST:]
        new = [path for path in paths if path not in self._pictures]
        for path, thumb in zip(new, self._thumbs.make(new, _THUMB), strict=True):
            self._pictures[path] = (
                f"<img src='{data_uri(thumb.webp, 'image/webp')}' alt='a new picture' "
                "style='height:64px;border-radius:3px;margin:0'>"
                if thumb.webp
                else ""
            )
        self._pictures = {path: self._pictures[path] for path in paths}
        return [self._pictures[path] for path in reversed(paths)]

    def _data(self) -> dict[str, Any]:
        return html_data(self.html(), repr(self))

    def _ipython_display_(self) -> None:
        if self._run.done:
            display(self._data())
            return
        import ipywidgets as w

        from pruna_nb.widgets.saved_copy import bundle

        panel = w.HTML(self.html())
        panel.add_class("pruna-panel")
        room = w.Layout(width="110px", margin="6px 2px")
        stop = w.Button(description="Cancel", icon="stop", layout=room)
        stop.add_class("pruna-panel-stop")
        stop.on_click(lambda _: self._run.cancel())
        shown = display(bundle(w.VBox([panel, stop]), repr(self)))

        def watch() -> None:
            for _ in self._run.watch():
                panel.value = self.html()
                stop.disabled = self._run.canceled
            panel.value = self.html()
            shown.update(self._data())

        threading.Thread(target=watch, name="pruna_nb-panel", daemon=True).start()
