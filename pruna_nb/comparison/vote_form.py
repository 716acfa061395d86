"""Blind voting on pairs of pictures, by keys or by buttons.

A vote counts only after both pictures were seen large. Only the browser knows how wide the
window is, and it cannot tell the kernel; so there are two bars of buttons. One is always open,
and the browser shows it only where both pictures stand side by side at full size. The other
one stands everywhere else, and is locked until each picture was shown large on its own. What
cannot be seen cannot be clicked, nor take a key. What comes from the open bar tells that both were
seen: whoever then looks at one of them alone may vote at once.

Keys are typed into a field that lies, unseen, below all that can be clicked in the form: a click
beside the buttons is a click into it. Without it the click would go to the notebook, where the next
key is a command, and two d delete the cell.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Literal, get_args

import ipywidgets as w

from pruna_nb.comparison import vote_html as markup
from pruna_nb.comparison import vote_parts as parts
from pruna_nb.comparison.vote_large import KEYS_HTML, LargeTools
from pruna_nb.comparison.vote_media import QUALITY, CannotShowError, load_sides
from pruna_nb.comparison.vote_parts import View
from pruna_nb.errors import PrunaError
from pruna_nb.show import Thumbs
from pruna_nb.show.notebook import Shown, display, html_data
from pruna_nb.text import counted, isolated
from pruna_nb.widgets.saved_copy import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pruna_nb.comparison.ballots import Ballot
    from pruna_nb.comparison.vote_html import Side
    from pruna_nb.comparison.votes import Verdict
    from pruna_nb.store.favourites import Favourite

# Pixels of the longer side from which on a picture counts as seen large.
LARGE = 512
# Seconds. A key that is held down repeats: what comes sooner was meant for the pair before.
TOO_SOON = 0.4
KEYS: dict[str, Verdict] = {"f": "left", "j": "right", "t": "tie", "b": "both_bad"}


class VoteForm:
    """A form that shows one pair after another and takes a verdict on each.

    Parameters
    ----------
    ballots : sequence of Ballot
        In the order in which they are to be judged.
    cast : callable
        Called with ballot, verdict and seconds; the vote counts when it returns.
    retract : callable
        Called with the ballot whose vote no longer stands.
    reveal : callable
        Returns the result as HTML, with the names; called at the end only.
    judged : sequence of str, or callable
        Keys of the pairs that were judged before, the latest last. A callable is asked before
        each pair, where somebody else may be judging the same pairs.
    left_out : sequence of str
        For each pair that cannot be judged the reason.
    caution : str
        What to know before voting.
    favourite : callable
        Returns what is kept of a picture by its path, if it can be kept.
    thumbs_dir : Path, optional
        Where the encoded pictures are kept.
    clock : callable
        Returns seconds that never decrease.

    Attributes
    ----------
    box : ipywidgets.VBox
        The form itself.
    current : Ballot or None
        The pair that is shown.
    """

    def __init__(
        self,
        ballots: Sequence[Ballot],
        *,
        cast: Callable[[Ballot, Verdict, float], object],
        retract: Callable[[Ballot], object],
        reveal: Callable[[], str],
        judged: Sequence[str] | Callable[[], Sequence[str]] = (),
        left_out: Sequence[str] = (),
        caution: str = "",
        favourite: Callable[[str], Favourite | None] = lambda _: None,
        thumbs_dir: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current: Ballot | None = None
        self._ballots = {ballot.key: ballot for ballot in ballots}
        self._judged: list[str] = []
        self._left_out, self._caution = list(left_out), caution
        self._broken: set[str] = set()
        self._cast, self._retract, self._reveal, self._clock = cast, retract, reveal, clock
        self._read_judged = judged if callable(judged) else None
        self._merge_judged(judged() if callable(judged) else judged)
        self._thumbs = Thumbs(thumbs_dir, quality=QUALITY)
        self._shown_at, self._result = 0.0, ""
        self._seen: set[View] = set()
        self._view: View = "both"
        self._sides: tuple[Side, Side] | None = None
        self._has_sound = False
        self._shown: Shown | None = None
        self._large = LargeTools(favourite, self._focus_keys)
        self._build()
        self._enter("start" if self._left() else "end")

    # -- what a person does -------------------------------------------------------------

    def start(self) -> None:
        """Show the first pair that is not judged yet."""
        self._show_result("")
        self._next()

    def show(self, view: View, *, side_by_side: bool = False) -> None:
        """Show one picture large, or both side by side.

        Parameters
        ----------
        view : {"both", "left", "right"}
            What to show.
        side_by_side : bool
            Whether the wish came from where both pictures are visible at full size.
        """
        if self.current is None:
            return
        if side_by_side and self._view == "both":
            self._seen |= {"left", "right"}
        self._view = view
        if view != "both":
            self._seen.add(view)
        for each in get_args(View):
            toggle = self.box.add_class if each == view else self.box.remove_class
            toggle(f"p-vote-view-{each}")
        self._say("")
        for button in self._locked_buttons:
            button.disabled = not self._both_seen
        todo = "Look at each one large before you vote: Space."
        if self._both_seen:
            todo = "Which one is better?"
        elif self._seen:
            todo = "Now the other one: Space."
        self._lock.value = markup.lock(todo)
        self._views.mark(view)
        self._large.show(view, getattr(self.current, view, None))
        self._focus_keys()

    def vote(self, verdict: Verdict, *, side_by_side: bool = False) -> bool:
        """Take a verdict on the pair that is shown.

        Parameters
        ----------
        verdict : {"left", "right", "tie", "both_bad"}
            The rater's choice.
        side_by_side : bool
            Whether it came from the bar that is visible only where both pictures are large.

        Returns
        -------
        bool
            Whether it counts.
        """
        ballot, seconds = self.current, self._clock() - self._shown_at
        if ballot is None:
            return False
        if not (self._both_seen or (side_by_side and self._view == "both")):
            return self._say("Look at each picture large first: Space shows one after the other.")
        if seconds < TOO_SOON:
            return self._say("That was too quick to have seen both. Please vote again.")
        try:
            self._cast(ballot, verdict, seconds)
        except PrunaError as error:
            return self._say(f"The vote was not saved: {error}")
        self._judged.append(ballot.key)
        self._next()
        return True

    def undo(self) -> bool:
        """Undo the latest vote and show its pair again."""
        if not self._judged:
            return self._say("There is no vote to undo.")
        ballot = self._ballots[self._judged[-1]]
        try:
            self._retract(ballot)
        except PrunaError as error:
            return self._say(f"The vote still stands: {error}")
        self._judged.pop()
        self._show_result("")
        self._next(ballot)
        return True

    def finish(self) -> None:
        """Stop and show the result."""
        self._enter("end")

    # -- what follows from it -----------------------------------------------------------

    @property
    def _both_seen(self) -> bool:
        return {"left", "right"} <= self._seen

    def _left(self) -> list[Ballot]:
        gone = {*self._judged, *self._broken}
        return [ballot for key, ballot in self._ballots.items() if key not in gone]

    def _merge_judged(self, judged: Sequence[str]) -> None:
        """Merge what was judged here and elsewhere; what was judged here is undone first."""
        known = {key: None for key in judged if key in self._ballots}
        own = {key: None for key in self._judged if key in known}
        self._judged = [*(key for key in known if key not in own), *own]

    def _next(self, ballot: Ballot | None = None) -> None:
        """Show a pair: the one given, or the first that can be judged."""
        if self._read_judged is not None:
            # Another kernel may have judged some of the pairs meanwhile. Where that cannot be
            # read, what is known here is used; a vote that cannot be saved reports it.
            with contextlib.suppress(PrunaError):
                self._merge_judged(self._read_judged())
        for each in [ballot] if ballot else self._left():
            try:
                left, right = load_sides([each.left, each.right], self._thumbs)
            except CannotShowError as error:
                self._broken.add(each.key)
                self._left_out.append(str(error))
                continue
            self.current = each
            self._sides = (left, right)
            self._draw()
            self._prompt.value = markup.prompt(each.prompt, each.note)
            self._enter("vote")
            return
        self._enter("end")

    def _draw(self) -> None:
        """Show both sides; the sound of videos is off until it is asked for."""
        if self._sides is None:
            return
        has_video = any(side.is_video for side in self._sides)
        self._sound.layout.display = "" if has_video else "none"
        self._sound.description = "Sound off" if self._has_sound else "Sound on"
        self._stage.value = markup.stage(*self._sides, large=LARGE, has_sound=self._has_sound)

    def _toggle_sound(self) -> None:
        self._has_sound = not self._has_sound
        self._draw()
        self._focus_keys()

    def _enter(self, state: Literal["start", "vote", "end"]) -> None:
        for name, part in self._parts.items():
            part.layout.display = "" if name == state else "none"
        self._aside.layout.display = "" if state == "vote" else "none"
        head = markup.head(len(self._judged), self._total, at_pair=state == "vote")
        self._say("")
        if state == "vote":
            self._seen = set()
            # Whoever looks at one after the other does so again at the next pair.
            self.show("both" if self._view == "both" else "left")
            self._undo.disabled = not self._judged
            self._shown_at = self._clock()
            # last: the number of a pair stands beside that pair, and from then on a vote counts
            self._head.value = head
            return
        self._head.value = head
        self.current, self._sides = None, None
        self._stage.value = ""
        if state == "start":
            self._intro.value = markup.intro(
                self._total, len(self._judged), self._left_out, self._caution
            )
            self._start.description = "Go on" if self._judged else "Start"
        else:
            self._end()

    def _end(self) -> None:
        self._outro.value = markup.outro(self._total, len(self._judged), self._left_out)
        self._go_on.layout.display = "" if self._left() else "none"
        self._undo_row.layout.display = "" if self._judged else "none"
        if not self._total:
            return
        try:
            self._show_result(self._reveal())
        except PrunaError as error:
            self._show_result(f"<p>{isolated(f'The votes are saved. {error}', 500)}</p>")
        # U works here too, and the focus scrolls the end of a long form into view.
        self._focus_keys()

    @property
    def _total(self) -> int:
        return len(self._ballots) - len(self._broken)

    def _say(self, text: str) -> bool:
        self._status.value = markup.status(text)
        self._focus_keys()  # else the button that was clicked hands keys to the notebook
        return False

    def _focus_keys(self) -> None:
        for keys in self._key_fields:
            keys.focus()

    # -- how it is built and shown ------------------------------------------------------

    def _build(self) -> None:
        self._head, self._prompt, self._stage = (
            parts.html(name) for name in ("head", "prompt", "stage")
        )
        self._status, self._lock, self._intro, self._outro = (
            parts.html(name) for name in ("status", "lock", "intro", "outro")
        )
        self._start = parts.button("start", "Start", self.start, style="primary")
        self._go_on = parts.button("go-on", "Go on voting", self.start)
        self._undo_last = parts.button("undo-last", "Undo the last vote", self.undo)
        self._undo = parts.button("undo", "Undo (U)", self.undo)

        self._views = parts.ViewButtons(self._show_clicked)
        self._sound = parts.button("sound", "Sound on", self._toggle_sound)
        finish = parts.button("finish", "Stop and show the result", self.finish)
        self._key_fields: list[Any] = []
        wide, _ = self._vote_bar("wide", side_by_side=True)
        narrow, self._locked_buttons = self._vote_bar("narrow", side_by_side=False)
        self._undo_row = parts.row(
            "undo-row", [self._undo_last, self._key_field(side_by_side=False)]
        )
        # The bars stand above the pictures: there they stay in one place, whatever the pictures'
        # shape, and the key field that has the focus does not scroll the pictures away.
        views = parts.row(
            "views", [*self._views.bar, self._sound, *self._large.parts, self._lock, self._status]
        )
        pictures = w.Box([self._stage, *self._views.over_pictures]).add_class("p-vote-pictures")
        self._aside = parts.row("aside", [self._undo, finish])
        self._parts = {
            "start": parts.column("intro-part", [self._intro, self._start]),
            "vote": parts.column("vote-part", [self._prompt, wide, narrow, views, pictures]),
            "end": parts.column("outro-part", [self._outro, self._go_on, self._undo_row]),
        }
        style = w.HTML(markup.STYLE + KEYS_HTML)
        style.layout.display = "none"
        self.box = w.VBox(
            [style, parts.row("top", [self._head, self._aside]), *self._parts.values()]
        )
        self.box.layout.width = "100%"
        self.box.add_class("p-vote")

    def _vote_bar(self, name: str, *, side_by_side: bool) -> tuple[Any, list[Any]]:
        def voting(verdict: Verdict) -> Callable[[], object]:
            return lambda: self.vote(verdict, side_by_side=side_by_side)

        buttons = [
            parts.button("left", "Left is better (F)", voting("left"), style="primary"),
            parts.button("tie", "Equally good (T)", voting("tie")),
            parts.button("bad", "Both bad (B)", voting("both_bad")),
            parts.button("right", "Right is better (J)", voting("right"), style="primary"),
        ]
        return parts.row(name, [*buttons, self._key_field(side_by_side=side_by_side)]), buttons

    def _show_clicked(self, view: View, *, over_picture: bool, side_by_side: bool) -> None:
        """Show what a button names; a second click on a picture goes back to both."""
        wanted: View = "both" if over_picture and self._view == view else view
        self.show(wanted, side_by_side=side_by_side)

    def _key_field(self, *, side_by_side: bool) -> Any:
        def on_key(key: str) -> None:
            if key in KEYS:
                self.vote(KEYS[key], side_by_side=side_by_side)
            elif key == "u":
                self.undo()
            elif key == " ":
                view: View = "right" if self._view == "left" else "left"
                self.show(view, side_by_side=side_by_side)
            elif key == "s":
                self.show("both")
            elif key == "k":
                self._large.keep()

        keys = parts.key_field(on_key)
        self._key_fields.append(keys)
        return keys

    def _show_result(self, result: str) -> None:
        self._result = result
        if self._shown is not None:
            self._shown.update(html_data(result, ""))

    def _ipython_display_(self) -> None:
        display(bundle(self.box, repr(self), markup.WITHOUT_WIDGETS))
        # Nothing of a widget is saved with the notebook: the result is an output of its own.
        self._shown = display(html_data(self._result, ""))

    def _repr_html_(self) -> str:
        judged = f"{len(self._judged):,} of {counted(self._total, 'pair')} judged."
        return f"{markup.WITHOUT_WIDGETS}<p>{judged}</p>{self._result}"

    def __repr__(self) -> str:
        return f"<VoteForm: {len(self._judged)} of {counted(self._total, 'pair')} judged>"
