"""A form's grid as the Python that makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pruna_nb.frames.call import Call
    from pruna_nb.widgets.ask import Ask

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
    secrets = [each for each in call.constants if each in fields and fields[each].secret]
    head = ["from getpass import getpass", ""] if secrets else []
    head += ["import pandas as pd", "import pruna_nb", ""] if not name else ["import pruna_nb", ""]
    arguments = []
    if "prompt" in call.columns:
        arguments.append(repr(call.columns["prompt"]))
    arguments.append(f"model={call.model!r}")
    if call.template is not None:
        arguments.append(f"prompt={call.template!r}")
    arguments += [
        f"{field}_col={label!r}" for field, label in call.columns.items() if field != "prompt"
    ]
    for field, value in call.constants.items():
        shown = f'getpass("{field}: ")' if field in secrets else repr(_plain(value))
        arguments.append(f"{field}={shown}")
    if call.unchecked:
        arguments.append("unchecked=True")
    table = _rows(ask, name) if name else _table(ask)
    lines = _wrapped("out = table.pruna.generate", arguments)
    return "\n".join([*head, f"table = {table}", *lines])


def _wrapped(start: str, arguments: list[str]) -> list[str]:
    line = f"{start}({', '.join(arguments)})"
    if len(line) <= _WIDE:
        return [line]
    return [f"{start}(", *(f"    {argument}," for argument in arguments), ")"]


def _table(ask: Ask) -> str:
    """Write the table of the ask's axes."""
    spots = ask.spots()
    names = list(spots[0].values)
    if names and set(names) == set(ask.axes):
        if len(names) == 1:
            return f"pd.DataFrame({{{names[0]!r}: {_list(ask.axes[names[0]])}}})"
        axes = ", ".join(_list(ask.axes[name]) for name in names)
        product = f"pd.MultiIndex.from_product([{axes}], names={names!r})"
        return f"{product}.to_frame(index=False)"
    if not names:
        return "pd.DataFrame(index=[0])"
    columns = (f"{name!r}: {[spot.values[name] for spot in spots]!r}" for name in names)
    return f"pd.DataFrame({{{', '.join(columns)}}})"


def _rows(ask: Ask, name: str) -> str:
    """Write the frame's rows, each as often as the axes ask for it."""
    spots = ask.spots()
    rows = f"{name}.iloc[{[spot.row for spot in spots]!r}]"
    names = list(spots[0].values)
    if not names:
        return rows
    columns = (f"{each}={[spot.values[each] for spot in spots]!r}" for each in names)
    return f"{rows}.assign({', '.join(columns)})"


def _list(values: Any) -> str:
    return repr(list(values))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
