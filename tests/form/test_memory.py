"""What was typed stays when a cell is run again, unless the code says otherwise."""

from __future__ import annotations

import numpy as np

from pruna_nb.form.memory import Memory, this_place


def test_what_was_typed_is_there_again():
    place = object()
    Memory(place, {"prompt": "a"}).keep("prompt", "b")
    assert Memory(place, {"prompt": "a"}).typed == {"prompt": "b"}


def test_code_that_was_changed_wins_over_what_was_typed():
    place = object()
    before = Memory(place, {"prompt": "a", "seed": "1"})
    before.keep("prompt", "typed")
    before.keep("seed", "5")
    before.keep("steps", 9)
    assert Memory(place, {"prompt": "new", "seed": "1"}).typed == {"seed": "5", "steps": 9}


def test_places_do_not_share_what_was_typed():
    Memory("one", {}).keep("prompt", "a")
    assert Memory("two", {}).typed == {}


def test_values_that_cannot_be_compared_count_as_new():
    place = object()
    given = {"images": [np.zeros(3)]}
    Memory(place, given).keep("images", ["a.png"])
    assert Memory(place, {"images": [np.zeros(3)]}).typed == {}


def test_without_a_notebook_there_is_no_place_and_nothing_is_kept():
    assert this_place(("explore", "p-image")) is None
    Memory(None, {}).keep("prompt", "a")
    assert Memory(None, {}).typed == {}


def test_a_cell_that_runs_again_is_the_same_place(monkeypatch):
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.run(cell="abc", message="1")
    first, second = this_place("x"), this_place("x")
    shell.run(cell="abc", message="2")
    assert (this_place("x"), this_place("x")) == (first, second)
    assert first != second
    shell.run(cell="other", message="3")
    assert this_place("x") not in {first, second}


def test_where_no_cell_is_named_the_call_names_the_place(monkeypatch):
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    assert this_place(("explore", "p-image")) == ("call", ("explore", "p-image"))


class Shell:
    """A notebook's shell, as far as it tells which cell runs."""

    kernel = object()

    def __init__(self):
        self._parent = {}

    def run(self, cell, message):
        self._parent = {"metadata": {"cellId": cell}, "header": {"msg_id": message}}

    def get_parent(self):
        return self._parent
