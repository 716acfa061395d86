"""The widgets of a form below its fields: buttons, the strip of rounds, progress, what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.batch.plan import announcements
from pruna_nb.batch.progress import closing_line
from pruna_nb.errors import AuthenticationError, MissingKeyError, PrunaError
from pruna_nb.form.axes_input import AxesInput
from pruna_nb.form.board import SIZES
from pruna_nb.widgets.keys import presses
from pruna_nb.widgets.login import LoginBox
from pruna_nb.widgets.notes import ERROR, note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.axes import Axes
    from pruna_nb.form.rounds import Round
    from pruna_nb.form.runner import Runner

_STYLE = (
    "<style>.pruna-place .jupyter-button{padding:0 6px;margin:2px 4px 2px 0}"
    ".pruna-round{max-width:260px}.pruna-several,.pruna-more-models{padding:0!important}"
    # no room beside a slider: the help goes below it, where the control begins
    ".pruna-form{container-type:inline-size;container-name:pruna-form}"
    "@container pruna-form (max-width:540px){.pruna-line{flex-wrap:wrap!important}"
    ".pruna-help{flex:1 1 100%!important;margin-left:138px!important}"
    ".pruna-line>:first-child{flex-basis:100%!important}}</style>"
)
_NO_ROOM = 40  # rounds that the strip shows; a list holds more, and `form.history` all


class Screen:
    """The parts of a form that it draws on.

    Parameters
    ----------
    above : sequence of ipywidgets.Widget
        What stands above the buttons.
    below : sequence of ipywidgets.Widget
        What stands below what is said.
    show : callable
        Called with a round whose button in the strip was clicked.
    arrange : callable
        Called with the axes that were chosen for the pictures.

    Attributes
    ----------
    box : ipywidgets.VBox
        The whole form.
    go, stop, again, size, bar, status, login, code, axes
        Its parts.
    """

    def __init__(
        self,
        above: Sequence[Any],
        below: Sequence[Any],
        *,
        show: Callable[[Round], object],
        arrange: Callable[[Axes], object],
    ) -> None:
        wide = w.Layout(width="130px")
        self.go = w.Button(description="Generate", button_style="primary", icon="play", layout=wide)
        self.stop = w.Button(description="Cancel", icon="stop", disabled=True, layout=wide)
        self.again = w.Button(icon="refresh", layout=w.Layout(width="auto", display="none"))
        self.size = w.Dropdown(
            options=[(f"{name} pictures", side) for name, side in SIZES.items()],
            layout=w.Layout(width="150px", display="none"),
            tooltip="How large the pictures are shown here",
        )
        self.bar = w.IntProgress(
            layout=w.Layout(flex="1 1 120px", max_width="300px", display="none")
        )
        self.status, self.code, self.login = w.HTML(), w.HTML(), w.VBox()
        self.axes = AxesInput(arrange)
        self._show = show
        self._strip = w.HBox(
            layout=w.Layout(flex_flow="row wrap", align_items="center", display="none")
        )
        self._strip.add_class("pruna-rounds")
        self._buttons: dict[Round, Any] = {}
        buttons = w.HBox(
            [self.go, self.stop, self.size, self.again, self.bar],
            layout=w.Layout(flex_flow="row wrap", align_items="center", margin="4px 0 0"),
        )
        unseen = w.HTML(f"{_STYLE}{presses('pruna-form', {'Control+Enter': 'pruna-go'})}")
        unseen.layout = w.Layout(height="0", margin="0", overflow="hidden")
        parts = [
            *above,
            buttons,
            self.status,
            self.login,
            self._strip,
            self.axes.box,
            *below,
            self.code,
            unseen,
        ]
        self.box = w.VBox(
            parts, layout=w.Layout(width="100%", max_width="1200px", padding="4px 8px 8px 4px")
        )
        named = {"form": self.box, "go": self.go, "stop": self.stop, "again": self.again}
        for name, widget in {**named, "size": self.size, "status": self.status}.items():
            widget.add_class(f"pruna-{name}")

    def say(self, text: str, style: str = "") -> None:
        """Show a text below the buttons."""
        self.status.value = note(text, style)

    def set_ready(self, reason: str) -> None:
        """Turn Generate off where there is a reason why it cannot run, else on."""
        self.go.disabled = bool(reason)
        self.go.tooltip = reason or "Generate (Ctrl+Enter)"

    def draw_buttons(self, *, busy: bool, left: int) -> None:
        """Show the buttons that can be used now; `left` pictures were not made."""
        self.stop.disabled = not busy
        self.go.description = "Add to queue" if busy else "Generate"
        self.go.icon = "plus" if busy else "play"
        self.again.description = f"Retry all {left:,}"
        self.again.layout.display = "" if left > 1 else "none"
        if not busy:
            self.bar.layout.display = "none"

    def draw_progress(self, outcomes: Sequence[Outcome]) -> None:
        """Show how many points something has become of."""
        self.bar.max = len(outcomes)
        self.bar.value = sum(outcome.status != "pending" for outcome in outcomes)
        self.bar.layout.display = ""

    def tell_end(self, runner: Runner, error: BaseException | None) -> None:
        """Show how a run ended; ask for a key where none was accepted."""
        if error is None and runner.run is not None:
            summary = closing_line(runner.run)
            lines = announcements(runner.run.plan)
            lines.append(f"Canceled. {summary}" if runner.canceled else summary)
            self.say("\n".join(lines))
        else:
            kind = "" if isinstance(error, PrunaError) else f"{type(error).__name__}: "
            self.say(f"{kind}{error}", ERROR)
        if isinstance(error, (MissingKeyError, AuthenticationError)):

            def logged_in(message: str) -> None:
                self.login.children = ()
                self.say(f"{message} Click Generate.")

            self.login.children = [LoginBox(done=logged_in).box]

    def draw_strip(self, rounds: Sequence[Round], now: Round | None) -> None:
        """Show a button for each round; the one that is shown is marked."""
        rounds = rounds[-_NO_ROOM:]
        for each in [each for each in self._buttons if each not in rounds]:
            self._buttons.pop(each).close()
        for each in rounds:
            if each not in self._buttons:
                self._buttons[each] = self._round_button(each)
            button = self._buttons[each]
            button.description = each.label()
            button.button_style = "info" if each is now else ""
        self._strip.children = [self._buttons[each] for each in rounds]
        self._strip.layout.display = "" if len(rounds) > 1 else "none"

    def _round_button(self, each: Round) -> Any:
        prompts = list(dict.fromkeys(point.heading for point in each.points))
        models = ", ".join(model.name for model in each.sweep.models)
        hint = "\n".join([f"Show round {each.number}: {models}", *prompts[:6]])
        button = w.Button(tooltip=hint[:600], layout=w.Layout(width="auto"))
        button.add_class("pruna-round")
        button.on_click(lambda _: self._show(each))
        return button
