"""The keys of a grid's axes: a value for each level, such as a prompt and, below it, a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Key = tuple[str, ...]
Repeated = tuple[Key | None, Key | None]
"""The names of the axes of rows and of columns that captions repeat; None: not repeated."""


class Head(NamedTuple):
    """A head and the rows or columns that it stands for.

    Attributes
    ----------
    value : str
    start : int
        Its first row or column, from 0.
    span : int
        How many there are.
    """

    value: str
    start: int
    span: int


def key_of(value: object) -> Key:
    """Return a place on an axis as a key; one level if it is a plain value.

    Examples
    --------
    >>> key_of("a fox"), key_of(["a fox", 7]), key_of(None)
    (('a fox',), ('a fox', '7'), ('',))
    """
    if isinstance(value, (tuple, list)):
        return tuple(str(part) for part in value) or ("",)
    return ("" if value is None else str(value),)


def order_of(values: Iterable[object] | None) -> tuple[str | Key, ...] | None:
    """Return an axis' values in the order wanted: texts, or keys of several levels."""
    if values is None:
        return None
    return tuple(key_of(v) if isinstance(v, (tuple, list)) else str(v) for v in values)


def padded(keys: Iterable[Key], depth: int) -> list[Key]:
    """Return keys of as many levels, empty where a key has fewer."""
    return [key + ("",) * (depth - len(key)) for key in keys]


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Return keys without repetitions, those of one group side by side.

    Each level is in the order in which its values come first, so that the sub-rows of all groups
    are in the same order.

    Examples
    --------
    >>> in_order([("fox", "2"), ("owl", "1"), ("fox", "1"), ("owl", "2")])
    [('fox', '2'), ('fox', '1'), ('owl', '2'), ('owl', '1')]
    """
    found = list(dict.fromkeys(keys))
    ranks: list[dict[str, int]] = []
    for level in zip(*found, strict=True):
        values = dict.fromkeys(level)
        ranks.append({value: i for i, value in enumerate(values)})
    return sorted(
        found, key=lambda key: [rank[value] for rank, value in zip(ranks, key, strict=True)]
    )


def spans(keys: Sequence[Key]) -> list[list[Head]]:
    """Return the heads of each level; neighbours of one group share theirs.

    Examples
    --------
    >>> for level in spans([("fox", "1"), ("fox", "2"), ("owl", "1")]):
    ...     print([(head.value, head.span) for head in level])
    [('fox', 2), ('owl', 1)]
    [('1', 1), ('2', 1), ('1', 1)]
    """
    levels = []
    for depth in range(len(keys[0]) if keys else 0):
        heads: list[Head] = []
        for i, key in enumerate(keys):
            if i and keys[i - 1][: depth + 1] == key[: depth + 1]:
                heads[-1] = heads[-1]._replace(span=heads[-1].span + 1)
            else:
                heads.append(Head(key[depth], i, 1))
        levels.append(heads)
    return levels


def begun(key: Key, before: Key) -> Key:
    """Return a row's heads, without those of the groups that the row before belongs to as well.

    Examples
    --------
    >>> begun(("fox", "2"), ("fox", "1")), begun(("owl", "1"), ("fox", "1"))
    (('', '2'), ('owl', '1'))
    """
    new = [key[: i + 1] != before[: i + 1] for i in range(len(key))]
    return tuple(value if begins else "" for value, begins in zip(key, new, strict=True))
