"""A batch, watched: counts, rate, refusals, cost, time left and the latest pictures."""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.progress import (
    closing_line,
    cost_text,
    duration,
    row_counts,
    seconds_left,
)
from pruna_nb.catalog import price_text
from pruna_nb.text import NO_MATH, counted

if TYPE_CHECKING:
    from pruna_nb.batch.run import Run

_LOOK_SECONDS = 0.25
_LATEST = 7
_THUMB = 96
_TRACK = "height:6px;border-radius:3px;background:rgba(128,128,128,.25);overflow:hidden"
_BARS = (
    ("cached", "rgba(64,120,220,.45)"),
    ("new", "rgba(64,120,220,1)"),
    ("failed", "rgba(214,56,56,.9)"),
    ("lost", "rgba(214,56,56,.9)"),
    ("skipped", "rgba(128,128,128,.6)"),
)


def facts(run: Run) -> list[tuple[str, str]]:
    """Say where a run stands, as pairs of a name and a value."""
    counts = row_counts(run)
    total = len(run.plan.requests)
    done = counts.total() - (counts["pending"] if run.done else 0)
    said = [("done", f"{done:,} of {total:,}")]
    said += [(name, f"{counts[name]:,}") for name in ("new", "cached", "failed")]
    said += [(name, f"{counts[name]:,}") for name in ("lost", "skipped", "pending") if counts[name]]
    if not run.done and run.in_flight:
        said.append(("under way", f"{run.in_flight:,}"))
    said.append(("cost", cost_text(run)))
    if run.done and (prices := run.undelivered()):
        said.append(("not delivered", f"{len(prices):,}, {price_text(prices)}"))
    said.append(("rate", f"{_per_minute(run):,.0f} a minute"))
    if run.refusals:
        said.append(("refused", f"{run.refusals:,}, sent again"))
    end = run.ended_at or time.monotonic()
    said.append(("time", duration(end - run.started_at)))
    left = 0.0 if run.done else seconds_left(run)
    if left:  # nothing is known of it before the first output
        said.append(("left", duration(left)))
    return said


def _per_minute(run: Run) -> float:
    """Give the predictions that ended a minute, since the start."""
    end = run.ended_at or time.monotonic()
    ended = len(run.outcomes) - run.counts["pending"]
    return ended / max(end - run.started_at, 0.001) * 60.0


def state_of(run: Run) -> str:
    """Say in a word or two whether a run goes on."""
    if not run.done:
        return "stopping" if run.canceled else "running"
    if run.crash or run.error:
        return "stopped by an error"
    return "canceled" if run.canceled else "done"


def line_of(run: Run) -> str:
    """Say where a run stands, in one line."""
    if run.done:
        return f"{state_of(run)}: {closing_line(run)}"
    return f"{state_of(run)}: " + "; ".join(f"{name} {value}" for name, value in facts(run))


def panel_html(run: Run, latest: list[str]) -> str:
    """Draw where a run stands; readable with all styling gone.

    Parameters
    ----------
    run : Run
    latest : list of str
        The newest pictures, as HTML.
    """
    from html import escape

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
        style = "border-left:3px solid rgba(214,56,56,.9);padding:2px 0 2px 10px;margin:4px 0"
        said = escape(" ".join(str(error).split())[:500])
        trouble = f"<div style='{style}'>{said}</div>"
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
        from pruna_nb.show import Thumbs

        self._run = run
        self._thumbs = Thumbs(run.settings.thumbs_dir)
        self._pictures: dict[str, str] = {}
        self._lock = threading.Lock()

    def html(self) -> str:
        """Give the panel as HTML, as it is now."""
        with self._lock:
            return panel_html(self._run, self._latest())

    def __repr__(self) -> str:
        return f"<Panel: {line_of(self._run)}>"

    def _latest(self) -> list[str]:
        paths = list(self._run.latest)[-_LATEST:]
        new = [path for path in paths if path not in self._pictures]
        for path, thumb in zip(new, self._thumbs.make(new, _THUMB), strict=True):
            data = base64.b64encode(thumb.webp).decode()
            self._pictures[path] = (
                f"<img src='data:image/webp;base64,{data}' alt='a new picture' "
                "style='height:64px;border-radius:3px;margin:0'>"
                if thumb.webp
                else ""
            )
        self._pictures = {path: self._pictures[path] for path in paths}
        return [self._pictures[path] for path in reversed(paths)]

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        from pruna_nb.widgets.saved_copy import bundle

        if self._run.done:
            display(HTML(self.html()))  # type: ignore[no-untyped-call]
            return
        import ipywidgets as w

        shown = w.HTML(self.html())
        shown.add_class("pruna-panel")
        room = w.Layout(width="110px", margin="6px 2px")
        stop = w.Button(description="Cancel", icon="stop", layout=room)
        stop.add_class("pruna-panel-stop")
        stop.on_click(lambda _: self._run.cancel())
        box = w.VBox([shown, stop])
        handle = display(bundle(box, repr(self)), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        watcher = threading.Thread(
            target=self._watch, args=[shown, stop, handle], name="pruna_nb-panel", daemon=True
        )
        watcher.start()

    def _watch(self, shown: Any, stop: Any, handle: Any) -> None:
        while not self._run.join(_LOOK_SECONDS):
            before = time.monotonic()
            shown.value = self.html()
            stop.disabled = self._run.canceled
            time.sleep(min(2.0, time.monotonic() - before))
        shown.value = self.html()
        if handle is not None:
            handle.update({"text/html": self.html(), "text/plain": repr(self)}, raw=True)
