"""Every error of the package survives pickling, copying and another process, whole."""

from __future__ import annotations

import copy
import inspect
import io
import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import pytest

from pruna_nb import errors

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PrunaError)
]
MORE = {
    errors.ValidationError: {"invalid_fields": [{"field": "seed", "type": "int"}]},
    errors.RateLimitError: {"retry_after": 3.5},
}


def made(kind):
    """Make an error of a class, with all that it may hold."""
    if kind is errors.MissingExtraError:
        error = kind("Reading Parquet", "parquet")
    elif issubclass(kind, errors.ApiError):
        error = kind("it was no use", status=418, code="TEA", request_id="r1", charged="yes",
                     advice="Drink it.", prediction_id="p1", **MORE.get(kind, {}))  # fmt: skip
    elif kind is errors.InputError:
        error = kind("it is wrong", ["a", "b"])
    else:
        error = kind("it went wrong")
    error.frame = pd.DataFrame({"status": ["succeeded"]}, index=["x"])
    error.problems = ["a", "b"]
    error.add_note("1 of 1 rows are done")
    return error


def thrown(kind):
    """Raise an error in another process."""
    raise made(kind)


def held(error):
    """Give all that an error holds, in a form that can be compared."""
    more = {name: value for name, value in vars(error).items() if name != "frame"}
    return type(error), str(error), error.args, more, error.frame.to_dict()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying_whole(kind):
    error = made(kind)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert held(pickle.loads(pickle.dumps(error, protocol))) == held(error)  # noqa: S301
    assert held(copy.copy(error)) == held(error)
    assert held(copy.deepcopy(error)) == held(error)


ODD_CELLS = {
    "lambda": lambda: 1, "lock": threading.Lock(), "generator": (n for n in [1]), "module": io,
}  # fmt: skip


@pytest.mark.parametrize("name", [*ODD_CELLS, "function"])
def test_a_frame_that_cannot_be_pickled_is_left_out_of_the_pickle(name):
    cell = ODD_CELLS.get(name, open)
    error = errors.BudgetError("it would cost too much")
    error.problems = ["a"]
    error.frame = pd.DataFrame({"cell": [cell]}, dtype=object)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.problems) == (type(error), str(error), ["a"])
    if cell is open:  # which can be
        assert again.frame["cell"].tolist() == [open]
    else:
        assert again.frame is None
        assert again.__notes__ == ["Left out, since it cannot be pickled: frame."]
    assert error.frame is not None


def test_an_error_without_anything_more_survives_too():
    for kind in KINDS:
        if kind is not errors.MissingExtraError:
            error = pickle.loads(pickle.dumps(kind("no")))  # noqa: S301
            assert (type(error), str(error), error.frame) == (kind, str(kind("no")), None)


def test_an_error_comes_whole_out_of_another_process(monkeypatch):
    # A new process asks the main module for it; a shell that a test of magics makes has none.
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for kind in (errors.LostAnswerError, errors.MissingExtraError, errors.InputError):
            with pytest.raises(kind) as raised:
                pool.submit(thrown, kind).result()
            assert held(raised.value) == held(made(kind))


def test_every_error_has_a_frame_which_is_none_until_a_run_was_ended():
    assert all(kind.frame is None for kind in KINDS)


def test_an_error_that_the_disk_gave_keeps_its_number():
    error = errors.CacheError(28, "No space left on device", "cache.db")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.errno, again.strerror, str(again)) == (28, "No space left on device", str(error))
