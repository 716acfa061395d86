"""Frames of other libraries: their rows for pandas, and results as the library's own frame."""

from __future__ import annotations

import contextlib
import json
import operator
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError, MissingExtraError
from pruna_nb.tables.cells import plain_cells

if TYPE_CHECKING:
    import narwhals as nw

_ATTRS = "_pruna_attrs"
_METADATA = b"pruna_nb"


class Rows:
    """A frame of another library, and its rows for the pandas accessor.

    Parameters
    ----------
    data : frame
        A polars DataFrame, a pyarrow Table, a DuckDB relation, or another one that narwhals reads.

    Attributes
    ----------
    frame : pandas.DataFrame
        The same values, each as Python has it: a whole number beside a gap stays whole.

    Raises
    ------
    InputError
        If it is no such frame, or two of its columns have one name.
    MissingExtraError
        If narwhals is not installed.
    """

    def __init__(self, data: Any) -> None:
        try:
            import narwhals as nw
        except ImportError:
            raise MissingExtraError("frames other than pandas'", "frames") from None

        is_relation = type(data).__module__.partition(".")[0] in {"duckdb", "_duckdb"}
        self._relation = data if is_relation else None
        try:
            found = nw.from_native(data)
            self._own: nw.DataFrame[Any] = (
                found.collect(None if found.implementation.is_polars() else "pyarrow")
                if isinstance(found, nw.LazyFrame)
                else found
            )
        except nw.exceptions.DuplicateError as error:
            msg = f"Two columns have one name; rename one of them. {' '.join(str(error).split())}"
            raise InputError(msg) from None
        except TypeError:
            kind = type(data).__name__
            hint = f" to_pandas() of a {kind} returns one." if hasattr(data, "to_pandas") else ""
            raise InputError(
                f"A {kind} is not a frame that can be read: give a pandas or polars DataFrame, "
                f"a pyarrow Table or a DuckDB relation.{hint}"
            ) from None
        columns = self._own.to_dict(as_series=False)
        self.frame = pd.DataFrame(
            {name: pd.Series(values, dtype=object) for name, values in columns.items()},
            columns=pd.Index(self._own.columns, dtype=object),
            index=pd.RangeIndex(len(self._own)),
        )
        self.frame.attrs.update(_attrs_of(self._own.to_native()))

    def back(self, made: pd.DataFrame) -> Any:
        """Return a frame that was made of these rows as the library's own.

        Columns that are as they were keep their type; levels of the index that were added, such as
        "sample", are columns before them.
        """
        import narwhals as nw

        places = made.index.get_level_values(0).tolist()
        rows = self._own[places]
        levels = made.index.names[1:]
        added = {
            name: made.index.get_level_values(number).to_series()
            for number, name in enumerate(levels, start=1)
            if name not in made.columns
        }
        series = []
        for label, cells in [*added.items(), *made.items()]:
            name = str(label)
            if name in rows.columns and _are_same(self.frame[name].iloc[places], cells):
                series.append(rows[name])
            else:
                values = plain_cells(cells)
                dtype = _dtype(values, cells.dtype.kind)
                backend = self._own.implementation
                series.append(nw.new_series(name, values, dtype, backend=backend))
        result = series[0].to_frame().with_columns(*series[1:]).to_native()
        return self._finished(result, made.attrs)

    def _finished(self, result: Any, attrs: Any) -> Any:
        """Return a result with the record of its request, where its library has a place for it."""
        if hasattr(result, "replace_schema_metadata"):
            kept = {**(result.schema.metadata or {}), _METADATA: json.dumps(dict(attrs)).encode()}
            result = result.replace_schema_metadata(kept)
            if self._relation is not None:
                return _relation_beside(self._relation, result)
        elif attrs:
            vars(result)[_ATTRS] = dict(attrs)
        return result


def _are_same(before: pd.Series[Any], after: pd.Series[Any]) -> bool:
    """Whether a column's cells are what they were.

    Nearly always they are the same objects, which is seen ten times as fast. Else plain values are
    compared: NaN is not equal to itself, and must stay what it is.
    """
    return all(map(operator.is_, before, after)) or plain_cells(before) == plain_cells(after)


def _relation_beside(relation: Any, pruna_nb_rows: Any) -> Any:
    """Return an Arrow table as a relation of the same connection, so that SQL can join the two."""
    import duckdb

    # Before 2 there is no `materialize`, and `query` leaves a view in the user's database.
    if hasattr(relation, "materialize"):
        # The connection may be closed by now, or a table that it reads be gone.
        with contextlib.suppress(duckdb.Error):
            return relation.query("pruna_nb_given", "from pruna_nb_rows").materialize()
    return duckdb.from_arrow(pruna_nb_rows)


def _attrs_of(native: Any) -> dict[str, Any]:
    """Return the record of a result's request; nothing where the frame was changed since.

    Without it, `retry()` finds the requests by their ids.
    """
    if hasattr(native, "replace_schema_metadata"):
        text = (native.schema.metadata or {}).get(_METADATA)
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}
    return dict(getattr(native, _ATTRS, {}))


def _dtype(values: list[Any], kind_of_array: str) -> Any:
    """Return the type of a result's column; None lets the library find it.

    Without a value, pandas' type tells it: of no rows, costs are numbers too.
    """
    import narwhals as nw

    if all(value is None for value in values):
        plain = {"b": nw.Boolean, "f": nw.Float64, "i": nw.Int64}
        return plain.get(kind_of_array, nw.String)
    kinds = {type(value) for value in values if value is not None}
    for kind, dtype in ((bool, nw.Boolean), (int, nw.Int64), (float, nw.Float64), (str, nw.String)):
        if kinds == {kind}:
            return dtype
    if kinds == {int, float}:
        return nw.Float64
    return None
