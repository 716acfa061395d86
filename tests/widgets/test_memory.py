"""What was typed stays when a cell is run again, unless the code says otherwise."""

from __future__ import annotations

import numpy as np

from pruna_nb.widgets.memory import Memory, this_place


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


def test_without_a_notebook_the_call_names_the_place():
    assert this_place(("explore", "p-image")) == ("call", ("explore", "p-image"))
