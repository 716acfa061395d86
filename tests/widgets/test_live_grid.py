"""A frame's grid in a notebook: seen large, selected and kept; a plain grid everywhere else."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.show import Grid
from pruna_nb.show.markup import facts_of

PROMPTS = ["a <b>fox</b>", "an owl", "a hare"]


@pytest.fixture
def out(service):
    frame = pd.DataFrame({"prompt": PROMPTS, "seed": [1, 2, 3]}, index=["x", "y", "z"])
    return frame.pruna.generate("prompt", seed_col="seed", progress=False)


@pytest.fixture
def screen(monkeypatch):
    """Note what is displayed, in place of a notebook."""
    boxes, shown = [], []
    module = "pruna_nb.widgets"
    monkeypatch.setattr(f"{module}.live_grid.notebook_shell", object)
    monkeypatch.setattr(
        f"{module}.saved_copy.bundle", lambda box, *_: boxes.append(box) or {"text/html": ""}
    )
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    return boxes, shown


def text_of(widget):
    inside = [text_of(child) for child in getattr(widget, "children", ())]
    own = [str(getattr(widget, name, "")) for name in ("description", "value")]
    return " ".join([*own, *inside])


def button(box, name):
    if f"pruna-large-{name}" in box._dom_classes:
        return box
    found = [button(child, name) for child in getattr(box, "children", ())]
    return next(filter(None, found), None)


def test_a_click_shows_a_picture_large_to_be_selected_and_kept(out, screen):
    boxes, shown = screen
    grid = out.pruna.grid(live=True)
    grid._ipython_display_()
    _, large, told, _, place = boxes[0].children
    assert large.layout.display == "none"
    place.value = "1 17.5"  # what a click on the second picture writes there
    words = text_of(large)
    assert all(text in words for text in ("an owl", "p-image", "seed", "0.005 USD", "2 of 3"))
    button(large, "forward").click()
    button(large, "forward").click()
    assert "a &lt;b&gt;fox&lt;/b&gt;" in text_of(large)
    assert "<b>fox" not in text_of(large)
    button(large, "select").click()
    button(large, "keep").click()
    assert (button(large, "select").description, button(large, "keep").description) == (
        "Selected",
        "Kept",
    )
    assert "1 selected: grid.selected" in told.value
    pd.testing.assert_frame_equal(grid.selected, out.loc[["x"]])
    assert pruna_nb.history(kept=True)["prompt"].tolist() == [PROMPTS[0]]
    button(large, "keep").click()
    assert pruna_nb.history(kept=True).empty
    # what the notebook keeps is the grid itself, hidden as long as the widget is there
    assert grid.html() in shown[-1]["text/html"]
    assert "display:none" in boxes[0].children[0].value


def test_rows_that_stand_elsewhere_in_the_grid_are_the_ones_that_are_selected(out, screen):
    boxes, _ = screen
    mixed = out.assign(kind=["b", "a", "b"])
    grid = mixed.pruna.grid(live=True, rows="kind")
    grid._ipython_display_()
    _, large, _, _, place = boxes[0].children
    place.value = "1 1"  # the second one of the first row, which is the frame's third
    button(large, "select").click()
    assert grid.selected.index.tolist() == ["z"]


def test_outside_of_a_notebook_it_is_the_grid_that_it_always_was(out):
    grid = out.pruna.grid(live=True)
    assert issubclass(type(grid), Grid)
    assert repr(grid) == "<Grid: 3 pictures>"
    assert grid.html() == out.pruna.grid().html()
    assert grid.selected.empty
    assert facts_of(grid.cells[0]) == ["p-image", "seed 1"]


def test_the_number_of_a_picture_comes_after_all_that_holds_of_it(out, screen):
    boxes, _ = screen
    out.pruna.grid(live=True)._ipython_display_()
    _, large, _, _, place = boxes[0].children
    place.value = "0 1"
    button(large, "select").click()
    seen = []
    large.children[0].children[2].observe(
        lambda change: seen.append((change["new"], button(large, "select").description)), "value"
    )
    button(large, "forward").click()
    button(large, "back").click()
    button(large, "close").click()
    # and none is left from before when the next one is opened
    assert seen == [("2 of 3", "Select"), ("1 of 3", "Selected"), ("", "Selected")]
