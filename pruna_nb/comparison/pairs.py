"""The design of a comparison: which pictures are made, and which pair is judged against which.

Both sides of a pair have the same seed, the same prompt's item and the same setting, so that
the variant alone differs. All of it is pure, and the same at each run: sides and order come
from hashes, not from a generator whose state could change from one Python to the next.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import listed
from pruna_nb.comparison.items import item_text, read_items, read_seeds, read_settings, values_of
from pruna_nb.errors import InputError
from pruna_nb.templates import is_empty

if TYPE_CHECKING:
    from collections.abc import Collection

    from pruna_nb.comparison.variants import Variant
    from pruna_nb.templates import Template


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of a comparison.

    Parameters
    ----------
    variant : str
        The variant's name.
    cell : tuple of int
        Which item, setting and seed: rows of the same cell are compared with each other.
    request : mapping
        ``model`` and the input's fields.
    digest : str
        Tells this variant's request from every other; secrets are left out of it.
    item : str
        What the item says, in words; the same for all rows of the cell.
    shared : mapping
        The seed and the values of fields that were given as lists: the cell's, in words.
    """

    variant: str
    cell: tuple[int, int, int]
    request: Mapping[str, Any] = field(hash=False)
    digest: str
    item: str = ""
    shared: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Any]:
        """Give a plain dict: variant, item, then the request."""
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
    is_list: Callable[[str], bool] = lambda _name: False,
    secrets: Collection[str] = (),
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
        For the variants that name none.
    fields : mapping, optional
        Input fields for all; a list, tuple or range makes one setting for each of its values,
        and several such fields make their product.
    is_list : callable
        Tells of a field's name whether its value is itself a list, such as ``images``; there a
        list of lists makes the settings.
    secrets : collection of str
        Fields that are left out of the digests.

    Returns
    -------
    list of Row
        Items outermost, variants innermost; what would be the same row twice is there once.

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
    fields = dict(fields or {})
    items = read_items(prompts, fields)
    seed_values = read_seeds(seeds)
    settings, axes = read_settings(fields, is_list)
    # A key may hold what would end a name elsewhere, such as a colon.
    keys = {key for item in items if not isinstance(item, str) for key in item}
    templates = {variant.name: variant.template(keys) for variant in variants}
    if problems := _problems(variants, templates, items, axes, seed_values):
        raise InputError(_told(problems), problems)
    used = {name for template in templates.values() if template for name in template.names}
    used.discard("prompt")
    rows: dict[tuple[str, str], Row] = {}
    cells = itertools.product(enumerate(items), enumerate(settings), enumerate(seed_values))
    for (i, item), (j, setting), (k, seed) in cells:
        for variant in variants:
            common = {**setting, **({} if seed is None else {"seed": seed})}
            request = {
                "model": model,
                **common,
                **_filled(variant, templates[variant.name], item, used),
            }
            row = Row(
                variant=variant.name,
                cell=(i, j, k),
                request=request,
                digest=_digest(variant, request, secrets),
                item=item_text(item, secrets),
                shared={name: common[name] for name in ("seed", *axes) if name in common},
            )
            rows.setdefault((row.variant, row.digest), row)
    made = list(rows.values())
    _refuse_equals(made, secrets)
    return made


def make_pairs(rows: Sequence[Row], *, salt: str = "") -> list[Pair]:
    """Pair all variants within each cell; sides and order at random, but the same each time.

    Each two variants take each side equally often (within one), and the order deals them in
    rounds, so that whoever stops half-way has seen them equally often too.

    Parameters
    ----------
    rows : sequence of Row
        From `make_rows`.
    salt : str
        Another salt, such as a rater's name, gives other sides and another order.

    Returns
    -------
    list of Pair
        In the order in which they are to be judged.
    """
    cells: dict[tuple[int, int, int], list[int]] = {}
    for position, row in enumerate(rows):
        cells.setdefault(row.cell, []).append(position)
    met: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for members in cells.values():
        for one, two in itertools.combinations(members, 2):
            names = (rows[one].variant, rows[two].variant)
            key = pair_key(rows[one].digest, rows[two].digest)
            met.setdefault(names, {}).setdefault(key, (one, two))
    dealt: list[tuple[int, str, Pair]] = []
    for names, by_key in met.items():
        order = sorted(by_key, key=lambda key: _hash(salt, "order", key))
        by_side = sorted(by_key, key=lambda key: _hash(salt, "side", key))
        # With an odd number one variant is on the left once more: which one is drawn too.
        swapped = set(by_side[: (len(by_side) + int(_hash(salt, *names)[0], 16) % 2) // 2])
        for turn, key in enumerate(order):
            one, two = by_key[key]
            pair = Pair(key, two, one) if key in swapped else Pair(key, one, two)
            dealt.append((turn, _hash(salt, "round", key), pair))
    return [pair for _, _, pair in sorted(dealt, key=lambda each: each[:2])]


def pair_key(one: str, two: str) -> str:
    """Name the pair of two digests, whichever comes first."""
    return _hash("pair", *sorted((one, two)))[:24]


def votes_name(one: Variant, two: Variant, model: str, secrets: Collection[str] = ()) -> str:
    """Name the votes between two variants by what these are; 32 hex digits.

    Names, seeds, prompts, settings and other variants don't count: who adds to a comparison
    keeps the votes, since each vote says for itself which two requests it is about.
    """
    recipes = [
        fingerprint({"model": model, **variant.settings}, secrets=secrets) for variant in (one, two)
    ]
    return _hash("comparison", *sorted(recipes))[:32]


def fingerprint(value: object, *, secrets: Collection[str] = ()) -> str:
    """Name a request's content, files in memory included; 64 hex digits."""
    return _hash(json.dumps(_plain(value, secrets), sort_keys=True, ensure_ascii=False))


def _plain(value: object, secrets: Collection[str]) -> object:
    """Make a value fit for JSON, the same for the same content in any process."""
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
    # PIL images and numpy arrays: their pixels, and what these are of.
    if callable(to_bytes := getattr(value, "tobytes", None)):
        shape = getattr(value, "size", None), getattr(value, "shape", None)
        content = hashlib.sha256(to_bytes()).hexdigest()
        return {type(value).__name__: content, "shape": str(shape)}
    msg = f"a comparison cannot use {type(value).__name__} as an input: give a path or bytes"
    raise InputError(msg)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _digest(variant: Variant, request: Mapping[str, Any], secrets: Collection[str]) -> str:
    # The variant's own recipe is in it: the same request can be one variant's for one item and
    # the other's for another.
    recipe = fingerprint(variant.settings, secrets=secrets)
    return _hash(recipe, fingerprint(request, secrets=secrets))[:24]


def _told(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return listed("these variants cannot be compared; nothing was sent:", problems)


def _problems(
    variants: Sequence[Variant],
    templates: Mapping[str, Template | None],
    items: Sequence[Mapping[str, Any] | str],
    axes: Collection[str],
    seeds: Sequence[int | None],
) -> list[str]:
    problems: list[str] = []
    for variant in variants:
        name = f"variant {variant.name!r}"
        twice = sorted(set(axes) & set(variant.settings))
        problems += [f"{each} is a list for all, and {name} sets it too" for each in twice]
        if "seed" in variant.settings and seeds != [None]:
            problems.append(f"{name} sets seed: give seeds=None to compare seeds with each other")
        template = templates[variant.name]
        needed = template.names if template else ()
        for number, item in enumerate(items):
            values = values_of(needed, item)
            where = "prompts=[...]" if not item else f"item {number} of prompts"
            if lacking := [each for each in needed if each not in values]:
                braces = _braces(lacking)
                problems.append(
                    f"{name}: {where} must fill {braces} (double braces are meant as such)"
                )
            if empty := [each for each, value in values.items() if is_empty(value)]:
                problems.append(
                    f"{where} is empty where {_braces(empty)} is needed: fill it in, or leave the "
                    "item out"
                )
            elif template and not lacking:
                try:
                    template.fill(values)
                except InputError as error:
                    problems.append(f"{name}: {where}: {error}")
        if items != [{}] and "prompt" in variant.settings and not needed and _has_prompt(items):
            problems.append(
                f"{name} has a prompt of its own that takes nothing from prompts=: write {{prompt}}"
                " where an item belongs"
            )
    return list(dict.fromkeys(problems))


def _braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _has_prompt(items: Sequence[Mapping[str, Any] | str]) -> bool:
    return any(isinstance(item, str) or "prompt" in item for item in items)


def _filled(
    variant: Variant,
    template: Template | None,
    item: Mapping[str, Any] | str,
    used: Collection[str],
) -> dict[str, Any]:
    """Give what an item and a variant say together; what fills a template is not sent itself."""
    own = {"prompt": item} if isinstance(item, str) else dict(item)
    sent = {k: v for k, v in own.items() if k not in used and v is not None}
    request = {**sent, **variant.settings}
    if template is not None:
        request["prompt"] = template.fill(values_of(template.names, item))
    return request


def _refuse_equals(rows: Sequence[Row], secrets: Collection[str]) -> None:
    seen: dict[tuple[object, str], str] = {}
    for row in rows:
        other = seen.setdefault((row.cell, fingerprint(row.request, secrets=secrets)), row.variant)
        if other != row.variant:
            msg = f"variants {other!r} and {row.variant!r} ask for the same thing"
            raise InputError(msg)
