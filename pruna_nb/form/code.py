"""A form's grid as the Python that makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.frames.columns import column, template_labels
from pruna_nb.tables.cells import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pruna_nb.form.sweep import Ask, Spot
    from pruna_nb.frames.call import Call

_WIDE = 88


def code_of(ask: Ask, call: Call, *, frame: pd.DataFrame | None, name: str) -> str:
    """Write the code.

    Parameters
    ----------
    ask : Ask
        What was asked for.
    call : Call
        How its table is made into pictures.
    frame : DataFrame or None
        Whose rows were taken, if there is one.
    name : str
        What the notebook calls it; empty if it has no name, and its cells must be written out.

    Returns
    -------
    str
        Python that runs as it is. A secret is asked for, and does not stand in it.
    """
    secrets = ask.model.secret_names & call.constants.keys()
    arguments = [literal(call.columns["prompt"])] if "prompt" in call.columns else []
    arguments.append(f"model={literal(call.model)}")
    if call.template is not None:
        arguments.append(f"prompt={literal(call.template)}")
    arguments += [
        f"{field}_col={literal(label)}"
        for field, label in call.columns.items()
        if field != "prompt"
    ]
    arguments += [
        f"{field}={_ask_for(field) if field in secrets else _laid_out(value, 4)}"
        for field, value in call.constants.items()
    ]
    if call.unchecked:
        arguments.append("unchecked=True")
    spots = ask.spots()
    if frame is None:
        table = _table(ask, spots)
    elif name:
        table = _rows(spots, call, name, [spot.row for spot in spots])
    else:
        table = _cells(spots, frame, call)
    verb = _call(f"out = {'df' if frame is None else 'rows'}.pruna.generate", arguments)
    imports = ["from getpass import getpass", ""] if secrets else []
    imports += ["import pandas as pd"] if "pd." in table else []
    return "\n".join([*imports, "import pruna_nb", "", table, verb])


def literal(value: Any) -> str:
    """Write a value as Python, in the quotes that formatters prefer.

    Examples
    --------
    >>> print(literal(["a fox", 'a "quoted" one', 2]))
    ["a fox", 'a "quoted" one', 2]
    """
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(literal(item) for item in value)}]"
    if not isinstance(value, (str, Path)):
        return repr(value)
    text = repr(str(value))
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text


def _laid_out(value: Any, indent: int) -> str:
    """Write a list one item a line where it is too long for one."""
    text = literal(value)
    if not isinstance(value, (list, tuple)) or indent + len(text) < _WIDE:
        return text
    left = 4 * (indent // 4)
    items = "".join(f"{' ' * (left + 4)}{_laid_out(item, left + 4)},\n" for item in value)
    return f"[\n{items}{' ' * left}]"


def _ask_for(secret: str) -> str:
    return f'getpass("{secret}: ")'


def _call(start: str, arguments: list[str]) -> str:
    """Write a call on one line, or one argument a line where that is too long."""
    line = f"{start}({', '.join(arguments)})"
    if len(line) <= _WIDE and "\n" not in line:
        return line
    inner = "".join(f"    {argument},\n" for argument in arguments)
    return f"{start}(\n{inner})"


def _table(ask: Ask, spots: Sequence[Spot]) -> str:
    """Write the table of the ask's axes."""
    names = list(spots[0].given)
    if not names:
        return "df = pd.DataFrame(index=[0])"
    if set(names) == set(ask.axes) and len(names) > 1:
        axes = _laid_out([list(ask.axes[name]) for name in names], 4)
        product = _call("pd.MultiIndex.from_product", [axes, f"names={literal(names)}"])
        return f"df = {product}.to_frame(index=False)"
    columns = [
        f"{literal(name)}: {literal([spot.given[name] for spot in spots])}" for name in names
    ]
    line = f"df = pd.DataFrame({{{', '.join(columns)}}})"
    if len(line) <= _WIDE:
        return line
    inner = "".join(
        f"        {literal(name)}: {_laid_out([spot.given[name] for spot in spots], 8)},\n"
        for name in names
    )
    return f"df = pd.DataFrame(\n    {{\n{inner}    }}\n)"


def _cells(spots: Sequence[Spot], frame: pd.DataFrame, call: Call) -> str:
    """Write a frame that has no name: the rows that were taken, the columns that are read."""
    places = list(dict.fromkeys(spot.row for spot in spots if spot.row is not None))
    read = [] if call.template is None else template_labels(call.template, frame)
    read += [label for field, label in call.columns.items() if field not in spots[0].given]
    used = frame.iloc[places]
    cells = {label: column(used, label, "the code") for label in dict.fromkeys(read)}
    index = [plain(label) for label in used.index]
    taken = [places.index(spot.row) for spot in spots if spot.row is not None]
    rows = _rows(spots, call, "df", taken)
    if not all(_is_written([label, values]) for label, values in [*cells.items(), ("", index)]):
        return f"# df: the frame's rows {places!r}, which cannot be written out as text\n{rows}"
    columns = ", ".join(f"{literal(label)}: {literal(values)}" for label, values in cells.items())
    parts = [f"{{{columns}}}"]
    if index != list(range(len(index))):
        parts.append(f"index={literal(index)}")
    return f"{_call('df = pd.DataFrame', parts)}\n{rows}"


def _is_written(value: Any) -> bool:
    """Whether `literal` writes a value so that Python reads it again."""
    if isinstance(value, list):
        return all(_is_written(item) for item in value)
    return value is None or isinstance(value, (str, Path, bool, int, float))


def _rows(spots: Sequence[Spot], call: Call, name: str, places: Sequence[int | None]) -> str:
    """Write the frame's rows, each as often as the axes ask for it."""
    rows = f"rows = {name}.iloc[{list(places)!r}]"
    names = list(spots[0].given)
    if not names:
        return rows
    columns = []
    for each in names:
        values = [spot.given[each] for spot in spots]
        same = all(value == values[0] for value in values)
        columns.append(f"{call.columns[each]}={literal(values[0] if same else values)}")
    return _call(f"{rows}.assign", columns)
