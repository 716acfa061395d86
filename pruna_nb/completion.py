"""Completion in IPython: models, fields and their choices, a frame's columns, options of magics.

IPython asks `complete` at each Tab, with the text of the cell up to the cursor. Nothing of the cell
is run: a name is looked up among the notebook's variables, and that is all.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.accessor import PrunaFrame, PrunaSeries
from pruna_nb.batch.options import CACHE_MODES, ON_LOST
from pruna_nb.catalog import SWEEP_HOWS, lookup_model, model_names
from pruna_nb.errors import UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pruna_nb.catalog import Field, Model

_IDENTIFIER = "pruna_nb"
_TOKEN = re.compile(r"#[^\n]*|\"\"\"|'''|[\"'()\[\]{},]")
_CLOSING = {
    quote: re.compile(rf"(?:\\.|[^\\{'' if len(quote) > 1 else newline}])*?{quote}", re.DOTALL)
    for newline in ("\\n",)
    for quote in ('"', "'", '"""', "'''")
}
_KEYWORD = re.compile(r"\s*(\w+)\s*=(?!=)\s*")
_NAMED = re.compile(r"\b(\w+)\s*=(?!=)")
_MODEL = re.compile(r"\bmodel\s*=\s*(?:([\"'])(.*?)\1|(\w+))")
_SUBJECT = re.compile(r"([A-Za-z_]\w*)(?:[.\[(].*)?$", re.DOTALL)
_COLUMNS_AT_MOST = 500
_CHOICES = {
    "cache": CACHE_MODES,
    "on_lost": ON_LOST,
    "layout": ("plain", "imagefolder"),
    "format": ("png", "jpg", "webp"),
    "sweep": SWEEP_HOWS,
}
# Arguments beside those that end with "_col" which name a column.
_NAMES_A_COLUMN = frozenset({"rows", "cols", "columns"})
_MAGIC = re.compile(r"\s*%%pruna\s")
_LINE_MAGIC = re.compile(r"\s*%pruna\s+(\w*)$")
_LOOKS = ("models", "cost", "rerun", "help")


@dataclass(frozen=True, slots=True)
class Offer:
    """What may stand in place of a fragment before the cursor.

    Parameters
    ----------
    fragment : str
        What is replaced.
    texts : list of str
    alone : bool
        Whether it makes no sense to offer anything else: a model's name is no file's.
    """

    fragment: str
    texts: list[str]
    alone: bool = True

    @classmethod
    def of(cls, fragment: str, texts: Iterable[str], *, alone: bool = True) -> Offer:
        """Return those of the texts that begin with the fragment, in any case."""
        begin = fragment.lower()
        near = [text for text in texts if text.lower().startswith(begin)]
        return cls(fragment, list(dict.fromkeys(near)), alone)


def offer(before: str, after: str, variables: Mapping[str, Any]) -> Offer | None:
    """Return what completes a cell at the cursor; None where that is not this package's business.

    Parameters
    ----------
    before, after : str
        The cell up to the cursor, and from there on.
    variables : mapping of str to object
        The notebook's.
    """
    if _MAGIC.match(before):
        return None if "\n" in before.lstrip() else _of_magic(before)
    if look := _LINE_MAGIC.match(before.rpartition("\n")[2]):
        return Offer.of(look[1], _LOOKS)
    call = _call_at_end(before, after, variables)
    return None if call is None else call.offer()


# ---------------------------------------------------------------------- calls


@dataclass(slots=True)
class _Bracket:
    """An open bracket, and where its present argument begins."""

    sign: str
    start: int
    argument: int
    commas: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that the cursor stands in."""

    function: Callable[..., Any]
    of_frame: bool
    columns: list[str]
    model: Model
    given: frozenset[str]
    argument: str | None  # whose value the cursor stands in; None: a keyword may begin here
    text: str  # what is written of it
    quote: str  # that of the string that the cursor stands in, or ""

    def offer(self) -> Offer | None:
        if self.argument is None:
            return None if self.quote else self._keywords()
        if self.argument == "prompt" and self.quote:
            # a template that begins a name in braces: a column's
            opened = re.search(r"(?<!\{)\{([^{}:]*)$", self.text)
            return Offer.of(opened[1], self.columns) if opened and self.columns else None
        values = self._values(self.argument)
        if self.quote:
            texts = [value for value in values if isinstance(value, str)]
            texts = [text for text in texts if not {self.quote, "\\", "\n"} & set(text)]
            return Offer.of(self.text, texts) if texts else None
        if not re.fullmatch(r"\w*", self.text):
            return None
        codes = [f'"{value}"' if isinstance(value, str) else repr(value) for value in values]
        return Offer.of(self.text, codes, alone=False) if codes else None

    def _keywords(self) -> Offer | None:
        if not re.fullmatch(r"\w*", self.text):
            return None
        names = list(self.model.fields)
        if self.of_frame:
            names += [f"{name}_col" for name in self.model.fields]
        takes = inspect.signature(self.function).parameters.values()
        if not any(each.kind is each.VAR_KEYWORD for each in takes):
            names = []
        names += [each.name for each in takes if each.kind is each.KEYWORD_ONLY]
        left = [f"{name}=" for name in names if name not in self.given]
        return Offer.of(self.text, left, alone=False)

    def _values(self, name: str) -> Iterable[Any]:
        """Return the values that an argument can have, as far as they can be counted."""
        if name == "model" or (name == "name" and self.function.__name__ == "get_model"):
            return model_names()
        field = self.model.fields.get(name)
        if name in {"rows", "cols"} and self.function.__name__ == "explore":
            return ("prompt", "model", *self.model.fields)
        if name in _NAMES_A_COLUMN or (name.endswith("_col") and field is None):
            return self.columns
        if name in _CHOICES and field is None:
            return _CHOICES[name]
        return _field_values(field)


def _field_values(field: Field | None) -> tuple[Any, ...]:
    if field is None:
        return ()
    return (True, False) if field.type == "boolean" else field.choices


def _call_at_end(before: str, after: str, variables: Mapping[str, Any]) -> _Call | None:
    brackets, opened = _open_at_end(before)
    if brackets and brackets[-1].sign == "[":  # images_col=["a", "
        brackets.pop()
    if not brackets or brackets[-1].sign != "(":
        return None
    bracket = brackets[-1]
    function, subject = _function(before[: bracket.start].rstrip(), variables)
    if function is None:
        return None
    quote, content = ("", len(before)) if opened is None else (opened[0], opened[1])
    head = before[bracket.argument : content - len(quote)]
    keyword = _KEYWORD.match(head)
    argument = keyword[1] if keyword else None
    if argument is None and quote:
        takes = inspect.signature(function).parameters.values()
        names = [each.name for each in takes if each.kind is each.POSITIONAL_OR_KEYWORD]
        names = names[1:] if names[:1] == ["self"] else names
        argument = names[bracket.commas] if bracket.commas < len(names) else None
    text = before[content:] if quote else head[keyword.end() if keyword else 0 :].lstrip()
    written = before[bracket.start : bracket.argument] + after.partition(")")[0]
    return _Call(
        function,
        subject is not None,
        [] if subject is None else _columns(subject, variables),
        _model(function, written, variables),
        frozenset(_NAMED.findall(written)),
        argument,
        text,
        quote,
    )


def _open_at_end(code: str) -> tuple[list[_Bracket], tuple[str, int] | None]:
    """Return the brackets that are open at the end of a code, and the string: quote and start."""
    brackets: list[_Bracket] = []
    position = 0
    while token := _TOKEN.search(code, position):
        sign, position = token[0], token.end()
        if sign in _CLOSING:
            closing = _CLOSING[sign].match(code, position)
            if closing is not None:
                position = closing.end()
                continue
            newline = code.find("\n", position) if len(sign) == 1 else -1
            if newline < 0:
                return brackets, (sign, position)
            position = newline  # a string that is not closed ends with its line
        elif sign in "([{":
            brackets.append(_Bracket(sign, token.start(), position))
        elif sign in ")]}" and brackets:
            brackets.pop()
        elif sign == "," and brackets:
            brackets[-1].argument = position
            brackets[-1].commas += 1
    return brackets, None


def _function(
    code: str, variables: Mapping[str, Any]
) -> tuple[Callable[..., Any] | None, str | None]:
    """Return the function that a code ends with, and what it is a verb of, if it is one."""
    if verb := re.search(r"\.pruna\.([a-z]\w*)$", code):
        subject = code[: verb.start()]
        series = getattr(sys.modules.get("pandas"), "Series", ())  # it may not be imported
        is_series = isinstance(variables.get(subject.strip()), series)
        return getattr(PrunaSeries if is_series else PrunaFrame, verb[1], None), subject
    named = re.search(r"(?<![\w.)\]])(?:(\w+)\.)?(\w+)$", code)
    if named is None:
        return None, None
    package = sys.modules["pruna_nb"]
    if named[1] is None:
        found = variables.get(named[2])
    elif variables.get(named[1]) is package and named[2] in dir(package):
        found = getattr(package, named[2])
    else:
        found = None
    is_own = inspect.isfunction(found) and found.__module__.startswith("pruna_nb.")
    return (found if is_own else None), None


def _model(function: Callable[..., Any], written: str, variables: Mapping[str, Any]) -> Model:
    """Return the model that a call names, or the one that it takes by default."""
    default = inspect.signature(function).parameters.get("model")
    name = default.default if default is not None else ""
    if given := _MODEL.search(written):
        name = given[2] if given[1] else variables.get(given[3], name)
    try:
        return lookup_model(name)
    except (UnknownModelError, TypeError):  # not written to its end yet
        return lookup_model("p-image") if default is not None else lookup_model("none")


def _columns(subject: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the columns of the frame that a verb is called on; with results, after a step."""
    line = subject.rpartition("\n")[2].rpartition("=")[2].strip(" (")
    root = _SUBJECT.match(line) or _SUBJECT.match(subject.strip().rpartition("=")[2].strip(" ("))
    frame: Any = variables.get(root[1]) if root is not None else None
    if not hasattr(type(frame), "columns"):
        return []
    names = [name for name in list(frame.columns)[:_COLUMNS_AT_MOST] if isinstance(name, str)]
    names += [name for name in frame.index.names if isinstance(name, str)]
    return [*names, "output"] if ".pruna." in subject else names


# --------------------------------------------------------------------- magics


def _of_magic(before: str) -> Offer | None:
    """Return what completes the options of ``%%pruna``."""
    from pruna_nb.magics import OPTIONS, SWITCHES

    words = before.split()[1:]
    fragment = "" if before[-1:].isspace() else words.pop()
    named = re.search(r"--model[ =]+([^\s,]+)", before)
    try:
        model = lookup_model(named[1] if named else "p-image")
    except UnknownModelError:
        model = lookup_model("p-image")
    option, equals, value = fragment.partition("=")
    if not equals:
        option, value = words[-1] if words else "", fragment
    name = option[2:].replace("-", "_")
    if option.startswith("--") and "=" not in option and not value.startswith("--"):
        choices = model_names() if name == "model" else _field_values(model.fields.get(name))
        if name in {"rows", "cols"}:
            choices = ("prompt", "model", *model.fields)
        value = value.rpartition(",")[2]  # several values make a grid
        if choices and name not in SWITCHES:
            return Offer.of(value, map(str, choices))
    if equals:
        return None
    names = [*model.fields, *sorted(OPTIONS)]
    dashed = [f"--{name.replace('_', '-')}" for name in names if name != "prompt"]
    return Offer.of(fragment, [each for each in dashed if each not in words])


# ------------------------------------------------------------------- IPython


def register(shell: Any) -> None:
    """Let a shell of IPython ask `complete`; once, however often it is called."""
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if matchers is None:  # a shell of another kind
        return
    matchers[:] = [
        each for each in matchers if getattr(each, "matcher_identifier", None) != _IDENTIFIER
    ]

    def complete(context: Any) -> dict[str, Any]:
        return _result(context, shell.user_ns)

    matcher: Any = complete
    matcher.matcher_api_version = 2
    matcher.matcher_identifier = _IDENTIFIER
    matchers.append(matcher)


def _result(context: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    from IPython.core.completer import SimpleCompletion

    lines = (context.full_text or "").split("\n")
    here = context.text_until_cursor
    before = "\n".join([*lines[: context.cursor_line], here])
    after = "\n".join([lines[context.cursor_line][len(here) :], *lines[context.cursor_line + 1 :]])
    found = None
    try:
        found = offer(before, after, variables)
    except Exception:  # noqa: BLE001 - half a line of code may be anything; it is not worth an error
        found = None
    if found is None or not found.texts:
        return {"completions": [], "suppress": False}
    kind = "param" if found.texts[0].endswith("=") else "value"
    return {
        "completions": [SimpleCompletion(text=text, type=kind) for text in found.texts],
        "matched_fragment": found.fragment,
        "suppress": found.alone,
        "ordered": True,
    }


def register_running() -> None:
    """Register with the shell that runs already, if there is one: ``import`` is enough there."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        register(shell)
