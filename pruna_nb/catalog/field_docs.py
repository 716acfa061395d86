"""The fields of models in a function's documentation, as the catalogue of this session has them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from pruna_nb.catalog.registry import all_models, lookup_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.catalog.model import Field

F = TypeVar("F", bound="Callable[..., Any]")


def with_fields(model: str, *, others: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds a model's fields to what IPython shows for ``function?``.

    IPython asks a function for ``getdoc()``, so the text is made when it is asked for: importing
    the package reads no catalogue for it, and models that are registered later are in it.

    Parameters
    ----------
    model : str
        The model that the function takes by default.
    others : bool
        Whether the names of the other models' fields are added too.
    """

    def decorate(function: F) -> F:
        def getdoc() -> str:
            own = inspect.cleandoc(function.__doc__ or "")
            return f"{own}\n\n{fields_text(model, others=others)}"

        vars(function)["getdoc"] = getdoc  # a Callable declares no attribute to set
        return function

    return decorate


def fields_text(model: str, *, others: bool = False) -> str:
    """Return a model's fields as a section of a docstring.

    Examples
    --------
    >>> for line in fields_text("p-image").splitlines()[:4]:
    ...     print(line)
    Fields of p-image
    -----------------
    prompt : string, required
        What to make, in words.
    """
    title = f"Fields of {model}"
    parts = [title, "-" * len(title), *map(_field_text, lookup_model(model).fields.values())]
    if others:
        title = "Fields of other models"
        parts += ["", title, "-" * len(title)]
        for each in all_models():
            if each.name != model:
                parts += [each.name, f"    {', '.join(each.fields) or 'not checked'}"]
    return "\n".join([*parts, "", "Details of a model: pruna_nb.get_model(name).fields."])


def _field_text(field: Field) -> str:
    parts = [f"list of {field.item_type or 'values'}" if field.type == "array" else field.type]
    if field.media:
        parts = [f"{' or '.join(field.media)} file" + ("s" if field.type == "array" else "")]
    if field.choices:
        parts.append(f"one of {', '.join(map(repr, field.choices))}")
    elif field.minimum is not None or field.maximum is not None:
        least, most = (
            f"{end:g}" if end is not None else "" for end in (field.minimum, field.maximum)
        )
        parts.append(
            f"{least} to {most}"
            if least and most
            else f"at least {least}"
            if least
            else f"at most {most}"
        )
    if field.required:
        parts.append("required")
    if field.has_default:
        parts.append(f"default {field.default!r}")
    text = f"{field.name} : {', '.join(parts)}"
    return f"{text}\n    {field.help}" if field.help else text
