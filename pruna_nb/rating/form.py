"""The form that rates outputs: a picture large, keys from 1 to 5, tags, and all of them below."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError, PrunaError
from pruna_nb.frames.captions import text_of
from pruna_nb.frames.grids import cells_of
from pruna_nb.frames.ratings import outputs_of, places_in, rate_frame, with_ratings
from pruna_nb.settings import current
from pruna_nb.show import Thumbs
from pruna_nb.show.markup import image
from pruna_nb.show.notebook import display
from pruna_nb.show.tints import BLUE, GREY, rgba
from pruna_nb.store.ratings import STARS, Rating, Ratings
from pruna_nb.text import NO_MATH, counted, isolated
from pruna_nb.widgets.about import Picture
from pruna_nb.widgets.keys import clicks
from pruna_nb.widgets.lightbox import Lightbox
from pruna_nb.widgets.notes import without_widgets
from pruna_nb.widgets.saved_copy import Saved, bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from pruna_nb.show import Cell

_SIZE = 96  # pixels of a picture in the overview
_PAGE = 24  # pictures in the overview at once
_KNOWN = 12  # tags that are offered
_VALUE = 60  # characters
_BOX = "pruna-rating"
_HELP = (
    "<div style='opacity:.7;font-size:.9em;line-height:1.4'>Keys: 1 to 5 rate and show the next "
    "picture, 0 takes its rating back, A and D turn. All is stored at once.</div>"
)
_WITHOUT_WIDGETS = without_widgets(
    "This form",
    "The call rates too: <code>out.pruna.rate(5, tags=['cover'], rows=[0, 2])</code>.",
)


def rating_form(frame: pd.DataFrame, *, rows: Any = None, output_col: Any = "output") -> RatingForm:
    """Return a form over a frame's outputs; see ``df.pruna.rate``."""
    problems = Problems()
    cells: list[Cell] = []
    places: list[int] = []
    with problems.noted():
        cells, _ = cells_of(frame, output_col=output_col)
    with problems.noted():
        places = places_in(frame, rows)
    problems.check("There is nothing to rate")
    made = [place for place in places if cells[place].source is not None]
    if not made:
        raise InputError(
            "There is no output to rate in these rows. Generate first, and rate the frame that "
            "comes back: out = df.pruna.generate(...), then out.pruna.rate()."
        )
    return RatingForm(frame, made, [cells[place] for place in made], output_col)


class RatingForm:
    """A form that shows one output after the other, large, and stores what is thought of it.

    What is clicked is stored at once, so closing the notebook loses nothing.

    Parameters
    ----------
    frame : DataFrame
    places : sequence of int
        The positions of the rows that can be rated.
    cells : sequence of Cell
        Their pictures.
    output_col : str
        The column of outputs.

    Attributes
    ----------
    box : ipywidgets.VBox
        The form itself.
    number : int or None
        Which picture is shown, from 0.
    """

    def __init__(
        self, frame: pd.DataFrame, places: Sequence[int], cells: Sequence[Cell], output_col: Any
    ) -> None:
        self.number: int | None = None
        self._frame, self._output_col = frame, output_col
        self._places, self._cells = places, cells
        self._thumbs = Thumbs(current().thumbs_dir)
        outputs = outputs_of(frame.iloc[list(places)], output_col)
        self._outputs = outputs
        self._ratings = Ratings(current().cache_dir).of(outputs)
        self._is_drawing = False
        self._build()
        unrated = [number for number, each in enumerate(self._ratings) if not _stars(each)]
        self.open(unrated[0] if unrated else 0)

    # -- what a person does -------------------------------------------------------------

    def open(self, number: int) -> None:
        """Show a picture large, by its number from 0."""
        self._lightbox.open(self._pictures, number)

    def rate(self, stars: int) -> None:
        """Rate the picture that is shown, and show the next one; 0 takes its rating back."""
        if self.number is not None and self._store(stars):
            self.open(min(self.number + bool(stars), len(self._places) - 1))

    def tag(self, tags: Sequence[str]) -> None:
        """Set the tags of the picture that is shown, in place of those that it has."""
        if self.number is None:
            return
        before = _tags(self._ratings[self.number])
        self._store(None, tags=list(tags), untag=[tag for tag in before if tag not in tags])
        self._draw()

    @property
    def frame(self) -> pd.DataFrame:
        """The frame with the stored ratings and tags; see ``df.pruna.ratings``."""
        return with_ratings(self._frame, self._output_col)

    # -- what follows from it -----------------------------------------------------------

    def _store(self, stars: int | None, *, tags: Any = None, untag: Any = None) -> bool:
        """Store what is thought of the picture that is shown; whether that was possible."""
        number = self.number or 0
        row = self._frame.iloc[[self._places[number]]]
        try:
            rate_frame(row, stars, tags=tags, untag=untag, rows=None, output_col=self._output_col)
            (stored,) = Ratings(current().cache_dir).of([self._outputs[number]])
        except PrunaError as error:
            self._status.value = f"<p>{isolated(f'This was not stored. {error}', 500)}</p>"
            return False
        self._status.value = ""
        # The same picture may stand in several rows.
        for other, output in enumerate(self._outputs):
            if output == self._outputs[number]:
                self._ratings[other] = stored
        return True

    def _shown(self, number: int | None) -> None:
        self.number = number
        self._draw()

    def _draw(self) -> None:
        """Show what is stored: on the buttons, in the tags, and in the overview."""
        number = self.number
        rating = None if number is None else self._ratings[number]
        for star, button in zip(STARS, self._stars, strict=True):
            button.icon = "star" if star <= (_stars(rating) or 0) else "star-o"
        self._is_drawing = True  # the fields change by this, and by nobody's hand
        self._tags.value = list(_tags(rating))
        self._is_drawing = False
        known = Counter(tag for each in self._ratings for tag in _tags(each))
        offered = [tag for tag, _ in known.most_common(_KNOWN) if tag not in _tags(rating)]
        self._known.children = [self._offer(tag) for tag in offered]
        self._head.value = f"{self._summary()}{_HELP}"
        self._overview.value = self._overview_html()
        self._saved.update(self._summary())

    def _summary(self) -> str:
        rated = Counter(stars for each in self._ratings if (stars := _stars(each)))
        tags = Counter(tag for each in self._ratings for tag in _tags(each))
        said = [f"<b>{rated.total():,} of {counted(len(self._places), 'picture')} rated</b>"]
        said += [f"{'★' * stars} {rated[stars]:,}" for stars in reversed(STARS) if rated[stars]]
        said += [f"{isolated(tag, _VALUE)} {count:,}" for tag, count in tags.most_common(_KNOWN)]
        return f"<div class='{NO_MATH}' style='line-height:1.5'>{' · '.join(said)}</div>"

    def _overview_html(self) -> str:
        """Return the pictures around the one that is shown, small, each with its stars."""
        first = (self.number or 0) // _PAGE * _PAGE
        cells = self._cells[first : first + _PAGE]
        made = self._thumbs.of_cells(cells, _SIZE)
        tiles = []
        for place, cell in enumerate(cells):
            thumb, rating = made.get(id(cell)), self._ratings[first + place]
            edge = rgba(BLUE, 0.9) if first + place == self.number else rgba(GREY, 0.25)
            stars = "★" * (_stars(rating) or 0) or "&ndash;"
            picture = image(cell, thumb, _SIZE) if thumb is not None and thumb.webp else cell.media
            tiles.append(
                f"<div {clicks(f'pruna-rating-{place}', _BOX)} style='cursor:pointer;padding:4px;"
                f"border:2px solid {edge};border-radius:6px'>{picture}"
                f"<div style='font-size:.85em'>{stars}</div></div>"
            )
        style = "display:flex;flex-wrap:wrap;gap:6px;align-items:flex-end;margin:8px 0"
        beyond = ""
        if len(self._cells) > _PAGE:
            last = first + len(cells)
            beyond = f"<div>Pictures {first + 1:,} to {last:,} of {len(self._cells):,}</div>"
        return f"<div class='{NO_MATH}'>{beyond}<div style='{style}'>{''.join(tiles)}</div></div>"

    # -- how it is built and shown ------------------------------------------------------

    def _build(self) -> None:
        self._pictures = {number: _picture(cell) for number, cell in enumerate(self._cells)}
        self._stars = [_button(f"star-{star}", self._rating(star), str(star)) for star in STARS]
        self._tags = w.TagsInput(allow_duplicates=False, layout=w.Layout(width="100%"))
        self._tags.placeholder = "Add a tag, Enter"
        self._tags.observe(self._tags_typed, "value")
        self._known = w.HBox(layout=w.Layout(flex_flow="row wrap"))
        self._lightbox = Lightbox(
            actions=self._stars,
            keys={str(stars): self._rating(stars) for stars in (*STARS, 0)},
            shown=self._shown,
            thumbs=self._thumbs,
        )
        self._lightbox.box.children = [*self._lightbox.box.children, self._tags, self._known]
        self._head, self._status = w.HTML(), w.HTML()
        self._overview = w.HTML(layout=w.Layout(width="100%"))
        openers = [_button(str(place), self._opening(place), "") for place in range(_PAGE)]
        for opener in openers:  # clicked by the overview's pictures
            opener.layout.display = "none"
        self._saved = Saved()
        parts = [self._saved.hide, self._head, self._lightbox.box, self._status, self._overview]
        self.box = w.VBox([*parts, *openers], layout=w.Layout(width="100%"))
        self.box.add_class(_BOX)

    def _rating(self, stars: int) -> Callable[[], None]:
        return lambda: self.rate(stars)

    def _opening(self, place: int) -> Callable[[], None]:
        def open_it() -> None:
            number = (self.number or 0) // _PAGE * _PAGE + place
            if number < len(self._cells):
                self.open(number)

        return open_it

    def _offer(self, tag: str) -> Any:
        def add() -> None:
            if self.number is not None:
                self.tag([*_tags(self._ratings[self.number]), tag])

        return _button("tag", add, f"+ {tag}"[:_VALUE])

    def _tags_typed(self, change: Any) -> None:
        if not self._is_drawing:
            self.tag(change["new"])

    def _ipython_display_(self) -> None:
        display(bundle(self.box, repr(self), _WITHOUT_WIDGETS))
        self._saved.display()

    def _repr_html_(self) -> str:
        return f"{_WITHOUT_WIDGETS}{self._summary()}"

    def __repr__(self) -> str:
        rated = sum(bool(_stars(each)) for each in self._ratings)
        return f"<RatingForm: {rated:,} of {counted(len(self._places), 'picture')} rated>"


def _stars(rating: Rating | None) -> int | None:
    return None if rating is None else rating.rating


def _tags(rating: Rating | None) -> tuple[str, ...]:
    return () if rating is None else rating.tags


def _picture(cell: Cell) -> Picture:
    asked = dict(cell.request.get("input") or {})
    prompt = str(asked.pop("prompt", "") or cell.caption)
    facts = [("model", str(cell.request["model"]))] if cell.request.get("model") else []
    facts += [(name.replace("_", " "), text_of(value)[:_VALUE]) for name, value in asked.items()]
    return Picture(str(cell.path), prompt, facts)


def _button(name: str, do: Callable[[], object], text: str) -> Any:
    button = w.Button(description=text, layout=w.Layout(width="auto"))
    button.add_class(f"pruna-rating-{name}")
    button.on_click(lambda _: do())
    return button
