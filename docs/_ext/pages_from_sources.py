"""Pages that are written from the project's own sources, so that they cannot fall behind.

- ``reference/models.md`` from the catalogue: every model with every field.
- ``reference/emulator-help.txt`` from the emulator's own help.
- ``tutorial/notebooks/`` from the notebooks, with the outputs that they were saved with.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import all_models, limit_for
from pruna_nb.emulator.__main__ import main as serve

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click
    from sphinx.application import Sphinx

    from pruna_nb.catalog import Field, Model

HEAD = """# Models

Every model of the catalogue, as this version knows it. A model that is newer than the catalogue
can be used too: it is sent unchecked, with one warning, and `pruna_nb.register_model` adds it.

A field that says *one of* or gives a range is checked before anything is sent. In a frame, every
field can be a constant (`seed=42`) or come from a column (`seed_col="seed"`).
"""


def cell(text: object) -> str:
    """Write a value so that a table's cell holds it."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def code(value: object) -> str:
    """Write a value as code, in the words of JSON."""
    if value == "":
        return '`""`'
    return f"`{cell(str(value).lower() if isinstance(value, bool) else value)}`"


def span(low: float | None, high: float | None, unit: str = "") -> str:
    """Write a range in words; nothing where there is none."""
    if low is None and high is None:
        return ""
    if low is None:
        words = f"at most {high:g}"
    elif high is None:
        words = f"at least {low:g}"
    else:
        words = f"{low:g} to {high:g}"
    return f"{words} {unit}".rstrip()


def allowed(field: Field) -> str:
    """Say which values a field takes."""
    parts = []
    if field.choices:
        parts.append("one of " + ", ".join(code(choice) for choice in field.choices))
    parts.append(span(field.minimum, field.maximum, field.unit))
    if field.multiple_of:
        parts.append(f"in steps of {field.multiple_of}")
    parts.append(span(field.min_items, field.max_items, "items"))
    if field.only_when:
        when = ", ".join(f"`{name}` is {code(value)}" for name, value in field.only_when.items())
        parts.append(f"only when {when}")
    return "; ".join(part for part in parts if part)


def kind(field: Field) -> str:
    """Say what sort of value a field takes."""
    one = f"{' or '.join(field.media)} file" if field.media else field.item_type or field.type
    return f"list of {one}s" if field.type == "array" else one


def field_row(field: Field) -> str:
    """Write a field as a row of its model's table."""
    takes = [kind(field), allowed(field)]
    if field.has_default and field.default is not None:
        takes.append(f"default {code(field.default)}")
    name = f"`{field.name}`" + (" (required)" if field.required else "")
    return f"| {name} | {'; '.join(filter(None, takes))} | {cell(field.help)} |"


def price_words(model: Model) -> str:
    """Say what a model charges."""
    price = model.price
    if price is None:
        return "not published"
    parts = []
    if price.usd is not None:
        upper = f" to {price.usd_max:g}" if price.usd_max is not None else ""
        parts.append(f"{price.usd:g}{upper} USD an {price.unit}")
    if price.usd_per_extra_garment is not None:
        parts.append(f"{price.usd_per_extra_garment:g} USD for each garment after the first")
    for rates, draft in (
        (price.usd_by_resolution, ""),
        (price.draft_usd_by_resolution, " as a draft"),
    ):
        parts += [
            f"{usd:g} USD a {price.unit} at {name}{draft}" for name, usd in (rates or {}).items()
        ]
    return "; ".join(parts)


def model_section(model: Model) -> str:
    """Write a model's part of the page."""
    requests, seconds = limit_for(model)
    guess = "" if model.requests_per_minute else " (not published: the lowest of the image models)"
    lines = [
        f"### {model.name}",
        "",
        f"- Output: {model.output}",
        f"- Limit: {requests} requests in {seconds:g} seconds for one key{guess}",
        f"- Price: {price_words(model)}",
        f"- Waits in the request itself (`Try-Sync`): {'yes' if model.try_sync else 'no'}",
        "",
        *([model.note, ""] if model.note else []),
        "| field | takes | what it does |",
        "| --- | --- | --- |",
        *(field_row(field) for field in model.fields.values()),
        "",
    ]
    return "\n".join(lines)


def models_page(models: Iterable[Model]) -> str:
    """Write the whole page: a part for each task, in the catalogue's order."""
    by_task = defaultdict(list)
    for model in models:
        by_task[model.task].append(model_section(model))
    parts = [f"## {task.capitalize()}\n\n" + "\n".join(each) for task, each in by_task.items()]
    return HEAD + "\n" + "\n".join(parts)


def copy_notebooks(source: Path, target: Path) -> None:
    """Copy the notebooks, and what they show beside them, into the tutorial."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for notebook in sorted(source.glob("*.ipynb")):
        shutil.copy(notebook, target)


def emulator_help() -> str:
    """Return what ``pruna-nb emulator --help`` prints: its options are no click's."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        serve(["--help"], name="pruna-nb emulator")
    return printed.getvalue()


def drop_old_stubs(folder: Path) -> None:
    """Remove the pages of what is listed no longer: they would have no place."""
    listed = " ".join(page.read_text(encoding="utf-8") for page in folder.glob("*.md")).split()
    for stub in (folder / "api").glob("*.rst"):
        if not {stub.stem, stub.stem.partition(".")[2]} & set(listed):
            stub.unlink()


def write_pages(app: Sphinx) -> None:
    """Write them all, before Sphinx looks for its sources."""
    here = Path(app.srcdir)
    drop_old_stubs(here / "reference")
    made = {"models.md": models_page(all_models()), "emulator-help.txt": emulator_help()}
    for name, text in made.items():
        page = here / "reference" / name
        # What did not change is not read again.
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
    copy_notebooks(here.parent / "notebooks", here / "tutorial" / "notebooks")


def show_examples(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Show the examples at the end of a command's help as a block of code, to be copied."""
    head = "| Examples:"
    if head in lines:
        at = lines.index(head)
        examples = [line.removeprefix("|").strip() for line in lines[at + 1 :]]
        block = [f"   $ {line}" for line in examples if line]
        lines[at:] = ["Examples:", "", ".. code-block:: console", "", *block, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", lambda app, _config: write_pages(app))
    app.connect("sphinx-click-process-epilog", show_examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
