"""The progress of a batch: counts, rate, refusals, cost, time left and the latest pictures."""

from __future__ import annotations

import threading
import time
from html import escape
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.progress import (
    closing_line,
    cost_text,
    duration,
    row_counts,
    seconds_left,
)
from pruna_nb.catalog import price_text
from pruna_nb.show.markup import data_uri
from pruna_nb.show.notebook import display, html_data
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import BLUE, GREY, RED, rgba
from pruna_nb.text import NO_MATH, counted
from pruna_nb.widgets.notes import ERROR

if TYPE_CHECKING:
    from pruna_nb.batch.run import Run

_LOOK_SECONDS = 0.25
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
    counts = row_counts(run)
    total = len(run.plan.requests)
    done = counts.total() - (counts["pending"] if run.done else 0)
    pairs = [("done", f"{done:,} of {total:,}")]
    pairs += [(name, f"{counts[name]:,}") for name in ("new", "cached", "failed")]
    pairs += [
        (name, f"{counts[name]:,}") for name in ("lost", "skipped", "pending") if counts[name]
    ]
    if not run.done and run.in_flight:
        pairs.append(("under way", f"{run.in_flight:,}"))
    pairs.append(("cost", cost_text(run)))
    if run.done and (prices := run.undelivered()):
        pairs.append(("not delivered", f"{len(prices):,}, {price_text(prices)}"))
    elapsed = (run.ended_at or time.monotonic()) - run.started_at
    ended = len(run.outcomes) - run.counts["pending"]
    pairs.append(("rate", f"{ended / max(elapsed, 0.001) * 60.0:,.0f} a minute"))
    if run.refusals:
        pairs.append(("refused", f"{run.refusals:,}, sent again"))
    pairs.append(("time", duration(elapsed)))
    left = 0.0 if run.done else seconds_left(run)
    if left:  # nothing is known of it before the first output
        pairs.append(("left", duration(left)))
    return pairs


def state_of(run: Run) -> str:
    """Return in a word or two whether a run goes on."""
    if not run.done:
        return "stopping" if run.canceled else "running"
    if run.crash or run.error:
        return "stopped by an error"
    return "canceled" if run.canceled else "done"


def line_of(run: Run) -> str:
    """Return the progress of a run, in one line."""
    if run.done:
        return f"{state_of(run)}: {closing_line(run)}"
    return f"{state_of(run)}: " + "; ".join(f"{name} {value}" for name, value in facts(run))


def panel_html(run: Run, latest: list[str]) -> str:
    """Return the progress of a run as HTML that is readable without styles.

    Parameters
    ----------
    run : Run
    latest : list of str
        The newest pictures, as HTML.
    """
    counts, total = row_counts(run), max(1, len(run.plan.requests))
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
        f"<span style='opacity:.7'>{state_of(run)}</span></div>"
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
            while not self._run.join(_LOOK_SECONDS):
                before = time.monotonic()
                panel.value = self.html()
                stop.disabled = self._run.canceled
                # drawing leaves the interpreter to the run at least half of the time
                time.sleep(min(2.0, time.monotonic() - before))
            panel.value = self.html()
            shown.update(self._data())

        threading.Thread(target=watch, name="pruna_nb-panel", daemon=True).start()
