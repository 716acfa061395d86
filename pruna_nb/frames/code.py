"""A form's grid as the Python that makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.frames.call import Call
    from pruna_nb.widgets.ask import Ask, Spot

_WIDE = 88


def code_of(ask: Ask, call: Call, *, name: str) -> str:
    """Write the code.

    Parameters
    ----------
    ask : Ask
        What was asked for.
    call : Call
        How its table is made into pictures.
    name : str
        What the frame is called whose rows were taken; empty if there is none.

    Returns
    -------
    str
        Python that runs as it is. A secret is asked for, and does not stand in it.
    """
    fields = ask.model.fields
    secrets = {each for each in call.constants if each in fields and fields[each].secret}
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
        f"{field}={_ask_for(field) if field in secrets else literal(value)}"
        for field, value in call.constants.items()
    ]
    if call.unchecked:
        arguments.append("unchecked=True")
    spots = ask.spots()
    imports = ["from getpass import getpass", ""] if secrets else []
    imports += ["import pruna_nb", ""] if name else ["import pandas as pd", "import pruna_nb", ""]
    table = _rows(spots, name) if name else _table(ask, spots)
    verb = _call(f"out = {'rows' if name else 'df'}.pruna.generate", arguments)
    return "\n".join([*imports, table, verb])


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


def _ask_for(secret: str) -> str:
    return f'getpass("{secret}: ")'


def _call(start: str, arguments: list[str]) -> str:
    """Write a call on one line, or one argument a line where that is too long."""
    line = f"{start}({', '.join(arguments)})"
    if len(line) <= _WIDE:
        return line
    inner = "".join(f"    {argument},\n" for argument in arguments)
    return f"{start}(\n{inner})"


def _table(ask: Ask, spots: Sequence[Spot]) -> str:
    """Write the table of the ask's axes."""
    names = list(spots[0].given)
    if not names:
        return "df = pd.DataFrame(index=[0])"
    if set(names) == set(ask.axes) and len(names) > 1:
        axes = ["[" + ", ".join(literal(list(ask.axes[name])) for name in names) + "]"]
        product = _call("pd.MultiIndex.from_product", [*axes, f"names={literal(names)}"])
        return f"df = {product}.to_frame(index=False)"
    columns = [
        f"{literal(name)}: {literal([spot.given[name] for spot in spots])}" for name in names
    ]
    line = f"df = pd.DataFrame({{{', '.join(columns)}}})"
    if len(line) <= _WIDE:
        return line
    inner = "".join(f"        {column},\n" for column in columns)
    return f"df = pd.DataFrame(\n    {{\n{inner}    }}\n)"


def _rows(spots: Sequence[Spot], name: str) -> str:
    """Write the frame's rows, each as often as the axes ask for it."""
    rows = f"rows = {name}.iloc[{[spot.row for spot in spots]!r}]"
    names = list(spots[0].given)
    if not names:
        return rows
    columns = []
    for each in names:
        values = [spot.given[each] for spot in spots]
        same = all(value == values[0] for value in values)
        columns.append(f"{each}={literal(values[0] if same else values)}")
    return _call(f"{rows}.assign", columns)
