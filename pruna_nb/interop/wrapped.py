"""The verbs of ``df.pruna`` for a frame of another library."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.accessor import PrunaFrame, PrunaSeries
from pruna_nb.accessor.base import no_verb
from pruna_nb.accessor.planning import ChainPlan
from pruna_nb.errors import PrunaError, attached_frame
from pruna_nb.frames.background import BackgroundRun
from pruna_nb.interop.convert import Rows

if TYPE_CHECKING:
    from collections.abc import Callable


class WrappedFrame:
    """What `PrunaFrame` does, for a frame of another library; frames come back as its own kind."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        raise no_verb("frame.pruna", self, name)

    def _rows(self) -> tuple[Rows, Any]:
        """Return the rows, and what the pandas accessor is made of."""
        rows = Rows(self._data)
        return rows, rows.frame

    def _call(self, verb: str, arguments: Any, keywords: Any) -> Any:
        rows, subject = self._rows()
        try:
            result = getattr(_ACCESSORS[type(self)](subject), verb)(*arguments, **keywords)
        except (PrunaError, KeyboardInterrupt) as error:
            part = attached_frame(error)
            if part is not None:
                vars(error)["frame"] = rows.back(part)
            raise
        return _handed_back(result, rows)

    def __repr__(self) -> str:
        _, subject = self._rows()
        return repr(_ACCESSORS[type(self)](subject))

    def _repr_html_(self) -> str:
        _, subject = self._rows()
        html: str = _ACCESSORS[type(self)](subject)._repr_html_()
        return html


class WrappedSeries(WrappedFrame):
    """What `PrunaSeries` does, for a Series of another library."""

    def _rows(self) -> tuple[Rows, Any]:
        name = self._data.name or "prompt"
        rows = Rows(self._data.alias(name).to_frame())
        return rows, rows.frame[name]


class _Through:
    """A run or a plan whose frames are of another library."""

    def __init__(self, inner: Any, rows: Rows) -> None:
        self._inner, self._rows = inner, rows

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not inspect.ismethod(value):
            return _handed_back(value, self._rows)

        @wraps(value)
        def method(*arguments: Any, **keywords: Any) -> Any:
            return _handed_back(value(*arguments, **keywords), self._rows)

        return method

    def __await__(self) -> Any:
        return _awaited(self._inner, self._rows).__await__()

    def __repr__(self) -> str:
        return repr(self._inner)


async def _awaited(result: Any, rows: Rows) -> Any:
    return _handed_back(await result, rows)


def _handed_back(result: Any, rows: Rows) -> Any:
    """Return a verb's result with its frames as the library's own, now or when they are there."""
    if isinstance(result, pd.DataFrame):
        return rows.back(result)
    if inspect.iscoroutine(result):
        return _awaited(result, rows)
    return _Through(result, rows) if isinstance(result, (BackgroundRun, ChainPlan)) else result


def _verb(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def verb(self: WrappedFrame, *arguments: Any, **keywords: Any) -> Any:
        return self._call(name, arguments, keywords)

    return verb


_ACCESSORS: dict[type[WrappedFrame], type[Any]] = {
    WrappedFrame: PrunaFrame,
    WrappedSeries: PrunaSeries,
}
for _wrapped, _accessor in _ACCESSORS.items():
    for _name in dir(_accessor):
        if not _name.startswith("_"):
            setattr(_wrapped, _name, _verb(_name, getattr(_accessor, _name)))


def wrap(data: Any) -> Any:
    """Return the verbs of ``df.pruna`` for any frame.

    Parameters
    ----------
    data : frame
        A pandas or polars DataFrame or Series, a pyarrow Table, or a DuckDB relation. polars' have
        them as ``frame.pruna`` too.

    Returns
    -------
    WrappedFrame
        With every verb; frames come back as the kind that was given, their columns' types kept.

    Raises
    ------
    InputError
        When a verb is called, if it is no such frame.
    MissingExtraError
        When a verb is called, if narwhals is not installed (the extra ``frames``).

    Examples
    --------
    >>> import pyarrow as pa
    >>> import pruna_nb
    >>> table = pa.table({"prompt": ["a heron", "a stork"]})
    >>> out = pruna_nb.wrap(table).generate("prompt", progress=False)
    >>> out["status"].to_pylist()
    ['succeeded', 'succeeded']
    """
    if isinstance(data, pd.DataFrame):
        return PrunaFrame(data)
    if isinstance(data, pd.Series):
        return PrunaSeries(data)
    is_series = hasattr(data, "alias") and hasattr(data, "to_frame")
    return WrappedSeries(data) if is_series else WrappedFrame(data)
