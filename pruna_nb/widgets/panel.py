"""The progress of a batch: counts, rate, refusals, cost, time left and the latest pictures."""

from __future__ import annotations

import threading
import time
from html import escape
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.progress import closing_line, cost_text, duration, title
from pruna_nb.catalog import cost_usd, price_text
from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import grid
from pruna_nb.show.markup import data_uri
from pruna_nb.show.notebook import display, html_data
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import BLUE, GREY, RED, rgba
from pruna_nb.text import NO_MATH, counted
from pruna_nb.widgets.about import Picture, cost_fact, favourite_of
from pruna_nb.widgets.keys import clicks
from pruna_nb.widgets.notes import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pruna_nb.batch.job import Outcome
    from pruna_nb.batch.progress import Watched
    from pruna_nb.catalog import Model
    from pruna_nb.store.favourites import Favourite
    from pruna_nb.widgets.lightbox import Lightbox

_LATEST = 7
_UNSEEN_SECONDS = 2.0  # how often the panel is renewed as HTML while no front end shows the widget
_ROW = "display:flex;flex-wrap:wrap;align-items:flex-start"
_BOX, _DOOR = "pruna-panel-box", "pruna-panel-large"
_THUMB = 96
_BYTES = 300_000  # of the pictures that the saved notebook keeps
_TRACK = f"height:6px;border-radius:3px;background:{rgba(GREY, 0.25)};overflow:hidden"
_BARS = (
    ("cached", rgba(BLUE, 0.45)),
    ("new", rgba(BLUE, 1)),
    ("failed", rgba(RED, 0.9)),
    ("lost", rgba(RED, 0.9)),
    ("skipped", rgba(GREY, 0.6)),
)


def facts(run: Watched) -> list[tuple[str, str]]:
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


def line_of(run: Watched) -> str:
    """Return the progress of a run, in one line."""
    if run.done:
        return f"{run.facts().state}: {closing_line(run)}"
    return f"{run.facts().state}: " + "; ".join(f"{name} {value}" for name, value in facts(run))


def panel_html(run: Watched, latest: list[str]) -> str:
    """Return the progress of a run as HTML that is readable without styles.

    Parameters
    ----------
    run : Run or Pipeline
    latest : list of str
        The newest pictures, as HTML.
    """
    now = run.facts()
    counts, total = now.counts, max(1, now.rows)
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
    what = "row" if len(run.steps) == 1 else "output"
    head = f"{escape(title(run))}, {counted(now.rows, what)}"
    return (
        f"<div class='{NO_MATH}' style='line-height:1.4;max-width:880px'>"
        f"<div style='margin-bottom:6px'><strong>{head}</strong> "
        f"<span style='opacity:.7'>{now.state}</span></div>"
        f"<div style='{_TRACK}'>{bars}</div>"
        f"<div style='{_ROW};margin-top:8px'>{cells}</div>{trouble}"
        f"{latest_html(latest)}</div>"
    )


def latest_html(latest: list[str]) -> str:
    """Return the newest pictures side by side; empty if there are none."""
    row = f"<div style='{_ROW};gap:6px;margin-top:4px'>{''.join(latest)}</div>"
    return row if latest else ""


class Panel:
    """A run's progress, live in a notebook; words elsewhere.

    It is renewed a few times a second as long as the run goes on. When it is over, plain HTML
    takes its place, which the saved notebook keeps.

    Parameters
    ----------
    run : Run or Pipeline
        What is watched.
    selected : set of int, optional
        The numbers of the pictures that are selected, see `rows_of`; changed in place.
    """

    def __init__(self, run: Watched, selected: set[int] | None = None) -> None:
        self._run, self._selected = run, set() if selected is None else selected
        self._thumbs = Thumbs(run.settings.thumbs_dir)
        self._pictures: dict[str, str] = {}
        self._order: list[str] = []  # the files of the thumbnails as they are on the screen
        self._lock = threading.Lock()

    def html(self) -> str:
        """Return the panel as HTML, as it is now."""
        with self._lock:
            if self._run.done:
                return panel_html(self._run, self._folded())
            return panel_html(self._run, self._latest())

    def _repr_html_(self) -> str:
        """Return what a host shows that asks for no widget, such as marimo."""
        return self.html()

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

    def _folded(self) -> list[str]:
        """Return the newest pictures as a grid, in which a click opens each: no widget is left."""
        by_path = {picture.path: picture for picture in pictures_of(self._run).values()}
        latest = [by_path[path] for path in reversed(self._run.latest) if path in by_path][:_LATEST]
        cells = [
            Cell(
                picture.path,
                alt=f"a new picture: {picture.prompt}",
                request={"input": {"prompt": picture.prompt, **dict(picture.facts)}},
            )
            for picture in latest
        ]
        if not cells:
            return []
        made = grid(cells, size=_THUMB, max_bytes=_BYTES, thumbs_dir=self._thumbs.folder)
        # in the row of thumbnails it would be as narrow as one of them
        return [f"<div style='flex:1 1 100%;min-width:0'>{made.html()}</div>"]

    def _data(self) -> dict[str, Any]:
        return html_data(self.html(), repr(self))

    def _live(self) -> tuple[str, str]:
        """Return the progress and the thumbnails, which a click enlarges.

        They are apart: what is renewed all the time takes no click.
        """
        with self._lock:
            latest = self._latest()
            self._order = list(reversed(self._pictures))
            doors = [
                f"<span {clicks(f'{_DOOR}-{place}', _BOX)} style='cursor:zoom-in'>{picture}</span>"
                for place, picture in enumerate(latest)
            ]
            return panel_html(self._run, []), latest_html(doors)

    def _open(self, lightbox: Lightbox, place: int) -> None:
        """Show one of the latest pictures large; all others of the run are its neighbours."""
        path = self._order[place] if place < len(self._order) else None
        pictures = pictures_of(self._run)
        for number, picture in pictures.items():
            if picture.path == path:
                lightbox.open(pictures, number)
                return

    def _ipython_display_(self) -> None:
        if self._run.done:
            display(self._data())
            return
        import ipywidgets as w

        from pruna_nb.widgets.chosen import Chosen
        from pruna_nb.widgets.lightbox import Lightbox
        from pruna_nb.widgets.saved_copy import bundle

        panel, gallery = (w.HTML(part) for part in self._live())
        panel.add_class("pruna-panel")
        room = w.Layout(width="110px", margin="6px 2px")
        stop = w.Button(description="Cancel", icon="stop", layout=room)
        stop.add_class("pruna-panel-stop")
        stop.on_click(lambda _: self._run.cancel())
        over = threading.Event()

        def leave(number: int | None) -> None:
            chosen.show(number)
            # nobody's picture is taken from the screen: the plain panel comes when it is closed
            if number is None and over.is_set():
                shown.update(self._data())

        chosen = Chosen(self._selected, self._favourite, self._run.settings.cache_dir)
        lightbox = Lightbox(
            actions=chosen.actions, keys=dict(chosen.keys), shown=leave, thumbs=self._thumbs
        )
        doors = w.HBox(layout=w.Layout(display="none"))
        doors.children = [self._door(w, lightbox, place) for place in range(_LATEST)]
        # A front end counts there what it shows of a widget, if there is a number to begin with.
        box = w.VBox([panel, gallery, stop, lightbox.box, doors], _view_count=0)
        box.add_class(_BOX)
        seen = threading.Event()
        box.observe(lambda _: seen.set(), "_view_count")
        shown = display(bundle(box, repr(self), self.html()))

        def watch() -> None:
            renewed = time.monotonic()
            for _ in self._run.watch():
                panel.value, gallery.value = self._live()
                stop.disabled = self._run.canceled
                if not seen.is_set() and time.monotonic() - renewed > _UNSEEN_SECONDS:
                    shown.update(bundle(box, repr(self), self.html()))
                    renewed = time.monotonic()
            panel.value, gallery.value = self._live()
            stop.disabled = True
            over.set()
            leave(lightbox.number)

        threading.Thread(target=watch, name="pruna_nb-panel", daemon=True).start()

    def _favourite(self, number: int) -> Favourite | None:
        model, _, sent, outcome = _made(self._run)[number]
        hidden = {each.name for each in model.media_fields} | model.secret_names
        return favourite_of(
            model.name,
            {name: value for name, value in sent.items() if name not in hidden},
            outcome.output,
            outcome.prediction_id,
            cost_usd=None if model.price is None else cost_usd(model, sent),
            seconds=outcome.seconds,
        )

    def _door(self, w: Any, lightbox: Lightbox, place: int) -> Any:
        """Return the unseen button that a click on one of the thumbnails clicks."""
        button = w.Button()
        button.add_class(f"{_DOOR}-{place}")
        button.on_click(lambda _: self._open(lightbox, place))
        return button


def _made(run: Watched) -> dict[int, tuple[Model, int, Mapping[str, Any], Outcome]]:
    """Return each picture's model, row, input and outcome, by a number that stays its own."""
    rows = max(len(step.plan.requests) for step in run.steps)
    return {
        number * rows + place: (step.plan.model_of(request), place, request.input or {}, outcome)
        for number, step in enumerate(run.steps)
        for place, (request, outcome) in enumerate(
            zip(step.plan.requests, step.row_outcomes(), strict=True)
        )
    }


def rows_of(run: Watched, numbers: Iterable[int]) -> list[int]:
    """Return the rows' positions that some of a run's pictures belong to, of whatever step."""
    made = _made(run)
    return sorted({made[number][1] for number in numbers})


def pictures_of(run: Watched) -> dict[int, Picture]:
    """Return what a run has made so far as pictures to be seen large, by their rows' positions."""
    pictures = {}
    for number, (model, place, sent, outcome) in _made(run).items():
        if outcome.status != "succeeded" or not outcome.output:
            continue
        known = [("row", f"{place + 1:,}"), ("model", model.name)]
        known += [("seed", str(sent["seed"]))] if "seed" in sent else []
        known.append(("cost", cost_fact(model, sent, cached=outcome.cached)))
        pictures[number] = Picture(outcome.output, str(sent.get("prompt", "")), known)
    return pictures
