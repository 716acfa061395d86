"""A form's grid as the Python that makes it again."""

from __future__ import annotations

from pathlib import Path
from pprint import pformat
from textwrap import indent
from typing import TYPE_CHECKING, Any

from pruna_nb.frames.columns import column, template_labels
from pruna_nb.tables.cells import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.frames.call import Call


def code_of(sweep: Sweep, call: Call, *, frame: pd.DataFrame | None, name: str) -> str:
    """Return the code.

    Parameters
    ----------
    sweep : Sweep
        What was made.
    call : Call
        How its table is made into pictures.
    frame : DataFrame or None
        Whose rows were taken, if there is one.
    name : str
        What the notebook calls it; empty if it has no name, and its cells must be written out.

    Returns
    -------
    str
        Python that runs as it is. It asks for a secret, and does not contain it.
    """
    secrets = sweep.secret_names & call.constants.keys()
    arguments = [literal(call.columns["prompt"])] if "prompt" in call.columns else []
    names = [model.name for model in sweep.models]
    arguments.append(f"model={literal(names if sweep.others else names[0])}")
    if call.template is not None:
        arguments.append(f"prompt={literal(call.template)}")
    for field, label in call.columns.items():
        if field != "prompt":
            arguments.append(f"{field}_col={literal(label)}")
    for field, value in call.constants.items():
        text = f'getpass("{field}: ")' if field in secrets else literal(value)
        arguments.append(f"{field}={text}")
    if call.model.unchecked:
        arguments.append("unchecked=True")
    # each model gets every row: generate crosses them
    points = [point for point in sweep.points() if point.model == sweep.model.name]
    rows = "rows"
    if frame is None:
        table, rows = _table(sweep, points), "df"
    elif name:
        table = _rows(points, call, name, [point.row for point in points])
    else:
        table = _cells(points, frame, call)
    imports = ["from getpass import getpass", ""] if secrets else []
    imports += ["import pandas as pd"] if "pd." in table else []
    verb = _call(f"out = {rows}.pruna.generate", arguments)
    return "\n".join([*imports, "import pruna_nb", "", table, verb])


def literal(value: Any) -> str:
    """Return a value as Python, a path as its text.

    Examples
    --------
    >>> print(literal(["a fox", Path("a.png"), 2]))
    ['a fox', 'a.png', 2]
    """
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, (list, tuple)):
        value = [str(item) if isinstance(item, Path) else item for item in value]
    return repr(value) if isinstance(value, str) else pformat(value, width=80, sort_dicts=False)


def _call(start: str, arguments: Sequence[str]) -> str:
    """Return a call with one argument a line."""
    lines = indent(",\n".join(arguments), "    ")
    return f"{start}(\n{lines},\n)"


def _table(sweep: Sweep, points: Sequence[Point]) -> str:
    """Return the code of the table of a sweep's axes."""
    names = list(points[0].fields)
    if not names:
        return "df = pd.DataFrame(index=[0])"
    if set(names) == set(sweep.axes) and len(names) > 1:
        axes = literal([list(sweep.axes[name]) for name in names])
        product = _call("df = pd.MultiIndex.from_product", [axes, f"names={literal(names)}"])
        return f"{product}.to_frame(index=False)"
    return _call(
        "df = pd.DataFrame",
        [literal({name: [point.fields[name] for point in points] for name in names})],
    )


def _cells(points: Sequence[Point], frame: pd.DataFrame, call: Call) -> str:
    """Return the code of a frame that has no name: the rows and columns that are used."""
    places = list(dict.fromkeys(point.row for point in points if point.row is not None))
    read = [] if call.template is None else template_labels(call.template, frame)
    read += [label for field, label in call.columns.items() if field not in points[0].fields]
    used = frame.iloc[places]
    cells = {label: column(used, label, "the code") for label in dict.fromkeys(read)}
    index = [plain(label) for label in used.index]
    rows = _rows(points, call, "df", [places.index(p.row) for p in points if p.row is not None])
    if not all(_is_written([label, values]) for label, values in [*cells.items(), ("", index)]):
        return f"# df: the frame's rows {places!r}, which cannot be written out as text\n{rows}"
    columns = [f"{literal(label)}: {literal(values)}" for label, values in cells.items()]
    arguments = ["{\n" + indent(",\n".join(columns), "    ") + "\n}"]
    if index != list(range(len(index))):
        arguments.append(f"index={literal(index)}")
    return f"{_call('df = pd.DataFrame', arguments)}\n{rows}"


def _is_written(value: Any) -> bool:
    """Whether `literal` writes a value so that Python reads it again."""
    if isinstance(value, list):
        return all(_is_written(item) for item in value)
    return value is None or isinstance(value, (str, Path, bool, int, float))


def _rows(points: Sequence[Point], call: Call, name: str, places: Sequence[int | None]) -> str:
    """Return the code of the frame's rows, each as often as the axes need it."""
    rows = f"rows = {name}.iloc[{list(places)!r}]"
    columns = []
    for axis in points[0].fields:
        values = [point.fields[axis] for point in points]
        same = all(value == values[0] for value in values)
        columns.append(f"{call.columns[axis]}={literal(values[0] if same else values)}")
    return _call(f"{rows}.assign", columns) if columns else rows
