"""The design of a comparison: which pictures are made, and which pairs are judged.

Both sides of a pair have the same seed, the same item and the same setting, so that only the
variant differs. All of it is pure, and the same in each run: sides and order come from hashes,
not from a generator whose state could change from one Python to the next.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import listed
from pruna_nb.comparison.items import item_text, read_items, read_seeds, read_settings, values_of
from pruna_nb.comparison.variants import secret_fields
from pruna_nb.errors import InputError
from pruna_nb.templates import is_empty

if TYPE_CHECKING:
    from collections.abc import Collection

    from pruna_nb.catalog import SweepHow
    from pruna_nb.comparison.items import Item
    from pruna_nb.comparison.variants import Variant
    from pruna_nb.templates import Template

NOT_COMPARED = "these variants cannot be compared; nothing was sent"


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of a comparison.

    Parameters
    ----------
    variant : str
        The variant's name.
    cell : tuple of int
        Numbers of item, setting and seed: rows of the same cell are compared with each other.
    request : mapping
        ``model`` and the input's fields.
    digest : str
        Differs from every other variant's request; secrets are left out of it.
    item : str
        The item as text; the same for all rows of the cell.
    shared : mapping
        The cell's seed, and its values of the fields that were given as lists.
    """

    variant: str
    cell: tuple[int, int, int]
    request: Mapping[str, Any] = field(hash=False)
    digest: str
    item: str = ""
    shared: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def prompt(self) -> str:
        """The prompt that was sent; empty if there was none."""
        return str(self.request.get("prompt", ""))

    @property
    def shared_text(self) -> str:
        """What all rows of the cell have in common, as text."""
        return " · ".join(f"{name} {value}" for name, value in self.shared.items())

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dict: variant, item, then the request."""
        return {"variant": self.variant, "item": self.cell[0], **self.request}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows to be judged against each other.

    Parameters
    ----------
    key : str
        The same for the same two requests, whatever the names, the sides and the order.
    left, right : int
        Positions in the list of rows.
    """

    key: str
    left: int
    right: int


def make_rows(
    variants: Sequence[Variant],
    *,
    seeds: int | Iterable[int] | None = 8,
    prompts: Iterable[object] | None = None,
    model: str = "p-image",
    fields: Mapping[str, Any] | None = None,
    sweep: SweepHow = "cross",
) -> list[Row]:
    """Make one row for each item, setting, seed and variant.

    Parameters
    ----------
    variants : sequence of Variant
        From `read_variants`.
    seeds : int, iterable of int or None
        How many seeds (1, 2, 3, ...), or the seeds themselves; None sends no seed.
    prompts : iterable of str or mapping, optional
        What every variant is applied to. A text is the prompt, or fills a template's only
        placeholder; a mapping fills the templates by name, and its other keys are sent as
        input fields. A ``prompt`` among the fields, one or a list, does the same.
    model : str
        For variants without a model of their own.
    fields : mapping, optional
        Input fields for all; a list, tuple or range makes one setting for each of its values,
        and several such fields make their product.
    sweep : {"cross", "zip"}
        "zip" takes such lists in step instead.

    Returns
    -------
    list of Row
        Items outermost, variants innermost; equal rows of a variant are one row.

    Raises
    ------
    InputError
        With every problem found: a placeholder that nothing fills, a variant without a prompt
        where prompts are needed, a field that is a list and set by a variant too, two
        variants that ask for the same thing.

    Examples
    --------
    >>> from pruna_nb.comparison.variants import read_variants
    >>> rows = make_rows(read_variants(["a fox", "a fox, studio light"]), seeds=[7])
    >>> [row.request["prompt"] for row in rows]
    ['a fox', 'a fox, studio light']
    """
    fields, secrets = dict(fields or {}), secret_fields()
    items = read_items(prompts, fields)
    seed_values = read_seeds(seeds)
    settings, axes = read_settings(fields, sweep)
    # A key may hold what would end a placeholder's name elsewhere, such as a colon.
    keys = {key for item in items if not isinstance(item, str) for key in item}
    templates = {variant.name: variant.template(keys) for variant in variants}
    if problems := _problems(variants, templates, items, axes, seed_values):
        raise not_compared(problems)
    # What fills any template is not sent as a field of its own, but for the prompt.
    used = {name for template in templates.values() if template for name in template.names}
    used.discard("prompt")
    rows: dict[tuple[str, str], Row] = {}
    asked: dict[tuple[object, str], str] = {}
    cells = itertools.product(enumerate(items), enumerate(settings), enumerate(seed_values))
    for (i, item), (j, setting), (k, seed) in cells:
        common = {**setting, **({} if seed is None else {"seed": seed})}
        values = {"prompt": item} if isinstance(item, str) else item
        sent = {name: v for name, v in values.items() if name not in used and v is not None}
        for variant in variants:
            request = {"model": model, **common, **sent, **variant.settings}
            if template := templates[variant.name]:
                request["prompt"] = template.fill(values_of(template.names, item))
            content = fingerprint(request, secrets)
            other = asked.setdefault(((i, j, k), content), variant.name)
            if other != variant.name:
                msg = f"variants {other!r} and {variant.name!r} ask for the same thing"
                raise InputError(msg)
            # The variant's own settings are in the digest: the same request can be one
            # variant's for one item and the other's for another.
            digest = _hash(fingerprint(variant.settings, secrets), content)[:24]
            row = Row(
                variant=variant.name,
                cell=(i, j, k),
                request=request,
                digest=digest,
                item=item_text(item, secrets),
                shared={name: common[name] for name in ("seed", *axes) if name in common},
            )
            rows.setdefault((row.variant, row.digest), row)
    return list(rows.values())


def not_compared(problems: Sequence[str]) -> InputError:
    """Return the error that lists why variants cannot be compared."""
    msg = problems[0] if len(problems) == 1 else listed(f"{NOT_COMPARED}:", problems)
    return InputError(msg, problems)


def _problems(
    variants: Sequence[Variant],
    templates: Mapping[str, Template | None],
    items: Sequence[Item],
    axes: Collection[str],
    seeds: Sequence[int | None],
) -> list[str]:
    has_prompts = any(isinstance(item, str) or "prompt" in item for item in items)
    problems: list[str] = []
    for variant in variants:
        name = f"variant {variant.name!r}"
        twice = sorted(set(axes) & set(variant.settings))
        problems += [f"{axis} is a list for all, and {name} sets it too" for axis in twice]
        if "seed" in variant.settings and seeds != [None]:
            problems.append(f"{name} sets seed: use seeds=None to compare seeds with each other")
        template = templates[variant.name]
        needed = template.names if template else ()
        for number, item in enumerate(items):
            values = values_of(needed, item)
            where = f"item {number} of prompts" if item else "prompts=[...]"
            if missing := [key for key in needed if key not in values]:
                problems.append(
                    f"{name}: {where} must fill {_braces(missing)} (double braces are literal)"
                )
            if empty := [key for key, value in values.items() if is_empty(value)]:
                problems.append(
                    f"{where} is empty where {_braces(empty)} is needed: fill it in, or leave the "
                    "item out"
                )
            elif template and not missing:
                try:
                    template.fill(values)
                except InputError as error:
                    problems.append(f"{name}: {where}: {error}")
        if has_prompts and "prompt" in variant.settings and not needed:
            problems.append(
                f"{name} has a prompt of its own that takes nothing from prompts=: write {{prompt}}"
                " where an item belongs"
            )
    return list(dict.fromkeys(problems))


def _braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def make_pairs(rows: Sequence[Row], *, salt: str = "") -> list[Pair]:
    """Pair all variants within each cell; sides and order at random, but the same each time.

    Each two variants take each side equally often (within one), and the order deals them in
    rounds, so that who stops half-way has seen them equally often too.
    Another salt, such as a rater's name, gives other sides and another order. The pairs are
    returned in the order in which they are to be judged.
    """
    cells: dict[tuple[int, int, int], list[int]] = {}
    for position, row in enumerate(rows):
        cells.setdefault(row.cell, []).append(position)
    pairs: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for members in cells.values():
        for one, two in itertools.combinations(members, 2):
            names = (rows[one].variant, rows[two].variant)
            key = pair_key(rows[one].digest, rows[two].digest)
            pairs.setdefault(names, {}).setdefault(key, (one, two))
    dealt: list[tuple[int, str, Pair]] = []
    for names, by_key in pairs.items():
        order = sorted(by_key, key=lambda key: _hash(salt, "order", key))
        by_side = sorted(by_key, key=lambda key: _hash(salt, "side", key))
        # Half of the pairs change sides. Of an odd number one is left over: a hash decides
        # whether it changes sides too, or the first variant would always be ahead on the left.
        swapped = set(by_side[: (len(by_side) + int(_hash(salt, *names)[0], 16) % 2) // 2])
        for turn, key in enumerate(order):
            one, two = by_key[key]
            pair = Pair(key, two, one) if key in swapped else Pair(key, one, two)
            dealt.append((turn, _hash(salt, "round", key), pair))
    return [pair for _, _, pair in sorted(dealt, key=lambda entry: entry[:2])]


def pair_key(one: str, two: str) -> str:
    """Return the key of the pair of two digests, in whatever order."""
    return _hash("pair", *sorted((one, two)))[:24]


def votes_name(one: Variant, two: Variant, model: str) -> str:
    """Return a file name for the votes between two variants; 32 hex digits.

    Names, seeds, prompts, settings and other variants are not part of it: who adds to a
    comparison keeps the votes, since each vote holds the digests of its two requests.
    """
    secrets = secret_fields()
    contents = [fingerprint({"model": model, **each.settings}, secrets) for each in (one, two)]
    return _hash("comparison", *sorted(contents))[:32]


def fingerprint(value: object, secrets: Collection[str] = ()) -> str:
    """Return the hash of a request's content, files in memory included; 64 hex digits."""
    return _hash(json.dumps(_plain(value, secrets), sort_keys=True, ensure_ascii=False))


def _plain(value: object, secrets: Collection[str]) -> object:
    """Return a value that JSON takes, the same for the same content in any process."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v, secrets) for k, v in value.items() if k not in secrets}
    if isinstance(value, (list, tuple)):
        return [_plain(each, secrets) for each in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    # PIL images and NumPy arrays. Their bytes do not tell 4 x 4 pixels from 8 x 2.
    if callable(to_bytes := getattr(value, "tobytes", None)):
        shape = getattr(value, "size", None), getattr(value, "shape", None)
        content = hashlib.sha256(to_bytes()).hexdigest()
        return {type(value).__name__: content, "shape": str(shape)}
    msg = f"a comparison cannot use {type(value).__name__} as an input: give a path or bytes"
    raise InputError(msg)


def _hash(*parts: str) -> str:
    # Prompts may hold lone surrogates, which strict UTF-8 does not encode.
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
